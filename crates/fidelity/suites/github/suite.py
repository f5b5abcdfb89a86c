"""GitHub as a program with PyGithub meets it. Prints one line of JSON for each expectation."""

import itertools
import json
import os

from github import Auth, Github, GithubException, UnknownObjectException
from harness import check, run_all, same

BASE = os.environ["TWIN_URL"]
NUMBERS = itertools.count(1)


def client(token=None):
    auth = Auth.Token(token) if token else None
    return Github(auth=auth, base_url=BASE, retry=None, seconds_between_requests=None, seconds_between_writes=None, per_page=30)


octocat, hubot, stranger = client("gho_octocat"), client("gho_hubot"), client("gho_stranger")


def refused(call, status, error=GithubException, says="", code=None):
    try:
        call()
    except error as refusal:
        same(refusal.status, status, "status")
        if says not in json.dumps(refusal.data):
            raise AssertionError(f"no {says!r} in {refusal.data!r}")
        if code:
            same([(one["resource"], one["field"], one["code"]) for one in refusal.data["errors"]], [code])
        return
    raise AssertionError("it was answered")


def fresh(**settings):
    return octocat.get_user().create_repo(f"py-{next(NUMBERS)}", auto_init=True, **settings)


def topic(repo, name="topic"):
    repo.create_git_ref(f"refs/heads/{name}", repo.get_branch("main").commit.sha)
    repo.create_file(f"{name}.txt", f"write {name}", "new\n", branch=name)
    return repo.create_pull(base="main", head=name, title=f"Add {name}", body="please")


@check("users/get-authenticated", "is the token's user", "state", "sdk")
def _():
    user = octocat.get_user()
    same((user.login, user.name, user.type), ("octocat", "The Octocat", "User"))
    assert user.created_at.year >= 2000 and user.plan.name


@check("users/get-authenticated", "a wrong token is BadCredentials", "error", "recording")
def _():
    refused(lambda: client("nope").get_user().login, 401, says="Bad credentials")


@check("users/get-by-username", "nobody is UnknownObject", "error", "recording")
def _():
    refused(lambda: octocat.get_user("nobody-here"), 404, UnknownObjectException)


@check("orgs/get", "the organisation and its members", "state", "sdk")
def _():
    org = octocat.get_organization("my-org")
    same(sorted(member.login for member in org.get_members()), ["hubot", "octocat"])
    same(org.has_in_members(octocat.get_user("hubot")), True)


@check("orgs/check-membership-for-user", "a stranger is none", "error", "recording")
def _():
    same(octocat.get_organization("my-org").has_in_members(octocat.get_user("stranger")), False)


@check("repos/get", "all attributes are there without asking again", "shape", "sdk")
def _():
    repo = octocat.get_repo("octocat/hello-world")
    same((repo.full_name, repo.default_branch, repo.owner.login, repo.permissions.admin), ("octocat/hello-world", "main", "octocat", True))
    assert repo.clone_url.endswith("/octocat/hello-world.git") and repo.created_at.tzinfo
    for name in ["archived", "fork", "forks_count", "open_issues_count", "visibility", "topics", "has_issues", "pushed_at", "subscribers_count", "allow_squash_merge"]:
        getattr(repo, name)


@check("repos/get", "a private one is UnknownObject for strangers", "error", "docs")
def _():
    refused(lambda: stranger.get_repo("octocat/secret"), 404, UnknownObjectException, says="Not Found")


@check("repos/get", "a renamed one is followed", "protocol", "recording")
def _():
    repo = fresh()
    old = repo.full_name
    repo.edit(name=f"{repo.name}-new")
    same(octocat.get_repo(old).full_name, f"{old}-new")


@check("repos/update", "changes are read back", "state", "sdk")
def _():
    repo = fresh()
    repo.edit(description="new", has_wiki=False)
    found = octocat.get_repo(repo.full_name)
    same((found.description, found.has_wiki), ("new", False))


@check("repos/delete", "it is gone", "state", "sdk")
def _():
    repo = fresh()
    repo.delete()
    refused(lambda: octocat.get_repo(repo.full_name), 404, UnknownObjectException)


@check("repos/replace-all-topics", "are read back", "state", "sdk")
def _():
    repo = fresh()
    repo.replace_topics(["a", "b"])
    same(repo.get_topics(), ["a", "b"])


@check("repos/add-collaborator", "has the permission", "state", "sdk")
def _():
    repo = fresh()
    repo.add_to_collaborators("hubot", "push")
    same(repo.get_collaborator_permission(octocat.get_user("octocat")), "admin")


