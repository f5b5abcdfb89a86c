// What a program sees of Okta through its official SDK for Node, and by HTTP where the SDK has no call.
import okta from '@okta/okta-sdk-nodejs';
import { TOKEN, BASE, all, check, raw, refused, same, shaped, that } from './expect.mjs';
import signing from './oidc.mjs';
import events from './events.mjs';
import rest from './rest.mjs';

const client = (token) => new okta.Client({ orgUrl: BASE, token, rateLimit: { maxRetries: 0 }, cacheStore: undefined, cacheMiddleware: null });
const c = client(TOKEN);
const users = c.userApi;
const stamp = Date.now().toString(36);
const PASSWORD = 'Abcd1234efgh';
let count = 0;
const login = (name) => `${name}.${stamp}${(count += 1)}@example.com`;
const profile = (name, more = {}) => {
  const own = login(name);
  return { firstName: 'Test', lastName: name, email: own, login: own, ...more };
};
const make = (name, { activate = true, password = PASSWORD, more = {}, ...rest } = {}) =>
  users.createUser({ activate, ...rest, body: { profile: profile(name, more), ...(password ? { credentials: { password: { value: password } } } : {}) } });
const statusOf = async (id) => (await users.getUser({ userId: id, id })).status;
const becomes = async (id, wanted) => same(await statusOf(id), wanted, 'status');
const life = (name, id, more = {}) => users[name]({ userId: id, id, ...more });
const id = (user) => ({ userId: user.id, id: user.id });

// Users
await check('createUser', 'an active user with a password', 'state', 'recording', async () => same((await make('a')).status, 'ACTIVE'));
await check('createUser', 'staged without activation', 'state', 'recording', async () => same((await make('b', { activate: false })).status, 'STAGED'));
await check('createUser', 'provisioned without a password', 'state', 'recording', async () => same((await make('c', { password: null })).status, 'PROVISIONED'));
await check('createUser', 'a password to be changed', 'state', 'sdk', async () => same((await make('d', { nextLogin: 'changePassword' })).status, 'PASSWORD_EXPIRED'));
await check('createUser', 'answers 200, as no other creation of a user', 'protocol', 'recording', async () =>
  same((await raw('POST', '/api/v1/users?activate=true', { profile: profile('e') })).status, 200));
for (const [status, options] of [['ACTIVE', {}], ['STAGED', { activate: false }], ['PROVISIONED', { password: null }]]) {
  await check('createUser', `the fields of a user, ${status}`, 'shape', 'recording', async () =>
    shaped('user', (await raw('GET', `/api/v1/users/${(await make('f', options)).id}`)).json));
}
await check('createUser', 'dates are dates', 'shape', 'sdk', async () => that((await make('g')).created instanceof Date));
await check('createUser', 'no password in the answer', 'shape', 'recording', async () => same((await make('h')).credentials.password, {}));
await check('createUser', 'a login that is taken', 'error', 'sdk', async () => {
  const user = await make('i');
  await refused(users.createUser({ body: { profile: { ...user.profile } } }), 400, 'E0000001', 'Api validation failed: login', 'login: An object with this field already exists in the current organization');
});
await check('createUser', 'without a login', 'error', 'sdk', () =>
  refused(users.createUser({ body: { profile: { firstName: 'a', lastName: 'b', email: login('j') } } }), 400, 'E0000001', 'Api validation failed: login', 'login: The field cannot be left blank'));
await check('createUser', 'an attribute that is not defined', 'error', 'recording', () =>
  refused(users.createUser({ body: { profile: profile('k', { notValid: true }) } }), 400, 'E0000001', 'Api validation failed: newUser', `Property name 'notValid' is not defined in profile`));
