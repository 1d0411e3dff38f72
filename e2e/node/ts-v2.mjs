// TypeScript SDK v2. The argument is its era: legacy (the default of the SDK),
// auto (probes server/discover first) or modern (2026-07-28 or nothing).
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { clientInfo, requestInit, run, url } from './checks.mjs';

const modes = { legacy: 'legacy', auto: 'auto', modern: { pin: '2026-07-28' } };
const mode = modes[process.argv[2]];
if (mode === undefined) {
  console.error(`usage: ts-v2.mjs ${Object.keys(modes).join('|')}`);
  process.exit(2);
}

const client = new Client(clientInfo, { versionNegotiation: { mode } });
const transport = new StreamableHTTPClientTransport(url, { requestInit });

await run({
  async connect() {
    await client.connect(transport);
    return { version: client.getNegotiatedProtocolVersion(), server: client.getServerVersion() };
  },
  list: async () => (await client.listTools()).tools,
  call: (name, args, options) => client.callTool({ name, arguments: args }, options),
  close: () => client.close(),
});
