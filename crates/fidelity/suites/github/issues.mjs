// Issues, comments, labels, milestones, search.
import { anonymous, check, client, fresh, hubot, octocat, pull, refused, same, shaped, stranger, that } from './expect.mjs';

const issue = async (at, more = {}) => (await octocat.issues.create({ ...at, title: 'An issue', ...more })).data;

export async function issues() {
  await check('issues/create', 'is read back', 'state', 'sdk', async () => {
    const at = await fresh();
    const answer = await octocat.issues.create({ ...at, title: 'Broken', body: 'It is', labels: ['bug'], assignees: ['octocat'] });
    const made = shaped('issues/create', answer);
    same([answer.status, made.number, made.state, made.user.login, made.comments], [201, 1, 'open', 'octocat', 0]);
    const found = shaped('issues/get', await octocat.issues.get({ ...at, issue_number: 1 }));
    same([found.title, found.labels[0].name, found.assignee.login], ['Broken', 'bug', 'octocat']);
  });
  await check('issues/create', 'without a title is 422', 'error', 'sdk', async () => refused(async () => octocat.request('POST /repos/{owner}/{repo}/issues', { ...(await fresh()), body: 'x' }), 422));
  await check('issues/create', 'an empty title has the error of its field', 'error', 'docs', async () => {
    await refused(async () => octocat.issues.create({ ...(await fresh()), title: '' }), 422, { message: 'Validation Failed', error: { resource: 'Issue', field: 'title', code: 'missing_field' } });
  });
  await check('issues/create', 'needs a token', 'error', 'docs', async () => refused(async () => anonymous.issues.create({ ...(await fresh()), title: 'x' }), 401));
  await check('issues/create', 'a stranger\'s labels are passed over', 'state', 'docs', async () => {
    same((await stranger.issues.create({ ...(await fresh()), title: 'x', labels: ['bug'] })).data.labels, []);
  });
  await check('issues/create', 'a closed door is 410', 'error', 'sdk', async () => refused(async () => issue(await fresh({ has_issues: false })), 410));
  await check('issues/get', 'what is not there is 404', 'error', 'recording', async () => refused(async () => octocat.issues.get({ ...(await fresh()), issue_number: 99 }), 404, { message: 'Not Found' }));
  await check('issues/update', 'closes with a reason and reopens', 'state', 'sdk', async () => {
    const at = await fresh();
    await issue(at);
    const closed = shaped('issues/update', await octocat.issues.update({ ...at, issue_number: 1, state: 'closed', state_reason: 'not_planned' }));
    same([closed.state, closed.state_reason, closed.closed_by?.login, closed.closed_at !== null], ['closed', 'not_planned', 'octocat', true]);
    same((await octocat.issues.update({ ...at, issue_number: 1, state: 'open' })).data.closed_at, null);
  });
  await check('issues/update', 'is not for strangers', 'error', 'sdk', async () => {
    const at = await fresh();
    await issue(at);
    await refused(() => stranger.issues.update({ ...at, issue_number: 1, title: 'mine' }), 403);
  });
  await check('issues/list-for-repo', 'open ones unless asked, newest first', 'state', 'sdk', async () => {
    const at = await fresh();
    for (const title of ['a', 'b', 'c']) await issue(at, { title });
    await octocat.issues.update({ ...at, issue_number: 2, state: 'closed' });
    same(shaped('issues/list-for-repo', await octocat.issues.listForRepo(at)).map((one) => one.title), ['c', 'a']);
    same((await octocat.issues.listForRepo({ ...at, state: 'closed' })).data.length, 1);
    same((await octocat.issues.listForRepo({ ...at, state: 'all', direction: 'asc' })).data[0].title, 'a');
  });
  await check('issues/list-for-repo', 'by label, creator and assignee', 'state', 'sdk', async () => {
    const at = await fresh();
    await issue(at, { labels: ['bug'], assignees: ['octocat'] });
    await hubot.issues.create({ ...at, title: 'hubot\'s' });
    for (const filter of [{ labels: 'bug' }, { creator: 'octocat' }, { assignee: 'octocat' }]) {
      same((await octocat.issues.listForRepo({ ...at, ...filter })).data.map((one) => one.number), [1], JSON.stringify(filter));
    }
    same((await octocat.issues.listForRepo({ ...at, assignee: 'none' })).data.map((one) => one.number), [2]);
  });
  await check('issues/list-for-repo', 'pull requests are among them', 'state', 'docs', async () => {
    const at = await fresh();
    await pull(at);
    that((await octocat.issues.listForRepo(at)).data[0].pull_request.url.endsWith('/pulls/1'));
  });
  await check('issues/list-for-repo', 'pages follow one another by Link', 'protocol', 'recording', async () => {
    const at = await fresh();
    for (let i = 0; i < 7; i += 1) await issue(at, { title: `${i}` });
    const first = await octocat.issues.listForRepo({ ...at, per_page: 3 });
    const rels = [...first.headers.link.matchAll(/[?&]page=(\d+)[^>]*>; rel="(\w+)"/g)].map((found) => `${found[2]} ${found[1]}`);
    same(rels, ['next 2', 'last 3']);
    const middle = await octocat.issues.listForRepo({ ...at, per_page: 3, page: 2 });
    same([...middle.headers.link.matchAll(/rel="(\w+)"/g)].map((found) => found[1]), ['prev', 'next', 'last', 'first']);
    same((await octocat.paginate(octocat.issues.listForRepo, { ...at, per_page: 3 })).length, 7);
  });
  await check('issues/list-for-repo', 'a page has a hundred at most', 'protocol', 'docs', async () => {
    const at = await fresh();
    await Promise.all(Array.from({ length: 101 }, (_, i) => issue(at, { title: `${i}` })));
    same((await octocat.issues.listForRepo({ ...at, per_page: 500 })).data.length, 100);
  });
  await check('issues/lock', 'strangers cannot comment on a locked one', 'state', 'recording', async () => {
    const at = await fresh();
    await issue(at);
    same((await octocat.issues.lock({ ...at, issue_number: 1, lock_reason: 'resolved' })).status, 204);
    same((await octocat.issues.get({ ...at, issue_number: 1 })).data.active_lock_reason, 'resolved');
    await refused(() => stranger.issues.createComment({ ...at, issue_number: 1, body: 'x' }), 403);
    same((await octocat.issues.unlock({ ...at, issue_number: 1 })).status, 204);
  });
  await check('issues/create-comment', 'is read back and counted', 'state', 'recording', async () => {
    const at = await fresh();
    await issue(at);
    const { id } = shaped('issues/create-comment', await hubot.issues.createComment({ ...at, issue_number: 1, body: 'me too' }));
    same(shaped('issues/list-comments', await octocat.issues.listComments({ ...at, issue_number: 1 })).map((one) => one.body), ['me too']);
    same((await octocat.issues.get({ ...at, issue_number: 1 })).data.comments, 1);
    same(shaped('issues/update-comment', await hubot.issues.updateComment({ ...at, comment_id: id, body: 'not me' })).body, 'not me');
    same((await hubot.issues.deleteComment({ ...at, comment_id: id })).status, 204);
    await refused(() => octocat.issues.getComment({ ...at, comment_id: id }), 404);
  });
  await check('issues/create-comment', 'an empty body is 422', 'error', 'sdk', async () => {
    const at = await fresh();
    await issue(at);
    await refused(() => octocat.issues.createComment({ ...at, issue_number: 1, body: '' }), 422);
  });
  await check('issues/update-comment', 'others\' are not mine', 'error', 'docs', async () => {
    const at = await fresh();
    await issue(at);
    const { id } = (await octocat.issues.createComment({ ...at, issue_number: 1, body: 'x' })).data;
    await refused(() => stranger.issues.updateComment({ ...at, comment_id: id, body: 'y' }), 403);
  });
  await check('issues/add-labels', 'adds, sets and removes', 'state', 'recording', async () => {
    const at = await fresh();
    await issue(at);
    const names = (labels) => labels.map((one) => one.name).sort();
    same(names(shaped('issues/add-labels', await octocat.issues.addLabels({ ...at, issue_number: 1, labels: ['bug', 'question'] }))), ['bug', 'question']);
    same(names(shaped('issues/remove-label', await octocat.issues.removeLabel({ ...at, issue_number: 1, name: 'bug' }))), ['question']);
    same(names(shaped('issues/set-labels', await octocat.issues.setLabels({ ...at, issue_number: 1, labels: ['wontfix'] }))), ['wontfix']);
    same((await octocat.issues.removeAllLabels({ ...at, issue_number: 1 })).status, 204);
    same(names(shaped('issues/list-labels-on-issue', await octocat.issues.listLabelsOnIssue({ ...at, issue_number: 1 }))), []);
  });
  await check('issues/remove-label', 'one that it does not bear is 404', 'error', 'sdk', async () => {
    const at = await fresh();
    await issue(at);
    await refused(() => octocat.issues.removeLabel({ ...at, issue_number: 1, name: 'bug' }), 404);
  });
  await check('issues/add-assignees', 'adds and removes', 'state', 'sdk', async () => {
    const at = await fresh();
    await issue(at);
    const answer = await octocat.issues.addAssignees({ ...at, issue_number: 1, assignees: ['octocat'] });
    same([answer.status, shaped('issues/add-assignees', answer).assignees.length], [201, 1]);
    same(shaped('issues/remove-assignees', await octocat.issues.removeAssignees({ ...at, issue_number: 1, assignees: ['octocat'] })).assignees, []);
  });
  await check('issues/list-events', 'tells the history', 'state', 'sdk', async () => {
    const at = await fresh();
    await issue(at);
    await octocat.issues.addLabels({ ...at, issue_number: 1, labels: ['bug'] });
    await octocat.issues.update({ ...at, issue_number: 1, state: 'closed' });
    same(shaped('issues/list-events', await octocat.issues.listEvents({ ...at, issue_number: 1 })).map((one) => one.event), ['labeled', 'closed']);
  });
}

