// The site, who may do what on it, and its people.
import { ADA, BOB, CLOUD, EVE, GATEWAY, ada, app, bob, check, client, eve, raw, recorded, refused, same, that, wrong } from './expect.mjs';

export async function site() {
  await check('getServerInfo', 'is a cloud site', 'state', 'sdk', async () => same((await ada.serverInfo.getServerInfo()).deploymentType, 'Cloud'));
  await check('getServerInfo', 'needs no account', 'protocol', 'recording', async () => same((await raw('GET', '/rest/api/3/serverInfo', { as: '' })).status, 200));
  await check('getServerInfo', 'the same in version 2', 'shape', 'belief', async () => same(Object.keys((await raw('GET', '/rest/api/2/serverInfo')).body), Object.keys((await raw('GET', '/rest/api/3/serverInfo')).body)));
  await check('getPriorities', 'five, from the highest', 'state', 'docs', async () => same((await raw('GET', '/rest/api/3/priority')).body.map((one) => one.name), ['Highest', 'High', 'Medium', 'Low', 'Lowest']));
  await check('getPriorities', 'as recorded', 'shape', 'recording', async () => (await raw('GET', '/rest/api/3/priority')).body.forEach((one) => recorded(one, 'priority')));
  await check('searchPriorities', 'a page of them', 'shape', 'sdk', async () => same((await ada.issuePriorities.searchPriorities({})).values.length, 5));
  await check('getPriority', 'one of them', 'state', 'sdk', async () => same((await ada.issuePriorities.getPriority({ id: '2' })).name, 'High'));
  await check('getPriority', 'none of this id', 'error', 'sdk', () => refused(() => ada.issuePriorities.getPriority({ id: '99' }), 404));
  await check('getStatuses', 'a simple workflow', 'state', 'sdk', async () => same((await ada.workflowStatuses.getStatuses()).map((one) => [one.name, one.statusCategory.key]), [['To Do', 'new'], ['In Progress', 'indeterminate'], ['Done', 'done']]));
  await check('getStatuses', 'as recorded', 'shape', 'recording', async () => (await raw('GET', '/rest/api/3/status')).body.forEach((one) => recorded(one, 'status')));
  await check('getStatus', 'by its name', 'state', 'sdk', async () => same((await ada.workflowStatuses.getStatus({ idOrName: 'Done' })).name, 'Done'));
  await check('getStatus', 'none of this name', 'error', 'sdk', () => refused(() => ada.workflowStatuses.getStatus({ idOrName: 'Nowhere' }), 404));
  await check('getStatusCategories', 'four of them', 'state', 'sdk', async () => same((await ada.workflowStatusCategories.getStatusCategories()).map((one) => one.key).sort(), ['done', 'indeterminate', 'new', 'undefined']));
  await check('getStatusCategories', 'as recorded: To Do is 2, and blue-gray', 'state', 'recording', async () => {
    const found = recorded((await raw('GET', '/rest/api/3/statuscategory/2')).body, 'category');
    same([found.key, found.colorName, found.name], ['new', 'blue-gray', 'To Do']);
  });
  await check('getResolution', 'one of them', 'state', 'sdk', async () => same((await ada.issueResolutions.getResolution({ id: '10000' })).name, 'Done'));
  await check('getIssueAllTypes', 'the usual kinds', 'state', 'sdk', async () => {
    const names = (await ada.issueTypes.getIssueAllTypes()).map((one) => one.name);
    for (const name of ['Epic', 'Story', 'Task', 'Sub-task', 'Bug']) that(names.includes(name), `no ${name}`);
  });
  await check('getIssueAllTypes', 'as recorded: an epic is a level higher', 'state', 'recording', async () => {
    const found = (await raw('GET', '/rest/api/3/issuetype')).body.map((one) => recorded(one, 'issuetype'));
    same(found.find((one) => one.name === 'Epic').hierarchyLevel, 1);
  });
  await check('getIssueType', 'none of this id', 'error', 'sdk', () => refused(() => ada.issueTypes.getIssueType({ id: '99' }), 404));
  await check('getFields', 'system fields and custom ones', 'state', 'sdk', async () => {
    const fields = await ada.issueFields.getFields();
    same(fields.find((one) => one.id === 'issuetype').clauseNames, ['issuetype', 'type']);
    that(fields.some((one) => one.custom && one.id.startsWith('customfield_')), 'no custom field');
  });
  await check('getFields', 'as recorded', 'shape', 'recording', async () => {
    const fields = (await raw('GET', '/rest/api/3/field')).body;
    recorded(fields.find((one) => one.id === 'issuetype'), 'field');
    same(fields.find((one) => one.id === 'statuscategorychangedate').schema, { type: 'datetime', system: 'statuscategorychangedate' });
  });
  await check('getFields', 'whoever has no account sees them', 'protocol', 'recording', async () => same((await raw('GET', '/rest/api/3/field', { as: 'nobody@example.com:wrongtoken' })).status, 200));
  await check('createCustomField', 'is there then', 'state', 'sdk', async () => {
    const made = await ada.issueFields.createCustomField({ name: 'Weight', type: 'com.atlassian.jira.plugin.system.customfieldtypes:float' });
    same((await ada.issueFields.getFields()).find((one) => one.id === made.id).schema.type, 'number');
  });
  await check('createCustomField', 'only administrators', 'error', 'sdk', () => refused(() => bob.issueFields.createCustomField({ name: 'x', type: 'com.atlassian.jira.plugin.system.customfieldtypes:float' }), 403));
}

