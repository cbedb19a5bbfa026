# SPDX-License-Identifier: Apache-2.0
"""The results of requests."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias

from ppocrvl.errors import PpocrvlError

FinishReason: TypeAlias = Literal["stop", "length", "repetition", "cancelled", "deadline"]


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds spent in each stage, and token counts.

    Attributes:
        load: loading the model; once per engine, not per image.
        preprocess: decoding and resizing the image.
        queue: waiting for the encoder and for a KV cache slot.
        encode: the vision encoder, including pauses in which other requests decode; 0 for a cached
            image.
        prefill: the language model on prompt and image.
        decode: the language model on the answer.
        image_tokens: tokens of the image.
        prompt_tokens: tokens of prompt and image.
        generated_tokens: tokens of the answer, including those trimmed from a loop.
        cached_image: whether the encoded image came from the cache.
        reused_tokens: tokens of prompt and image that were still in the KV cache from an earlier
            request, so that prefill skipped them.
        drafted_tokens: tokens that were computed ahead from a draft; see `draft` of
            `RequestOptions`.
        accepted_tokens: drafted tokens that were right; each of them saved a decoding step.
    """

    load: float
    preprocess: float
    queue: float
    encode: float
    prefill: float
    decode: float
    image_tokens: int
    prompt_tokens: int
    generated_tokens: int
    cached_image: bool = False
    reused_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an answer.

    Attributes:
        text: without its line break.
        confidence: mean probability of its tokens, 0 to 1; 0 if it has none.
        min_confidence: lowest probability of a token in it.
    """

    text: str
    confidence: float
    min_confidence: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One of several attempts to read an image.

    Attributes:
        reason: "first", "more pixels" or "penalty".
        text: the answer of this attempt.
        finish_reason: why it ended.
        confidence: as in `Result`.
        resized: (width, height) that the encoder saw.
    """

    reason: str
    text: str
    finish_reason: FinishReason
    confidence: float
    resized: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Result:
    """The answer for one image; `str(result)` is its text.

    Attributes:
        text: what the model read. It has `<|LOC_n|>` tokens only if the task is spotting or
            `keep_location_tokens` is set.
        finish_reason: "stop" (the model ended the answer, or a stop text occurred), "length"
            (`max_tokens` was reached, or the context was full), "repetition" (the answer repeated
            itself endlessly; all but the first repetition is removed), "cancelled" or "deadline".
        confidence: mean probability of the tokens, 0 to 1; 0 if there are none. It distinguishes
            clear images from poor ones. It is not the probability that the text is right.
        task: name of the task.
        image_size: (width, height) of the upright image in pixels; (0, 0) without an image.
        resized: (width, height) of the encoder's input; (0, 0) without an image.
        timings: seconds and token counts.
        token_ids: the tokens of the answer.
        logprobs: natural logarithm of each token's probability.
        token_ends: length of the text in UTF-8 bytes after each token.
        repeated_tokens: number of tokens that were removed from the end of a loop.
        attempts: all attempts, if the image was read more than once.
        index: position of the image among many, from 0.
        tag: the `tag` of the `Request`.
    """

    text: str
    finish_reason: FinishReason
    confidence: float
    task: str
    image_size: tuple[int, int]
    resized: tuple[int, int]
    timings: Timings
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    token_ends: tuple[int, ...] = ()
    repeated_tokens: int = 0
    attempts: tuple[Attempt, ...] = ()
    index: int = field(default=0, compare=False)
    tag: object = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.text

    @property
    def min_confidence(self) -> float:
        """The lowest probability of a token, 0 to 1; 0 if there are no tokens."""
        return math.exp(min(self.logprobs)) if self.logprobs else 0.0

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines of the text, with their confidences.

        A token belongs to the line in which its text begins; a line break belongs to the line that
        it ends.
        """
        lines = self.text.split("\n")
        ends: list[int] = []
        for line in lines:
            ends.append((ends[-1] if ends else 0) + len(line.encode()) + 1)
        chances: list[list[float]] = [[] for _ in lines]
        at, begin = 0, 0
        for end, logprob in zip(self.token_ends, self.logprobs, strict=True):
            while at + 1 < len(lines) and begin >= ends[at]:
                at += 1
            chances[at].append(logprob)
            begin = end
        return tuple(
            Line(line, mean_probability(some), math.exp(min(some)) if some else 0.0)
            for line, some in zip(lines, chances, strict=True)
        )

    def to_dict(self, *, tokens: bool = False) -> dict[str, Any]:
        """The result as plain values for JSON.

        `tokens=True` adds `token_ids`, `logprobs` and `token_ends`. `index` and `tag` are left out.
        """
        values = asdict(replace(self, tag=None))  # asdict copies what it meets
        del values["index"], values["tag"]
        if not tokens:
            del values["token_ids"], values["logprobs"], values["token_ends"]
        if not self.attempts:
            del values["attempts"]
        values["min_confidence"] = self.min_confidence
        return values


Outcome: TypeAlias = Result | PpocrvlError
"""The outcome for one image of many: its result, or its error. Both have `index` and `tag`."""


def placed(outcome: Outcome, index: int, tag: object) -> Outcome:
    """The outcome as that of the picture with this place and tag."""
    if isinstance(outcome, Result):
        return replace(outcome, index=index, tag=tag)
    outcome.index, outcome.tag = index, tag
    return outcome


def mean_probability(logprobs: tuple[float, ...] | list[float]) -> float:
    """Mean of exp(logprob), 0 for no tokens."""
    return sum(map(math.exp, logprobs)) / len(logprobs) if logprobs else 0.0
