"""What a program sees of Okta through its official SDK for Python, whose models take nothing that is not of their type."""

import asyncio
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings

# The SDK refuses plain HTTP otherwise; it reads this when it makes a client.
os.environ["OKTA_TESTING_TESTINGDISABLEHTTPSCHECK"] = "true"
warnings.simplefilter("ignore")

from okta import models as m  # noqa: E402
from okta.client import Client  # noqa: E402

BASE = os.environ["TWIN_URL"]
TOKEN = "00_okta_admin"
PASSWORD = "Abcd1234efgh"
STAMP = format(int(time.time() * 1000), "x")
CHECK_SECONDS = 10
count = 0
checks = []


def check(operation, name, kind, source):
    def add(run):
        checks.append((operation, name, kind, source, run))
        return run

    return add


def that(truth, detail="it is not so"):
    if not truth:
        raise AssertionError(str(detail)[:250])


def same(found, wanted, what=""):
    that(found == wanted, f"{what} is {found!r}, not {wanted!r}".strip())


def client(token=TOKEN):
    return Client({"orgUrl": BASE, "token": token, "cache": {"enabled": False}, "rateLimit": {"maxRetries": 0}})


async def good(call):
    """What a call gives; the SDK tells of errors instead of raising them."""
    result = await call
    error = result[-1]
    that(error is None, error)
    value = result[0]
    that(value is not None or len(result) < 3, "the SDK made nothing of the answer")
    return value


async def done(call):
    """A call that gives nothing."""
    error = (await call)[-1]
    that(error is None, error)


async def refused(call, status, code, summary=None, cause=None):
    error = (await call)[-1]
    that(error is not None, "it was not refused")
    same(getattr(error, "status", None), status, "status")
    same(getattr(error, "error_code", None), code, "error_code")
    if summary is not None:
        same(error.error_summary, summary, "error_summary")
    if cause is not None:
        causes = [one.get("errorSummary") for one in error.error_causes or []]
        that(cause in causes, f"causes {causes} without {cause!r}")


def raw(method, path, body=None, headers=None, data=None):
    known = {"authorization": f"SSWS {TOKEN}", "accept": "application/json"} | (headers or {})
    known = {name: value for name, value in known.items() if value is not None}
    if body is not None:
        data, known["content-type"] = json.dumps(body).encode(), "application/json"
    request = urllib.request.Request(path if path.startswith("http") else BASE + path, data, known, method=method)
    opener = urllib.request.build_opener(Stay)
    try:
        with opener.open(request, timeout=CHECK_SECONDS) as answer:
            text = answer.read()
            return answer.status, answer.headers, json.loads(text) if text[:1] in (b"{", b"[") else text
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, error.headers, json.loads(text) if text[:1] in (b"{", b"[") else text


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def form(path, fields, headers=None):
    own = {"authorization": None, "content-type": "application/x-www-form-urlencoded"} | (headers or {})
    return raw("POST", path, headers=own, data=urllib.parse.urlencode(fields).encode())


def login(name):
    global count
    count += 1
    return f"{name}.py{STAMP}{count}@example.com"


def profile(name, **more):
    own = login(name)
    return m.UserProfile(firstName="Test", lastName=name, email=own, login=own, **more)


async def make(c, name, activate=True, password=PASSWORD, **more):
    credentials = m.UserCredentialsWritable(password=m.PasswordCredential(value=password)) if password else None
    body = m.CreateUserRequest(profile=profile(name, **more), credentials=credentials)
    return await good(c.create_user(body, activate=activate))


async def group(c, name):
    return await good(c.add_group(m.AddGroupRequest(profile=m.OktaUserGroupProfile(name=f"{name} py{STAMP}"))))


# Users


@check("createUser", "an active user, read by a strict model", "shape", "sdk")
async def _(c):
    user = await make(c, "a")
    same((user.status.value, user.profile.last_name), ("ACTIVE", "a"))
    that(user.created is not None and user.type.id and user.credentials.provider.type, user)


@check("createUser", "staged without activation", "state", "recording")
async def _(c):
    same((await make(c, "b", activate=False)).status.value, "STAGED")


