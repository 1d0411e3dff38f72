// What goes beyond calling tools: the host that a client is part of, and the
// checks of resources, prompts, subscriptions, and of what the gateway says and
// asks while a call runs.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { backend, describe, put, text } from './backend.mjs';

const INVALID_PARAMS = -32602;
const RESOURCE_NOT_FOUND = process.env.EXPECT_VERSION < '2026-07-28' ? -32002 : INVALID_PARAMS;

export const capabilities = { elicitation: { form: {} }, sampling: {}, roots: {} };

// host answers what the gateway asks, and takes down what it is told.
export const host = {
  declines: false,
  asked: [],
  logs: [],
  updated: [],
  changed: 0,
  waiting: [],

  forget({ declines = false } = {}) {
    Object.assign(this, { declines, asked: [], logs: [], updated: [], changed: 0 });
  },
  note(take) {
    take(this);
    this.waiting = this.waiting.filter((look) => !look());
  },
  // until resolves when what was told is enough.
  until(enough, what) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`was not told ${what}`)), 10_000);
      const look = () => {
        const done = enough(this);
        if (done) {
          clearTimeout(timer);
          resolve();
        }
        return done;
      };
      if (!look()) this.waiting.push(look);
    });
  },

  elicit(params) {
    this.asked.push(params.message);
    return this.declines ? { action: 'decline' } : { action: 'accept', content: { quantity: 3 } };
  },
  sample: () => ({
    role: 'assistant', content: { type: 'text', text: 'A shop.' }, model: 'e2e-model', stopReason: 'endTurn',
  }),
  roots: () => ({ roots: [{ uri: 'file:///home/ada/shop', name: 'shop' }] }),
  onLog(params) {
    this.note(() => this.logs.push(`${params.level}: ${params.data}`));
  },
  onUpdated(params) {
    this.note(() => this.updated.push(params.uri));
  },
  onChanged() {
    this.note(() => (this.changed += 1));
  },
};

// features are the checks, in order. Besides what run() of checks.mjs wants,
// the adapter has
//   follow(name, args, onprogress, options) -> CallToolResult
//   setLevel(level)            level of log messages of calls from then on
//   notFound                   what the client makes of the code for an unknown resource, if it does
//   resources(), templates()   -> [..]
//   read(uri)                  -> [contents]
//   prompts()                  -> [prompt]
//   prompt(name, args)         -> GetPromptResult
//   complete(ref, argument)    -> [value]
//   reload()                   has a gateway that the client started read its manifest again
//   listen()                   makes sure that changes of the list are told
//   subscribe(uri), unsubscribe(uri)
export const features = {
  resources: listsResources,
  read: reads,
  'unknown resource': refusesResource,
  prompts: getsPrompts,
  complete: completes,
  subscribe: subscribes,
  'list changed': hearsOfChanges,
  progress: hearsProgress,
  log: hearsLog,
  ask: answers,
  decline: declines,
  sample: samples,
  roots: givesRoots,
  'cancel steps': cancelsSteps,
};

async function listsResources(adapter) {
  assert.deepEqual((await adapter.resources()).map((each) => each.uri), ['shop://logo', 'shop://terms']);
  assert.deepEqual((await adapter.templates()).map((each) => each.uriTemplate),
    ['shop://customers/{customer_id}', 'shop://news/{id}']);
}

async function reads(adapter) {
  assert.deepEqual(await adapter.read('shop://terms'),
    [{ uri: 'shop://terms', mimeType: 'text/plain', text: 'All sales are final.' }]);
  const [logo] = await adapter.read('shop://logo');
  assert.equal(logo.mimeType, 'image/png');
  assert.equal(Buffer.from(logo.blob, 'base64').subarray(1, 4).toString(), 'PNG');
  const [customer] = await adapter.read('shop://customers/c%201');
  assert.equal(customer.mimeType, 'application/json');
  assert.equal(JSON.parse(customer.text).id, 'c 1');
}

async function refusesResource(adapter) {
  // The last is there, but not for this caller.
  for (const uri of ['shop://nothing', 'shop://customers/missing', 'shop://secrets']) {
    await rejectsWith(adapter.notFound ?? RESOURCE_NOT_FOUND, () => adapter.read(uri));
  }
}

