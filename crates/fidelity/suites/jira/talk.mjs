// What is put on issues: comments, worklogs, watchers, votes, properties, labels, links and files.
import { ADA, BOB, ada, bob, check, doc, eve, raw, read, recorded, refused, same, task, that } from './expect.mjs';

const say = (key, body, who = ada, more = {}) => who.issueComments.addComment({ issueIdOrKey: key, body, ...more });

export async function talk() {
  await check('addComment', 'is read back', 'state', 'sdk', async () => {
    const { key } = await task();
    const said = await say(key, doc('hello'), bob);
    same([said.author.accountId, (await ada.issueComments.getComment({ issueIdOrKey: key, id: said.id })).body], [BOB, doc('hello')]);
  });
  await check('addComment', 'as recorded', 'shape', 'recording', async () => {
    const { key } = await task();
    recorded((await raw('POST', `/rest/api/3/issue/${key}/comment`, { body: { body: doc('x') } })).body, 'comment');
  });
  await check('addComment', 'text in version 2', 'state', 'sdk', async () => {
    const { key } = await task();
    const said = await say(key, 'first\n\nsecond');
    same(said.body.content.length, 2);
    same((await raw('GET', `/rest/api/2/issue/${key}/comment/${said.id}`)).body.body, 'first\n\nsecond');
  });
  await check('addComment', 'text in version 3', 'error', 'recording', async () => {
    const found = await raw('POST', '/rest/api/3/issue/FIND-1/comment', { body: { body: 'text' } });
    same([found.status, found.body], [400, { errorMessages: [], errors: { comment: 'Comment body is not valid!' } }]);
  });
  await check('addComment', 'a document in version 2', 'error', 'recording', async () => same((await raw('POST', '/rest/api/2/issue/FIND-1/comment', { body: { body: doc('x') } })).body.errors, { comment: 'Comment body is not valid!' }));
  await check('addComment', 'nothing', 'error', 'docs', async () => same((await raw('POST', '/rest/api/3/issue/FIND-1/comment', { body: {} })).status, 400));
  await check('addComment', 'by a viewer', 'error', 'recording', () => refused(() => say('SEC-1', doc('x'), bob), 400, { message: 'Bob Builder, you do not have the permission to comment on this issue.' }));
  await check('addComment', 'on what is hidden', 'error', 'sdk', () => refused(() => say('SEC-1', doc('x'), eve), 404));
  await check('addComment', 'only for a group', 'state', 'docs', async () => {
    const { key } = await task();
    await say(key, doc('quiet'), ada, { visibility: { type: 'group', value: 'jira-administrators' } });
    same([(await ada.issueComments.getComments({ issueIdOrKey: key })).total, (await bob.issueComments.getComments({ issueIdOrKey: key })).total], [1, 0]);
  });
  await check('getComments', 'pages begin at 0 and hold a hundred', 'protocol', 'recording', async () => {
    const found = (await raw('GET', '/rest/api/3/issue/FIND-2/comment')).body;
    same([found.startAt, found.maxResults, found.total], [0, 100, 0]);
  });
  await check('getComments', 'a page of none is a page of one', 'protocol', 'recording', async () => {
    const size = async (query) => {
      const { body } = await raw('GET', `/rest/api/3/issue/FIND-2/comment?${query}`);
      return [body.startAt, body.maxResults];
    };
    same([await size('maxResults=0'), await size('maxResults=100000'), await size('startAt=-1'), await size('startAt=100'), await size('maxResults=')], [[0, 1], [0, 100], [0, 100], [100, 100], [0, 100]]);
  });
  await check('getComments', 'a number that is none', 'error', 'recording', async () => {
    const found = await raw('GET', '/rest/api/3/issue/FIND-2/comment?maxResults=abc');
    same([found.status, found.headers.get('content-type'), found.body], [400, 'application/problem+json;charset=UTF-8', { type: 'about:blank', title: 'Bad Request', status: 400, detail: "Failed to convert 'maxResults' with value: 'abc'", instance: '/rest/api/3/issue/FIND-2/comment' }]);
  });
  await check('getComments', 'and that before the issue is looked for', 'error', 'recording', async () => same((await raw('GET', '/rest/api/3/issue/NOPE-99999/comment?startAt=abc')).status, 400));
  await check('getComments', 'in either order', 'state', 'sdk', async () => {
    const { key } = await task();
    for (const text of ['one', 'two', 'three']) await say(key, doc(text));
    const texts = (found) => found.comments.map((one) => one.body.content[0].content[0].text);
    same(texts(await ada.issueComments.getComments({ issueIdOrKey: key })), ['one', 'two', 'three']);
    same(texts(await ada.issueComments.getComments({ issueIdOrKey: key, orderBy: '-created', maxResults: 2 })), ['three', 'two']);
  });
  await check('getComments', 'an order that there is not', 'error', 'recording', async () => {
    for (const order of ['bogus', '--created', '']) same((await raw('GET', `/rest/api/3/issue/FIND-2/comment?orderBy=${order}`)).status, 400, order);
    for (const order of ['created', '-created', 'CREATED', '%2Bcreated', '+created']) same((await raw('GET', `/rest/api/3/issue/FIND-2/comment?orderBy=${order}`)).status, 200, order);
  });
  await check('updateComment', 'is read back', 'state', 'sdk', async () => {
    const { key } = await task();
    const said = await say(key, doc('old'));
    await ada.issueComments.updateComment({ issueIdOrKey: key, id: said.id, body: { body: doc('new') } });
    same((await ada.issueComments.getComment({ issueIdOrKey: key, id: said.id })).body, doc('new'));
  });
  await check('updateComment', "not another's", 'error', 'sdk', async () => {
    const { key } = await task();
    const said = await say(key, doc('mine'));
    await refused(() => bob.issueComments.updateComment({ issueIdOrKey: key, id: said.id, body: { body: doc('his') } }), 400);
  });
  await check('deleteComment', 'is gone', 'state', 'sdk', async () => {
    const { key } = await task();
    const said = await say(key, doc('x'));
    await ada.issueComments.deleteComment({ issueIdOrKey: key, id: said.id });
    await refused(() => ada.issueComments.getComment({ issueIdOrKey: key, id: said.id }), 404, { message: `Can not find a comment for the id: ${said.id}.`, errors: {} });
  });
  await check('getComment', 'none of this id', 'error', 'recording', () => refused(() => ada.issueComments.getComment({ issueIdOrKey: 'FIND-1', id: '12345' }), 404, { message: 'Can not find a comment for the id: 12345.', errors: {} }));
  await check('getCommentsByIds', 'from several issues', 'state', 'sdk', async () => {
    const one = await say((await task()).key, doc('one'));
    const two = await say((await task()).key, doc('two'));
    same((await ada.issueComments.getCommentsByIds({ ids: [Number(one.id), Number(two.id)] })).values.map((found) => found.id), [one.id, two.id]);
  });
}

