# SPDX-License-Identifier: Apache-2.0
"""The options of parsing a document: one model for Python and the command line."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from ppocrvl.errors import OptionError
from ppocrvl.images.lines import find_lines
from ppocrvl.parsing.block_options import BlockOptions
from ppocrvl.parsing.parts import Parts
from ppocrvl.parsing.remembering import Memory
from ppocrvl.parsing.sources.opening import DPI, LEAST_DPI, MOST_DPI
from ppocrvl.requests.options import (
    ReadOptions,
    RequestOptions,
    check_flag,
    check_number,
    check_text,
)
from ppocrvl.requests.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from ppocrvl.parsing.parts import Layout, Reader

TextLayer: TypeAlias = Literal["never", "auto"]
Drafts: TypeAlias = Literal["auto", "none"]
_BY_BLOCK = ("task", "prompt", "messages", "draft")


class ParseKeywords(ReadOptions, total=False):
    """The options as keyword arguments; `ParseOptions` explains them."""

    pages: str | None
    dpi: float
    password: str | None
    text_layer: TextLayer
    drafts: Drafts
    page_deadline: float | None
    charts: bool
    seals: bool
    images: bool
    merge: bool
    turn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseOptions:
    """The options of parsing a document. All values are checked here.

    Attributes:
        pages: which pages, such as "1-3,7,-1"; None for all.
        dpi: resolution at which the pages of a PDF are rendered, in pixels per inch.
        password: password of an encrypted PDF.
        text_layer: "auto" takes text from the PDF's text layer where it can be trusted; "never"
            reads everything.
        drafts: "auto" uses the document's text layer as drafts (see `draft` of `RequestOptions`):
            the result is the same, and reading is faster where the layer is right. "none" does not.
        page_deadline: seconds after rendering at which a page ends as it is.
        charts: read charts as tables.
        seals: read seals.
        images: read text in figures.
        merge: merge blocks of text that belong together, and read them as one.
        turn: rotate pages that are sideways or upside down.
        request: options of each request: those of `RequestOptions` except task, prompt, messages
            and draft.

    Raises:
        OptionError: a value is out of range.
    """

    pages: str | None = None
    dpi: float = DPI
    password: str | None = field(default=None, repr=False)
    text_layer: TextLayer = "never"
    drafts: Drafts = "auto"
    page_deadline: float | None = None
    charts: bool = False
    seals: bool = False
    images: bool = False
    merge: bool = True
    turn: bool = False
    request: ReadOptions = field(default_factory=ReadOptions)

    def __post_init__(self) -> None:
        if self.pages is not None:
            check_text("pages", self.pages)
        check_number("dpi", self.dpi, LEAST_DPI, MOST_DPI)
        if self.password is not None:
            check_text("password", self.password, blank=True)
        if self.text_layer not in get_args(TextLayer):
            raise OptionError(f"text_layer must be never or auto, not {self.text_layer!r}")
        if self.drafts not in get_args(Drafts):
            raise OptionError(f"drafts must be auto or none, not {self.drafts!r}")
        if self.page_deadline is not None:
            check_number("page_deadline", self.page_deadline, 0.0, math.inf)
        for name in ("charts", "seals", "images", "merge", "turn"):
            check_flag(name, getattr(self, name))
        for name in _BY_BLOCK:
            if name in self.request:
                raise OptionError(f"{name} is not for documents: each block has a task of its own")
        RequestOptions(**self.request)

    @classmethod
    def of(cls, keywords: ParseKeywords) -> Self:
        """The options that were given, the others at their defaults.

        Raises:
            OptionError: a value is out of range.
        """
        given: Mapping[str, Any] = keywords
        of_requests = ReadOptions.__annotations__
        for name in given:
            if name not in ParseKeywords.__annotations__:
                raise TypeError(f"there is no argument {name!r}")
        own = {name: value for name, value in given.items() if name not in of_requests}
        rest: Any = {name: value for name, value in given.items() if name in of_requests}
        return cls(**own, request=rest)

    def parts(
        self,
        layout: Layout,
        reader: Reader,
        *,
        memory: Memory | None = None,
        page_images: bool = False,
    ) -> Parts:
        """What pages are read with.

        Args:
            layout: finds their regions.
            reader: reads their blocks.
            memory: what was read before; None for nothing.
            page_images: keep a picture of each page.
        """
        return Parts(
            layout,
            reader,
            memory or Memory(None, {}),
            self.blocks_for(reader),
            page_deadline=self.page_deadline,
            uses_text_layer=self.text_layer == "auto",
            turns_pages=self.turn,
            page_images=page_images,
            gives_drafts=self.gives_drafts_to(reader),
        )

    def gives_drafts_to(self, reader: Reader) -> bool:
        """Whether this reader is told what blocks probably say; it may have no use for that."""
        return (
            self.drafts == "auto"
            and getattr(reader, "takes_drafts", False)
            and not self.request.get("temperature")
        )

    def blocks_for(self, reader: Reader) -> BlockOptions:
        """How blocks are read by this reader, whose model may say what it can read."""
        info = getattr(reader, "info", None)  # a client has none
        return BlockOptions(
            charts=self.charts,
            seals=self.seals,
            images=self.images,
            merge=self.merge,
            max_lines=getattr(info, "max_lines", 0),
            tasks=frozenset(getattr(info, "tasks", ()) or TASKS),
            find_lines=find_lines,
            request=self.request,
        )