await check('createUser', 'a weak password', 'error', 'docs', () => refused(make('l', { password: 'short' }), 400, 'E0000001', 'Api validation failed: password'));
await check('createUser', 'an expired password without one', 'error', 'sdk', () => refused(make('m', { password: null, nextLogin: 'changePassword' }), 400, 'E0000124'));
await check('createUser', 'an expired password without activation', 'error', 'sdk', () => refused(make('m2', { activate: false, nextLogin: 'changePassword' }), 400, 'E0000125'));
await check('createUser', 'into groups', 'state', 'sdk', async () => {
  const user = await users.createUser({ body: { profile: profile('n'), groupIds: ['00gops'] } });
  that((await all(users.listUserGroups(id(user)))).some((one) => one.id === '00gops'));
});
await check('getUser', 'by id', 'state', 'recording', async () => same((await users.getUser({ userId: '00ualice', id: '00ualice' })).profile.login, 'alice@example.com'));
await check('getUser', 'by login', 'state', 'sdk', async () => same((await users.getUser({ userId: 'alice@example.com', id: 'alice@example.com' })).id, '00ualice'));
await check('getUser', 'by the short form of the login', 'state', 'sdk', async () => same((await users.getUser({ userId: 'alice', id: 'alice' })).id, '00ualice'));
await check('getUser', 'me is who owns the token', 'state', 'sdk', async () => same((await users.getUser({ userId: 'me', id: 'me' })).id, '00uadmin'));
await check('getUser', 'one that is not there', 'error', 'recording', () => refused(users.getUser({ userId: '00unobody', id: '00unobody' }), 404, 'E0000007', 'Not found: Resource not found: 00unobody (User)'));
await check('getUser', 'the form of an error', 'shape', 'recording', async () => shaped('error', (await raw('GET', '/api/v1/users/nobody')).json));
await check('getUser', 'an error links to itself and has an id', 'shape', 'recording', async () => {
  const { json } = await raw('GET', '/api/v1/users/nobody');
  same([json.errorLink, json.errorCauses], ['E0000007', []]);
  that(/^oae[\w-]{20,24}$/.test(json.errorId), json.errorId);
});
await check('getUser', 'links for what an active user can become', 'shape', 'recording', async () => {
  const { json } = await raw('GET', `/api/v1/users/${(await make('o')).id}`);
  same(Object.keys(json._links).sort(), ['changePassword', 'changeRecoveryQuestion', 'deactivate', 'expirePassword', 'forgotPassword', 'resetFactors', 'resetPassword', 'schema', 'self', 'suspend', 'type']);
});
await check('getUser', 'links for what a staged user can become', 'shape', 'recording', async () => {
  const { json } = await raw('GET', `/api/v1/users/${(await make('p', { activate: false })).id}`);
  same(Object.keys(json._links).sort(), ['activate', 'resetFactors', 'schema', 'self', 'type']);
});
await check('updateUser', 'changes what is given alone', 'state', 'recording', async () => {
  const user = await make('q', { more: { nickName: 'q' } });
  const changed = await users.updateUser({ ...id(user), user: { profile: { department: 'X' } } });
  same([changed.profile.department, changed.profile.nickName], ['X', 'q']);
});
await check('replaceUser', 'takes away what is not given', 'state', 'sdk', async () => {
  const user = await make('r', { more: { nickName: 'r' } });
  const { login, email, firstName, lastName } = user.profile;
  const changed = await users.replaceUser({ ...id(user), user: { profile: { login, email, firstName, lastName, title: 'T' } } });
  same([changed.profile.title, changed.profile.nickName], ['T', undefined]);
});
await check('replaceUser', 'without a required attribute', 'error', 'sdk', async () => {
  const user = await make('s');
  await refused(users.replaceUser({ ...id(user), user: { profile: { login: user.profile.login, email: user.profile.email, firstName: 'a' } } }), 400, 'E0000001', 'Api validation failed: lastName', 'lastName: The field cannot be left blank');
});
await check('updateUser', 'a new login is found and the old one is not', 'state', 'sdk', async () => {
  const user = await make('t');
  const next = login('t2');
  await users.updateUser({ ...id(user), user: { profile: { login: next } } });
  same((await users.getUser({ userId: next, id: next })).id, user.id);
  await refused(users.getUser({ userId: user.profile.login, id: user.profile.login }), 404, 'E0000007');
});

