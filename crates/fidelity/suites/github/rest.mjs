// Releases, webhooks, apps, GraphQL, rates, caching, and the program git.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createAppAuth } from '@octokit/auth-app';
import { graphql } from '@octokit/graphql';
import { verify } from '@octokit/webhooks-methods';
import { BASE, CONTROL, anonymous, check, client, fresh, head, listener, octocat, pull, refused, same, shaped, stranger, that, write } from './expect.mjs';

const HELLO = { owner: 'octocat', repo: 'hello-world' };
const run = promisify(execFile);

export async function releases() {
  await check('repos/create-release', 'makes the tag too', 'state', 'sdk', async () => {
    const at = await fresh();
    const made = shaped('repos/create-release', await octocat.repos.createRelease({ ...at, tag_name: 'v1', name: 'One', body: 'first' }));
    same([made.draft, made.tag_name, made.author.login], [false, 'v1', 'octocat']);
    same((await octocat.git.getRef({ ...at, ref: 'tags/v1' })).data.object.sha, await head(at));
    same(shaped('repos/get-latest-release', await octocat.repos.getLatestRelease(at)).id, made.id);
    same(shaped('repos/get-release-by-tag', await octocat.repos.getReleaseByTag({ ...at, tag: 'v1' })).id, made.id);
  });
  await check('repos/create-release', 'a taken tag exists already', 'error', 'docs', async () => {
    const at = await fresh();
    await octocat.repos.createRelease({ ...at, tag_name: 'v1' });
    await refused(() => octocat.repos.createRelease({ ...at, tag_name: 'v1' }), 422, { error: { resource: 'Release', code: 'already_exists', field: 'tag_name' } });
  });
  await check('repos/list-releases', 'drafts are not for strangers', 'state', 'docs', async () => {
    const at = await fresh();
    await octocat.repos.createRelease({ ...at, tag_name: 'v1', draft: true });
    same(shaped('repos/list-releases', await octocat.repos.listReleases(at)).length, 1);
    same((await stranger.repos.listReleases(at)).data.length, 0);
    await refused(() => octocat.repos.getLatestRelease(at), 404);
  });
  await check('repos/update-release', 'is read back, and deleted', 'state', 'sdk', async () => {
    const at = await fresh();
    const { id } = (await octocat.repos.createRelease({ ...at, tag_name: 'v1' })).data;
    same(shaped('repos/update-release', await octocat.repos.updateRelease({ ...at, release_id: id, body: 'new' })).body, 'new');
    same((await octocat.repos.deleteRelease({ ...at, release_id: id })).status, 204);
    await refused(() => octocat.repos.getRelease({ ...at, release_id: id }), 404);
  });
  await check('repos/upload-release-asset', 'is downloaded again, and refused twice', 'state', 'recording', async () => {
    const at = await fresh();
    const { id } = (await octocat.repos.createRelease({ ...at, tag_name: 'v1' })).data;
    const upload = () => octocat.repos.uploadReleaseAsset({ ...at, release_id: id, name: 'test.txt', data: 'Hello, world!\n', baseUrl: BASE, headers: { 'content-type': 'text/plain' } });
    const asset = shaped('repos/upload-release-asset', await upload());
    same([asset.size, asset.state, asset.content_type], [14, 'uploaded', 'text/plain']);
    const { data } = await octocat.repos.getReleaseAsset({ ...at, asset_id: asset.id, headers: { accept: 'application/octet-stream' } });
    same(Buffer.from(data).toString(), 'Hello, world!\n');
    await refused(upload, 422, { message: 'Validation Failed', error: { resource: 'ReleaseAsset', code: 'already_exists', field: 'name' } });
  });
}

