// Signing in: authentication API, sessions, factors, policies, authorization servers, OpenID Connect.
import { createHash, createHmac as hmac, createPublicKey, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { BASE, all, check, form, raw, refused, same, shaped, that } from './expect.mjs';

const TO = 'http://localhost:3000/callback';
const basic = (id, secret) => ({ authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` });
const WEB = basic('web-client', 'web-client-secret-0123456789');
const part = (text) => JSON.parse(Buffer.from(text, 'base64url'));
const claims = (token) => part(token.split('.')[1]);
const authn = (username, password) => raw('POST', '/api/v1/authn', { username, password }, { authorization: null });

export default async function signing({ c, make, oidc, group, stamp, PASSWORD, id }) {
  const signIn = async (user) => (await authn(user.profile.login, PASSWORD)).json.sessionToken;

  // Authentication and sessions
  await check('authn', 'success gives a session token', 'shape', 'recording', async () => {
    const { status, json } = await authn('alice@example.com', 'Spr1ngIsComing');
    same([status, json.status], [200, 'SUCCESS']);
    shaped('authn', json);
  });
  await check('authn', 'a wrong password', 'error', 'docs', async () => {
    const { status, json } = await authn('bob@example.com', 'wrong');
    same([status, json.errorCode, json.errorSummary], [401, 'E0000004', 'Authentication failed']);
  });
  await check('authn', 'somebody unknown is refused alike', 'error', 'docs', async () => same((await authn('nobody@example.com', 'wrong')).json.errorCode, 'E0000004'));
  await check('authn', 'an expired password has to be changed', 'state', 'docs', async () => {
    const user = await make('oa', { nextLogin: 'changePassword' });
    const { json } = await authn(user.profile.login, PASSWORD);
    same(json.status, 'PASSWORD_EXPIRED');
    const changed = await raw('POST', '/api/v1/authn/credentials/change_password', { stateToken: json.stateToken, oldPassword: PASSWORD, newPassword: 'Qwer5678tyui' }, { authorization: null });
    same(changed.json.status, 'SUCCESS');
    same((await c.userApi.getUser(id(user))).status, 'ACTIVE');
  });
  await check('authn', 'too many wrong passwords lock the user out', 'state', 'sdk', async () => {
    const user = await make('ob');
    for (let n = 0; n < 10; n += 1) await authn(user.profile.login, 'wrong');
    same((await c.userApi.getUser(id(user))).status, 'LOCKED_OUT');
    same((await authn(user.profile.login, PASSWORD)).status, 401);
    await c.userApi.unlockUser(id(user));
    same((await authn(user.profile.login, PASSWORD)).json.status, 'SUCCESS');
  });
  await check('createSession', 'of a session token', 'shape', 'recording', async () => {
    const { status, json } = await raw('POST', '/api/v1/sessions', { sessionToken: await signIn(await make('oc')) });
    same(status, 200);
    shaped('session', json);
  });
  await check('createSession', 'of a token that is none', 'error', 'recording', async () => {
    const { status, json } = await raw('POST', '/api/v1/sessions', { sessionToken: 'invalid_token_12345' });
    same([status, json.errorCode, json.errorSummary], [401, 'E0000004', 'Authentication failed']);
  });
  await check('createSession', 'a session token is good once', 'state', 'docs', async () => {
    const sessionToken = await signIn(await make('od'));
    await raw('POST', '/api/v1/sessions', { sessionToken });
    same((await raw('POST', '/api/v1/sessions', { sessionToken })).status, 401);
  });
  await check('getSession', 'refreshed, and closed', 'state', 'recording', async () => {
    const { json } = await raw('POST', '/api/v1/sessions', { sessionToken: await signIn(await make('oe')) });
    const sessions = c.sessionApi;
    same((await sessions.getSession({ sessionId: json.id })).userId, json.userId);
    same((await sessions.refreshSession({ sessionId: json.id })).status, 'ACTIVE');
    await sessions.revokeSession({ sessionId: json.id });
    await refused(sessions.getSession({ sessionId: json.id }), 404, 'E0000007', `Not found: Resource not found: ${json.id} (AppSession)`);
  });

  // Factors
  const factors = c.userFactorApi;
  const enroll = (user, body, more = '') => raw('POST', `/api/v1/users/${user.id}/factors${more}`, body);
  await check('enrollFactor', 'a text message waits for its code', 'shape', 'recording', async () => {
    const { status, json } = await enroll(await make('fa'), { factorType: 'sms', provider: 'OKTA', profile: { phoneNumber: '+12345678901' } });
    same([status, json.status], [200, 'PENDING_ACTIVATION']);
    shaped('factorSms', json);
  });
  await check('unenrollFactor', 'takes it away', 'state', 'recording', async () => {
    const user = await make('fb');
    const { json } = await enroll(user, { factorType: 'sms', provider: 'OKTA', profile: { phoneNumber: '+12345678901' } });
    await factors.unenrollFactor({ userId: user.id, factorId: json.id });
    await refused(factors.getFactor({ userId: user.id, factorId: json.id }), 404, 'E0000007', `Not found: Resource not found: ${json.id} (UserFactor)`);
  });
  await check('enrollFactor', 'a question is active at once', 'state', 'sdk', async () => {
    const user = await make('fc');
    const { json } = await enroll(user, { factorType: 'question', provider: 'OKTA', profile: { question: 'disliked_food', answer: 'mayonnaise' } });
    same([json.status, json.profile.answer], ['ACTIVE', undefined]);
    same((await raw('POST', `/api/v1/users/${user.id}/factors/${json.id}/verify`, { answer: 'Mayonnaise' })).json.factorResult, 'SUCCESS');
    const wrong = await raw('POST', `/api/v1/users/${user.id}/factors/${json.id}/verify`, { answer: 'mustard' });
    same([wrong.status, wrong.json.errorCode, wrong.json.errorSummary], [403, 'E0000068', 'Invalid Passcode/Answer']);
  });
  const totp = (secret, step) => {
    const bits = [...secret].map((one) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(one).toString(2).padStart(5, '0')).join('');
    const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(step));
    const hash = createHmacSha1(key, counter);
    const offset = hash[19] & 15;
    return String((hash.readUInt32BE(offset) & 0x7fffffff) % 1e6).padStart(6, '0');
  };
  await check('activateFactor', 'a time-based code of the shared secret', 'state', 'docs', async () => {
    const user = await make('fd');
    const { json, headers } = await enroll(user, { factorType: 'token:software:totp', provider: 'GOOGLE' });
    const { sharedSecret, timeStep } = json._embedded.activation;
    const step = Math.floor(Date.parse(headers.get('date')) / 1000 / timeStep);
    const active = await raw('POST', `/api/v1/users/${user.id}/factors/${json.id}/lifecycle/activate`, { passCode: totp(sharedSecret, step) });
    same(active.json.status, 'ACTIVE');
    same((await raw('POST', `/api/v1/users/${user.id}/factors/${json.id}/verify`, { passCode: '000000' === totp(sharedSecret, step) ? '111111' : '000000' })).status, 403);
  });
  await check('listSupportedFactors', 'what can be enrolled', 'state', 'sdk', async () => {
    const found = await all(factors.listSupportedFactors({ userId: '00ubob' }));
    for (const kind of ['sms', 'question', 'token:software:totp', 'push']) that(found.some((one) => one.factorType === kind), kind);
  });
  await check('resetFactors', 'takes all away', 'state', 'recording', async () => {
    const user = await make('fe');
    await enroll(user, { factorType: 'question', provider: 'OKTA', profile: { question: 'disliked_food', answer: 'mayonnaise' } });
    await c.userApi.resetFactors(id(user));
    same(await all(factors.listFactors({ userId: user.id })), []);
  });
  await check('listSupportedSecurityQuestions', 'has questions', 'state', 'sdk', async () => that((await all(factors.listSupportedSecurityQuestions({ userId: '00ubob' }))).some((one) => one.question === 'disliked_food')));

  // Policies
  const policies = c.policyApi;
  const policy = (type, name, more = {}) => raw('POST', '/api/v1/policies', { type, name: `${name} ${stamp}`, status: 'ACTIVE', description: 'x', ...more });
  for (const [type, kind] of [['OKTA_SIGN_ON', 'policySignOn'], ['PASSWORD', 'policyPassword'], ['ACCESS_POLICY', 'policyAccess']]) {
    const conditions = type === 'ACCESS_POLICY' ? {} : { conditions: { people: { groups: { include: [(await group(`po ${type}`))?.id ?? '00geng'] } } } };
    await check('createPolicy', `the fields of ${type}`, 'shape', 'recording', async () => shaped(kind, (await policy(type, `pa ${type}`, conditions)).json));
    await check('listPolicies', `the system's own of ${type} is there`, 'state', 'recording', async () => that((await all(policies.listPolicies({ type }))).some((one) => one.system)));
  }
  await check('createPolicy', 'answers 200', 'protocol', 'recording', async () => same((await policy('ACCESS_POLICY', 'pb')).status, 200));
  await check('listPolicies', 'without a type', 'error', 'docs', async () => same((await raw('GET', '/api/v1/policies')).status, 400));
  await check('getPolicy', 'of the class of its type', 'shape', 'sdk', async () => same((await policies.getPolicy({ policyId: (await policy('ACCESS_POLICY', 'pc')).json.id })).constructor.name, 'AccessPolicy'));
  await check('deactivatePolicy', 'and on again', 'state', 'recording', async () => {
    const { json } = await policy('ACCESS_POLICY', 'pd');
    await policies.deactivatePolicy({ policyId: json.id });
    same((await policies.getPolicy({ policyId: json.id })).status, 'INACTIVE');
    await policies.activatePolicy({ policyId: json.id });
    same((await policies.getPolicy({ policyId: json.id })).status, 'ACTIVE');
  });
  await check('deletePolicy', 'takes it away', 'state', 'recording', async () => {
    const { json } = await policy('ACCESS_POLICY', 'pe');
    await policies.deletePolicy({ policyId: json.id });
    await refused(policies.getPolicy({ policyId: json.id }), 404, 'E0000007', `Not found: Resource not found: ${json.id} (Policy)`);
  });
  const rules = [
    ['OKTA_SIGN_ON', 'SIGN_ON', 'ruleSignOn', { signon: { access: 'ALLOW', requireFactor: false, session: { usePersistentCookie: false, maxSessionIdleMinutes: 720, maxSessionLifetimeMinutes: 0 } } }],
    ['PASSWORD', 'PASSWORD', 'rulePassword', { passwordChange: { access: 'ALLOW' }, selfServicePasswordReset: { access: 'ALLOW' }, selfServiceUnlock: { access: 'ALLOW' } }],
    ['ACCESS_POLICY', 'ACCESS_POLICY', 'ruleAccess', { appSignOn: { access: 'ALLOW', verificationMethod: { factorMode: '1FA', type: 'ASSURANCE' } } }],
  ];
  for (const [type, kind, shape, actions] of rules) {
    await check('createPolicyRule', `the fields of ${kind}`, 'shape', 'recording', async () => {
      const { json } = await policy(type, `pf ${type}`);
      const made = await raw('POST', `/api/v1/policies/${json.id}/rules`, { type: kind, name: 'r', actions });
      same(made.status, 200);
      shaped(shape, made.json);
      same((await all(policies.listPolicyRules({ policyId: json.id }))).map((one) => one.id), [made.json.id]);
    });
  }
  await check('createPolicyRule', 'a factor that a rule asks for', 'state', 'docs', async () => {
    const [one, user] = [await group('mfa'), await make('mfa')];
    await c.groupApi.assignUserToGroup({ groupId: one.id, userId: user.id });
    const { json } = await policy('OKTA_SIGN_ON', 'mfa', { priority: 1, conditions: { people: { groups: { include: [one.id] } } } });
    await raw('POST', `/api/v1/policies/${json.id}/rules`, { type: 'SIGN_ON', name: 'mfa', actions: { signon: { access: 'ALLOW', requireFactor: true, factorPromptMode: 'ALWAYS' } } });
    same((await authn(user.profile.login, PASSWORD)).json.status, 'MFA_ENROLL');
    const factor = (await enroll(user, { factorType: 'question', provider: 'OKTA', profile: { question: 'disliked_food', answer: 'mayonnaise' } })).json;
    const asked = (await authn(user.profile.login, PASSWORD)).json;
    same([asked.status, asked._embedded.factors.map((found) => found.factorType)], ['MFA_REQUIRED', ['question']]);
    const done = await raw('POST', `/api/v1/authn/factors/${factor.id}/verify`, { stateToken: asked.stateToken, answer: 'mayonnaise' }, { authorization: null });
    same(done.json.status, 'SUCCESS');
  });

  // Authorization servers
  const servers = c.authorizationServerApi;
  const server = async (name) => (await raw('POST', '/api/v1/authorizationServers', { name: `${name} ${stamp}`, description: name, audiences: [`api://${name}`] })).json;
  await check('createAuthorizationServer', 'answers 201 with a server', 'shape', 'recording', async () => {
    const { status, json } = await raw('POST', '/api/v1/authorizationServers', { name: `sa ${stamp}`, description: 'x', audiences: ['api://sa'] });
    same(status, 201);
    shaped('server', json);
    that(json.issuer.endsWith(`/oauth2/${json.id}`), json.issuer);
  });
  await check('listAuthorizationServers', 'has the default one', 'state', 'recording', async () => that((await all(servers.listAuthorizationServers())).some((one) => one.id === 'default')));
  await check('replaceAuthorizationServer', 'changes it', 'state', 'recording', async () => {
    const one = await server('sb');
    const { json } = await raw('PUT', `/api/v1/authorizationServers/${one.id}`, { name: `sb2 ${stamp}`, description: 'y', audiences: ['api://sb2'] });
    same([json.name, json.audiences], [`sb2 ${stamp}`, ['api://sb2']]);
  });
  await check('deleteAuthorizationServer', 'takes it away', 'state', 'recording', async () => {
    const one = await server('sc');
    await servers.deleteAuthorizationServer({ authServerId: one.id });
    await refused(servers.getAuthorizationServer({ authServerId: one.id }), 404, 'E0000007');
  });
  const parts = [
    ['createOAuth2Scope', 'scope', 'scopes', { name: 'car:drive', description: 'Drive' }, { name: 'car:drive', description: 'Ride' }],
    ['createOAuth2Claim', 'claim', 'claims', { name: 'support', claimType: 'RESOURCE', valueType: 'EXPRESSION', value: '"driving!"', status: 'ACTIVE' }, { name: 'support', claimType: 'RESOURCE', valueType: 'EXPRESSION', value: '"riding!"' }],
    ['createAuthorizationServerPolicy', 'serverPolicy', 'policies', { type: 'OAUTH_AUTHORIZATION_POLICY', name: 'p', description: 'p', priority: 1, conditions: { clients: { include: ['ALL_CLIENTS'] } } }, { type: 'OAUTH_AUTHORIZATION_POLICY', name: 'p', description: 'q', priority: 1, conditions: { clients: { include: ['ALL_CLIENTS'] } } }],
  ];
  for (const [operation, shape, path, made, changed] of parts) {
    await check(operation, 'made, changed, taken away', 'state', 'recording', async () => {
      const own = `/api/v1/authorizationServers/${(await server(`sd ${path}`)).id}/${path}`;
      const { status, json } = await raw('POST', own, made);
      same(status, 201);
      shaped(shape, json);
      const put = (await raw('PUT', `${own}/${json.id}`, changed)).json;
      that(Object.entries(changed).every(([name, value]) => JSON.stringify(put[name]) === JSON.stringify(value)), put);
      same((await raw('DELETE', `${own}/${json.id}`)).status, 204);
      same((await raw('GET', `${own}/${json.id}`)).json.errorCode, 'E0000007');
    });
  }
  const access = { type: 'RESOURCE_ACCESS', name: 'r', priority: 1, conditions: { people: { groups: { include: ['EVERYONE'] } }, grantTypes: { include: ['client_credentials', 'authorization_code'] }, scopes: { include: ['*'] } }, actions: { token: { accessTokenLifetimeMinutes: 30 } } };
  await check('createAuthorizationServerPolicyRule', 'the fields', 'shape', 'recording', async () => {
    const own = `/api/v1/authorizationServers/${(await server('se')).id}/policies`;
    const { json } = await raw('POST', own, parts[2][3]);
    const made = await raw('POST', `${own}/${json.id}/rules`, access);
    same(made.status, 201);
    shaped('serverRule', made.json);
  });
  await check('listAuthorizationServerKeys', 'the fields', 'shape', 'recording', async () => shaped('serverKey', (await raw('GET', '/api/v1/authorizationServers/default/credentials/keys')).json[0]));

  // OpenID Connect
  const own = '/oauth2/default';
  await check('discovery', 'says where everything is', 'shape', 'sdk', async () => {
    const { json } = await raw('GET', `${own}/.well-known/openid-configuration`, undefined, { authorization: null });
    same(json.issuer, BASE + own);
    for (const name of ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri', 'introspection_endpoint', 'revocation_endpoint', 'end_session_endpoint']) that(json[name]?.startsWith(`${BASE}${own}/v1/`), name);
    that(json.code_challenge_methods_supported.includes('S256') && json.grant_types_supported.includes('refresh_token'));
  });
  await check('discovery', 'of the org', 'shape', 'sdk', async () => same((await raw('GET', '/.well-known/openid-configuration')).json.token_endpoint, `${BASE}/oauth2/v1/token`));
  await check('discovery', 'of OAuth', 'shape', 'sdk', async () => same((await raw('GET', `${own}/.well-known/oauth-authorization-server`)).json.issuer, BASE + own));
  const pkce = () => {
    const verifier = randomBytes(32).toString('base64url');
    return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
  };
  const authorize = (fields, headers = {}) =>
    raw('GET', `${own}/v1/authorize?${new URLSearchParams({ client_id: 'web-client', response_type: 'code', scope: 'openid profile email offline_access', redirect_uri: TO, state: 's', nonce: 'n', ...fields })}`, undefined, { authorization: null, ...headers });
  const codeOf = (answer) => new URL(answer.headers.get('location')).searchParams.get('code');
  const token = (fields, headers = WEB) => form(`${own}/v1/token`, fields, headers);
  const whole = async (user, scope = 'openid profile email offline_access') => {
    const code = codeOf(await authorize({ sessionToken: await signIn(user), scope }));
    return (await token({ grant_type: 'authorization_code', code, redirect_uri: TO })).json;
  };
  await check('authorize', 'a session token gives a code', 'protocol', 'docs', async () => {
    const answer = await authorize({ sessionToken: await signIn(await make('za')) });
    same(answer.status, 302);
    const to = new URL(answer.headers.get('location'));
    that(to.href.startsWith(TO) && to.searchParams.get('state') === 's' && to.searchParams.get('code'), to.href);
  });
  await check('authorize', 'a form where nobody is signed in', 'protocol', 'docs', async () => {
    const answer = await authorize({});
    that(answer.status === 200 && /<form/.test(answer.text), answer.status);
  });
  await check('authorize', 'prompt=none where nobody is signed in', 'error', 'docs', async () => same(new URL((await authorize({ prompt: 'none' })).headers.get('location')).searchParams.get('error'), 'login_required'));
  await check('authorize', 'a client that is not there', 'error', 'docs', async () => same((await authorize({ client_id: 'nobody' })).status, 400));
  await check('authorize', 'a redirect_uri that is not its own', 'error', 'docs', async () => same((await authorize({ redirect_uri: 'http://evil.example' })).status, 400));
  await check('authorize', 'a scope that is not there', 'error', 'docs', async () => same(new URL((await authorize({ scope: 'openid nonsense' })).headers.get('location')).searchParams.get('error'), 'invalid_scope'));
  await check('token', 'a code gives all three tokens', 'shape', 'sdk', async () => {
    const given = await whole(await make('zb'));
    same([given.token_type, typeof given.expires_in, typeof given.access_token, typeof given.id_token, typeof given.refresh_token], ['Bearer', 'number', 'string', 'string', 'string']);
    same(given.scope.split(' ').sort(), ['email', 'offline_access', 'openid', 'profile']);
  });
  await check('token', 'tokens are signed by the published key', 'protocol', 'sdk', async () => {
    const given = await whole(await make('zc'));
    const { keys } = (await raw('GET', `${own}/v1/keys`, undefined, { authorization: null })).json;
    for (const one of [given.access_token, given.id_token]) {
      const [head, body, mark] = one.split('.');
      const { kid, alg } = part(head);
      same(alg, 'RS256');
      const key = createPublicKey({ key: keys.find((found) => found.kid === kid), format: 'jwk' });
      that(verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(mark, 'base64url')), 'not signed by it');
    }
  });
  await check('token', 'the claims of an ID token', 'shape', 'docs', async () => {
    const user = await make('zd');
    const found = claims((await whole(user)).id_token);
    same([found.sub, found.iss, found.aud, found.nonce, found.email, found.preferred_username], [user.id, BASE + own, 'web-client', 'n', user.profile.email, user.profile.login]);
    that(found.exp > found.iat && found.auth_time && found.amr.includes('pwd') && found.at_hash && found.jti.startsWith('ID.'), found);
  });
  await check('token', 'the claims of an access token', 'shape', 'docs', async () => {
    const user = await make('ze');
    const found = claims((await whole(user)).access_token);
    same([found.sub, found.uid, found.cid, found.iss, found.aud, found.ver], [user.profile.login, user.id, 'web-client', BASE + own, 'api://default', 1]);
    that(Array.isArray(found.scp) && found.scp.includes('openid') && found.jti.startsWith('AT.'), found);
  });
  await check('token', 'a code is good once', 'error', 'docs', async () => {
    const code = codeOf(await authorize({ sessionToken: await signIn(await make('zf')) }));
    const first = await token({ grant_type: 'authorization_code', code, redirect_uri: TO });
    const again = await token({ grant_type: 'authorization_code', code, redirect_uri: TO });
    same([first.status, again.status, again.json.error, again.json.error_description], [200, 400, 'invalid_grant', 'The authorization code is invalid or has expired.']);
  });
  const page = async (user, verifier, challenge) => {
    const code = codeOf(await authorize({ client_id: 'spa-client', sessionToken: await signIn(user), code_challenge: challenge, code_challenge_method: 'S256' }));
    return token({ grant_type: 'authorization_code', code, redirect_uri: TO, client_id: 'spa-client', code_verifier: verifier }, {});
  };
  await check('token', 'PKCE proves a public client', 'protocol', 'sdk', async () => {
    const { verifier, challenge } = pkce();
    same((await page(await make('zg'), verifier, challenge)).status, 200);
  });
  await check('token', 'PKCE with another verifier', 'error', 'docs', async () => {
    const { json, status } = await page(await make('zh'), pkce().verifier, pkce().challenge);
    same([status, json.error, json.error_description], [400, 'invalid_grant', 'PKCE verification failed.']);
  });
  await check('authorize', 'a public client without PKCE', 'error', 'docs', async () => same(new URL((await authorize({ client_id: 'spa-client' })).headers.get('location')).searchParams.get('error'), 'invalid_request'));
  await check('token', 'refresh tokens of a public client rotate', 'state', 'docs', async () => {
    const { verifier, challenge } = pkce();
    const first = (await page(await make('zi'), verifier, challenge)).json;
    const refresh = (text) => token({ grant_type: 'refresh_token', refresh_token: text, client_id: 'spa-client', scope: 'openid offline_access' }, {});
    const second = await refresh(first.refresh_token);
    same(second.status, 200);
    that(second.json.refresh_token !== first.refresh_token, 'the same again');
    same((await refresh(first.refresh_token)).json.error, 'invalid_grant');
    same((await refresh(second.json.refresh_token)).json.error, 'invalid_grant', 'after the old one was used again: error');
  });
  await check('token', 'a confidential client keeps its refresh token', 'state', 'docs', async () => {
    const first = await whole(await make('zj'));
    const { json } = await token({ grant_type: 'refresh_token', refresh_token: first.refresh_token });
    same(json.refresh_token, first.refresh_token);
    that(json.access_token !== first.access_token);
  });
  await check('token', 'a secret that is wrong', 'error', 'docs', async () => {
    const { status, json } = await token({ grant_type: 'client_credentials', scope: 'x' }, basic('web-client', 'wrong'));
    same([status, json.error, json.error_description], [401, 'invalid_client', 'The client secret supplied for a confidential client is invalid.']);
  });
  await check('token', 'a grant that is not known', 'error', 'sdk', async () => same((await token({ grant_type: 'nonsense' })).json.error, 'unsupported_grant_type'));
  await check('token', 'a grant that is not the client\'s', 'error', 'sdk', async () => same((await token({ grant_type: 'password', client_id: 'spa-client', username: 'a', password: 'b', scope: 'openid' }, {})).json.error, 'unauthorized_client'));
  await check('token', 'client credentials need a scope of the server', 'error', 'docs', async () => same((await token({ grant_type: 'client_credentials', scope: 'nonsense' })).json.error, 'invalid_scope'));
  await check('token', 'client credentials', 'state', 'sdk', async () => {
    await raw('POST', '/api/v1/authorizationServers/default/scopes', { name: `work.${stamp}` });
    const { status, json } = await token({ grant_type: 'client_credentials', scope: `work.${stamp}` });
    same([status, json.refresh_token, json.id_token], [200, undefined, undefined]);
    same([claims(json.access_token).sub, claims(json.access_token).uid], ['web-client', undefined]);
  });
  await check('token', 'a password', 'state', 'docs', async () => same((await token({ grant_type: 'password', username: 'alice@example.com', password: 'Spr1ngIsComing', scope: 'openid' })).status, 200));
  await check('token', 'a wrong password', 'error', 'docs', async () => {
    const { json } = await token({ grant_type: 'password', username: 'alice@example.com', password: 'wrong', scope: 'openid' });
    same([json.error, json.error_description], ['invalid_grant', 'The credentials provided were invalid.']);
  });
  await check('introspect', 'a live token', 'state', 'sdk', async () => {
    const user = await make('zk');
    const { access_token: text } = await whole(user);
    const { json } = await form(`${own}/v1/introspect`, { token: text, token_type_hint: 'access_token' }, WEB);
    same([json.active, json.username, json.client_id, json.token_type, json.uid], [true, user.profile.login, 'web-client', 'Bearer', user.id]);
  });
  await check('introspect', 'a token that is none', 'state', 'sdk', async () => same((await form(`${own}/v1/introspect`, { token: 'nonsense' }, WEB)).json, { active: false }));
  await check('introspect', 'without a client', 'error', 'sdk', async () => same((await form(`${own}/v1/introspect`, { token: 'x' })).status, 401));
  await check('revoke', 'a token that was live is not', 'state', 'sdk', async () => {
    const { access_token: text } = await whole(await make('zl'));
    same((await form(`${own}/v1/revoke`, { token: text }, WEB)).status, 200);
    same((await form(`${own}/v1/introspect`, { token: text }, WEB)).json.active, false);
  });
  await check('userinfo', 'of the user', 'state', 'sdk', async () => {
    const user = await make('zm');
    const { json } = await raw('GET', `${own}/v1/userinfo`, undefined, { authorization: `Bearer ${(await whole(user)).access_token}` });
    same([json.sub, json.email, json.preferred_username, json.given_name, json.email_verified], [user.id, user.profile.email, user.profile.login, 'Test', true]);
  });
  await check('userinfo', 'a token that is none', 'error', 'sdk', async () => {
    const { status, headers } = await raw('GET', `${own}/v1/userinfo`, undefined, { authorization: 'Bearer nonsense' });
    same(status, 401);
    that(/invalid_token/.test(headers.get('www-authenticate') ?? ''), 'no www-authenticate');
  });
  await check('token', 'claims of the server\'s owner', 'state', 'docs', async () => {
    const one = await server('sf');
    const base = `/api/v1/authorizationServers/${one.id}`;
    await raw('POST', `${base}/claims`, { name: 'dept', claimType: 'RESOURCE', valueType: 'EXPRESSION', value: 'user.department' });
    await raw('POST', `${base}/claims`, { name: 'teams', claimType: 'IDENTITY', valueType: 'GROUPS', group_filter_type: 'STARTS_WITH', value: 'Eng' });
    const ask = async () => {
      const fields = new URLSearchParams({ client_id: 'web-client', response_type: 'code', scope: 'openid', redirect_uri: TO, state: 's', sessionToken: (await authn('alice@example.com', 'Spr1ngIsComing')).json.sessionToken });
      return raw('GET', `/oauth2/${one.id}/v1/authorize?${fields}`, undefined, { authorization: null });
    };
    same(new URL((await ask()).headers.get('location')).searchParams.get('error'), 'access_denied', 'without a policy: error');
    const { json } = await raw('POST', `${base}/policies`, parts[2][3]);
    await raw('POST', `${base}/policies/${json.id}/rules`, access);
    const given = (await form(`/oauth2/${one.id}/v1/token`, { grant_type: 'authorization_code', code: codeOf(await ask()), redirect_uri: TO }, WEB)).json;
    same([claims(given.access_token).dept, claims(given.id_token).teams, given.expires_in], ['Engineering', ['Engineering'], 1800]);
  });

  // Okta's own API by OAuth
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const service = async () => {
    const key = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'RS256' };
    const { json } = await raw('POST', '/api/v1/apps', { name: 'oidc_client', label: `svc ${randomBytes(4).toString('hex')}`, signOnMode: 'OPENID_CONNECT', credentials: { oauthClient: { token_endpoint_auth_method: 'private_key_jwt' } }, settings: { oauthClient: { application_type: 'service', grant_types: ['client_credentials'], response_types: ['token'], jwks: { keys: [key] } } } });
    return json.id;
  };
  const bearer = async (scope) => {
    const client = await service();
    const now = Math.floor(Date.parse((await raw('GET', '/.well-known/okta-organization')).headers.get('date')) / 1000);
    const head = Buffer.from(JSON.stringify({ alg: 'RS256', kid: 'k1' })).toString('base64url');
    const body = Buffer.from(JSON.stringify({ iss: client, sub: client, aud: `${BASE}/oauth2/v1/token`, iat: now, exp: now + 300, jti: randomBytes(8).toString('hex') })).toString('base64url');
    const mark = sign('sha256', Buffer.from(`${head}.${body}`), pair.privateKey).toString('base64url');
    return form('/oauth2/v1/token', { grant_type: 'client_credentials', scope, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: `${head}.${body}.${mark}` });
  };
  await check('token', 'a service app\'s key gives scopes of Okta', 'state', 'recording', async () => {
    const { status, json } = await bearer('okta.users.read');
    same([status, json.scope, json.expires_in], [200, 'okta.users.read', 3600]);
    same((await raw('GET', '/api/v1/users/00ualice', undefined, { authorization: `Bearer ${json.access_token}` })).json.id, '00ualice');
  });
  await check('protocol', 'a scope that is missing', 'error', 'sdk', async () => {
    const { json } = await bearer('okta.users.read');
    const found = await raw('DELETE', '/api/v1/users/00ualice', undefined, { authorization: `Bearer ${json.access_token}` });
    same([found.status, found.json.errorCode, found.json.errorSummary], [403, 'E0000006', 'You do not have permission to perform the requested action']);
  });
  await check('protocol', 'a bearer token that is none', 'error', 'docs', async () => same((await raw('GET', '/api/v1/users', undefined, { authorization: 'Bearer nonsense' })).status, 401));
}

function createHmacSha1(key, message) {
  return hmac('sha1', key).update(message).digest();
}
