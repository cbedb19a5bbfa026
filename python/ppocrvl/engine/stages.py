# SPDX-License-Identifier: Apache-2.0
"""What the stages of one request compute, whoever computes it: our engine, or the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """The outputs of all stages of one request, in the order of computation.

    Attributes:
        prompt_ids: token ids of the prompt; the image is as many equal ids as it has tokens.
        pixels: float32 [height, width, 3], normalised: the encoder's input.
        patches: float32 [n_patches, hidden], in row-major order, with the position embedding added.
        encoded: float32 [n_patches, hidden], after the encoder's final norm.
        image_tokens: float32 [n_tokens, n_embd], the projector's output.
        logits: float32 [n_vocab], of the first token of the answer.
        token_ids: tokens of the answer, without the one that ended it.
        text: the answer.
    """

    prompt_ids: tuple[int, ...]
    pixels: npt.NDArray[np.float32]
    patches: npt.NDArray[np.float32]
    encoded: npt.NDArray[np.float32]
    image_tokens: npt.NDArray[np.float32]
    logits: npt.NDArray[np.float32]
    token_ids: tuple[int, ...]
    text: str


ARRAYS = ("pixels", "patches", "encoded", "image_tokens", "logits")
"""The stages that are arrays of numbers."""
