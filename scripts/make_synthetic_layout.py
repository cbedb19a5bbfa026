# SPDX-License-Identifier: Apache-2.0
"""Writes a layout model's checkpoint with random weights, calibrated on a picture.

For tests, and for measuring speed without the real weights:

    python scripts/make_synthetic_layout.py --size v3 OUTPUT
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ppocrvl.errors import PpocrvlError
from ppocrvl.exporter.layout.synthetic import CONFIGS, write_synthetic_layout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path, metavar="OUTPUT")
    parser.add_argument("--size", choices=tuple(CONFIGS), default="v3-small")
    parser.add_argument("--image-size", type=int, metavar="PIXELS", help="a multiple of 32")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    try:
        write_synthetic_layout(args.folder, args.size, image_size=args.image_size, seed=args.seed)
    except PpocrvlError as error:
        print(f"make_synthetic_layout: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