export async function labels() {
  await check('issues/list-labels-for-repo', 'a new repository has the nine', 'state', 'docs', async () => {
    const found = shaped('issues/list-labels-for-repo', await octocat.issues.listLabelsForRepo(await fresh()));
    same(found.map((one) => one.name), ['bug', 'documentation', 'duplicate', 'enhancement', 'good first issue', 'help wanted', 'invalid', 'question', 'wontfix']);
  });
  await check('issues/create-label', 'is read back, changed and deleted', 'state', 'recording', async () => {
    const at = await fresh();
    const made = shaped('issues/create-label', await octocat.issues.createLabel({ ...at, name: 'test-label', color: '663399' }));
    same([made.color, made.default, made.description], ['663399', false, null]);
    shaped('issues/get-label', await octocat.issues.getLabel({ ...at, name: 'test-label' }));
    same(shaped('issues/update-label', await octocat.issues.updateLabel({ ...at, name: 'test-label', new_name: 'test-label-updated', color: 'BADA55' })).name, 'test-label-updated');
    same((await octocat.issues.deleteLabel({ ...at, name: 'test-label-updated' })).status, 204);
    await refused(() => octocat.issues.getLabel({ ...at, name: 'test-label-updated' }), 404);
  });
  await check('issues/create-label', 'a bad colour has the error of its field', 'error', 'recording', async () => {
    await refused(async () => octocat.issues.createLabel({ ...(await fresh()), name: 'foo', color: 'invalid' }), 422, { message: 'Validation Failed', error: { resource: 'Label', code: 'invalid', field: 'color' } });
  });
  await check('issues/create-label', 'a taken name exists already', 'error', 'docs', async () => {
    await refused(async () => octocat.issues.createLabel({ ...(await fresh()), name: 'Bug', color: 'ffffff' }), 422, { error: { resource: 'Label', code: 'already_exists', field: 'name' } });
  });
  await check('issues/update-label', 'shows on the issues that bear it', 'state', 'docs', async () => {
    const at = await fresh();
    await issue(at, { labels: ['bug'] });
    await octocat.issues.updateLabel({ ...at, name: 'bug', new_name: 'defect' });
    same((await octocat.issues.get({ ...at, issue_number: 1 })).data.labels[0].name, 'defect');
  });
  await check('issues/create-milestone', 'counts the issues that bear it', 'state', 'sdk', async () => {
    const at = await fresh();
    const { number } = shaped('issues/create-milestone', await octocat.issues.createMilestone({ ...at, title: 'v1', due_on: '2026-12-01T08:00:00Z' }));
    await issue(at, { milestone: number });
    same((await octocat.issues.get({ ...at, issue_number: 1 })).data.milestone.title, 'v1');
    const found = shaped('issues/get-milestone', await octocat.issues.getMilestone({ ...at, milestone_number: number }));
    same([found.open_issues, found.closed_issues], [1, 0]);
    same(shaped('issues/update-milestone', await octocat.issues.updateMilestone({ ...at, milestone_number: number, state: 'closed' })).state, 'closed');
    same((await octocat.issues.listMilestones(at)).data, []);
    same((await octocat.issues.deleteMilestone({ ...at, milestone_number: number })).status, 204);
  });
  await check('issues/create-milestone', 'a taken title exists already', 'error', 'docs', async () => {
    const at = await fresh();
    await octocat.issues.createMilestone({ ...at, title: 'v1' });
    await refused(() => octocat.issues.createMilestone({ ...at, title: 'v1' }), 422, { error: { resource: 'Milestone', code: 'already_exists', field: 'title' } });
  });
}

