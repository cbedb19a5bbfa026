# SPDX-License-Identifier: Apache-2.0
"""The documents of a corpus, one after the other, and where the output of each goes."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.batch.rows import Listed
from ppocrvl.document.document import file_stem
from ppocrvl.errors import OptionError
from ppocrvl.parsing.sources.found import find_documents, walk_documents
from ppocrvl.support.file_names import Stems

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def list_documents(inputs: Sequence[str]) -> Iterator[Listed]:
    """The documents of all inputs, in their order; those of a folder sorted by path.

    The output has the folders of the input. Of one folder it has what is in it, of several a folder
    for each; a file that is named itself goes to the top. Documents whose names differ in their
    suffix alone, or in upper and lower case, get a number. Nothing is held but the names of the
    folder that is listed, of those above it, and of files that are inputs themselves.

    Args:
        inputs: as `check_inputs` has left them.
    """
    numbers = count()
    top = Stems()
    n_folders = sum(Path(one).is_dir() for one in inputs)
    for one in inputs:
        if Path(one).is_dir():
            inside = top.take(f"{Path(one).resolve().name}.x") if n_folders > 1 else ""
            for path, relative in _in_folder(one):
                output = os.path.normpath(Path(inside, relative))
                yield Listed(next(numbers), os.fsencode(path), os.fsencode(output))
        else:
            for path in _of(one):
                output = top.take(_named(path))
                yield Listed(next(numbers), os.fsencode(path), os.fsencode(output))


def check_inputs(inputs: Sequence[str]) -> None:
    """What cannot be a corpus is told before anything is made or loaded.

    Raises:
        OptionError: standard input, or nothing.
        DocumentError: a folder or pattern holds no document. A file that is not there is no error
            here: it is one of the documents that cannot be opened.
    """
    if not inputs:
        raise OptionError("there is nothing to read: name folders, patterns or files")
    for one in inputs:
        if one == "-":
            raise OptionError("- is not for a corpus; `ppocrvl parse -` reads standard input")
        if Path(one).is_dir():
            if next(walk_documents(one), None) is None:
                find_documents(one)  # says so
        else:
            _of(one)


def _of(given: str) -> list[str]:
    """The files of a pattern, or the one that is named.

    Raises:
        DocumentError: there are none.
    """
    return [found.name for found in find_documents(given)]


def _in_folder(folder: str) -> Iterator[tuple[str, str]]:
    """Each document with its output, relative to that of the folder."""
    where, taken = "", dict[str, Stems]()
    for path in walk_documents(folder):
        inside = os.path.relpath(Path(path).parent, folder)
        if inside != where:
            where = inside
            above = {str(one) for one in (Path(where), *Path(where).parents)}
            taken = {one: stems for one, stems in taken.items() if one in above}
        stem = taken.setdefault(where, Stems()).take(_named(path))
        yield path, os.path.normpath(Path(where, stem))


def _named(path: str) -> str:
    """Of which `Stems` takes a name that the file system allows."""
    return f"{file_stem(path)}.x"
