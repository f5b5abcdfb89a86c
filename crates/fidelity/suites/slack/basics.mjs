// Credentials, scopes, headers, forms and JSON, rates, OAuth.
import { check, raw, refused, same, shaped, that } from './expect.mjs';

const CLIENT = { client_id: '12345.67890', client_secret: 'example_client_secret' };
const REDIRECT = 'http://localhost:3000/cb';

export async function basics({ bot, alice, bob, user, client }) {
  const who = await shaped('auth.test', () => bot.auth.test());
  await check('auth.test', 'names the bot, its user and its workspace', 'state', 'sdk', async () => {
    same([who.user_id, who.bot_id, who.team], ['U0SUITEBOT', 'B0SUITEBOT', 'Acme']);
    that(who.url === 'https://acme.slack.com/', who.url);
  });
  await check('auth.test', 'a user token is its user', 'state', 'sdk', async () => {
    const answer = await alice.auth.test();
    same([answer.user, answer.user_id, answer.bot_id], ['alice', user.alice, undefined]);
  });
  await shaped('api.test', () => bot.api.test({ foo: 'bar' }));
  await check('api.test', 'gives back the arguments', 'state', 'sdk', async () => {
    same((await bot.api.test({ foo: 'bar' })).args?.foo, 'bar');
  });
  await refused('api.test', 'my_error', 'sdk', () => bot.api.test({ error: 'my_error' }));

  await refused('auth.test', 'invalid_auth', 'sdk', () => client('xoxb-wrong').auth.test());
  await refused('auth.test', 'not_authed', 'sdk', () => client(undefined).auth.test());
  await refused('chat.postMessage', 'invalid_auth', 'sdk', () => client('xoxb-').chat.postMessage({ channel: 'C000000001', text: 'x' }));
  await refused('users.list', 'not_authed', 'sdk', () => client(undefined).users.list({}));
  await check('auth.test', 'takes the token in a form', 'protocol', 'docs', async () => {
    const body = new URLSearchParams({ token: 'xoxb-suite' });
    same((await raw('/api/auth.test', { body })).json?.ok, true);
  });
  await check('auth.test', 'refuses with status 200', 'protocol', 'docs', async () => {
    const answer = await raw('/api/auth.test', { token: 'xoxb-wrong', body: '' });
    same([answer.status, answer.json?.ok], [200, false]);
  });
  await check('conversations.list', 'may be asked for by GET', 'protocol', 'sdk', async () => {
    const answer = await raw('/api/conversations.list?limit=1', { token: 'xoxb-suite', method: 'GET' });
    same([answer.status, answer.json?.ok, answer.json?.channels?.length], [200, true, 1]);
  });
  await check('auth.test', 'answers JSON in UTF-8', 'protocol', 'docs', async () => {
    const answer = await raw('/api/auth.test', { token: 'xoxb-suite', body: '' });
    that(/^application\/json; ?charset=utf-8$/i.test(answer.headers.get('content-type')), answer.headers.get('content-type'));
  });
  await check('auth.test', 'tells the scopes of the token in a header', 'protocol', 'sdk', async () => {
    const { response_metadata } = await bot.auth.test();
    that(response_metadata?.scopes?.includes('chat:write'), response_metadata);
  });
  await check('users.list', 'tells the accepted scopes in a header', 'protocol', 'sdk', async () => {
    const { response_metadata } = await bot.users.list({ limit: 1 });
    that(response_metadata?.acceptedScopes?.includes('users:read'), response_metadata);
  });
  await refused('chat.postMessage', 'missing_scope', 'sdk', () => client('xoxb-noscope').chat.postMessage({ channel: 'C000000001', text: 'x' }));
  await check('chat.postMessage', 'says which scope is needed, and which are there', 'protocol', 'recording', async () => {
    const { json } = await raw('/api/chat.postMessage', { token: 'xoxb-noscope', json: { channel: 'C000000001', text: 'x' } });
    same([json?.needed, json?.provided], ['chat:write', 'users:read']);
  });
  await refused('users.identity', 'not_allowed_token_type', 'sdk', () => bot.users.identity());
  await refused('users.profile.set', 'not_allowed_token_type', 'sdk', () => bot.users.profile.set({ name: 'title', value: 'x' }));
  await refused('apps.connections.open', 'not_allowed_token_type', 'sdk', () => bot.apps.connections.open());
  await check('nonsense', 'an unknown method is refused as such', 'protocol', 'sdk', async () => {
    const answer = await raw('/api/no.such.method', { token: 'xoxb-suite', body: '' });
    same([answer.status, answer.json?.error], [200, 'unknown_method']);
  });

  await check('chat.postMessage', 'takes JSON', 'protocol', 'docs', async () => {
    const { json } = await raw('/api/conversations.info', { token: 'xoxb-suite', body: new URLSearchParams({ channel: 'C000000001' }) });
    that(json?.ok, json);
    const posted = await raw('/api/api.test', { token: 'xoxb-suite', json: { foo: 'bar' } });
    same(posted.json?.args?.foo, 'bar');
  });
  await check('auth.test', 'warns of JSON without a character set', 'protocol', 'docs', async () => {
    const { json } = await raw('/api/auth.test', { token: 'xoxb-suite', json: {}, headers: { 'content-type': 'application/json' } });
    same([json?.warning, json?.response_metadata?.warnings], ['missing_charset', ['missing_charset']]);
  });
  await check('chat.postMessage', 'refuses a body that is no JSON', 'error', 'sdk', async () => {
    const { json } = await raw('/api/chat.postMessage', { token: 'xoxb-suite', body: '{', headers: { 'content-type': 'application/json; charset=utf-8' } });
    same(json?.error, 'invalid_json');
  });
  await check('conversations.info', 'names the argument that is missing', 'error', 'recording', async () => {
    const { json } = await raw('/api/conversations.info', { token: 'xoxb-suite', body: '' });
    same([json?.error, json?.response_metadata?.messages], ['invalid_arguments', ['[ERROR] missing required field: channel']]);
  });

  await check('users.list', 'refuses calls that come too fast, and says how long to wait', 'protocol', 'docs', async () => {
    let last;
    for (let n = 0; n < 120 && last?.status !== 429; n++) last = await raw('/api/users.list', { token: 'xoxp-rates', body: new URLSearchParams({ limit: '1' }) });
    same([last.status, last.json?.error], [429, 'ratelimited']);
    that(Number.isInteger(Number(last.headers.get('retry-after'))) && Number(last.headers.get('retry-after')) > 0, 'no Retry-After');
  });
  await check('users.list', 'the SDK understands the refusal', 'protocol', 'sdk', async () => {
    const error = await client('xoxp-rates').users.list({ limit: 1 }).catch((one) => one);
    same(error.code, 'slack_webapi_rate_limited_error');
    that(error.retryAfter > 0, 'no time');
  });
  await check('users.info', 'another method has a limit of its own', 'protocol', 'docs', async () => {
    same((await client('xoxp-rates').users.info({ user: user.alice })).ok, true);
  });

  await shaped('auth.revoke', () => client('xoxp-revoke').auth.revoke({ test: true }));
  await check('auth.revoke', 'a test revokes nothing', 'state', 'sdk', async () => {
    same((await client('xoxp-revoke').auth.test()).ok, true);
  });
  await check('auth.revoke', 'revokes the token', 'state', 'sdk', async () => {
    same((await client('xoxp-revoke').auth.revoke({})).revoked, true);
    const error = await client('xoxp-revoke').auth.test().catch((one) => one);
    that(['token_revoked', 'invalid_auth'].includes(error.data?.error), error.data);
  });
  await oauth(client());
}