export async function access() {
  await check('getCurrentUser', 'is whose token it is', 'state', 'sdk', async () => same([(await ada.myself.getCurrentUser()).accountId, (await bob.myself.getCurrentUser()).displayName], [ADA, 'Bob Builder']));
  await check('getCurrentUser', 'as recorded', 'shape', 'recording', async () => recorded((await raw('GET', '/rest/api/3/myself')).body, 'user'));
  await check('getCurrentUser', 'a wrong token is 401', 'error', 'recording', () => refused(() => wrong.myself.getCurrentUser(), 401, { says: 'Client must be authenticated to access this resource.' }));
  await check('getCurrentUser', "another's token is 401", 'error', 'sdk', () => refused(() => client({ type: 'basic', email: 'bob@example.com', apiToken: 'ada_token' }).myself.getCurrentUser(), 401));
  await check('getCurrentUser', 'no credential at all is 401', 'error', 'recording', async () => same((await raw('GET', '/rest/api/3/myself', { as: '' })).status, 401));
  await check('searchProjects', 'a wrong token sees what nobody sees', 'state', 'recording', async () => same((await wrong.projects.searchProjects({})).values, []));
  await check('searchProjects', 'and is told that it was wrong', 'protocol', 'recording', async () => {
    const header = async (as) => (await raw('GET', '/rest/api/3/project/search', { as })).headers.get('x-seraph-loginreason');
    same([await header('nobody@example.com:wrongtoken'), await header(''), await header(':wrongtoken')], ['AUTHENTICATED_FAILED', null, null]);
  });
  await check('getIssue', 'a wrong token finds no issue', 'error', 'recording', () => refused(() => wrong.issues.getIssue({ issueIdOrKey: 'FIND-1' }), 404, { message: 'Issue does not exist or you do not have permission to see it.' }));
  await check('searchAndReconsileIssuesUsingJql', 'a wrong token finds nothing', 'state', 'recording', async () => {
    const found = await raw('GET', '/rest/api/3/search/jql?jql=summary%20~%20login', { as: 'nobody@example.com:wrongtoken' });
    same([found.status, found.body.issues], [200, []]);
  });
  await check('createIssue', 'a wrong token makes nothing', 'error', 'sdk', () => refused(() => wrong.issues.createIssue({ fields: { project: { key: 'OPEN' }, issuetype: { name: 'Task' }, summary: 'x' } }), 400));
  await check('getServerInfo', 'a bearer is no token of the site', 'error', 'recording', async () => {
    const found = await raw('GET', '/rest/api/3/serverInfo', { as: 'Bearer nope' });
    same([found.status, found.body, found.headers.get('content-type')], [403, { error: 'Failed to parse Connect Session Auth Token' }, 'application/json']);
  });
  await check('getProject', 'whoever may not see it is told that there is none', 'error', 'recording', () => refused(() => eve.projects.getProject({ projectIdOrKey: 'SEC' }), 404, { message: "No project could be found with key 'SEC'." }));
  await check('getIssue', 'whoever may not see it is told that there is none', 'error', 'sdk', () => refused(() => eve.issues.getIssue({ issueIdOrKey: 'SEC-1' }), 404));
  await check('getIssue', 'a viewer sees it', 'state', 'sdk', async () => same((await bob.issues.getIssue({ issueIdOrKey: 'SEC-1' })).fields.summary, 'Hidden'));
  await check('getMyPermissions', 'what an administrator may', 'state', 'sdk', async () => {
    const found = (await ada.permissions.getMyPermissions({ permissions: 'ADMINISTER,BROWSE_PROJECTS' })).permissions;
    same([found.ADMINISTER.havePermission, found.BROWSE_PROJECTS.havePermission], [true, true]);
  });
  await check('getMyPermissions', 'what a viewer may', 'state', 'sdk', async () => {
    const found = (await bob.permissions.getMyPermissions({ permissions: 'ADMINISTER,BROWSE_PROJECTS,CREATE_ISSUES', projectKey: 'SEC' })).permissions;
    same([found.ADMINISTER.havePermission, found.BROWSE_PROJECTS.havePermission, found.CREATE_ISSUES.havePermission], [false, true, false]);
  });
  await check('getMyPermissions', 'of a project that is hidden', 'error', 'sdk', () => refused(() => eve.permissions.getMyPermissions({ permissions: 'BROWSE_PROJECTS', projectKey: 'SEC' }), 404));
  await check('getMyPermissions', 'needs to be asked for some', 'error', 'docs', () => refused(() => ada.permissions.getMyPermissions({}), 400));
  await check('getAllPermissions', 'as recorded', 'shape', 'recording', async () => {
    const found = (await raw('GET', '/rest/api/3/permissions')).body.permissions;
    same([recorded(found.ADD_COMMENTS, 'permission').name, found.ADMINISTER.type, found.ADMINISTER_PROJECTS.type], ['Add Comments', 'GLOBAL', 'PROJECT']);
  });
  await check('getTenantInfo', 'tells the cloud id to anybody', 'state', 'docs', async () => same((await raw('GET', '/_edge/tenant_info', { as: '' })).body, { cloudId: CLOUD }));
  await check('getCurrentUser', 'an OAuth token at the gateway', 'state', 'sdk', async () => same((await app.myself.getCurrentUser()).accountId, ADA));
  await check('getCurrentUser', 'a wrong OAuth token is 401', 'error', 'sdk', () => refused(() => client({ type: 'bearer', token: 'nope' }, GATEWAY).myself.getCurrentUser(), 401));
  await check('getCurrentUser', 'a token without the scope is a scope error', 'error', 'sdk', async () => {
    const error = await refused(() => client({ type: 'bearer', token: 'oauth_read' }, GATEWAY).myself.getCurrentUser(), 401);
    same(error.name, 'ScopeError');
  });
  await check('getAccessibleResources', 'the site that a token is for', 'state', 'docs', async () => same((await raw('GET', '/oauth/token/accessible-resources', { as: 'Bearer oauth_ada' })).body.map((one) => one.id), [CLOUD]));
}