async function getsPrompts(adapter) {
  assert.deepEqual((await adapter.prompts()).map((each) => each.name), ['welcome']);
  const { messages } = await adapter.prompt('welcome', { customer_id: 'c1', tone: 'formal' });
  assert.deepEqual(messages.map((each) => `${each.role}: ${each.content.text}`), [
    'user: Customer c1 is Ada Lovelace.',
    'user: Greet Ada Lovelace in a formal tone.',
    'assistant: Of course.',
  ]);
  await rejectsWith(INVALID_PARAMS, () => adapter.prompt('welcome', {}));
}

async function completes(adapter) {
  const prompt = { type: 'ref/prompt', name: 'welcome' };
  const template = { type: 'ref/resource', uri: 'shop://customers/{customer_id}' };
  assert.deepEqual(await adapter.complete(prompt, { name: 'tone', value: 'f' }), ['formal', 'friendly']);
  assert.deepEqual(await adapter.complete(prompt, { name: 'customer_id', value: 'c2' }), ['c2', 'c20']);
  assert.deepEqual(await adapter.complete(template, { name: 'customer_id', value: 'c' }), ['c1', 'c2', 'c20']);
  await rejectsWith(INVALID_PARAMS,
    () => adapter.complete({ type: 'ref/prompt', name: 'nothing' }, { name: 'tone', value: '' }));
}

async function subscribes(adapter) {
  host.forget();
  const id = randomUUID();
  const uri = `shop://news/${id}`;
  await adapter.subscribe(uri);
  await put(`/news/${id}`, 'It rains.');
  await host.until(() => host.updated.includes(uri), `that ${uri} changed`);
  const [news] = await adapter.read(uri);
  assert.equal(news.text, 'It rains.');
  await adapter.unsubscribe(uri);
}

async function hearsOfChanges(adapter) {
  await adapter.listen();
  host.forget();
  const id = randomUUID();
  await put(`/announcements/${id}`, '');
  adapter.reload?.();
  await host.until(() => host.changed > 0, 'that the list changed');
  const tool = (await adapter.list()).find((each) => each.name === 'latest_news');
  assert.ok(tool?.description.includes(id), `${id} is not in ${tool?.description}`);
}

// hearsProgress has the backend answer only when the client has heard that the
// call has begun: an SDK may drop what it reads together with the result.
async function hearsProgress(adapter) {
  const id = randomUUID();
  const told = [];
  const pending = adapter.follow('slow_stock', { id }, (progress) => host.note(() => told.push(progress.progress)));
  await host.until(() => told.length > 0, 'how far the call has come');
  await backend(`/slow/${id}/release`);
  assert.equal(text(await pending), 'Done.');
  assert.deepEqual(told, [1]);
}

async function hearsLog(adapter) {
  host.forget();
  await adapter.setLevel('info');
  await adapter.call('take_stock', {});
  await host.until(() => host.logs.length >= 2, 'two log messages');
  assert.deepEqual(host.logs, ['info: The first is there.', 'warning: The second is there.']);
}

async function answers(adapter) {
  host.forget();
  const result = await adapter.call('ask_quantity', { product: 'apples' });
  assert.ok(!result.isError, text(result));
  assert.equal(text(result), 'Ordered 3 apples for c3.');
  assert.deepEqual(host.asked, ['How many apples?']);
}

async function declines(adapter) {
  host.forget({ declines: true });
  const result = await adapter.call('ask_quantity', { product: 'pears' });
  assert.equal(result.isError, true);
  assert.match(text(result), /declined/);
}

async function samples(adapter) {
  assert.equal(text(await adapter.call('summarize', {})), 'e2e-model says: A shop.');
}

async function givesRoots(adapter) {
  assert.equal(text(await adapter.call('list_roots', {})), 'file:///home/ada/shop');
}

async function cancelsSteps(adapter) {
  const id = randomUUID();
  const abort = new AbortController();
  const pending = adapter.follow('slow_stock', { id }, () => {}, { signal: abort.signal });
  const rejected = assert.rejects(pending);
  await backend(`/slow/${id}/started`);
  abort.abort(new Error('changed my mind'));
  await rejected;
  await backend(`/slow/${id}/stopped`);
}

async function rejectsWith(code, ask) {
  await assert.rejects(ask, (error) => {
    assert.equal(error.code, code, describe(error));
    return true;
  });
}
