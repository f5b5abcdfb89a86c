// Projects with their components, versions and roles.
import { ADA, BOB, ada, bob, check, eve, raw, read, recorded, refused, same, task, that } from './expect.mjs';

let made = 0;
const fresh = async (more = {}) => {
  const key = `NEW${++made}`;
  await ada.projects.createProject({ key, name: `New ${made}`, projectTypeKey: 'software', leadAccountId: ADA, ...more });
  return key;
};

export async function projects() {
  await check('getProject', 'by key and by id', 'state', 'sdk', async () => {
    const one = await ada.projects.getProject({ projectIdOrKey: 'OPEN' });
    same((await ada.projects.getProject({ projectIdOrKey: one.id })).key, 'OPEN');
  });
  await check('getProject', 'with lead, kinds, components and versions', 'shape', 'sdk', async () => {
    const one = await ada.projects.getProject({ projectIdOrKey: 'OPEN' });
    same([one.lead.accountId, one.components.map((part) => part.name), one.versions.map((part) => part.name)], [ADA, ['Backend', 'Frontend'], ['1.0', '2.0']]);
    that(one.issueTypes.length >= 5 && one.style === 'classic' && one.roles);
  });
  await check('getProject', 'none of this key', 'error', 'recording', () => refused(() => ada.projects.getProject({ projectIdOrKey: 'NOPE' }), 404, { message: "No project could be found with key 'NOPE'.", errors: {} }));
  await check('searchProjects', 'what one may see', 'state', 'sdk', async () => {
    same((await bob.projects.searchProjects({ query: 'secret' })).values.map((one) => one.key), ['SEC']);
    same((await eve.projects.searchProjects({ query: 'secret' })).values, []);
  });
  await check('searchProjects', 'page after page', 'protocol', 'sdk', async () => {
    const first = await ada.projects.searchProjects({ maxResults: 1, keys: ['FIND', 'OPEN'] });
    same([first.values.map((one) => one.key), first.total, first.isLast], [['FIND'], 2, false]);
    that(first.nextPage.includes('startAt=1'), first.nextPage);
    const second = await ada.projects.searchProjects({ maxResults: 1, startAt: 1, keys: ['FIND', 'OPEN'] });
    same([second.values.map((one) => one.key), second.isLast, second.nextPage], [['OPEN'], true, undefined]);
  });
  await check('searchProjects', 'in another order', 'state', 'sdk', async () => {
    const found = (await ada.projects.searchProjects({ orderBy: '-key' })).values.map((one) => one.key);
    same(found, [...found].sort().reverse());
  });
  await check('searchProjects', 'as recorded', 'shape', 'recording', async () => recorded((await raw('GET', '/rest/api/3/project/search')).body.values[0], 'project'));
  await check('getAllProjects', 'in a list', 'state', 'docs', async () => that((await raw('GET', '/rest/api/3/project')).body.some((one) => one.key === 'OPEN')));
  await check('createProject', 'is read back', 'state', 'sdk', async () => {
    const key = await fresh({ description: 'For now' });
    const one = await ada.projects.getProject({ projectIdOrKey: key });
    same([one.description, one.projectTypeKey, one.lead.accountId], ['For now', 'software', ADA]);
  });
  await check('createProject', 'tells id, key and address', 'shape', 'sdk', async () => {
    const one = await ada.projects.createProject({ key: 'SHAPE', name: 'Shape', projectTypeKey: 'software', leadAccountId: ADA });
    that(typeof one.id === 'number' && one.self.endsWith(`/project/${one.id}`), one);
  });
  await check('createProject', 'a key once', 'error', 'sdk', () => refused(() => ada.projects.createProject({ key: 'OPEN', name: 'Another', projectTypeKey: 'software', leadAccountId: ADA }), 400, { errors: { projectKey: "Project 'Open things' uses this project key." } }));
  await check('createProject', 'a key in capitals', 'error', 'docs', () => refused(() => ada.projects.createProject({ key: 'open', name: 'Another', projectTypeKey: 'software', leadAccountId: ADA }), 400, { errors: { projectKey: 'Project keys must start with an uppercase letter, followed by one or more uppercase alphanumeric characters.' } }));
  await check('createProject', 'a name once', 'error', 'docs', () => refused(() => ada.projects.createProject({ key: 'ANOTHER', name: 'Open things', projectTypeKey: 'software', leadAccountId: ADA }), 400, { errors: { projectName: 'A project with that name already exists.' } }));
  await check('createProject', 'only administrators', 'error', 'sdk', () => refused(() => bob.projects.createProject({ key: 'MINE', name: 'Mine', projectTypeKey: 'software', leadAccountId: BOB }), 403));
  await check('updateProject', 'is read back', 'state', 'sdk', async () => {
    const key = await fresh();
    await ada.projects.updateProject({ projectIdOrKey: key, name: `${key} renamed`, leadAccountId: BOB });
    const one = await ada.projects.getProject({ projectIdOrKey: key });
    same([one.name, one.lead.accountId], [`${key} renamed`, BOB]);
  });
  await check('updateProject', 'issues follow its key, and the old one leads to them', 'state', 'docs', async () => {
    const key = await fresh();
    await ada.issues.createIssue({ fields: { project: { key }, issuetype: { name: 'Task' }, summary: 'Moves' } });
    await ada.projects.updateProject({ projectIdOrKey: key, key: `${key}X` });
    same([(await read(`${key}-1`)).key, (await read(`${key}X-1`)).fields.summary], [`${key}X-1`, 'Moves']);
  });
  await check('updateProject', 'only who administers it', 'error', 'sdk', async () => {
    const key = await fresh();
    await refused(() => bob.projects.updateProject({ projectIdOrKey: key, name: 'Mine now' }), 403);
  });
  await check('deleteProject', 'takes its issues with it', 'state', 'sdk', async () => {
    const key = await fresh();
    const issue = await ada.issues.createIssue({ fields: { project: { key }, issuetype: { name: 'Task' }, summary: 'Gone' } });
    await ada.projects.deleteProject({ projectIdOrKey: key });
    await refused(() => ada.projects.getProject({ projectIdOrKey: key }), 404);
    await refused(() => read(issue.id), 404);
  });
  await check('getAllStatuses', 'of each kind of issue', 'state', 'sdk', async () => {
    const found = await ada.projects.getAllStatuses({ projectIdOrKey: 'OPEN' });
    same(found.find((one) => one.name === 'Bug').statuses.map((one) => one.name), ['To Do', 'In Progress', 'Done']);
  });
  await check('getProjectRoles', 'and who has one', 'state', 'sdk', async () => {
    const roles = await ada.projectRoles.getProjectRoles({ projectIdOrKey: 'SEC' });
    const id = Number(roles.Viewer.split('/').pop());
    same((await ada.projectRoles.getProjectRole({ projectIdOrKey: 'SEC', id })).actors.map((one) => one.actorUser.accountId), [BOB]);
  });
  await check('getProjectRoles', 'none of a project that one does not see', 'error', 'recording', () => refused(() => eve.projectRoles.getProjectRoles({ projectIdOrKey: 'SEC' }), 404, { message: "No project could be found with key 'SEC'." }));
  await check('addActorUsers', 'lets somebody in', 'state', 'sdk', async () => {
    const key = await fresh();
    await ada.projectRoleActors.addActorUsers({ projectIdOrKey: key, id: 10002, user: [BOB] });
    await bob.projects.updateProject({ projectIdOrKey: key, description: 'by Bob' });
    same((await ada.projects.getProject({ projectIdOrKey: key })).description, 'by Bob');
  });
}