// Lists
const logins = (list) => list.map((one) => one.profile.login);
await check('listUsers', 'leaves out who is deprovisioned', 'state', 'sdk', async () => that(!logins(await all(users.listUsers())).includes('dave@example.com')));
await check('listUsers', 'a list shows the link to itself alone', 'shape', 'recording', async () => {
  const { json } = await raw('GET', '/api/v1/users?limit=1');
  same(Object.keys(json[0]._links), ['self']);
});
await check('listUsers', 'pages by a link', 'protocol', 'recording', async () => {
  const { json, headers } = await raw('GET', '/api/v1/users?limit=2');
  same(json.length, 2);
  const link = headers.get('link') ?? '';
  that(/rel="self"/.test(link) && /<[^>]*[?&]after=[^>]*>; rel="next"/.test(link), link);
});
await check('listUsers', 'the SDK walks all pages', 'protocol', 'sdk', async () => {
  const [some, whole] = [await all(users.listUsers({ limit: 2 })), await all(users.listUsers())];
  same(logins(some).sort(), logins(whole).sort());
  same(new Set(logins(some)).size, some.length);
});
await check('listUsers', 'the last page has no next', 'protocol', 'sdk', async () => that(!/rel="next"/.test((await raw('GET', '/api/v1/users?limit=200')).headers.get('link') ?? '')));
const search = (search, more = {}) => all(users.listUsers({ search, ...more })).then(logins);
await check('listUsers', 'search: eq', 'state', 'sdk', async () => same(await search('profile.login eq "alice@example.com"'), ['alice@example.com']));
await check('listUsers', 'search: sw', 'state', 'sdk', async () => same(await search('profile.login sw "bob@"'), ['bob@example.com']));
await check('listUsers', 'search: by status', 'state', 'sdk', async () => that((await search('status eq "SUSPENDED"')).includes('carol@example.com')));
await check('listUsers', 'search: and', 'state', 'sdk', async () => same(await search('profile.department eq "Engineering" and status eq "ACTIVE" and profile.firstName eq "Alice"'), ['alice@example.com']));
await check('listUsers', 'search: or with parentheses', 'state', 'sdk', async () =>
  same((await search('(profile.login eq "alice@example.com" or profile.login eq "bob@example.com") and status eq "ACTIVE"')).sort(), ['alice@example.com', 'bob@example.com']));
await check('listUsers', 'search: pr', 'state', 'sdk', async () => that((await search('profile.department pr')).includes('bob@example.com')));
await check('listUsers', 'search: by a date', 'state', 'sdk', async () => {
  that((await search('created gt "2020-01-01T00:00:00.000Z"')).includes('alice@example.com'));
  same(await search('created lt "2020-01-01T00:00:00.000Z"'), []);
});
await check('listUsers', 'search: sorted', 'state', 'sdk', async () => {
  const found = await search('profile.lastName pr and (profile.firstName eq "Alice" or profile.firstName eq "Bob" or profile.firstName eq "Ada")', { sortBy: 'profile.firstName', sortOrder: 'desc' });
  same(found, ['bob@example.com', 'alice@example.com', 'admin@example.com']);
});
await check('listUsers', 'search: one that is none', 'error', 'sdk', () => refused(all(users.listUsers({ search: 'profile.login = "a"' })), 400, 'E0000031', 'Invalid search criteria.'));
await check('listUsers', 'search finds who is deprovisioned', 'state', 'docs', async () => that((await search('status eq "DEPROVISIONED"')).includes('dave@example.com')));
await check('listUsers', 'filter: status', 'state', 'recording', async () => {
  const found = await all(users.listUsers({ filter: 'status eq "ACTIVE"' }));
  that(found.length > 2 && found.every((one) => one.status === 'ACTIVE'));
});
await check('listUsers', 'filter: id', 'state', 'sdk', async () => same(logins(await all(users.listUsers({ filter: 'id eq "00ubob"' }))), ['bob@example.com']));
await check('listUsers', 'filter: an attribute that cannot be filtered by', 'error', 'docs', () => refused(all(users.listUsers({ filter: 'profile.department eq "X"' })), 400, 'E0000031'));
await check('listUsers', 'q: by the start of a name', 'state', 'sdk', async () => that(logins(await all(users.listUsers({ q: 'ali' }))).includes('alice@example.com')));
await check('listUsers', 'q: not by the middle of a name', 'state', 'sdk', async () => that(!logins(await all(users.listUsers({ q: 'lice' }))).includes('alice@example.com')));

