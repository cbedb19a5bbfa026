# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl batch`: corpora, in this process or on a Ray cluster."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from contextlib import ExitStack, closing, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.cli.document_flags import (
    add_fail_on_flag,
    add_reading_flags,
    add_style_flags,
    reading_keywords,
)
from ppocrvl.cli.engine_flags import add_engine_flags, engine_options
from ppocrvl.cli.messages import note
from ppocrvl.cli.parallel_flag import add_parallel_flag
from ppocrvl.cli.writing import cleanup_on_termination
from ppocrvl.errors import ExitCode, OptionError
from ppocrvl.support.output import make_folder

if TYPE_CHECKING:
    from collections.abc import Generator

    from ppocrvl.batch.on_ray import Workers
    from ppocrvl.batch.rows import Row
    from ppocrvl.batch.settings import Settings
    from ppocrvl.batch.tally import Tally

NAME = "batch"
HELP = "read a corpus: many documents, on one machine or on a Ray cluster"
TABLES = "parquet"
"""Beside the formats of documents."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="folders, patterns such as 'scans/*.png', PDFs, images",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        required=True,
        help="write into this folder, which has the folders of the input; what was done is kept "
        "there, and the same command goes on where it was stopped",
    )
    parser.add_argument(
        "--to",
        default=f"md,{TABLES}",
        metavar="FORMAT[,FORMAT]",
        help=f"the formats of ppocrvl parse; {TABLES}: a row for each page and document "
        "(default: %(default)s)",
    )
    add_style_flags(parser)
    add_fail_on_flag(parser)
    parser.add_argument(
        "--retry-failed", action="store_true", help="read again what failed in earlier runs"
    )
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="read on a Ray cluster: auto for the one that runs here, local for one that is "
        "started for this run, or HOST:PORT (default: in this process)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="with --ray: read on N workers (default: as many as there are CPUs for)",
    )
    parser.add_argument(
        "--cpus-per-worker",
        type=int,
        metavar="N",
        help="with --ray: CPUs of each worker, which are its threads (default: 4, or all of the "
        "smallest node)",
    )
    parser.add_argument(
        "--gpus-per-worker",
        type=float,
        metavar="X",
        help="with --ray: GPUs of each worker; 0.5 is a GPU for two workers (default: 0)",
    )
    add_reading_flags(parser)
    add_engine_flags(parser, leave_out=["deterministic"])
    parser.add_argument(
        "--deterministic",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="the same bytes however many workers there are (default); without it faster",
    )
    add_parallel_flag(parser, "each worker reads N blocks at once (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Read the corpus. What fails is reported and recorded, the rest is read."""
    from ppocrvl.batch.manifest import OwnedManifest
    from ppocrvl.batch.tally import Tally
    from ppocrvl.models.folder import built_in_note

    _refuse_what_cannot_apply(args)
    settings = _settings(args)
    if settings.models.built_in:
        note(built_in_note("--model "))
    with ExitStack() as stack:
        stack.enter_context(cleanup_on_termination())
        manifest = stack.enter_context(OwnedManifest(settings, retry_failed=args.retry_failed))
        tally = Tally(settings, manifest)
        progress = stack.enter_context(closing(CorpusProgress(tally, settings)))
        if args.ray is not None:  # Ray prints what it notices
            stack.enter_context(redirect_stdout(sys.stderr))
        # Ends what is under way, however this is left.
        for row in stack.enter_context(closing(_rows(args, settings))):
            progress.add(row)
        tally.finish()
    sys.stdout.write(json.dumps(tally.summary(), ensure_ascii=False) + "\n")
    counts = {"any": True, "all": not tally.has_read, "never": False}[args.fail_on]
    return tally.exit_code if counts else ExitCode.OK


def _refuse_what_cannot_apply(args: argparse.Namespace) -> None:
    for flag in ("workers", "cpus_per_worker", "gpus_per_worker"):
        if getattr(args, flag) is not None and args.ray is None:
            name = f"--{flag.replace('_', '-')}"
            raise OptionError(f"{name} is only with --ray; without it there is one worker")
    if args.ray is not None and args.n_threads is not None:
        raise OptionError("--threads is not with --ray; --cpus-per-worker says how many")


def _settings(args: argparse.Namespace) -> Settings:
    """What was asked for; what is wrong with it is told before anything is made.

    Raises:
        PpocrvlError: it is.
    """
    from ppocrvl.batch.listing import check_inputs
    from ppocrvl.batch.settings import Models, Settings
    from ppocrvl.batch.tables import load_pyarrow
    from ppocrvl.document.folder import Ways
    from ppocrvl.parsing.parse_options import ParseOptions

    names = list(dict.fromkeys(one.strip() for one in args.to.split(",")))
    has_tables = TABLES in names
    if has_tables:
        names.remove(TABLES)
        load_pyarrow()
    if args.ray is not None:
        from ppocrvl.batch.on_ray import load_ray

        _workers(args)
        load_ray()
    engine = engine_options(args)
    for file_or_threads in ("mmproj", "n_threads"):
        engine.pop(file_or_threads, None)
    options = ParseOptions.of(reading_keywords(args))
    check_inputs(args.inputs)
    settings = Settings(
        inputs=tuple(args.inputs),
        base=Path.cwd(),
        folder=make_folder(args.output).absolute(),
        models=Models.find(args.model, mmproj=args.mmproj, layout=args.layout),
        options=options,
        engine=engine,
        n_parallel=args.n_parallel,
        formats=(*names, *(["drawing"] if args.draw else [])),
        ways=Ways(figures=args.figures or "files", style=args.style),
        tables=has_tables,
    )
    _ = settings.known_formats  # says what is wrong with them
    return settings


def _workers(args: argparse.Namespace) -> Workers:
    """As asked for.

    Raises:
        OptionError: one is out of range.
    """
    from ppocrvl.batch.on_ray import Workers

    return Workers(args.workers, args.cpus_per_worker, args.gpus_per_worker or 0.0)


def _rows(args: argparse.Namespace, settings: Settings) -> Generator[Row]:
    if args.ray is None:
        from ppocrvl.batch.local import run_here

        return run_here(settings, n_threads=args.n_threads or 0)
    from ppocrvl.batch.on_ray import run_on_ray

    return run_on_ray(settings, args.ray, _workers(args))


class CorpusProgress:
    """A line of progress on a terminal, and a line for what fails."""

    def __init__(self, tally: Tally, settings: Settings) -> None:
        from ppocrvl.batch.size import CorpusSize

        self._tally = tally
        self._size = CorpusSize(settings) if sys.stderr.isatty() else None
        self._width = 0

    def add(self, row: Row) -> None:
        """Counts a row, and says what failed."""
        from ppocrvl.batch.rows import DOCUMENT, plain

        if self._tally.add(row) and row.error:
            where = "" if row.page == DOCUMENT else f", page {row.page + 1}"
            self._clear()
            note(f"{plain(row.name)}{where}: failed: {plain(row.error)}")
        if self._size is not None:
            self._show(self._tally.line(self._size.documents))

    def close(self) -> None:
        """Takes the line away."""
        if self._size is not None:
            self._size.close()
        self._clear()

    def _clear(self) -> None:
        if self._width:
            self._show("")
            sys.stderr.write("\r")

    def _show(self, text: str) -> None:
        text = text[: shutil.get_terminal_size().columns - 1]
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = len(text)
