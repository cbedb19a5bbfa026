# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document, and a page that shows it without a script."""

from __future__ import annotations

import json
from functools import cache
from html import escape
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from ppocrvl.server.answers import (
    Chunk,
    Completion,
    Error,
    HealthReport,
    Models,
    PicturePiece,
    PlacedTexts,
    Readings,
    TextError,
)
from ppocrvl.server.codes import CODES
from ppocrvl.server.documents import FORMATS, NDJSON
from ppocrvl.server.paddlex.answers import Failure, LayoutParsingAnswer, RestructurePagesAnswer
from ppocrvl.server.paddlex.schemas import LayoutParsingRequest, RestructurePagesRequest
from ppocrvl.server.schemas import (
    ChatRequest,
    OcrRequest,
    ParseRequest,
    PlaceRequest,
    WriteRequest,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

_STRING = {"type": "string"}
_REFERENCE = "#/components/schemas/{model}"
_LINE = "One JSON object a line: PicturePiece, PictureReading or PictureError."
_EVENTS = "Server-sent events: each a Chunk or, at the end, an Error; then `[DONE]`."


def _content(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {kind: {"schema": schema}}


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}


def _errors(*statuses: int, shape: type[BaseModel] = Error) -> dict[str, Any]:
    """The errors of these statuses."""
    answers = {}
    for status in statuses:
        codes = [name for name, code in CODES.items() if code.status == status]
        answers[str(status)] = {
            "description": ", ".join(codes),
            "content": _content("application/json", _schema(shape)),
        }
    return answers


_REQUESTS = (
    *(ChatRequest, OcrRequest, ParseRequest, PlaceRequest, WriteRequest),
    *(LayoutParsingRequest, RestructurePagesRequest),
)
_ANSWERS = (
    *(Chunk, Completion, Error, HealthReport, Models, PicturePiece, Readings, PlacedTexts),
    *(TextError, Failure, LayoutParsingAnswer, RestructurePagesAnswer),
)
_POST_ERRORS = (400, 401, 403, 408, 413, 415, 422, 429, 431, 500, 503)
_DOCUMENT_ERRORS = (*_POST_ERRORS, 406, 501)
_DOCUMENT = {
    "type": "object",
    "description": "The document: docs/document.schema.json of the project says what is in it.",
}
_PAGES = (
    "One JSON object a line: the document without its pages, then each page as it ends; an Error "
    "where reading ended before the last. With `progress`, `found` before each page and `read`."
)
_SECURED: dict[str, Any] = {"security": [{}, {"key": []}]}
_FORM = {
    "type": "object",
    "properties": {
        "image": {"type": "array", "items": {"type": "string", "format": "binary"}},
        "task": {"type": "string"},
    },
    "required": ["image"],
    "description": "Files as `image`, and the fields of OcrRequest as texts.",
}
_BINARY = {"type": "string", "format": "binary"}
_UPLOAD = {
    "type": "object",
    "properties": {"file": {"type": "array", "items": _BINARY, "minItems": 1}},
    "required": ["file"],
    "description": "Files as `file`, which are one document, and the fields of ParseRequest as "
    "texts.",
    "x-fields": {"$ref": _REFERENCE.format(model="ParseRequest")},
}
_PLACE_FORM = {
    "type": "object",
    "properties": {"file": _BINARY, "language": {"type": "string"}},
    "required": ["file"],
    "description": "An image.",
}


@cache
def document() -> dict[str, Any]:
    """The document."""
    _, definitions = models_json_schema(
        [
            *((model, "validation") for model in _REQUESTS),
            *((model, "serialization") for model in _ANSWERS),
        ],
        ref_template=_REFERENCE,
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ppocrvl",
            "version": version("ppocrvl"),
            "description": "PaddleOCR-VL: text, tables, formulas and charts out of images and "
            "documents.",
        },
        "paths": {
            "/v1/chat/completions": {"post": _post(
                "Ask about an image, as OpenAI's clients do",
                _content("application/json", _schema(ChatRequest)),
                {**_content("application/json", _schema(Completion)),
                 **_content("text/event-stream", {"type": "string", "description": _EVENTS})},
            )},
            "/v1/ocr": {"post": _post(
                "Read images",
                {**_content("application/json", _schema(OcrRequest)),
                 **_content("multipart/form-data", _FORM)},
                {**_content("application/json", _schema(Readings)),
                 **_content("application/x-ndjson", {"type": "string", "description": _LINE})},
            )},
            "/v1/parse": {"post": _post(
                "Read a document",
                {**_content("multipart/form-data", _UPLOAD),
                 **_content("application/pdf", _BINARY)},
                {**{kind: {"schema": _DOCUMENT if kind == "application/json" else _STRING}
                    for kind in FORMATS},
                 **_content(NDJSON, {"type": "string", "description": _PAGES})},
                _errors(*_DOCUMENT_ERRORS),
            )},
            "/v1/write": {"post": {
                **_post(
                    "Write a document that was read before",
                    _content("application/json", _DOCUMENT),
                    _content("application/octet-stream", _BINARY),
                    _errors(400, 401, 403, 408, 413, 415, 431, 500, 503),
                ),
                "parameters": _parameters(definitions["$defs"]["WriteRequest"]),
            }},
            "/layout-parsing": {"post": _post(
                "Read a document as PaddleX's server does",
                _content("application/json", _schema(LayoutParsingRequest)),
                _content("application/json", _schema(LayoutParsingAnswer)),
                _errors(*_DOCUMENT_ERRORS, shape=Failure),
            )},
            "/restructure-pages": {"post": _post(
                "Put pages in relation as PaddleX's server does",
                _content("application/json", _schema(RestructurePagesRequest)),
                _content("application/json", _schema(RestructurePagesAnswer)),
                _errors(*_DOCUMENT_ERRORS, shape=Failure),
            )},
            "/ocr": {"post": _post(
                "Texts of an image with their places, as LiteParse asks for them",
                _content("multipart/form-data", _PLACE_FORM),
                _content("application/json", _schema(PlacedTexts)),
                _errors(*_DOCUMENT_ERRORS, shape=TextError),
            )},
            "/v1/models": {"get": _get("The model", Models, 401)},
            "/health": {"get": _get("Whether requests would be answered", HealthReport, 503)},
            "/metrics": {"get": {
                "summary": "Numbers for Prometheus", **_SECURED,
                "responses": {
                    "200": {"description": "ok", "content": _content("text/plain", _STRING)},
                    **_errors(401),
                },
            }},
        },
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }  # fmt: skip