@check("createUser", "provisioned without a password", "state", "recording")
async def _(c):
    same((await make(c, "c", password=None)).status.value, "PROVISIONED")


@check("createUser", "a login that is taken", "error", "sdk")
async def _(c):
    user = await make(c, "d")
    body = m.CreateUserRequest(profile=m.UserProfile(firstName="a", lastName="b", email=user.profile.email, login=user.profile.login))
    await refused(c.create_user(body), 400, "E0000001", "Api validation failed: login", "login: An object with this field already exists in the current organization")


@check("createUser", "without a last name", "error", "sdk")
async def _(c):
    own = login("e")
    body = m.CreateUserRequest(profile=m.UserProfile(firstName="a", email=own, login=own))
    await refused(c.create_user(body), 400, "E0000001", "Api validation failed: lastName", "lastName: The field cannot be left blank")


@check("getUser", "by login", "state", "sdk")
async def _(c):
    same((await good(c.get_user("alice@example.com"))).id, "00ualice")


@check("getUser", "one that is not there", "error", "recording")
async def _(c):
    await refused(c.get_user("00unobody"), 404, "E0000007", "Not found: Resource not found: 00unobody (User)")


@check("listUsers", "strict models of all", "shape", "sdk")
async def _(c):
    users = await good(c.list_users())
    that(len(users) >= 4 and all(user.id and user.status and user.profile.login for user in users))


@check("listUsers", "a page, and the next behind its last user", "protocol", "sdk")
async def _(c):
    first, answer, error = await c.list_users(limit=1)
    that(error is None and len(first) == 1, error)
    link = next((one for one in answer.headers.getall("link", []) if 'rel="next"' in one), "") if hasattr(answer.headers, "getall") else str(answer.headers)
    after = urllib.parse.parse_qs(urllib.parse.urlparse(link[link.find("<") + 1 : link.find(">")]).query).get("after")
    that(after, f"no next in {link}")
    second = await good(c.list_users(limit=1, after=after[0]))
    that(second[0].id != first[0].id)


@check("listUsers", "search", "state", "sdk")
async def _(c):
    users = await good(c.list_users(search='profile.department eq "Sales" and profile.firstName eq "Bob"'))
    same([user.profile.login for user in users], ["bob@example.com"])


@check("listUsers", "filter", "state", "recording")
async def _(c):
    users = await good(c.list_users(filter='status eq "ACTIVE"'))
    that(users and all(user.status.value == "ACTIVE" for user in users))


@check("listUsers", "q", "state", "sdk")
async def _(c):
    that("alice@example.com" in [user.profile.login for user in await good(c.list_users(q="alice"))])


@check("listUsers", "a search that is none", "error", "sdk")
async def _(c):
    await refused(c.list_users(search="profile.login = 1"), 400, "E0000031", "Invalid search criteria.")


@check("updateUser", "changes what is given alone", "state", "recording")
async def _(c):
    user = await make(c, "f", nickName="n")
    changed = await good(c.update_user(user.id, m.UpdateUserRequest(profile=m.UserProfile(title="T"))))
    same((changed.profile.title, changed.profile.nick_name), ("T", "n"))


@check("replaceUser", "takes away what is not given", "state", "recording")
async def _(c):
    user = await make(c, "g", nickName="n")
    own = user.profile
    body = m.UpdateUserRequest(profile=m.UserProfile(login=own.login, email=own.email, firstName="a", lastName="b"))
    same((await good(c.replace_user(user.id, body))).profile.nick_name, None)


# Lifecycle


async def status(c, user):
    return (await good(c.get_user(user.id))).status.value


@check("activateUser", "gives a link and a token", "state", "recording")
async def _(c):
    user = await make(c, "h", activate=False)
    given = await good(c.activate_user(user.id, send_email=False))
    that(given.activation_token and given.activation_url.endswith(f"/tokens/{given.activation_token}/verify"), given)
    same(await status(c, user), "ACTIVE")


@check("reactivateUser", "one who is staged", "error", "recording")
async def _(c):
    user = await make(c, "i", activate=False)
    await refused(c.reactivate_user(user.id, send_email=False), 403, "E0000038", "This operation is not allowed in the user's current status.")