export async function people() {
  await check('getUser', 'by account id', 'state', 'sdk', async () => same((await ada.users.getUser({ accountId: BOB })).displayName, 'Bob Builder'));
  await check('getUser', 'nobody', 'error', 'recording', () => refused(() => ada.users.getUser({ accountId: 'nobody' }), 404, { says: 'Specified user does not exist or you do not have required permissions' }));
  await check('getUser', 'with groups when asked', 'state', 'sdk', async () => that((await ada.users.getUser({ accountId: ADA, expand: ['groups'] })).groups.items.some((one) => one.name === 'jira-administrators')));
  await check('findUsers', 'by the beginning of a name', 'state', 'sdk', async () => same((await ada.userSearch.findUsers({ query: 'buil' })).map((one) => one.accountId), [BOB]));
  await check('findUsers', 'by address', 'state', 'sdk', async () => same((await ada.userSearch.findUsers({ query: 'eve@' })).map((one) => one.accountId), [EVE]));
  await check('findUsers', 'nobody is an empty list', 'state', 'sdk', async () => same(await ada.userSearch.findUsers({ query: 'zzz' }), []));
  await check('findUsers', 'as recorded', 'shape', 'recording', async () => recorded((await raw('GET', '/rest/api/3/user/search?query=bob')).body[0], 'user'));
  await check('getAllUsers', 'with pages', 'protocol', 'sdk', async () => {
    const all = (await ada.users.getAllUsers({})).map((one) => one.accountId);
    same((await ada.users.getAllUsers({ startAt: 1, maxResults: 1 })).map((one) => one.accountId), [all[1]]);
  });
  await check('bulkGetUsers', 'those that there are', 'state', 'docs', async () => {
    const found = (await raw('GET', `/rest/api/3/user/bulk?accountId=${ADA}&accountId=nobody&accountId=${BOB}`)).body;
    same([found.values.map((one) => one.accountId), found.isLast], [[ADA, BOB], true]);
  });
  await check('findAssignableUsers', 'only who may work there', 'state', 'sdk', async () => {
    same((await ada.userSearch.findAssignableUsers({ project: 'SEC' })).map((one) => one.accountId), [ADA]);
    that((await ada.userSearch.findAssignableUsers({ project: 'OPEN' })).length > 2);
  });
  await check('findAssignableUsers', 'of an issue', 'state', 'sdk', async () => same((await ada.userSearch.findAssignableUsers({ issueKey: 'SEC-1', query: 'bob' })), []));
  await check('findBulkAssignableUsers', 'who may work in all', 'state', 'sdk', async () => same((await ada.userSearch.findBulkAssignableUsers({ projectKeys: 'OPEN,SEC' })).map((one) => one.accountId), [ADA]));
  await check('findUsersForPicker', 'with a header', 'state', 'sdk', async () => same((await ada.userSearch.findUsersForPicker({ query: 'bob' })).users.map((one) => one.accountId), [BOB]));
  await check('createUser', 'is found then', 'state', 'sdk', async () => {
    const made = await ada.users.createUser({ emailAddress: 'new@example.com', products: [] });
    same((await ada.users.getUser({ accountId: made.accountId })).active, true);
  });
  await check('createUser', 'only administrators', 'error', 'sdk', () => refused(() => bob.users.createUser({ emailAddress: 'x@example.com', products: [] }), 403));
  await check('createGroup', 'with members, and gone', 'state', 'sdk', async () => {
    const group = await ada.groups.createGroup({ name: 'crew' });
    await ada.groups.addUserToGroup({ groupId: group.groupId, accountId: BOB });
    same((await ada.groups.getUsersFromGroup({ groupId: group.groupId })).values.map((one) => one.accountId), [BOB]);
    that((await ada.users.getUserGroups({ accountId: BOB })).some((one) => one.name === 'crew'));
    await ada.groups.removeUserFromGroup({ groupId: group.groupId, accountId: BOB });
    same((await ada.groups.getUsersFromGroup({ groupId: group.groupId })).total, 0);
    await ada.groups.removeGroup({ groupId: group.groupId });
    await refused(() => ada.groups.getUsersFromGroup({ groupId: group.groupId }), 404);
  });
  await check('createGroup', 'one name once', 'error', 'sdk', () => refused(() => ada.groups.createGroup({ name: 'jira-users' }), 400));
  await check('createGroup', 'only administrators', 'error', 'sdk', () => refused(() => bob.groups.createGroup({ name: 'mine' }), 403));
  await check('getUserGroups', 'as recorded', 'shape', 'recording', async () => recorded((await raw('GET', `/rest/api/3/user/groups?accountId=${ADA}`)).body[0], 'group'));
  await check('findGroups', 'by a part of the name', 'state', 'sdk', async () => same((await ada.groups.findGroups({ query: 'administr' })).groups.map((one) => one.name), ['jira-administrators']));
}
