"""Jira Cloud as a program with the PyPI package `jira` meets it. Prints one line of JSON for each expectation."""

import itertools
import os

import requests
from harness import check, run_all, same
from jira import JIRA, JIRAError

BASE = os.environ["TWIN_URL"]
ADA, BOB, EVE = (f"5b10a2844c20165700ede21{letter}" for letter in "abe")
NUMBERS = itertools.count(1)


def client(name, token=None):
    return JIRA(BASE, basic_auth=(f"{name}@example.com", token or f"{name}_token"), max_retries=0, get_server_info=True)


ada, bob, eve = client("ada"), client("bob"), client("eve")


def refused(call, status, says=""):
    try:
        call()
    except JIRAError as refusal:
        same(refusal.status_code, status, "status")
        if says not in refusal.text:
            raise AssertionError(f"no {says!r} in {refusal.text!r}")
        return
    raise AssertionError("it was answered")


def raw(method, path, name="ada", **more):
    return requests.request(method, BASE + path, auth=(f"{name}@example.com", f"{name}_token"), timeout=10, **more)


def task(who=ada, **fields):
    return who.create_issue(fields={"project": {"key": "OPEN"}, "issuetype": {"name": "Task"}, "summary": "A task", **fields})


@check("getServerInfo", "is a cloud site", "state", "sdk")
def _():
    same((ada.server_info()["deploymentType"], ada._is_cloud), ("Cloud", True))


@check("getCurrentUser", "is whose token it is", "state", "sdk")
def _():
    same((ada.myself()["accountId"], bob.current_user("displayName")), (ADA, "Bob Builder"))


@check("getCurrentUser", "a wrong token is 401", "error", "recording")
def _():
    refused(lambda: client("ada", "nope").myself(), 401, "Client must be authenticated to access this resource.")


@check("getMyPermissions", "of a project", "state", "sdk")
def _():
    answer = raw("GET", "/rest/api/2/mypermissions?projectKey=SEC&permissions=BROWSE_PROJECTS,EDIT_ISSUES", "bob").json()
    same([answer["permissions"][key]["havePermission"] for key in ["BROWSE_PROJECTS", "EDIT_ISSUES"]], [True, False])


@check("getAllProjects", "those that one may see", "state", "sdk")
def _():
    keys = [project.key for project in bob.projects()]
    assert "SEC" in keys and "SEC" not in [project.key for project in eve.projects()]


@check("getProject", "with lead and components", "state", "sdk")
def _():
    project = ada.project("OPEN")
    same((project.lead.accountId, [part.name for part in ada.project_components(project)][:2]), (ADA, ["Backend", "Frontend"]))


@check("getProject", "none of this key", "error", "recording")
def _():
    refused(lambda: ada.project("NOPE"), 404, "No project could be found with key 'NOPE'.")


@check("getProject", "one that is hidden is none", "error", "recording")
def _():
    refused(lambda: eve.project("SEC"), 404, "No project could be found with key 'SEC'.")


@check("getAllStatuses", "the kinds of issue of a project", "state", "sdk")
def _():
    assert "Bug" in [kind.name for kind in ada.issue_types_for_project("OPEN")]


@check("createVersion", "made, renamed and released", "state", "sdk")
def _():
    version = ada.create_version("py-1", "OPEN", releaseDate="2026-08-01")
    version.update(released=True)
    same((ada.version(version.id).released, ada.get_project_version_by_name("OPEN", "py-1").id), (True, version.id))
    version.delete()
    refused(lambda: ada.version(version.id), 404)


@check("createComponent", "made, changed and gone", "state", "sdk")
def _():
    part = ada.create_component("py-part", "OPEN", description="x")
    part.update(description="y")
    same((ada.component(part.id).description, ada.component_count_related_issues(part.id)), ("y", 0))
    part.delete()
    refused(lambda: ada.component(part.id), 404)


@check("getFields", "system fields and custom ones", "state", "sdk")
def _():
    fields = {field["id"]: field for field in ada.fields()}
    assert fields["summary"]["schema"]["type"] == "string" and fields["customfield_10016"]["custom"]


@check("getPriorities", "priorities, statuses, resolutions, kinds", "state", "sdk")
def _():
    same([one.name for one in ada.priorities()][:2], ["Highest", "High"])
    same([one.name for one in ada.statuses()], ["To Do", "In Progress", "Done"])
    assert "Done" in [one.name for one in ada.resolutions()]
    same(ada.issue_type_by_name("Sub-task").subtask, True)


