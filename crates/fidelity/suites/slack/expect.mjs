// What the suite says and how: one line of JSON for each expectation, whatever happens in it.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { checking, that } from './harness.mjs';

export { that };

export const BASE = process.env.TWIN_URL;
export const CONTROL = process.env.TWIN_CONTROL;
const shapes = JSON.parse(readFileSync(new URL('./shapes.json', import.meta.url)));

// How long an expectation may take, and how long an event is waited for.
const CHECK_MS = 10000;
const EVENT_MS = 3000;

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// JSON has no order of fields.
const ordered = (_, value) =>
  value && typeof value === 'object' && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;

export function same(found, wanted, what = '') {
  const [a, b] = [JSON.stringify(found, ordered), JSON.stringify(wanted, ordered)];
  if (a !== b) throw new Error(`${what} is ${a}, not ${b}`.trim());
}

export const check = checking(CHECK_MS, (error) => error.data?.error);

const letter = (value) =>
  Array.isArray(value) ? 'a' : value === null ? null : { string: 's', number: 'n', boolean: 'b', object: 'o' }[typeof value];

// Fields that no recording has, or that have another type there.
function strange(value, seen, path, found) {
  if (value === null || seen === null || seen === undefined) return found;
  const kind = letter(value);
  const known = typeof seen === 'string' ? seen : Array.isArray(seen) ? 'a' : 'o';
  if (kind !== known) found.push(`${path}: ${kind}, seen as ${known}`);
  else if (Array.isArray(seen)) value.forEach((one, at) => at < 3 && strange(one, seen[0], `${path}[]`, found));
  else if (typeof seen === 'object') {
    for (const [name, field] of Object.entries(value)) {
      if (name in seen) strange(field, seen[name], `${path}.${name}`, found);
      // The recordings leave out what is null.
      else if (field !== null) found.push(`${path}.${name}: never seen`);
    }
  }
  return found;
}

export function recorded(value, seen) {
  const found = strange(value, seen, '', []);
  that(found.length === 0, found.slice(0, 5).join('; '));
}

// An answer has what the specification requires, and nothing that the real service was never seen to send.
export async function shaped(operation, call) {
  let answer;
  let failure;
  try {
    answer = await call();
    // What the SDK adds of its own.
    const { scopes, acceptedScopes, ...metadata } = answer.response_metadata ?? {};
    const { response_metadata, ...rest } = answer;
    answer = Object.keys(metadata).length ? { ...rest, response_metadata: metadata } : rest;
  } catch (error) {
    failure = error;
  }
  await check(operation, 'the answer has every required field', 'shape', 'sdk', async () => {
    if (failure) throw failure;
    that(answer.ok === true, answer);
    for (const [name, kind] of Object.entries(shapes.required[operation] ?? {})) {
      that(name in answer, `${name} is missing`);
      that(kind === null || answer[name] === null || letter(answer[name]) === kind, `${name} is no ${kind}`);
    }
  });
  if (shapes.seen[operation]) {
    await check(operation, 'each field of the answer was seen in a real one, with its type', 'shape', 'recording', async () => {
      if (failure) throw failure;
      recorded(answer, shapes.seen[operation]);
    });
  }
  return answer ?? {};
}

export const eventShape = (name) => shapes.events[name];
export const backendShape = (name) => shapes.backend[name];

// The service must refuse with this code.
export function refused(operation, code, source, call, name = `refuses with ${code}`) {
  return check(operation, name, 'error', source, async () => {
    let answer;
    try {
      answer = await call();
    } catch (error) {
      same(error.data?.error ?? error.message, code, 'the error');
      return;
    }
    that(answer?.ok === false && answer.error === code, `no refusal: ${JSON.stringify(answer).slice(0, 200)}`);
  });
}

// A plain call, for what an SDK hides.
export async function raw(path, { token, body, json, headers = {}, method = 'POST' } = {}) {
  if (token) headers.authorization = `Bearer ${token}`;
  if (json !== undefined) [body, headers['content-type']] = [JSON.stringify(json), headers['content-type'] ?? 'application/json; charset=utf-8'];
  const answer = await fetch(BASE + path, { method, body, headers, redirect: 'manual' });
  const text = await answer.text();
  let read;
  try {
    read = JSON.parse(text);
  } catch {
    read = undefined;
  }
  return { status: answer.status, headers: answer.headers, text, json: read };
}

// What a person does in the workspace: through the twin's control, which no real service has.
export async function step(name, data) {
  if (!CONTROL) throw new Error('needs a control');
  const answer = await fetch(`${CONTROL}/call`, { method: 'POST', body: JSON.stringify({ function: `step_${name}`, data }) });
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error);
  return value;
}

export async function advance(ms) {
  if (!CONTROL) throw new Error('needs a clock');
  await fetch(`${CONTROL}/clock`, { method: 'POST', body: JSON.stringify({ advance_ms: ms }) });
}

// Lets the twin's clock be that of this machine.
export async function today() {
  if (!CONTROL) throw new Error('needs a clock');
  await fetch(`${CONTROL}/clock`, { method: 'POST', body: JSON.stringify({ to: new Date().toISOString() }) });
}

// A server of the suite's own, for what the service sends.
export async function receiver() {
  const got = [];
  const state = { got, answer: () => [200, ''] };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => (body += part));
    request.on('end', () => {
      const one = { path: request.url, headers: request.headers, body };
      got.push(one);
      const [status, text, kind = 'application/json'] = state.answer(one);
      response.writeHead(status, { 'content-type': kind }).end(text);
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  state.url = `http://127.0.0.1:${server.address().port}`;
  state.close = () => {
    server.closeAllConnections();
    server.close();
  };
  state.wait = async (fits, ms = EVENT_MS) => {
    for (let waited = 0; waited < ms; waited += 20) {
      const one = got.find(fits);
      if (one) return one;
      await sleep(20);
    }
    throw new Error(`nothing came; so far: ${got.map((one) => one.body.slice(0, 80)).join(' | ').slice(0, 200)}`);
  };
  return state;
}
