// The checks every JavaScript client goes through, independent of its SDK: those
// of tools, and those of features.mjs.
//
// A program builds an adapter for its SDK and hands it to run(). Each check
// prints one JSON line: {"check": name, "ok": true|false, "detail": text}.
//
// Environment:
//   MCP_URL         endpoint of the gateway
//   MCP_TOKEN       bearer token, empty for none
//   EXPECT_VERSION  protocol revision that has to be negotiated
//   BACKEND_URL     the test backend behind the gateway, for all checks
//   RELOAD          set if the client starts the gateway itself
//   CALL            instead: {"tool": name, "args": {...}}, the one call to make
//   UNLISTED        with CALL: don't list before
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { backend, describe, text } from './backend.mjs';
import { features } from './features.mjs';

export const url = process.env.MCP_URL && new URL(process.env.MCP_URL);
export const clientInfo = { name: 'sallyport-e2e', version: '1.0.0' };

export const requestInit = process.env.MCP_TOKEN
  ? { headers: { Authorization: `Bearer ${process.env.MCP_TOKEN}` } }
  : {};

const INVALID_PARAMS = -32602;

// run connects and goes through all checks. The adapter:
//   connect()                    -> {version, server}
//   list()                       -> [tool]
//   call(name, args, {signal})   -> CallToolResult
//   close()
export async function run(adapter) {
  let failed = false;
  const check = async (name, body) => {
    try {
      const detail = (await body()) ?? '';
      console.log(JSON.stringify({ check: name, ok: true, detail }));
    } catch (error) {
      failed = true;
      console.log(JSON.stringify({ check: name, ok: false, detail: describe(error) }));
    }
  };

  await check('connect', () => connects(adapter));
  if (!failed && process.env.CALL) {
    const { tool, args } = JSON.parse(process.env.CALL);
    if (!process.env.UNLISTED) await check('list', () => listsTool(adapter, tool));
    await check('call', () => callsTool(adapter, tool, args));
    await check('close', () => adapter.close());
  } else if (!failed) {
    await check('list', () => lists(adapter));
    await check('call', () => calls(adapter));
    await check('array result', () => callsForArray(adapter));
    await check('image', () => callsForImage(adapter));
    await check('empty result', () => callsWithoutBody(adapter));
    await check('parallel calls', () => callsInParallel(adapter));
    await check('wrong arguments', () => refusesArguments(adapter));
    await check('upstream error', () => relaysUpstreamError(adapter));
    await check('unknown tool', () => refusesTool(adapter, 'no_such_tool'));
    await check('forbidden tool', () => refusesTool(adapter, 'delete_customer'));
    await check('cancel', () => cancels(adapter));
    for (const [name, body] of Object.entries(features)) {
      await check(name, () => body(adapter));
    }
    await check('close', () => adapter.close());
  }
  process.exit(failed ? 1 : 0);
}

async function connects(adapter) {
  const { version, server } = await adapter.connect();
  assert.equal(version, process.env.EXPECT_VERSION, 'negotiated protocol revision');
  assert.ok(server?.name, 'the server has a name');
  return version;
}

async function listsTool(adapter, name) {
  const names = (await adapter.list()).map((tool) => tool.name);
  assert.ok(names.includes(name), `${name} is listed, have ${names}`);
}

async function callsTool(adapter, name, args) {
  const result = await adapter.follow(name, args, () => {});
  assert.ok(!result.isError, text(result));
  return text(result);
}

async function lists(adapter) {
  const tools = await adapter.list();
  const names = tools.map((tool) => tool.name);
  for (const name of ['get_customer', 'list_orders', 'get_picture', 'take_stock']) {
    assert.ok(names.includes(name), `${name} is listed, have ${names}`);
  }
  assert.ok(!names.includes('delete_customer'), 'a tool of another role is not listed');
  const tool = tools.find((each) => each.name === 'get_customer');
  assert.equal(tool.description, "Retrieve a customer's details by ID.");
  assert.deepEqual(tool.inputSchema.required, ['customer_id']);
  assert.equal(tool.annotations?.readOnlyHint, true);
  return `${names.length} tools`;
}

async function calls(adapter) {
  const result = await adapter.call('get_customer', { customer_id: 'c 1/ü?' });
  assert.ok(!result.isError, text(result));
  assert.equal(text(result), 'Customer c 1/ü? is Ada Lovelace.');
  assert.deepEqual(result.structuredContent, { id: 'c 1/ü?', name: 'Ada Lovelace', orders: 2 });
}

async function callsForArray(adapter) {
  const result = await adapter.call('list_orders', {});
  assert.ok(!result.isError, text(result));
  assert.match(text(result), /ord_1.*ord_2/s);
  // Structured content was an object at most before 2026-07-28.
  assert.equal(Array.isArray(result.structuredContent), process.env.EXPECT_VERSION >= '2026-07-28');
}

async function callsForImage(adapter) {
  const result = await adapter.call('get_picture', {});
  const image = result.content.find((block) => block.type === 'image');
  assert.equal(image?.mimeType, 'image/png');
  assert.equal(Buffer.from(image.data, 'base64').subarray(1, 4).toString(), 'PNG');
}

async function callsWithoutBody(adapter) {
  const result = await adapter.call('touch_customer', { customer_id: 'c1' });
  assert.ok(!result.isError, text(result));
}

async function callsInParallel(adapter) {
  const ids = Array.from({ length: 20 }, (_, i) => `c${i}`);
  const results = await Promise.all(ids.map((id) => adapter.call('get_customer', { customer_id: id })));
  assert.deepEqual(results.map((result) => result.structuredContent?.id), ids);
}

async function refusesArguments(adapter) {
  const result = await adapter.call('get_customer', { customer_id: { nested: true } });
  assert.equal(result.isError, true);
  assert.match(text(result), /customer_id/);
}

async function relaysUpstreamError(adapter) {
  const result = await adapter.call('get_customer', { customer_id: 'missing' });
  assert.equal(result.isError, true);
  assert.equal(text(result), 'No customer missing.');
}

async function refusesTool(adapter, name) {
  await assert.rejects(
    () => adapter.call(name, {}),
    (error) => {
      assert.equal(error.code, INVALID_PARAMS, describe(error));
      return true;
    },
  );
}

// cancels aborts a call that has reached the backend, and waits until the
// backend has seen its request end.
async function cancels(adapter) {
  const id = randomUUID();
  const abort = new AbortController();
  const pending = adapter.call('slow_report', { id }, { signal: abort.signal });
  const rejected = assert.rejects(pending);
  await backend(`/slow/${id}/started`);
  abort.abort(new Error('changed my mind'));
  await rejected;
  await backend(`/slow/${id}/stopped`);
}