@check("suspendUser", "and back", "state", "recording")
async def _(c):
    user = await make(c, "j")
    await done(c.suspend_user(user.id))
    same(await status(c, user), "SUSPENDED")
    await done(c.unsuspend_user(user.id))
    same(await status(c, user), "ACTIVE")


@check("suspendUser", "one who is not active", "error", "sdk")
async def _(c):
    await refused(c.suspend_user("00ucarol"), 400, "E0000001", "Api validation failed: suspendUser")


@check("unlockUser", "one who is not locked out", "error", "recording")
async def _(c):
    await refused(c.unlock_user("00ualice"), 403, "E0000032", "Unlock is not allowed for this user.", "The user is not locked out.")


@check("expirePassword", "shows the user", "state", "recording")
async def _(c):
    same((await good(c.expire_password((await make(c, "k")).id))).status.value, "PASSWORD_EXPIRED")


@check("expirePasswordWithTempPassword", "gives one", "state", "recording")
async def _(c):
    # The SDK makes a user of the answer, which has no such field.
    _, _, given = raw("POST", f"/api/v1/users/{(await make(c, 'l')).id}/lifecycle/expire_password_with_temp_password")
    that(given["tempPassword"])


@check("resetPassword", "gives a link, and the user recovers", "state", "recording")
async def _(c):
    user = await make(c, "m")
    that("/reset_password/" in (await good(c.reset_password(user.id, send_email=False))).reset_password_url)
    same(await status(c, user), "RECOVERY")


@check("forgotPassword", "gives a link", "state", "recording")
async def _(c):
    that("/signin/reset-password/" in (await good(c.forgot_password((await make(c, "n")).id, send_email=False))).reset_password_url)


@check("changePassword", "with the old one", "state", "recording")
async def _(c):
    user = await make(c, "o")
    body = m.ChangePasswordRequest(oldPassword=m.PasswordCredential(value=PASSWORD), newPassword=m.PasswordCredential(value="Zyxw9876vuts"))
    same((await good(c.change_password(user.id, body))).provider.type.value, "OKTA")


@check("changePassword", "with a wrong old one", "error", "sdk")
async def _(c):
    user = await make(c, "p")
    body = m.ChangePasswordRequest(oldPassword=m.PasswordCredential(value="wrong"), newPassword=m.PasswordCredential(value="Zyxw9876vuts"))
    await refused(c.change_password(user.id, body), 403, "E0000014", "Update of credentials failed")


@check("changeRecoveryQuestion", "shows the question", "state", "recording")
async def _(c):
    user = await make(c, "q")
    body = m.UserCredentials(password=m.PasswordCredential(value=PASSWORD), recovery_question=m.RecoveryQuestionCredential(question="Who?", answer="nobody"))
    same((await good(c.change_recovery_question(user.id, body))).recovery_question.question, "Who?")


@check("deactivateUser", "then deleted", "state", "recording")
async def _(c):
    user = await make(c, "r")
    await done(c.deactivate_user(user.id))
    same(await status(c, user), "DEPROVISIONED")
    await done(c.delete_user(user.id))
    await refused(c.get_user(user.id), 404, "E0000007")


@check("listUserGroups", "Everyone first", "state", "recording")
async def _(c):
    same([one.profile.actual_instance.name if hasattr(one.profile, "actual_instance") else one.profile.name for one in await good(c.list_user_groups("00ualice"))], ["Everyone", "Engineering"])


@check("listAppLinks", "strict models", "shape", "sdk")
async def _(c):
    links = await good(c.list_app_links("00ualice"))
    that([one.label for one in links] == ["Handbook"], links)


# Groups


@check("addGroup", "a strict model", "shape", "sdk")
async def _(c):
    one = await group(c, "a")
    that(one.id.startswith("00g") and one.type.value == "OKTA_GROUP" and one.object_class == ["okta:user_group"], one)


@check("getGroup", "one that is not there", "error", "recording")
async def _(c):
    await refused(c.get_group("00gnone"), 404, "E0000007")