// Lifecycle
await check('activateUser', 'staged with a password becomes active', 'state', 'recording', async () => {
  const user = await make('la', { activate: false });
  await life('activateUser', user.id, { sendEmail: false });
  await becomes(user.id, 'ACTIVE');
});
await check('activateUser', 'gives a link and a token where no mail is sent', 'shape', 'recording', async () => {
  const user = await make('lb', { activate: false, password: null });
  const given = await life('activateUser', user.id, { sendEmail: false });
  that(given.activationToken && given.activationUrl.endsWith(given.activationToken), given);
  await becomes(user.id, 'PROVISIONED');
});
await check('activateUser', 'one that is active already', 'error', 'docs', async () => refused(life('activateUser', (await make('lc')).id), 403, 'E0000016', 'Activation failed because the user is already active'));
await check('reactivateUser', 'one who is provisioned', 'state', 'sdk', async () => that((await life('reactivateUser', (await make('ld', { password: null })).id, { sendEmail: false })).activationToken));
await check('reactivateUser', 'one who is staged', 'error', 'recording', async () => refused(life('reactivateUser', (await make('le', { activate: false })).id, { sendEmail: false }), 403, 'E0000038', `This operation is not allowed in the user's current status.`));
await check('suspendUser', 'and back', 'state', 'recording', async () => {
  const user = await make('lf');
  await life('suspendUser', user.id);
  await becomes(user.id, 'SUSPENDED');
  await life('unsuspendUser', user.id);
  await becomes(user.id, 'ACTIVE');
});
await check('suspendUser', 'answers {}', 'shape', 'recording', async () => same((await raw('POST', `/api/v1/users/${(await make('lg')).id}/lifecycle/suspend`)).json, {}));
await check('suspendUser', 'one who is suspended', 'error', 'sdk', () => refused(life('suspendUser', '00ucarol'), 400, 'E0000001', 'Api validation failed: suspendUser', 'Cannot suspend a user that is not active'));
await check('unsuspendUser', 'one who is active', 'error', 'sdk', () => refused(life('unsuspendUser', '00ualice'), 400, 'E0000001', 'Api validation failed: unsuspendUser', 'Cannot unsuspend a user that is not suspended'));
await check('unlockUser', 'one who is not locked out', 'error', 'recording', () => refused(life('unlockUser', '00ualice'), 403, 'E0000032', 'Unlock is not allowed for this user.', 'The user is not locked out.'));
await check('expirePassword', 'shows the user', 'state', 'recording', async () => same((await life('expirePassword', (await make('lh')).id)).status, 'PASSWORD_EXPIRED'));
await check('expirePasswordWithTempPassword', 'gives one that signs in', 'state', 'recording', async () => {
  const user = await make('li');
  const { tempPassword } = (await raw('POST', `/api/v1/users/${user.id}/lifecycle/expire_password_with_temp_password`)).json;
  const { json } = await raw('POST', '/api/v1/authn', { username: user.profile.login, password: tempPassword }, { authorization: null });
  same(json.status, 'PASSWORD_EXPIRED');
});
await check('resetPassword', 'gives a link, and the user recovers', 'state', 'recording', async () => {
  const user = await make('lj');
  const given = (await raw('POST', `/api/v1/users/${user.id}/lifecycle/reset_password?sendEmail=false`)).json;
  that(/\/reset_password\/.+/.test(given.resetPasswordUrl), given);
  await becomes(user.id, 'RECOVERY');
});
await check('forgotPassword', 'gives a link', 'shape', 'recording', async () => that(/\/signin\/reset-password\/.+/.test((await life('forgotPassword', (await make('lk')).id, { sendEmail: false })).resetPasswordUrl)));
const change = (user, oldPassword, newPassword) => users.changePassword({ ...id(user), changePasswordRequest: { oldPassword: { value: oldPassword }, newPassword: { value: newPassword } } });
await check('changePassword', 'the new one signs in and the old one does not', 'state', 'sdk', async () => {
  const user = await make('ll');
  const shown = await change(user, PASSWORD, 'Zyxw9876vuts');
  same(shown.provider.type, 'OKTA');
  const sign = (password) => raw('POST', '/api/v1/authn', { username: user.profile.login, password }, { authorization: null });
  same([(await sign(PASSWORD)).status, (await sign('Zyxw9876vuts')).json.status], [401, 'SUCCESS']);
});
await check('changePassword', 'a wrong old one', 'error', 'sdk', async () => refused(change(await make('lm'), 'nonsense', 'Zyxw9876vuts'), 403, 'E0000014', 'Update of credentials failed'));
await check('changePassword', 'one that was used before', 'error', 'docs', async () => refused(change(await make('ln'), PASSWORD, PASSWORD), 400, 'E0000001', 'Api validation failed: password'));
await check('changeRecoveryQuestion', 'shows the question alone', 'state', 'sdk', async () => {
  const user = await make('lo');
  const shown = await users.changeRecoveryQuestion({ ...id(user), userCredentials: { password: { value: PASSWORD }, recovery_question: { question: 'Who?', answer: 'nobody' } } });
  same([shown.recovery_question.question, shown.recovery_question.answer], ['Who?', undefined]);
});
await check('resetFactors', 'answers 200', 'protocol', 'recording', async () => same((await raw('POST', `/api/v1/users/${(await make('lp')).id}/lifecycle/reset_factors`)).status, 200));
await check('deactivateUser', 'deprovisions', 'state', 'recording', async () => {
  const user = await make('lq');
  await life('deactivateUser', user.id);
  await becomes(user.id, 'DEPROVISIONED');
});
await check('deleteUser', 'first deactivates, then deletes', 'state', 'sdk', async () => {
  const user = await make('lr');
  await life('deleteUser', user.id);
  await becomes(user.id, 'DEPROVISIONED');
  await life('deleteUser', user.id);
  await refused(users.getUser(id(user)), 404, 'E0000007');
});
await check('deleteUser', 'answers 204', 'protocol', 'recording', async () => same((await raw('DELETE', `/api/v1/users/${(await make('ls')).id}`)).status, 204));
await check('updateUser', 'one who is deprovisioned', 'error', 'docs', () => refused(users.updateUser({ userId: '00udave', id: '00udave', user: { profile: { title: 'x' } } }), 403, 'E0000038'));
await check('listAppLinks', 'of whom an app is assigned to', 'state', 'sdk', async () => {
  const found = await all(users.listAppLinks({ userId: '00ualice', id: '00ualice' }));
  that(found.some((one) => one.label === 'Handbook' && one.linkUrl && one.appInstanceId === '0oabook'), found);
});
await check('listAppLinks', 'of whom none is assigned to', 'state', 'recording', async () => same(await all(users.listAppLinks(id(await make('lt')))), []));
await check('listUserGroups', 'Everyone and the others', 'state', 'recording', async () => same((await all(users.listUserGroups({ userId: '00ualice', id: '00ualice' }))).map((one) => one.profile.name).sort(), ['Engineering', 'Everyone']));
await check('revokeUserSessions', 'ends them', 'state', 'sdk', async () => {
  const user = await make('lu');
  const { json } = await raw('POST', '/api/v1/authn', { username: user.profile.login, password: PASSWORD }, { authorization: null });
  const session = (await raw('POST', '/api/v1/sessions', { sessionToken: json.sessionToken })).json;
  await life('revokeUserSessions', user.id);
  same((await raw('GET', `/api/v1/sessions/${session.id}`)).status, 404);
});

