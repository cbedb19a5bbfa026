# SPDX-License-Identifier: Apache-2.0
"""The options of a request as flags of the command line."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppocrvl.errors import OptionError
from ppocrvl.requests.options import GUESSED, RequestOptions, Retry
from ppocrvl.requests.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Iterable

FLAGS: dict[str, dict[str, Any]] = {
    "task": {"choices": sorted(TASKS), "help": "what to read (default: ocr)"},
    "prompt": {"help": "text in place of the task's own prompt"},
    "max_tokens": {"type": int, "metavar": "N", "help": "end after N tokens (default: 4096)"},
    "min_pixels": {
        "type": int,
        "metavar": "N",
        "help": "enlarge smaller images to N pixels (default: the model's)",
    },
    "max_pixels": {
        "type": int,
        "metavar": "N",
        "help": "reduce larger images to N pixels (default: the model's)",
    },
    "keep_location_tokens": {"action": "store_true", "help": "keep <|LOC_n|> in the text"},
    "deadline": {
        "type": float,
        "metavar": "SECONDS",
        "help": "end an answer as it is, so long after its request",
    },
    "priority": {"type": int, "metavar": "N", "help": "higher ones go first, where several wait"},
    "temperature": {"type": float, "metavar": "T", "help": "0 for the likeliest token (default)"},
    "top_k": {"type": int, "metavar": "K", "help": "sample from the K likeliest tokens"},
    "top_p": {"type": float, "metavar": "P", "help": "sample from the likeliest, up to this sum"},
    "min_p": {"type": float, "metavar": "P", "help": "sample from P times the best, and better"},
    "repetition_penalty": {
        "type": float,
        "metavar": "X",
        "help": "divide logits of what was said (default: 1; disturbs tables)",
    },
    "seed": {"type": int, "metavar": "N", "help": "of the random numbers (default: 0)"},
    "stop": {"action": "append", "metavar": "TEXT", "help": "end where TEXT begins; repeatable"},
    "grammar": {"metavar": "GBNF", "help": "a grammar that the answer must follow"},
    "utf8": {
        "choices": ("replace", "strict", "constrain"),
        "help": "bytes that are no UTF-8: U+FFFD, an error, or kept from coming (default: replace)",
    },
    "stop_loops": {
        "action": argparse.BooleanOptionalAction,
        "help": "end answers that go round in a circle (default: yes)",
    },
    "retry": {
        "action": "store_true",
        "help": "after a loop or a doubtful answer, read again with more pixels",
    },
    "draft": {
        "metavar": "FILE|auto",
        "help": "text that the answer will probably be: the same answer comes faster; auto: what "
        "it repeats of itself",
    },
}
"""The arguments of each flag, by the name of the option. `logit_bias` and `messages` have none:
token ids and conversations are for programs."""


def add_request_flags(parser: argparse.ArgumentParser, names: Iterable[str] = FLAGS) -> None:
    """Declare a flag for each of these options."""
    for name in names:
        parser.add_argument(f"--{name.replace('_', '-')}", default=None, **FLAGS[name])


def given_request_flags(args: argparse.Namespace, names: Iterable[str] = FLAGS) -> dict[str, Any]:
    """Of these options, those that were given, as keywords of `RequestOptions`.

    Raises:
        OptionError: the draft's file cannot be read, or is the image's.
    """
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    if given.get("retry"):
        given["retry"] = Retry()
    if given.get("draft") == "-" and "-" in args.images:
        raise OptionError("standard input is the image or the draft, not both")
    if given.get("draft", GUESSED) != GUESSED:
        given["draft"] = read_text(given["draft"])
    return given


def request_options(args: argparse.Namespace) -> RequestOptions:
    """The options that were given, the others at their defaults.

    Raises:
        OptionError: one of them is out of its range.
    """
    return RequestOptions(**given_request_flags(args))


def read_text(file: str) -> str:
    """The text of a file; - is standard input.

    Raises:
        OptionError: it cannot be read, or is no UTF-8.
    """
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode()
    except OSError as error:
        raise OptionError(f"{file}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise OptionError(f"{file}: is not UTF-8 ({error.reason} at byte {error.start})") from error


def as_keywords(options: RequestOptions) -> dict[str, Any]:
    """The options as keyword arguments."""
    return {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
