# SPDX-License-Identifier: Apache-2.0
"""Prove an installation on the official weights, and write down what was found.

    python scripts/verify_official.py --work DIR --version 1.6

Pulls the official GGUF pair and the checkpoint (3.7 GB, pinned by hash), exports the checkpoint,
compares the exported pair with the official one tensor by tensor, and all stages with the model's
own implementation; reads the samples and drawn pages, quantizes to the presets, and measures
speed beside llama-server. The layout model is pulled, exported and compared with its own
implementation too. DIR needs some 15 GB, the reference 10 GB of memory; needs
`pip install ".[hub,eval,reference]"`.

DIR/VERSION/report.md and report.json have the results. A step that fails, even by running out of
memory, does not stop the others; the next run does again what has not passed, and what builds on
it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ppocrvl.cli.messages import exit_code
from ppocrvl.errors import ExitCode, OptionError
from ppocrvl.parity.stock import at_hand
from verify.journal import FAILED, SKIPPED, Journal
from verify.official import VERSIONS, official, read_pins
from verify.report import write_report
from verify.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = Path(__file__).name


class Step(NamedTuple):
    """A step.

    Attributes:
        module: of `verify`.
        function: in it, which does the step.
        needs: steps that must have passed.
        after: steps whose result it takes into account where they have passed.
    """

    module: str
    function: str
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def load(self) -> Callable[[Work], dict[str, Any]]:
        """The function."""
        step: Callable[[Work], dict[str, Any]] = getattr(
            import_module(f"verify.{self.module}"), self.function
        )
        return step


STEPS = {
    "official": Step("files", "pull_official"),
    "checkpoint": Step("files", "pull_checkpoint"),
    "export": Step("files", "export", ("checkpoint",), ("official",)),
    "tensors": Step("files", "compare_tensors", ("official", "export")),
    "parity": Step("parity", "compare_with_reference", ("export",)),
    "pages": Step("pages", "draw_pages"),
    "reading": Step("reading", "read_all", ("export", "pages"), ("official",)),
    "quantize": Step("quantization", "quantize", ("export",)),
    "eval": Step("quantization", "measure", ("quantize", "pages")),
    "speed": Step("speed", "measure", ("export", "pages")),
    "layout": Step("layout", "pull"),
    "layout-export": Step("layout", "export", ("layout",)),
    "layout-parity": Step("layout", "compare_with_reference", ("layout-export",)),
    "layout-page": Step("layout", "find_regions", ("layout-export", "pages")),
}


def main() -> int:
    """Do the steps that have not passed, each in a process of its own, and write the report."""
    args = arguments()
    work, journal = prepare(args)
    if args.step is not None:
        journal.do(args.step, STEPS[args.step].load(), work)
        return ExitCode.OK
    for name in args.redo:
        journal.forget(name)
    passed_now: set[str] = set()
    for name, step in STEPS.items():
        if not journal.is_passed(name) or passed_now & {*step.needs, *step.after}:
            _do(name, step, journal)
            if journal.is_passed(name):
                passed_now.add(name)
        entry = journal.entry(name)
        print(f"{name}: {entry['status']} {entry['message']}".rstrip(), flush=True)
        write_report(work, {one: journal.entry(one) for one in STEPS})
    print(work.folder / "report.md")
    failed = any(journal.entry(name)["status"] == FAILED for name in STEPS)
    return ExitCode.PARITY if failed else ExitCode.OK


def _do(name: str, step: Step, journal: Journal) -> None:
    """Run this program for one step, unless what it needs is missing."""
    journal.forget(name)
    if missing := [one for one in step.needs if not journal.is_passed(one)]:
        journal.write(name, SKIPPED, f"needs {', '.join(missing)}", {}, 0.0)
        return
    done = subprocess.run([sys.executable, *sys.argv, "--step", name], check=False)
    if not journal.entry(name):
        message = f"its process ended with {done.returncode} (-9: out of memory?)"
        journal.write(name, FAILED, message, {}, 0.0)


def prepare(args: argparse.Namespace) -> tuple[Work, Journal]:
    """What the steps work on, and what is known of them.

    Raises:
        OptionError: a file that is named is not there.
    """
    release = read_pins(args.pins, args.version) if args.pins else official(args.version)
    server = args.llama_server or at_hand("llama-server")
    if server is not None and not server.is_file():
        raise OptionError(f"{server} is no program; name llama-server with --llama-server")
    folder = args.work.absolute() / args.version
    work = Work(
        root=Path(__file__).absolute().parent.parent,
        folder=folder,
        release=release,
        n_pictures=args.pictures,
        n_pages=args.pages,
        max_tokens=args.max_tokens,
        threads=args.threads,
        llama_server=server and server.absolute(),
    )
    subject = {
        **release.to_dict(),
        "sizes": [args.pictures, args.pages, args.max_tokens],
    }
    return work, Journal(folder / "journal", subject)


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="for all files")
    parser.add_argument("--version", choices=VERSIONS, default="1.6")
    parser.add_argument(
        "--llama-server",
        type=Path,
        metavar="PATH",
        help="default: from the PATH, or as built with PPOCRVL_BUILD_TOOLS",
    )
    parser.add_argument("--pictures", type=int, default=20, metavar="N", help="for parity")
    parser.add_argument("--pages", type=int, default=12, metavar="N", help="to read, at most 12")
    parser.add_argument("--max-tokens", type=int, default=1024, metavar="N", help="of an answer")
    parser.add_argument("--threads", type=int, default=0, metavar="N")
    parser.add_argument(
        "--redo", choices=tuple(STEPS), action="append", default=[], help="with what builds on it"
    )
    parser.add_argument(
        "--pins", type=Path, metavar="FILE", help="JSON with other repositories, as of a fine-tune"
    )
    parser.add_argument("--step", choices=tuple(STEPS), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(exit_code(main, PROGRAM))
