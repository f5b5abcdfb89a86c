// Issues: made, read, changed, assigned, taken through their workflow and out; and what is refused of them.
import { ADA, BOB, EVE, ada, bob, check, doc, eve, raw, read, recorded, refused, same, task, that } from './expect.mjs';

export async function issues() {
  await check('createIssue', 'tells id, key and address', 'shape', 'sdk', async () => {
    const made = await task();
    that(/^OPEN-\d+$/.test(made.key) && made.self.endsWith(`/rest/api/3/issue/${made.id}`), made);
  });
  await check('createIssue', 'all that was given is read back', 'state', 'sdk', async () => {
    const made = await task({ summary: 'Whole', issuetype: { name: 'Bug' }, priority: { name: 'Highest' }, labels: ['b', 'a'], components: [{ name: 'Backend' }], fixVersions: [{ name: '1.0' }], duedate: '2026-05-04', assignee: { accountId: BOB }, description: doc('one', 'two'), environment: doc('here') });
    const { fields } = await read(made.key);
    same([fields.summary, fields.issuetype.name, fields.priority.name, fields.labels, fields.components[0].name, fields.fixVersions[0].name, fields.duedate, fields.assignee.accountId, fields.reporter.accountId, fields.creator.accountId], ['Whole', 'Bug', 'Highest', ['a', 'b'], 'Backend', '1.0', '2026-05-04', BOB, ADA, ADA]);
    same(fields.description, doc('one', 'two'), 'description');
  });
  await check('createIssue', 'text becomes a document', 'state', 'sdk', async () => {
    const made = await task({ description: 'plain words' });
    same((await read(made.key)).fields.description.content[0].content[0].text, 'plain words');
  });
  await check('createIssue', 'a document becomes text in version 2', 'state', 'docs', async () => {
    const made = await task({ description: doc('one', 'two') });
    same((await raw('GET', `/rest/api/2/issue/${made.key}?fields=description`)).body.fields.description, 'one\n\ntwo');
  });
  await check('createIssue', 'begins at the first status, of medium priority, unresolved, watched by its maker', 'state', 'sdk', async () => {
    const { fields } = await read((await task()).key);
    same([fields.status.name, fields.priority.name, fields.resolution, fields.assignee, fields.watches.isWatching], ['To Do', 'Medium', null, null, true]);
  });
  await check('createIssue', 'a sub-task has its parent', 'state', 'sdk', async () => {
    const parent = await task();
    const child = await task({ issuetype: { name: 'Sub-task' }, parent: { key: parent.key } });
    same([(await read(child.key)).fields.parent.key, (await read(parent.key)).fields.subtasks.map((one) => one.key)], [parent.key, [child.key]]);
  });
  await check('createIssue', 'a story of an epic', 'state', 'docs', async () => {
    const epic = await task({ issuetype: { name: 'Epic' } });
    same((await read((await task({ issuetype: { name: 'Story' }, parent: { key: epic.key } })).key)).fields.parent.id, epic.id);
  });
  await check('createIssue', 'a custom field', 'state', 'sdk', async () => same((await read((await task({ customfield_10016: 5 })).key)).fields.customfield_10016, 5));
  await check('createIssues', 'those that are right are made, the others told', 'state', 'sdk', async () => {
    const fields = { project: { key: 'OPEN' }, issuetype: { name: 'Task' }, summary: 'Bulk' };
    const found = await ada.issues.createIssues({ issueUpdates: [{ fields }, { fields: { ...fields, summary: '' } }, { fields }] });
    same([found.issues.length, found.errors.map((one) => [one.failedElementNumber, one.elementErrors.errors.summary])], [2, [[1, 'You must specify a summary of the issue.']]]);
  });
  await check('getIssue', 'as recorded', 'shape', 'recording', async () => {
    const made = await task({ description: doc('x') });
    recorded((await raw('GET', `/rest/api/3/issue/${made.key}`)).body, 'issue');
  });
  await check('getIssue', 'by id', 'state', 'sdk', async () => {
    const made = await task();
    same((await read(made.id)).key, made.key);
  });
  await check('getIssue', 'only the fields that are asked for', 'state', 'sdk', async () => same(Object.keys((await read('FIND-1', { fields: ['summary', 'status'] })).fields).sort(), ['status', 'summary']));
  await check('getIssue', 'all but some', 'state', 'sdk', async () => {
    const { fields } = await read('FIND-1', { fields: ['*all', '-comment'] });
    that(fields.summary && !('comment' in fields));
  });
  await check('getIssue', 'names and schema', 'state', 'sdk', async () => {
    const found = await read('FIND-1', { fields: ['summary', 'duedate'], expand: ['names', 'schema'] });
    same([found.names.duedate, found.schema.duedate.type], ['Due date', 'date']);
  });
  await check('getIssue', 'rendered fields', 'state', 'sdk', async () => that((await read('FIND-1', { expand: ['renderedFields'] })).renderedFields.description.includes('<p>')));
  await check('getIssue', 'its transitions', 'state', 'sdk', async () => same((await read('FIND-1', { expand: ['transitions'] })).transitions.length, 3));
  await check('getIssue', 'none of this key', 'error', 'recording', () => refused(() => read('OPEN-9999'), 404, { message: 'Issue does not exist or you do not have permission to see it.', errors: {} }));
  await check('bulkFetchIssues', 'those that one may see', 'state', 'sdk', async () => same((await eve.issues.bulkFetchIssues({ issueIdsOrKeys: ['FIND-1', 'SEC-1', 'FIND-2'], fields: ['summary'] })).issues.map((one) => one.key), ['FIND-1', 'FIND-2']));
  await check('editIssue', 'fields and operations', 'state', 'sdk', async () => {
    const { key } = await task({ labels: ['a', 'b'] });
    await ada.issues.editIssue({ issueIdOrKey: key, fields: { summary: 'Changed', priority: { name: 'Low' } }, update: { labels: [{ add: 'c' }, { remove: 'a' }], components: [{ set: [{ name: 'Frontend' }] }] } });
    const { fields } = await read(key);
    same([fields.summary, fields.priority.name, fields.labels, fields.components.map((one) => one.name)], ['Changed', 'Low', ['b', 'c'], ['Frontend']]);
    that(fields.updated >= fields.created);
  });
  await check('editIssue', 'the issue itself when asked', 'state', 'sdk', async () => {
    const { key } = await task();
    same((await ada.issues.editIssue({ issueIdOrKey: key, fields: { summary: 'Back' }, returnIssue: true })).fields.summary, 'Back');
  });
  await check('editIssue', 'what is emptied is null', 'state', 'sdk', async () => {
    const { key } = await task({ duedate: '2026-05-04', description: doc('x') });
    await ada.issues.editIssue({ issueIdOrKey: key, fields: { duedate: null, description: null } });
    const { fields } = await read(key);
    same([fields.duedate, fields.description], [null, null]);
  });
  await check('assignIssue', 'to somebody, and to nobody', 'state', 'sdk', async () => {
    const { key } = await task();
    await ada.issues.assignIssue({ issueIdOrKey: key, accountId: BOB });
    same((await read(key)).fields.assignee.accountId, BOB);
    await ada.issues.assignIssue({ issueIdOrKey: key, accountId: null });
    same((await read(key)).fields.assignee, null);
  });
  await check('deleteIssue', 'it is gone', 'state', 'sdk', async () => {
    const { key } = await task();
    await ada.issues.deleteIssue({ issueIdOrKey: key });
    await refused(() => read(key), 404);
  });
  await check('deleteIssue', 'with sub-tasks only when told so', 'error', 'docs', async () => {
    const { key } = await task();
    const child = await task({ issuetype: { name: 'Sub-task' }, parent: { key } });
    await refused(() => ada.issues.deleteIssue({ issueIdOrKey: key }), 400, { says: 'subtasks' });
    await ada.issues.deleteIssue({ issueIdOrKey: key, deleteSubtasks: true });
    await refused(() => read(child.key), 404);
  });
  await check('getCreateIssueMetaIssueTypes', 'the kinds of a project', 'state', 'sdk', async () => that((await ada.issues.getCreateIssueMetaIssueTypes({ projectIdOrKey: 'OPEN' })).issueTypes.some((one) => one.name === 'Task')));
  await check('getCreateIssueMetaIssueTypeId', 'what is required', 'state', 'sdk', async () => {
    const types = (await ada.issues.getCreateIssueMetaIssueTypes({ projectIdOrKey: 'OPEN' })).issueTypes;
    const found = await ada.issues.getCreateIssueMetaIssueTypeId({ projectIdOrKey: 'OPEN', issueTypeId: types.find((one) => one.name === 'Task').id });
    that(found.fields.find((one) => one.fieldId === 'summary').required && !found.fields.find((one) => one.fieldId === 'description').required);
  });
  await check('getEditIssueMeta', 'what may be set', 'state', 'sdk', async () => {
    const { fields } = await ada.issues.getEditIssueMeta({ issueIdOrKey: 'FIND-1' });
    same([fields.summary.required, fields.labels.operations], [true, ['add', 'set', 'remove']]);
  });
}

