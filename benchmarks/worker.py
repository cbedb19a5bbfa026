# SPDX-License-Identifier: Apache-2.0
"""What the programs that are measured have in common.

A worker gets a `Job` as JSON in its first argument and prints an `Outcome` as JSON in its last
line. Only the standard library is used: the peers' environments have nothing else.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable

END_OF_TEXT = 2  # the id of </s>
PROMPT = "OCR:"


class Job(TypedDict):
    """One measurement.

    Attributes:
        kind: of the workload.
        llm: path of the language model's file.
        mmproj: path of the vision side's file.
        checkpoint: folder of the checkpoint, for transformers.
        dtype: likewise.
        warm_up: path of the picture that is read before the clock starts.
        pictures: paths.
        tokens: generated for each picture.
        parallel: requests at once.
        context: tokens of a slot.
        threads: CPU threads.
        binary: path of the program, where it is none of Python.
        split: whether to measure encoding alone too.
        spawned: `time.monotonic()` when the worker was started.
    """

    kind: str
    llm: str
    mmproj: str
    checkpoint: str
    dtype: str
    warm_up: str
    pictures: list[str]
    tokens: int
    parallel: int
    context: int
    threads: int
    binary: str
    split: bool
    spawned: float


class Answer(TypedDict, total=False):
    """What one request took: token counts, and seconds where the program tells them."""

    prompt_tokens: int
    image_tokens: int
    tokens: int
    preprocess: float
    queue: float
    encode: float
    prefill: float
    decode: float


class Outcome(TypedDict, total=False):
    """What one process measured, in seconds and bytes.

    Attributes:
        load: until the program could take a request, from the start of loading; with "start", from
            the start of the process where the program does not say.
        first: from the start of the process to the first token ("start").
        second: a like request in the loaded program ("start").
        seconds: from the first request to the last answer.
        encode: of that, encoding pictures; in one process after another, or alone.
        peak: resident memory.
        answers: one each.
        extra: whatever else.
    """

    load: float
    first: float
    second: float
    seconds: float
    encode: float
    peak: int
    answers: list[Answer]
    extra: dict[str, Any]


def job() -> Job:
    """The measurement that is asked for."""
    asked: Job = json.loads(sys.argv[1])
    return asked


def report(outcome: Outcome) -> None:
    """Hand the result to the program that started this one."""
    print(f"\n{json.dumps(outcome)}", flush=True)


def chat(picture: str | None, prompt: str = PROMPT) -> list[dict[str, Any]]:
    """Messages in OpenAI's form, the picture as a data URI."""
    parts: list[dict[str, Any]] = [{"type": "text", "text": prompt}]
    if picture is not None:
        data = base64.b64encode(Path(picture).read_bytes()).decode()
        parts.insert(
            0, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
        )
    return [{"role": "user", "content": parts if picture is not None else prompt}]


def timed(
    read: Callable[[str | None], Answer], pictures: list[str] | list[None], at_once: int
) -> tuple[float, list[Answer]]:
    """Reads all pictures, so many at once. Seconds, and the answers in the pictures' order."""
    with ThreadPoolExecutor(at_once) as pool:
        begin = time.perf_counter()
        answers = list(pool.map(read, pictures))
        return time.perf_counter() - begin, answers


def measure(asked: Job, read: Callable[[str | None, int], Answer], load: float) -> Outcome:
    """The measurement that the job's kind asks for, of a loaded program.

    Args:
        asked: the job.
        read: answers one request about a picture, or about none, with so many tokens.
        load: seconds.
    """
    if asked["kind"] == "start":
        read(asked["pictures"][0], asked["tokens"])
        first = time.monotonic() - asked["spawned"]
        begin = time.perf_counter()
        answer = read(asked["pictures"][1], asked["tokens"])
        second = time.perf_counter() - begin
        return {
            "load": load,
            "first": first,
            "seconds": first,
            "second": second,
            "answers": [answer],
        }
    read(asked["warm_up"], 2)
    if asked["kind"] == "decode":
        sources: list[Any] = [None] * asked["parallel"]
    else:
        sources = list(asked["pictures"])
    seconds, answers = timed(
        lambda source: read(source, asked["tokens"]), sources, asked["parallel"]
    )
    return {"load": load, "seconds": seconds, "answers": answers}
