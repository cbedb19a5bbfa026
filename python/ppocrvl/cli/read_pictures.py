# SPDX-License-Identifier: Apache-2.0
"""What the commands that read pictures share: results on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ppocrvl.cli.messages import note, report
from ppocrvl.cli.writing import ProgressLine
from ppocrvl.errors import ExitCode, OptionError, PpocrvlError, ServerAccessError
from ppocrvl.requests.request import Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.cli.asked import Asked
    from ppocrvl.cli.sinks import Sink
    from ppocrvl.engine.backend import Backend
    from ppocrvl.requests.results import Result


def read_one(backend: Backend, asked: Asked, options: dict[str, Any]) -> int:
    """Print one picture's text as it comes."""
    with backend.stream(asked.item, **options) as stream:
        for piece in stream:
            sys.stdout.write(piece)
            sys.stdout.flush()
        sys.stdout.write("\n")
        sys.stdout.flush()
        _warn_of_the_end(asked.name, stream.result)
    return ExitCode.OK


def read_all(backend: Backend, asked: Sequence[Asked], options: dict[str, Any], sink: Sink) -> int:
    """Hand each answer to the sink in its turn. One that fails is reported, the others are read."""
    first_failure: int = ExitCode.OK
    show = ProgressLine(unit="images", divisor=1)
    shows = len(asked) > 1 and not sys.stdout.isatty()
    if shows:
        show("read", 0, len(asked))
    try:
        outcomes = backend.ocr_many((one.item for one in asked), **options)
        for number, (one, outcome) in enumerate(zip(asked, outcomes, strict=True), 1):
            name = one.name
            if isinstance(outcome, ServerAccessError):
                raise outcome  # it would fail for every picture
            if isinstance(outcome, OptionError) and not isinstance(one.item, Request):
                raise outcome  # likewise: all have the same options
            if isinstance(outcome, PpocrvlError) or outcome.finish_reason != "stop":
                show.clear()  # something will be said
            if isinstance(outcome, PpocrvlError):
                code = report(_naming(name, outcome))
                first_failure = first_failure or code
                sink.fail(name, outcome)
            else:
                sink.put(name, outcome)
                _warn_of_the_end(name, outcome)
            if shows:
                show("read", number, len(asked))
    finally:
        sink.close()  # what was read is kept, also after Ctrl-C
    return first_failure


def _naming(name: str, error: PpocrvlError) -> PpocrvlError:
    """The error with the picture's name, which only those have that come of its file."""
    return error if name in str(error) or name == "-" else type(error)(f"{name}: {error}")


def _warn_of_the_end(name: str, result: Result) -> None:
    if result.finish_reason == "length":
        note(f"{name}: cut off after {result.timings.generated_tokens} tokens (--max-tokens)")
    elif result.finish_reason == "deadline":
        note(f"{name}: cut off after {result.timings.generated_tokens} tokens (--deadline)")
    elif result.finish_reason == "repetition":
        note(
            f"{name}: went round in a circle; {result.repeated_tokens} repeated tokens are left out"
        )