// Groups and rules
const groups = c.groupApi;
const group = (name) => raw('POST', '/api/v1/groups', { profile: { name: `${name} ${stamp}`, description: name } }).then(({ json }) => json);
await check('addGroup', 'answers 200 with a group', 'shape', 'recording', async () => {
  const { status, json } = await raw('POST', '/api/v1/groups', { profile: { name: `ga ${stamp}` } });
  same(status, 200);
  shaped('group', json);
});
await check('addGroup', 'a name that is taken', 'error', 'docs', async () => {
  const { status, json } = await raw('POST', '/api/v1/groups', { profile: { name: 'Engineering' } });
  same([status, json.errorCode, json.errorSummary, json.errorCauses[0].errorSummary], [400, 'E0000001', 'Api validation failed: name', 'name: An object with this field already exists in the current organization']);
});
await check('addGroup', 'without a name', 'error', 'docs', async () => same((await raw('POST', '/api/v1/groups', { profile: {} })).json.errorCode, 'E0000001'));
await check('getGroup', 'one that is not there', 'error', 'recording', () => refused(groups.getGroup({ groupId: '00gnone' }), 404, 'E0000007'));
await check('replaceGroup', 'changes name and description', 'state', 'sdk', async () => {
  const one = await group('gb');
  const { json } = await raw('PUT', `/api/v1/groups/${one.id}`, { profile: { name: `gb2 ${stamp}`, description: 'new' } });
  same([json.profile.name, (await groups.getGroup({ groupId: one.id })).profile.description], [`gb2 ${stamp}`, 'new']);
});
await check('deleteGroup', 'takes it away', 'state', 'recording', async () => {
  const one = await group('gc');
  await groups.deleteGroup({ groupId: one.id });
  await refused(groups.getGroup({ groupId: one.id }), 404, 'E0000007');
});
await check('assignUserToGroup', 'and away again', 'state', 'recording', async () => {
  const [one, user] = [await group('gd'), await make('gd')];
  await groups.assignUserToGroup({ groupId: one.id, userId: user.id });
  same((await all(groups.listGroupUsers({ groupId: one.id }))).map((found) => found.id), [user.id]);
  await groups.unassignUserFromGroup({ groupId: one.id, userId: user.id });
  same(await all(groups.listGroupUsers({ groupId: one.id })), []);
});
await check('assignUserToGroup', 'somebody who is not there', 'error', 'recording', async () => refused(groups.assignUserToGroup({ groupId: '00gops', userId: '00unone' }), 404, 'E0000007', 'Not found: Resource not found: 00unone (User)'));
await check('listGroups', 'q', 'state', 'recording', async () => same((await all(groups.listGroups({ q: 'Engin' }))).map((one) => one.id), ['00geng']));
await check('listGroups', 'search', 'state', 'sdk', async () => same((await all(groups.listGroups({ search: 'profile.name eq "Operations"' }))).map((one) => one.id), ['00gops']));
await check('listGroups', 'filter by type', 'state', 'sdk', async () => same((await all(groups.listGroups({ filter: 'type eq "BUILT_IN"' }))).map((one) => one.profile.name), ['Everyone']));
await check('listGroups', 'pages', 'protocol', 'sdk', async () => {
  const { json, headers } = await raw('GET', '/api/v1/groups?limit=1');
  same(json.length, 1);
  that(/rel="next"/.test(headers.get('link') ?? ''));
});
const rule = (name, value, to) => raw('POST', '/api/v1/groups/rules', { type: 'group_rule', name: `${name} ${stamp}`, conditions: { expression: { type: 'urn:okta:expression:1.0', value } }, actions: { assignUserToGroups: { groupIds: [to] } } });
// Past the SDK, which keeps what it has read until it writes there itself.
const members = async (to) => (await raw('GET', `/api/v1/groups/${to}/users`)).json.map((one) => one.id);
await check('createGroupRule', 'is inactive at first', 'state', 'recording', async () => {
  const { status, json } = await rule('ra', 'user.lastName=="x"', '00gops');
  same([status, json.status], [200, 'INACTIVE']);
  shaped('groupRule', json);
});
for (const [name, value, more, hit] of [
  ['equality', 'user.department=="Rules-a"', { department: 'Rules-a' }, true],
  ['stringContains', 'String.stringContains(user.title, "chief")', { title: 'the chief cook' }, true],
  ['startsWith with AND', 'String.startsWith(user.title, "b") AND user.city=="Rome"', { title: 'boss', city: 'Rome' }, true],
  ['OR', 'user.city=="Paris" OR user.city=="Oslo"', { city: 'Oslo' }, true],
  ['NOT', '!(user.city=="Lima") && user.state=="r-not"', { city: 'Lima', state: 'r-not' }, false],
  ['isMemberOfGroupName', 'isMemberOfGroupName("Everyone") && user.division=="r-div"', { division: 'r-div' }, true],
]) {
  await check('activateGroupRule', `${name} holds for who was there and who comes`, 'state', 'sdk', async () => {
    const to = (await group(`gr ${name}`)).id;
    const before = await make('ra', { more });
    const { json } = await rule(`rb ${name}`, value, to);
    same(await members(to), []);
    await raw('POST', `/api/v1/groups/rules/${json.id}/lifecycle/activate`);
    same((await members(to)).includes(before.id), hit);
    const after = await make('rc', { more });
    same((await members(to)).includes(after.id), hit);
  });
}
await check('activateGroupRule', 'answers 204', 'protocol', 'recording', async () => same((await raw('POST', `/api/v1/groups/rules/${(await rule('rc', 'user.city=="none"', '00gops')).json.id}/lifecycle/activate`)).status, 204));
await check('deactivateGroupRule', 'a change of the profile counts only while it is active', 'state', 'sdk', async () => {
  const to = (await group('gr d')).id;
  const user = await make('rd');
  const { json } = await rule('rd', 'user.city=="Quito"', to);
  await raw('POST', `/api/v1/groups/rules/${json.id}/lifecycle/activate`);
  await users.updateUser({ ...id(user), user: { profile: { city: 'Quito' } } });
  same(await members(to), [user.id]);
  await users.updateUser({ ...id(user), user: { profile: { city: 'Bern' } } });
  same(await members(to), []);
});
await check('createGroupRule', 'an expression that is none', 'error', 'docs', async () => same((await rule('re', 'user.city==', '00gops')).json.errorCode, 'E0000001'));
await check('deleteGroupRule', 'answers 202', 'protocol', 'sdk', async () => same((await raw('DELETE', `/api/v1/groups/rules/${(await rule('rf', 'user.city=="x"', '00gops')).json.id}`)).status, 202));

