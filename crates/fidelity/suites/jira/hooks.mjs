// Webhooks, and what holds for every answer.
import { createHmac } from 'node:crypto';
import { ADA, BASE, BOB, CLOUD, CONTROL, ada, app, bob, check, doc, listener, raw, refused, same, task, that } from './expect.mjs';

const admin = (body, as = 'ada') => raw('POST', '/rest/webhooks/1.0/webhook', { as, body });

// A webhook of an administrator's for one expectation alone.
async function heard(events, run, { jql = '', secret } = {}) {
  const ear = await listener();
  const made = await admin({ name: 'suite', url: ear.url, events, filters: { 'issue-related-events-section': jql }, secret });
  same(made.status, 201, 'status');
  try {
    await run(ear);
  } finally {
    await raw('DELETE', new URL(made.body.self).pathname);
    ear.close();
  }
}

const of = (event, key) => (one) => one.body.webhookEvent === event && one.body.issue?.key === key;

export async function hooks() {
  await check('createWebhook', 'hears of a new issue, in version 2', 'state', 'docs', () =>
    heard(['jira:issue_created'], async (ear) => {
      const { key, id } = await task({ description: doc('one', 'two') });
      const { body, headers } = await ear.wait(of('jira:issue_created', key));
      same([body.user.accountId, body.issue_event_type_name, body.issue.fields.description, typeof body.timestamp], [ADA, 'issue_created', 'one\n\ntwo', 'number']);
      that(body.issue.self.endsWith(`/rest/api/2/issue/${id}`), body.issue.self);
      that(headers['x-atlassian-webhook-identifier'] && headers['user-agent'].startsWith('Atlassian'));
    }),
  );
  await check('createWebhook', 'hears of a change, with what it was', 'state', 'docs', () =>
    heard(['jira:issue_updated'], async (ear) => {
      const { key } = await task();
      await bob.issues.editIssue({ issueIdOrKey: key, fields: { summary: 'Other' } });
      const { body } = await ear.wait(of('jira:issue_updated', key));
      const [item] = body.changelog.items;
      same([body.issue_event_type_name, body.user.accountId, item.field, item.fromString, item.toString], ['issue_updated', BOB, 'summary', 'A task', 'Other']);
    }),
  );
  await check('createWebhook', 'hears of a transition', 'state', 'docs', () =>
    heard(['jira:issue_updated'], async (ear) => {
      const { key } = await task();
      await ada.issues.doTransition({ issueIdOrKey: key, transition: { id: '31' } });
      const { body } = await ear.wait(of('jira:issue_updated', key));
      same([body.issue_event_type_name, body.changelog.items.map((one) => one.field), body.issue.fields.status.name], ['issue_generic', ['status', 'resolution'], 'Done']);
    }),
  );
  await check('createWebhook', 'hears of comments', 'state', 'docs', () =>
    heard(['comment_created', 'comment_deleted'], async (ear) => {
      const { key } = await task();
      const said = await ada.issueComments.addComment({ issueIdOrKey: key, body: doc('hello') });
      const { body } = await ear.wait(of('comment_created', key));
      same([body.comment.id, body.comment.body, body.issue.fields.summary], [said.id, 'hello', 'A task']);
      await ada.issueComments.deleteComment({ issueIdOrKey: key, id: said.id });
      await ear.wait(of('comment_deleted', key));
    }),
  );
  await check('createWebhook', 'only of what its query finds', 'state', 'docs', () =>
    heard(
      ['jira:issue_created'],
      async (ear) => {
        const dull = await task();
        const bright = await task({ labels: ['bright'] });
        await ear.wait(of('jira:issue_created', bright.key));
        that(!ear.got.some(of('jira:issue_created', dull.key)), 'the other was told, too');
      },
      { jql: 'labels = bright' },
    ),
  );
  await check('createWebhook', 'signed with its secret', 'protocol', 'docs', () =>
    heard(
      ['jira:issue_deleted'],
      async (ear) => {
        const { key } = await task();
        await ada.issues.deleteIssue({ issueIdOrKey: key });
        const { headers, text } = await ear.wait(of('jira:issue_deleted', key));
        same(headers['x-hub-signature'], `sha256=${createHmac('sha256', 'hush').update(text).digest('hex')}`);
      },
      { secret: 'hush' },
    ),
  );
  await check('createWebhook', 'only administrators', 'error', 'docs', async () => same((await admin({ name: 'x', url: 'http://127.0.0.1:9/', events: [] }, 'bob')).status, 403));
  await check('createWebhook', 'a wrong query', 'error', 'docs', async () => same((await admin({ name: 'x', url: 'http://127.0.0.1:9/', events: [], filters: { 'issue-related-events-section': 'shoe = 3' } })).status, 400));
}