export async function hooks() {
  const hooked = async (events, secret = 's3cr3t') => {
    const at = await fresh();
    const server = await listener();
    const hook = await octocat.repos.createWebhook({ ...at, config: { url: server.url, secret, content_type: 'json' }, events });
    return { at, server, hook };
  };
  await check('repos/create-webhook', 'is read back without its secret', 'shape', 'sdk', async () => {
    const { at, server, hook } = await hooked(['push']);
    server.close();
    shaped('repos/create-webhook', hook);
    const found = shaped('repos/get-webhook', await octocat.repos.getWebhook({ ...at, hook_id: hook.data.id }));
    same([found.active, found.events, found.config.secret], [true, ['push'], '********']);
  });
  await check('repos/create-webhook', 'a ping comes, signed', 'event', 'sdk', async () => {
    const { server } = await hooked(['push']);
    const { headers, body } = await server.wait((one) => one.headers['x-github-event'] === 'ping');
    server.close();
    that(/^[0-9a-f-]{36}$/.test(headers['x-github-delivery']), headers);
    that(await verify('s3cr3t', body, headers['x-hub-signature-256']), 'the signature');
    that(JSON.parse(body).zen, body);
  });
  await check('repos/create-webhook', 'the second is 422', 'error', 'docs', async () => {
    const { at, server } = await hooked(['push']);
    server.close();
    await refused(() => octocat.repos.createWebhook({ ...at, config: { url: server.url, content_type: 'json' }, events: ['push'] }), 422);
  });
  await check('repos/create-webhook', 'is for administrators', 'error', 'sdk', () => refused(() => stranger.repos.createWebhook({ ...HELLO, config: { url: 'http://127.0.0.1:1' } }), 403));
  for (const [event, action, act] of [
    ['issues', 'opened', (at) => octocat.issues.create({ ...at, title: 'x' })],
    ['push', undefined, (at) => write(at, 'a', 'b')],
    ['pull_request', 'opened', (at) => pull(at)],
    ['release', 'published', (at) => octocat.repos.createRelease({ ...at, tag_name: 'v1' })],
    ['create', undefined, async (at) => octocat.git.createRef({ ...at, ref: 'refs/heads/n', sha: await head(at) })],
    ['label', 'created', (at) => octocat.issues.createLabel({ ...at, name: 'n', color: 'ffffff' })],
  ]) {
    await check('webhooks', `${event} is told, signed`, 'event', 'sdk', async () => {
      const { at, server } = await hooked([event]);
      await act(at);
      const { headers, body } = await server.wait((one) => one.headers['x-github-event'] === event && JSON.parse(one.body).action === action);
      server.close();
      const told = JSON.parse(body);
      that(await verify('s3cr3t', body, headers['x-hub-signature-256']), 'the signature');
      same([told.repository.full_name, told.sender.login], [`octocat/${at.repo}`, 'octocat']);
      if (event === 'pull_request') same([told.number, told.pull_request.head.ref], [1, 'topic']);
      if (event === 'push') same([told.ref, told.commits.length, told.head_commit.message], ['refs/heads/main', 1, 'write a']);
    });
  }
  await check('webhooks', 'what was not asked for is not told', 'event', 'docs', async () => {
    const { at, server } = await hooked(['push']);
    await octocat.issues.create({ ...at, title: 'x' });
    await write(at, 'a', 'b');
    await server.wait((one) => one.headers['x-github-event'] === 'push');
    server.close();
    that(!server.got.some((one) => one.headers['x-github-event'] === 'issues'));
  });
  await check('repos/list-webhook-deliveries', 'are kept, and sent again on request', 'state', 'sdk', async () => {
    const { at, server, hook } = await hooked(['push']);
    await server.wait(() => true);
    await new Promise((done) => setTimeout(done, 100));
    const of = { ...at, hook_id: hook.data.id };
    const [first] = shaped('repos/list-webhook-deliveries', await octocat.repos.listWebhookDeliveries(of));
    same([first.event, first.status_code, first.redelivery], ['ping', 200, false]);
    const whole = shaped('repos/get-webhook-delivery', await octocat.repos.getWebhookDelivery({ ...of, delivery_id: first.id }));
    that(whole.request.payload.zen);
    same((await octocat.repos.redeliverWebhookDelivery({ ...of, delivery_id: first.id })).status, 202);
    await server.wait(() => server.got.length === 2);
    server.close();
    same(server.got[1].headers['x-github-delivery'], server.got[0].headers['x-github-delivery'], 'its guid');
  });
  await check('repos/delete-webhook', 'it is gone', 'state', 'sdk', async () => {
    const { at, server, hook } = await hooked(['push']);
    server.close();
    same((await octocat.repos.deleteWebhook({ ...at, hook_id: hook.data.id })).status, 204);
    same((await octocat.repos.listWebhooks(at)).data, []);
  });
}

