// TypeScript SDK v2. The first argument is its era: legacy (the default of the
// SDK), auto (probes server/discover first) or modern (2026-07-28 or nothing).
// More arguments are a command to speak to over stdio instead of HTTP.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { clientInfo, requestInit, run, url } from './checks.mjs';
import { capabilities, host } from './features.mjs';

const modes = { legacy: 'legacy', auto: 'auto', modern: { pin: '2026-07-28' } };
const [era, command, ...args] = process.argv.slice(2);
const mode = modes[era];
if (mode === undefined) {
  console.error(`usage: ts-v2.mjs ${Object.keys(modes).join('|')} [command...]`);
  process.exit(2);
}

const client = new Client(clientInfo, { capabilities, versionNegotiation: { mode } });
const transport = command
  ? new StdioClientTransport({ command, args, env: process.env })
  : new StreamableHTTPClientTransport(url, { requestInit });

client.setRequestHandler('elicitation/create', (request) => host.elicit(request.params));
client.setRequestHandler('sampling/createMessage', () => host.sample());
client.setRequestHandler('roots/list', () => host.roots());
client.setNotificationHandler('notifications/message', (told) => host.onLog(told.params));
client.setNotificationHandler('notifications/resources/updated', (told) => host.onUpdated(told.params));
client.setNotificationHandler('notifications/tools/list_changed', () => host.onChanged());

const modern = () => client.getNegotiatedProtocolVersion() >= '2026-07-28';
let level; // of log messages, told with each modern call
let listening;

// listen replaces the stream of a modern client; a legacy one has its own.
async function listen(filter) {
  await listening?.close();
  listening = await client.listen({ toolsListChanged: true, ...filter });
}

function call(name, args, options) {
  const _meta = modern() && level ? { 'io.modelcontextprotocol/logLevel': level } : undefined;
  return client.callTool({ name, arguments: args, _meta }, options);
}

await run({
  notFound: -32602, // in every revision: the SDK knows no other
  async connect() {
    await client.connect(transport);
    return { version: client.getNegotiatedProtocolVersion(), server: client.getServerVersion() };
  },
  list: async () => (await client.listTools()).tools,
  call,
  follow: (name, args, onprogress, options) => call(name, args, { onprogress, ...options }),
  async setLevel(wanted) {
    level = wanted;
    if (!modern()) await client.setLoggingLevel(wanted);
  },
  resources: async () => (await client.listResources()).resources,
  templates: async () => (await client.listResourceTemplates()).resourceTemplates,
  read: async (uri) => (await client.readResource({ uri })).contents,
  prompts: async () => (await client.listPrompts()).prompts,
  prompt: (name, args) => client.getPrompt({ name, arguments: args }),
  complete: async (ref, argument) => (await client.complete({ ref, argument })).completion.values,
  listen: async () => modern() && listen({}),
  subscribe: (uri) => (modern() ? listen({ resourceSubscriptions: [uri] }) : client.subscribeResource({ uri })),
  unsubscribe: (uri) => (modern() ? listen({}) : client.unsubscribeResource({ uri })),
  reload: () => process.env.RELOAD && process.kill(transport.pid, 'SIGHUP'),
  async close() {
    await listening?.close();
    await client.close();
  },
});
