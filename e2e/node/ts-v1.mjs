// TypeScript SDK v1, which knows the legacy revisions only. Without an argument
// it speaks Streamable HTTP; else the arguments are a command to speak to over
// stdio.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema, LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema, ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { clientInfo, requestInit, run, url } from './checks.mjs';
import { capabilities, host } from './features.mjs';

const [command, ...args] = process.argv.slice(2);
const client = new Client(clientInfo, { capabilities });
const transport = command
  ? new StdioClientTransport({ command, args, env: process.env })
  : new StreamableHTTPClientTransport(url, { requestInit });

client.setRequestHandler(ElicitRequestSchema, (request) => host.elicit(request.params));
client.setRequestHandler(CreateMessageRequestSchema, () => host.sample());
client.setRequestHandler(ListRootsRequestSchema, () => host.roots());
client.setNotificationHandler(LoggingMessageNotificationSchema, (told) => host.onLog(told.params));
client.setNotificationHandler(ResourceUpdatedNotificationSchema, (told) => host.onUpdated(told.params));
client.setNotificationHandler(ToolListChangedNotificationSchema, () => host.onChanged());

// The stdio transport does not keep the revision.
let negotiated;
transport.setProtocolVersion = ((set) => (version) => {
  negotiated = version;
  set?.call(transport, version);
})(transport.setProtocolVersion);

await run({
  async connect() {
    await client.connect(transport);
    return { version: negotiated, server: client.getServerVersion() };
  },
  list: async () => (await client.listTools()).tools,
  call: (name, args, options) => client.callTool({ name, arguments: args }, undefined, options),
  follow: (name, args, onprogress, options) =>
    client.callTool({ name, arguments: args }, undefined, { onprogress, ...options }),
  setLevel: (level) => client.setLoggingLevel(level),
  resources: async () => (await client.listResources()).resources,
  templates: async () => (await client.listResourceTemplates()).resourceTemplates,
  read: async (uri) => (await client.readResource({ uri })).contents,
  prompts: async () => (await client.listPrompts()).prompts,
  prompt: (name, args) => client.getPrompt({ name, arguments: args }),
  complete: async (ref, argument) => (await client.complete({ ref, argument })).completion.values,
  listen: async () => {}, // on the session's own stream
  subscribe: (uri) => client.subscribeResource({ uri }),
  unsubscribe: (uri) => client.unsubscribeResource({ uri }),
  reload: () => process.env.RELOAD && process.kill(transport.pid, 'SIGHUP'),
  async close() {
    if (!command) await transport.terminateSession();
    await client.close();
  },
});