@check("repos/check-collaborator", "a stranger is none", "state", "sdk")
def _():
    same(fresh().has_in_collaborators("stranger"), False)


@check("repos/create-fork", "has its parent", "state", "sdk")
def _():
    repo = fresh()
    fork = hubot.get_repo(repo.full_name).create_fork()
    same((fork.fork, fork.owner.login, fork.parent.full_name), (True, "hubot", repo.full_name))


@check("repos/create-or-update-file-contents", "create, update and delete", "state", "sdk")
def _():
    repo = fresh()
    made = repo.create_file("a/b.txt", "make", "one\n")
    same(made["content"].path, "a/b.txt")
    found = repo.get_contents("a/b.txt")
    same(found.decoded_content, b"one\n")
    changed = repo.update_file("a/b.txt", "change", "two\n", found.sha)
    same(repo.get_contents("a/b.txt").decoded_content, b"two\n")
    repo.delete_file("a/b.txt", "drop", changed["content"].sha)
    refused(lambda: repo.get_contents("a/b.txt"), 404, UnknownObjectException)


@check("repos/create-or-update-file-contents", "another sha is 409", "error", "sdk")
def _():
    repo = fresh()
    repo.create_file("a", "make", "1")
    refused(lambda: repo.update_file("a", "change", "2", "0" * 40), 409)


@check("repos/get-content", "lists a directory", "shape", "sdk")
def _():
    same([(one.name, one.type) for one in octocat.get_repo("octocat/hello-world").get_contents("")], [("README.md", "file")])


@check("repos/get-readme", "finds it", "state", "sdk")
def _():
    assert octocat.get_repo("octocat/hello-world").get_readme().decoded_content.startswith(b"# hello-world")


@check("git/create-commit", "blob, tree, commit and ref", "state", "sdk")
def _():
    from github import InputGitTreeElement

    repo = fresh()
    head = repo.get_git_commit(repo.get_branch("main").commit.sha)
    blob = repo.create_git_blob("hi", "utf-8")
    tree = repo.create_git_tree([InputGitTreeElement("d/f", "100644", "blob", sha=blob.sha)], head.tree)
    commit = repo.create_git_commit("by hand", tree, [head])
    repo.create_git_ref("refs/heads/new", commit.sha)
    same(repo.get_contents("d/f", ref="new").decoded_content, b"hi")
    same([one.path for one in repo.get_git_tree("new", recursive=True).tree], ["README.md", "d", "d/f"])


@check("git/update-ref", "forced back, and deleted", "state", "sdk")
def _():
    repo = fresh()
    old = repo.get_branch("main").commit.sha
    repo.create_file("a", "make", "1")
    ref = repo.get_git_ref("heads/main")
    refused(lambda: ref.edit(old), 422, says="not a fast forward")
    ref.edit(old, force=True)
    same(repo.get_branch("main").commit.sha, old)
    side = repo.create_git_ref("refs/heads/x", old)
    side.delete()
    refused(lambda: repo.get_git_ref("heads/x"), 404, UnknownObjectException)


@check("git/create-tag", "is read back", "state", "recording")
def _():
    repo = fresh()
    tag = repo.create_git_tag("v1", "one", repo.get_branch("main").commit.sha, "commit")
    same((repo.get_git_tag(tag.sha).message, tag.object.type), ("one", "commit"))


@check("repos/get-branch", "an unknown one is 404 Branch not found", "error", "recording")
def _():
    refused(lambda: fresh().get_branch("nope"), 404, says="Branch not found")


@check("repos/list-commits", "history, stats and files", "state", "sdk")
def _():
    repo = fresh()
    repo.create_file("a", "make", "1\n2\n")
    commits = list(repo.get_commits())
    same([one.commit.message for one in commits], ["make", "Initial commit"])
    same((commits[0].stats.additions, [one.filename for one in commits[0].files]), (2, ["a"]))
    same(commits[0].author.login, "octocat")


@check("repos/compare-commits-with-basehead", "tells what is ahead", "state", "sdk")
def _():
    repo = fresh()
    topic(repo)
    found = repo.compare("main", "topic")
    same((found.status, found.ahead_by, found.total_commits, [one.filename for one in found.files]), ("ahead", 1, 1, ["topic.txt"]))


