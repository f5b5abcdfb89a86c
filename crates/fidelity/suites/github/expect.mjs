// What the suite says and how: one line of JSON for each expectation, whatever happens in it.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Octokit } from '@octokit/rest';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { checking, same, that } from './harness.mjs';

export { same, that };

export const BASE = process.env.TWIN_URL;
export const CONTROL = process.env.TWIN_CONTROL;
const { operations, $defs } = JSON.parse(readFileSync(new URL('./shapes.json', import.meta.url)));

const CHECK_MS = 15000;
const EVENT_MS = 3000;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

export const client = (auth, more = {}) => new Octokit({ baseUrl: BASE, auth, log: quiet, ...more });
export const octocat = client('gho_octocat');
export const hubot = client('gho_hubot');
export const stranger = client('gho_stranger');
export const anonymous = client();

const ajv = new Ajv({ strict: false, allErrors: false, schemas: [{ $id: 'api', $defs }] });
addFormats(ajv);
const validators = new Map();

// The body is as the API's description says for this operation and status.
export function shaped(operation, response) {
  const key = `${operation} ${response.status}`;
  if (!validators.has(key)) {
    const schema = operations[operation]?.[response.status];
    if (!schema) throw new Error(`${operation} does not answer ${response.status}`);
    const placed = JSON.parse(JSON.stringify(schema).replaceAll('#/$defs/', 'api#/$defs/'));
    validators.set(key, ajv.compile(placed));
  }
  const validate = validators.get(key);
  if (!validate(response.data)) {
    const { instancePath, message, params } = validate.errors[0];
    throw new Error(`${instancePath} ${message} ${JSON.stringify(params)}`);
  }
  return response.data;
}

// The call is refused with this status, and with what the body must have.
export async function refused(call, status, wanted = {}) {
  let answer;
  try {
    answer = await call();
  } catch (error) {
    same(error.status, status, 'status');
    const body = error.response?.data ?? {};
    if (wanted.message !== undefined) same(body.message, wanted.message, 'message');
    if (wanted.error) {
      const found = body.errors?.[0] ?? {};
      for (const [name, value] of Object.entries(wanted.error)) same(found[name], value, `errors[0].${name}`);
    }
    if (wanted.says) that(JSON.stringify(body).includes(wanted.says), `no "${wanted.says}" in ${JSON.stringify(body)}`);
    return error;
  }
  throw new Error(`it was answered with ${answer?.status}`);
}

export const check = checking(CHECK_MS);

let made = 0;
// A repository of octocat's with a first commit, for one expectation alone.
export async function fresh(settings = {}) {
  const name = `suite-${++made}`;
  await octocat.repos.createForAuthenticatedUser({ name, auto_init: true, ...settings });
  return { owner: 'octocat', repo: name };
}

export const base64 = (text) => Buffer.from(text).toString('base64');

export async function head(at, branch = 'main') {
  return (await octocat.git.getRef({ ...at, ref: `heads/${branch}` })).data.object.sha;
}

export async function branch(at, name, from) {
  await octocat.git.createRef({ ...at, ref: `refs/heads/${name}`, sha: from ?? (await head(at)) });
}

export async function write(at, path, text, where = {}) {
  return (await octocat.repos.createOrUpdateFileContents({ ...at, path, message: `write ${path}`, content: base64(text), ...where })).data;
}

// An open pull request that adds one file.
export async function pull(at, name = 'topic', more = {}) {
  await branch(at, name);
  await write(at, `${name}.txt`, 'new\n', { branch: name });
  return (await octocat.pulls.create({ ...at, title: `Add ${name}`, head: name, base: 'main', ...more })).data;
}

// Opens a server on loopback that keeps what it is sent; `wait` is for the first that fits.
export async function listener() {
  const got = [];
  const server = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      got.push({ headers: request.headers, body: Buffer.concat(parts).toString() });
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
    throw new Error(`nothing fits among ${JSON.stringify(got.map((one) => one.headers['x-github-event']))}`);
  };
  return { url: `http://127.0.0.1:${server.address().port}/hook`, got, wait, close: () => server.close() };
}
