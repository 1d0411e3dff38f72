// Lists the tools of gateways with TypeScript SDK v1 and says of each tool how
// many tokens it costs and what is wrong with its schemas. Arguments: the URLs
// of the endpoints. Prints a JSON array of tools for each, in a line.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { Tiktoken } from 'js-tiktoken/lite';
import o200k from 'js-tiktoken/ranks/o200k_base';
import { clientInfo } from './checks.mjs';

const encoding = new Tiktoken(o200k);
const tokens = (value) => encoding.encode(JSON.stringify(value), [], []).length;

const ajv = addFormats(new Ajv2020({ strict: false, logger: false, addUsedSchema: false }));

// problem says why a schema is no JSON Schema 2020-12, or one that nobody can
// use, as its references lead nowhere.
function problem(schema) {
  if (schema === undefined) return '';
  if (!ajv.validateSchema(schema)) return ajv.errorsText(ajv.errors);
  try {
    ajv.compile(schema);
    return '';
  } catch (e) {
    return e.message;
  } finally {
    ajv.removeSchema(schema);
  }
}

async function list(url) {
  const client = new Client(clientInfo, { capabilities: {} });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  const tools = [];
  let cursor;
  do {
    const page = await client.listTools(cursor ? { cursor } : undefined);
    tools.push(...page.tools);
    cursor = page.nextCursor;
  } while (cursor);
  await client.close();
  return tools;
}

for (const url of process.argv.slice(2)) {
  const tools = await list(url);
  console.log(JSON.stringify(tools.map(({ name, description, inputSchema, outputSchema }) => ({
    name,
    tokens: tokens({ name, description, inputSchema }),
    output: outputSchema ? tokens(outputSchema) : 0,
    problem: problem(inputSchema) || problem(outputSchema),
  }))));
}
