// The test backend behind the gateway, and how results and errors are shown.
import assert from 'node:assert/strict';

// backend asks the test backend, which answers as soon as a state is reached.
export async function backend(path) {
  const response = await fetch(new URL(path, process.env.BACKEND_URL));
  assert.equal(response.status, 204, `backend ${path}: ${response.status}`);
}

// put writes to the test backend.
export async function put(path, body) {
  const response = await fetch(new URL(path, process.env.BACKEND_URL), { method: 'PUT', body });
  assert.equal(response.status, 204, `backend ${path}: ${response.status} ${await response.text()}`);
}

export function text(result) {
  return result.content.filter((block) => block.type === 'text').map((block) => block.text).join('\n');
}

export function describe(error) {
  const code = error?.code === undefined ? '' : ` (code ${error.code})`;
  const cause = error?.cause === undefined ? '' : `: ${error.cause}`;
  return `${error?.message ?? error}${code}${cause}`;
}
