# SPDX-License-Identifier: Apache-2.0
"""What becomes of a corpus, counted as rows come out of the last stage."""

from __future__ import annotations

from collections import Counter
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from ppocrvl.batch.rows import DOCUMENT, plain
from ppocrvl.batch.tables import A_FILE, remove_tables_after, write_tables
from ppocrvl.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ppocrvl.batch.manifest import Manifest
    from ppocrvl.batch.rows import Row
    from ppocrvl.batch.settings import Settings

_MOST_FAILURES = 100
"""That a summary names."""


class Tally:
    """Counts, and writes the tables of each so many documents once these are all done.

    Rows may come twice, as stages are run again after a worker was lost; documents count once.

    Args:
        settings: of the run.
        manifest: of the run.
    """

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        self._settings = settings
        self._manifest = manifest
        self._begun = perf_counter()
        self._workers: Counter[str] = Counter()
        self._states: Counter[str] = Counter()
        self._failures: list[dict[str, Any]] = []
        self._first: tuple[tuple[int, int], int] | None = None
        self._open: dict[int, dict[int, str]] = {}  # by number of a table: documents and their keys
        self._written: set[int] = set()  # numbers of tables
        self._unfinished: set[int] = set()  # documents of which pages came along

    def add(self, row: Row) -> bool:
        """Takes note of a row; whether it is news."""
        if row.page == DOCUMENT:
            return self._add_document(row)
        if not self._is_known(row.document):
            self._unfinished.add(row.document)
        self._states[row.state] += 1
        if row.state != "kept":
            self._workers[row.worker] += 1
        if row.state == "failed":
            self._fail(row)
        return True

    def finish(self) -> None:
        """All rows were given: writes what is left of the tables.

        Raises:
            ClusterError: not all documents came along.
            OutputError: the tables cannot be written.
        """
        gaps = (_gaps(number, known) for number, known in self._open.items())
        if lost := self._unfinished.union(*gaps):
            raise ClusterError(
                f"{len(lost)} documents were lost on the way; the same command goes on"
            )
        for number in sorted(self._open):
            self._write(number)
        if self._settings.tables:
            last = max(self._written, default=-1)
            remove_tables_after(self._settings.folder, last)

    def line(self, n_documents: int | None = None) -> str:
        """In words, for a line that shows how far it is.

        Args:
            n_documents: of the corpus; None as long as it is not known.
        """
        n_read, n_failed = self._states["read"], self._states["failed"]
        parts = [f"{n_read + n_failed} pages read"]
        if self._states["kept"]:
            parts.append(f"{self._states['kept']} kept")
        parts.append(f"{n_failed} failed")
        parts.append(f"{self._pages_a_minute():.1f} pages/min by {max(1, len(self._workers))}")
        of_all = "" if n_documents is None else f" of {n_documents}"
        parts.append(f"{self._n_documents}{of_all} documents")
        if n_documents is not None and (seconds := self.seconds_left(n_documents)) is not None:
            parts.append(f"{tqdm.format_interval(round(seconds))} left")
        return ", ".join(parts)

    def seconds_left(self, n_documents: int) -> float | None:
        """Until so many documents are done, if the others take as long; None before the first.

        Documents that an earlier run had done come at once, and say nothing.
        """
        done = self._states["document written"] + self._states["document refused"]
        if done == 0:
            return None
        left = max(0, n_documents - self._n_documents)
        return left * (perf_counter() - self._begun) / done

    def summary(self) -> dict[str, Any]:
        """All counts, as JSON."""
        states = self._states
        return {
            "output": str(self._settings.folder),
            "documents": {
                "written": states["document written"],
                "kept": states["document kept"],
                "refused": states["document refused"],
            },
            "pages": {name: states[name] for name in ("read", "kept", "failed")},
            "seconds": round(perf_counter() - self._begun, 3),
            "pages_a_minute": round(self._pages_a_minute(), 3),
            "pages_by_worker": dict(sorted(self._workers.items())),
            "n_failures": states["failed"] + states["document refused"],
            "failures": sorted(self._failures, key=lambda one: (one["document"], one["page"] or 0)),
        }

    @property
    def exit_code(self) -> int:
        """Of the failure that comes first in the corpus; 0 without one."""
        return 0 if self._first is None else self._first[1]

    @property
    def has_read(self) -> bool:
        """Whether any page was read, now or before."""
        names = ("read", "kept", "document kept")
        return any(self._states[name] for name in names)

    @property
    def _n_documents(self) -> int:
        return sum(self._states[f"document {state}"] for state in ("written", "kept", "refused"))

    def _add_document(self, row: Row) -> bool:
        if self._is_known(row.document):
            return False
        number = row.document // A_FILE
        self._unfinished.discard(row.document)
        known = self._open.setdefault(number, {})
        known[row.document] = self._manifest.document_key(row)
        self._states[f"document {row.state}"] += 1
        if row.error:
            self._fail(row)
        if len(known) == A_FILE:
            self._write(number)
        return True

    def _is_known(self, document: int) -> bool:
        number = document // A_FILE
        return number in self._written or document in self._open.get(number, {})

    def _fail(self, row: Row) -> None:
        place = (row.document, row.page)
        if self._first is None or place < self._first[0]:
            self._first = place, row.code
        if len(self._failures) < _MOST_FAILURES:
            page = None if row.page == DOCUMENT else row.page + 1
            failure = {"document": plain(row.name), "page": page, "error": plain(row.error)}
            self._failures.append(failure)

    def _write(self, number: int) -> None:
        keys = [key for _, key in sorted(self._open.pop(number).items())]
        self._written.add(number)
        if self._settings.tables:
            write_tables(self._settings.folder, number, lambda: self._records(keys))

    def _records(self, keys: Iterable[str]) -> Iterator[dict[str, Any]]:
        for key in keys:
            if (record := self._manifest.document(key)) is not None:
                yield record

    def _pages_a_minute(self) -> float:
        n_pages = self._states["read"] + self._states["failed"]
        return 60 * n_pages / max(perf_counter() - self._begun, 1e-9)


def _gaps(number: int, known: Mapping[int, str]) -> set[int]:
    """Documents that a table lacks before its last one."""
    return set(range(number * A_FILE, max(known))) - known.keys()