export async function work() {
  await check('addWorklog', 'is read back, and counted', 'state', 'sdk', async () => {
    const { key } = await task({ timetracking: { originalEstimate: '1d' } });
    const log = await ada.issueWorklogs.addWorklog({ issueIdOrKey: key, timeSpent: '1h 30m', started: '2026-01-05T10:00:00.000+0000', comment: doc('did it') });
    same([log.timeSpentSeconds, new Date(log.started).toISOString()], [5400, '2026-01-05T10:00:00.000Z']);
    const { fields } = await read(key);
    same([fields.timespent, fields.timetracking.remainingEstimateSeconds, fields.progress], [5400, 28800 - 5400, { progress: 5400, total: 28800, percent: 18 }]);
  });
  await check('addWorklog', 'as recorded: a day has eight hours', 'shape', 'recording', async () => {
    const { key } = await task();
    const found = (await raw('POST', `/rest/api/3/issue/${key}/worklog`, { body: { timeSpentSeconds: 28800, comment: doc('x') } })).body;
    same(recorded(found, 'worklog').timeSpent, '1d');
  });
  await check('addWorklog', 'no time', 'error', 'sdk', () => refused(() => ada.issueWorklogs.addWorklog({ issueIdOrKey: 'FIND-1', comment: doc('x') }), 400));
  await check('addWorklog', 'no duration', 'error', 'belief', () => refused(() => ada.issueWorklogs.addWorklog({ issueIdOrKey: 'FIND-1', timeSpent: 'soon' }), 400, { errors: { timeLogged: 'Invalid time duration entered.' } }));
  await check('updateWorklog', 'and what was spent follows', 'state', 'sdk', async () => {
    const { key } = await task();
    const log = await ada.issueWorklogs.addWorklog({ issueIdOrKey: key, timeSpentSeconds: 3600 });
    await ada.issueWorklogs.updateWorklog({ issueIdOrKey: key, id: log.id, body: { timeSpentSeconds: 7200 } });
    same((await read(key)).fields.timespent, 7200);
    await ada.issueWorklogs.deleteWorklog({ issueIdOrKey: key, id: log.id });
    same([(await read(key)).fields.timespent, (await ada.issueWorklogs.getIssueWorklog({ issueIdOrKey: key })).total], [null, 0]);
  });
  await check('getWorklog', 'none of this id', 'error', 'sdk', () => refused(() => ada.issueWorklogs.getWorklog({ issueIdOrKey: 'FIND-1', id: '99' }), 404));
}

