"""Tells Slack who is locked out of Okta or was deactivated there, once each, and answers `/locked`."""

import hashlib
import hmac
import json
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OKTA, OKTA_TOKEN = os.environ["OKTA_URL"], os.environ["OKTA_TOKEN"]
SLACK, SLACK_TOKEN = os.environ["SLACK_URL"], os.environ["SLACK_TOKEN"]
SECRET = os.environ["SLACK_SIGNING_SECRET"].encode()
CHANNEL, STATE = "access", "told.json"
SAID = {"LOCKED_OUT": "is locked out since", "DEPROVISIONED": "was deactivated at"}
TRIES, POLL_SECONDS, SKEW_SECONDS = 6, 3, 300
POLLING = threading.Lock()


class Uncertain(Exception):
    """A call that may or may not have been done."""


def call(method, url, headers, data=None):
    """One call; waits and tries again where it was surely not done."""
    for attempt in range(TRIES):
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.load(response), response.headers
        except urllib.error.HTTPError as error:
            if error.code == 429:
                time.sleep(float(error.headers.get("Retry-After") or 1))
            elif error.code < 500:
                raise
            elif method == "POST":
                raise Uncertain(error) from error
            else:
                time.sleep(0.05 * 2**attempt)
        except (OSError, HTTPException, ValueError) as error:
            if method == "POST":
                raise Uncertain(error) from error
            time.sleep(0.05 * 2**attempt)
    raise Uncertain("too many tries")


def okta_users(status):
    query = urllib.parse.urlencode({"filter": f'status eq "{status}"', "limit": 2})
    url = f"{OKTA}/api/v1/users?{query}"
    while url:
        users, headers = call("GET", url, {"Authorization": f"SSWS {OKTA_TOKEN}"})
        yield from users
        links = [link for line in headers.get_all("Link") or [] for link in line.split(",")]
        following = [link for link in links if 'rel="next"' in link]
        url = following[0].split(";")[0].strip().strip("<>") if following else None


def slack(method, name, **fields):
    headers = {"Authorization": f"Bearer {SLACK_TOKEN}"}
    form = urllib.parse.urlencode(fields)
    if method == "GET":
        answer, _ = call("GET", f"{SLACK}/api/{name}?{form}", headers)
    else:
        answer, _ = call("POST", f"{SLACK}/api/{name}", headers, form.encode())
    if not answer.get("ok"):
        raise RuntimeError(f"{name}: {answer.get('error')}")
    return answer


def slack_pages(name, key, **fields):
    cursor = ""
    while True:
        answer = slack("GET", name, limit=100, **fields, **({"cursor": cursor} if cursor else {}))
        yield from answer[key]
        cursor = (answer.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return


def channel_id():
    channels = slack_pages("conversations.list", "channels", types="public_channel,private_channel")
    return next(channel["id"] for channel in channels if channel["name"] == CHANNEL)


def was_said(channel, text):
    return any(message.get("text") == text for message in slack_pages("conversations.history", "messages", channel=channel))


def say(channel, text):
    """Says it once, even where nobody knows whether the last try was heard."""
    for _ in range(TRIES):
        try:
            slack("POST", "chat.postMessage", channel=channel, text=text)
            return
        except Uncertain:
            time.sleep(0.05)
            if was_said(channel, text):
                return
    raise Uncertain("Slack does not take the message")


def load():
    try:
        with open(STATE) as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def save(told):
    with open(STATE + ".new", "w") as file:
        json.dump(told, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(STATE + ".new", STATE)


def poll():
    with POLLING:
        told = load() or {}
        seen = {}
        for status in SAID:
            for user in okta_users(status):
                seen[f"{user['id']} {status} {user.get('statusChanged')}"] = (user, status)
        fresh = [key for key in seen if key not in told]
        channel = channel_id() if fresh else None
        for key in fresh:
            user, status = seen[key]
            text = f"{user['profile']['login']} {SAID[status]} {user.get('statusChanged')}"
            # It may have been said, and the service killed before it could note that.
            if not was_said(channel, text):
                say(channel, text)
            told[key] = text
            save(told)
        save({key: text for key, text in told.items() if key in seen})
        return len(fresh)


def is_signed(headers, body):
    stamp, signature = headers.get("X-Slack-Request-Timestamp", ""), headers.get("X-Slack-Signature", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > SKEW_SECONDS:
        return False
    wanted = "v0=" + hmac.new(SECRET, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, signature)


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200 if self.path == "/healthz" else 404, {})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if self.path == "/poll":
                self.answer(200, {"told": poll()})
            elif self.path == "/slack/command":
                self.locked(body)
            else:
                self.answer(404, {})
        except (Uncertain, RuntimeError, urllib.error.HTTPError) as error:
            self.answer(503, {"error": str(error)})

    def locked(self, body):
        if self.headers.get("X-Slack-Signature") and not is_signed(self.headers, body):
            return self.answer(401, {"error": "the signature is wrong"})
        logins = sorted(user["profile"]["login"] for user in okta_users("LOCKED_OUT"))
        text = "Locked out: " + ", ".join(logins) if logins else "Nobody is locked out."
        return self.answer(200, {"response_type": "ephemeral", "text": text})

    def log_message(self, *_):
        pass


def keep_polling():
    while True:
        time.sleep(POLL_SECONDS)
        try:
            poll()
        except Exception as error:
            print(f"poll: {error}", flush=True)


threading.Thread(target=keep_polling, daemon=True).start()
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