def _parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields of a schema as those of a query."""
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": field.get("description", ""),
            "schema": {key: value for key, value in field.items() if key != "description"},
        }
        for name, field in schema["properties"].items()
    ]


def _post(
    summary: str,
    body: dict[str, Any],
    answer: dict[str, Any],
    errors: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "summary": summary,
        **_SECURED,
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": {"description": "ok", "content": answer},
            **(errors or _errors(*_POST_ERRORS)),
        },
    }


def _get(summary: str, answer: type[BaseModel], other: int) -> dict[str, Any]:
    ok = {"description": "ok", "content": _content("application/json", _schema(answer))}
    not_ready = {"description": "not ready", "content": ok["content"]}
    return {
        "summary": summary,
        **({} if other == 503 else _SECURED),
        "responses": {"200": ok, **({"503": not_ready} if other == 503 else _errors(other))},
    }


@cache
def docs_page() -> str:
    """The document as a page. Swagger's own page would be fetched from another site."""
    spec = document()
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'>",
        "<title>ppocrvl: interface</title><link rel=stylesheet href=style.css><main class=docs>",
        f"<h1>ppocrvl {escape(spec['info']['version'])}</h1>",
        "<p>OpenAI-compatible. The document itself: <a href=openapi.json>openapi.json</a>.</p>",
    ]
    for path, verbs in spec["paths"].items():
        for verb, one in verbs.items():
            parts.append(f"<h2><code>{verb.upper()} {escape(path)}</code></h2>")
            parts.append(f"<p>{escape(one['summary'])}.</p>")
            for kind, content in one.get("requestBody", {}).get("content", {}).items():
                shape = content["schema"].get("x-fields", content["schema"])
                parts.append(f"<p>Body: <code>{kind}</code></p>{_table(fields(spec, shape))}")
            parts += [
                f"<p>{status}: {escape(answer['description'])}</p>"
                for status, answer in one["responses"].items()
            ]
    return "\n".join([*parts, "</main>"])


def fields(spec: dict[str, Any], schema: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The fields of a body: name, description and type of each.

    Args:
        spec: the document.
        schema: of the body, or a reference into the document.
    """
    if "$ref" in schema:
        schema = spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return [
        (name, field.get("description", ""), _type(field))
        for name, field in schema.get("properties", {}).items()
    ]


def _table(rows: list[tuple[str, str, str]]) -> str:
    cells = (
        f"<tr><td><code>{escape(name)}</code><td>{escape(text)}<td><code>{escape(kind)}</code>"
        for name, text, kind in rows
    )
    return f"<table>{''.join(cells)}</table>"


def _type(field: dict[str, Any]) -> str:
    kept = {k: v for k, v in field.items() if k not in {"title", "description", "default"}}
    options = kept.get("anyOf")
    if options:
        return " | ".join(_type(one) for one in options if one != {"type": "null"})
    if "$ref" in kept:
        return str(kept["$ref"]).rpartition("/")[2]
    name = kept.pop("type", "")
    more = json.dumps(kept)[1:-1].replace('"', "") if kept else ""
    return f"{name} {more}".strip()
