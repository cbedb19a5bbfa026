# SPDX-License-Identifier: Apache-2.0
"""Where answers go: standard output, one file, or a folder with a file for each picture."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Protocol

from ppocrvl.cli.formats import FORMATS
from ppocrvl.errors import OptionError
from ppocrvl.support.file_names import Stems
from ppocrvl.support.output import make_folder, require_folder, write_text

if TYPE_CHECKING:
    from pathlib import Path

    from ppocrvl.cli.formats import Format
    from ppocrvl.errors import PpocrvlError
    from ppocrvl.requests.results import Result


class Sink(Protocol):
    """Takes the answers, in the order of their pictures."""

    def put(self, name: str, result: Result) -> None:
        """Write the answer to the picture of this name."""

    def fail(self, name: str, error: PpocrvlError) -> None:
        """Note that there is none, in the formats that can say so."""

    def close(self) -> None:
        """There are no more."""


def format_of(name: str | None, output: Path | None) -> Format:
    """The format that was asked for, else the one of the file's extension, else text."""
    if name is not None:
        return FORMATS[name]
    extension = "" if output is None else output.suffix.lower()
    return next((one for one in FORMATS.values() if one.extension == extension), FORMATS["text"])


def make_sink(output: Path | None, form: Format, count: int) -> Sink:
    """What takes the answers to so many pictures.

    Args:
        output: None or - for standard output. A file for one picture, and for any number as jsonl;
            else a folder, which is made.
        form: the format.
        count: of the pictures.

    Raises:
        OptionError: the file lies in no folder.
        OutputError: the folder cannot be made.
    """
    if output is None or str(output) == "-":
        return _Stdout(form, several=count > 1)
    is_folder = output.is_dir() or str(output).endswith((os.sep, "/"))
    if not is_folder and (count == 1 or form.name == "jsonl"):
        require_folder(output)
        return _OneFile(output, form)
    if output.is_file():
        raise OptionError(f"-o {output} is a file; for {count} images it must be a folder")
    return _Folder(make_folder(output), form)


def error_values(name: str, error: PpocrvlError) -> dict[str, object]:
    """A picture without an answer, for JSON."""
    values: dict[str, object] = {
        "image": name,
        "error": type(error).__name__,
        "message": str(error),
    }
    return values if error.tag is None else {**values, "tag": error.tag}


def _error_text(form: Format, name: str, error: PpocrvlError) -> str | None:
    indent = {"json": 2, "jsonl": None}
    if form.name not in indent:
        return None
    return json.dumps(error_values(name, error), ensure_ascii=False, indent=indent[form.name])


class _Stdout:
    """Each answer as it comes. Several as JSON are one list."""

    def __init__(self, form: Format, *, several: bool) -> None:
        self._form, self._several = form, several
        self._is_list = several and form.name == "json"
        self._is_first = True

    def put(self, name: str, result: Result) -> None:
        heading = self._form.heading(name) if self._several else ""
        text = self._form.text(name, result)
        self._write(f"{heading}\n{text}" if heading else text)

    def fail(self, name: str, error: PpocrvlError) -> None:
        text = _error_text(self._form, name, error)
        if text is not None:
            self._write(text)

    def close(self) -> None:
        if self._is_list:
            sys.stdout.write("[]\n" if self._is_first else "\n]\n")
            sys.stdout.flush()

    def _write(self, text: str) -> None:
        if self._is_list:
            sys.stdout.write(("[\n" if self._is_first else ",\n") + text)
        else:
            is_apart = self._several and not self._is_first and self._form.heading("") != ""
            sys.stdout.write(("\n" if is_apart else "") + text + "\n")
        self._is_first = False
        sys.stdout.flush()


class _OneFile:
    """All answers in one file, which is there when all are."""

    def __init__(self, path: Path, form: Format) -> None:
        self._path, self._form = path, form
        self._texts: list[str] = []

    def put(self, name: str, result: Result) -> None:
        self._texts.append(self._form.text(name, result))

    def fail(self, name: str, error: PpocrvlError) -> None:
        text = _error_text(self._form, name, error)
        if text is not None:
            self._texts.append(text)

    def close(self) -> None:
        if self._texts:
            write_text(self._path, "".join(f"{text}\n" for text in self._texts))


class _Folder:
    """A file for each answer, written when it comes. A picture that fails has none."""

    def __init__(self, folder: Path, form: Format) -> None:
        self._folder, self._form = folder, form
        self._stems = Stems()

    def put(self, name: str, result: Result) -> None:
        text = self._form.text(name, result)
        write_text(self._folder / self._file_name(name), f"{text}\n")

    def fail(self, name: str, error: PpocrvlError) -> None:  # noqa: ARG002
        """Takes the name, so that it does not depend on what fails who gets which."""
        self._file_name(name)

    def close(self) -> None:
        pass

    def _file_name(self, name: str) -> str:
        return self._stems.take(name) + self._form.extension
