# SPDX-License-Identifier: Apache-2.0
"""From a picture as it comes to what a model's encoder gets for a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppocrvl.images.limits import MAX_IMAGE_PIXELS
from ppocrvl.images.load import load_image
from ppocrvl.images.resize import enlarge_for_spotting, resize_to_pixels
from ppocrvl.requests.pixel_limits import MAX_REQUEST_PIXELS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ppocrvl._native import ModelInfo
    from ppocrvl.requests.image_source import ImageSource
    from ppocrvl.requests.tasks import Task


def pixels_for(image: ImageSource, task: Task, info: ModelInfo) -> npt.NDArray[np.uint8]:
    """The pixels at the model's own limits for a task: uint8 [height, width, 3].

    Raises:
        ImageError: the picture cannot be read.
    """
    picture = load_image(image, max_image_pixels=MAX_IMAGE_PIXELS)
    if task.enlarges_small_pictures:
        picture = enlarge_for_spotting(picture)
    low, high = info.task_pixels.get(task.name, (info.min_pixels, info.max_pixels))
    return resize_to_pixels(
        picture,
        factor=info.patch_size * info.merge_size,
        min_pixels=min(low, MAX_REQUEST_PIXELS),
        max_pixels=min(high, MAX_REQUEST_PIXELS),
    )
