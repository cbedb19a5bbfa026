# SPDX-License-Identifier: Apache-2.0
"""What is done of a corpus, in a folder beside the output: a small file for each page and document.

    .ppocrvl-batch/
      run.json                   what answers depend on, and the inputs
      lock                       held by the one run
      pages/3f/3fa9….json        pages that were read
      failed/3f/3fa9….json       pages that were not, or not all of them
      documents/07/07c1….json    documents whose files are written: their rows in the tables
      attempts/RUN/KEY.TOKEN     pages that are being read

A file is there with all of its bytes or not at all: it is written aside and renamed. Its name is a
SHA-256 of the document's bytes, the options and the model files, so that nothing is found that
would be read differently now.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppocrvl.batch.settings import digest
from ppocrvl.document.read_values import read_page
from ppocrvl.document.values import page_values
from ppocrvl.errors import DocumentError, OutputError
from ppocrvl.support.closing import Closing
from ppocrvl.support.locking import lock
from ppocrvl.support.output import make_folder, output_errors, write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.batch.rows import Row
    from ppocrvl.batch.settings import Settings
    from ppocrvl.document.types import PageData

FOLDER = ".ppocrvl-batch"
VERSION = 1
_KINDS = ("pages", "failed", "documents")


@dataclass(frozen=True, slots=True)
class PageRecord:
    """A page that was read, or why it was not.

    Attributes:
        data: the page; with its error where it was not read.
        reasons: what failed, as (exit code, line), in the order of the attempts; none if nothing.
    """

    data: PageData
    reasons: tuple[tuple[int, str], ...] = ()


class Manifest:
    """The folder, as any process of a run sees it.

    Args:
        settings: of the run.
    """

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.folder / FOLDER
        self._reading = digest(settings.reading_key, settings.page_images)
        self._writing = settings.writing_key
        self._output = settings.folder

    def page_key(self, sha256: str, page: int) -> str:
        """Of a page's file; 64 hexadecimal digits."""
        return digest(self._reading, sha256, page)

    def document_key(self, row: Row) -> str:
        """Of a document's file: where its output goes and what it is called are part of it."""
        names = [one.hex() for one in (row.path, row.output)]
        # What cannot be read has no hash: its error is what is known of it.
        return digest(self._reading, self._writing, row.sha256 or row.error, *names)

    def has_page(self, key: str) -> bool:
        """Whether nothing is to be done for a page any more."""
        return self._file("pages", key).exists() or self._file("failed", key).exists()

    def page(self, key: str) -> PageRecord | None:
        """What is known of a page; None for nothing.

        Raises:
            OutputError: a file cannot be read.
        """
        for kind in ("pages", "failed"):
            values = self._read(self._file(kind, key))
            if values is not None:
                try:
                    page = read_page(values["page"])
                except (DocumentError, KeyError):  # of another version, or not ours
                    continue
                return PageRecord(page, tuple((code, line) for code, line in values["reasons"]))
        return None

    def keep_page(self, key: str, record: PageRecord) -> None:
        """Keeps a page for good.

        Raises:
            OutputError: it cannot be written.
        """
        values = {"page": page_values(record.data, with_bytes=True), "reasons": record.reasons}
        self._write(self._file("failed" if record.reasons else "pages", key), values)

    def document(self, key: str) -> dict[str, Any] | None:
        """The rows of a document whose files are all there; None where there is more to be done.

        Raises:
            OutputError: a file cannot be read.
        """
        values = self._read(self._file("documents", key))
        if values is None:
            return None
        files = [self._output / os.fsdecode(bytes.fromhex(one)) for one in values["files"]]
        return values if all(file.is_file() for file in files) else None

    def keep_document(
        self, key: str, rows: dict[str, Any], files: Sequence[str], *, error: str, code: int
    ) -> None:
        """Keeps that a document is written.

        Args:
            key: of the document.
            rows: what the tables have of it.
            files: its files but for images.
            error: what failed, in a line; "" for nothing.
            code: the exit code of that.

        Raises:
            OutputError: it cannot be written.
        """
        names = [os.fsencode(Path(one).relative_to(self._output)).hex() for one in files]
        values = {**rows, "files": names, "error": error, "code": code}
        self._write(self._file("documents", key), values)

    def _file(self, kind: str, key: str) -> Path:
        return self.folder / kind / key[:2] / f"{key}.json"

    def _read(self, path: Path) -> dict[str, Any] | None:
        with output_errors(path):
            try:
                values = json.loads(path.read_bytes())
            except FileNotFoundError:
                return None
            except ValueError:  # cut off by a disk that lost what it had: as if it were not there
                return None
        return values if isinstance(values, dict) else None

    def _write(self, path: Path, values: object) -> None:
        make_folder(path.parent)
        write_text(path, json.dumps(values, separators=(",", ":")))


class OwnedManifest(Manifest, Closing):
    """The folder, as the process sees it that starts a run. There is one at a time.

    Args:
        settings: of the run.
        retry_failed: forget what failed before, so that it is read again.

    Raises:
        OutputError: the output is of another run, another model, other options or inputs, or is no
            output of a corpus at all; another run writes into it; or it cannot be written.
    """

    def __init__(self, settings: Settings, *, retry_failed: bool = False) -> None:
        super().__init__(settings)
        self._lock = -1
        with output_errors(settings.folder):
            known = self._read(self.folder / "run.json")
            if known is None:
                _check_is_empty(settings.folder)
            elif not any((self.folder / kind).exists() for kind in _KINDS):
                known = None  # of a run that did nothing
            make_folder(self.folder)
            self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            with output_errors(settings.folder):
                lock(self._lock, settings.folder)
            self._begin(settings, known)
            if retry_failed:
                self._forget_failed()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Lets others write there. A second time does nothing."""
        file, self._lock = self._lock, -1
        if file >= 0:
            os.close(file)

    def _begin(self, settings: Settings, known: dict[str, Any] | None) -> None:
        run = {"version": VERSION, "inputs": list(settings.inputs), **settings.reading}
        run = json.loads(json.dumps(run))
        if known is None:
            self._write(self.folder / "run.json", run)
        elif known != run:
            raise OutputError(
                f"{settings.folder}: its output is of {_difference(known, run)}; name another "
                "folder with -o"
            )

    def _forget_failed(self) -> None:
        """Removes the records of pages that failed, and of the documents that they are in."""
        with output_errors(self.folder):
            for path in self.folder.glob("failed/*/*.json"):
                path.unlink()
            for path in self.folder.glob("documents/*/*.json"):
                values = self._read(path)
                if values is None or values["error"]:
                    path.unlink()


def _check_is_empty(folder: Path) -> None:
    """Files that a run did not write might be overwritten.

    Raises:
        OutputError: there are some.
    """
    if folder.is_dir() and any(one.name != FOLDER for one in folder.iterdir()):
        raise OutputError(
            f"{folder}: is not empty, and is no output of `ppocrvl batch`; name another folder "
            "with -o"
        )


def _difference(known: dict[str, Any], run: dict[str, Any]) -> str:
    """In words, what is not the same."""
    if known.get("version") != run["version"] or known.get("ppocrvl") != run["ppocrvl"]:
        return f"another version of ppocrvl ({known.get('ppocrvl')})"
    if known.get("model") != run["model"]:
        return "another model"
    if known.get("inputs") != run["inputs"]:
        return "other inputs"
    kinds = [(known.get(kind, {}), run[kind]) for kind in ("options", "engine")]
    names = [
        name
        for before, now in kinds
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
    return f"other options ({', '.join(names)})"