@check("getStatusCategories", "categories of statuses", "state", "sdk")
def _():
    same(sorted(one.key for one in ada.statuscategories()), ["done", "indeterminate", "new", "undefined"])


@check("findUsers", "by the beginning of a name", "state", "sdk")
def _():
    same([user.accountId for user in ada.search_users(query="bob")], [BOB])


@check("findAssignableUsers", "only who may work there", "state", "sdk")
def _():
    same([user.accountId for user in ada.search_assignable_users_for_issues(query="a", project="SEC")], [ADA])
    same(ada.search_assignable_users_for_issues(query="bob", project="SEC"), [])


@check("getUser", "by account id, and nobody", "state", "recording")
def _():
    same(ada.user(BOB).displayName, "Bob Builder")
    refused(lambda: ada.user("nobody"), 404, "Specified user does not exist or you do not have required permissions")


@check("findGroups", "groups by a part of the name", "state", "sdk")
def _():
    assert "jira-administrators" in ada.groups("admin")


@check("createIssue", "all that was given is read back", "state", "sdk")
def _():
    made = task(description="words", labels=["b", "a"], priority={"name": "High"}, assignee={"accountId": BOB}, components=[{"name": "Backend"}], duedate="2026-05-04")
    fields = ada.issue(made.key).fields
    same((fields.summary, fields.description, fields.labels, fields.priority.name, fields.assignee.accountId, fields.components[0].name, fields.duedate, fields.reporter.accountId), ("A task", "words", ["a", "b"], "High", BOB, "Backend", "2026-05-04", ADA))


@check("createIssue", "mistakes by field", "error", "recording")
def _():
    refused(lambda: task(project={"key": "NOPE"}), 400, "Specify a valid project ID or key")
    answer = raw("POST", "/rest/api/2/issue", json={"fields": {"project": {"key": "OPEN"}, "summary": "x"}})
    same((answer.status_code, answer.json()["errors"]), (400, {"issuetype": "Specify an issue type"}))


@check("createIssue", "an empty summary", "error", "docs")
def _():
    refused(lambda: task(summary=""), 400, "You must specify a summary of the issue.")


@check("createIssue", "a field that there is not", "error", "docs")
def _():
    refused(lambda: task(shoe=3), 400, "Field 'shoe' cannot be set. It is not on the appropriate screen, or unknown.")


@check("createIssues", "those that are right are made, the others told", "state", "sdk")
def _():
    fields = {"project": {"key": "OPEN"}, "issuetype": {"name": "Task"}, "summary": "Bulk"}
    made = ada.create_issues([fields, {**fields, "summary": ""}])
    same([one["status"] for one in made], ["Success", "Error"])


@check("getIssue", "none of this key, or hidden", "error", "recording")
def _():
    for who, key in [(ada, "OPEN-99999"), (eve, "SEC-1")]:
        refused(lambda: who.issue(key), 404, "Issue does not exist or you do not have permission to see it.")


@check("editIssue", "fields and operations", "state", "sdk")
def _():
    issue = task(labels=["a"])
    issue.update(summary="Changed", description="new words")
    issue.add_field_value("labels", "b")
    fields = ada.issue(issue.key).fields
    same((fields.summary, fields.description, fields.labels), ("Changed", "new words", ["a", "b"]))


@check("editIssue", "a viewer changes nothing", "error", "sdk")
def _():
    issue = bob.issue("SEC-1")
    refused(lambda: issue.update(summary="Mine"), 400)
    same(ada.issue("SEC-1").fields.summary, "Hidden")


@check("assignIssue", "to somebody, and to nobody", "state", "sdk")
def _():
    issue = task()
    ada.assign_issue(issue, BOB)
    same(ada.issue(issue.key).fields.assignee.accountId, BOB)
    ada.assign_issue(issue, None)
    same(ada.issue(issue.key).fields.assignee, None)


@check("deleteIssue", "it is gone", "state", "sdk")
def _():
    issue = task()
    issue.delete()
    refused(lambda: ada.issue(issue.key), 404)


@check("deleteIssue", "only who administers the project", "error", "sdk")
def _():
    refused(lambda: bob.issue("FIND-1").delete(), 403)


@check("getTransitions", "by name", "state", "sdk")
def _():
    issue = task()
    same([(one["id"], one["name"]) for one in ada.transitions(issue)], [("11", "To Do"), ("21", "In Progress"), ("31", "Done")])
    same(ada.find_transitionid_by_name(issue, "Done"), "31")


