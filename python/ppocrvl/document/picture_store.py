# SPDX-License-Identifier: Apache-2.0
"""Pictures of a document's pages, kept on disk until the document is written.

A page's picture and its figures take some hundred kilobytes, a thousand times what its text does.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ppocrvl.document.types import Picture
from ppocrvl.errors import OutputError
from ppocrvl.support.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ppocrvl.document.types import PageData


class PictureStore(Closing):
    """The bytes of pictures, in a file without a name, which ends with the process.

    Args:
        folder: on whose disk it is.

    Raises:
        OutputError: there can be none.
    """

    def __init__(self, folder: Path) -> None:
        self._where = folder
        try:
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        except OSError as error:
            raise self._error(error) from error
        self._end = 0

    def moved(self, page: PageData) -> PageData:
        """The page with its pictures here.

        Raises:
            OutputError: they cannot be written.
        """
        blocks = tuple(
            replace(block, pictures=tuple(map(self._moved, block.pictures)))
            if block.pictures
            else block
            for block in page.blocks
        )
        image = None if page.image is None else self._moved(page.image)
        return replace(page, blocks=blocks, image=image)

    def clear(self) -> None:
        """Forgets all pictures; those that were moved here cannot be used any more."""
        self._end = 0
        try:
            os.ftruncate(self._file.fileno(), 0)
        except OSError as error:
            raise self._error(error) from error

    def read(self, offset: int, n_bytes: int) -> bytes:
        """The bytes of a picture.

        Raises:
            OutputError: they cannot be read.
        """
        try:
            return os.pread(self._file.fileno(), n_bytes, offset)
        except OSError as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Lets go of the file. A second time does nothing."""
        self._file.close()

    def _moved(self, picture: Picture) -> Picture:
        offset, data = self._end, memoryview(picture.data)
        try:
            while data:
                written = os.pwrite(self._file.fileno(), data, self._end)
                data, self._end = data[written:], self._end + written
        except OSError as error:
            raise self._error(error) from error
        return _StoredPicture(picture, partial(self.read, offset, self._end - offset))

    def _error(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self._where}: images cannot be kept there ({error.strerror or error}); free some "
            "space or choose another folder with -o"
        )


class _StoredPicture(Picture):
    """A picture whose bytes are read when they are asked for."""

    __slots__ = ("_read",)
    _read: Callable[[], bytes]

    def __init__(self, picture: Picture, read: Callable[[], bytes]) -> None:
        values = {"name": picture.name, "width": picture.width, "height": picture.height}
        for name, value in {**values, "_read": read}.items():
            object.__setattr__(self, name, value)  # as a frozen dataclass does it

    @property
    def data(self) -> bytes:
        """The encoded file."""
        return self._read()
