# SPDX-License-Identifier: Apache-2.0
"""Wrong usage, said in one line that names what was probably meant."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NoReturn

from ppocrvl.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable


class Parser(argparse.ArgumentParser):
    """A parser that reports an error without all of its usage; its subparsers are of this class."""

    def error(self, message: str) -> NoReturn:
        """Say it in a line, and exit."""
        line = " ".join(f"{self.prog}: error: {message} (see {self.prog} --help)".split())
        self.exit(ExitCode.USAGE, f"{line}\n")

    def parse_known_args(
        self,
        args: Iterable[str] | None = None,
        namespace: Any = None,  # noqa: ANN401 - as the base has it
    ) -> tuple[Any, list[str]]:
        """As that of the base, but what nobody knows is an error here, where the options are known.

        The base collects it for the outermost parser, which knows the options of no command.
        """
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._of_unknown(unknown))
        return parsed, unknown

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """As that of the base, which lists all choices."""
        if action.choices is None or value in action.choices:
            return
        choices = [str(choice) for choice in action.choices]
        meant = _nearest(str(value), choices) or f"choose from {', '.join(choices)}"
        raise argparse.ArgumentError(action, f"there is no {str(value)!r}; {meant}")

    def _of_unknown(self, unknown: list[str]) -> str:
        name = unknown[0].split("=", 1)[0]
        if not name.startswith("-"):
            return f"unexpected argument {name!r}"
        options = [one for one in self._option_string_actions if one.startswith("--")]
        meant = _nearest(name, options)
        return f"there is no option {name}" + (f"; {meant}" if meant else "")


def _nearest(name: str, known: Iterable[str]) -> str:
    """Asks for the most similar of the known names; empty where none is similar."""
    import difflib  # here: the help must be quick

    bare = {one.removeprefix("--"): one for one in known}  # dashes make all options similar
    near = [bare[one] for one in difflib.get_close_matches(name.lstrip("-"), bare)]
    if not near:
        return ""
    *others, last = near
    return f"did you mean {', '.join(others)} or {last}?" if others else f"did you mean {last}?"