@check("issues/create", "is read back", "state", "sdk")
def _():
    repo = fresh()
    made = repo.create_issue("Broken", "It is", labels=["bug"], assignee="octocat")
    found = repo.get_issue(made.number)
    same((found.title, found.body, [one.name for one in found.labels], found.assignee.login, found.user.login), ("Broken", "It is", ["bug"], "octocat", "octocat"))


@check("issues/create", "an empty title is 422 with its field", "error", "docs")
def _():
    refused(lambda: fresh().create_issue(""), 422, says="Validation Failed", code=("Issue", "title", "missing_field"))


@check("issues/update", "closes", "state", "sdk")
def _():
    repo = fresh()
    issue = repo.create_issue("x")
    issue.edit(state="closed", state_reason="not_planned")
    found = repo.get_issue(1)
    same((found.state, found.state_reason, found.closed_by.login), ("closed", "not_planned", "octocat"))
    same(repo.get_issues().totalCount, 0)


@check("issues/list-for-repo", "pages are followed", "protocol", "recording")
def _():
    repo = fresh()
    for number in range(35):
        repo.create_issue(str(number))
    issues = repo.get_issues(direction="asc")
    same(([one.title for one in issues][-1], issues.totalCount), ("34", 35))


@check("issues/create-comment", "is read back, edited and deleted", "state", "recording")
def _():
    repo = fresh()
    issue = repo.create_issue("x")
    comment = issue.create_comment("one")
    comment.edit("two")
    same([one.body for one in issue.get_comments()], ["two"])
    comment.delete()
    same(repo.get_issue(1).comments, 0)


@check("issues/add-labels", "adds, removes, sets", "state", "recording")
def _():
    issue = fresh().create_issue("x")
    issue.add_to_labels("bug", "question")
    issue.remove_from_labels("bug")
    same([one.name for one in issue.get_labels()], ["question"])
    issue.set_labels("wontfix")
    same([one.name for one in issue.get_labels()], ["wontfix"])
    issue.delete_labels()
    same(issue.get_labels().totalCount, 0)


@check("issues/lock", "locks and unlocks", "state", "sdk")
def _():
    repo = fresh()
    issue = repo.create_issue("x")
    issue.lock("spam")
    same((repo.get_issue(1).locked, repo.get_issue(1).active_lock_reason), (True, "spam"))
    issue.unlock()
    same(repo.get_issue(1).locked, False)


@check("issues/list-events", "tells the history", "state", "sdk")
def _():
    issue = fresh().create_issue("x")
    issue.edit(state="closed")
    same([(one.event, one.actor.login) for one in issue.get_events()], [("closed", "octocat")])


@check("issues/create-label", "is made, changed, deleted", "state", "recording")
def _():
    repo = fresh()
    label = repo.create_label("silly", "444444", "is it")
    label.edit("sillier", "555555")
    same((repo.get_label("sillier").color, label.description), ("555555", "is it"))
    label.delete()
    refused(lambda: repo.get_label("sillier"), 404, UnknownObjectException)


@check("issues/create-label", "a bad colour is invalid", "error", "recording")
def _():
    refused(lambda: fresh().create_label("foo", "invalid"), 422, code=("Label", "color", "invalid"))


@check("issues/create-milestone", "counts its issues", "state", "sdk")
def _():
    repo = fresh()
    milestone = repo.create_milestone("v1", description="first")
    repo.create_issue("x", milestone=milestone)
    same((repo.get_milestone(1).open_issues, repo.get_issue(1).milestone.title), (1, "v1"))


@check("pulls/create", "is read back with its sizes", "state", "sdk")
def _():
    repo = fresh()
    topic(repo)
    pull = repo.get_pull(1)
    same((pull.commits, pull.additions, pull.changed_files, pull.mergeable, pull.head.ref, pull.base.ref), (1, 1, 1, True, "topic", "main"))
    same([one.filename for one in pull.get_files()], ["topic.txt"])
    same([one.commit.message for one in pull.get_commits()], ["write topic"])


@check("pulls/create", "an unknown head is invalid", "error", "docs")
def _():
    refused(lambda: fresh().create_pull(base="main", head="nope", title="x"), 422, code=("PullRequest", "head", "invalid"))


@check("pulls/merge", "merges", "state", "sdk")
def _():
    repo = fresh()
    pull = topic(repo)
    done = pull.merge(merge_method="squash")
    same((done.merged, repo.get_branch("main").commit.sha), (True, done.sha))
    found = repo.get_pull(1)
    same((found.merged, found.is_merged(), found.state, found.merged_by.login), (True, True, "closed", "octocat"))


