# SPDX-License-Identifier: Apache-2.0
"""The process that PDFium runs in, seen from ours. What it says is checked: a PDF may own it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ppocrvl.errors import EngineError
from ppocrvl.support.closing import Closing

if TYPE_CHECKING:
    from io import BufferedReader
    from typing import IO

    import numpy as np
    import numpy.typing as npt

_WORKER = Path(__file__).with_name("pdf_worker.py")
_MAX_LINE = 1 << 16


_CRASHED = "PDFium crashed, or needed too much memory"


class ProcessEnded(Exception):  # noqa: N818 - what happened; the caller knows whether it is an error
    """The process is no more; its text says why, for a message."""


def reason_of(error: Exception) -> str:
    """Why there is no answer, in words: the process ended, or its answer makes no sense."""
    return str(error) if isinstance(error, ProcessEnded) else _CRASHED


class PdfProcess(Closing):
    """A PDF, opened in a process of its own.

    Ending it is allowed at any time and from any thread; who waits for an answer gets
    `ProcessEnded`. Only one thread at a time may ask.
    """

    def __init__(
        self,
        *,
        path: str | None,
        data: bytes | None,
        password: str | None,
        memory: int,
        seconds: int,
    ) -> None:
        """Start it and open the PDF: at `path`, or `data`.

        Args:
            path: of the file; None where there are bytes.
            data: the file's bytes.
            password: to open it with.
            memory: bytes of address space that it may take.
            seconds: of processor time for each answer.

        Raises:
            EngineError: no process can be started.
        """
        self._seconds = seconds
        try:
            self._process = subprocess.Popen(
                # -P: the files beside the program are no modules of it
                [sys.executable, "-P", str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is ours to handle
            )
        except OSError as error:
            raise EngineError(
                f"cannot start a process for PDFium ({error.strerror or error})"
            ) from error
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("BufferedReader", self._process.stdout)
        self._end = weakref.finalize(self, _end, self._process)
        hello = {
            "path": path,
            "bytes": len(data or b""),
            "password": password,
            "memory": memory + len(data or b""),
            "seconds": seconds,
        }
        self._send(json.dumps(hello).encode() + b"\n")
        if data:
            self._send(data)

    def ask(self, **question: int | str) -> dict[str, Any]:
        """The line of an answer. What comes behind it must be read before the next question.

        Raises:
            ProcessEnded: there is none.
        """
        self._send(json.dumps(question).encode() + b"\n")
        return self.line()

    def line(self) -> dict[str, Any]:
        """The next line; the first one is the answer to the opening.

        Raises:
            ProcessEnded: there is none.
        """
        try:
            line = self._stdout.readline(_MAX_LINE)
            values = json.loads(line)
        except ValueError:  # half a line, nonsense, or the pipe was closed by `close`
            values = None
        if not isinstance(values, dict):
            raise ProcessEnded(self._reason())
        return values

    def read_into(self, array: npt.NDArray[np.generic]) -> None:
        """Fill an array with the bytes behind a line.

        Raises:
            ProcessEnded: there are fewer.
        """
        left = array.data.cast("B") if array.size else memoryview(b"")
        while left:
            try:
                n_bytes = self._stdout.readinto(left)
            except ValueError:
                n_bytes = 0
            if not n_bytes:
                raise ProcessEnded(self._reason())
            left = left[n_bytes:]

    def close(self) -> None:
        """End it, whatever it is doing."""
        self._end()

    def _send(self, data: bytes) -> None:
        """Nothing is said if that fails: the end shows when the answer is read."""
        try:
            self._stdin.write(data)
            self._stdin.flush()
        except (OSError, ValueError):
            return

    def _reason(self) -> str:
        self._process.kill()
        status = self._process.wait()
        if status == -signal.SIGXCPU:
            return f"it took more than {self._seconds} s of processor time"
        return _CRASHED


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # what was not sent any more
                continue
