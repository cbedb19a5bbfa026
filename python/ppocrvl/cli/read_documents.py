# SPDX-License-Identifier: Apache-2.0
"""What the commands that read documents share."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ppocrvl.cli.parse_output import print_page
from ppocrvl.cli.parse_progress import Failures, Progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from ppocrvl.cli.parse_inputs import Input
    from ppocrvl.cli.parse_output import DocumentSink
    from ppocrvl.document.types import PageData
    from ppocrvl.parsing.parts import NoDocument, PageRead


def read_documents(
    args: argparse.Namespace,
    inputs: Sequence[Input],
    pages: Iterable[PageRead | NoDocument],
    sink: DocumentSink,
) -> int:
    """Hand each document to the sink when its last page is there. What fails is reported.

    Args:
        args: with `jsonl`, `output` and `fail_on`.
        inputs: the documents.
        pages: theirs, in their order.
        sink: takes them.

    Returns:
        The exit code.
    """
    from ppocrvl.document.document import Document
    from ppocrvl.parsing.finish_document import finish_document
    from ppocrvl.parsing.parts import NoDocument

    failures = Failures()
    writes_to_terminal = sys.stdout.isatty() and (args.jsonl or args.output is None)
    progress = Progress([one.name for one in inputs], shows_bar=not writes_to_terminal)
    gathered: list[PageData] = []
    try:
        for one in pages:
            if isinstance(one, NoDocument):
                failures.document(one)
                progress.refused(one)
                gathered = []  # of one that broke off
                continue
            failures.page(one)
            progress.page(one)
            if args.jsonl:
                print_page(inputs[one.job.document].name, one)
            if (kept := sink.keep(one.data)) is not None:
                gathered.append(kept)
            if one.job.is_last:
                name, number = inputs[one.job.document].name, one.job.document
                pages_read = finish_document(gathered)
                document = Document.of(name, one.job.n_in_document, pages_read)
                gathered = []
                progress.end(number, sink.put(number, document))
    finally:
        progress.close()
    return failures.exit_code(args.fail_on)