@check("listGroups", "strict models of all", "shape", "sdk")
async def _(c):
    that({one.id for one in await good(c.list_groups())} >= {"00geng", "00gops"})


@check("assignUserToGroup", "and away again", "state", "recording")
async def _(c):
    one, user = await group(c, "b"), await make(c, "s")
    await done(c.assign_user_to_group(one.id, user.id))
    same([found.id for found in await good(c.list_group_users(one.id))], [user.id])
    await done(c.unassign_user_from_group(one.id, user.id))
    same((await c.list_group_users(one.id))[0], [])


@check("deleteGroup", "takes it away", "state", "recording")
async def _(c):
    one = await group(c, "c")
    await done(c.delete_group(one.id))
    await refused(c.get_group(one.id), 404, "E0000007")


@check("createGroupRule", "inactive, active, gone", "state", "recording")
async def _(c):
    one, user = await group(c, "d"), await make(c, "t", division=f"d{STAMP}")
    body = m.CreateGroupRuleRequest(
        type="group_rule",
        name=f"r {STAMP}",
        conditions=m.GroupRuleConditions(expression=m.GroupRuleExpression(type="urn:okta:expression:1.0", value=f'user.division=="d{STAMP}"')),
        actions=m.GroupRuleAction(assignUserToGroups=m.GroupRuleGroupAssignment(groupIds=[one.id])),
    )
    rule = await good(c.create_group_rule(body))
    same(rule.status.value, "INACTIVE")
    await done(c.activate_group_rule(rule.id))
    same((await good(c.get_group_rule(rule.id))).status.value, "ACTIVE")
    same([found.id for found in await good(c.list_group_users(one.id))], [user.id])
    await done(c.deactivate_group_rule(rule.id))
    await done(c.delete_group_rule(rule.id))
    await refused(c.get_group_rule(rule.id), 404, "E0000007")


# Apps


async def bookmark(c, name):
    body = m.BookmarkApplication(
        name="bookmark",
        label=f"{name} {STAMP}",
        signOnMode="BOOKMARK",
        settings=m.BookmarkApplicationSettings(app=m.BookmarkApplicationSettingsApplication(requestIntegration=False, url="https://example.com/x")),
    )
    return await good(c.create_application(body))


@check("createApplication", "a bookmark, of its own class", "shape", "sdk")
async def _(c):
    app = await bookmark(c, "a")
    same((type(app).__name__, app.status.value, app.settings.app.url), ("BookmarkApplication", "ACTIVE", "https://example.com/x"))


@check("createApplication", "an OpenID Connect client, of its own class", "shape", "sdk")
async def _(c):
    body = m.OpenIdConnectApplication(
        name="oidc_client",
        label=f"oidc {STAMP}",
        signOnMode="OPENID_CONNECT",
        credentials=m.OAuthApplicationCredentials(oauthClient=m.ApplicationCredentialsOAuthClient(token_endpoint_auth_method="client_secret_post")),
        settings=m.OpenIdConnectApplicationSettings(
            oauthClient=m.OpenIdConnectApplicationSettingsClient(application_type="web", grant_types=["authorization_code"], redirect_uris=["https://example.com/cb"], response_types=["code"])
        ),
    )
    app = await good(c.create_application(body))
    same((type(app).__name__, app.credentials.oauth_client.client_id), ("OpenIdConnectApplication", app.id))
    that(app.credentials.oauth_client.client_secret)


@check("listApplications", "strict models of all", "shape", "sdk")
async def _(c):
    that("0oabook" in [app.id for app in await good(c.list_applications())])


@check("deleteApplication", "one that is active", "error", "recording")
async def _(c):
    await refused(c.delete_application((await bookmark(c, "b")).id), 403, "E0000056", "Delete application forbidden.")


@check("deactivateApplication", "then deleted", "state", "recording")
async def _(c):
    app = await bookmark(c, "c")
    await done(c.deactivate_application(app.id))
    same((await good(c.get_application(app.id))).status.value, "INACTIVE")
    await done(c.delete_application(app.id))
    await refused(c.get_application(app.id), 404, "E0000007")


