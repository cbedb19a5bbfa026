# SPDX-License-Identifier: Apache-2.0
"""The options of an engine as flags of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse


def add_engine_flags(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    parser.add_argument(
        "--model",
        help="folder with both GGUF files, or the LLM file "
        "(default: $PPOCRVL_MODEL, else the built-in model)",
    )
    parser.add_argument("--mmproj", help="the mmproj file, if it is not beside the LLM file")
    parser.add_argument(
        "--threads",
        type=int,
        default=0,
        metavar="N",
        help="CPU threads (default: one per core, fewer for a small model)",
    )
    parser.add_argument(
        "--gpu-layers",
        type=int,
        default=-1,
        metavar="N",
        help="layers on the GPU; 0 for none (default: all)",
    )
    parser.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "exact", "fast"),
        help="number formats of the vision encoder (default: %(default)s)",
    )
    parser.add_argument(
        "--kv-tokens",
        type=int,
        default=0,
        metavar="N",
        help="limit the cache to N tokens (default: room for N pictures of the usual size)",
    )
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="the same answer whatever is read beside it; slower",
    )


def engine_options(args: argparse.Namespace) -> dict[str, Any]:
    """What was given, as keywords of `Engine` beside `model`."""
    return {
        "mmproj": args.mmproj,
        "n_threads": args.threads,
        "gpu_layers": args.gpu_layers,
        "precision": args.precision,
        "kv_tokens": args.kv_tokens,
        "deterministic": args.deterministic,
    }
