# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: SLF001 - argparse has no public way to ask a parser for its arguments
"""The reference of the command line, from its parsers."""

from __future__ import annotations

import argparse
from html import escape
from typing import TYPE_CHECKING

from ppocrvl.cli.main import build_parser

if TYPE_CHECKING:
    from collections.abc import Iterator


def command_line_page() -> str:
    """A section for each command: its usage, and its arguments in tables."""
    parser = build_parser()
    (commands,) = (
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    )
    lines = ["# Command line", "", f"{parser.description}", ""]
    lines += ["What `ppocrvl COMMAND --help` prints. [Using ppocrvl](../usage.md) explains it."]
    for name, command in commands.choices.items():
        lines += ["", f"## ppocrvl {name}", "", _sentence(command.description), ""]
        lines += ["```text", _usage(command), "```", ""]
        for group in command._action_groups:
            lines += _table(group)
        lines += [command.epilog or ""]
    return "\n".join(lines)


def _usage(parser: argparse.ArgumentParser) -> str:
    """Only what must be given: the options are in the table."""
    needed = [one for one in parser._actions if one.required]
    return " ".join([parser.prog, "[options]", *(_invocation(one) for one in needed)])


def _table(group: argparse._ArgumentGroup) -> Iterator[str]:
    rows = [
        f"| `{_code(_invocation(action))}` | {_cell(_help(action))} |"
        for action in group._group_actions
        if action.help != argparse.SUPPRESS and action.dest != "help"
    ]
    if rows:
        yield from (f"| {group.title} | |", "|---|---|", *rows, "")


def _invocation(action: argparse.Action) -> str:
    """As the help writes it, but with the argument once: `-o, --output DIR`."""
    if action.metavar is not None:
        value = action.metavar if isinstance(action.metavar, str) else " ".join(action.metavar)
    elif action.choices is not None:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    else:
        value = action.dest.upper()
    if action.nargs in {"+", "*"}:
        value += " …"
    if not action.option_strings:
        return value
    flags = ", ".join(action.option_strings)
    return flags if action.nargs == 0 else f"{flags} {value}"


def _help(action: argparse.Action) -> str:
    values = {**vars(action), "prog": "ppocrvl"}
    return (action.help or "") % values


def _code(text: str) -> str:
    return text.replace("|", "\\|")


def _cell(text: str) -> str:
    return _code(escape(text, quote=False)).replace("*", "\\*").replace("_", "\\_")


def _sentence(text: str | None) -> str:
    text = text or ""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