export async function marks() {
  await check('addWatcher', 'is on the list, and off it', 'state', 'sdk', async () => {
    const { key } = await task();
    await ada.issueWatchers.addWatcher({ issueIdOrKey: key, body: BOB });
    const found = await ada.issueWatchers.getIssueWatchers({ issueIdOrKey: key });
    same([found.watchCount, found.watchers.map((one) => one.accountId)], [2, [ADA, BOB]]);
    await ada.issueWatchers.removeWatcher({ issueIdOrKey: key, accountId: BOB });
    same((await ada.issueWatchers.getIssueWatchers({ issueIdOrKey: key })).watchCount, 1);
  });
  await check('addWatcher', 'others only by who manages them', 'error', 'sdk', () => refused(() => bob.issueWatchers.addWatcher({ issueIdOrKey: 'FIND-2', body: ADA }), 403));
  await check('addVote', 'counts, once', 'state', 'sdk', async () => {
    const { key } = await task();
    await bob.issueVotes.addVote({ issueIdOrKey: key });
    await bob.issueVotes.addVote({ issueIdOrKey: key });
    const found = await bob.issueVotes.getVotes({ issueIdOrKey: key });
    same([found.votes, found.hasVoted, found.voters.map((one) => one.accountId)], [1, true, [BOB]]);
    await bob.issueVotes.removeVote({ issueIdOrKey: key });
    same((await bob.issueVotes.getVotes({ issueIdOrKey: key })).votes, 0);
  });
  await check('addVote', 'not by who reported it', 'error', 'sdk', () => refused(() => ada.issueVotes.addVote({ issueIdOrKey: 'FIND-1' }), 404));
  await check('setIssueProperty', 'is read back, and gone', 'state', 'sdk', async () => {
    const { key } = await task();
    const at = { issueIdOrKey: key, propertyKey: 'my.key' };
    await ada.issueProperties.setIssueProperty({ ...at, body: { deep: [1, { a: null }] } });
    same((await ada.issueProperties.getIssueProperty(at)).value, { deep: [1, { a: null }] });
    same((await ada.issueProperties.getIssuePropertyKeys({ issueIdOrKey: key })).keys.map((one) => one.key), ['my.key']);
    await ada.issueProperties.deleteIssueProperty(at);
    await refused(() => ada.issueProperties.getIssueProperty(at), 404);
  });
  await check('setIssueProperty', 'a new one is 201, a known one 200', 'protocol', 'sdk', async () => {
    const { key } = await task();
    const put = () => raw('PUT', `/rest/api/3/issue/${key}/properties/x`, { body: [1] });
    same([(await put()).status, (await put()).status], [201, 200]);
  });
  await check('getAllLabels', 'in order, each once', 'state', 'sdk', async () => {
    const found = (await ada.labels.getAllLabels({})).values;
    that(found.includes('blue') && found.includes('red'));
    same(found, [...new Set(found)].sort());
  });
  await check('createOrUpdateRemoteIssueLink', 'one for each global id', 'state', 'sdk', async () => {
    const { key } = await task();
    const put = (title) => ada.issueRemoteLinks.createOrUpdateRemoteIssueLink({ issueIdOrKey: key, globalId: 'g1', object: { url: 'https://example.com/1', title } });
    same((await put('one')).id, (await put('two')).id);
    const found = (await raw('GET', `/rest/api/3/issue/${key}/remotelink`)).body;
    same(found.map((one) => [one.globalId, one.object.title]), [['g1', 'two']]);
  });
}

