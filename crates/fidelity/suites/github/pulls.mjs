// Pull requests, reviews, protected branches, statuses and checks.
import { branch, check, fresh, head, hubot, octocat, pull, refused, same, shaped, stranger, that, write } from './expect.mjs';

const protect = (at, more = {}) => octocat.repos.updateBranchProtection({ ...at, branch: 'main', required_status_checks: null, enforce_admins: true, required_pull_request_reviews: null, restrictions: null, ...more });
const merge = (at, more = {}) => octocat.pulls.merge({ ...at, pull_number: 1, ...more });

export async function pulls() {
  await check('pulls/create', 'is read back with its sizes', 'shape', 'sdk', async () => {
    const at = await fresh();
    await branch(at, 'topic');
    await write(at, 'n', 'a\nb\n', { branch: 'topic' });
    shaped('pulls/create', await octocat.pulls.create({ ...at, title: 'Add n', body: 'please', head: 'topic', base: 'main' }));
    const found = shaped('pulls/get', await octocat.pulls.get({ ...at, pull_number: 1 }));
    same([found.commits, found.additions, found.deletions, found.changed_files, found.mergeable, found.merged], [1, 2, 0, 1, true, false]);
    same([found.head.ref, found.base.ref, found.head.label, found.mergeable_state], ['topic', 'main', 'octocat:topic', 'clean']);
  });
  for (const [name, fields, error] of [
    ['a second one exists already', {}, { resource: 'PullRequest', code: 'custom' }],
    ['an unknown head is invalid', { head: 'nope' }, { resource: 'PullRequest', field: 'head', code: 'invalid' }],
    ['an unknown base is invalid', { base: 'nope' }, { resource: 'PullRequest', field: 'base', code: 'invalid' }],
    ['no commits between them', { head: 'same' }, { resource: 'PullRequest', code: 'custom' }],
  ]) {
    await check('pulls/create', name, 'error', 'docs', async () => {
      const at = await fresh();
      await branch(at, 'same');
      await pull(at);
      await refused(() => octocat.pulls.create({ ...at, title: 'x', head: 'topic', base: 'main', ...fields }), 422, { message: 'Validation Failed', error });
    });
  }
  await check('pulls/create', 'from a fork', 'state', 'sdk', async () => {
    const at = await fresh();
    await hubot.repos.createFork(at);
    const mine = { owner: 'hubot', repo: at.repo };
    await hubot.repos.createOrUpdateFileContents({ ...mine, path: 'f', message: 'm', content: 'eA==' });
    const made = shaped('pulls/create', await hubot.pulls.create({ ...at, title: 'From afar', head: 'hubot:main', base: 'main' }));
    same([made.head.repo.full_name, made.user.login, made.changed_files], [`hubot/${at.repo}`, 'hubot', 1]);
  });
  await check('pulls/list', 'by state, head and base', 'shape', 'sdk', async () => {
    const at = await fresh();
    await pull(at, 'one');
    await pull(at, 'two');
    await octocat.pulls.update({ ...at, pull_number: 1, state: 'closed' });
    same(shaped('pulls/list', await octocat.pulls.list(at)).map((one) => one.number), [2]);
    same((await octocat.pulls.list({ ...at, state: 'all', head: 'octocat:one' })).data.map((one) => one.number), [1]);
  });
  await check('pulls/update', 'title and state are read back', 'state', 'sdk', async () => {
    const at = await fresh();
    await pull(at);
    same(shaped('pulls/update', await octocat.pulls.update({ ...at, pull_number: 1, title: 'Better', state: 'closed' })).title, 'Better');
    same((await octocat.pulls.get({ ...at, pull_number: 1 })).data.state, 'closed');
  });
  await check('pulls/list-files', 'has patches', 'shape', 'sdk', async () => {
    const at = await fresh();
    await pull(at);
    const files = shaped('pulls/list-files', await octocat.pulls.listFiles({ ...at, pull_number: 1 }));
    same([files[0].filename, files[0].status, files[0].patch], ['topic.txt', 'added', '@@ -0,0 +1 @@\n+new']);
  });
  await check('pulls/list-commits', 'lists those of the branch', 'shape', 'sdk', async () => {
    const at = await fresh();
    await pull(at);
    same(shaped('pulls/list-commits', await octocat.pulls.listCommits({ ...at, pull_number: 1 })).map((one) => one.commit.message), ['write topic.txt']);
  });
  await check('pulls/get', 'the diff and patch media types', 'protocol', 'docs', async () => {
    const at = await fresh();
    await pull(at);
    that((await octocat.pulls.get({ ...at, pull_number: 1, mediaType: { format: 'diff' } })).data.startsWith('diff --git a/topic.txt'));
    that((await octocat.pulls.get({ ...at, pull_number: 1, mediaType: { format: 'patch' } })).data.startsWith('From '));
  });
  await check('pulls/merge', 'a merge commit has two parents', 'state', 'sdk', async () => {
    const at = await fresh();
    await pull(at);
    const { sha, merged } = shaped('pulls/merge', await merge(at));
    same([merged, await head(at)], [true, sha]);
    same((await octocat.git.getCommit({ ...at, commit_sha: sha })).data.parents.length, 2);
    const found = (await octocat.pulls.get({ ...at, pull_number: 1 })).data;
    same([found.merged, found.state, found.merge_commit_sha, found.merged_by.login], [true, 'closed', sha, 'octocat']);
    same((await octocat.pulls.checkIfMerged({ ...at, pull_number: 1 })).status, 204);
  });
  await check('pulls/merge', 'a squash is one commit, named after the pull request', 'state', 'docs', async () => {
    const at = await fresh();
    const { title } = await pull(at);
    await write(at, 'more', 'x', { branch: 'topic' });
    const { sha } = (await merge(at, { merge_method: 'squash' })).data;
    const commit = (await octocat.git.getCommit({ ...at, commit_sha: sha })).data;
    same([commit.parents.length, commit.message.split('\n')[0]], [1, `${title} (#1)`]);
  });
  await check('pulls/merge', 'a rebase keeps the commits in a line', 'state', 'docs', async () => {
    const at = await fresh();
    await pull(at);
    await write(at, 'm', 'x');
    await merge(at, { merge_method: 'rebase' });
    same((await octocat.repos.listCommits(at)).data.map((one) => one.commit.message), ['write topic.txt', 'write m', 'Initial commit']);
  });
  await check('pulls/merge', 'twice is 405', 'error', 'sdk', async () => {
    const at = await fresh();
    await pull(at);
    await merge(at);
    await refused(() => merge(at), 405, { message: 'Pull Request is not mergeable' });
  });
  await check('pulls/merge', 'a conflict is 405, and shows in the state', 'error', 'docs', async () => {
    const at = await fresh();
    await pull(at);
    await write(at, 'topic.txt', 'other\n');
    const found = (await octocat.pulls.get({ ...at, pull_number: 1 })).data;
    same([found.mergeable, found.mergeable_state], [false, 'dirty']);
    await refused(() => merge(at), 405);
  });
  await check('pulls/merge', 'another head is 409', 'error', 'sdk', async () => {
    const at = await fresh();
    await pull(at);
    await refused(() => merge(at, { sha: '1'.repeat(40) }), 409, { message: 'Head branch was modified. Review and try the merge again.' });
  });
  await check('pulls/merge', 'closes the issue that it fixes', 'state', 'docs', async () => {
    const at = await fresh();
    await octocat.issues.create({ ...at, title: 'x' });
    await pull(at, 'topic', { body: 'Fixes #1' });
    await octocat.pulls.merge({ ...at, pull_number: 2 });
    same((await octocat.issues.get({ ...at, issue_number: 1 })).data.state, 'closed');
  });
  await check('pulls/merge', 'a draft is 405', 'error', 'docs', async () => {
    const at = await fresh();
    await pull(at, 'topic', { draft: true });
    await refused(() => merge(at), 405);
  });
  await check('pulls/check-if-merged', 'an open one is 404', 'error', 'sdk', async () => {
    const at = await fresh();
    await pull(at);
    await refused(() => octocat.pulls.checkIfMerged({ ...at, pull_number: 1 }), 404);
  });
  await check('pulls/update-branch', 'takes the base in', 'state', 'sdk', async () => {
    const at = await fresh();
    await pull(at);
    await write(at, 'm', 'x');
    same((await octocat.pulls.updateBranch({ ...at, pull_number: 1 })).status, 202);
    same((await octocat.repos.compareCommitsWithBasehead({ ...at, basehead: 'main...topic' })).data.behind_by, 0);
  });
}

