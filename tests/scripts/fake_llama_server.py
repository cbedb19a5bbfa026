# SPDX-License-Identifier: Apache-2.0
"""Answers as llama-server does, as far as benchmarks/peer_llama_server.py looks at it."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# What its log says of a picture, with the time since its start.
LOG = "0.00.{}.000 I encoding mtmd batch\n0.00.{}.500 I decoding image batch 1/1\n"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self.answer({"status": "ok"})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        sys.stdout.write(LOG.format("001", "001"))
        sys.stdout.flush()
        self.answer(
            {
                "timings": {"prompt_ms": 2.0, "predicted_ms": 3.0},
                "usage": {"prompt_tokens": 9, "completion_tokens": asked["max_tokens"]},
            }
        )

    def answer(self, values: dict[str, object]) -> None:
        body = json.dumps(values).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    port = int(sys.argv[sys.argv.index("--port") + 1])
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