export async function links() {
  const link = (inward, outward, name = 'Blocks') => ada.issueLinks.linkIssues({ type: { name }, inwardIssue: { key: inward }, outwardIssue: { key: outward } });
  await check('linkIssues', 'both have it, each from its side', 'state', 'sdk', async () => {
    const [one, two] = [(await task()).key, (await task()).key];
    await link(one, two);
    const [left, right] = [(await read(one)).fields.issuelinks, (await read(two)).fields.issuelinks];
    same([left[0].outwardIssue.key, left[0].type.outward, right[0].inwardIssue.key], [two, 'blocks', one]);
    await ada.issueLinks.deleteIssueLink({ linkId: left[0].id });
    same((await read(one)).fields.issuelinks, []);
    await refused(() => ada.issueLinks.getIssueLink({ linkId: left[0].id }), 404);
  });
  await check('linkIssues', 'as recorded', 'shape', 'recording', async () => {
    const [one, two] = [(await task()).key, (await task()).key];
    await link(one, two, 'Cloners');
    recorded((await raw('GET', `/rest/api/3/issue/${one}`)).body.fields.issuelinks[0], 'outward-link');
  });
  await check('linkIssues', 'stands in the history', 'state', 'docs', async () => {
    const [one, two] = [(await task()).key, (await task()).key];
    await link(one, two);
    same((await ada.issues.getChangeLogs({ issueIdOrKey: one })).values[0].items[0].toString, `This issue blocks ${two}`);
  });
  await check('linkIssues', 'a kind that there is not', 'error', 'sdk', () => refused(() => link('FIND-1', 'FIND-2', 'Envies'), 404));
  await check('linkIssues', 'to what is hidden', 'error', 'sdk', () => refused(() => eve.issueLinks.linkIssues({ type: { name: 'Blocks' }, inwardIssue: { key: 'FIND-1' }, outwardIssue: { key: 'SEC-1' } }), 404));
  await check('getIssueLinkTypes', 'as recorded', 'shape', 'recording', async () => {
    const found = (await raw('GET', '/rest/api/3/issueLinkType')).body.issueLinkTypes.map((one) => recorded(one, 'link-type'));
    same(found.slice(0, 3).map((one) => [one.name, one.inward, one.outward]), [['Blocks', 'is blocked by', 'blocks'], ['Cloners', 'is cloned by', 'clones'], ['Duplicate', 'is duplicated by', 'duplicates']]);
  });
  await check('getIssueLinkTypes', 'anybody sees them', 'protocol', 'recording', async () => same((await raw('GET', '/rest/api/3/issueLinkType', { as: '' })).status, 200));
  await check('createIssueLinkType', 'is read back, and gone', 'state', 'sdk', async () => {
    const made = await ada.issueLinkTypes.createIssueLinkType({ name: 'Envies', inward: 'is envied by', outward: 'envies' });
    same((await ada.issueLinkTypes.getIssueLinkType({ issueLinkTypeId: made.id })).outward, 'envies');
    await ada.issueLinkTypes.deleteIssueLinkType({ issueLinkTypeId: made.id });
    await refused(() => ada.issueLinkTypes.getIssueLinkType({ issueLinkTypeId: made.id }), 404);
  });
  await check('createIssueLinkType', 'only administrators', 'error', 'sdk', () => refused(() => bob.issueLinkTypes.createIssueLinkType({ name: 'x', inward: 'x', outward: 'x' }), 403));
}

export async function files() {
  const attach = (key, who = ada) => who.issueAttachments.addAttachment({ issueIdOrKey: key, attachments: { filename: 'notes.txt', content: Buffer.from('some bytes') } });
  await check('addAttachment', 'is read back, byte by byte', 'state', 'sdk', async () => {
    const { key } = await task();
    const [one] = await attach(key);
    same([one.filename, one.size, one.author.accountId], ['notes.txt', 10, ADA]);
    same(Buffer.from(await ada.issueAttachments.getAttachmentContent({ id: one.id })).toString(), 'some bytes');
    same((await read(key)).fields.attachment.map((file) => file.id), [one.id]);
  });
  await check('addAttachment', 'without the header against forgery', 'error', 'docs', async () => {
    const form = new FormData();
    form.append('file', new Blob(['x']), 'x.txt');
    const found = await raw('POST', '/rest/api/3/issue/FIND-1/attachments', { body: form });
    same([found.status, found.text], [403, 'XSRF check failed']);
  });
  await check('addAttachment', 'by a viewer', 'error', 'sdk', () => refused(() => attach('SEC-1', bob), 403));
  await check('getAttachmentContent', 'leads to the media store, or not', 'protocol', 'docs', async () => {
    const [one] = await attach((await task()).key);
    const [led, plain] = [await raw('GET', `/rest/api/3/attachment/content/${one.id}`, { redirect: 'manual' }), await raw('GET', `/rest/api/3/attachment/content/${one.id}?redirect=false`, { redirect: 'manual' })];
    same([led.status, plain.status, plain.text], [303, 200, 'some bytes']);
    that(led.headers.get('location'));
  });
  await check('getAttachment', 'what is known of it', 'state', 'sdk', async () => {
    const [one] = await attach((await task()).key);
    same((await ada.issueAttachments.getAttachment({ id: one.id })).filename, 'notes.txt');
  });
  await check('removeAttachment', 'is gone', 'state', 'sdk', async () => {
    const [one] = await attach((await task()).key);
    await ada.issueAttachments.removeAttachment({ id: one.id });
    await refused(() => ada.issueAttachments.getAttachment({ id: one.id }), 404);
  });
  await check('removeAttachment', "not another's", 'error', 'sdk', async () => {
    const [one] = await attach((await task()).key);
    await refused(() => bob.issueAttachments.removeAttachment({ id: one.id }), 403);
  });
  await check('getAttachmentMeta', 'is allowed', 'state', 'sdk', async () => same((await ada.issueAttachments.getAttachmentMeta()).enabled, true));
}
