// TypeScript SDK v1, which knows the legacy revisions only.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { clientInfo, requestInit, run, url } from './checks.mjs';

const client = new Client(clientInfo);
const transport = new StreamableHTTPClientTransport(url, { requestInit });

await run({
  async connect() {
    await client.connect(transport);
    return { version: transport.protocolVersion, server: client.getServerVersion() };
  },
  list: async () => (await client.listTools()).tools,
  call: (name, args, options) => client.callTool({ name, arguments: args }, undefined, options),
  async close() {
    await transport.terminateSession();
    await client.close();
  },
});
