# SPDX-License-Identifier: Apache-2.0
"""What a download has so far: a file that is taken up again later, by one process at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NO_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK}
"""What `flock` says on file systems that have no locks (flock(2))."""

_PAUSE_SECONDS = 0.5


@contextmanager
def part_file(path: Path, waiting: Callable[[int], None]) -> Iterator[IO[bytes]]:
    """A file open to append, for the caller alone; waits while another download has it.

    Args:
        path: its path. Where the file system has no locks, a name that nobody else has takes its
            place: then no download is taken up again, and none is disturbed.
        waiting: called again and again while another has it, with the bytes that are there.

    Yields:
        The file, whose `name` is its path. It may be renamed or removed before the end; one that
        is empty in the end is removed.
    """
    with _claim(path, waiting) as out:
        try:
            yield out
        finally:
            _remove_if_empty(out)


def size_of(out: IO[bytes]) -> int:
    """Bytes in the file, those that are still in the buffer among them."""
    out.flush()
    return os.fstat(out.fileno()).st_size


def _remove_if_empty(out: IO[bytes]) -> None:
    if size_of(out) == 0:
        Path(out.name).unlink(missing_ok=True)


def _claim(path: Path, waiting: Callable[[int], None]) -> IO[bytes]:
    while True:
        out = path.open("ab")
        try:
            fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting(size_of(out))
            out.close()
            sleep(_PAUSE_SECONDS)
        except OSError as error:
            _remove_if_empty(out)
            out.close()
            if error.errno not in _NO_LOCKS:
                raise
            return path.with_name(f"{path.name}.{secrets.token_hex(4)}").open("ab")
        else:
            if _is_at(path, out):
                return out
            out.close()


def _is_at(path: Path, out: IO[bytes]) -> bool:
    """Whether the file is still there: whoever had it before may have renamed or removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(out.fileno()))
    except FileNotFoundError:
        return False
