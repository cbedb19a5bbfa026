# SPDX-License-Identifier: Apache-2.0
"""Where documents go: one to standard output, or any number into a folder; pages as JSON lines."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Protocol

from ppocrvl.document.folder import DocumentFolder, remove_leftovers
from ppocrvl.document.writers.written import WriteOptions
from ppocrvl.errors import OptionError
from ppocrvl.support.output import make_folder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from ppocrvl.cli.parse_inputs import Input
    from ppocrvl.document.document import Document
    from ppocrvl.document.folder import Ways
    from ppocrvl.document.types import PageData
    from ppocrvl.document.writers.formats import Format
    from ppocrvl.parsing.parts import PageRead


class DocumentSink(Protocol):
    """Takes documents, in their order."""

    @property
    def wants_images(self) -> bool:
        """Whether images of pages are needed."""

    def keep(self, page: PageData) -> PageData | None:
        """What is kept of a page until its document is written; None for nothing."""

    def put(self, number: int, document: Document) -> list[str]:
        """Write the document of this number; the names of its files but for images."""

    def close(self) -> None:
        """Let go of what is kept. A second time does nothing."""


def document_sink(args: argparse.Namespace, inputs: Sequence[Input]) -> DocumentSink:
    """What takes the documents, as the flags say.

    Raises:
        OptionError: flags that do not go together, or a format that there is not.
        OutputError: the folder cannot be made.
    """
    from ppocrvl.document.writers.formats import format_named

    names = [] if args.to is None and args.jsonl else (args.to or "md").split(",")
    names += ["drawing"] if args.draw else []
    formats = [format_named(one.strip()) for one in names]
    if args.output is not None:
        ways: Ways = {"figures": args.figures or "files", "style": args.style}
        return _Folder(make_folder(args.output), formats or [format_named("md")], inputs, ways)
    if args.redo:
        raise OptionError("--redo is only with -o, which names the folder of what was read")
    if args.figures == "files":
        raise OptionError("figures are files only with -o, which names their folder")
    if args.jsonl:
        if formats:
            raise OptionError("--to and --draw are not with --jsonl, unless -o names a folder")
        return _Nowhere()
    if len(inputs) > 1 or len(formats) > 1 or not formats[0].one_text:
        raise OptionError(
            "only one document in one format that is one text goes to standard output; name a "
            "folder with -o"
        )
    return _Stdout(formats[0], {"figures": args.figures or "none", "style": args.style})


def print_page(name: str, read: PageRead) -> None:
    """Write a page to standard output, as a line of JSON with the name of its document."""
    from ppocrvl.document.values import page_values

    sys.stdout.write(json.dumps({"document": name, **page_values(read.data)}) + "\n")
    sys.stdout.flush()


class _Nowhere:
    wants_images = False

    def keep(self, page: PageData) -> None:
        pass

    def put(self, number: int, document: Document) -> list[str]:  # noqa: ARG002
        return []

    def close(self) -> None:
        pass


class _Stdout:
    def __init__(self, form: Format, ways: Ways) -> None:
        self._form = form
        self._ways = ways
        self.wants_images = form.shows_pages

    def keep(self, page: PageData) -> PageData:
        return page

    def put(self, number: int, document: Document) -> list[str]:  # noqa: ARG002
        text = document.to(self._form.name, WriteOptions(stem=document.stem, **self._ways))
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
        return []

    def close(self) -> None:
        pass


class _Folder:
    """Files of a document, written when all of its pages are there."""

    def __init__(
        self, folder: Path, formats: Sequence[Format], inputs: Sequence[Input], ways: Ways
    ) -> None:
        self._folder = folder
        self._stems = [one.stem for one in inputs]
        self.wants_images = any(form.shows_pages for form in formats)
        self._documents = DocumentFolder(folder, formats, ways)

    def keep(self, page: PageData) -> PageData:
        return self._documents.keep(page)

    def put(self, number: int, document: Document) -> list[str]:
        stem = self._stems[number]
        remove_leftovers(self._folder, stem)
        return self._documents.write(stem, document)

    def close(self) -> None:
        self._documents.close()