export async function search() {
  await check('search/issues-and-pull-requests', 'by words and qualifiers', 'shape', 'recording', async () => {
    const at = await fresh();
    await issue(at, { title: 'sesame one' });
    await issue(at, { title: 'sesame two', body: 'open', labels: ['bug'] });
    const q = `sesame label:bug state:open repo:octocat/${at.repo}`;
    const found = shaped('search/issues-and-pull-requests', await octocat.search.issuesAndPullRequests({ q }));
    same([found.total_count, found.incomplete_results, found.items[0].title], [1, false, 'sesame two']);
  });
  await check('search/issues-and-pull-requests', 'a minus takes out', 'state', 'docs', async () => {
    const at = await fresh();
    await issue(at, { title: 'kept' });
    await issue(at, { title: 'dropped', labels: ['bug'] });
    same((await octocat.search.issuesAndPullRequests({ q: `repo:octocat/${at.repo} is:issue -label:bug` })).data.items.map((one) => one.title), ['kept']);
  });
  await check('search/issues-and-pull-requests', 'without a query is 422', 'error', 'docs', () => refused(() => octocat.request('GET /search/issues'), 422, { message: 'Validation Failed', error: { resource: 'Search', field: 'q', code: 'missing' } }));
  await check('search/issues-and-pull-requests', 'has a rate of its own', 'protocol', 'docs', async () => {
    const { headers } = await octocat.search.issuesAndPullRequests({ q: 'x' });
    same([headers['x-ratelimit-resource'], headers['x-ratelimit-limit']], ['search', '30']);
  });
  await check('search/repos', 'by name and owner', 'shape', 'sdk', async () => {
    const found = shaped('search/repos', await octocat.search.repos({ q: 'hello user:octocat' }));
    that(found.items.some((one) => one.full_name === 'octocat/hello-world'));
  });
  await check('search/repos', 'private ones only for who may see them', 'state', 'docs', async () => {
    same((await stranger.search.repos({ q: 'secret user:octocat' })).data.total_count, 0);
    same((await octocat.search.repos({ q: 'secret user:octocat' })).data.total_count, 1);
  });
  await check('search/code', 'finds what is in a file', 'shape', 'sdk', async () => {
    const at = await fresh();
    await octocat.repos.createOrUpdateFileContents({ ...at, path: 'needle.txt', message: 'm', content: Buffer.from('zanzibar').toString('base64') });
    same(shaped('search/code', await octocat.search.code({ q: `zanzibar repo:octocat/${at.repo}` })).items.map((one) => one.path), ['needle.txt']);
  });
  await check('search/users', 'by login', 'shape', 'sdk', async () => that(shaped('search/users', await octocat.search.users({ q: 'hubot' })).items.some((one) => one.login === 'hubot')));
}
