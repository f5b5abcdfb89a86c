"""Slack as a program uses it through slack_sdk and slack_bolt, on the same seed as suite.mjs."""

import json
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from slack_bolt import App
from slack_bolt.adapter.socket_mode.builtin import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import DividerBlock, SectionBlock
from slack_sdk.models.views import View
from slack_sdk.oauth import AuthorizeUrlGenerator
from slack_sdk.signature import SignatureVerifier
from slack_sdk.webhook import WebhookClient

BASE = os.environ["TWIN_URL"]
CONTROL = os.environ.get("TWIN_CONTROL")
SHAPES = json.loads((Path(__file__).parent / "shapes.json").read_text())
EVENT_SECONDS = 3
KINDS = {bool: "b", int: "n", float: "n", str: "s", list: "a", dict: "o"}


def client(token):
    return WebClient(token=token, base_url=BASE + "/api/", timeout=5)


bot, alice, bob = client("xoxb-suite-2"), client("xoxp-alice"), client("xoxp-bob")


def check(operation, name, kind, source):
    """Runs the function it decorates, and tells how it ended."""

    def run(function):
        detail = ""
        try:
            function()
        except SlackApiError as error:
            detail = str(error.response.get("error") if hasattr(error.response, "get") else error)[:300] or "failed"
        except Exception as error:  # whatever it is, the next expectation stands alone
            detail = f"{type(error).__name__}: {error}"[:300]
        line = {"operation": operation, "check": name, "kind": kind, "source": source, "ok": not detail}
        print(json.dumps(line | ({"detail": detail} if detail else {})), flush=True)
        return function

    return run


def same(found, wanted):
    assert found == wanted, f"{found!r} is not {wanted!r}"


def refused(operation, code, source, call, name=None):
    @check(operation, name or f"refuses with {code}", "error", source)
    def _():
        try:
            answer = call()
        except SlackApiError as error:
            same(error.response["error"], code)
            return
        raise AssertionError(f"no refusal: {str(answer)[:200]}")


def strange(value, seen, path, found):
    if value is None or seen is None:
        return
    kind = KINDS[type(value)]
    known = seen if isinstance(seen, str) else "a" if isinstance(seen, list) else "o"
    if kind != known:
        found.append(f"{path}: {kind}, seen as {known}")
    elif isinstance(seen, list):
        for one in value[:3]:
            strange(one, seen[0], path + "[]", found)
    elif isinstance(seen, dict):
        for name, field in value.items():
            if name in seen:
                strange(field, seen[name], f"{path}.{name}", found)
            elif field is not None:
                found.append(f"{path}.{name}: never seen")


def shaped(operation, call):
    """The answer has what the specification requires, and nothing that was never seen in a real one."""
    answer, failure = {}, None
    try:
        answer = call().data
    except Exception as error:
        failure = error

    @check(operation, "the answer has every required field", "shape", "sdk")
    def _():
        if failure:
            raise failure
        for name, kind in SHAPES["required"].get(operation, {}).items():
            assert name in answer, f"{name} is missing"
            value = answer[name]
            assert kind is None or value is None or KINDS[type(value)] == kind, f"{name} is no {kind}"

    if operation in SHAPES["seen"]:

        @check(operation, "each field of the answer was seen in a real one, with its type", "shape", "recording")
        def _():
            if failure:
                raise failure
            found = []
            strange(answer, SHAPES["seen"][operation], "", found)
            assert not found, "; ".join(found[:5])

    return answer


