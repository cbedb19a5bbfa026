# SPDX-License-Identifier: Apache-2.0
"""The reference of the server's HTTP interface, from its OpenAPI document."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from ppocrvl.server.openapi import document, fields

if TYPE_CHECKING:
    from collections.abc import Iterator


def http_page() -> str:
    """A section for each route: bodies with their fields, answers with their codes."""
    spec = document()
    lines = ["# HTTP interface", ""]
    lines += ["From `/openapi.json` of the server. [The server](../server.md) explains it.", ""]
    for path, verbs in spec["paths"].items():
        for verb, route in verbs.items():
            lines += [f"## {verb.upper()} {path}", "", f"{route['summary']}.", ""]
            lines += _bodies(spec, route)
            lines += _answers(route)
    return "\n".join(lines)


def _bodies(spec: dict[str, Any], route: dict[str, Any]) -> Iterator[str]:
    for kind, content in route.get("requestBody", {}).get("content", {}).items():
        schema = content["schema"].get("x-fields", content["schema"])
        yield from (f"Body: `{kind}`", "")
        rows = [
            f"| `{name}` | {_cell(text)} | `{kind_of}` |"
            for name, text, kind_of in fields(spec, schema)
        ]
        if rows:
            yield from ("| field | | type |", "|---|---|---|", *rows, "")


def _answers(route: dict[str, Any]) -> Iterator[str]:
    yield from ("| status | | body |", "|---|---|---|")
    for status, answer in route["responses"].items():
        kinds = ", ".join(f"`{kind}`" for kind in answer.get("content", {}))
        yield f"| {status} | {_cell(answer['description'])} | {kinds} |"
    yield ""


def _cell(text: str) -> str:
    return escape(text, quote=False).replace("|", "\\|").replace("_", "\\_").replace("\n", " ")
