// Users, repositories, contents, git data, branches and commits.
import { BASE, anonymous, base64, branch, check, client, fresh, head, hubot, octocat, pull, refused, same, shaped, stranger, that, write } from './expect.mjs';

const HELLO = { owner: 'octocat', repo: 'hello-world' };

export async function repos() {
  await check('users/get-authenticated', 'is the token\'s user', 'shape', 'sdk', async () => {
    same(shaped('users/get-authenticated', await octocat.users.getAuthenticated()).login, 'octocat');
  });
  await check('users/get-authenticated', 'a wrong token is 401 Bad credentials', 'error', 'recording', () => refused(() => client('nope').users.getAuthenticated(), 401, { message: 'Bad credentials' }));
  await check('users/get-authenticated', 'no token is 401 Requires authentication', 'error', 'docs', () => refused(() => anonymous.users.getAuthenticated(), 401, { message: 'Requires authentication' }));
  await check('users/get-by-username', 'has the public profile', 'shape', 'sdk', async () => {
    same(shaped('users/get-by-username', await anonymous.users.getByUsername({ username: 'hubot' })).name, 'Hubot');
  });
  await check('users/get-by-username', 'login is case-insensitive', 'state', 'docs', async () => same((await octocat.users.getByUsername({ username: 'OctoCat' })).data.login, 'octocat'));
  await check('users/get-by-username', 'nobody is 404 Not Found', 'error', 'recording', () => refused(() => octocat.users.getByUsername({ username: 'nobody-here' }), 404, { message: 'Not Found' }));
  await check('users/update-authenticated', 'changes are read back', 'state', 'sdk', async () => {
    shaped('users/update-authenticated', await hubot.users.updateAuthenticated({ bio: 'beep' }));
    same((await hubot.users.getAuthenticated()).data.bio, 'beep');
  });
  await check('orgs/get', 'has the profile', 'shape', 'sdk', async () => same(shaped('orgs/get', await octocat.orgs.get({ org: 'my-org' })).login, 'my-org'));
  await check('orgs/list-members', 'lists members', 'shape', 'sdk', async () => {
    const members = shaped('orgs/list-members', await octocat.orgs.listMembers({ org: 'my-org' }));
    same(members.map((one) => one.login).sort(), ['hubot', 'octocat']);
  });
  await check('orgs/list-for-authenticated-user', 'lists my organisations', 'shape', 'sdk', async () => {
    that(shaped('orgs/list-for-authenticated-user', await octocat.orgs.listForAuthenticatedUser()).some((one) => one.login === 'my-org'));
  });

  await check('repos/get', 'has the whole repository', 'shape', 'sdk', async () => {
    const repo = shaped('repos/get', await octocat.repos.get(HELLO));
    same([repo.full_name, repo.default_branch, repo.private, repo.permissions.admin], ['octocat/hello-world', 'main', false, true]);
  });
  await check('repos/get', 'anonymous callers see public ones', 'shape', 'sdk', async () => same((await anonymous.repos.get(HELLO)).data.name, 'hello-world'));
  await check('repos/get', 'a wrong token does not even see public ones', 'error', 'docs', () => refused(() => client('nope').repos.get(HELLO), 401, { message: 'Bad credentials' }));
  await check('repos/get', 'a private one is 404 for strangers', 'error', 'docs', () => refused(() => stranger.repos.get({ owner: 'octocat', repo: 'secret' }), 404, { message: 'Not Found' }));
  await check('repos/get', 'a token without scopes does not see private ones', 'error', 'docs', () => refused(() => client('gho_noscope').repos.get({ owner: 'octocat', repo: 'secret' }), 404));
  await check('repos/get', 'times have whole seconds', 'shape', 'recording', async () => that(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test((await octocat.repos.get(HELLO)).data.created_at)));
  await check('repos/get', 'errors say where the documentation is', 'error', 'recording', async () => {
    const error = await refused(() => octocat.repos.get({ owner: 'octocat', repo: 'nothing' }), 404);
    that(error.response.data.documentation_url.startsWith('https://docs.github.com/'), error.response.data);
  });
  await check('repos/create-for-authenticated-user', 'makes one that is read back', 'state', 'sdk', async () => {
    const answer = await octocat.repos.createForAuthenticatedUser({ name: 'made', description: 'by hand', private: true });
    const repo = shaped('repos/create-for-authenticated-user', answer);
    same(answer.status, 201);
    same([repo.private, repo.visibility], [true, 'private']);
    same((await octocat.repos.get({ owner: 'octocat', repo: 'made' })).data.description, 'by hand');
  });
  await check('repos/create-for-authenticated-user', 'a taken name is 422 with errors', 'error', 'docs', async () => {
    await refused(() => octocat.repos.createForAuthenticatedUser({ name: 'hello-world' }), 422, { error: { resource: 'Repository', code: 'custom', field: 'name' } });
  });
  await check('repos/create-for-authenticated-user', 'needs a token', 'error', 'docs', () => refused(() => anonymous.repos.createForAuthenticatedUser({ name: 'x' }), 401));
  await check('repos/create-in-org', 'makes one of the organisation', 'state', 'sdk', async () => {
    const repo = shaped('repos/create-in-org', await octocat.repos.createInOrg({ org: 'my-org', name: 'team-repo' }));
    same([repo.owner.login, repo.owner.type], ['my-org', 'Organization']);
  });
  await check('repos/update', 'changes are read back', 'state', 'sdk', async () => {
    const at = await fresh();
    const repo = shaped('repos/update', await octocat.repos.update({ ...at, description: 'new', has_wiki: false }));
    same([repo.description, repo.has_wiki], ['new', false]);
    same((await octocat.repos.get(at)).data.description, 'new');
  });
  await check('repos/update', 'a renamed one answers 301 at its old name', 'protocol', 'recording', async () => {
    const at = await fresh();
    await octocat.repos.update({ ...at, name: `${at.repo}-new` });
    const answer = await fetch(`${BASE}/repos/octocat/${at.repo}`, { redirect: 'manual' });
    same(answer.status, 301);
    that(/\/repositories\/\d+$/.test(answer.headers.get('location')), answer.headers.get('location'));
    same((await octocat.repos.get(at)).data.name, `${at.repo}-new`);
  });
  await check('repos/update', 'is for administrators', 'error', 'sdk', () => refused(() => stranger.repos.update({ ...HELLO, description: 'x' }), 403, { says: 'admin' }));
  await check('repos/delete', 'it is gone', 'state', 'sdk', async () => {
    const at = await fresh();
    same((await octocat.repos.delete(at)).status, 204);
    await refused(() => octocat.repos.get(at), 404);
  });
  await check('repos/delete', 'is for administrators', 'error', 'recording', () => refused(() => stranger.repos.delete(HELLO), 403, { message: 'Must have admin rights to Repository.' }));
  await check('repos/list-for-authenticated-user', 'lists mine', 'shape', 'sdk', async () => {
    that(shaped('repos/list-for-authenticated-user', await octocat.repos.listForAuthenticatedUser()).some((one) => one.name === 'hello-world'));
  });
  await check('repos/list-for-user', 'leaves private ones out', 'state', 'sdk', async () => {
    const repos = shaped('repos/list-for-user', await stranger.repos.listForUser({ username: 'octocat', per_page: 100 }));
    that(repos.length > 0 && repos.every((one) => !one.private));
  });
  await check('repos/list-for-org', 'lists the organisation\'s', 'shape', 'sdk', async () => {
    that(shaped('repos/list-for-org', await octocat.repos.listForOrg({ org: 'my-org' })).some((one) => one.name === 'org-repo'));
  });
  await check('repos/replace-all-topics', 'are read back', 'state', 'sdk', async () => {
    const at = await fresh();
    shaped('repos/replace-all-topics', await octocat.repos.replaceAllTopics({ ...at, names: ['one', 'two'] }));
    same((await octocat.repos.getAllTopics(at)).data.names, ['one', 'two']);
  });
  await check('repos/list-languages', 'counts bytes', 'state', 'sdk', async () => {
    const at = await fresh();
    await write(at, 'a.py', 'print(1)\n');
    same((await octocat.repos.listLanguages(at)).data.Python, 9);
  });
  await check('repos/list-collaborators', 'lists who may do what', 'shape', 'sdk', async () => {
    const at = await fresh();
    await octocat.repos.addCollaborator({ ...at, username: 'hubot', permission: 'push' });
    const people = shaped('repos/list-collaborators', await octocat.repos.listCollaborators(at));
    that(people.some((one) => one.login === 'octocat' && one.permissions.admin));
  });
  await check('repos/check-collaborator', 'strangers are none', 'error', 'recording', () => refused(() => octocat.repos.checkCollaborator({ ...HELLO, username: 'stranger' }), 404));
  await check('repos/get-collaborator-permission-level', 'the owner is admin', 'shape', 'sdk', async () => {
    same(shaped('repos/get-collaborator-permission-level', await octocat.repos.getCollaboratorPermissionLevel({ ...HELLO, username: 'octocat' })).permission, 'admin');
  });
  await check('repos/create-fork', 'has the parent\'s commits', 'state', 'sdk', async () => {
    const at = await fresh();
    const fork = shaped('repos/create-fork', await hubot.repos.createFork(at));
    same([fork.fork, fork.owner.login], [true, 'hubot']);
    const mine = await hubot.git.getRef({ owner: 'hubot', repo: at.repo, ref: 'heads/main' });
    same(mine.data.object.sha, await head(at));
  });
}

