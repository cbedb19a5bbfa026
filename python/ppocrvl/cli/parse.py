# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl parse`: documents to Markdown, JSON, HTML."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.cli.client import add_server_flags, make_client
from ppocrvl.cli.document_flags import (
    add_fail_on_flag,
    add_reading_flags,
    add_style_flags,
    reading_keywords,
)
from ppocrvl.cli.engine_flags import add_engine_flags, engine_options
from ppocrvl.cli.messages import note_about
from ppocrvl.cli.parallel_flag import add_parallel_flag
from ppocrvl.cli.parse_inputs import find_inputs
from ppocrvl.cli.parse_on_server import pages_on_server
from ppocrvl.cli.parse_output import document_sink
from ppocrvl.cli.read_documents import read_documents
from ppocrvl.cli.reader_flags import refuse_flags_of_another_reader
from ppocrvl.cli.writing import cleanup_on_termination

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from ppocrvl.cli.parse_inputs import Input
    from ppocrvl.cli.parse_output import DocumentSink
    from ppocrvl.engine.engine import Engine
    from ppocrvl.parsing.parse_options import ParseOptions
    from ppocrvl.parsing.parts import NoDocument, PageRead
    from ppocrvl.parsing.pipeline import Pages

NAME = "parse"
HELP = "read documents: PDF, scans, images of pages"
CACHE_BYTES = 2 << 20
"""Of encoded blocks: a running header may come again on the next page, nothing else does."""
JOURNAL = ".ppocrvl-journal"
"""In the folder of the output."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="a PDF, an image, a folder, a pattern such as 'scans/*.png'; - for standard input",
    )
    _add_output_flags(parser)
    add_reading_flags(parser)
    add_engine_flags(parser)
    parser.add_argument(
        "--server",
        metavar="URL",
        help="read on this server of ours instead of in this process; what was read is not kept",
    )
    add_server_flags(parser)
    add_parallel_flag(parser, "read N blocks at once (default: %(default)s)")


def _add_output_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="write into this folder, a file for each document and format; what was read is kept "
        "there as well, and the same command goes on where it was stopped "
        "(default: standard output, for one document)",
    )
    parser.add_argument(
        "--to",
        default=None,
        metavar="FORMAT[,FORMAT]",
        help="md, json, html, txt, docx, pdf, hocr, alto, csv or paddlex-json (default: md; with "
        "--jsonl none)",
    )
    add_style_flags(parser)
    parser.add_argument(
        "--jsonl",
        action="store_true",
        help="write each page to standard output as it ends, as JSON on a line",
    )
    parser.add_argument("--redo", action="store_true", help="forget what was read before")
    add_fail_on_flag(parser)


def run(args: argparse.Namespace) -> int:
    """Read the documents in order. What fails is reported and marked, the rest is read."""
    from ppocrvl.parsing.parse_options import ParseOptions

    _refuse_what_cannot_apply(args)
    options = ParseOptions.of(reading_keywords(args))
    inputs = find_inputs(args.inputs, dpi=options.dpi, password=options.password)
    with ExitStack() as stack:
        stack.enter_context(cleanup_on_termination())
        sink = stack.enter_context(closing(document_sink(args, inputs)))
        if args.server is None:
            pages: Iterable[PageRead | NoDocument] = _begin(args, options, inputs, sink, stack)
        else:
            pages = _on_server(args, inputs, sink)
        return read_documents(args, inputs, pages, sink)


def _refuse_what_cannot_apply(args: argparse.Namespace) -> None:
    redo = ["--redo"] if args.redo else []
    refuse_flags_of_another_reader(args, given_for_engine=redo)


def _on_server(
    args: argparse.Namespace, inputs: Sequence[Input], sink: DocumentSink
) -> Iterator[PageRead | NoDocument]:
    client = make_client(args, args.server, args.n_parallel)
    given = {"layout": args.layout, "page_images": sink.wants_images}
    return pages_on_server(client, inputs, {**reading_keywords(args), **given})


def _begin(
    args: argparse.Namespace,
    options: ParseOptions,
    inputs: Sequence[Input],
    sink: DocumentSink,
    stack: ExitStack,
) -> Pages:
    from ppocrvl.engine.engine import Engine
    from ppocrvl.parsing import layouts
    from ppocrvl.parsing.jobs import page_jobs
    from ppocrvl.parsing.journal import Journal
    from ppocrvl.parsing.pipeline import Pages
    from ppocrvl.parsing.remembering import Memory

    journal = None
    if args.output is not None:  # first: nothing is loaded where another run writes
        journal = stack.enter_context(Journal(args.output / JOURNAL, redo=args.redo))
    layout = stack.enter_context(layouts.open_layout(args.layout, args.model))
    # Never closed: the process ends right after, and closing would wait for a step that still runs.
    engine = Engine(
        args.model, n_parallel=args.n_parallel, cache_bytes=CACHE_BYTES, **engine_options(args)
    )
    note_about(engine)
    memory = Memory(journal, _models(args, engine))
    parts = options.parts(layout, engine, memory=memory, page_images=sink.wants_images)
    jobs = page_jobs([one.open for one in inputs], pages=options.pages)
    return stack.enter_context(Pages(jobs, parts))


def _models(args: argparse.Namespace, engine: Engine) -> dict[str, object]:
    """What answers depend on besides pictures and their requests."""
    from importlib.metadata import version

    from ppocrvl.models.folder import file_key, find_layout

    layout = find_layout(args.model, args.layout)
    files = [engine.paths.llm, engine.paths.mmproj, *([] if layout is None else [layout])]
    keys = [file_key(file) for file in files]
    formats = ("precision", "kernels", "deterministic")
    return {
        "version": version("ppocrvl"),
        "files": [(path.name, changed, size) for path, changed, size in keys],
        "engine": {name: getattr(args, name) for name in formats},
        "devices": engine.devices,
    }
