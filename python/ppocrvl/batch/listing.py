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


def list_documents(inputs: Sequence[str], base: Path) -> Iterator[Listed]:
    """The documents of all inputs, in their order; those of a folder sorted by path.

    The output has the folders of the input. Of one folder it has what is in it, of several a folder
    for each; a file that is named itself goes to the top. Documents whose names differ in their
    suffix alone, or in upper and lower case, get a number. Nothing is held but the names of the
    folder that is listed, of those above it, and of files that are inputs themselves.

    Args:
        inputs: as `check_inputs` has left them.
        base: where relative ones begin.
    """
    numbers = count()
    top = Stems()
    n_folders = sum(Path(base, one).is_dir() for one in inputs)
    for one in inputs:
        folder = Path(base, one)
        if folder.is_dir():
            inside = top.take(f"{folder.resolve().name}.x") if n_folders > 1 else ""
            found = ((p, Path(inside, output)) for p, output in _in_folder(folder))
        else:
            found = ((p, Path(top.take(_named(p)))) for p in _of(folder))
        for path, output in found:
            shown = path if Path(one).is_absolute() else os.path.relpath(path, base)
            yield Listed(next(numbers), os.fsencode(shown), os.fsencode(os.path.normpath(output)))


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
            find_documents(one)


def _of(given: Path) -> list[str]:
    """The files of a pattern, or the one that is named.

    Raises:
        DocumentError: there are none any more.
    """
    return [found.name for found in find_documents(given)]


def _in_folder(folder: Path) -> Iterator[tuple[str, str]]:
    """Each document with its output, relative to that of the folder."""
    where, taken = "", dict[str, Stems]()
    for path in walk_documents(folder):
        inside = os.path.relpath(Path(path).parent, folder)
        if inside != where:
            where = inside
            above = {str(one) for one in (Path(where), *Path(where).parents)}
            taken = {one: stems for one, stems in taken.items() if one in above}
        yield path, str(Path(where, taken.setdefault(where, Stems()).take(_named(path))))


def _named(path: str) -> str:
    """Of which `Stems` takes a name that the file system allows."""
    return f"{file_stem(path)}.x"