@check("pulls/merge", "a merged one is 405", "error", "sdk")
def _():
    pull = topic(fresh())
    pull.merge()
    refused(pull.merge, 405, says="not mergeable")


@check("pulls/merge", "another head is 409", "error", "sdk")
def _():
    refused(lambda: topic(fresh()).merge(sha="1" * 40), 409)


@check("pulls/create-review", "an approval is listed", "state", "sdk")
def _():
    repo = fresh()
    topic(repo)
    hubot.get_repo(repo.full_name).get_pull(1).create_review(body="good", event="APPROVE")
    same([(one.state, one.user.login, one.body) for one in repo.get_pull(1).get_reviews()], [("APPROVED", "hubot", "good")])


@check("pulls/create-review-comment", "is read back", "state", "sdk")
def _():
    repo = fresh()
    pull = topic(repo)
    pull.create_review_comment("why?", repo.get_commit(pull.head.sha), "topic.txt", line=1)
    same([(one.body, one.path) for one in pull.get_review_comments()], [("why?", "topic.txt")])


@check("repos/update-branch-protection", "is read back and removed", "state", "recording")
def _():
    repo = fresh()
    branch = repo.get_branch("main")
    branch.edit_protection(strict=True, contexts=["ci"], enforce_admins=True, required_approving_review_count=2)
    rules = branch.get_protection()
    same((rules.required_status_checks.contexts, rules.enforce_admins, rules.required_pull_request_reviews.required_approving_review_count), (["ci"], True, 2))
    branch.remove_protection()
    refused(branch.get_protection, 404, says="Branch not protected")


@check("pulls/merge", "a protected branch is 405", "error", "docs")
def _():
    repo = fresh()
    pull = topic(repo)
    repo.get_branch("main").edit_protection(enforce_admins=True, required_approving_review_count=1)
    refused(pull.merge, 405, says="review")


@check("repos/create-commit-status", "counts in the combined one", "state", "recording")
def _():
    commit = fresh().get_commit("main")
    commit.create_status("failure", "https://example.com", "no", "ci")
    commit.create_status("success", "https://example.com", "yes", "ci")
    same((commit.get_combined_status().state, [one.state for one in commit.get_statuses()]), ("success", ["success", "failure"]))


@check("checks/create", "is completed", "state", "sdk")
def _():
    repo = fresh()
    run = repo.create_check_run("lint", repo.get_branch("main").commit.sha, status="in_progress")
    run.edit(status="completed", conclusion="success")
    same([(one.name, one.conclusion) for one in repo.get_commit("main").get_check_runs()], [("lint", "success")])


@check("repos/create-release", "is the latest, and deleted", "state", "recording")
def _():
    repo = fresh()
    release = repo.create_git_release("v1", "One", "first")
    same((repo.get_latest_release().tag_name, repo.get_release("v1").name), ("v1", "One"))
    release.delete_release()
    refused(lambda: repo.get_latest_release(), 404, UnknownObjectException)


@check("repos/create-webhook", "is read back", "state", "sdk")
def _():
    repo = fresh()
    hook = repo.create_hook("web", {"url": "http://127.0.0.1:9/hook", "content_type": "json"}, ["push"], active=False)
    found = repo.get_hook(hook.id)
    same((found.events, found.active, found.config["url"]), (["push"], False, "http://127.0.0.1:9/hook"))
    hook.delete()
    same(repo.get_hooks().totalCount, 0)


@check("search/issues-and-pull-requests", "by words and qualifiers", "state", "sdk")
def _():
    repo = fresh()
    repo.create_issue("pysesame")
    same([one.title for one in octocat.search_issues("pysesame", repo=repo.full_name, state="open")], ["pysesame"])


@check("search/repos", "by owner", "state", "sdk")
def _():
    assert "octocat/hello-world" in [one.full_name for one in octocat.search_repositories("hello user:octocat")]


@check("rate-limit/get", "tells limits and what is left", "shape", "sdk")
def _():
    found = octocat.get_rate_limit()
    same((found.rate.limit, found.resources.search.limit), (5000, 30))
    octocat.get_user("hubot")
    same(octocat.rate_limiting[1], 5000)


@check("repos/get", "unchanged content is 304", "protocol", "recording")
def _():
    repo = octocat.get_repo("octocat/hello-world")
    assert repo.etag, "no etag"
    same(repo.update(), False)


run_all()
