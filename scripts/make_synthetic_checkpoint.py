# SPDX-License-Identifier: Apache-2.0
"""Writes a checkpoint with the official layout and random weights.

For tests, and for measuring speed without the real weights:

    python scripts/make_synthetic_checkpoint.py --size full OUTPUT
    python scripts/make_synthetic_checkpoint.py --size full --set vision.num_hidden_layers=2 OUTPUT
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ppocrvl.errors import PpocrvlError
from ppocrvl.exporter.version import ModelVersion
from synthetic_checkpoint import SIZES, resized, write_synthetic_checkpoint


def size(text: str) -> tuple[str, int]:
    """One NAME=VALUE."""
    name, _, value = text.partition("=")
    return name, int(value)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path, metavar="OUTPUT")
    parser.add_argument("--size", choices=tuple(SIZES), default="tiny")
    parser.add_argument(
        "--set",
        type=size,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another size, such as text.hidden_size=512 or vision.num_hidden_layers=2; repeatable",
    )
    parser.add_argument("--version", choices=[v.value for v in ModelVersion], default="1.6")
    parser.add_argument("--layout", choices=("original", "transformers5"), default="original")
    parser.add_argument("--dtype", choices=("bf16", "f16", "f32"), default="bf16")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--tied-head", action="store_true", help="leave out lm_head.weight")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    try:
        write_synthetic_checkpoint(
            args.folder,
            resized(SIZES[args.size], dict(args.set)),
            version=ModelVersion(args.version),
            layout=args.layout,
            dtype=args.dtype,
            n_shards=args.shards,
            tied_head=args.tied_head,
            seed=args.seed,
        )
    except PpocrvlError as error:
        print(f"make_synthetic_checkpoint: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
