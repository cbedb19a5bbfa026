# SPDX-License-Identifier: Apache-2.0
"""A document that is to be parsed: its pages, each rendered when it is asked for."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppocrvl.support.closing import Closing

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

POINTS_PER_INCH = 72


@dataclass(frozen=True, slots=True, eq=False)
class RenderedPage:
    """A page as a person sees it.

    Attributes:
        index: in its document, from 0.
        pixels: uint8 [height, width, 3], RGB.
        dpi: pixels per inch; 0 for a picture that does not say.
        rotation: degrees clockwise, 0, 90, 180 or 270, by which the document says to turn it;
            `pixels` are turned already.
        width_points: of the page as shown; pixels where `dpi` is 0.
        height_points: likewise.
        notes: what a reader should know, such as "rendered at 96 dpi instead of 144: …".
    """

    index: int
    pixels: npt.NDArray[np.uint8]
    dpi: float
    rotation: int
    width_points: float
    height_points: float
    notes: tuple[str, ...] = ()

    @property
    def points_per_pixel(self) -> tuple[float, float]:
        """Across and down: what pixels are multiplied by to get points."""
        height, width, _ = self.pixels.shape
        return self.width_points / width, self.height_points / height


@dataclass(frozen=True, slots=True)
class Character:
    """A character of a page's text layer.

    Attributes:
        text: one character as Unicode has it; U+FFFD where the document does not say which.
        box: (x0, y0, x1, y1) of its ink in pixels of the page as `render` gives it; of no size for
            a space or a line break.
        mapped: whether the document says which character it is.
        generated: a space or line break that is not in the document; its place is why it is here.
    """

    text: str
    box: tuple[float, float, float, float]
    mapped: bool = True
    generated: bool = False


class DocumentSource(Closing):
    """A document. Threads may share it; one page at a time is rendered.

    Attributes:
        name: what to call it in messages and results: its path as it was given, for example.
    """

    name: str

    @property
    @abstractmethod
    def n_pages(self) -> int:
        """Number of pages, at least 1."""

    @property
    @abstractmethod
    def page_sizes(self) -> tuple[tuple[float, float], ...]:
        """(width, height) of each page as shown, in points; (0, 0) for one that cannot be read."""

    @abstractmethod
    def render(self, index: int) -> RenderedPage:
        """A page's pixels.

        Args:
            index: from 0.

        Raises:
            PageError: there is no such page, or it cannot be rendered. Others may still be.
            DocumentError: nothing of the document can be read any more.
            ImageError: it is a picture, and cannot be read.
            EngineError: not enough memory.
        """

    @abstractmethod
    def text_layer(self, index: int) -> tuple[Character, ...]:
        """The text that a page holds as text, in the document's order; () where there is none.

        Args:
            index: from 0.

        Raises:
            As `render`.
        """
