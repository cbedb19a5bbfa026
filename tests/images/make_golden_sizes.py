# SPDX-License-Identifier: Apache-2.0
"""Write golden_sizes.json: what transformers' own `smart_resize` says on a grid of sizes.

python tests/images/make_golden_sizes.py     # needs the [reference] extra
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

SIDES = (1, 9, 14, 27, 28, 29, 41, 42, 43, 70, 98, 126, 154, 300, 336, 777, 1001, 1500, 3508, 9000)
LIMITS = {"1.0": (147384, 2822400), "1.6": (112896, 1003520), "spotting": (112896, 1605632)}


def reference_table() -> dict[str, dict[str, list[int] | None]]:
    """Limits -> "height x width" -> [height, width], None where the sides are over 200:1."""
    from transformers.models.paddleocr_vl.image_processing_pil_paddleocr_vl import smart_resize

    table: dict[str, dict[str, list[int] | None]] = {}
    for name, (low, high) in LIMITS.items():
        table[name] = {}
        for height, width in product(SIDES, SIDES):
            try:
                size = smart_resize(height, width, 28, low, high)
            except ValueError:
                table[name][f"{height}x{width}"] = None
            else:
                table[name][f"{height}x{width}"] = list(size)
    return table


if __name__ == "__main__":
    target = Path(__file__).with_name("golden_sizes.json")
    rows = json.dumps(reference_table(), separators=(",", ":")).replace('],"', '],\n"')
    target.write_text(rows + "\n", encoding="utf-8")
