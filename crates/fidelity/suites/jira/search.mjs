// Searches: queries, their mistakes, pages.
import { ada, bob, check, eve, keys, raw, read, refused, same, task, that } from './expect.mjs';

const post = (more, who = ada) => who.issueSearch.searchAndReconsileIssuesUsingJqlPost(more);
const FIND = 'project = FIND AND';

// A query, and the keys of FIND that it finds, in order.
const FINDS = [
  ['project = FIND', ['FIND-4', 'FIND-3', 'FIND-2', 'FIND-1'], 'belief'],
  ['project = FIND order by key', ['FIND-1', 'FIND-2', 'FIND-3', 'FIND-4'], 'docs'],
  ['project = "For searches" order by key DESC', ['FIND-4', 'FIND-3', 'FIND-2', 'FIND-1'], 'docs'],
  [`${FIND} status = "In Progress"`, ['FIND-2'], 'sdk'],
  [`${FIND} status != Done order by key`, ['FIND-1', 'FIND-2', 'FIND-4'], 'docs'],
  [`${FIND} status in (Done, "In Progress") order by key`, ['FIND-2', 'FIND-3'], 'docs'],
  [`${FIND} status not in (Done, "In Progress") order by key`, ['FIND-1', 'FIND-4'], 'docs'],
  [`${FIND} statusCategory = Done`, ['FIND-3'], 'docs'],
  [`${FIND} issuetype = Bug`, ['FIND-1'], 'docs'],
  [`${FIND} type in (Bug, Story) order by key`, ['FIND-1', 'FIND-2'], 'docs'],
  [`${FIND} priority > Medium`, ['FIND-1'], 'docs'],
  [`${FIND} assignee is EMPTY order by key`, ['FIND-2', 'FIND-3', 'FIND-4'], 'docs'],
  [`${FIND} assignee is not EMPTY`, ['FIND-1'], 'docs'],
  [`${FIND} assignee = "bob@example.com"`, ['FIND-1'], 'docs'],
  [`${FIND} assignee != 5b10a2844c20165700ede21b`, [], 'docs'],
  [`${FIND} reporter = currentUser() order by key`, ['FIND-1', 'FIND-2', 'FIND-4'], 'sdk'],
  [`${FIND} labels = blue order by key`, ['FIND-1', 'FIND-2'], 'docs'],
  [`${FIND} labels in (red) or project = FIND and type = Story order by key`, ['FIND-1', 'FIND-2'], 'docs'],
  [`${FIND} (labels = red or type = Story) and not labels = red`, ['FIND-2'], 'docs'],
  [`${FIND} labels is EMPTY order by key`, ['FIND-3', 'FIND-4'], 'docs'],
  [`${FIND} resolution = Unresolved order by key`, ['FIND-1', 'FIND-2', 'FIND-4'], 'docs'],
  [`${FIND} resolution is not EMPTY`, ['FIND-3'], 'docs'],
  [`${FIND} summary ~ manual`, ['FIND-2'], 'docs'],
  [`${FIND} summary ~ "phone login"`, ['FIND-1'], 'docs'],
  [`${FIND} text ~ button`, ['FIND-1'], 'docs'],
  [`${FIND} summary ~ "man*"`, ['FIND-2'], 'docs'],
  [`${FIND} summary !~ manual order by key`, ['FIND-1', 'FIND-3', 'FIND-4'], 'docs'],
  [`${FIND} due <= 2026-02-01`, ['FIND-2'], 'docs'],
  [`${FIND} due < "2026/02/01"`, [], 'docs'],
  [`${FIND} created >= -1h order by key`, ['FIND-1', 'FIND-2', 'FIND-3', 'FIND-4'], 'docs'],
  [`${FIND} created < startOfDay(-1d)`, [], 'docs'],
  [`${FIND} updated <= now() and created > "2020-01-01 10:00" order by key`, ['FIND-1', 'FIND-2', 'FIND-3', 'FIND-4'], 'docs'],
  [`${FIND} parent = FIND-1`, ['FIND-4'], 'docs'],
  ['key = FIND-2', ['FIND-2'], 'sdk'],
  ['issuekey in (FIND-2, FIND-1) order by key', ['FIND-1', 'FIND-2'], 'docs'],
  [`${FIND} key > FIND-2 order by key`, ['FIND-3', 'FIND-4'], 'docs'],
  ['project = FIND order by priority DESC, key', ['FIND-1', 'FIND-2', 'FIND-4', 'FIND-3'], 'docs'],
  ['project = FIND order by summary', ['FIND-4', 'FIND-1', 'FIND-3', 'FIND-2'], 'docs'],
  [`${FIND} watcher = currentUser() && type = Bug`, ['FIND-1'], 'docs'],
];

