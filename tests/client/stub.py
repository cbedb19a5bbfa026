# SPDX-License-Identifier: Apache-2.0
"""A server that answers what it is told. Other people's servers cannot be had here."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

Answer: TypeAlias = tuple[int, dict[str, str], bytes]

SILENCE: Answer = (0, {}, b"")
"""No answer: the request runs until its client has gone."""


class Beginning(bytes):
    """Of a body that never goes on."""


class Stub:
    """The server.

    Attributes:
        bodies: what was posted to it as JSON.
        forms: what was posted to it as forms, as it came.
        answers: what is answered to that, each once.
        models: the answer of /v1/models.
        before: answers of a path that come before the one that stays.
        silent: released for each request that gets no answer, or not all of it.
        gone: released for each client of those that has gone.
    """

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.forms: list[bytes] = []
        self.answers: list[Answer] = []
        self.models: Answer = (200, {}, b'{"object": "list", "data": [{"id": "theirs"}]}')
        self.before: dict[str, list[Answer]] = {}
        self.silent = threading.Semaphore(0)
        self.gone = threading.Semaphore(0)
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                before = stub.before.get(self.path)
                self.answer(before.pop(0) if before else stub.models)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers["content-type"].startswith("multipart/"):
                    stub.forms.append(body)
                else:
                    stub.bodies.append(json.loads(body))
                answer = stub.answers.pop(0)
                if answer is not SILENCE:
                    self.answer(answer)
                if answer is SILENCE or isinstance(answer[2], Beginning):
                    stub.silent.release()
                    self.rfile.read(1)  # until the connection ends
                    stub.gone.release()

            def answer(self, answer: Answer) -> None:
                status, headers, body = answer
                more = isinstance(body, Beginning)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body) + more))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        class Listener(ThreadingHTTPServer):
            request_queue_size = 256  # so that nobody has to knock twice

        self.server = Listener(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def completion(text: str, *, reason: str = "stop", **more: Any) -> Answer:
    """The answer of a chat completion."""
    choice = {"message": {"content": text}, "finish_reason": reason, **more}
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    return 200, {}, json.dumps({"choices": [choice], "usage": usage}).encode()