// Clicks through the consent page as a browser would; the code.
async function code(fields) {
  const query = new URLSearchParams({ client_id: CLIENT.client_id, redirect_uri: REDIRECT, state: 'st', ...fields });
  const page = await raw(`/oauth/v2/authorize?${query}`, { method: 'GET' });
  that(page.status === 200, `the page has status ${page.status}`);
  const form = /<form[^>]*action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/.exec(page.text);
  that(form, 'the page has no form');
  const body = new URLSearchParams();
  for (const [, tag] of form[2].matchAll(/<input([^>]*)>/g)) {
    const name = /name="?([\w]+)"?/.exec(tag)?.[1];
    const value = /value="([^"]*)"/.exec(tag)?.[1];
    if (name) body.set(name, (value ?? '').replaceAll('&amp;', '&'));
  }
  const button = /<button[^>]*name=user_id[^>]*value="?(\w+)/.exec(form[2]);
  if (button) body.set('user_id', button[1]);
  const path = form[1].replaceAll('&amp;', '&').replace(/^https?:\/\/[^/]+/, '');
  const answer = await raw(path, { body });
  same(answer.status, 302, 'the status');
  const to = new URL(answer.headers.get('location'));
  same([to.origin + to.pathname, to.searchParams.get('state')], [REDIRECT, 'st']);
  return to.searchParams.get('code');
}

