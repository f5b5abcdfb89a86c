"""Opens a ticket for each `POST /open`."""

import json
import os
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

PATIENCE = 5


def open_ticket(text):
    headers = {"authorization": "Bearer " + os.environ["DESK_TOKEN"], "content-type": "application/json"}
    data = json.dumps({"text": text}).encode()
    request = urllib.request.Request(os.environ["DESK_URL"] + "/tickets", data, headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        return json.load(response)


class Handler(BaseHTTPRequestHandler):
    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self):
        self.answer(200)

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if len(asked) > 100:
            return self.answer(400)
        with open("log", "a") as log:
            log.write("asked")
        try:
            open_ticket(asked["text"])
        except OSError:
            return self.answer(503)
        self.answer(200)

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
