# SPDX-License-Identifier: Apache-2.0
"""What was done so far, in a file that is only appended to and may be cut off at any byte.

The first line names the format. Each further line is a record: the CRC-32 of its rest as 8
hexadecimal digits, a key as 64, and a JSON value, with a space between them. Reading ends at the
first record that is not whole; what is left of it is cut off before the next one is written.
"""

from __future__ import annotations

import json
import os
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ppocrvl.errors import OutputError
from ppocrvl.support.closing import Closing
from ppocrvl.support.locking import lock
from ppocrvl.support.output import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEADER = b"ppocrvl journal 1\n"
MAX_RECORD_BYTES = 1 << 26
"""Of one line. The longest answer, with its tokens, has some megabytes."""
_CHECK, _KEY = 8, 64
_PREFIX = _CHECK + 1 + _KEY + 1


class Journal(Closing):
    """Values by key in a file, which one process and object at a time may have open.

    `find` may be called from any thread, `keep` from one at a time.

    Args:
        path: the file; made where there is none.
        redo: begin anew, and forget what is in it.

    Raises:
        OutputError: it cannot be opened or written, is open elsewhere, or is no journal of this
            format.
    """

    def __init__(self, path: Path, *, redo: bool = False) -> None:
        self._path = path
        self._places: dict[bytes, tuple[int, int]] = {}  # of a value, its offset and length
        with self._errors():
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
            self._file = os.open(path, flags, 0o666)
        try:
            with self._errors():
                lock(self._file, self._path.parent)
                self._end = self._load(redo=redo)
        except BaseException:
            os.close(self._file)
            raise

    def __len__(self) -> int:
        return len(self._places)

    def find(self, key: bytes) -> object | None:
        """The value that was kept last under a key of 32 bytes; None where there is none.

        Raises:
            OutputError: the file cannot be read.
        """
        place = self._places.get(key)
        if place is None:
            return None
        offset, length = place
        with self._errors():
            value: object = json.loads(os.pread(self._file, length, offset))
        return value

    def keep(self, key: bytes, value: object) -> None:
        """Writes a record; when this returns, it is on the disk.

        Raises:
            OutputError: it cannot be written, and the file is as it was before.
        """
        body = key.hex().encode() + b" " + json.dumps(value, separators=(",", ":")).encode()
        record = b"%08x %s\n" % (zlib.crc32(body), body)
        with self._errors():
            try:
                _write(self._file, record)
                os.fdatasync(self._file)
            except BaseException:
                os.ftruncate(self._file, self._end)
                raise
        self._places[key] = self._end + _PREFIX, len(record) - _PREFIX - 1
        self._end += len(record)

    def close(self) -> None:
        """Lets others have it. A second time does nothing."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def _load(self, *, redo: bool) -> int:
        """Finds the records, and cuts off what is not whole; the length of the rest."""
        with os.fdopen(os.dup(self._file), "rb") as file:
            header = file.readline(len(HEADER))
            is_whole = header == HEADER
            # One that was cut off while it was made is a prefix of the header.
            if not is_whole and not HEADER.startswith(header):
                raise OutputError(
                    f"{self._path}: is no journal of this version of ppocrvl; remove it, or name "
                    "another folder with -o"
                )
            end = len(HEADER) if is_whole else 0
            if is_whole and not redo:
                for line in iter(lambda: file.readline(MAX_RECORD_BYTES), b""):
                    key = _key(line)
                    if key is None:
                        break
                    self._places[key] = end + _PREFIX, len(line) - _PREFIX - 1
                    end += len(line)
        os.ftruncate(self._file, end)
        if end == 0:
            _write(self._file, HEADER)
            os.fsync(self._file)
            sync_folder(self._path.parent)
            end = len(HEADER)
        return end

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(
                f"{self._path}: cannot be written ({error.strerror or error}); free some space or "
                "choose another folder with -o"
            ) from error


def _key(line: bytes) -> bytes | None:
    """The key of a record; None where the record is not whole."""
    if len(line) <= _PREFIX or not line.endswith(b"\n"):
        return None
    body = line[_CHECK + 1 : -1]
    if line[: _CHECK + 1] != b"%08x " % zlib.crc32(body):
        return None
    return bytes.fromhex(body[:_KEY].decode())


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
