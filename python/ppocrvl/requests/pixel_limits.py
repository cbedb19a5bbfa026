# SPDX-License-Identifier: Apache-2.0
"""How large a picture is when the encoder gets it: areas, as (least, most) pixels.

The only place that knows the official numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ppocrvl.errors import OptionError
from ppocrvl.requests.tasks import TASKS, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ppocrvl._native import ModelInfo

PixelLimits: TypeAlias = tuple[int, int]

MAX_REQUEST_PIXELS = 4_096 * 28 * 28
"""Upper bound of the pixel limits: 4,096 image tokens, above every limit of the model family (3,600
in version 1.0, 2,048 for spotting). Attention scores grow with the square: 0.8 GB here."""

LATEST_VERSION = "1.6"
STORED_LIMITS: dict[str, PixelLimits] = {
    "1.0": (147_384, 2_822_400),
    "1.5": (112_896, 1_003_520),
    "1.6": (112_896, 1_003_520),
}
"""By version, what the official preprocessor_config.json holds."""
PIPELINE_LIMITS: PixelLimits = (112_896, 1_003_520)
"""What the official pipeline reads with, whatever the version, where nothing else is said."""
_SPOTTING_FACTOR = (8, 5)
"""How much larger it lets a picture be for spotting."""


def limits_by_task(stored: PixelLimits) -> dict[str, PixelLimits]:
    """The limits of each task for a model whose configuration stores these.

    They are the official pipeline's where the stored ones are official.
    """
    low, high = PIPELINE_LIMITS if stored in STORED_LIMITS.values() else stored
    numerator, denominator = _SPOTTING_FACTOR
    limits = dict.fromkeys(TASKS, (low, high))
    limits["spotting"] = (low, high * numerator // denominator)
    return limits


def limits_of(info: ModelInfo) -> dict[str, PixelLimits]:
    """The limits that a model's file states: of some tasks by name, of the others under ""."""
    return {"": (info.min_pixels, info.max_pixels), **info.task_pixels}


def limits_for(
    task: Task,
    stated: Mapping[str, PixelLimits],
    min_pixels: int | None = None,
    max_pixels: int | None = None,
) -> PixelLimits:
    """The limits for a request.

    Args:
        task: what is asked.
        stated: of the model, as `limits_of` gives them; may be empty where nothing is known of it.
        min_pixels: of the request, in place of the model's.
        max_pixels: likewise.

    Raises:
        OptionError: the least is above the most.
    """
    official = limits_by_task(PIPELINE_LIMITS)[task.name]
    low, high = stated.get(task.name, stated.get("", official))
    low = low if min_pixels is None else min_pixels
    high = high if max_pixels is None else max_pixels
    # A file may say anything.
    low, high = min(low, MAX_REQUEST_PIXELS), min(high, MAX_REQUEST_PIXELS)
    if low > high:
        raise OptionError(
            f"min_pixels {low} is above max_pixels {high}; what is not given comes from the "
            "model, so give both"
        )
    return low, high
