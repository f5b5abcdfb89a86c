// What the suite says and how: one line of JSON for each expectation, whatever happens in it.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createCloudClient } from 'jira.js';
import { checking, same, that } from './harness.mjs';

export { same, that };

export const BASE = process.env.TWIN_URL;
export const CONTROL = process.env.TWIN_CONTROL;
const shapes = JSON.parse(readFileSync(new URL('./shapes.json', import.meta.url)));

const CHECK_MS = 15000;
const EVENT_MS = 3000;
export const CLOUD = '11111111-2222-3333-4444-555555555555';
export const GATEWAY = `${BASE}/ex/jira/${CLOUD}`;
export const ADA = '5b10a2844c20165700ede21a';
export const BOB = '5b10a2844c20165700ede21b';
export const EVE = '5b10a2844c20165700ede21e';

// An answer that is not as the SDK's schemas say fails the expectation: they are checked against real sites.
export const client = (auth, host = BASE) => createCloudClient({ host, auth, onSchemaMismatch: 'throw' });
const basic = (name) => client({ type: 'basic', email: `${name}@example.com`, apiToken: `${name}_token` });
export const ada = basic('ada');
export const bob = basic('bob');
export const eve = basic('eve');
export const wrong = client({ type: 'basic', email: 'ada@example.com', apiToken: 'nope' });
export const app = client({ type: 'bearer', token: 'oauth_ada' }, GATEWAY);

const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}$/;

// What is wrong with a value as a recorded answer has it; undefined where nothing is.
function unlike(value, spec, where) {
  if (Array.isArray(spec)) {
    const wrongs = spec.map((one) => unlike(value, one, where));
    return wrongs.includes(undefined) ? undefined : wrongs[0];
  }
  if (typeof spec === 'object') {
    if (value === null || typeof value !== 'object') return `${where} is no object`;
    for (const [name, inner] of Object.entries(spec)) {
      const found = name in value ? unlike(value[name], inner, `${where}.${name}`) : `${where}.${name} is missing`;
      if (found) return found;
    }
    return undefined;
  }
  if (spec.startsWith('@')) return unlike(value, shapes[spec.slice(1)], where);
  const kind = value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value;
  if (spec === 'stamp') return kind === 'string' && STAMP.test(value) ? undefined : `${where} is no time: ${value}`;
  return kind === spec ? undefined : `${where} is ${kind}, not ${spec}`;
}

// The value is built as recorded answers of the real service are.
export function recorded(value, shape) {
  const found = unlike(value, shapes[shape], shape);
  if (found) throw new Error(found);
  return value;
}

// A request without the SDK in between: `{status, headers, text, body}`.
export async function raw(method, path, { as = 'ada', body, headers = {}, redirect = 'follow' } = {}) {
  const pair = as && (as.includes(':') ? as : `${as}@example.com:${as}_token`);
  const auth = as ? { authorization: as.startsWith('Bearer ') ? as : `Basic ${Buffer.from(pair).toString('base64')}` } : {};
  const sent = body === undefined ? undefined : typeof body === 'string' || body instanceof FormData ? body : JSON.stringify(body);
  const kind = sent === undefined || body instanceof FormData ? {} : { 'content-type': 'application/json' };
  const response = await fetch(path.startsWith('http') ? path : BASE + path, { method, redirect, body: sent, headers: { accept: 'application/json', ...kind, ...auth, ...headers } });
  const text = await response.text();
  let read;
  try {
    read = JSON.parse(text);
  } catch {}
  return { status: response.status, headers: response.headers, text, body: read };
}

// The call is refused with this status: with this message, or with these errors by field.
export async function refused(call, status, { message, errors, says } = {}) {
  let answer;
  try {
    answer = await call();
  } catch (error) {
    same(error.status, status, 'status');
    if (message !== undefined) same(error.body?.errorMessages, [message], 'errorMessages');
    if (errors !== undefined) same(error.body?.errors, errors, 'errors');
    if (says) that(JSON.stringify(error.body).includes(says), `no "${says}" in ${JSON.stringify(error.body)}`);
    return error;
  }
  throw new Error(`it was answered with ${JSON.stringify(answer)}`);
}

export const check = checking(CHECK_MS, (error) => error.report && JSON.stringify(error.report));

// A document of these paragraphs.
export const doc = (...texts) => ({ type: 'doc', version: 1, content: texts.map((text) => ({ type: 'paragraph', content: [{ type: 'text', text }] })) });

// A task in OPEN by Ada, for one expectation alone: what `createIssue` answers.
export function task(fields = {}, who = ada) {
  return who.issues.createIssue({ fields: { project: { key: 'OPEN' }, issuetype: { name: 'Task' }, summary: 'A task', ...fields } });
}

// An issue as it is read back.
export const read = (key, more = {}, who = ada) => who.issues.getIssue({ issueIdOrKey: key, ...more });

export async function keys(jql, more = {}, who = ada) {
  const found = await who.issueSearch.searchAndReconsileIssuesUsingJqlPost({ jql, fields: ['key'], ...more });
  return found.issues.map((issue) => issue.key);
}

// Opens a server on loopback that keeps what it is sent; `wait` is for the first that fits.
export async function listener() {
  const got = [];
  const server = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const text = Buffer.concat(parts).toString();
      got.push({ headers: request.headers, text, body: JSON.parse(text) });
      response.end('ok');
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const wait = async (fits) => {
    for (const until = Date.now() + EVENT_MS; Date.now() < until; ) {
      const found = got.find(fits);
      if (found) return found;
      await new Promise((done) => setTimeout(done, 20));
    }
    throw new Error(`nothing fits among ${JSON.stringify(got.map((one) => one.body.webhookEvent))}`);
  };
  return { url: `http://127.0.0.1:${server.address().port}/hook`, got, wait, close: () => server.close() };
}
