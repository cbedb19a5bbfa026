# SPDX-License-Identifier: Apache-2.0
"""Writes a checkpoint with the official layout and random weights.

For tests, and for measuring speed without the real weights:

    python scripts/make_synthetic_checkpoint.py --size full OUTPUT
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ppocrvl.export.synthetic import SIZES, write_synthetic_checkpoint
from ppocrvl.export.version import ModelVersion


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path, metavar="OUTPUT")
    parser.add_argument("--size", choices=tuple(SIZES), default="tiny")
    parser.add_argument("--version", choices=[v.value for v in ModelVersion], default="1.6")
    parser.add_argument("--layout", choices=("original", "transformers5"), default="original")
    parser.add_argument("--dtype", choices=("bf16", "f16", "f32"), default="bf16")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--tied-head", action="store_true", help="leave out lm_head.weight")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    write_synthetic_checkpoint(
        args.folder,
        SIZES[args.size],
        version=ModelVersion(args.version),
        layout=args.layout,
        dtype=args.dtype,
        n_shards=args.shards,
        tied_head=args.tied_head,
        seed=args.seed,
    )


if __name__ == "__main__":
    main()