export async function contents() {
  await check('repos/create-or-update-file-contents', 'makes a file that is read back', 'state', 'recording', async () => {
    const at = await fresh();
    const answer = await octocat.repos.createOrUpdateFileContents({ ...at, path: 'dir/test.txt', message: 'create', content: base64('Test') });
    const made = shaped('repos/create-or-update-file-contents', answer);
    same([answer.status, made.content.path, made.commit.message], [201, 'dir/test.txt', 'create']);
    const file = shaped('repos/get-content', await octocat.repos.getContent({ ...at, path: 'dir/test.txt' }));
    same([Buffer.from(file.content, 'base64').toString(), file.sha, file.encoding], ['Test', made.content.sha, 'base64']);
  });
  await check('repos/create-or-update-file-contents', 'its sha is git\'s own', 'state', 'docs', async () => {
    same((await write(await fresh(), 'a', 'hello\n')).content.sha, 'ce013625030ba8dba906f756967f9e9ca394464a');
  });
  await check('repos/create-or-update-file-contents', 'an update answers 200', 'state', 'sdk', async () => {
    const at = await fresh();
    const { sha } = (await write(at, 'a', '1')).content;
    same((await octocat.repos.createOrUpdateFileContents({ ...at, path: 'a', message: 'm', content: base64('2'), sha })).status, 200);
  });
  await check('repos/create-or-update-file-contents', 'an update without sha is 422', 'error', 'sdk', async () => {
    const at = await fresh();
    await write(at, 'a', '1');
    await refused(() => write(at, 'a', '2'), 422, { says: 'sha' });
  });
  await check('repos/create-or-update-file-contents', 'another sha is 409', 'error', 'sdk', async () => {
    const at = await fresh();
    await write(at, 'a', '1');
    await refused(() => write(at, 'a', '2', { sha: '0'.repeat(40) }), 409, { says: 'does not match' });
  });
  await check('repos/create-or-update-file-contents', 'an unknown branch is 404', 'error', 'sdk', async () => refused(async () => write(await fresh(), 'a', '1', { branch: 'nowhere' }), 404));
  await check('repos/create-or-update-file-contents', 'needs a token', 'error', 'docs', () => refused(() => anonymous.repos.createOrUpdateFileContents({ ...HELLO, path: 'x', message: 'm', content: '' }), 401));
  await check('repos/get-content', 'lists a directory', 'shape', 'sdk', async () => {
    const list = shaped('repos/get-content', await octocat.repos.getContent({ ...HELLO, path: '' }));
    that(Array.isArray(list) && list[0].name === 'README.md' && list[0].type === 'file');
  });
  await check('repos/get-content', 'the raw media type is the file itself', 'protocol', 'recording', async () => {
    const { data } = await octocat.repos.getContent({ ...HELLO, path: 'README.md', mediaType: { format: 'raw' } });
    that(data.startsWith('# hello-world'), data);
  });
  await check('repos/get-content', 'a ref is honoured', 'state', 'sdk', async () => {
    const at = await fresh();
    await branch(at, 'old');
    await write(at, 'later', 'x');
    await refused(() => octocat.repos.getContent({ ...at, path: 'later', ref: 'old' }), 404);
  });
  await check('repos/get-content', 'what is not there is 404', 'error', 'recording', () => refused(() => octocat.repos.getContent({ ...HELLO, path: 'nope' }), 404, { message: 'Not Found' }));
  await check('repos/get-readme', 'finds it', 'shape', 'sdk', async () => same(shaped('repos/get-readme', await octocat.repos.getReadme(HELLO)).name, 'README.md'));
  await check('repos/delete-file', 'it is gone', 'state', 'sdk', async () => {
    const at = await fresh();
    const { sha } = (await write(at, 'a', '1')).content;
    same(shaped('repos/delete-file', await octocat.repos.deleteFile({ ...at, path: 'a', message: 'm', sha })).content, null);
    await refused(() => octocat.repos.getContent({ ...at, path: 'a' }), 404);
  });
}