export async function parts() {
  await check('getProjectComponentsPaginated', 'as recorded', 'shape', 'recording', async () => recorded((await raw('GET', '/rest/api/3/project/OPEN/component')).body.values[0], 'component'));
  await check('getProjectComponents', 'all of them', 'state', 'sdk', async () => same((await ada.projectComponents.getProjectComponents({ projectIdOrKey: 'OPEN' })).map((one) => one.name), ['Backend', 'Frontend']));
  await check('createComponent', 'made, changed, on an issue, and gone', 'state', 'sdk', async () => {
    const part = await ada.projectComponents.createComponent({ project: 'OPEN', name: 'Cellar', leadAccountId: BOB });
    same((await ada.projectComponents.getComponent({ id: part.id })).lead.accountId, BOB);
    await ada.projectComponents.updateComponent({ id: part.id, body: { description: 'deep' } });
    const issue = await task({ components: [{ name: 'Cellar' }] });
    same((await read(issue.key)).fields.components.map((one) => one.description), ['deep']);
    same((await ada.projectComponents.getComponentRelatedIssues({ id: part.id })).issueCount, 1);
    await ada.projectComponents.deleteComponent({ id: part.id });
    same((await read(issue.key)).fields.components, []);
    await refused(() => ada.projectComponents.getComponent({ id: part.id }), 404);
  });
  await check('createComponent', 'a name once', 'error', 'docs', () => refused(() => ada.projectComponents.createComponent({ project: 'OPEN', name: 'Backend' }), 400, { errors: { name: 'A component with the name Backend already exists in this project.' } }));
  await check('createComponent', 'only who administers the project', 'error', 'sdk', () => refused(() => bob.projectComponents.createComponent({ project: 'OPEN', name: 'Mine' }), 403));
  await check('getComponent', 'none of this id', 'error', 'docs', () => refused(() => ada.projectComponents.getComponent({ id: '99' }), 404, { message: 'The component with id 99 does not exist.' }));
  await check('getProjectVersions', 'as recorded', 'shape', 'recording', async () => recorded((await raw('GET', '/rest/api/3/project/OPEN/versions')).body.find((one) => one.name === '2.0'), 'version'));
  await check('getProjectVersionsPaginated', 'those that are not out', 'state', 'sdk', async () => that((await ada.projectVersions.getProjectVersionsPaginated({ projectIdOrKey: 'OPEN', status: 'unreleased' })).values.length >= 2));
  await check('createVersion', 'made, released, on an issue', 'state', 'sdk', async () => {
    const project = await ada.projects.getProject({ projectIdOrKey: 'OPEN' });
    const version = await ada.projectVersions.createVersion({ projectId: Number(project.id), name: '3.0', releaseDate: '2026-09-01' });
    await ada.projectVersions.updateVersion({ id: version.id, body: { released: true } });
    same((await ada.projectVersions.getVersion({ id: version.id })).released, true);
    await task({ fixVersions: [{ name: '3.0' }] });
    same((await ada.projectVersions.getVersionRelatedIssues({ id: version.id })).issuesFixedCount, 1);
    same((await ada.projectVersions.getVersionUnresolvedIssues({ id: version.id })).issuesUnresolvedCount, 1);
  });
  await check('createVersion', 'a name once', 'error', 'docs', async () => {
    const project = await ada.projects.getProject({ projectIdOrKey: 'OPEN' });
    await refused(() => ada.projectVersions.createVersion({ projectId: Number(project.id), name: '1.0' }), 400, { errors: { name: 'A version with this name already exists in this project.' } });
  });
  await check('getVersion', 'none of this id', 'error', 'docs', () => refused(() => ada.projectVersions.getVersion({ id: '99' }), 404, { message: "Could not find version for id '99'" }));
}
