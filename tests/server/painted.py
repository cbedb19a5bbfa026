# SPDX-License-Identifier: Apache-2.0
"""Documents as files, made of the painted pages whose text is known."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from tests.parsing.fakes import painted


def tiff(*n_blocks: int) -> bytes:
    """A document whose pages have so many blocks each."""
    pages = [Image.fromarray(painted(page, count)) for page, count in enumerate(n_blocks)]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    return out.getvalue()


def png(page: int, n_blocks: int) -> bytes:
    """A page as a picture."""
    out = io.BytesIO()
    Image.fromarray(np.asarray(painted(page, n_blocks))).save(out, "PNG")
    return out.getvalue()
