# SPDX-License-Identifier: Apache-2.0
"""Bounded reading of the JSON files of a checkpoint."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ppocrvl.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

# config.json is 2 kB and tokenizer.json 11 MB in the official checkpoint.
MAX_CONFIG_BYTES = 4 << 20
MAX_TOKENIZER_BYTES = 32 << 20


def read_json_object(path: Path, max_bytes: int = MAX_CONFIG_BYTES) -> dict[str, Any]:
    """Reads a file whose top level is a JSON object.

    Raises:
        CheckpointError: Unreadable, larger than `max_bytes`, or not a JSON object.
    """
    return parse_json_object(read_bytes(path, max_bytes), str(path))


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """Reads a whole file of at most `max_bytes` bytes.

    Raises:
        CheckpointError: Unreadable or larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error.strerror}); copy the file from the original checkpoint"
        ) from error
    if len(data) > max_bytes:
        raise CheckpointError(f"{path}: larger than {max_bytes} bytes, which no checkpoint needs")
    return data


def is_unicode(text: str) -> bool:
    """False if the text holds lone surrogates, which JSON escapes and file names can bring in."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def parse_json_object(data: bytes, path: str) -> dict[str, Any]:
    """Parses bytes from outside as a JSON object; `path` is named in the error.

    Raises:
        CheckpointError: Not valid JSON, or not an object.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{path}: not valid JSON ({error}); copy the file from the original checkpoint"
        ) from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: a JSON object is expected, found {type(value).__name__}")
    return value
