# SPDX-License-Identifier: Apache-2.0
"""For tests that draw text as the training does."""

from __future__ import annotations

from itertools import product

import pytest
from tests.not_run import TRAINING_FONTS

from pages import faces
from tiny import families, fonts


def _are_installed() -> bool:
    """Whether each kind of image has faces to train on and held-out ones."""
    try:
        for find, held_out in product((faces.faces, families.shelf), (False, True)):
            find(held_out=held_out)
    except FileNotFoundError:
        return False
    return bool(fonts.train_fonts() and fonts.held_out_fonts())


needs_fonts = pytest.mark.skipif(not _are_installed(), reason=TRAINING_FONTS)