def posted(url, body, headers=None):
    request = urllib.request.Request(url, data=body.encode(), headers=headers or {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def step(name, **data):
    """What a person does: through the twin's control, which no real service has."""
    assert CONTROL, "needs a control"
    status, text = posted(CONTROL + "/call", json.dumps({"function": "step_" + name, "data": data}))
    assert status == 200, text
    return json.loads(text)


def today():
    """Lets the twin's clock be that of this machine."""
    assert CONTROL, "needs a clock"
    posted(CONTROL + "/clock", json.dumps({"to": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}))


def awaited(find):
    """What `find` finds, when it does."""
    until = time.monotonic() + EVENT_SECONDS
    while time.monotonic() < until:
        found = find()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("nothing came")


class Receiver:
    """A server of the suite's own, for what the service sends."""

    def __init__(self):
        got = self.got = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                got.append((self.path, dict(self.headers), body))
                challenge = json.loads(body).get("challenge", "") if body.startswith("{") else "done"
                self.send_response(200)
                self.send_header("content-length", str(len(challenge)))
                self.end_headers()
                self.wfile.write(challenge.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


users = {one["name"]: one["id"] for one in bot.users_list()["members"]}
channels = {one["name"]: one["id"] for one in alice.conversations_list(types="public_channel,private_channel", limit=200)["channels"]}
support = channels["support"]
bot.conversations_join(channel=support)


def basics():
    shaped("auth.test", lambda: bot.auth_test())

    @check("auth.test", "names the bot and its workspace", "state", "sdk")
    def _():
        who = bot.auth_test()
        same((who["user_id"], who["bot_id"], who["team"]), ("U0SUITEBOT", "B0SUITEBOT", "Acme"))

    refused("auth.test", "invalid_auth", "sdk", lambda: client("xoxb-wrong").auth_test())
    refused("chat.postMessage", "missing_scope", "sdk", lambda: client("xoxb-noscope").chat_postMessage(channel=support, text="x"))
    refused("users.identity", "not_allowed_token_type", "sdk", lambda: bot.users_identity())
    refused("nonsense", "unknown_method", "sdk", lambda: bot.api_call("no.such.method"))

    @check("api.test", "gives back the arguments", "state", "sdk")
    def _():
        same(bot.api_test(foo="bar")["args"]["foo"], "bar")

    @check("auth.test", "tells the scopes of the token in a header", "protocol", "sdk")
    def _():
        headers = {name.lower(): value for name, value in bot.auth_test().headers.items()}
        assert "chat:write" in headers["x-oauth-scopes"].split(","), headers

    @check("usergroups.list", "refuses calls that come too fast, and says how long to wait", "protocol", "docs")
    def _():
        hasty = client("xoxp-rates")
        error = None
        for _ in range(200):
            try:
                hasty.usergroups_list()
            except SlackApiError as one:
                error = one
                break
        assert error, "it was never refused"
        same((error.response.status_code, error.response["error"]), (429, "ratelimited"))
        assert int(error.response.headers["Retry-After"]) > 0


def conversations():
    shaped("conversations.list", lambda: bot.conversations_list(limit=200))

    @check("conversations.list", "the response object pages to the end", "protocol", "sdk")
    def _():
        names = [one["name"] for page in bot.conversations_list(limit=2) for one in page["channels"]]
        same(len(set(names)), len(names))
        assert {"general", "random", "engineering", "support"} <= set(names), names

    made = shaped("conversations.create", lambda: bot.conversations_create(name="python-made"))
    id = made.get("channel", {}).get("id")

    @check("conversations.create", "what was made is read back", "state", "sdk")
    def _():
        found = bot.conversations_info(channel=id)["channel"]
        same((found["name"], found["creator"], found["is_member"]), ("python-made", "U0SUITEBOT", True))

    refused("conversations.create", "name_taken", "sdk", lambda: bot.conversations_create(name="python-made"))
    refused("conversations.info", "channel_not_found", "sdk", lambda: bot.conversations_info(channel="C0NOSUCH00"))
    shaped("conversations.invite", lambda: bot.conversations_invite(channel=id, users=[users["alice"], users["bob"]]))

    @check("conversations.members", "the response object pages to the end", "protocol", "sdk")
    def _():
        found = [one for page in bot.conversations_members(channel=id, limit=1) for one in page["members"]]
        same(sorted(found), sorted(["U0SUITEBOT", users["alice"], users["bob"]]))

    refused("conversations.invite", "already_in_channel", "sdk", lambda: bot.conversations_invite(channel=id, users=users["bob"]))
    refused("conversations.kick", "cant_kick_self", "sdk", lambda: bot.conversations_kick(channel=id, user="U0SUITEBOT"))

    @check("conversations.setTopic", "is read back", "state", "sdk")
    def _():
        bot.conversations_setTopic(channel=id, topic="A & B")
        same(bot.conversations_info(channel=id)["channel"]["topic"]["value"], "A & B")

    @check("conversations.archive", "nothing can be written after it", "state", "sdk")
    def _():
        bot.conversations_archive(channel=id)
        try:
            bot.chat_postMessage(channel=id, text="x")
        except SlackApiError as error:
            same(error.response["error"], "is_archived")
        else:
            raise AssertionError("it was taken")

    @check("conversations.open", "a direct conversation is the same each time", "state", "sdk")
    def _():
        first, again = (bot.conversations_open(users=[users["bob"]])["channel"]["id"] for _ in range(2))
        same(first, again)
        assert first.startswith("D"), first


def messages():
    sent = shaped("chat.postMessage", lambda: bot.chat_postMessage(channel=support, text="hello"))
    ts = sent.get("ts")

    @check("chat.postMessage", "is read back", "state", "sdk")
    def _():
        newest = bot.conversations_history(channel=support, limit=1)["messages"][0]
        same((newest["ts"], newest["text"], newest["bot_id"]), (ts, "hello", "B0SUITEBOT"))

    @check("chat.postMessage", "takes blocks that the SDK builds", "state", "sdk")
    def _():
        answer = bot.chat_postMessage(channel=support, text="x", blocks=[SectionBlock(text="*hi*"), DividerBlock()])
        same([one["type"] for one in answer["message"]["blocks"]], ["section", "divider"])

    @check("chat.postMessage", "takes attachments and metadata", "state", "sdk")
    def _():
        metadata = {"event_type": "job", "event_payload": {"n": 1}}
        message = bot.chat_postMessage(channel=support, text="x", attachments=[{"text": "a", "color": "good"}], metadata=metadata)["message"]
        same((message["attachments"][0]["text"], message["metadata"]), ("a", metadata))

    refused("chat.postMessage", "channel_not_found", "sdk", lambda: bot.chat_postMessage(channel="C0NOSUCH00", text="x"))
    refused("chat.postMessage", "not_in_channel", "sdk", lambda: bot.chat_postMessage(channel=channels["random"], text="x"))
    refused("chat.postMessage", "no_text", "sdk", lambda: bot.api_call("chat.postMessage", params={"channel": support}))
    refused("chat.postMessage", "invalid_blocks", "sdk", lambda: bot.chat_postMessage(channel=support, text="x", blocks=[{"type": "nonsense"}]))

    @check("conversations.replies", "a thread is read back in order", "state", "sdk")
    def _():
        for text in ["one", "two"]:
            alice.chat_postMessage(channel=support, text=text, thread_ts=ts)
        found = bot.conversations_replies(channel=support, ts=ts)["messages"]
        same([one["text"] for one in found], ["hello", "one", "two"])
        same((found[0]["reply_count"], found[1]["parent_user_id"]), (2, "U0SUITEBOT"))

    @check("conversations.history", "the response object pages to the end", "protocol", "sdk")
    def _():
        pages = [[one["ts"] for one in page["messages"]] for page in bot.conversations_history(channel=support, limit=2)]
        found = sum(pages, [])
        same(found, sorted(set(found), reverse=True))
        assert len(pages) > 1, "one page"

    shaped("chat.update", lambda: bot.chat_update(channel=support, ts=ts, text="changed"))
    refused("chat.update", "message_not_found", "sdk", lambda: bot.chat_update(channel=support, ts="1000000000.000000", text="x"))
    refused("chat.delete", "cant_delete_message", "sdk", lambda: bob.chat_delete(channel=support, ts=ts))
    shaped("chat.getPermalink", lambda: bot.chat_getPermalink(channel=support, message_ts=ts))
    shaped("chat.postEphemeral", lambda: bot.chat_postEphemeral(channel=support, user=users["alice"], text="psst"))

    @check("chat.scheduleMessage", "is listed, and taken back", "state", "sdk")
    def _():
        at = int(float(bot.chat_postMessage(channel=support, text="now")["ts"])) + 3600
        id = bot.chat_scheduleMessage(channel=support, text="later", post_at=at)["scheduled_message_id"]
        same([one["id"] for one in bot.chat_scheduledMessages_list(channel=support)["scheduled_messages"]], [id])
        bot.chat_deleteScheduledMessage(channel=support, scheduled_message_id=id)
        same(bot.chat_scheduledMessages_list(channel=support)["scheduled_messages"], [])

    @check("reactions.add", "is counted, and taken back", "state", "sdk")
    def _():
        bot.reactions_add(channel=support, timestamp=ts, name="eyes")
        alice.reactions_add(channel=support, timestamp=ts, name="eyes")
        same(bot.reactions_get(channel=support, timestamp=ts)["message"]["reactions"][0]["count"], 2)
        bot.reactions_remove(channel=support, timestamp=ts, name="eyes")
        same(bot.reactions_get(channel=support, timestamp=ts)["message"]["reactions"][0]["users"], [users["alice"]])

    refused("reactions.add", "already_reacted", "sdk", lambda: alice.reactions_add(channel=support, timestamp=ts, name="eyes"))
    refused("reactions.add", "message_not_found", "sdk", lambda: bot.reactions_add(channel=support, timestamp="1000000000.000000", name="eyes"))

    @check("pins.add", "is listed", "state", "sdk")
    def _():
        bot.pins_add(channel=support, timestamp=ts)
        same([one["message"]["ts"] for one in bot.pins_list(channel=support)["items"]], [ts])

    refused("pins.add", "already_pinned", "sdk", lambda: bot.pins_add(channel=support, timestamp=ts))

    @check("files.completeUploadExternal", "files_upload_v2 uploads, and the file is read back", "state", "sdk")
    def _():
        answer = bot.files_upload_v2(channel=support, filename="a.txt", content="some text", title="A")
        file = bot.files_info(file=answer["file"]["id"])["file"]
        same((file["name"], file["size"], file["title"]), ("a.txt", 9, "A"))
        request = urllib.request.Request(file["url_private"], headers={"authorization": "Bearer xoxb-suite"})
        same(urllib.request.urlopen(request, timeout=5).read(), b"some text")

    @check("bookmarks.add", "is listed, and removed", "state", "sdk")
    def _():
        id = bot.bookmarks_add(channel_id=support, title="x", type="link", link="https://example.com")["bookmark"]["id"]
        same([one["id"] for one in bot.bookmarks_list(channel_id=support)["bookmarks"]], [id])
        bot.bookmarks_remove(channel_id=support, bookmark_id=id)
        same(bot.bookmarks_list(channel_id=support)["bookmarks"], [])


def people():
    shaped("users.list", lambda: bot.users_list())
    shaped("users.info", lambda: bot.users_info(user=users["alice"]))
    shaped("users.lookupByEmail", lambda: bot.users_lookupByEmail(email="alice@example.com"))
    refused("users.info", "user_not_found", "sdk", lambda: bot.users_info(user="U0NOSUCH00"))
    refused("users.lookupByEmail", "users_not_found", "sdk", lambda: bot.users_lookupByEmail(email="no@example.com"))

    @check("users.profile.set", "is read back", "state", "sdk")
    def _():
        alice.users_profile_set(profile={"status_text": "busy", "status_emoji": ":bee:"})
        same(bot.users_profile_get(user=users["alice"])["profile"]["status_text"], "busy")

    @check("users.setPresence", "is read back", "state", "sdk")
    def _():
        alice.users_setPresence(presence="away")
        same(bot.users_getPresence(user=users["alice"])["presence"], "away")
        alice.users_setPresence(presence="auto")
        same(bot.users_getPresence(user=users["alice"])["presence"], "active")

    @check("usergroups.users.update", "is read back", "state", "sdk")
    def _():
        id = bot.usergroups_create(name="Pythons", handle="pythons")["usergroup"]["id"]
        bot.usergroups_users_update(usergroup=id, users=[users["bob"]])
        same(bot.usergroups_users_list(usergroup=id)["users"], [users["bob"]])

    @check("views.publish", "takes a view that the SDK builds; a stale hash is refused", "state", "sdk")
    def _():
        home = View(type="home", blocks=[SectionBlock(text="hi")])
        first = bot.views_publish(user_id=users["bob"], view=home)["view"]
        second = bot.views_publish(user_id=users["bob"], view=home, hash=first["hash"])["view"]
        same(second["id"], first["id"])
        try:
            bot.views_publish(user_id=users["bob"], view=home, hash=first["hash"])
        except SlackApiError as error:
            same(error.response["error"], "hash_conflict")
        else:
            raise AssertionError("it was taken")

    shaped("team.info", lambda: bot.team_info())
    shaped("bots.info", lambda: bot.bots_info(bot="B0SUITEBOT"))
    shaped("emoji.list", lambda: bot.emoji_list())
    nobody = WebClient(base_url=BASE + "/api/")
    secrets = {"client_id": "12345.67890", "client_secret": "example_client_secret"}
    refused("oauth.v2.access", "invalid_code", "sdk", lambda: nobody.oauth_v2_access(**secrets, code="nonsense"))
    refused("oauth.v2.access", "bad_client_secret", "sdk", lambda: nobody.oauth_v2_access(client_id="12345.67890", client_secret="no", code="x"))

    @check("oauth.authorize", "the address that the SDK makes shows a page", "protocol", "sdk")
    def _():
        url = AuthorizeUrlGenerator(client_id="12345.67890", scopes=["chat:write"], authorization_url=BASE + "/oauth/v2/authorize").generate("st")
        with urllib.request.urlopen(url, timeout=5) as answer:
            assert "<form" in answer.read().decode(), "no form"


def events():
    hook = WebhookClient(f"{BASE}/services/T000000001/B000000001/X000000001")

    @check("incoming-webhook", "takes a message and answers ok", "protocol", "sdk")
    def _():
        answer = hook.send(text="by webhook")
        same((answer.status_code, answer.body), (200, "ok"))

    @check("incoming-webhook", "an unknown one is refused", "error", "docs")
    def _():
        answer = WebhookClient(f"{BASE}/services/T000000001/B000000001/wrong").send(text="x")
        assert answer.status_code in (403, 404) and answer.body in ("no_service", "invalid_token"), (answer.status_code, answer.body)

    server = Receiver()
    verifier = SignatureVerifier("s3cr3t")

    @check("events", "an event is sent, and the SDK takes its signature", "event", "sdk")
    def _():
        today()
        step("request_url", url=server.url + "/events")
        awaited(lambda: any("url_verification" in body for _, _, body in server.got))
        time.sleep(0.1)
        step("say", user="alice", channel="support", text="from python")
        _, headers, body = awaited(lambda: next((one for one in server.got if "from python" in one[2]), None))
        assert verifier.is_valid_request(body, headers), "the signature is wrong"
        assert not verifier.is_valid_request(body + " ", headers), "any body is taken"
        event = json.loads(body)["event"]
        same((event["type"], event["user"], event["channel"]), ("message", users["alice"], support))

    @check("slash-commands", "a command is sent as a signed form", "event", "sdk")
    def _():
        step("command", user="bob", channel="support", command="/py", text="now", url=server.url + "/command")
        _, headers, body = awaited(lambda: next((one for one in server.got if one[0] == "/command"), None))
        assert verifier.is_valid_request(body, headers), "the signature is wrong"
        fields = dict(urllib.parse.parse_qsl(body))
        same((fields["command"], fields["text"], fields["user_name"]), ("/py", "now", "bob"))

    @check("slash-commands", "an answer in plain text is shown to the one who asked", "event", "docs")
    def _():
        step("command", user="carol", channel="support", command="/plain", url=server.url + "/command")
        reply = awaited(lambda: step("command_replies", user="carol"))[-1]
        same((reply["text"], reply["response_type"], reply["error"]), ("done", "ephemeral", None))

    @check("socket-mode", "Bolt hears a message over a socket, and answers in the channel", "event", "sdk")
    def _():
        app = App(client=client("xoxb-suite-2"), signing_secret="s3cr3t")

        @app.message("ping")
        def _(message, say):
            say(text=f"pong to <@{message['user']}>")

        handler = SocketModeHandler(app, "xapp-suite", web_client=client("xapp-suite"))
        handler.connect()
        try:
            step("say", user="alice", channel="support", text="ping")
            wanted = f"pong to <@{users['alice']}>"
            awaited(lambda: any(one["text"] == wanted for one in bot.conversations_history(channel=support, limit=5)["messages"]))
        finally:
            handler.close()


for area in (basics, conversations, messages, people, events):
    area()
os._exit(0)