export async function reviews() {
  await check('pulls/create-review', 'an approval is read back', 'shape', 'sdk', async () => {
    const at = await fresh();
    await pull(at);
    const made = shaped('pulls/create-review', await hubot.pulls.createReview({ ...at, pull_number: 1, event: 'APPROVE', body: 'good' }));
    same([made.state, made.user.login], ['APPROVED', 'hubot']);
    same(shaped('pulls/list-reviews', await octocat.pulls.listReviews({ ...at, pull_number: 1 })).map((one) => one.state), ['APPROVED']);
  });
  await check('pulls/create-review', 'nobody approves their own', 'error', 'docs', async () => {
    const at = await fresh();
    await pull(at);
    await refused(() => octocat.pulls.createReview({ ...at, pull_number: 1, event: 'APPROVE' }), 422, { says: 'approve your own pull request' });
  });
  await check('pulls/submit-review', 'a pending one is submitted', 'state', 'sdk', async () => {
    const at = await fresh();
    await pull(at);
    const { id, state } = (await hubot.pulls.createReview({ ...at, pull_number: 1, body: 'later' })).data;
    same(state, 'PENDING');
    same((await octocat.pulls.listReviews({ ...at, pull_number: 1 })).data, []);
    same(shaped('pulls/submit-review', await hubot.pulls.submitReview({ ...at, pull_number: 1, review_id: id, event: 'COMMENT' })).state, 'COMMENTED');
  });
  await check('pulls/dismiss-review', 'is dismissed', 'state', 'sdk', async () => {
    const at = await fresh();
    await pull(at);
    const { id } = (await hubot.pulls.createReview({ ...at, pull_number: 1, event: 'APPROVE' })).data;
    same(shaped('pulls/dismiss-review', await octocat.pulls.dismissReview({ ...at, pull_number: 1, review_id: id, message: 'no' })).state, 'DISMISSED');
  });
  await check('pulls/create-review-comment', 'is read back, and replied to', 'shape', 'sdk', async () => {
    const at = await fresh();
    const { head: tip } = await pull(at);
    const made = shaped('pulls/create-review-comment', await hubot.pulls.createReviewComment({ ...at, pull_number: 1, body: 'why?', commit_id: tip.sha, path: 'topic.txt', line: 1 }));
    const reply = shaped('pulls/create-reply-for-review-comment', await octocat.pulls.createReplyForReviewComment({ ...at, pull_number: 1, comment_id: made.id, body: 'so' }));
    same(reply.in_reply_to_id, made.id);
    same(shaped('pulls/list-review-comments', await octocat.pulls.listReviewComments({ ...at, pull_number: 1 })).length, 2);
  });
  await check('pulls/request-reviewers', 'are listed until they review', 'state', 'sdk', async () => {
    const at = await fresh();
    await octocat.repos.addCollaborator({ ...at, username: 'hubot' });
    await pull(at);
    const answer = await octocat.pulls.requestReviewers({ ...at, pull_number: 1, reviewers: ['hubot'] });
    same([answer.status, shaped('pulls/request-reviewers', answer).requested_reviewers[0].login], [201, 'hubot']);
    same(shaped('pulls/list-requested-reviewers', await octocat.pulls.listRequestedReviewers({ ...at, pull_number: 1 })).users.length, 1);
    await hubot.pulls.createReview({ ...at, pull_number: 1, event: 'APPROVE' });
    same((await octocat.pulls.listRequestedReviewers({ ...at, pull_number: 1 })).data.users, []);
  });
  await check('pulls/request-reviewers', 'strangers are 422', 'error', 'sdk', async () => {
    const at = await fresh();
    await pull(at);
    await refused(() => octocat.pulls.requestReviewers({ ...at, pull_number: 1, reviewers: ['stranger'] }), 422);
  });
}

