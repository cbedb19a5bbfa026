# SPDX-License-Identifier: Apache-2.0
"""--n-parallel, the same flag wherever several things are read at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

USUAL_PARALLEL = 4


def add_parallel_flag(
    parser: argparse.ArgumentParser, what: str, default: int | None = USUAL_PARALLEL
) -> None:
    """Declare it.

    Args:
        parser: of the command.
        what: the flag's help; it names N.
        default: what holds without it.
    """
    parser.add_argument(
        "--n-parallel", "--parallel", type=int, default=default, metavar="N", help=what
    )