export async function apps() {
  const seed = readFileSync(new URL('./seed.yaml', import.meta.url), 'utf8');
  const privateKey = seed.match(/-----BEGIN[\s\S]*-----END [A-Z ]+-----/)[0].replace(/^ +/gm, '');
  const auth = { appId: 12345, privateKey };
  const app = client(auth, { authStrategy: createAppAuth });
  const installed = client({ ...auth, installationId: 67890 }, { authStrategy: createAppAuth });
  await check('apps/get-authenticated', 'the app by its key', 'shape', 'sdk', async () => same(shaped('apps/get-authenticated', await app.apps.getAuthenticated()).slug, 'suite-app'));
  await check('apps/list-installations', 'lists where it is installed', 'shape', 'sdk', async () => same(shaped('apps/list-installations', await app.apps.listInstallations()).map((one) => one.account.login), ['octocat']));
  await check('apps/create-installation-access-token', 'lasts an hour', 'shape', 'sdk', async () => {
    const made = shaped('apps/create-installation-access-token', await app.apps.createInstallationAccessToken({ installation_id: 67890 }));
    that(made.token.startsWith('ghs_') && made.expires_at, made);
  });
  await check('apps/list-repos-accessible-to-installation', 'lists them', 'shape', 'sdk', async () => {
    that(shaped('apps/list-repos-accessible-to-installation', await installed.apps.listReposAccessibleToInstallation()).repositories.some((one) => one.name === 'hello-world'));
  });
  await check('issues/create', 'an installation writes as its bot', 'state', 'docs', async () => {
    const { data } = await installed.issues.create({ ...(await fresh()), title: 'beep' });
    same([data.user.login, data.user.type], ['suite-app[bot]', 'Bot']);
  });
  await check('repos/delete', 'an installation without the permission is refused', 'error', 'docs', async () => refused(async () => installed.repos.delete(await fresh()), 403));
  await check('apps/get-authenticated', 'another key is 401', 'error', 'sdk', async () => {
    const { generateKeyPairSync } = await import('node:crypto');
    const { privateKey: other } = generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } });
    await refused(() => client({ appId: 12345, privateKey: other }, { authStrategy: createAppAuth }).apps.getAuthenticated(), 401);
  });
  await check('apps/get-authenticated', 'a user\'s token is 401', 'error', 'docs', () => refused(() => octocat.apps.getAuthenticated(), 401));
}