const create = (fields) => () => ada.issues.createIssue({ fields });
const OPEN = { project: { key: 'OPEN' }, issuetype: { name: 'Task' }, summary: 'x' };

export async function refusals() {
  await check('createIssue', 'no such project', 'error', 'recording', () => refused(create({ ...OPEN, project: { key: 'NOPE' } }), 400, { errors: { project: 'Specify a valid project ID or key' } }));
  await check('createIssue', 'no project', 'error', 'recording', () => refused(create({ summary: 'x', issuetype: { name: 'Task' } }), 400, { errors: { project: 'Specify a valid project ID or key' } }));
  await check('createIssue', 'no kind', 'error', 'recording', () => refused(create({ project: { key: 'OPEN' }, summary: 'x' }), 400, { errors: { issuetype: 'Specify an issue type' } }));
  await check('createIssue', 'no such kind', 'error', 'docs', () => refused(create({ ...OPEN, issuetype: { name: 'Wish' } }), 400, { errors: { issuetype: 'Specify a valid issue type' } }));
  await check('createIssue', 'no summary', 'error', 'docs', () => refused(create({ project: { key: 'OPEN' }, issuetype: { name: 'Task' } }), 400, { errors: { summary: 'You must specify a summary of the issue.' } }));
  await check('createIssue', 'too long a summary', 'error', 'docs', () => refused(create({ ...OPEN, summary: 'x'.repeat(256) }), 400, { errors: { summary: 'Summary must be less than 255 characters.' } }));
  await check('createIssue', 'a field that there is not', 'error', 'docs', () => refused(create({ ...OPEN, shoe: 3 }), 400, { errors: { shoe: "Field 'shoe' cannot be set. It is not on the appropriate screen, or unknown." } }));
  await check('createIssue', 'a priority that there is not', 'error', 'belief', () => refused(create({ ...OPEN, priority: { name: 'Soon' } }), 400, { errors: { priority: "Priority name 'Soon' is not valid" } }));
  await check('createIssue', 'several mistakes at once', 'error', 'sdk', async () => {
    const error = await refused(create({ project: { key: 'OPEN' }, issuetype: { name: 'Task' }, shoe: 3, labels: ['a b'] }), 400);
    same(Object.keys(error.body.errors).sort(), ['labels', 'shoe', 'summary']);
    same(error.body.errorMessages, []);
  });
  await check('createIssue', 'a label with a blank', 'error', 'docs', () => refused(create({ ...OPEN, labels: ['a b'] }), 400, { errors: { labels: "The label 'a b' contains spaces which is invalid." } }));
  await check('createIssue', 'text where a document is wanted', 'error', 'docs', async () => {
    const found = await raw('POST', '/rest/api/3/issue', { body: { fields: { ...OPEN, description: 'text' } } });
    same([found.status, found.body.errors.description], [400, 'Operation value must be an Atlassian Document (see the Atlassian Document Format)']);
  });
  await check('createIssue', 'a document where text is wanted', 'error', 'docs', async () => {
    const found = await raw('POST', '/rest/api/2/issue', { body: { fields: { ...OPEN, description: doc('x') } } });
    same([found.status, found.body.errors.description], [400, 'Operation value must be a string']);
  });
  await check('createIssue', 'a sub-task of nothing', 'error', 'docs', () => refused(create({ ...OPEN, issuetype: { name: 'Sub-task' } }), 400, { errors: { parent: 'Issue type is a sub-task but parent issue key or id not specified.' } }));
  await check('createIssue', 'a component that there is not', 'error', 'docs', () => refused(create({ ...OPEN, components: [{ name: 'Attic' }] }), 400, { errors: { components: "Component name 'Attic' is not valid" } }));
  await check('createIssue', 'a project that is hidden', 'error', 'sdk', () => refused(() => eve.issues.createIssue({ fields: { ...OPEN, project: { key: 'SEC' } } }), 400));
  await check('createIssue', 'a project that one may only look at', 'error', 'sdk', () => refused(() => bob.issues.createIssue({ fields: { ...OPEN, project: { key: 'SEC' } } }), 400));
  await check('createIssue', 'nothing is left of a refused one', 'state', 'sdk', async () => {
    const count = () => ada.issueSearch.countIssues({ jql: 'project = OPEN' });
    const before = (await count()).count;
    await refused(create({ ...OPEN, shoe: 3 }), 400);
    same((await count()).count, before);
  });
  await check('editIssue', 'an empty summary', 'error', 'docs', () => refused(() => ada.issues.editIssue({ issueIdOrKey: 'FIND-1', fields: { summary: '' } }), 400, { errors: { summary: 'You must specify a summary of the issue.' } }));
  await check('editIssue', 'what a viewer may not', 'error', 'belief', () => refused(() => bob.issues.editIssue({ issueIdOrKey: 'SEC-1', fields: { summary: 'Mine' } }), 400, { errors: { summary: "Field 'summary' cannot be set. It is not on the appropriate screen, or unknown." } }));
  await check('editIssue', 'and it is as it was', 'state', 'sdk', async () => same((await read('SEC-1')).fields.summary, 'Hidden'));
  await check('editIssue', 'a status is not a field to be set', 'error', 'docs', () => refused(() => ada.issues.editIssue({ issueIdOrKey: 'FIND-1', fields: { status: { name: 'Done' } } }), 400, { errors: { status: "Field 'status' cannot be set. It is not on the appropriate screen, or unknown." } }));
  await check('assignIssue', 'to whom it cannot be', 'error', 'sdk', () => refused(() => ada.issues.assignIssue({ issueIdOrKey: 'SEC-1', accountId: EVE }), 400));
  await check('deleteIssue', 'only who administers the project', 'error', 'sdk', () => refused(() => bob.issues.deleteIssue({ issueIdOrKey: 'FIND-1' }), 403));
}

