# SPDX-License-Identifier: Apache-2.0
"""Every error that the server answers, by its stable code; `docs/errors.md` is made from it.

Nothing but the standard library and `ppocrvl.errors` is imported here, so that the document can be
written without the server's packages.
"""

from __future__ import annotations

from typing import NamedTuple

from ppocrvl import errors

_INVALID = "invalid_request_error"
_SERVER = "server_error"


class Code(NamedTuple):
    """What a code means: its HTTP status, OpenAI's type of error, and when it comes."""

    status: int
    type: str
    meaning: str


CODES: dict[str, Code] = {
    "bad_http": Code(400, _INVALID, "What came is no HTTP request"),
    "invalid_body": Code(400, _INVALID, "The body is no valid JSON, or no valid form"),
    "invalid_request": Code(
        400, _INVALID, "A field is missing, of a wrong type or out of range; `param` names it"
    ),
    "image_required": Code(400, _INVALID, "There is no image to read in the request"),
    "document_required": Code(400, _INVALID, "There is no document in the request"),
    "invalid_document": Code(
        400, _INVALID, "A document is damaged or empty, or has no page that was asked for"
    ),
    "document_encrypted": Code(400, _INVALID, "A PDF needs a password, or another one"),
    "too_many_images": Code(
        400, _INVALID, "More images than `--max-pictures`, or several in a conversation"
    ),
    "invalid_image": Code(
        400, _INVALID, "An image is damaged, empty, too thin, or of an unknown kind"
    ),
    "invalid_image_url": Code(
        400, _INVALID, "An image is neither a base64 data URI nor an http(s) URL"
    ),
    "url_fetch_disabled": Code(
        400, _INVALID, "An image is an http(s) URL, and `--fetch-urls` is not on"
    ),
    "url_refused": Code(
        400, _INVALID, "A URL, or a redirect of it, is not https or leads to no public address"
    ),
    "url_fetch_failed": Code(
        400, _INVALID, "A URL could not be fetched, in time and within the limit on bytes"
    ),
    "conversation_unsupported": Code(
        400, _INVALID, "The messages are no conversation that can go on"
    ),
    "context_length_exceeded": Code(
        400, _INVALID, "Prompt and image are longer than the model's context"
    ),
    "invalid_api_key": Code(
        401, "authentication_error", "No key, or a wrong one: `Authorization: Bearer KEY`"
    ),
    "origin_not_allowed": Code(
        403, "permission_error", "A browser sent the request for a page of another site"
    ),
    "host_not_allowed": Code(
        403, "permission_error", "The Host header names no host of ours (`--allowed-host`)"
    ),
    "not_found": Code(404, _INVALID, "There is no such path"),
    "method_not_allowed": Code(405, _INVALID, "The path does not take this method"),
    "not_acceptable": Code(
        406, _INVALID, "The Accept header names no format that the answer can have"
    ),
    "request_timeout": Code(408, "timeout_error", "Headers or body did not come in time"),
    "deadline_exceeded": Code(
        408,
        "timeout_error",
        "The deadline passed before the first token, or the whole document, was there",
    ),
    "body_too_large": Code(413, _INVALID, "The body is over `--max-body-bytes`"),
    "image_too_large": Code(
        413, _INVALID, "An image is over `--max-picture-bytes` or `--max-image-pixels`"
    ),
    "document_too_large": Code(
        413, _INVALID, "A document is over `--max-document-bytes` or `--max-pages`"
    ),
    "unsupported_media_type": Code(
        415, _INVALID, "The body is of no kind that the path takes; the message names those"
    ),
    "invalid_text": Code(
        422, _INVALID, 'With `utf8` "strict": the answer holds bytes that are no UTF-8'
    ),
    "queue_full": Code(
        429,
        "rate_limit_error",
        "Too many images or pages wait; try again after `Retry-After` seconds",
    ),
    "headers_too_large": Code(431, _INVALID, "The headers are over `--max-header-bytes`"),
    "internal_error": Code(
        500, _SERVER, "A fault of the server; the log has it under the request's id"
    ),
    "engine_error": Code(500, _SERVER, "The engine failed; the log has the details"),
    "no_layout": Code(
        501, _SERVER, "The server has no layout model, so it takes no documents (`--layout`)"
    ),
    "model_loading": Code(
        503, _SERVER, "The model is still being loaded; try again after `Retry-After` seconds"
    ),
    "server_busy": Code(
        503, _SERVER, "Too many connections, bytes or fetches at once, or too little memory"
    ),
    "shutting_down": Code(503, _SERVER, "The server ends and takes no new requests"),
}

_OF_ERRORS: tuple[tuple[type[errors.PpocrvlError], str], ...] = (
    (errors.ImageTooLargeError, "image_too_large"),
    (errors.ImageError, "invalid_image"),
    (errors.DocumentEncryptedError, "document_encrypted"),
    (errors.DocumentTooLargeError, "document_too_large"),
    (errors.DocumentError, "invalid_document"),
    (errors.OptionError, "invalid_request"),
    (errors.ContextError, "context_length_exceeded"),
    (errors.InvalidTextError, "invalid_text"),
    (errors.QueueFullError, "queue_full"),
    (errors.CancelledError, "shutting_down"),
    (errors.EngineError, "engine_error"),
)
"""The code of an error of the package, the first that fits."""


class ApiError(Exception):
    """An error that the client is told.

    Args:
        code: one of `CODES`.
        message: what is wrong, and what to do; shown to the client.
        param: the field of the request that it is about.
        retry_after: seconds after which it makes sense to try again.
        allow: methods that a path takes.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        param: str | None = None,
        retry_after: int | None = None,
        allow: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.headers = {}
        """What goes with it in the answer's headers."""
        if retry_after is not None:
            self.headers["retry-after"] = str(retry_after)
        if allow is not None:
            self.headers["allow"] = allow
        if code == "invalid_api_key":
            self.headers["www-authenticate"] = "Bearer"

    @property
    def status(self) -> int:
        """The HTTP status."""
        return CODES[self.code].status

    def to_dict(self) -> dict[str, object]:
        """OpenAI's error object."""
        return {
            "error": {
                "message": self.message,
                "type": CODES[self.code].type,
                "param": self.param,
                "code": self.code,
            }
        }


def api_error(error: errors.PpocrvlError) -> ApiError:
    """What the client is told of an error of the package.

    What went wrong inside is not for the client's eyes: it may name files of this machine.
    """
    code = next((code for cls, code in _OF_ERRORS if isinstance(error, cls)), "internal_error")
    if CODES[code].status >= 500 and code != "shutting_down":
        return ApiError(code, f"{CODES[code].meaning[0].lower()}{CODES[code].meaning[1:]}")
    return ApiError(code, " ".join(str(error).split()))
