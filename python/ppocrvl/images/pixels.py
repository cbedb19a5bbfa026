# SPDX-License-Identifier: Apache-2.0
"""From a picture as it comes to what a model's encoder gets for a task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppocrvl.images.limits import MAX_IMAGE_PIXELS
from ppocrvl.images.load import load_image
from ppocrvl.images.resize import enlarge_for_spotting, resize_to_pixels
from ppocrvl.requests.pixel_limits import limits_for, limits_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    from ppocrvl._native import ModelInfo
    from ppocrvl.requests.image_source import ImageSource
    from ppocrvl.requests.pixel_limits import PixelLimits
    from ppocrvl.requests.tasks import Task

FACTOR = 28
"""Sides of the encoder's picture are multiples of it, with every official model."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """A picture for the encoder.

    Attributes:
        values: uint8 [height, width, 3].
        image_size: (width, height) of the upright picture that it was made of.
    """

    values: npt.NDArray[np.uint8]
    image_size: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        height, width, _ = self.values.shape
        return width, height


def picture_for(
    image: ImageSource, task: Task, *, max_image_pixels: int = MAX_IMAGE_PIXELS
) -> tuple[Image.Image, tuple[int, int]]:
    """The upright picture as a task wants it, before it is resized, and its (width, height).

    Raises:
        ImageError: the picture cannot be read.
        EngineError: not enough memory.
    """
    picture = load_image(image, max_image_pixels=max_image_pixels)
    size = picture.size
    return enlarge_for_spotting(picture) if task.enlarges_small_pictures else picture, size


def pixels_for(
    image: ImageSource,
    task: Task,
    limits: PixelLimits,
    *,
    factor: int = FACTOR,
    max_image_pixels: int = MAX_IMAGE_PIXELS,
) -> Pixels:
    """The pixels that the encoder gets.

    Args:
        image: as `load_image` takes it.
        task: what is asked about it.
        limits: (least, most) pixels of the result.
        factor: its sides are multiples of this.
        max_image_pixels: limit on the picture as it comes.

    Raises:
        ImageError: the picture cannot be read.
        EngineError: not enough memory.
    """
    picture, size = picture_for(image, task, max_image_pixels=max_image_pixels)
    low, high = limits
    return Pixels(resize_to_pixels(picture, factor=factor, min_pixels=low, max_pixels=high), size)


def pixels_for_model(
    image: ImageSource,
    task: Task,
    info: ModelInfo,
    *,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    max_image_pixels: int = MAX_IMAGE_PIXELS,
) -> Pixels:
    """As `pixels_for`, with the limits of a model where none are given.

    Raises:
        OptionError: the least is above the most.
        As `pixels_for`.
    """
    return pixels_for(
        image,
        task,
        limits_for(task, limits_of(info), min_pixels, max_pixels),
        factor=info.patch_size * info.merge_size,
        max_image_pixels=max_image_pixels,
    )