const OPERATORS = "'=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'";
const MISTAKES = [
  ['project = NOPE', "The value 'NOPE' does not exist for the field 'project'.", 'recording'],
  ['status closed', `Error in the JQL Query: Expecting operator but got 'closed'. The valid operators are ${OPERATORS}. (line 1, character 8)`, 'recording'],
  ["updated > '-53s'", "Date value '-53s' for field 'updated' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'.", 'recording'],
  ['shoe = 3', "Field 'shoe' does not exist or you do not have permission to view it.", 'docs'],
  ['project = FIND AND', 'Error in the JQL Query: Expecting a field name at the end of the query.', 'docs'],
  ['project =', 'Error in the JQL Query: Expecting either a value, list or function before the end of the query.', 'docs'],
  ['project in (FIND', "Error in the JQL Query: Expecting ')' before the end of the query.", 'docs'],
  ['project = "FIND', "Error in the JQL Query: The quoted string 'FIND' has not been completed. (line 1, character 11)", 'docs'],
  ['assignee = bob@example.com', "Error in the JQL Query: The character '@' is a reserved JQL character. You must enclose it in a string or use the escape '\\u0040' instead. (line 1, character 15)", 'docs'],
  ['project = FIND status = Done', "Error in the JQL Query: Expecting either 'OR' or 'AND' but got 'status'. (line 1, character 16)", 'docs'],
  ['summary = x', "The operator '=' is not supported by the 'summary' field.", 'docs'],
  ['assignee = whoever()', "Unable to find JQL function 'whoever()'.", 'docs'],
  ['key = FIND-999', "An issue with key 'FIND-999' does not exist for field 'key'.", 'docs'],
  ['key = x', "The issue key 'x' for field 'key' is invalid.", 'docs'],
  ['status = Nowhere', "The value 'Nowhere' does not exist for the field 'status'.", 'docs'],
];

export async function queries() {
  for (const [jql, wanted, source] of FINDS) {
    await check('searchAndReconsileIssuesUsingJqlPost', jql, 'state', source, async () => same(await keys(jql), wanted));
  }
  for (const [jql, message, source] of MISTAKES) {
    await check('searchAndReconsileIssuesUsingJqlPost', jql, 'error', source, () => refused(() => post({ jql }), 400, { message }));
  }
  await check('searchAndReconsileIssuesUsingJqlPost', 'status was', 'state', 'docs', async () => {
    const { key } = await task();
    await ada.issues.doTransition({ issueIdOrKey: key, transition: { id: '21' } });
    same(await keys(`key = ${key} and status was "To Do" and status changed`), [key]);
  });
  await check('parseJqlQueries', 'right and wrong ones', 'shape', 'sdk', async () => {
    const { queries: found } = await ada.jql.parseJqlQueries({ queries: ['project = FIND AND assignee = currentUser() ORDER BY key DESC', 'project FIND'], validation: 'strict' });
    same([found[0].structure.where.operator, found[0].structure.where.clauses.map((one) => one.field.name), found[0].structure.orderBy.fields[0].direction], ['and', ['project', 'assignee'], 'desc']);
    that(found[1].errors[0].includes("Expecting operator but got 'FIND'"), found[1]);
  });
  await check('matchIssues', 'which issues fit', 'state', 'sdk', async () => {
    const ids = [];
    for (const key of ['FIND-1', 'FIND-2']) ids.push(Number((await read(key)).id));
    const { matches } = await ada.issueSearch.matchIssues({ jqls: ['type = Bug', 'shoe = 3'], issueIds: ids });
    same([matches[0].matchedIssues, matches[1].matchedIssues, matches[1].errors.length], [[ids[0]], [], 1]);
  });
}