// Apps
const apps = c.applicationApi;
const bookmark = (name) => raw('POST', '/api/v1/apps', { name: 'bookmark', label: `${name} ${stamp}`, signOnMode: 'BOOKMARK', settings: { app: { requestIntegration: false, url: 'https://example.com/x' } } }).then(({ json }) => json);
const oidc = (name, more = {}) => raw('POST', '/api/v1/apps', { name: 'oidc_client', label: `${name} ${stamp}`, signOnMode: 'OPENID_CONNECT', credentials: { oauthClient: { token_endpoint_auth_method: 'client_secret_basic' } }, settings: { oauthClient: { application_type: 'web', grant_types: ['authorization_code', 'client_credentials'], redirect_uris: ['https://example.com/cb'], response_types: ['code'], ...more } } }).then(({ json }) => json);
await check('createApplication', 'a bookmark', 'shape', 'recording', async () => shaped('appBookmark', await bookmark('aa')));
await check('createApplication', 'an OpenID Connect client', 'shape', 'recording', async () => shaped('appOidc', await oidc('ab')));
await check('createApplication', 'a SAML app', 'shape', 'recording', async () =>
  shaped('appSaml', (await raw('POST', '/api/v1/apps', { label: `ac ${stamp}`, signOnMode: 'SAML_2_0', settings: { signOn: { ssoAcsUrl: 'https://example.com/acs', audience: 'x', recipient: 'https://example.com/acs', destination: 'https://example.com/acs', idpIssuer: '$' + '{org.externalKey}', subjectNameIdTemplate: '$' + '{user.userName}', subjectNameIdFormat: 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified', responseSigned: true, assertionSigned: true, signatureAlgorithm: 'RSA_SHA256', digestAlgorithm: 'SHA256', honorForceAuthn: true, authnContextClassRef: 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport' } } })).json));
