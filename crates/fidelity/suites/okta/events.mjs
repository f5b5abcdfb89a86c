// What happened, and who hears of it: the system log, event hooks, SCIM; and the rest of an org.
import { all, check, listener, raw, refused, same, shaped, that, until } from './expect.mjs';

export default async function events({ c, make, bookmark, group, stamp, id }) {
  const logs = (query) => raw('GET', `/api/v1/logs?${new URLSearchParams(query)}`);
  const heard = async (user) => (await logs({ filter: `target.id eq "${user.id}"`, limit: 1000 })).json.map((one) => one.eventType);

  await check('listLogEvents', 'the fields of an event', 'shape', 'sdk', async () => {
    await make('ya');
    const [one] = (await logs({ filter: 'eventType eq "user.lifecycle.create"', limit: 1 })).json;
    for (const [path, type] of [['uuid', 'string'], ['published', 'string'], ['eventType', 'string'], ['version', 'string'], ['severity', 'string'], ['displayMessage', 'string'], ['actor.id', 'string'], ['actor.type', 'string'], ['actor.alternateId', 'string'], ['actor.displayName', 'string'], ['outcome.result', 'string'], ['client.ipAddress', 'string'], ['target.0.id', 'string'], ['target.0.type', 'string'], ['transaction.id', 'string'], ['authenticationContext.authenticationStep', 'number'], ['securityContext', 'object'], ['request.ipChain', 'object'], ['debugContext.debugData', 'object']]) {
      const value = path.split('.').reduce((found, name) => found?.[name], one);
      same(typeof value, type, path);
    }
  });
  await check('listLogEvents', 'the SDK reads dates and targets', 'shape', 'sdk', async () => {
    const [one] = await all(c.systemLogApi.listLogEvents({ filter: 'eventType eq "user.lifecycle.create"', limit: 1, until: '2099-01-01T00:00:00.000Z' }));
    that(one.published instanceof Date && one.target[0].type === 'User');
  });
  const told = [
    ['createUser', async () => make('yb'), ['user.lifecycle.create', 'user.lifecycle.activate']],
    ['suspendUser', async () => { const user = await make('yc'); await c.userApi.suspendUser(id(user)); return user; }, ['user.lifecycle.suspend']],
    ['unsuspendUser', async () => { const user = await make('yd'); await c.userApi.suspendUser(id(user)); await c.userApi.unsuspendUser(id(user)); return user; }, ['user.lifecycle.unsuspend']],
    ['deactivateUser', async () => { const user = await make('ye'); await c.userApi.deactivateUser(id(user)); return user; }, ['user.lifecycle.deactivate']],
    ['updateUser', async () => { const user = await make('yf'); await c.userApi.updateUser({ ...id(user), user: { profile: { title: 'x' } } }); return user; }, ['user.account.update_profile']],
    ['resetPassword', async () => { const user = await make('yg'); await raw('POST', `/api/v1/users/${user.id}/lifecycle/reset_password?sendEmail=false`); return user; }, ['user.account.reset_password']],
    ['assignUserToGroup', async () => { const user = await make('yh'); await c.groupApi.assignUserToGroup({ groupId: '00gops', userId: user.id }); return user; }, ['group.user_membership.add']],
    ['assignUserToApplication', async () => { const user = await make('yi'); await raw('POST', '/api/v1/apps/0oabook/users', { id: user.id }); return user; }, ['application.user_membership.add']],
    ['authn', async () => { const user = await make('yj'); for (let n = 0; n < 10; n += 1) await raw('POST', '/api/v1/authn', { username: user.profile.login, password: 'x' }, { authorization: null }); return user; }, ['user.account.lock']],
    ['enrollFactor', async () => { const user = await make('yk'); await raw('POST', `/api/v1/users/${user.id}/factors`, { factorType: 'question', provider: 'OKTA', profile: { question: 'disliked_food', answer: 'mayonnaise' } }); return user; }, ['user.mfa.factor.activate']],
  ];
  for (const [operation, act, wanted] of told) {
    await check(operation, `the log tells of ${wanted.join(' and ')}`, 'event', 'docs', async () => {
      const found = await heard(await act());
      that(wanted.every((one) => found.includes(one)), found);
    });
  }
  await check('authn', 'the log tells of a sign-in that failed', 'event', 'docs', async () => {
    await raw('POST', '/api/v1/authn', { username: 'erin@example.com', password: 'wrong' }, { authorization: null });
    const found = (await logs({ filter: 'eventType eq "user.session.start" and outcome.result eq "FAILURE" and actor.alternateId eq "erin@example.com"' })).json;
    same(found.at(-1)?.outcome.reason, 'INVALID_CREDENTIALS');
  });
  await check('listLogEvents', 'q finds words', 'state', 'sdk', async () => {
    const user = await make('yl');
    const { json } = await logs({ q: user.profile.login });
    that(json.length > 0 && json.every((one) => JSON.stringify(one).includes(user.profile.login)));
  });
  await check('listLogEvents', 'newest first where that is asked', 'state', 'sdk', async () => {
    const { json } = await logs({ sortOrder: 'DESCENDING', limit: 50 });
    const times = json.map((one) => one.published);
    same(times, [...times].sort().reverse());
    that(times.length > 1);
  });
  await check('listLogEvents', 'nothing from before it all', 'state', 'sdk', async () => same((await logs({ since: '2001-01-01T00:00:00.000Z', until: '2001-01-02T00:00:00.000Z' })).json, []));
  await check('listLogEvents', 'a poll goes on behind the last event', 'protocol', 'docs', async () => {
    let next = '/api/v1/logs?limit=1000';
    for (let turns = 0; turns < 5; turns += 1) {
      const page = await raw('GET', next);
      const link = /<([^>]*)>; rel="next"/.exec(page.headers.get('link') ?? '');
      that(link, 'no next, though a poll never ends');
      next = link[1];
      if (!page.json.length) break;
    }
    const user = await make('ym');
    const { json } = await raw('GET', next);
    that(json.length && json.every((one) => one.target?.some((target) => target.id === user.id)), json.map((one) => one.eventType));
  });
  await check('listLogEvents', 'a filter that is none', 'error', 'docs', async () => same((await logs({ filter: 'eventType = x' })).status, 400));

  // Event hooks
  const echo = () => listener(({ headers }) => ({ body: { verification: headers['x-okta-verification-challenge'] } }));
  const hook = (name, uri, items, more = {}) =>
    raw('POST', '/api/v1/eventHooks', { name: `${name} ${stamp}`, events: { type: 'EVENT_TYPE', items }, channel: { type: 'HTTP', version: '1.0.0', config: { uri, headers: [{ key: 'X-Test-Header', value: 'kept' }], authScheme: { type: 'HEADER', key: 'Authorization', value: 'open sesame' }, ...more } } });
  await check('createEventHook', 'the fields', 'shape', 'recording', async () => {
    const { status, json } = await hook('ha', 'https://www.example.com/hooks', ['user.lifecycle.create']);
    same([status, json.status, json.verificationStatus], [200, 'ACTIVE', 'UNVERIFIED']);
    shaped('hook', json);
    same(json.channel.config.authScheme.value, undefined, 'the secret');
  });
  await check('deactivateEventHook', 'and taken away', 'state', 'recording', async () => {
    const { json } = await hook('hb', 'https://www.example.com/hooks', ['user.lifecycle.create']);
    same((await c.eventHookApi.deactivateEventHook({ eventHookId: json.id })).status, 'INACTIVE');
    await c.eventHookApi.deleteEventHook({ eventHookId: json.id });
    await refused(c.eventHookApi.getEventHook({ eventHookId: json.id }), 404, 'E0000007');
  });
  const verified = async (name, items) => {
    const server = await echo();
    const { json } = await hook(name, `${server.url}/events`, items);
    await raw('POST', `/api/v1/eventHooks/${json.id}/lifecycle/verify`);
    await until(async () => (await raw('GET', `/api/v1/eventHooks/${json.id}`)).json?.verificationStatus === 'VERIFIED');
    return { server, json };
  };
  await check('verifyEventHook', 'a challenge that is answered', 'event', 'docs', async () => {
    const { server } = await verified('hc', ['user.lifecycle.suspend']);
    const [one] = server.seen;
    same([one.method, one.headers.authorization, one.headers['x-test-header']], ['GET', 'open sesame', 'kept']);
    server.close();
  });
  await check('eventHooks', 'an event is told with its log entry', 'event', 'docs', async () => {
    const { server, json } = await verified('hd', ['user.lifecycle.suspend']);
    const user = await make('yn');
    await c.userApi.suspendUser(id(user));
    const sent = await until(() => server.seen.find((one) => one.method === 'POST'));
    const body = JSON.parse(sent.text);
    same([body.eventType, body.cloudEventsVersion, body.contentType, body.data.events.length], ['com.okta.event_hook', '0.1', 'application/json', 1]);
    same([body.data.events[0].eventType, body.data.events[0].target[0].id, sent.headers.authorization], ['user.lifecycle.suspend', user.id, 'open sesame']);
    that(body.source.endsWith(json.id) && body.eventId && body.eventTime);
    server.close();
  });
  await check('eventHooks', 'no word of what was not asked for, nor before the challenge', 'event', 'docs', async () => {
    const [{ server }, silent] = [await verified('he', ['user.lifecycle.suspend']), await echo()];
    await hook('hf', silent.url, ['user.lifecycle.create']);
    const user = await make('yo');
    await c.userApi.suspendUser(id(user));
    await until(() => server.seen.find((one) => one.method === 'POST'));
    same([server.seen.filter((one) => one.method === 'POST').length, silent.seen.length], [1, 0]);
    server.close();
    silent.close();
  });

  // Outbound provisioning
  const scim = () => {
    const known = new Map();
    return listener(({ method, url, text }) => {
      if (method === 'GET') {
        const wanted = /userName eq "([^"]*)"/.exec(decodeURIComponent(url))?.[1];
        const found = [...known.values()].filter((one) => one.userName === wanted);
        return { body: { schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'], totalResults: found.length, Resources: found } };
      }
      if (method === 'POST') {
        const user = { ...JSON.parse(text), id: `ext-${known.size + 1}` };
        known.set(user.id, user);
        return { status: 201, body: user };
      }
      return { body: { ...JSON.parse(text) } };
    });
  };
  const provisioned = async () => {
    const [server, app, user] = [await scim(), await bookmark('sp'), await make('sp')];
    await raw('POST', `/api/v1/apps/${app.id}/connections/default?activate=true`, { baseUrl: `${server.url}/scim`, profile: { authScheme: 'TOKEN', token: 'scim-token' } });
    await raw('POST', `/api/v1/apps/${app.id}/users`, { id: user.id, scope: 'USER' });
    await until(async () => (await raw('GET', `/api/v1/apps/${app.id}/users/${user.id}`)).json?.externalId);
    return { server, app, user };
  };
  await check('provisioning', 'an assigned user is looked for, then made', 'event', 'docs', async () => {
    const { server, user } = await provisioned();
    same(server.seen.map((one) => one.method), ['GET', 'POST']);
    const body = JSON.parse(server.seen[1].text);
    same([body.userName, body.active, body.name.givenName, body.schemas[0]], [user.profile.login, true, 'Test', 'urn:ietf:params:scim:schemas:core:2.0:User']);
    that(/scim-token/.test(server.seen[1].headers.authorization) && /scim\+json/.test(server.seen[1].headers['content-type']));
    server.close();
  });
  await check('provisioning', 'a changed profile is pushed', 'event', 'docs', async () => {
    const { server, user } = await provisioned();
    await c.userApi.updateUser({ ...id(user), user: { profile: { firstName: 'New' } } });
    const sent = await until(() => server.seen.find((one) => one.method === 'PUT'));
    same([JSON.parse(sent.text).name.givenName, sent.url], ['New', '/scim/Users/ext-1']);
    server.close();
  });
  await check('provisioning', 'who leaves is deactivated there', 'event', 'docs', async () => {
    const { server, user } = await provisioned();
    await c.userApi.deactivateUser(id(user));
    const sent = await until(() => server.seen.find((one) => one.method === 'PATCH'));
    that(/"active":false/.test(sent.text), sent.text);
    server.close();
  });
  await check('provisioning', 'the log tells of it', 'event', 'docs', async () => {
    const { server, user } = await provisioned();
    that((await heard(user)).includes('application.provision.user.push'));
    server.close();
  });
  await check('getDefaultProvisioningConnectionForApplication', 'where there is none', 'state', 'recording', async () => same((await raw('GET', `/api/v1/apps/${(await bookmark('sq')).id}/connections/default`)).json, { status: 'UNKNOWN', profile: { authScheme: 'UNKNOWN' } }));
  await check('listFeaturesForApplication', 'where nothing is provisioned', 'error', 'recording', async () => {
    const { status, json } = await raw('GET', `/api/v1/apps/${(await bookmark('sr')).id}/features`);
    same([status, json.errorSummary, json.errorCauses], [400, 'Api validation failed: feature', [{ errorSummary: 'Provisioning is not supported.' }]]);
  });
  await check('getFeatureForApplication', 'one that is none', 'error', 'recording', async () => {
    const { json } = await raw('GET', `/api/v1/apps/${(await bookmark('ss')).id}/features/INVALID_FEATURE_TYPE`);
    same(json.errorSummary, 'Not found: Resource not found: INVALID_FEATURE_TYPE (PublicAppFeatureSetName)');
  });

  // The rest of an org
  const kinds = [
    ['createNetworkZone', 'zone', '/api/v1/zones', { type: 'IP', name: `z ${stamp}`, status: 'ACTIVE', gateways: [{ type: 'CIDR', value: '1.2.3.4/24' }], proxies: [{ type: 'CIDR', value: '2.2.3.4/24' }] }, 'NetworkZone', true],
    ['createTrustedOrigin', 'origin', '/api/v1/trustedOrigins', { name: `o ${stamp}`, origin: `http://${stamp}.example.com`, scopes: [{ type: 'CORS' }, { type: 'REDIRECT' }] }, 'TrustedOrigin', true],
    ['createUserType', 'userType', '/api/v1/meta/types/user', { name: `t_${stamp}`, displayName: 'T', description: 'x' }, 'UserType', false],
  ];
  for (const [operation, shape, path, body, kind, switched] of kinds) {
    await check(operation, 'made, read, taken away', 'state', 'recording', async () => {
      const { status, json } = await raw('POST', path, body);
      same(status, 200);
      shaped(shape, json);
      same((await raw('GET', `${path}/${json.id}`)).json.id, json.id);
      if (switched) same((await raw('POST', `${path}/${json.id}/lifecycle/deactivate`)).json.status, 'INACTIVE');
      same((await raw('DELETE', `${path}/${json.id}`)).status, 204);
      same((await raw('GET', `${path}/${json.id}`)).json.errorSummary, `Not found: Resource not found: ${json.id} (${kind})`);
    });
  }
  await check('assignRoleToUser', 'and away again', 'state', 'recording', async () => {
    const user = await make('yp');
    const { status, json } = await raw('POST', `/api/v1/users/${user.id}/roles`, { type: 'USER_ADMIN' });
    same([status, json.type], [201, 'USER_ADMIN']);
    shaped('role', json);
    same((await raw('DELETE', `/api/v1/users/${user.id}/roles/${json.id}`)).status, 204);
    same((await raw('GET', `/api/v1/users/${user.id}/roles`)).json, []);
  });
  await check('listApiTokens', 'the fields', 'shape', 'recording', async () => shaped('apiToken', (await raw('GET', '/api/v1/api-tokens')).json[0]));
  await check('getWellknownOrgMetadata', 'the fields', 'shape', 'recording', async () => shaped('organization', (await raw('GET', '/.well-known/okta-organization', undefined, { authorization: null })).json));
  await check('updateUserProfile', 'a new attribute can be used', 'state', 'sdk', async () => {
    const name = `shoe${stamp}`;
    const { json } = await raw('POST', '/api/v1/meta/schemas/user/default', { definitions: { custom: { id: '#custom', type: 'object', properties: { [name]: { title: 'Shoe', type: 'string' } } } } });
    that(json.definitions.custom.properties[name] && json.definitions.base.properties.login);
    same((await make('yq', { more: { [name]: '43' } })).profile[name], '43');
  });
  await check('assignGroupOwner', 'answers 201', 'state', 'recording', async () => {
    const one = await group('yr');
    const { status, json } = await raw('POST', `/api/v1/groups/${one.id}/owners`, { id: '00ualice', type: 'USER' });
    same([status, json.displayName, json.originType, json.resolved], [201, 'Alice Doe', 'OKTA_DIRECTORY', true]);
    same((await raw('GET', `/api/v1/groups/${one.id}/owners`)).json.length, 1);
  });
}