export async function protection() {
  await check('repos/update-branch-protection', 'is read back', 'shape', 'recording', async () => {
    const at = await fresh();
    const rules = { required_status_checks: { strict: true, contexts: ['ci'] }, required_pull_request_reviews: { required_approving_review_count: 2 } };
    shaped('repos/update-branch-protection', await protect(at, rules));
    const found = shaped('repos/get-branch-protection', await octocat.repos.getBranchProtection({ ...at, branch: 'main' }));
    same([found.enforce_admins.enabled, found.required_status_checks.contexts, found.required_pull_request_reviews.required_approving_review_count], [true, ['ci'], 2]);
    same((await octocat.repos.getBranch({ ...at, branch: 'main' })).data.protected, true);
  });
  await check('repos/get-branch-protection', 'an unprotected one is 404', 'error', 'recording', async () => refused(async () => octocat.repos.getBranchProtection({ ...(await fresh()), branch: 'main' }), 404, { message: 'Branch not protected' }));
  await check('repos/update-branch-protection', 'an unknown branch is 404', 'error', 'recording', async () => refused(async () => octocat.repos.getBranchProtection({ ...(await fresh()), branch: 'nope' }), 404, { message: 'Branch not found' }));
  await check('repos/delete-branch-protection', 'it is gone', 'state', 'recording', async () => {
    const at = await fresh();
    await protect(at);
    same((await octocat.repos.deleteBranchProtection({ ...at, branch: 'main' })).status, 204);
    await refused(() => octocat.repos.getBranchProtection({ ...at, branch: 'main' }), 404);
  });
  await check('pulls/merge', 'waits for the reviews that are required', 'error', 'docs', async () => {
    const at = await fresh();
    await octocat.repos.addCollaborator({ ...at, username: 'hubot', permission: 'push' });
    await pull(at);
    await protect(at, { required_pull_request_reviews: { required_approving_review_count: 1 } });
    same((await octocat.pulls.get({ ...at, pull_number: 1 })).data.mergeable_state, 'blocked');
    await refused(() => merge(at), 405, { says: 'approving review' });
    await hubot.pulls.createReview({ ...at, pull_number: 1, event: 'APPROVE' });
    same((await merge(at)).data.merged, true);
  });
  await check('pulls/merge', 'waits for the status checks that are required', 'error', 'docs', async () => {
    const at = await fresh();
    const { head: tip } = await pull(at);
    await protect(at, { required_status_checks: { strict: false, contexts: ['ci'] } });
    await refused(() => merge(at), 405, { says: 'ci' });
    await octocat.repos.createCommitStatus({ ...at, sha: tip.sha, state: 'success', context: 'ci' });
    same((await merge(at)).data.merged, true);
  });
  await check('repos/create-or-update-file-contents', 'a protected branch is 409', 'error', 'docs', async () => {
    const at = await fresh();
    await protect(at, { required_pull_request_reviews: {} });
    await refused(() => write(at, 'x', 'y'), 409);
  });
  await check('git/update-ref', 'a protected branch is not forced', 'error', 'docs', async () => {
    const at = await fresh();
    const old = await head(at);
    await write(at, 'a', 'x');
    await protect(at);
    await refused(() => octocat.git.updateRef({ ...at, ref: 'heads/main', sha: old, force: true }), 422);
  });
}

