# SPDX-License-Identifier: Apache-2.0
"""Where documents go: one to standard output, or any number into a folder; pages as JSON lines."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from typing import TYPE_CHECKING, Protocol

from ppocrvl.errors import OptionError
from ppocrvl.support.output import make_folder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from ppocrvl.cli.parse_inputs import Input
    from ppocrvl.document.document import Document
    from ppocrvl.document.writers.formats import Format
    from ppocrvl.parsing.parts import PageRead


class DocumentSink(Protocol):
    """Takes documents, in their order."""

    @property
    def wants_images(self) -> bool:
        """Whether images of pages are needed."""

    def put(self, number: int, document: Document) -> list[str]:
        """Write the document of this number; the names of its files but for images."""


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
        return _Folder(make_folder(args.output), formats or [format_named("md")], inputs)
    if args.redo:
        raise OptionError("--redo is only with -o, which names the folder of what was read")
    if args.jsonl:
        if formats:
            raise OptionError("--to and --draw are not with --jsonl, unless -o names a folder")
        return _Nowhere()
    if len(inputs) > 1 or len(formats) > 1 or not formats[0].one_text:
        raise OptionError(
            "only one document in one format that is one text goes to standard output; name a "
            "folder with -o"
        )
    return _Stdout(formats[0])


def print_page(name: str, read: PageRead) -> None:
    """Write a page to standard output, as a line of JSON with the name of its document."""
    from ppocrvl.document.values import page_values

    sys.stdout.write(json.dumps({"document": name, **page_values(read.data)}) + "\n")
    sys.stdout.flush()


class _Nowhere:
    wants_images = False

    def put(self, number: int, document: Document) -> list[str]:  # noqa: ARG002
        return []


class _Stdout:
    def __init__(self, form: Format) -> None:
        self._form = form
        self.wants_images = form.shows_pages

    def put(self, number: int, document: Document) -> list[str]:  # noqa: ARG002
        text = document.to(self._form.name)
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
        return []


class _Folder:
    """Files of a document, written when all of its pages are there."""

    def __init__(self, folder: Path, formats: Sequence[Format], inputs: Sequence[Input]) -> None:
        self._folder = folder
        self._formats = formats
        self._stems = [one.stem for one in inputs]
        self.wants_images = any(form.shows_pages for form in formats)

    def put(self, number: int, document: Document) -> list[str]:
        stem = self._stems[number]
        for folder in (self._folder, self._folder / f"{stem}_images"):
            _remove_leftovers(folder, stem)
        files = document.save(self._folder, [form.name for form in self._formats], stem=stem)
        return [str(file) for file in files if file.parent == self._folder]


def _remove_leftovers(folder: Path, stem: str) -> None:
    """Files that a run which was killed did not rename. Nobody else writes here now."""
    in_images = folder.name == f"{stem}_images"
    name = "page-.+" if in_images else re.escape(stem) + "[._-].+"
    pattern = re.compile(rf"\.{name}\.[0-9a-f]{{8}}\.part")
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if pattern.fullmatch(path.name):
                path.unlink()
