// The operations that are asked for less often: each is called once, and what it did is read back.
import { BASE, check, form, raw, same, shaped, that } from './expect.mjs';

export default async function rest({ make, bookmark, oidc, group, stamp, PASSWORD }) {
  const get = async (path) => (await raw('GET', path)).json;
  const post = (path, body) => raw('POST', path, body);
  const open = (path, body, headers = {}) => raw('POST', path, body, { authorization: null, ...headers });
  const ids = (list) => list.map((one) => one.id);

  // Groups, rules, apps
  await check('replaceGroupRule', 'only while it is inactive', 'state', 'sdk', async () => {
    const one = await group('xa');
    const body = { type: 'group_rule', name: `xa ${stamp}`, conditions: { expression: { type: 'urn:okta:expression:1.0', value: 'user.city=="xa"' } }, actions: { assignUserToGroups: { groupIds: [one.id] } } };
    const { json } = await post('/api/v1/groups/rules', body);
    const own = `/api/v1/groups/rules/${json.id}`;
    that(ids(await get('/api/v1/groups/rules?limit=200')).includes(json.id));
    same((await raw('PUT', own, { ...body, name: `xb ${stamp}` })).json.name, `xb ${stamp}`);
    await post(`${own}/lifecycle/activate`);
    same((await raw('PUT', own, body)).status, 400);
    same((await post(`${own}/lifecycle/deactivate`)).status, 204);
    same((await get(own)).status, 'INACTIVE');
  });
  await check('deleteGroupOwner', 'takes one away', 'state', 'sdk', async () => {
    const own = `/api/v1/groups/${(await group('xc')).id}/owners`;
    await post(own, { id: '00ualice', type: 'USER' });
    same((await raw('DELETE', `${own}/00ualice`)).status, 204);
    same(await get(own), []);
  });
  await check('activateApplication', 'one that was not', 'state', 'sdk', async () => {
    const own = `/api/v1/apps/${(await bookmark('xd')).id}`;
    await post(`${own}/lifecycle/deactivate`);
    same((await get(own))._links.activate !== undefined, true);
    same((await post(`${own}/lifecycle/activate`)).status, 200);
    same((await get(own)).status, 'ACTIVE');
  });
  await check('updateApplicationUser', 'another name in the app', 'state', 'sdk', async () => {
    const [app, user] = [await bookmark('xe'), await make('xe')];
    const own = `/api/v1/apps/${app.id}/users`;
    await post(own, { id: user.id });
    same((await post(`${own}/${user.id}`, { credentials: { userName: 'other' } })).json.credentials.userName, 'other');
    same((await get(`${own}/${user.id}`)).credentials.userName, 'other');
  });
  await check('updateGroupAssignmentToApplication', 'and taken away', 'state', 'sdk', async () => {
    const [app, one] = [await bookmark('xf'), await group('xf')];
    const own = `/api/v1/apps/${app.id}/groups`;
    await raw('PUT', `${own}/${one.id}`, {});
    same((await raw('PATCH', `${own}/${one.id}`, [{ op: 'replace', path: '/priority', value: 5 }])).json.priority, 5);
    same((await get(`${own}/${one.id}`)).priority, 5);
    same(ids(await get(own)), [one.id]);
    same((await raw('DELETE', `${own}/${one.id}`)).status, 204);
    same((await get(`${own}/${one.id}`)).errorCode, 'E0000007');
  });
  await check('listApplicationKeys', 'the key that signs', 'state', 'recording', async () => {
    const own = `/api/v1/apps/${(await oidc('xg')).id}/credentials/keys`;
    const [key] = await get(own);
    same([key.kty, key.use, typeof key.kid, typeof key.created], ['RSA', 'sig', 'string', 'string']);
    same((await get(`${own}/${key.kid}`)).kid, key.kid);
  });
  await check('activateOAuth2ClientSecret', 'off, on, off and gone', 'state', 'sdk', async () => {
    const own = `/api/v1/apps/${(await oidc('xh')).id}/credentials/secrets`;
    const { json } = await post(own, { client_secret: 'a-secret-of-my-own-choice' });
    same((await get(`${own}/${json.id}`)).client_secret, 'a-secret-of-my-own-choice');
    for (const [turn, status] of [['deactivate', 'INACTIVE'], ['activate', 'ACTIVE'], ['deactivate', 'INACTIVE']]) {
      same((await post(`${own}/${json.id}/lifecycle/${turn}`)).json.status, status);
    }
    same((await raw('DELETE', `${own}/${json.id}`)).status, 204);
    same((await get(own)).length, 1);
  });
  await check('createOAuth2ClientSecret', 'one that is too short', 'error', 'sdk', async () =>
    same((await post(`/api/v1/apps/${(await oidc('xi')).id}/credentials/secrets`, { client_secret: 'short' })).json.errorCauses[0].errorSummary, `client_secret: 'client_secret' must be at least '14' characters long.`));
  await check('activateDefaultProvisioningConnectionForApplication', 'and what it does', 'state', 'sdk', async () => {
    const app = `/api/v1/apps/${(await bookmark('xj')).id}`;
    const own = `${app}/connections/default`;
    const { json } = await post(own, { baseUrl: 'http://127.0.0.1:9/scim', profile: { authScheme: 'TOKEN', token: 'secret' } });
    same([json.status, json.profile.authScheme, json.profile.token], ['DISABLED', 'TOKEN', undefined]);
    same((await post(`${own}/lifecycle/activate`)).status, 204);
    same((await get(own)).status, 'ENABLED');
    const feature = await raw('PUT', `${app}/features/USER_PROVISIONING`, { create: { lifecycleCreate: { status: 'DISABLED' } } });
    same([feature.json.capabilities.create.lifecycleCreate.status, feature.json.capabilities.update.profile.status], ['DISABLED', 'ENABLED']);
    same((await get(`${app}/features`))[0].name, 'USER_PROVISIONING');
    same((await post(`${own}/lifecycle/deactivate`)).status, 204);
    same((await get(own)).status, 'DISABLED');
  });

  // Policies
  const policy = async (type, name, more = {}) => (await post('/api/v1/policies', { type, name: `${name} ${stamp}`, ...more })).json;
  await check('replacePolicy', 'another name', 'state', 'recording', async () => {
    const one = await policy('OKTA_SIGN_ON', 'xk');
    same((await raw('PUT', `/api/v1/policies/${one.id}`, { type: 'OKTA_SIGN_ON', name: `xk2 ${stamp}` })).json.name, `xk2 ${stamp}`);
    same((await get(`/api/v1/policies/${one.id}`)).name, `xk2 ${stamp}`);
  });
  await check('clonePolicy', 'with its rules', 'state', 'sdk', async () => {
    const one = await policy('ACCESS_POLICY', 'xl');
    await post(`/api/v1/policies/${one.id}/rules`, { type: 'ACCESS_POLICY', name: 'r' });
    const { status, json } = await post(`/api/v1/policies/${one.id}/clone`);
    that(status === 200 && json.id !== one.id && json.name.includes(`xl ${stamp}`), json);
    same((await get(`/api/v1/policies/${json.id}/rules`)).map((rule) => rule.name), ['r']);
  });
  await check('mapResourceToPolicy', 'and taken away', 'state', 'sdk', async () => {
    const [one, app] = [await policy('ACCESS_POLICY', 'xm'), await bookmark('xm')];
    const own = `/api/v1/policies/${one.id}/mappings`;
    const { json } = await post(own, { resourceId: app.id, resourceType: 'APP' });
    that(json._links.application.href.endsWith(app.id), json);
    same([ids(await get(own)), (await get(`${own}/${json.id}`)).id], [[json.id], json.id]);
    same((await raw('DELETE', `${own}/${json.id}`)).status, 204);
    same(await get(own), []);
  });
  await check('assignApplicationPolicy', 'the app links to it', 'state', 'recording', async () => {
    const [one, app] = [await policy('ACCESS_POLICY', 'xn'), await bookmark('xn')];
    same((await raw('PUT', `/api/v1/apps/${app.id}/policies/${one.id}`)).status, 204);
    that((await get(`/api/v1/apps/${app.id}`))._links.accessPolicy.href.endsWith(one.id));
  });
  await check('replacePolicyRule', 'changed, off, on and gone', 'state', 'recording', async () => {
    const own = `/api/v1/policies/${(await policy('OKTA_SIGN_ON', 'xo')).id}/rules`;
    const { json } = await post(own, { type: 'SIGN_ON', name: 'r' });
    const changed = await raw('PUT', `${own}/${json.id}`, { type: 'SIGN_ON', name: 'q', actions: { signon: { access: 'DENY' } } });
    same([changed.json.name, changed.json.actions.signon.access], ['q', 'DENY']);
    for (const [turn, status] of [['deactivate', 'INACTIVE'], ['activate', 'ACTIVE']]) {
      same((await post(`${own}/${json.id}/lifecycle/${turn}`)).status, 204);
      same((await get(`${own}/${json.id}`)).status, status);
    }
    same((await raw('DELETE', `${own}/${json.id}`)).status, 204);
    same((await get(`${own}/${json.id}`)).errorSummary, `Not found: Resource not found: ${json.id} (PolicyRule)`);
  });

  // Authorization servers
  const server = async (name) => `/api/v1/authorizationServers/${(await post('/api/v1/authorizationServers', { name: `${name} ${stamp}`, audiences: ['api://x'] })).json.id}`;
  await check('deactivateAuthorizationServer', 'it gives no tokens, and then again', 'state', 'sdk', async () => {
    const own = await server('xp');
    const known = () => raw('GET', `/oauth2/${own.split('/').at(-1)}/.well-known/openid-configuration`);
    same((await post(`${own}/lifecycle/deactivate`)).status, 204);
    same([(await get(own)).status, (await known()).status], ['INACTIVE', 404]);
    same((await post(`${own}/lifecycle/activate`)).status, 204);
    same((await known()).status, 200);
  });
  await check('listOAuth2Scopes', 'those of each server', 'state', 'recording', async () => {
    const names = (await get(`${await server('xq')}/scopes`)).map((one) => one.name);
    that(['openid', 'profile', 'email', 'address', 'phone', 'offline_access'].every((name) => names.includes(name)), names);
  });
  await check('listOAuth2Claims', 'those of each server', 'state', 'recording', async () => {
    const found = await get(`${await server('xr')}/claims`);
    that(found.find((one) => one.name === 'sub').value === '(appuser != null) ? appuser.userName : app.clientId');
    found.slice(0, 2).forEach((one) => shaped('claim', one));
  });
  await check('rotateAuthorizationServerKeys', 'gives keys', 'state', 'recording', async () => {
    const own = `${await server('xs')}/credentials`;
    const { status, json } = await post(`${own}/lifecycle/keyRotate`, { use: 'sig' });
    same([status, json[0].status], [200, 'ACTIVE']);
    same((await get(`${own}/keys/${json[0].kid}`)).kid, json[0].kid);
  });
  await check('replaceAuthorizationServerPolicyRule', 'changed, off, on and gone', 'state', 'recording', async () => {
    const policies = `${await server('xt')}/policies`;
    const { json: one } = await post(policies, { type: 'OAUTH_AUTHORIZATION_POLICY', name: 'p', description: 'p', priority: 1, conditions: { clients: { include: ['ALL_CLIENTS'] } } });
    const own = `${policies}/${one.id}/rules`;
    const body = { type: 'RESOURCE_ACCESS', name: 'r', priority: 1, conditions: { people: { groups: { include: ['EVERYONE'] } }, grantTypes: { include: ['client_credentials'] }, scopes: { include: ['*'] } }, actions: { token: { accessTokenLifetimeMinutes: 60 } } };
    const { json } = await post(own, body);
    same((await raw('PUT', `${own}/${json.id}`, { ...body, name: 'q' })).json.name, 'q');
    for (const path of [`${own}/${json.id}`, `${policies}/${one.id}`]) {
      for (const [turn, status] of [['deactivate', 'INACTIVE'], ['activate', 'ACTIVE']]) {
        same((await post(`${path}/lifecycle/${turn}`)).status, 204);
        same((await get(path)).status, status);
      }
    }
    same([ids(await get(policies)), ids(await get(own))], [[one.id], [json.id]]);
    same((await raw('DELETE', `${own}/${json.id}`)).status, 204);
    same(await get(own), []);
  });

  // Refresh tokens, as administrators see them
  const WEB = { authorization: `Basic ${Buffer.from('web-client:web-client-secret-0123456789').toString('base64')}` };
  const token = async (user) => (await form('/oauth2/default/v1/token', { grant_type: 'password', username: user.profile.login, password: PASSWORD, scope: 'openid offline_access' }, WEB)).json;
  const used = async (text) => (await form('/oauth2/default/v1/token', { grant_type: 'refresh_token', refresh_token: text }, WEB)).status;
  for (const [operation, one, path] of [
    ['revokeTokenForUserAndClient', true, (user) => `/api/v1/users/${user.id}/clients/web-client/tokens`],
    ['revokeTokensForUserAndClient', false, (user) => `/api/v1/users/${user.id}/clients/web-client/tokens`],
    ['revokeRefreshTokenForAuthorizationServerAndClient', true, () => '/api/v1/authorizationServers/default/clients/web-client/tokens'],
    ['revokeOAuth2TokenForApplication', true, () => '/api/v1/apps/web-client/tokens'],
    ['revokeRefreshTokensForAuthorizationServerAndClient', false, () => '/api/v1/authorizationServers/default/clients/web-client/tokens'],
    ['revokeOAuth2TokensForApplication', false, () => '/api/v1/apps/web-client/tokens'],
  ]) {
    await check(operation, 'the token is of no use any more', 'state', 'sdk', async () => {
      const user = await make('xu');
      const { refresh_token: text } = await token(user);
      const found = (await get(path(user))).find((known) => known.userId === user.id);
      same([found.status, found.clientId, found.scopes], ['ACTIVE', 'web-client', ['openid', 'offline_access']]);
      same((await get(`${path(user)}/${found.id}`)).id, found.id);
      same((await raw('DELETE', one ? `${path(user)}/${found.id}` : path(user))).status, 204);
      same(await used(text), 400);
    });
  }
  await check('listOAuth2ClientsForAuthorizationServer', 'who has refresh tokens of it', 'state', 'sdk', async () => {
    await token(await make('xv'));
    that((await get('/api/v1/authorizationServers/default/clients')).some((one) => one.client_id === 'web-client'));
  });

  // Hooks, types, zones, origins, tokens, roles
  await check('replaceEventHook', 'another address has to be verified', 'state', 'sdk', async () => {
    const body = { name: `xw ${stamp}`, events: { type: 'EVENT_TYPE', items: ['user.lifecycle.create'] }, channel: { type: 'HTTP', version: '1.0.0', config: { uri: 'https://example.com/a' } } };
    const { json } = await post('/api/v1/eventHooks', body);
    const own = `/api/v1/eventHooks/${json.id}`;
    body.channel.config.uri = 'https://example.com/b';
    const changed = (await raw('PUT', own, body)).json;
    same([changed.channel.config.uri, changed.verificationStatus], ['https://example.com/b', 'UNVERIFIED']);
    await post(`${own}/lifecycle/deactivate`);
    same((await post(`${own}/lifecycle/activate`)).json.status, 'ACTIVE');
    that(ids(await get('/api/v1/eventHooks')).includes(json.id));
  });
  await check('replaceUserType', 'other words for it', 'state', 'recording', async () => {
    const { json } = await post('/api/v1/meta/types/user', { name: `xx_${stamp}`, displayName: 'X' });
    const own = `/api/v1/meta/types/user/${json.id}`;
    same((await post(own, { displayName: 'Y' })).json.displayName, 'Y');
    same((await raw('PUT', own, { name: `xx_${stamp}`, displayName: 'Z', description: 'd' })).json.description, 'd');
    that((await get('/api/v1/meta/types/user')).some((one) => one.default));
    same((await get('/api/v1/meta/types/user/default')).name, 'user');
  });
  await check('getUserSchema', 'the attributes that all have', 'state', 'recording', async () => {
    const { definitions } = await get('/api/v1/meta/schemas/user/default');
    same(definitions.base.required.slice().sort(), ['email', 'firstName', 'lastName', 'login']);
  });
  await check('replaceNetworkZone', 'changed, off and on', 'state', 'recording', async () => {
    const body = { type: 'IP', name: `xy ${stamp}`, gateways: [{ type: 'CIDR', value: '1.2.3.4/24' }] };
    const { json } = await post('/api/v1/zones', body);
    const own = `/api/v1/zones/${json.id}`;
    same((await raw('PUT', own, { ...body, name: `xy2 ${stamp}` })).json.name, `xy2 ${stamp}`);
    await post(`${own}/lifecycle/deactivate`);
    same((await post(`${own}/lifecycle/activate`)).json.status, 'ACTIVE');
  });
  for (const [operation, path, body] of [
    ['deleteNetworkZone', '/api/v1/zones', { type: 'IP', name: `xya ${stamp}`, gateways: [{ type: 'CIDR', value: '1.2.3.4/24' }] }],
    ['deleteEventHook', '/api/v1/eventHooks', { name: `xyb ${stamp}`, events: { type: 'EVENT_TYPE', items: ['user.lifecycle.create'] }, channel: { type: 'HTTP', version: '1.0.0', config: { uri: 'https://example.com/a' } } }],
  ]) {
    await check(operation, 'one that is active', 'error', 'docs', async () => {
      const { json } = await post(path, body);
      that((await raw('DELETE', `${path}/${json.id}`)).status >= 400, 'it was deleted');
    });
  }
  await check('replaceTrustedOrigin', 'changed, off and on', 'state', 'recording', async () => {
    const body = { name: `xz ${stamp}`, origin: `http://xz${stamp}.example.com`, scopes: [{ type: 'CORS' }] };
    const { json } = await post('/api/v1/trustedOrigins', body);
    const own = `/api/v1/trustedOrigins/${json.id}`;
    same((await raw('PUT', own, { ...body, name: `xz2 ${stamp}` })).json.name, `xz2 ${stamp}`);
    await post(`${own}/lifecycle/deactivate`);
    same((await post(`${own}/lifecycle/activate`)).json.status, 'ACTIVE');
    that(ids(await get('/api/v1/trustedOrigins')).includes(json.id));
  });
  await check('getApiToken', 'one of the list', 'state', 'recording', async () => {
    const [one] = await get('/api/v1/api-tokens');
    same((await get(`/api/v1/api-tokens/${one.id}`)).id, one.id);
    same((await get('/api/v1/api-tokens/00Tnone')).errorCode, 'E0000007');
  });
  await check('getUserAssignedRole', 'one of the list', 'state', 'recording', async () => {
    const own = `/api/v1/users/${(await make('wa')).id}/roles`;
    const { json } = await post(own, { type: 'HELP_DESK_ADMIN' });
    same((await get(`${own}/${json.id}`)).type, 'HELP_DESK_ADMIN');
    same((await post(own, { type: 'HELP_DESK_ADMIN' })).status, 409);
  });

  // Signing in, step by step
  const recovery = async (name) => {
    const user = await make(name);
    await post(`/api/v1/users/${user.id}/credentials/change_recovery_question`, { password: { value: PASSWORD }, recovery_question: { question: 'Who?', answer: 'nobody' } });
    return user;
  };
  await check('recoverPassword', 'a token, a question, a new password', 'state', 'docs', async () => {
    const user = await recovery('wb');
    same((await open('/api/v1/authn/recovery/password', { username: user.profile.login, factorType: 'EMAIL' })).json.status, 'RECOVERY_CHALLENGE');
    const { resetPasswordUrl } = (await post(`/api/v1/users/${user.id}/credentials/forgot_password?sendEmail=false`)).json;
    const begun = (await open('/api/v1/authn/recovery/token', { recoveryToken: resetPasswordUrl.split('/').at(-1) })).json;
    same([begun.status, begun._embedded.user.recovery_question.question], ['RECOVERY', 'Who?']);
    same((await open('/api/v1/authn/recovery/answer', { stateToken: begun.stateToken, answer: 'me' })).json.errorCode, 'E0000087');
    same((await open('/api/v1/authn/recovery/answer', { stateToken: begun.stateToken, answer: 'nobody' })).json.status, 'PASSWORD_RESET');
    same((await open('/api/v1/authn/credentials/reset_password', { stateToken: begun.stateToken, newPassword: 'Asdf4567ghjk' })).json.status, 'SUCCESS');
  });
  await check('forgotPasswordSetNewPassword', 'by the answer', 'state', 'sdk', async () => {
    const user = await recovery('wc');
    const ask = (answer) => post(`/api/v1/users/${user.id}/credentials/forgot_password_recovery_question`, { password: { value: 'Asdf4567ghjk' }, recovery_question: { answer } });
    same([(await ask('me')).status, (await ask('nobody')).status], [403, 200]);
  });
  await check('cancelAuthn', 'the state is gone', 'state', 'docs', async () => {
    const user = await make('wd', { nextLogin: 'changePassword' });
    const { stateToken } = (await open('/api/v1/authn', { username: user.profile.login, password: PASSWORD })).json;
    same((await open('/api/v1/authn', { stateToken })).json.status, 'PASSWORD_EXPIRED');
    same((await open('/api/v1/authn/cancel', { stateToken })).status, 200);
    const gone = await open('/api/v1/authn', { stateToken });
    same([gone.status, gone.json.errorCode, gone.json.errorSummary], [401, 'E0000011', 'Invalid token provided']);
  });
  const signedIn = async (user) => {
    const { sessionToken } = (await open('/api/v1/authn', { username: user.profile.login, password: PASSWORD })).json;
    const answer = await raw('GET', `/login/sessionCookieRedirect?token=${sessionToken}&redirectUrl=${encodeURIComponent('http://localhost:3000/in')}`, undefined, { authorization: null });
    return { answer, cookie: { authorization: null, cookie: (answer.headers.get('set-cookie') ?? '').split(';')[0] } };
  };
  await check('getCurrentSession', 'a browser\'s, by its cookie', 'state', 'docs', async () => {
    const user = await make('we');
    const { answer, cookie } = await signedIn(user);
    same([answer.status, answer.headers.get('location')], [302, 'http://localhost:3000/in']);
    same((await raw('GET', '/api/v1/sessions/me', undefined, cookie)).json.userId, user.id);
    same((await raw('GET', '/api/v1/users/me', undefined, cookie)).json.id, user.id);
    same((await raw('POST', '/api/v1/sessions/me/lifecycle/refresh', undefined, cookie)).status, 200);
    same((await raw('DELETE', '/api/v1/sessions/me', undefined, cookie)).status, 204);
    same((await raw('GET', '/api/v1/sessions/me', undefined, cookie)).status, 404);
  });
  await check('signInPage', 'a person signs in by the form, and out again', 'state', 'docs', async () => {
    const user = await make('wf');
    const query = new URLSearchParams({ client_id: 'web-client', response_type: 'code', scope: 'openid', redirect_uri: 'http://localhost:3000/callback', state: 's' });
    const page = await raw('GET', `/oauth2/default/v1/authorize?${query}`, undefined, { authorization: null });
    const wanted = /name="authorize" value="([^"]*)"/.exec(page.text)[1].replaceAll('&amp;', '&');
    const action = /action="([^"]*)"/.exec(page.text)[1];
    const sent = await form(action, { authorize: wanted, username: user.profile.login, password: PASSWORD });
    same(sent.status, 302);
    const cookie = { authorization: null, cookie: sent.headers.get('set-cookie').split(';')[0] };
    const back = await raw('GET', sent.headers.get('location'), undefined, cookie);
    const code = new URL(back.headers.get('location')).searchParams.get('code');
    const { id_token: hint } = (await form('/oauth2/default/v1/token', { grant_type: 'authorization_code', code, redirect_uri: 'http://localhost:3000/callback' }, WEB)).json;
    const out = await raw('GET', `/oauth2/default/v1/logout?id_token_hint=${hint}`, undefined, cookie);
    that(out.status === 302 && out.headers.get('location').startsWith(BASE), out.status);
    same((await raw('GET', '/api/v1/sessions/me', undefined, cookie)).status, 404);
  });
  await check('getFactorTransactionStatus', 'a push waits for its answer', 'state', 'docs', async () => {
    const user = await make('wg');
    const made = await post(`/api/v1/users/${user.id}/factors`, { factorType: 'push', provider: 'OKTA' });
    same([made.json.status, made.json._embedded.activation.factorResult], ['PENDING_ACTIVATION', 'WAITING']);
  });
  await check('resendEnrollFactor', 'answers 200', 'protocol', 'sdk', async () => {
    const user = await make('wh');
    const { json } = await post(`/api/v1/users/${user.id}/factors`, { factorType: 'sms', provider: 'OKTA', profile: { phoneNumber: '+12345678901' } });
    same((await post(`/api/v1/users/${user.id}/factors/${json.id}/resend`, { factorType: 'sms' })).status, 200);
  });
  await check('revokeApiToken', 'the token is of no use any more', 'error', 'sdk', async () => {
    const spare = { authorization: 'SSWS 00_okta_spare' };
    same((await raw('DELETE', '/api/v1/api-tokens/current', undefined, spare)).status, 204);
    same((await raw('GET', '/api/v1/users/me', undefined, spare)).json.errorCode, 'E0000011');
  });
}