@check("doTransition", "done is resolved, and taken up again it is not", "state", "sdk")
def _():
    issue = task()
    ada.transition_issue(issue, "Done")
    fields = ada.issue(issue.key).fields
    same((fields.status.name, fields.resolution.name, bool(fields.resolutiondate)), ("Done", "Done", True))
    ada.transition_issue(issue, "To Do")
    fields = ada.issue(issue.key).fields
    same((fields.status.name, fields.resolution, fields.resolutiondate), ("To Do", None, None))


@check("doTransition", "with a comment", "state", "sdk")
def _():
    issue = task()
    ada.transition_issue(issue, "In Progress", comment="begun")
    same([one.body for one in ada.comments(issue)], ["begun"])


@check("doTransition", "one that there is not", "error", "recording")
def _():
    refused(lambda: ada.transition_issue("FIND-1", "999"), 400, "Transition id '999' is not valid for this issue.")


@check("getChangeLogs", "with the issue, newest first", "state", "sdk")
def _():
    issue = task()
    issue.update(summary="Second")
    ada.transition_issue(issue, "Done")
    histories = ada.issue(issue.key, expand="changelog").changelog.histories
    same([(item.field, item.fromString, item.toString) for one in histories for item in one.items], [("status", "To Do", "Done"), ("resolution", None, "Done"), ("summary", "A task", "Second")])


@check("addComment", "made, changed and gone", "state", "sdk")
def _():
    issue = task()
    said = bob.add_comment(issue, "hello")
    same((ada.comment(issue, said.id).body, ada.comment(issue, said.id).author.accountId), ("hello", BOB))
    said.update(body="other")
    same([one.body for one in ada.comments(issue)], ["other"])
    said.delete()
    refused(lambda: ada.comment(issue, said.id), 404, "Can not find a comment for the id")


@check("addComment", "by a viewer", "error", "recording")
def _():
    refused(lambda: bob.add_comment("SEC-1", "x"), 400, "Bob Builder, you do not have the permission to comment on this issue.")


@check("addWorklog", "made, counted and gone", "state", "sdk")
def _():
    issue = task()
    log = ada.add_worklog(issue, timeSpent="2h", comment="did it")
    same((log.timeSpentSeconds, ada.issue(issue.key).fields.timespent), (7200, 7200))
    same([one.comment for one in ada.worklogs(issue)], ["did it"])
    log.delete()
    same(ada.worklogs(issue), [])


@check("addWatcher", "is on the list, and off it", "state", "sdk")
def _():
    issue = task()
    ada.add_watcher(issue, BOB)
    same(sorted(one.accountId for one in ada.watchers(issue).watchers), [ADA, BOB])
    ada.remove_watcher(issue, BOB)
    same(ada.watchers(issue).watchCount, 1)


@check("addVote", "counts, and is taken back", "state", "sdk")
def _():
    issue = task()
    bob.add_vote(issue)
    same(ada.votes(issue).votes, 1)
    bob.remove_vote(issue)
    same(ada.votes(issue).votes, 0)


@check("linkIssues", "each has it from its side", "state", "sdk")
def _():
    one, two = task(), task()
    ada.create_issue_link("Blocks", one.key, two.key)
    left, right = ada.issue(one.key).fields.issuelinks[0], ada.issue(two.key).fields.issuelinks[0]
    same((left.outwardIssue.key, right.inwardIssue.key, left.type.outward), (two.key, one.key, "blocks"))
    ada.delete_issue_link(left.id)
    same(ada.issue(one.key).fields.issuelinks, [])


@check("getIssueLinkTypes", "as recorded", "state", "recording")
def _():
    same([(one.name, one.outward) for one in ada.issue_link_types()][:3], [("Blocks", "blocks"), ("Cloners", "clones"), ("Duplicate", "duplicates")])


@check("addAttachment", "is read back, byte by byte, and gone", "state", "sdk")
def _():
    issue = task()
    with open(__file__, "rb") as file:
        made = ada.add_attachment(issue, file, "suite.py")
    with open(__file__, "rb") as file:
        same(ada.attachment(made.id).get(), file.read())
    ada.delete_attachment(made.id)
    same(ada.issue(issue.key).fields.attachment, [])


@check("addAttachment", "without the header against forgery", "error", "docs")
def _():
    answer = raw("POST", "/rest/api/2/issue/FIND-1/attachments", files={"file": ("x.txt", b"x")})
    same((answer.status_code, answer.text), (403, "XSRF check failed"))


