// Tells Slack who is locked out of Okta or was deactivated there, once each, and answers `/locked`.
"use strict";
const crypto = require("crypto");
const fs = require("fs");
const http = require("http");

const { OKTA_URL, OKTA_TOKEN, SLACK_URL, SLACK_TOKEN, SLACK_SIGNING_SECRET, PORT } = process.env;
const CHANNEL = "access", STATE = "told.json", TRIES = 6, POLL_MS = 3000, SKEW_SECONDS = 300;
const SAID = { LOCKED_OUT: "is locked out since", DEPROVISIONED: "was deactivated at" };
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// A call that may or may not have been done.
class Uncertain extends Error {}

function once(method, url, headers, body) {
  return new Promise((done, failed) => {
    const request = http.request(url, { method, headers, timeout: 10000 }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("aborted", () => failed(new Error("broken off")));
      response.on("error", failed);
      response.on("end", () => done({ status: response.statusCode, headers: response.headers, text: Buffer.concat(parts).toString() }));
    });
    request.on("timeout", () => request.destroy(new Error("too slow")));
    request.on("error", failed);
    request.end(body);
  });
}

// Waits and tries again where it was surely not done.
async function call(method, url, headers, body) {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    let answer;
    try {
      answer = await once(method, url, headers, body);
      if (answer.status < 400) return { value: JSON.parse(answer.text), headers: answer.headers };
    } catch (error) {
      answer = { status: 599, text: String(error) };
    }
    if (answer.status === 429) await sleep(1000 * Number(answer.headers["retry-after"] || 1));
    else if (answer.status < 500) throw new Error(`${url}: ${answer.status}`);
    else if (method === "POST") throw new Uncertain(answer.text);
    else await sleep(50 * 2 ** attempt);
  }
  throw new Uncertain("too many tries");
}

async function oktaUsers(status) {
  const users = [];
  let url = `${OKTA_URL}/api/v1/users?filter=${encodeURIComponent(`status eq "${status}"`)}&limit=2`;
  while (url) {
    const { value, headers } = await call("GET", url, { authorization: `SSWS ${OKTA_TOKEN}` });
    users.push(...value);
    const next = [].concat(headers.link || []).join(",").split(",").find((link) => link.includes('rel="next"'));
    url = next ? next.match(/<([^>]*)>/)[1] : null;
  }
  return users;
}

async function slack(method, name, fields) {
  const form = new URLSearchParams(fields).toString();
  const headers = { authorization: `Bearer ${SLACK_TOKEN}` };
  const { value } = method === "GET"
    ? await call("GET", `${SLACK_URL}/api/${name}?${form}`, headers)
    : await call("POST", `${SLACK_URL}/api/${name}`, { ...headers, "content-type": "application/x-www-form-urlencoded", "content-length": Buffer.byteLength(form) }, form);
  if (!value.ok) throw new Error(`${name}: ${value.error}`);
  return value;
}

async function slackPages(name, key, fields) {
  const found = [];
  let cursor = "";
  do {
    const answer = await slack("GET", name, { ...fields, limit: "100", ...(cursor ? { cursor } : {}) });
    found.push(...answer[key]);
    cursor = (answer.response_metadata || {}).next_cursor;
  } while (cursor);
  return found;
}

async function channelId() {
  const channels = await slackPages("conversations.list", "channels", { types: "public_channel,private_channel" });
  return channels.find((channel) => channel.name === CHANNEL).id;
}

async function wasSaid(channel, text) {
  return (await slackPages("conversations.history", "messages", { channel })).some((message) => message.text === text);
}

// Says it once, even where nobody knows whether the last try was heard.
async function say(channel, text) {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    try {
      return await slack("POST", "chat.postMessage", { channel, text });
    } catch (error) {
      if (!(error instanceof Uncertain)) throw error;
      await sleep(50);
      if (await wasSaid(channel, text)) return;
    }
  }
  throw new Uncertain("Slack does not take the message");
}

function save(told) {
  fs.writeFileSync(`${STATE}.new`, JSON.stringify(told), { flush: true });
  fs.renameSync(`${STATE}.new`, STATE);
}

async function pollNow() {
  const told = fs.existsSync(STATE) ? JSON.parse(fs.readFileSync(STATE)) : {};
  const seen = {};
  for (const status of Object.keys(SAID)) {
    for (const user of await oktaUsers(status)) {
      seen[`${user.id} ${status} ${user.statusChanged}`] = `${user.profile.login} ${SAID[status]} ${user.statusChanged}`;
    }
  }
  const fresh = Object.keys(seen).filter((key) => !(key in told));
  const channel = fresh.length ? await channelId() : null;
  for (const key of fresh) {
    // It may have been said, and the service killed before it could note that.
    if (!(await wasSaid(channel, seen[key]))) await say(channel, seen[key]);
    told[key] = seen[key];
    save(told);
  }
  save(Object.fromEntries(Object.entries(told).filter(([key]) => key in seen)));
  return fresh.length;
}

let polling = Promise.resolve();
function poll() {
  const mine = polling.then(pollNow);
  polling = mine.catch(() => {});
  return mine;
}

function isSigned(headers, body) {
  const stamp = headers["x-slack-request-timestamp"] || "", signature = headers["x-slack-signature"] || "";
  if (!/^\d+$/.test(stamp) || Math.abs(Date.now() / 1000 - Number(stamp)) > SKEW_SECONDS) return false;
  const wanted = "v0=" + crypto.createHmac("sha256", SLACK_SIGNING_SECRET).update(`v0:${stamp}:${body}`).digest("hex");
  return wanted.length === signature.length && crypto.timingSafeEqual(Buffer.from(wanted), Buffer.from(signature));
}

async function command(headers, body) {
  if (!isSigned(headers, body)) return [401, { error: "the signature is wrong" }];
  const logins = (await oktaUsers("LOCKED_OUT")).map((user) => user.profile.login).sort();
  const text = logins.length ? `Locked out: ${logins.join(", ")}` : "Nobody is locked out.";
  return [200, { response_type: "ephemeral", text }];
}

async function answer(request, body) {
  if (request.method === "GET") return [request.url === "/healthz" ? 200 : 404, {}];
  if (request.url === "/poll") return [200, { told: await poll() }];
  if (request.url === "/slack/command") return command(request.headers, body);
  return [404, {}];
}

http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", async () => {
    let done;
    try {
      done = await answer(request, Buffer.concat(parts).toString());
    } catch (error) {
      done = [503, { error: String(error) }];
    }
    response.writeHead(done[0], { "content-type": "application/json", connection: "close" });
    response.end(JSON.stringify(done[1]));
  });
}).listen(Number(PORT), "127.0.0.1");

setInterval(() => poll().catch((error) => console.log(`poll: ${error}`)), POLL_MS);