const go = (key, id, more = {}, who = ada) => who.issues.doTransition({ issueIdOrKey: key, transition: { id }, ...more });

export async function workflow() {
  await check('getTransitions', 'where it may go', 'state', 'sdk', async () => {
    const found = (await ada.issues.getTransitions({ issueIdOrKey: 'FIND-1' })).transitions;
    same(found.map((one) => [one.id, one.name, one.to.name]), [['11', 'To Do', 'To Do'], ['21', 'In Progress', 'In Progress'], ['31', 'Done', 'Done']]);
  });
  await check('getTransitions', 'a viewer may take it nowhere', 'state', 'sdk', async () => same((await bob.issues.getTransitions({ issueIdOrKey: 'SEC-1' })).transitions, []));
  await check('doTransition', 'done is resolved, with its time', 'state', 'sdk', async () => {
    const { key } = await task();
    await go(key, '31');
    const { fields } = await read(key);
    same([fields.status.name, fields.status.statusCategory.key, fields.resolution.name], ['Done', 'done', 'Done']);
    that(fields.resolutiondate && fields.statuscategorychangedate);
  });
  await check('doTransition', 'and taken up again it is not', 'state', 'sdk', async () => {
    const { key } = await task();
    await go(key, '31');
    await go(key, '21');
    const { fields } = await read(key);
    same([fields.status.name, fields.resolution, fields.resolutiondate], ['In Progress', null, null]);
  });
  await check('doTransition', 'with a comment', 'state', 'sdk', async () => {
    const { key } = await task();
    await go(key, '21', { update: { comment: [{ add: { body: doc('begun') } }] } });
    same((await read(key)).fields.comment.comments.map((one) => one.body), [doc('begun')]);
  });
  await check('doTransition', 'one that there is not', 'error', 'recording', () => refused(() => go('FIND-1', '999'), 400, { message: "Transition id '999' is not valid for this issue.", errors: {} }));
  await check('doTransition', 'none', 'error', 'docs', () => refused(() => ada.issues.doTransition({ issueIdOrKey: 'FIND-1' }), 400));
  await check('doTransition', 'by a viewer', 'error', 'sdk', () => refused(() => go('SEC-1', '31', {}, bob), 400));
  await check('doTransition', 'a field that is on no screen', 'error', 'docs', () => refused(() => go('FIND-1', '31', { fields: { resolution: { name: 'Duplicate' } } }), 400, { errors: { resolution: "Field 'resolution' cannot be set. It is not on the appropriate screen, or unknown." } }));
  await check('getChangeLogs', 'every change, oldest first', 'state', 'sdk', async () => {
    const { key } = await task();
    await ada.issues.editIssue({ issueIdOrKey: key, fields: { priority: { name: 'High' } } });
    await bob.issues.assignIssue({ issueIdOrKey: key, accountId: BOB });
    await go(key, '31');
    const found = await ada.issues.getChangeLogs({ issueIdOrKey: key });
    same(found.values.flatMap((one) => one.items.map((item) => [one.author.accountId, item.field, item.fromString, item.toString])), [[ADA, 'priority', 'Medium', 'High'], [BOB, 'assignee', null, 'Bob Builder'], [ADA, 'status', 'To Do', 'Done'], [ADA, 'resolution', null, 'Done']]);
    same([found.total, found.isLast], [3, true]);
  });
  await check('getChangeLogs', 'in pages', 'protocol', 'sdk', async () => {
    const { key } = await task();
    for (const summary of ['one', 'two', 'three']) await ada.issues.editIssue({ issueIdOrKey: key, fields: { summary } });
    const found = await ada.issues.getChangeLogs({ issueIdOrKey: key, startAt: 1, maxResults: 1 });
    same([found.values[0].items[0].toString, found.isLast, found.total], ['two', false, 3]);
  });
  await check('getChangeLogs', 'nothing changed is no change', 'state', 'belief', async () => {
    const { key } = await task();
    await ada.issues.editIssue({ issueIdOrKey: key, fields: { summary: 'A task' } });
    same((await ada.issues.getChangeLogs({ issueIdOrKey: key })).total, 0);
  });
  await check('getIssue', 'with its history, newest first', 'state', 'sdk', async () => {
    const { key } = await task();
    await go(key, '21');
    await go(key, '31');
    const { histories } = (await read(key, { expand: ['changelog'] })).changelog;
    same(histories.map((one) => one.items[0].toString), ['Done', 'In Progress']);
  });
}
