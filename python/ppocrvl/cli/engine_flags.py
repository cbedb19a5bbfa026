# SPDX-License-Identifier: Apache-2.0
"""The options of an engine as flags of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

FLAGS: dict[str, tuple[str, dict[str, Any]]] = {
    "mmproj": ("--mmproj", {"help": "the mmproj file, if it is not beside the LLM file"}),
    "n_threads": (
        "--threads",
        {
            "type": int,
            "metavar": "N",
            "help": "CPU threads (default: one per core, fewer for a small model)",
        },
    ),
    "encode_threads": (
        "--encode-threads",
        {"type": int, "metavar": "N", "help": "of the vision encoder (default: as --threads)"},
    ),
    "device": (
        "--device",
        {
            "metavar": "NAME",
            "help": "auto, cpu, or a GPU that ppocrvl doctor lists (default: auto: the first GPU "
            "with enough memory)",
        },
    ),
    "vision_device": (
        "--vision-device",
        {"metavar": "NAME", "help": "of the vision encoder (default: as --device)"},
    ),
    "text_device": (
        "--text-device",
        {"metavar": "NAME", "help": "of the language model (default: as --device)"},
    ),
    "precision": (
        "--precision",
        {
            "choices": ("auto", "exact", "fast"),
            "help": "number formats of the vision encoder (default: auto)",
        },
    ),
    "kernels": (
        "--kernels",
        {
            "metavar": "NAME",
            "help": "CPU kernels: auto, ggml, or one that ppocrvl doctor lists (default: auto)",
        },
    ),
    "kv_tokens": (
        "--kv-tokens",
        {
            "type": int,
            "metavar": "N",
            "help": "limit the KV cache to N tokens (default: enough for --n-parallel images of "
            "the usual size)",
        },
    ),
    "deterministic": (
        "--deterministic",
        {
            "action": "store_true",
            "help": "the same answer whatever is read beside it; slower",
        },
    ),
}
"""The flag and its arguments, by the keyword of `Engine`. None is what was not given."""


def add_engine_flags(parser: argparse.ArgumentParser, *, leave_out: Sequence[str] = ()) -> None:
    """Declare them, and `--model`.

    Args:
        parser: of the command.
        leave_out: keywords whose flags the command declares itself.
    """
    parser.add_argument(
        "--model",
        help="folder with both GGUF files, or the LLM file "
        "(default: $PPOCRVL_MODEL, else the built-in model)",
    )
    for name, (flag, arguments) in FLAGS.items():
        if name in leave_out:
            continue
        parser.add_argument(flag, dest=name, default=None, **arguments)


def engine_options(args: argparse.Namespace) -> dict[str, Any]:
    """What was given, as keywords of `Engine` beside `model`."""
    return {name: value for name in FLAGS if (value := getattr(args, name)) is not None}


def given_engine_flags(args: argparse.Namespace) -> list[str]:
    """The flags that were given, `--model` among them."""
    model = [] if args.model is None else ["--model"]
    return model + [FLAGS[name][0] for name in engine_options(args)]
