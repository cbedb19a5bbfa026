# SPDX-License-Identifier: Apache-2.0
"""What a request gives back."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

FinishReason: TypeAlias = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time went, in seconds, and the tokens that it went for.

    Attributes:
        load: loading the model; paid once per engine, not per picture.
        preprocess: decoding and resizing the picture.
        encode: the vision encoder.
        prefill: the language model over prompt and picture.
        decode: the language model over the answer.
        image_tokens: tokens of the picture.
        prompt_tokens: tokens of prompt and picture.
        generated_tokens: tokens of the answer.
    """

    load: float
    preprocess: float
    encode: float
    prefill: float
    decode: float
    image_tokens: int
    prompt_tokens: int
    generated_tokens: int


@dataclass(frozen=True, slots=True)
class Result:
    """The answer for one picture; `str(result)` is its text.

    Attributes:
        text: what the model read. Without `<|LOC_n|>` tokens unless the task is spotting or the
            caller asked for them.
        finish_reason: "stop" (the model ended), "length" (`max_tokens` reached) or "cancelled".
        confidence: mean probability of the tokens, 0 to 1; 0 where there are none. It tells a clear
            picture from a poor one; it is not the probability that the text is right.
        task: name of the task.
        image_size: (width, height) of the upright picture in pixels.
        resized: (width, height) that the encoder saw.
        timings: seconds and token counts.
        token_ids: the tokens of the answer.
        logprobs: natural logarithm of each token's probability.
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

    def __str__(self) -> str:
        return self.text

    def to_dict(self, *, tokens: bool = False) -> dict[str, Any]:
        """The result as plain values for JSON; `tokens` adds `token_ids` and `logprobs`."""
        values = asdict(self)
        if not tokens:
            del values["token_ids"], values["logprobs"]
        return values


def mean_probability(logprobs: tuple[float, ...]) -> float:
    """Mean of exp(logprob), 0 for no tokens."""
    return sum(map(math.exp, logprobs)) / len(logprobs) if logprobs else 0.0