export async function search() {
  await check('searchAndReconsileIssuesUsingJqlPost', 'ids alone unless asked for more', 'state', 'sdk', async () => same((await post({ jql: 'key = FIND-1' })).issues.map((one) => Object.keys(one)), [['id']]));
  await check('searchAndReconsileIssuesUsingJqlPost', 'the fields that are asked for', 'state', 'sdk', async () => same(Object.keys((await post({ jql: 'key = FIND-1', fields: ['summary', 'status'] })).issues[0].fields).sort(), ['status', 'summary']));
  await check('searchAndReconsileIssuesUsingJqlPost', 'what is hidden is not found', 'state', 'sdk', async () => same([await keys('summary ~ hidden', {}, bob), await keys('summary ~ hidden', {}, eve)], [['SEC-1'], []]));
  await check('searchAndReconsileIssuesUsingJqlPost', 'a project that is hidden is none', 'error', 'sdk', () => refused(() => post({ jql: 'project = SEC' }, eve), 400, { message: "The value 'SEC' does not exist for the field 'project'." }));
  await check('searchAndReconsileIssuesUsingJqlPost', 'page after page', 'protocol', 'sdk', async () => {
    const seen = [];
    let page = { nextPageToken: undefined };
    do {
      page = await post({ jql: 'project = FIND order by key', maxResults: 3, fields: ['key'], nextPageToken: page.nextPageToken });
      seen.push(page.issues.map((one) => one.key), page.isLast);
    } while (page.nextPageToken);
    same(seen, [['FIND-1', 'FIND-2', 'FIND-3'], false, ['FIND-4'], true]);
  });
  await check('searchAndReconsileIssuesUsingJql', 'the same by GET', 'state', 'sdk', async () => same((await ada.issueSearch.searchAndReconsileIssuesUsingJql({ jql: 'project = FIND order by key', fields: ['key'], maxResults: 2 })).issues.map((one) => one.key), ['FIND-1', 'FIND-2']));
  await check('searchAndReconsileIssuesUsingJqlPost', 'with the history', 'state', 'sdk', async () => that((await post({ jql: 'key = FIND-1', fields: ['summary'], expand: 'changelog' })).issues[0].changelog));
  await check('searchAndReconsileIssuesUsingJql', 'a token that is none', 'error', 'recording', async () => {
    const found = await raw('GET', '/rest/api/3/search/jql?jql=project%20%3D%20FIND&nextPageToken=not-a-token&maxResults=-1');
    same([found.status, found.body], [400, { errorMessages: ['The provided nextPageToken is invalid or has expired.'], errors: {} }]);
  });
  await check('searchAndReconsileIssuesUsingJql', 'no query', 'error', 'recording', async () => {
    const found = await raw('GET', '/rest/api/3/search/jql?maxResults=5');
    same([found.status, found.body], [400, { errorMessages: ['Unbounded JQL queries are not allowed here. Add a search restriction to the query.'], errors: {} }]);
  });
  await check('searchAndReconsileIssuesUsingJqlPost', 'a query of null', 'error', 'recording', async () => same((await raw('POST', '/rest/api/3/search/jql', { body: { jql: null } })).body.errorMessages, ['Unbounded JQL queries are not allowed here. Add a search restriction to the query.']));
  await check('searchAndReconsileIssuesUsingJqlPost', 'an order alone', 'error', 'docs', () => refused(() => post({ jql: 'order by created' }), 400, { says: 'Unbounded' }));
  await check('searchAndReconsileIssuesUsingJql', 'pages of 1 to 5,000', 'error', 'recording', async () => {
    for (const size of [0, -1, 5001]) {
      const found = await raw('GET', `/rest/api/3/search/jql?jql=project%20%3D%20FIND&maxResults=${size}`);
      same([found.status, found.body], [400, { errorMessages: ['The maxResults parameter must be between 1 and 5,000.'], errors: {} }], size);
    }
    for (const size of [1, 5000]) same((await raw('GET', `/rest/api/3/search/jql?jql=project%20%3D%20FIND&maxResults=${size}`)).status, 200, size);
  });
  await check('searchAndReconsileIssuesUsingJql', 'a size that is no number', 'error', 'recording', async () => same((await raw('GET', '/rest/api/3/search/jql?maxResults=abc')).body.detail, "Failed to convert 'maxResults' with value: 'abc'"));
  await check('searchAndReconsileIssuesUsingJqlPost', 'a body with what it does not know', 'error', 'recording', async () => same((await raw('POST', '/rest/api/3/search/jql', { body: { jql: 'project = FIND', startAt: 0 } })).status, 400));
  await check('searchAndReconsileIssuesUsingJqlPost', 'looks at the body alone', 'protocol', 'recording', async () => same((await raw('POST', '/rest/api/3/search/jql?maxResults=abc&startAt=abc', { body: { jql: 'project = FIND' } })).status, 200));
  await check('searchAndReconsileIssuesUsingJql', 'in version 2, too', 'protocol', 'sdk', async () => same((await raw('GET', '/rest/api/2/search/jql?jql=key%20%3D%20FIND-1&fields=description')).body.issues[0].fields.description, 'The button is dead'));
  await check('searchForIssuesUsingJql', 'is gone', 'error', 'recording', async () => {
    for (const method of ['GET', 'POST']) {
      const found = await raw(method, '/rest/api/3/search', method === 'POST' ? { body: { jql: 'project = FIND' } } : {});
      same([found.status, found.body], [410, { errorMessages: ['The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046'], errors: {} }]);
    }
  });
  await check('countIssues', 'how many', 'state', 'sdk', async () => same((await ada.issueSearch.countIssues({ jql: 'project = FIND and type != Bug' })).count, 3));
  await check('countIssues', 'of a wrong query', 'error', 'sdk', () => refused(() => ada.issueSearch.countIssues({ jql: 'project = NOPE' }), 400));
  await check('searchAndReconsileIssuesUsingJqlPost', 'what was changed is found as it is', 'state', 'sdk', async () => {
    const { key } = await task({ labels: ['moving'] });
    same(await keys('labels = moving'), [key]);
    await ada.issues.editIssue({ issueIdOrKey: key, update: { labels: [{ remove: 'moving' }] } });
    same(await keys('labels = moving'), []);
  });
}
