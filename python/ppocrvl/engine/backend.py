# SPDX-License-Identifier: Apache-2.0
"""What reads pictures: an engine in this process, or a server somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, Unpack

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from ppocrvl.engine.answers import Answer
    from ppocrvl.engine.many import Item
    from ppocrvl.requests.image_source import ImageSource
    from ppocrvl.requests.options import ReadOptions
    from ppocrvl.requests.request import Request
    from ppocrvl.requests.results import Outcome, Result


class TextStream(Iterator[str], AbstractContextManager["TextStream"], Protocol):
    """Pieces of text as they come; `ppocrvl.Stream` is one."""

    def wait(self) -> Result:
        """The whole answer, once it is there."""

    @property
    def result(self) -> Result:
        """The whole answer, after the last piece."""

    def close(self) -> None:
        """Cancel the request if it still runs."""


class Backend(Protocol):
    """`ppocrvl.Engine` and `ppocrvl.Client`: the same requests, the same results."""

    def ocr(self, image: ImageSource | Request | None, **options: Unpack[ReadOptions]) -> Result:
        """Read one picture."""

    def ocr_many(
        self, images: Iterable[Item], *, ordered: bool = True, **options: Unpack[ReadOptions]
    ) -> Generator[Outcome]:
        """Read many, several at once; outcomes in their order, or as they end."""

    def submit(
        self,
        image: ImageSource | Request | None,
        *,
        wait: bool = True,
        **options: Unpack[ReadOptions],
    ) -> Answer:
        """Read one in the background."""

    def stream(
        self, image: ImageSource | Request | None, **options: Unpack[ReadOptions]
    ) -> TextStream:
        """Read one and give the text as it comes."""

    def close(self) -> None:
        """End it."""
