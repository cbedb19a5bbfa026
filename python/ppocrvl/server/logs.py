# SPDX-License-Identifier: Apache-2.0
"""One JSON line a request, on stderr. Never the picture, and the text only if asked for."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ppocrvl.requests.results import Result
    from ppocrvl.server.record import Record

LOGGER = logging.getLogger("ppocrvl.server")
_STAGES = ("preprocess", "queue", "encode", "prefill", "decode")


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        values: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "values", {}),
        }
        if record.exc_info:
            values["traceback"] = self.formatException(record.exc_info)
        return json.dumps(values, ensure_ascii=False)


def set_up_logs() -> None:
    """Send our lines, and the web server's warnings, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    for name, level in (("ppocrvl.server", logging.INFO), ("uvicorn", logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False


def log_request(record: Record, *, texts: bool) -> None:
    """Write the line of a request that has ended."""
    values = {
        "id": record.id,
        "method": record.method,
        "path": record.path,
        "status": record.status,
        "seconds": round(record.seconds, 4),
    }
    if record.code or record.errors:
        values["errors"] = [*([record.code] if record.code else []), *record.errors]
    if record.task:
        values["task"] = record.task
        values["picture_bytes"] = record.picture_bytes
        values["results"] = [_result(one, texts=texts) for one in record.results]
    if record.document is not None:
        values["document"] = record.document.values()
    if record.first_piece is not None:
        values["first_piece"] = round(record.first_piece, 4)
    LOGGER.info("request", extra={"values": values})


def _result(result: Result, *, texts: bool) -> dict[str, Any]:
    timings = result.timings
    values: dict[str, Any] = {
        "size": result.image_size,
        "resized": result.resized,
        "prompt_tokens": timings.prompt_tokens,
        "tokens": timings.generated_tokens,
        "finish_reason": result.finish_reason,
        "confidence": round(result.confidence, 4),
        **{stage: round(getattr(timings, stage), 4) for stage in _STAGES},
    }
    if texts:
        values["text"] = result.text
    return values