export async function apps() {
  await check('registerDynamicWebhooks', 'ids for those that are right, mistakes for the others', 'state', 'sdk', async () => {
    const found = await app.webhooks.registerDynamicWebhooks({ url: 'http://127.0.0.1:9/x', webhooks: [{ jqlFilter: 'project = OPEN', events: ['jira:issue_created'] }, { jqlFilter: 'summary ~ x', events: ['jira:issue_created'] }] });
    const [right, wrong] = found.webhookRegistrationResult;
    same([typeof right.createdWebhookId, wrong.errors], ['number', ['The clause summary is unsupported']]);
    const mine = async () => (await raw('GET', `/ex/jira/${CLOUD}/rest/api/3/webhook`, { as: 'Bearer oauth_ada' })).body;
    same((await mine()).values.map((one) => [one.id, one.jqlFilter]), [[right.createdWebhookId, 'project = OPEN']]);
    // The schema says a number here, and its example a time.
    that((await raw('PUT', `/ex/jira/${CLOUD}/rest/api/3/webhook/refresh`, { as: 'Bearer oauth_ada', body: { webhookIds: [right.createdWebhookId] } })).body.expirationDate);
    await app.webhooks.deleteWebhookById({ webhookIds: [right.createdWebhookId] });
    same((await mine()).total, 0);
  });
  await check('registerDynamicWebhooks', 'only apps', 'error', 'sdk', () => refused(() => ada.webhooks.registerDynamicWebhooks({ url: 'http://127.0.0.1:9/x', webhooks: [] }), 403));
  await check('registerDynamicWebhooks', 'is told with the ids that fit', 'state', 'docs', async () => {
    const ear = await listener();
    const found = await app.webhooks.registerDynamicWebhooks({ url: ear.url, webhooks: [{ jqlFilter: 'project = OPEN', events: ['jira:issue_created'] }, { jqlFilter: 'project = FIND', events: ['jira:issue_created'] }] });
    const ids = found.webhookRegistrationResult.map((one) => one.createdWebhookId);
    const { key } = await task();
    same((await ear.wait(of('jira:issue_created', key))).body.matchedWebhookIds, [ids[0]]);
    await app.webhooks.deleteWebhookById({ webhookIds: ids });
    ear.close();
  });
}

export async function protocol() {
  await check('getIssue', 'answers are JSON in UTF-8', 'protocol', 'recording', async () => {
    const kinds = [];
    for (const path of ['/rest/api/3/serverInfo', '/rest/api/3/issue/NOPE-999999', '/rest/api/2/issue/NOPE-999999']) kinds.push((await raw('GET', path)).headers.get('content-type'));
    same(kinds, Array(3).fill('application/json;charset=UTF-8'));
  });
  await check('getIssue', 'every answer has a number, and names the account', 'protocol', 'recording', async () => {
    const { headers } = await raw('GET', '/rest/api/3/issue/FIND-1');
    same([/^[0-9a-f]{32}$/.test(headers.get('x-arequestid')), /^[0-9a-f]{32}$/.test(headers.get('atl-traceid')), headers.get('x-aaccountid'), headers.get('server')], [true, true, ADA, 'AtlassianEdge']);
  });
  await check('createIssue', 'a body that is no JSON', 'error', 'docs', async () => same((await raw('POST', '/rest/api/3/issue', { body: '{"fields":' })).status, 400));
  await check('getIssue', 'a path that there is not', 'error', 'recording', async () => {
    const found = await raw('GET', '/rest/api/3/nothing-of-the-kind');
    same([found.status, found.body.error, found.body.message, found.body.path], [404, 'Not Found', 'No message available', '/rest/api/3/nothing-of-the-kind']);
  });
  await check('getIssue', 'times are written as Jira writes them', 'shape', 'recording', async () => that(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}$/.test((await raw('GET', '/rest/api/3/issue/FIND-1')).body.fields.created)));
  await check('getIssue', 'links lead to where was asked', 'protocol', 'sdk', async () => that((await raw('GET', '/rest/api/3/issue/FIND-1')).body.self.startsWith(`${BASE}/rest/api/3/issue/`)));
  await check('getIssue', 'what is left of the rate is told', 'protocol', 'docs', async () => {
    const left = async () => Number((await raw('GET', '/rest/api/3/issue/FIND-1')).headers.get('x-ratelimit-remaining'));
    const before = await left();
    that((await left()) < before);
  });
  await check('getIssue', 'too many calls are told when to come again', 'error', 'sdk', async () => {
    if (!CONTROL) throw new Error('a rate cannot be brought about here');
    const rules = [{ service: 'jira', operation: 'getIssue', fault: 'rate_limited', retry_after: 7 }];
    await fetch(`${CONTROL}/faults`, { method: 'PUT', body: JSON.stringify(rules) });
    const error = await refused(() => ada.issues.getIssue({ issueIdOrKey: 'FIND-1' }), 429);
    await fetch(`${CONTROL}/faults`, { method: 'PUT', body: '[]' });
    same([error.name, error.retryAfterMs], ['RateLimitError', 7000]);
  });
}