@check("createOrUpdateRemoteIssueLink", "made and gone", "state", "sdk")
def _():
    issue = task()
    ada.add_simple_link(issue, {"url": "https://example.com", "title": "there"})
    link = ada.remote_links(issue)[0]
    same(link.object.title, "there")
    link.delete()
    same(ada.remote_links(issue), [])


@check("setIssueProperty", "is read back", "state", "sdk")
def _():
    issue = task()
    ada.add_issue_property(issue.key, "mine", {"a": 1})
    same(([one.key for one in ada.issue_properties(issue.key)], ada.issue_property(issue.key, "mine").value.a), (["mine"], 1))


@check("searchAndReconsileIssuesUsingJql", "whole issues", "state", "sdk")
def _():
    found = ada.search_issues("project = FIND AND labels = blue ORDER BY key")
    same([(one.key, one.fields.status.name) for one in found], [("FIND-1", "To Do"), ("FIND-2", "In Progress")])


@check("searchAndReconsileIssuesUsingJql", "page after page, to the end", "protocol", "sdk")
def _():
    mark = f"page-{next(NUMBERS)}"
    keys = [task(labels=[mark]).key for _ in range(5)]
    page = ada.enhanced_search_issues(f"labels = {mark} ORDER BY key", maxResults=2, fields="summary")
    same(([one.key for one in page], bool(page.nextPageToken)), (keys[:2], True))
    rest = ada.enhanced_search_issues(f"labels = {mark} ORDER BY key", maxResults=50, nextPageToken=page.nextPageToken, fields="summary")
    same([one.key for one in rest], keys[2:])
    same(len(ada.search_issues(f"labels = {mark}", maxResults=0)), 5)


@check("searchAndReconsileIssuesUsingJqlPost", "the same by POST", "state", "sdk")
def _():
    same([one.key for one in ada.search_issues("key = FIND-3", use_post=True)], ["FIND-3"])


@check("searchAndReconsileIssuesUsingJql", "mistakes in Jira's words", "error", "recording")
def _():
    refused(lambda: ada.search_issues("project = NOPE"), 400, "The value 'NOPE' does not exist for the field 'project'.")
    refused(lambda: ada.search_issues("status closed"), 400, "Error in the JQL Query: Expecting operator but got 'closed'.")
    refused(lambda: ada.search_issues(""), 400, "Unbounded JQL queries are not allowed here.")


@check("countIssues", "how many", "state", "sdk")
def _():
    same(ada.approximate_issue_count("project = FIND"), 4)


@check("getCreateIssueMeta", "the kinds, and what each takes", "state", "sdk")
def _():
    [project] = ada.createmeta(projectKeys="OPEN", issuetypeNames="Task", expand="projects.issuetypes.fields")["projects"]
    fields = project["issuetypes"][0]["fields"]
    same((fields["summary"]["required"], fields["labels"]["required"]), (True, False))


@check("createProject", "made and gone", "state", "sdk")
def _():
    raw("POST", "/rest/api/2/project", json={"key": "PYNEW", "name": "Py new", "projectTypeKey": "software", "leadAccountId": ADA}).raise_for_status()
    same(ada.project("PYNEW").name, "Py new")
    ada.delete_project("PYNEW")
    refused(lambda: ada.project("PYNEW"), 404)


@check("getProjectRoles", "and who has one", "state", "sdk")
def _():
    roles = ada.project_roles("SEC")
    same([actor.actorUser.accountId for actor in ada.project_role("SEC", roles["Viewer"]["id"]).actors], [BOB])


@check("createSprint", "filled and emptied", "state", "sdk")
def _():
    [board] = ada.boards(projectKeyOrID="OPEN")
    sprint = ada.create_sprint("py sprint", board.id)
    issue = task()
    ada.add_issues_to_sprint(sprint.id, [issue.key])
    same((sprint.state, [one.key for one in ada.search_issues(f"sprint = {sprint.id}")]), ("future", [issue.key]))
    assert "py sprint" in [one.name for one in ada.sprints(board.id)]
    ada.move_to_backlog([issue.key])
    same(ada.search_issues(f"sprint = {sprint.id}"), [])


@check("getIssue", "too many calls are tried again when it is time", "protocol", "docs")
def _():
    answer = raw("GET", "/rest/api/2/issue/FIND-1")
    assert int(answer.headers["x-ratelimit-remaining"]) < int(answer.headers["x-ratelimit-limit"])


run_all(lambda cause: getattr(cause, "text", cause))