await check('createApplication', 'a client has an id and a secret', 'state', 'recording', async () => {
  const app = await oidc('ad');
  same(app.credentials.oauthClient.client_id, app.id);
  that(app.credentials.oauthClient.client_secret.length >= 40);
});
await check('createApplication', 'without a label', 'error', 'docs', async () => same((await raw('POST', '/api/v1/apps', { name: 'bookmark', signOnMode: 'BOOKMARK', settings: { app: { url: 'https://a.b' } } })).json.errorCode, 'E0000001'));
await check('getApplication', 'of the class of its mode', 'shape', 'sdk', async () => same((await apps.getApplication({ appId: (await oidc('ae')).id })).constructor.name, 'OpenIdConnectApplication'));
await check('getApplication', 'one that is not there', 'error', 'recording', () => refused(apps.getApplication({ appId: '0oanone' }), 404, 'E0000007', 'Not found: Resource not found: 0oanone (AppInstance)'));
await check('replaceApplication', 'another label', 'state', 'sdk', async () => {
  const app = await bookmark('af');
  const { json } = await raw('PUT', `/api/v1/apps/${app.id}`, { name: 'bookmark', label: `af2 ${stamp}`, signOnMode: 'BOOKMARK', settings: { app: { url: 'https://example.com/y', requestIntegration: false } } });
  same([json.label, json.settings.app.url], [`af2 ${stamp}`, 'https://example.com/y']);
});
await check('deleteApplication', 'one that is active', 'error', 'recording', async () => refused(apps.deleteApplication({ appId: (await bookmark('ag')).id }), 403, 'E0000056', 'Delete application forbidden.', 'The application must be deactivated before deletion.'));
await check('deleteApplication', 'one that is not', 'state', 'recording', async () => {
  const app = await bookmark('ah');
  await apps.deactivateApplication({ appId: app.id });
  same((await apps.getApplication({ appId: app.id })).status, 'INACTIVE');
  await apps.deleteApplication({ appId: app.id });
  await refused(apps.getApplication({ appId: app.id }), 404, 'E0000007');
});
await check('listApplications', 'q', 'state', 'sdk', async () => same((await all(apps.listApplications({ q: 'Handb' }))).map((one) => one.id), ['0oabook']));
await check('listApplications', 'filter by user', 'state', 'sdk', async () => that((await all(apps.listApplications({ filter: 'user.id eq "00ualice"' }))).some((one) => one.id === '0oabook')));
await check('assignUserToApplication', 'and away again', 'state', 'recording', async () => {
  const [app, user] = [await bookmark('ai'), await make('ai')];
  const given = await raw('POST', `/api/v1/apps/${app.id}/users`, { id: user.id, scope: 'USER', credentials: { userName: 'ai' } });
  same([given.status, given.json.scope, given.json.credentials.userName], [200, 'USER', 'ai']);
  shaped('appUser', given.json);
  same((await all(apps.listApplicationUsers({ appId: app.id }))).map((one) => one.id), [user.id]);
  await apps.unassignUserFromApplication({ appId: app.id, userId: user.id });
  await refused(apps.getApplicationUser({ appId: app.id, userId: user.id }), 404, 'E0000007');
});
await check('assignGroupToApplication', 'its members have the app', 'state', 'sdk', async () => {
  const [app, one, user] = [await bookmark('aj'), await group('aj'), await make('aj')];
  await groups.assignUserToGroup({ groupId: one.id, userId: user.id });
  const { json } = await raw('PUT', `/api/v1/apps/${app.id}/groups/${one.id}`, {});
  shaped('appGroup', json);
  same((await apps.getApplicationUser({ appId: app.id, userId: user.id })).scope, 'GROUP');
  await groups.unassignUserFromGroup({ groupId: one.id, userId: user.id });
  await refused(apps.getApplicationUser({ appId: app.id, userId: user.id }), 404, 'E0000007');
});
await check('listAssignedApplicationsForGroup', 'what is assigned', 'state', 'recording', async () => {
  const [app, one] = [await bookmark('ak'), await group('ak')];
  await raw('PUT', `/api/v1/apps/${app.id}/groups/${one.id}`, {});
  same((await all(groups.listAssignedApplicationsForGroup({ groupId: one.id }))).map((found) => found.id), [app.id]);
});
await check('createOAuth2ClientSecret', 'two and no more', 'state', 'sdk', async () => {
  const app = await oidc('al');
  const path = `/api/v1/apps/${app.id}/credentials/secrets`;
  const made = await raw('POST', path, {});
  same(made.status, 201);
  shaped('secret', made.json);
  const third = await raw('POST', path, {});
  same([third.status, third.json.errorCauses[0].errorSummary], [400, `You've reached the maximum number of client secrets per client.`]);
});
await check('deleteOAuth2ClientSecret', 'one that is active', 'error', 'sdk', async () => {
  const path = `/api/v1/apps/${(await oidc('am')).id}/credentials/secrets`;
  const [secret] = (await raw('GET', path)).json;
  same((await raw('DELETE', `${path}/${secret.id}`)).json.errorCauses[0].errorSummary, `You can't delete an active client secret. Deactivate the secret before deleting it.`);
  same((await raw('POST', `${path}/${secret.id}/lifecycle/deactivate`)).json.errorCauses[0].errorSummary, `You can't deactivate the only active client secret.`);
});