export async function checks() {
  await check('repos/create-commit-status', 'the last of each context counts', 'state', 'recording', async () => {
    const at = await fresh();
    const sha = await head(at);
    for (const state of ['failure', 'success']) shaped('repos/create-commit-status', await octocat.repos.createCommitStatus({ ...at, sha, state, context: 'example', description: 'd', target_url: 'https://example.com' }));
    same(shaped('repos/list-commit-statuses-for-ref', await octocat.repos.listCommitStatusesForRef({ ...at, ref: sha })).map((one) => one.state), ['success', 'failure']);
    const combined = shaped('repos/get-combined-status-for-ref', await octocat.repos.getCombinedStatusForRef({ ...at, ref: 'main' }));
    same([combined.state, combined.total_count], ['success', 1]);
  });
  await check('repos/get-combined-status-for-ref', 'without any it is pending', 'state', 'docs', async () => same((await octocat.repos.getCombinedStatusForRef({ ...(await fresh()), ref: 'main' })).data.state, 'pending'));
  await check('repos/create-commit-status', 'an unknown commit is 422', 'error', 'sdk', async () => refused(async () => octocat.repos.createCommitStatus({ ...(await fresh()), sha: '1'.repeat(40), state: 'success' }), 422));
  await check('checks/create', 'runs through its states', 'state', 'sdk', async () => {
    const at = await fresh();
    const run = shaped('checks/create', await octocat.checks.create({ ...at, name: 'lint', head_sha: await head(at), status: 'in_progress' }));
    same([run.status, run.conclusion], ['in_progress', null]);
    const done = shaped('checks/update', await octocat.checks.update({ ...at, check_run_id: run.id, conclusion: 'success', output: { title: 't', summary: 's' } }));
    same([done.status, done.conclusion, done.output.title], ['completed', 'success', 't']);
    const all = shaped('checks/list-for-ref', await octocat.checks.listForRef({ ...at, ref: 'main' }));
    same([all.total_count, all.check_runs[0].name], [1, 'lint']);
    const suites = shaped('checks/list-suites-for-ref', await octocat.checks.listSuitesForRef({ ...at, ref: 'main' }));
    same([suites.total_count, suites.check_suites[0].conclusion], [1, 'success']);
  });
  await check('checks/create', 'completed without a conclusion is 422', 'error', 'docs', async () => {
    const at = await fresh();
    await refused(async () => octocat.checks.create({ ...at, name: 'x', head_sha: await head(at), status: 'completed' }), 422);
  });
}
