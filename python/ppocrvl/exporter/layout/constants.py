# SPDX-License-Identifier: Apache-2.0
"""What depends on sizes alone: anchors, position embedding, frequencies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ppocrvl.exporter.layout.config import STRIDES, InputConfig

Array = npt.NDArray[np.float64]

# transformers' generate_anchors: side of an anchor at the first level, and the margin inside which
# all four values of a valid one lie.
_ANCHOR_SIZE = 0.05
_MARGIN = 0.01
# transformers marks the others by the largest float32.
_INVALID = float(np.finfo(np.float32).max)


def anchors(image: InputConfig) -> tuple[Array, Array]:
    """Centre and size of every anchor in inverse sigmoid [A, 4], and 1 where it is valid [A, 1]."""
    levels = []
    for level, stride in enumerate(STRIDES):
        width, height = image.map_size(stride)
        y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
        side = np.full(width * height, _ANCHOR_SIZE * 2.0**level)
        levels.append(
            np.stack(((x.ravel() + 0.5) / width, (y.ravel() + 0.5) / height, side, side), axis=1)
        )
    boxes = np.concatenate(levels)
    valid = np.all((boxes > _MARGIN) & (boxes < 1 - _MARGIN), axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        logits = np.log(boxes / (1 - boxes))
    return np.where(valid, logits, _INVALID), valid.astype(np.float64)


def position_embedding(width: int, height: int, dim: int, temperature: int | None) -> Array:
    """Sines and cosines of row and column [height * width, dim]; zeros without a temperature."""
    if temperature is None:
        return np.zeros((height * width, dim))
    omega = 1.0 / float(temperature) ** (np.arange(dim // 4) / (dim // 4))
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    rows, columns = np.outer(y.ravel(), omega), np.outer(x.ravel(), omega)
    return np.concatenate((np.sin(rows), np.cos(rows), np.sin(columns), np.cos(columns)), axis=1)


def relation_frequencies(dim: int, theta: int) -> Array:
    """Of V2's position relations [dim / 2]: every second one of a rotary embedding's."""
    return 1.0 / float(theta) ** (np.arange(0, 2 * dim, 4) / dim)