export async function git() {
  await check('git/create-blob', 'is read back', 'state', 'sdk', async () => {
    const at = await fresh();
    const { sha } = shaped('git/create-blob', await octocat.git.createBlob({ ...at, content: 'hello\n' }));
    same(sha, 'ce013625030ba8dba906f756967f9e9ca394464a');
    const blob = shaped('git/get-blob', await octocat.git.getBlob({ ...at, file_sha: sha }));
    same([blob.size, Buffer.from(blob.content, 'base64').toString()], [6, 'hello\n']);
  });
  await check('git/create-commit', 'tree, commit and ref make a branch', 'state', 'sdk', async () => {
    const at = await fresh();
    const tree = shaped('git/create-tree', await octocat.git.createTree({ ...at, tree: [{ path: 'd/f', mode: '100644', type: 'blob', content: 'x' }], base_tree: await head(at) }));
    const commit = shaped('git/create-commit', await octocat.git.createCommit({ ...at, message: 'by hand', tree: tree.sha, parents: [await head(at)] }));
    const ref = shaped('git/create-ref', await octocat.git.createRef({ ...at, ref: 'refs/heads/new', sha: commit.sha }));
    same(ref.object.sha, commit.sha);
    same((await octocat.repos.getContent({ ...at, path: 'd/f', ref: 'new' })).data.size, 1);
    same((await octocat.repos.getContent({ ...at, path: 'README.md', ref: 'new' })).data.type, 'file');
  });
  await check('git/create-tree', 'its sha is git\'s own', 'state', 'docs', async () => {
    const { data } = await octocat.git.createTree({ ...(await fresh()), tree: [{ path: 'a', mode: '100644', type: 'blob', content: 'hello\n' }] });
    same(data.sha, '0976950c1fdbcb52435a433913017bf044b3a58f');
  });
  await check('git/create-tree', 'an unknown blob is 422', 'error', 'sdk', async () => refused(async () => octocat.git.createTree({ ...(await fresh()), tree: [{ path: 'a', mode: '100644', type: 'blob', sha: '1'.repeat(40) }] }), 422));
  await check('git/get-tree', 'recursive goes all the way down', 'state', 'sdk', async () => {
    const at = await fresh();
    await write(at, 'a/b/c', 'x');
    const tree = shaped('git/get-tree', await octocat.git.getTree({ ...at, tree_sha: 'main', recursive: '1' }));
    that(tree.tree.some((one) => one.path === 'a/b/c') && tree.truncated === false);
  });
  await check('git/get-commit', 'has author, tree and parents', 'shape', 'sdk', async () => {
    same(shaped('git/get-commit', await octocat.git.getCommit({ ...HELLO, commit_sha: await head(HELLO) })).message, 'Initial commit');
  });
  await check('git/get-ref', 'is that of the branch', 'shape', 'recording', async () => {
    const ref = shaped('git/get-ref', await octocat.git.getRef({ ...HELLO, ref: 'heads/main' }));
    same([ref.ref, ref.object.type], ['refs/heads/main', 'commit']);
  });
  await check('git/get-ref', 'what is not there is 404', 'error', 'sdk', () => refused(() => octocat.git.getRef({ ...HELLO, ref: 'heads/nope' }), 404));
  await check('git/create-ref', 'a second one is 422', 'error', 'sdk', async () => {
    const at = await fresh();
    await branch(at, 'twice');
    await refused(() => branch(at, 'twice'), 422, { message: 'Reference already exists' });
  });
  await check('git/create-ref', 'an unknown object is 422', 'error', 'sdk', async () => {
    const at = await fresh();
    await refused(() => branch(at, 'x', '1'.repeat(40)), 422, { message: 'Object does not exist' });
  });
  await check('git/update-ref', 'only fast-forward unless forced', 'error', 'docs', async () => {
    const at = await fresh();
    const old = await head(at);
    await write(at, 'a', '1');
    await refused(() => octocat.git.updateRef({ ...at, ref: 'heads/main', sha: old }), 422, { message: 'Update is not a fast forward' });
    shaped('git/update-ref', await octocat.git.updateRef({ ...at, ref: 'heads/main', sha: old, force: true }));
    same(await head(at), old);
  });
  await check('git/delete-ref', 'it is gone', 'state', 'recording', async () => {
    const at = await fresh();
    await branch(at, 'x');
    same((await octocat.git.deleteRef({ ...at, ref: 'heads/x' })).status, 204);
    await refused(() => head(at, 'x'), 404);
  });
  await check('git/delete-ref', 'what is not there is 422', 'error', 'sdk', async () => refused(async () => octocat.git.deleteRef({ ...(await fresh()), ref: 'heads/x' }), 422, { message: 'Reference does not exist' }));
  await check('git/list-matching-refs', 'finds by prefix', 'shape', 'sdk', async () => {
    const at = await fresh();
    await branch(at, 'feature-a');
    same(shaped('git/list-matching-refs', await octocat.git.listMatchingRefs({ ...at, ref: 'heads/feature' })).map((one) => one.ref), ['refs/heads/feature-a']);
  });
  await check('git/create-tag', 'an annotated tag is read back', 'state', 'sdk', async () => {
    const at = await fresh();
    const tag = shaped('git/create-tag', await octocat.git.createTag({ ...at, tag: 'v1', message: 'one', object: await head(at), type: 'commit' }));
    same(shaped('git/get-tag', await octocat.git.getTag({ ...at, tag_sha: tag.sha })).message, 'one');
  });
  await check('repos/list-branches', 'lists them', 'shape', 'sdk', async () => same(shaped('repos/list-branches', await octocat.repos.listBranches(HELLO))[0].name, 'main'));
  await check('repos/get-branch', 'has its commit', 'shape', 'sdk', async () => same(shaped('repos/get-branch', await octocat.repos.getBranch({ ...HELLO, branch: 'main' })).protected, false));
  await check('repos/get-branch', 'what is not there is 404 Branch not found', 'error', 'recording', () => refused(() => octocat.repos.getBranch({ ...HELLO, branch: 'nope' }), 404, { message: 'Branch not found' }));
  await check('repos/list-commits', 'newest first, by path', 'state', 'sdk', async () => {
    const at = await fresh();
    await write(at, 'a', '1');
    await write(at, 'b', '1');
    same(shaped('repos/list-commits', await octocat.repos.listCommits(at)).map((one) => one.commit.message), ['write b', 'write a', 'Initial commit']);
    same((await octocat.repos.listCommits({ ...at, path: 'a' })).data.length, 1);
  });
  await check('repos/list-commits', 'an empty repository is 409', 'error', 'sdk', async () => refused(async () => octocat.repos.listCommits(await fresh({ auto_init: false })), 409, { message: 'Git Repository is empty.' }));
  await check('repos/get-commit', 'has stats and files', 'shape', 'sdk', async () => {
    const at = await fresh();
    const { commit } = await write(at, 'a', 'one\ntwo\n');
    const found = shaped('repos/get-commit', await octocat.repos.getCommit({ ...at, ref: commit.sha }));
    same([found.stats.additions, found.files[0].status, found.files[0].patch], [2, 'added', '@@ -0,0 +1,2 @@\n+one\n+two']);
  });
  await check('repos/get-commit', 'the diff media type is a diff', 'protocol', 'docs', async () => {
    const at = await fresh();
    await write(at, 'a', 'one\n');
    const { data } = await octocat.repos.getCommit({ ...at, ref: 'main', mediaType: { format: 'diff' } });
    that(data.startsWith('diff --git a/a b/a\nnew file mode 100644'), data);
  });
  await check('repos/get-commit', 'an unknown one is 422', 'error', 'recording', () => refused(() => octocat.repos.getCommit({ ...HELLO, ref: '1'.repeat(40) }), 422, { says: 'No commit found for SHA' }));
  await check('repos/compare-commits-with-basehead', 'tells ahead, behind and files', 'shape', 'sdk', async () => {
    const at = await fresh();
    await branch(at, 'side');
    await write(at, 'm', '1');
    await write(at, 's', '1', { branch: 'side' });
    const found = shaped('repos/compare-commits-with-basehead', await octocat.repos.compareCommitsWithBasehead({ ...at, basehead: 'main...side' }));
    same([found.status, found.ahead_by, found.behind_by, found.files.map((one) => one.filename)], ['diverged', 1, 1, ['s']]);
  });
  await check('repos/merge', 'merges branches, and tells of conflicts', 'state', 'sdk', async () => {
    const at = await fresh();
    await branch(at, 'side');
    await write(at, 'same', 'a');
    await write(at, 's', '1', { branch: 'side' });
    shaped('repos/merge', await octocat.repos.merge({ ...at, base: 'main', head: 'side' }));
    same((await octocat.repos.merge({ ...at, base: 'main', head: 'side' })).status, 204);
    await branch(at, 'bad', await head(at, 'side'));
    await write(at, 'same', 'b', { branch: 'bad' });
    await refused(() => octocat.repos.merge({ ...at, base: 'main', head: 'bad' }), 409);
  });
  await check('repos/list-tags', 'lists them', 'shape', 'sdk', async () => {
    const at = await fresh();
    await octocat.git.createRef({ ...at, ref: 'refs/tags/v1', sha: await head(at) });
    same(shaped('repos/list-tags', await octocat.repos.listTags(at))[0].name, 'v1');
  });
}
