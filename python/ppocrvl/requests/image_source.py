# SPDX-License-Identifier: Apache-2.0
"""What may be given as an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import os
    from typing import IO

    import numpy as np
    import numpy.typing as npt
    from PIL import Image

ImageSource: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | npt.NDArray[np.generic]"  # noqa: E501 - a text, so that neither numpy nor Pillow is loaded
"""A path, encoded bytes, a binary file object, a Pillow image, or a numpy array."""
