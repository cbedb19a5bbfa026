# SPDX-License-Identifier: Apache-2.0
"""Flags that belong to one of two readers: an engine in this process, or a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppocrvl.cli.client import given_server_flags
from ppocrvl.cli.engine_flags import given_engine_flags
from ppocrvl.errors import OptionError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable


def refuse_flags_of_another_reader(
    args: argparse.Namespace, *, given_for_engine: Iterable[str] = ()
) -> None:
    """Flags of a server need --server, those of an engine exclude it.

    Args:
        args: of the command line.
        given_for_engine: further flags that were given and mean nothing to a server.

    Raises:
        OptionError: a flag cannot apply.
    """
    if args.server is None:
        wrong, why = given_server_flags(args), "only with --server"
    else:
        wrong = [*given_engine_flags(args), *given_for_engine]
        why = "not with --server, which has models of its own"
    if wrong:
        raise OptionError(f"{wrong[0]} is {why}")
