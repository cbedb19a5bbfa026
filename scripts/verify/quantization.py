# SPDX-License-Identifier: Apache-2.0
"""The presets: made, and measured on the drawn pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ppocrvl
from ppocrvl.evaluation import read_dataset
from ppocrvl.quantizer.presets import PRESETS
from verify.files import hashes
from verify.reading import read_with

if TYPE_CHECKING:
    from verify.work import Work


def quantize(work: Work) -> dict[str, Any]:
    """Both files in each preset."""
    for preset in PRESETS:
        ppocrvl.quantize(work.exported, work.quantized(preset), preset=preset)
    return {preset: hashes(work.quantized(preset)) for preset in PRESETS}


def measure(work: Work) -> dict[str, Any]:
    """How well each reads."""
    items = read_dataset(work.pages)
    return {preset: read_with(work.quantized(preset), items, work) for preset in PRESETS}