export async function protocol() {
  await check('repos/get', 'an ETag that is known is 304', 'protocol', 'recording', async () => {
    const { headers } = await octocat.repos.get(HELLO);
    that(headers.etag, 'no etag');
    await refused(() => octocat.repos.get({ ...HELLO, headers: { 'if-none-match': headers.etag } }), 304);
  });
  await check('repos/get', 'an ETag of old content is not', 'protocol', 'docs', async () => {
    const at = await fresh();
    const { headers } = await octocat.repos.get(at);
    that(headers.etag, 'no etag');
    await octocat.repos.update({ ...at, description: 'new' });
    same((await octocat.repos.get({ ...at, headers: { 'if-none-match': headers.etag } })).status, 200);
  });
  await check('rate-limit/get', 'does not count, and tells of each', 'shape', 'sdk', async () => {
    const first = shaped('rate-limit/get', await octocat.rateLimit.get());
    same((await octocat.rateLimit.get()).data.rate.remaining, first.rate.remaining);
    same([first.resources.core.limit, first.resources.search.limit], [5000, 30]);
  });
  await check('repos/get', 'each call takes one from the rate', 'protocol', 'recording', async () => {
    const [a, b] = [await octocat.repos.get(HELLO), await octocat.repos.get(HELLO)];
    same(Number(a.headers['x-ratelimit-remaining']) - Number(b.headers['x-ratelimit-remaining']), 1);
    same(b.headers['x-ratelimit-limit'], '5000');
    that(Number(b.headers['x-ratelimit-reset']) > 1e9 && b.headers['x-ratelimit-resource'] === 'core', b.headers);
  });
  await check('repos/get', 'has an id, a media type and the token\'s scopes', 'protocol', 'recording', async () => {
    const { headers } = await octocat.repos.get(HELLO);
    that(headers['x-github-request-id'] && headers['x-github-media-type']?.startsWith('github.v3'), headers);
    that(headers['x-oauth-scopes'].includes('repo'), headers['x-oauth-scopes']);
    same(headers['content-type'], 'application/json; charset=utf-8');
  });
  await check('issues/create', 'a broken body is 400', 'error', 'recording', async () => {
    const answer = await fetch(`${BASE}/repos/octocat/hello-world/issues`, { method: 'POST', headers: { authorization: 'token gho_octocat', 'content-type': 'application/json' }, body: '{"title":' });
    same([answer.status, (await answer.json()).message], [400, 'Problems parsing JSON']);
  });
  await check('unknown', 'what is not there is the API\'s 404', 'error', 'docs', () => refused(() => octocat.request('GET /no/such/thing/at/all'), 404, { message: 'Not Found' }));
  await check('meta/root', 'lists where things are', 'shape', 'recording', async () => that(shaped('meta/root', await octocat.meta.root()).current_user_url.endsWith('/user')));
  await check('meta/get-zen', 'is a sentence', 'shape', 'sdk', async () => that((await octocat.meta.getZen()).data.length > 5));
  await check('repos/get', 'the 61st anonymous call of an hour is refused', 'protocol', 'docs', async () => {
    if (!CONTROL) throw new Error('needs a universe of its own');
    let last;
    for (let i = 0; i < 61; i += 1) last = await fetch(`${BASE}/repos/octocat/hello-world`);
    same([last.status, last.headers.get('x-ratelimit-remaining')], [403, '0']);
    that((await last.json()).message.startsWith('API rate limit exceeded'));
  });
}

export async function graph() {
  const ask = graphql.defaults({ baseUrl: BASE, headers: { authorization: 'token gho_octocat' } });
  await check('graphql', 'viewer', 'shape', 'sdk', async () => same((await ask('{ viewer { login name } }')).viewer, { login: 'octocat', name: 'The Octocat' }));
  await check('graphql', 'repository with aliases, variables and connections', 'state', 'sdk', async () => {
    const at = await fresh();
    for (const title of ['a', 'b', 'c']) await octocat.issues.create({ ...at, title });
    const query = 'query($name: String!, $n: Int = 2) { repo: repository(owner: "octocat", name: $name) { nameWithOwner isPrivate issues(first: $n, states: [OPEN]) { totalCount nodes { number title author { login } } pageInfo { hasNextPage endCursor } } } }';
    const { repo } = await ask(query, { name: at.repo });
    same([repo.issues.totalCount, repo.issues.nodes.map((one) => one.title), repo.issues.pageInfo.hasNextPage], [3, ['a', 'b'], true]);
    const next = await ask(`{ repository(owner: "octocat", name: "${at.repo}") { issues(first: 2, after: "${repo.issues.pageInfo.endCursor}") { nodes { title } } } }`);
    same(next.repository.issues.nodes, [{ title: 'c' }]);
  });
  await check('graphql', 'the history of the default branch through a fragment', 'state', 'sdk', async () => {
    const at = await fresh();
    await write(at, 'a', 'b');
    const { repository } = await ask(`query { repository(owner: "octocat", name: "${at.repo}") { defaultBranchRef { name target { ...C } } } } fragment C on Commit { history(first: 5) { nodes { messageHeadline } } }`);
    same(repository.defaultBranchRef.target.history.nodes.map((one) => one.messageHeadline), ['write a', 'Initial commit']);
  });
  await check('graphql', 'what is not there is NOT_FOUND beside the data', 'error', 'docs', async () => {
    try {
      await ask('{ repository(owner: "octocat", name: "nothing") { name } }');
    } catch (error) {
      return same([error.errors[0].type, error.errors[0].path, error.data], ['NOT_FOUND', ['repository'], { repository: null }]);
    }
    throw new Error('it was answered');
  });
  await check('graphql', 'an unknown field is an error', 'error', 'docs', async () => {
    try {
      await ask('{ viewer { nonsense } }');
    } catch (error) {
      return same(error.errors[0].message, "Field 'nonsense' doesn't exist on type 'User'");
    }
    throw new Error('it was answered');
  });
  await check('graphql', 'needs a token', 'error', 'docs', () => refused(() => anonymous.request('POST /graphql', { query: '{ viewer { login } }' }), 401));
}

