# SPDX-License-Identifier: Apache-2.0
"""Bodies to schemas: JSON and multipart forms."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from pydantic import BaseModel, ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, create_form_parser

from ppocrvl.server.codes import ApiError

if TYPE_CHECKING:
    from collections.abc import Collection
    from io import BytesIO

    from starlette.requests import Request

Schema = TypeVar("Schema", bound=BaseModel)

MAX_FORM_PARTS = 64
_FORM_STEP = 1 << 20
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Upload(NamedTuple):
    """A file of a form."""

    name: str
    data: bytes


def media_type(request: Request) -> str:
    """The Content-Type without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def read_json(schema: type[Schema], body: bytearray) -> Schema:
    """The body, which is emptied, as a schema.

    Not by pydantic's own parser: where memory does not suffice for a long text, that one panics, or
    hangs; `json` raises MemoryError.

    Raises:
        ApiError: it is no JSON, or does not fit.
        MemoryError: there is too little.
    """
    try:
        text = body.decode()
        body.clear()
        values = json.loads(text, parse_constant=_no_constant)
        if _SURROGATE.search(text):
            json.dumps(values, ensure_ascii=False).encode()  # raises where one is alone
    except (ValueError, RecursionError) as error:
        raise ApiError("invalid_body", f"the body is no valid JSON object: {error}") from None
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise explained(error) from None


def read_form(
    content_type: str, body: bytearray, files_in: Collection[str]
) -> tuple[dict[str, str], list[Upload]]:
    """The texts of a form's fields, and its files in their order.

    The body is emptied.

    Args:
        content_type: the whole header.
        body: of the request.
        files_in: names that fields of files may have, the usual one first.

    Raises:
        ApiError: it is no multipart form, or has other files.
    """
    fields: dict[str, str] = {}
    files: list[Upload] = []
    parts = 0

    def count() -> None:
        nonlocal parts
        parts += 1
        if parts > MAX_FORM_PARTS:
            raise ApiError("invalid_body", f"the form has more than {MAX_FORM_PARTS} parts")

    def on_field(field: Field) -> None:
        count()
        name = (field.field_name or b"").decode("utf-8", "replace")
        fields[name] = (field.value or b"").decode("utf-8", "replace")

    def on_file(file: File) -> None:
        count()
        field = (file.field_name or b"").decode("latin-1")
        if field not in files_in:
            usual = next(iter(files_in))
            raise ApiError("invalid_request", f"files must be in fields named {usual}", param=field)
        name = (file.file_name or b"").decode("utf-8", "replace")
        files.append(Upload(name, cast("BytesIO", file.file_object).getvalue()))  # no copy

    try:
        parser = create_form_parser(
            {"Content-Type": content_type.encode("latin-1")},
            on_field,
            on_file,
            config={"MAX_MEMORY_FILE_SIZE": len(body) + 1},  # nothing goes to disk
        )
        while body:  # its parts grow while it shrinks
            parser.write(bytes(body[:_FORM_STEP]))
            del body[:_FORM_STEP]
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise ApiError("invalid_body", f"the form cannot be read: {error}") from None
    return fields, files


def from_texts(schema: type[Schema], fields: dict[str, str]) -> Schema:
    """Fields of a form or of a query as a schema.

    These know texts alone; "8" is a number here, which it is not in JSON.

    Raises:
        ApiError: they do not fit.
    """
    try:
        return schema.model_validate_strings(fields, strict=False)
    except ValidationError as error:
        raise explained(error) from None


def _no_constant(name: str) -> None:
    """NaN and infinities are no JSON, though Python takes them."""
    raise ValueError(f"{name} is no number")


def explained(error: ValidationError, inside: str = "") -> ApiError:
    """The first thing that is wrong.

    Args:
        error: of what is within a body.
        inside: where it is there.
    """
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join([*([inside] if inside else []), *map(str, first["loc"])])
    if first["type"] == "model_type" and not where:
        return ApiError("invalid_body", f"the body is no valid JSON object: {first['msg']}")
    return ApiError("invalid_request", f"{where}: {first['msg']}", param=where or None)
