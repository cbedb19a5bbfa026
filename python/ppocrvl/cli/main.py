# SPDX-License-Identifier: Apache-2.0
"""The program `ppocrvl`: picks the command, and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import signal
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

from ppocrvl.cli.messages import exit_code
from ppocrvl.cli.usage import Parser
from ppocrvl.errors import ExitCode
from ppocrvl.support.variants import refuse_old_cpu

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (
    *("parse", "batch", "ocr", "video", "layout", "serve", "mcp", "client", "export", "imatrix"),
    *("quantize", "inspect", "parity", "eval", "pull", "doctor", "completion"),
)
"""Modules of `ppocrvl.cli`, in the order of the help."""

GRACE_SECONDS = 0.5


class Command(Protocol):
    """What a command module has. Its heavy imports stand inside `run`: the help must be quick."""

    NAME: str
    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it, and give the exit code."""


class _VersionAction(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        sys.stdout.write(f"ppocrvl {version('ppocrvl')}\n")
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; the chosen module is `args.command`."""
    parser = Parser(
        prog="ppocrvl",
        description="Text, tables and formulas from images, with PaddleOCR-VL on llama.cpp.",
    )
    parser.add_argument(
        "--version", action=_VersionAction, nargs=0, help="print the version and exit"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        command = cast("Command", importlib.import_module(f"ppocrvl.cli.{name}"))
        subparser = commands.add_parser(command.NAME, help=command.HELP, description=command.HELP)
        command.add_arguments(subparser)
        subparser.add_argument(
            "-v", "--verbose", action="store_true", help="show what the engine logs, on stderr"
        )
        subparser.set_defaults(command=command)
    return parser


def run_command(argv: Sequence[str] | None = None) -> int:
    """Run one command in this process.

    Results go to `sys.stdout`, everything else to `sys.stderr`.

    Args:
        argv: the arguments; None for those of the process.

    Returns:
        The exit code, one of `ExitCode`.
    """

    def run() -> int:
        try:
            args = build_parser().parse_args(argv)
        except SystemExit as leave:  # help, version, wrong usage
            return leave.code if isinstance(leave.code, int) else ExitCode.OK
        from ppocrvl.support.resources import require_numpy_memory

        _set_up_messages(verbose=args.verbose)
        refuse_old_cpu()
        require_numpy_memory()
        return int(args.command.run(args))

    return exit_code(run)


def main() -> NoReturn:
    """Entry point of the installed program."""
    _keep_stdout_for_the_result()
    _leave_soon_after_ctrl_c()
    code = run_command()
    sys.stderr.flush()
    # Leaves at once, whatever native threads still do: nobody wants to wait for a layer of the
    # encoder to end, or for 2 GB to be unmapped. Every file is complete and renamed by now.
    os._exit(code)


def _leave_soon_after_ctrl_c() -> None:
    """End the process half a second after Ctrl-C, even where the main thread is in native code.

    Python raises KeyboardInterrupt only when the main thread comes back to it, and loading a model
    can take long. The half second is for removing temporary files.
    """
    if sys.platform == "win32":  # wants a socket there
        return
    outlet, inlet = os.pipe()
    os.set_blocking(inlet, False)
    signal.set_wakeup_fd(inlet)  # gets the number of each signal, from the C handler

    def watch() -> None:
        while os.read(outlet, 1)[0] != signal.SIGINT:
            pass
        time.sleep(GRACE_SECONDS)
        os._exit(ExitCode.INTERRUPTED)

    with contextlib.suppress(RuntimeError):  # no memory for a thread: what needs it says so
        threading.Thread(target=watch, daemon=True).start()


def _set_up_messages(*, verbose: bool) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        format="ppocrvl: %(levelname)s: %(message)s",
        # what matters of an error line is in the exception that follows it
        level=logging.DEBUG if verbose else logging.CRITICAL,
    )
    if not verbose:
        warnings.simplefilter("ignore")  # what libraries tell programmers


def _keep_stdout_for_the_result() -> None:
    """Give `sys.stdout` a descriptor of its own, and send descriptor 1 to stderr.

    Native libraries print to descriptor 1 as they like, and a result must stay clean of that.
    """
    if sys.stderr is None:  # started with them closed
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    try:
        result = os.dup(1)
        os.dup2(2, 1)
    except OSError:
        return
    sys.stdout = open(  # noqa: SIM115
        result, "w", encoding=sys.stdout.encoding, errors="backslashreplace", closefd=False
    )
