# SPDX-License-Identifier: Apache-2.0
"""`preprocessor_config.json`: pixel limits and normalisation of the pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ppocrvl.errors import CheckpointError
from ppocrvl.exporter.json_file import read_json_object
from ppocrvl.requests.pixel_limits import limits_by_task

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# csrc/files/model_check.cpp refuses files that bring every picture to more than 1,024 image tokens,
# or let any have more than 16,384: with patches of 14 pixels, and spotting at 8/5 of the others.
_LARGEST_MIN_PIXELS = 1_024 * 28 * 28
_LARGEST_PIXELS = 10_240 * 28 * 28
_SMALLEST_STD = 1e-6


@dataclass(frozen=True, slots=True)
class Preprocessor:
    """Limits in pixels of the resized picture; mean and standard deviation of values in 0..1."""

    min_pixels: int
    max_pixels: int
    image_mean: tuple[float, float, float]
    image_std: tuple[float, float, float]

    def task_pixels(self) -> dict[str, tuple[int, int]]:
        """Limits per task: the official pipeline's for the official values, else these."""
        return limits_by_task((self.min_pixels, self.max_pixels))


def stored_pixels(data: Mapping[str, Any]) -> tuple[int, int] | None:
    """The pixel limits in any of the three spellings that tools write, or None."""
    size = data.get("size")
    candidates = [(data, "min_pixels", "max_pixels")]
    if isinstance(size, dict):
        candidates.append((size, "min_pixels", "max_pixels"))
        candidates.append((size, "shortest_edge", "longest_edge"))
    for source, low, high in candidates:
        if type(source.get(low)) is int and type(source.get(high)) is int:
            return source[low], source[high]
    return None


def read_preprocessor_data(folder: Path) -> tuple[dict[str, Any], Path]:
    """The parsed configuration, and the file it came from.

    transformers 5 may write it into `processor_config.json`, under `image_processor`.

    Raises:
        CheckpointError: Neither file holds it.
    """
    path = folder / "preprocessor_config.json"
    if path.is_file():
        return read_json_object(path), path
    combined = folder / "processor_config.json"
    if combined.is_file():
        inner = read_json_object(combined).get("image_processor")
        if isinstance(inner, dict):
            return inner, combined
    raise CheckpointError(f"{path}: missing; copy it from the original checkpoint")


def parse_preprocessor(
    data: Mapping[str, Any], path: Path, pixels: tuple[int, int]
) -> Preprocessor:
    """Builds the checked configuration.

    Args:
        data: The parsed JSON object.
        path: Named in error messages.
        pixels: (min_pixels, max_pixels), already decided.

    Raises:
        CheckpointError: A value is missing or out of range.
    """
    low, high = pixels
    if not 1 <= low <= high <= _LARGEST_PIXELS or low > _LARGEST_MIN_PIXELS:
        raise CheckpointError(
            f"{path}: pixel limits {low} to {high} are not a range that begins within 1 to "
            f"{_LARGEST_MIN_PIXELS} and ends by {_LARGEST_PIXELS}; give min_pixels and "
            "max_pixels"
        )
    mean = _triple(data, "image_mean", path)
    std = _triple(data, "image_std", path)
    if min(std) < _SMALLEST_STD:
        raise CheckpointError(f"{path}: image_std {list(std)} must be at least {_SMALLEST_STD:g}")
    return Preprocessor(low, high, mean, std)


def _triple(data: Mapping[str, Any], key: str, path: Path) -> tuple[float, float, float]:
    value = data.get(key)
    if (
        not isinstance(value, list)
        or len(value) != 3
        or not all(type(item) in (int, float) and abs(item) <= 1e3 for item in value)
        or not all(math.isfinite(item) for item in value)
    ):
        raise CheckpointError(f"{path}: {key} must be three numbers, found {value!r}")
    return float(value[0]), float(value[1]), float(value[2])
