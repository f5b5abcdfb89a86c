// What the suite says and how: one line of JSON for each expectation, whatever happens in it.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { checking, same, that } from './harness.mjs';

export { same, that };

export const BASE = process.env.TWIN_URL;
export const CONTROL = process.env.TWIN_CONTROL;
export const TOKEN = '00_okta_admin';
const shapes = JSON.parse(readFileSync(new URL('./shapes.json', import.meta.url)));

// How long an expectation may take, and how long an event is waited for.
const CHECK_MS = 10000;
const EVENT_MS = 3000;

export const check = checking(CHECK_MS);

// A call past the SDK: status, headers and body as they came.
export async function raw(method, path, body, headers = {}) {
  const url = path.startsWith('http') ? path : BASE + path;
  const known = { authorization: `SSWS ${TOKEN}`, accept: 'application/json', ...headers };
  const sent = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  if (sent !== undefined && !known['content-type']) known['content-type'] = 'application/json';
  for (const name of Object.keys(known)) if (known[name] === null) delete known[name];
  const answer = await fetch(url, { method, headers: known, body: sent, redirect: 'manual' });
  const text = await answer.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: answer.status, headers: answer.headers, text, json };
}

export const form = (path, fields, headers = {}) =>
  raw('POST', path, new URLSearchParams(fields).toString(), { authorization: null, 'content-type': 'application/x-www-form-urlencoded', ...headers });

const letter = (value) =>
  value === null ? 'z' : Array.isArray(value) ? 'a' : { string: 's', number: 'n', boolean: 'b', object: 'o' }[typeof value];

const at = (value, path) => path.split('.').reduce((one, name) => (one === null || one === undefined ? undefined : one[name]), value);

// A body has every field that all recordings of its kind have, and each field has a type that they show.
export function shaped(kind, body) {
  const known = shapes[kind];
  that(body && typeof body === 'object' && !Array.isArray(body), `no ${kind}: ${JSON.stringify(body)}`.slice(0, 200));
  const missing = known.always.filter((path) => at(body, path) === undefined);
  const wrong = Object.entries(known.types).filter(([path, letters]) => {
    const value = at(body, path);
    return value !== undefined && !letters.includes(letter(value));
  });
  that(!missing.length, `${kind} lacks ${missing.join(', ')}`);
  that(!wrong.length, `${kind} has other types: ${wrong.map(([path]) => path).join(', ')}`);
}

// What the SDK throws, and what it says.
export async function refused(promise, status, code, summary, cause) {
  let error;
  try {
    await promise;
  } catch (found) {
    error = found;
  }
  that(error, 'it was not refused');
  same(error.status ?? error.message, status, 'status');
  same(error.errorCode, code, 'errorCode');
  if (summary !== undefined) same(error.errorSummary, summary, 'errorSummary');
  if (cause !== undefined) {
    const causes = (error.errorCauses ?? []).map((one) => one.errorSummary);
    that(causes.some((one) => one === cause), `causes ${JSON.stringify(causes)} without "${cause}"`);
  }
}

export async function all(collection) {
  const items = [];
  await (await collection).each((item) => {
    items.push(item);
  });
  return items;
}

export async function until(find, ms = EVENT_MS) {
  for (const end = Date.now() + ms; ; ) {
    const found = await find();
    if (found) return found;
    if (Date.now() > end) throw new Error('it did not come in time');
    await new Promise((done) => setTimeout(done, 20));
  }
}

// A server on loopback that keeps what it gets; `answer(request)` gives status, body and headers.
export async function listener(answer) {
  const seen = [];
  const server = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const text = Buffer.concat(parts).toString();
      const one = { method: request.method, url: request.url, headers: request.headers, text };
      seen.push(one);
      const { status = 200, body = {}, headers = {} } = answer(one) ?? {};
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(body));
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  server.unref();
  return { seen, url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
