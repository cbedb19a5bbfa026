# SPDX-License-Identifier: Apache-2.0
"""What a parser is put together from; each may be another one, in tests for example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from ppocrvl.layout.region import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    import numpy as np
    import numpy.typing as npt

    from ppocrvl.document.types import Block, PageData
    from ppocrvl.errors import PpocrvlError
    from ppocrvl.parsing.block_options import BlockOptions
    from ppocrvl.parsing.remembering import Memory
    from ppocrvl.parsing.text_layer import LayerCharacter
    from ppocrvl.requests.request import Request
    from ppocrvl.requests.results import Result


@runtime_checkable
class Layout(Protocol):
    """Finds the regions of a page; `ppocrvl.Layout` is one."""

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Region]:
        """Regions of an upright page, uint8 [height, width, 3], in reading order."""


class Reader(Protocol):
    """Reads blocks; `ppocrvl.Engine` and `ppocrvl.Client` are such."""

    @property
    def n_parallel(self) -> int:
        """So many blocks are read at once."""

    def submit(self, image: Request, /) -> Future[Result]:
        """Begins to read one. Cancelling the future ends it."""


class RenderedPage(Protocol):
    """A page as pixels."""

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """RGB, [height, width, 3]."""

    @property
    def dpi(self) -> float:
        """Pixels per inch; 0 where a picture does not say."""

    @property
    def rotation(self) -> int:
        """Degrees clockwise by which it was turned upright."""

    @property
    def notes(self) -> Sequence[str]:
        """What a reader should know of how it was rendered."""


Render: TypeAlias = "Callable[[], RenderedPage]"
TextLayer: TypeAlias = "Callable[[], Sequence[LayerCharacter]]"


@dataclass(frozen=True, slots=True)
class PageJob:
    """A page to be read.

    Attributes:
        document: number of its document, from 0.
        name: what to call that.
        n_in_document: pages that it has.
        index: of the page in its document, from 0.
        n_pages: pages of the document that are read in all.
        is_last: whether it is the last of those.
        render: gives its pixels; called once, in another thread.
        text_layer: gives the characters that it holds as text, after that.
    """

    document: int
    name: str
    n_in_document: int
    index: int
    n_pages: int
    is_last: bool
    render: Render
    text_layer: TextLayer = tuple


@dataclass(frozen=True, slots=True)
class NoDocument:
    """A document that cannot be opened; its number, and why."""

    document: int
    error: PpocrvlError


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page that was read, or failed.

    Attributes:
        job: what was to be read.
        data: the page with its blocks.
        errors: what failed on it, as its and its blocks' `error` say.
    """

    job: PageJob
    data: PageData
    errors: tuple[PpocrvlError, ...]


@dataclass(frozen=True, slots=True)
class PageFound:
    """The regions of a page were found, and nothing of it was read yet.

    Attributes:
        data: the page with its blocks, without their texts.
    """

    data: PageData


@dataclass(frozen=True, slots=True)
class BlocksRead:
    """Some blocks of a page were read.

    Attributes:
        page: index of the page in its document, from 0.
        blocks: those that were not told before.
    """

    page: int
    blocks: tuple[Block, ...]


Step: TypeAlias = "PageFound | BlocksRead | PageRead | NoDocument"
"""What becomes known while pages are read."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What pages are read with.

    Attributes:
        layout: finds their regions.
        reader: reads their blocks.
        memory: what was read before.
        options: how blocks are read.
        page_deadline: seconds from when a page is begun after which its blocks end as they are.
        uses_text_layer: take text from the document where it can be trusted.
        turns_pages: turn pages upright that lie on their side or head.
        page_images: keep a picture of each page, for formats that show it.
        gives_drafts: tell the reader what blocks probably say, so that it is faster.
    """

    layout: Layout
    reader: Reader
    memory: Memory
    options: BlockOptions
    page_deadline: float | None = None
    uses_text_layer: bool = False
    turns_pages: bool = False
    page_images: bool = False
    gives_drafts: bool = False


@dataclass(frozen=True, slots=True)
class WholePage:
    """A layout without a model: the page is one block.

    Attributes:
        label: its class.
    """

    label: str = "text"

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Region]:
        """One region that covers it."""
        height, width = image.shape[:2]
        return [Region.of_box(self.label, 1.0, (0, 0, width, height), 0)]