@check("assignUserToApplication", "a strict model", "shape", "sdk")
async def _(c):
    app, user = await bookmark(c, "d"), await make(c, "u")
    given = await good(c.assign_user_to_application(app.id, m.AppUserAssignRequest(id=user.id, scope="USER")))
    same((given.id, given.scope, given.status.value if hasattr(given.status, "value") else given.status), (user.id, "USER", "ACTIVE"))
    same([one.id for one in await good(c.list_application_users(app.id))], [user.id])


@check("assignGroupToApplication", "a strict model", "shape", "sdk")
async def _(c):
    app, one = await bookmark(c, "e"), await group(c, "e")
    same((await good(c.assign_group_to_application(app.id, one.id))).id, one.id)
    same([found.id for found in await good(c.list_application_group_assignments(app.id))], [one.id])


# Factors, policies, servers, hooks, log


@check("listSupportedFactors", "strict models", "shape", "sdk")
async def _(c):
    that({one.factor_type.value for one in await good(c.list_supported_factors("00ubob"))} >= {"sms", "question", "push"})


@check("enrollFactor", "a text message", "state", "recording")
async def _(c):
    user = await make(c, "v")
    # Past the SDK: its model takes one link to resend, where recordings have a list of them.
    body = {"factorType": "sms", "provider": "OKTA", "profile": {"phoneNumber": "+12345678901"}}
    _, _, factor = raw("POST", f"/api/v1/users/{user.id}/factors", body)
    same((factor["status"], [one["name"] for one in factor["_links"]["resend"]]), ("PENDING_ACTIVATION", ["sms"]))
    await done(c.unenroll_factor(user.id, factor["id"]))
    await refused(c.get_factor(user.id, factor["id"]), 404, "E0000007", f"Not found: Resource not found: {factor['id']} (UserFactor)")


@check("listPolicies", "of their own class", "shape", "sdk")
async def _(c):
    for kind, name in [("OKTA_SIGN_ON", "OktaSignOnPolicy"), ("PASSWORD", "PasswordPolicy"), ("ACCESS_POLICY", "AccessPolicy")]:
        found = await good(c.list_policies(kind))
        that(found and all(type(one).__name__ == name for one in found), found)


@check("createPolicy", "with a rule, of their own classes", "state", "recording")
async def _(c):
    policy = await good(c.create_policy(m.OktaSignOnPolicy(type="OKTA_SIGN_ON", name=f"p {STAMP}", status="ACTIVE", description="x")))
    body = m.OktaSignOnPolicyRule(name="r", type="SIGN_ON", actions=m.OktaSignOnPolicyRuleActions(signon=m.OktaSignOnPolicyRuleSignonActions(access="ALLOW", requireFactor=False)))
    rule = await good(c.create_policy_rule(policy.id, body))
    same((type(rule).__name__, [one.id for one in await good(c.list_policy_rules(policy.id))]), ("OktaSignOnPolicyRule", [rule.id]))
    await done(c.delete_policy(policy.id))
    await refused(c.get_policy(policy.id), 404, "E0000007", f"Not found: Resource not found: {policy.id} (Policy)")


@check("createAuthorizationServer", "with a scope", "state", "recording")
async def _(c):
    server = await good(c.create_authorization_server(m.AuthorizationServer(name=f"s {STAMP}", description="x", audiences=["api://s"])))
    same((server.status.value, server.issuer), ("ACTIVE", f"{BASE}/oauth2/{server.id}"))
    scope = await good(c.create_o_auth2_scope(server.id, m.OAuth2Scope(name="car:drive")))
    that(scope.id in [one.id for one in await good(c.list_o_auth2_scopes(server.id))])
    await done(c.delete_authorization_server(server.id))


@check("createEventHook", "a strict model", "shape", "sdk")
async def _(c):
    body = m.EventHook(
        name=f"h {STAMP}",
        events=m.EventSubscriptions(type="EVENT_TYPE", items=["user.lifecycle.create"]),
        channel=m.EventHookChannel(type="HTTP", version="1.0.0", config=m.EventHookChannelConfig(uri="https://example.com/hooks", authScheme=m.EventHookChannelConfigAuthScheme(type="HEADER", key="Authorization", value="x"))),
    )
    hook = await good(c.create_event_hook(body))
    same((hook.status, hook.verification_status.value), ("ACTIVE", "UNVERIFIED"))