await signing({ c, make, oidc, group, stamp, PASSWORD, id });
await events({ c, make, bookmark, group, stamp, PASSWORD, id });

// What all operations have in common
await check('protocol', 'headers of rates', 'protocol', 'recording', async () => {
  const { headers } = await raw('GET', '/api/v1/users?limit=1');
  const [limit, left, reset] = ['limit', 'remaining', 'reset'].map((name) => Number(headers.get(`x-rate-limit-${name}`)));
  that(limit > 0 && left >= 0 && left < limit && reset > 1.7e9, [limit, left, reset]);
});
await check('protocol', 'the rate counts down', 'protocol', 'recording', async () => {
  const left = async () => Number((await raw('GET', '/api/v1/zones')).headers.get('x-rate-limit-remaining'));
  const first = await left();
  same((await left()) - first, -1);
});
await check('protocol', 'each answer has the id of its request', 'protocol', 'recording', async () => that((await raw('GET', '/api/v1/users/me')).headers.get('x-okta-request-id')));
await check('protocol', 'a wrong token', 'error', 'sdk', () => refused(client('00wrong').userApi.getUser({ userId: 'me', id: 'me' }), 401, 'E0000011', 'Invalid token provided'));
await check('protocol', 'no token', 'error', 'docs', async () => {
  const { status, json } = await raw('GET', '/api/v1/users/me', undefined, { authorization: null });
  same([status, json.errorCode], [401, 'E0000005']);
});
await check('protocol', 'SSWS without a space', 'protocol', 'sdk', async () => same((await raw('GET', '/api/v1/users/me', undefined, { authorization: `SSWS${TOKEN}` })).status, 200));
await check('protocol', 'a method that is not there', 'error', 'recording', async () => {
  const { status, json } = await raw('PATCH', '/api/v1/users');
  same([status, json.errorCode, json.errorSummary], [405, 'E0000022', 'The endpoint does not support the provided HTTP method']);
});
await check('protocol', 'a body that is no JSON', 'error', 'recording', async () => {
  const { status, json } = await raw('POST', '/api/v1/users', '{');
  same([status, json.errorCode, json.errorSummary], [400, 'E0000003', 'The request body was not well-formed.']);
});
await rest({ make, bookmark, oidc, group, stamp, PASSWORD });
process.exit(0);