async function oauth(nobody) {
  const scope = 'chat:write,channels:read';
  const access = (fields) => nobody.oauth.v2.access({ ...CLIENT, redirect_uri: REDIRECT, ...fields });
  await check('oauth.authorize', 'refuses an unknown client', 'error', 'docs', async () => {
    const page = await raw('/oauth/v2/authorize?client_id=1.2&scope=chat:write', { method: 'GET' });
    that(page.status >= 400 || !/<form/.test(page.text), `status ${page.status} with a form`);
  });
  await check('oauth.authorize', 'refuses a foreign redirect', 'error', 'docs', async () => {
    const page = await raw(`/oauth/v2/authorize?client_id=${CLIENT.client_id}&scope=chat:write&redirect_uri=http://evil.example/`, { method: 'GET' });
    that(page.status >= 400 || !/<form/.test(page.text), `status ${page.status} with a form`);
  });
  await check('oauth.v2.access', 'gives a token for a code, and the token works', 'state', 'sdk', async () => {
    const answer = await access({ code: await code({ scope }) });
    same([answer.token_type, answer.scope, answer.app_id, answer.bot_user_id], ['bot', scope, 'A000000009', 'U0SUITEBOT']);
    same(answer.team?.id, 'T000000001');
    const { json } = await raw('/api/auth.test', { token: answer.access_token, body: '' });
    same(json?.user_id, 'U0SUITEBOT');
  });
  await shaped('oauth.v2.access', async () => access({ code: await code({ scope, user_scope: 'users:read' }) }));
  await check('oauth.v2.access', 'gives a user token too', 'state', 'sdk', async () => {
    const answer = await access({ code: await code({ scope, user_scope: 'users:read' }) });
    same([answer.authed_user?.scope, answer.authed_user?.token_type], ['users:read', 'user']);
    same((await raw('/api/users.list', { token: answer.authed_user.access_token, body: '' })).json?.ok, true);
  });
  await check('oauth.v2.access', 'the token has only the scopes that were asked for', 'state', 'docs', async () => {
    const answer = await access({ code: await code({ scope }) });
    const { json } = await raw('/api/users.list', { token: answer.access_token, body: '' });
    same(json?.error, 'missing_scope');
  });
  await refused('oauth.v2.access', 'invalid_code', 'sdk', () => access({ code: 'nonsense' }));
  await refused('oauth.v2.access', 'invalid_client_id', 'sdk', () => access({ client_id: '1.2', code: 'x' }));
  await refused('oauth.v2.access', 'bad_client_secret', 'sdk', async () => access({ client_secret: 'wrong', code: await code({ scope }) }));
  await refused('oauth.v2.access', 'bad_redirect_uri', 'sdk', async () => access({ redirect_uri: 'http://localhost:3000/other', code: await code({ scope }) }));
  await refused('oauth.v2.access', 'invalid_code', 'docs', async () => {
    const once = await code({ scope });
    await access({ code: once });
    return access({ code: once });
  }, 'a code is good for one time');
}