export async function program() {
  const folder = mkdtempSync(join(tmpdir(), 'suite-github-'));
  const git = (where, ...args) => run('git', ['-c', 'user.name=T', '-c', 'user.email=t@example.com', ...args], { cwd: where, env: { ...process.env, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_GLOBAL: '/dev/null' } });
  const url = (at, who) => `${BASE.replace('//', `//${who}@`)}/${at.owner}/${at.repo}.git`;
  const mine = 'x-access-token:gho_octocat';
  const clone = async (at, name) => {
    await git(folder, 'clone', '-q', url(at, mine), name);
    return join(folder, name);
  };
  const commit = async (where, name) => {
    writeFileSync(join(where, name), `${name}\n`);
    await git(where, 'add', '.');
    await git(where, 'commit', '-q', '-m', name);
  };
  await check('git/upload-pack', 'clone has the commits', 'protocol', 'docs', async () => {
    const at = await fresh();
    const where = await clone(at, 'one');
    same((await git(where, 'rev-parse', 'HEAD')).stdout.trim(), await head(at));
    await git(where, 'fsck', '--strict');
  });
  await check('git/receive-pack', 'a push is read back over the API', 'state', 'docs', async () => {
    const at = await fresh();
    const where = await clone(at, 'two');
    await commit(where, 'pushed');
    await git(where, 'push', '-q', 'origin', 'main');
    same((await octocat.repos.getContent({ ...at, path: 'pushed' })).data.size, 7);
  });
  await check('git/upload-pack', 'a fetch brings what came since', 'state', 'docs', async () => {
    const at = await fresh();
    const where = await clone(at, 'three');
    const { commit: made } = await write(at, 'later', 'x');
    await git(where, 'pull', '-q');
    same((await git(where, 'rev-parse', 'HEAD')).stdout.trim(), made.sha);
  });
  await check('git/upload-pack', 'a shallow clone has one commit', 'protocol', 'docs', async () => {
    const at = await fresh();
    await write(at, 'a', 'x');
    await git(folder, 'clone', '-q', '--depth', '1', url(at, mine), 'four');
    same((await git(join(folder, 'four'), 'rev-list', '--count', 'HEAD')).stdout.trim(), '1');
  });
  const fails = async (act, says) => {
    try {
      await act();
    } catch (error) {
      return that(error.stderr.includes(says), error.stderr);
    }
    throw new Error('it went through');
  };
  await check('git/receive-pack', 'a push that is no fast-forward is rejected', 'error', 'docs', async () => {
    const at = await fresh();
    const where = await clone(at, 'five');
    await write(at, 'a', 'x');
    await commit(where, 'b');
    await fails(() => git(where, 'push', '-q', 'origin', 'main'), 'rejected');
  });
  await check('git/receive-pack', 'a protected branch declines', 'error', 'docs', async () => {
    const at = await fresh();
    const where = await clone(at, 'six');
    await octocat.repos.updateBranchProtection({ ...at, branch: 'main', required_status_checks: null, enforce_admins: true, required_pull_request_reviews: {}, restrictions: null });
    await commit(where, 'b');
    await fails(() => git(where, 'push', '-q', 'origin', 'main'), 'GH006');
  });
  await check('git/info-refs', 'a private repository is not for anybody', 'error', 'docs', async () => {
    await fails(() => git(folder, 'ls-remote', `${BASE}/octocat/secret.git`), 'could not read Username');
    await fails(() => git(folder, 'ls-remote', url({ owner: 'octocat', repo: 'secret' }, 'x:wrong')), 'Authentication failed');
  });
  rmSync(folder, { recursive: true, force: true });
}