@check("listLogEvents", "strict models, and what was done", "event", "sdk")
async def _(c):
    user = await make(c, "w")
    events = await good(c.list_log_events(filter=f'target.id eq "{user.id}"', limit=100))
    that({"user.lifecycle.create", "user.lifecycle.activate"} <= {one.event_type for one in events}, events)


@check("createSession", "of a session token", "state", "recording")
async def _(c):
    user = await make(c, "x")
    _, _, signed = raw("POST", "/api/v1/authn", {"username": user.profile.login, "password": PASSWORD}, {"authorization": None})
    _, _, session = raw("POST", "/api/v1/sessions", {"sessionToken": signed["sessionToken"]})
    same((await good(c.get_session(session["id"]))).user_id, user.id)
    await done(c.revoke_session(session["id"]))
    await refused(c.get_session(session["id"]), 404, "E0000007")


@check("token", "a code and PKCE", "state", "sdk")
async def _(c):
    _, _, signed = raw("POST", "/api/v1/authn", {"username": "erin@example.com", "password": "Autumn1sComing"}, {"authorization": None})
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    query = {
        "client_id": "spa-client",
        "response_type": "code",
        "scope": "openid profile",
        "redirect_uri": "http://localhost:3000/callback",
        "state": "s",
        "sessionToken": signed["sessionToken"],
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    status, headers, _ = raw("GET", "/oauth2/default/v1/authorize?" + urllib.parse.urlencode(query), headers={"authorization": None})
    same(status, 302, "status")
    code = urllib.parse.parse_qs(urllib.parse.urlparse(headers["location"]).query)["code"][0]
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": query["redirect_uri"], "client_id": "spa-client", "code_verifier": verifier}
    status, _, given = form("/oauth2/default/v1/token", fields)
    same((status, given["token_type"]), (200, "Bearer"))
    that(given["id_token"].count(".") == 2)


@check("discovery", "says where everything is", "shape", "sdk")
async def _(c):
    _, _, found = raw("GET", "/oauth2/default/.well-known/openid-configuration", headers={"authorization": None})
    same((found["issuer"], found["jwks_uri"]), (f"{BASE}/oauth2/default", f"{BASE}/oauth2/default/v1/keys"))


# What all operations have in common


@check("protocol", "a wrong token", "error", "sdk")
async def _(c):
    await refused(client("00wrong").get_user("me"), 401, "E0000011", "Invalid token provided")


@check("protocol", "the SDK's own way to write a token", "protocol", "sdk")
async def _(c):
    same((await good(c.get_user("me"))).id, "00uadmin")


@check("protocol", "headers of rates", "protocol", "recording")
async def _(c):
    _, headers, _ = raw("GET", "/api/v1/groups")
    that(int(headers["x-rate-limit-remaining"]) < int(headers["x-rate-limit-limit"]) and int(headers["x-rate-limit-reset"]) > 1.7e9)


@check("protocol", "the form of an error", "shape", "recording")
async def _(c):
    status, _, body = raw("GET", "/api/v1/apps/invalid_app_id_12345")
    same((status, sorted(body)), (404, ["errorCauses", "errorCode", "errorId", "errorLink", "errorSummary"]))
    same(body["errorSummary"], "Not found: Resource not found: invalid_app_id_12345 (AppInstance)")


async def main():
    c = client()
    for operation, name, kind, source, run in checks:
        detail = ""
        try:
            await asyncio.wait_for(run(c), CHECK_SECONDS)
        except Exception as error:  # a crash in one must not lose the rest
            detail = f"{type(error).__name__}: {error}"[:300] if not isinstance(error, AssertionError) else str(error)
            detail = detail or "failed"
        line = {"operation": operation, "check": name, "kind": kind, "source": source, "ok": detail == ""}
        if detail:
            line["detail"] = detail
        print(json.dumps(line), flush=True)


asyncio.run(main())
