# SPDX-License-Identifier: Apache-2.0
"""A model hub in the tests' own process."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

REVISION = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """A model hub of one repository: what it serves, how it misbehaves, what was asked of it."""

    files: dict[str, bytes]
    repo: str = "owner/model"
    stated_hash: str | None = None
    """Given out for every file in place of its own."""
    breaks: list[int] = field(default_factory=list)
    """The next downloads end after so many bytes each, without a word."""
    ranges: list[tuple[str, str | None]] = field(default_factory=list)
    """File and Range header of each download."""
    half_sent: Callable[[str], object] = lambda _: None
    """Called with a file's name once half of it is sent."""
    commit: str = REVISION
    """What the listing says."""
    states_hashes: bool = True
    url: str = ""

    def knows(self, path: str) -> bool:
        listing = rf"/api/models/{self.repo}(/revision/[^/?]+)?(\?.*)?"
        return bool(re.fullmatch(listing, path)) or self.file_at(path) is not None

    def file_at(self, path: str) -> str | None:
        match = re.fullmatch(rf"/{self.repo}/resolve/{self.commit}/([^?]+)", path)
        return match[1] if match is not None and match[1] in self.files else None

    def listing(self) -> dict[str, Any]:
        siblings = [
            {
                "rfilename": name,
                "size": len(data),
                "blobId": "0" * 40,
                "lfs": {
                    "sha256": self.stated_hash or hashlib.sha256(data).hexdigest(),
                    "size": len(data),
                    "pointerSize": 134,
                }
                if self.states_hashes
                else None,
            }
            for name, data in self.files.items()
        ]
        return {"id": self.repo, "modelId": self.repo, "sha": self.commit, "siblings": siblings}


def serve_hub(*hubs: Hub) -> ThreadingHTTPServer:
    """Start a server that plays the hub, in a thread; `shutdown` and `server_close` end it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            hub = next((one for one in hubs if one.knows(self.path)), None)
            if hub is None:
                self.answer(404, b"", {"X-Error-Code": "RepoNotFound"})
            elif (name := hub.file_at(self.path)) is not None:
                self.send_file(hub, name)
            else:
                self.answer(200, json.dumps(hub.listing()).encode())

        def send_file(self, hub: Hub, name: str) -> None:
            data = hub.files[name]
            wanted = self.headers.get("Range")
            hub.ranges.append((name, wanted))
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            if start >= len(data):
                self.answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            headers = (
                {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
            )
            body = data[start : start + hub.breaks.pop(0)] if hub.breaks else data[start:]
            self.answer(
                206 if start else 200,
                body,
                headers,
                promised=len(data) - start,
                half_sent=lambda: hub.half_sent(name),
            )

        def answer(
            self,
            status: int,
            body: bytes,
            headers: dict[str, str] | None = None,
            promised: int | None = None,
            half_sent: Callable[[], object] = lambda: None,
        ) -> None:
            length = len(body) if promised is None else promised
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            half_sent()
            self.wfile.write(body[len(body) // 2 :])
            self.close_connection = length != len(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    for hub in hubs:
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
