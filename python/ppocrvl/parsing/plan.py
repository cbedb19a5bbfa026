# SPDX-License-Identifier: Apache-2.0
"""From a page and its regions to what the model is asked, block by block."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ppocrvl.parsing.crops import Stack, clipped, crop, stack, without_margin
from ppocrvl.parsing.label_tasks import (
    keeps_picture,
    left_unmerged,
    task_for,
)
from ppocrvl.parsing.merging import Group, merge_blocks
from ppocrvl.parsing.pictures import picture_of
from ppocrvl.parsing.strips import rows_of, strips
from ppocrvl.parsing.table_figures import (
    LEAST_SIDE,
    figure_tokens,
    figures_inside,
    paint_tokens,
)
from ppocrvl.requests.options import ReadOptions
from ppocrvl.requests.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ppocrvl.document.types import Box, Picture, PointsBox
    from ppocrvl.layout.region import Region
    from ppocrvl.parsing.block_options import BlockOptions
    from ppocrvl.parsing.crops import Pixels

POINTS_PER_INCH = 72.0


@dataclass(frozen=True, slots=True)
class PlannedBlock:
    """A block that is to be read, and what is needed to make a `Block` of the answers.

    Attributes:
        index: place on its page in reading order, from 0.
        region: where and what it is; its box lies on the page.
        box_points: its box in PDF points.
        task: what is asked; None where nothing is read.
        requests: one for each strip of it, from top to bottom, mostly one; none where nothing is
            read, and where the text goes to the first block of its group.
        group: number of the blocks that are read as one.
        pictures: of a figure its pixels; of a table the figures in it.
        tokens: file name of the picture that each token in a table stands for.
        line_boxes: of its lines of text, from top to bottom, in pixels of the page; may be empty.
        error: why it cannot be read.
    """

    index: int
    region: Region
    box_points: PointsBox
    task: str | None = None
    requests: tuple[Request, ...] = ()
    group: int | None = None
    pictures: tuple[Picture, ...] = ()
    tokens: Mapping[str, str] = field(default_factory=dict)
    line_boxes: tuple[Box, ...] = ()
    error: str | None = None


def plan_page(
    pixels: Pixels,
    regions: Sequence[Region],
    options: BlockOptions,
    *,
    page: int = 0,
    dpi: float = 0.0,
) -> list[PlannedBlock]:
    """The blocks of a page in reading order, with the requests to the model.

    Blocks that go on beside or under something else are read as one; figures in tables become part
    of the table; a block of more lines than the model can read is cut.

    Args:
        pixels: of the page, uint8 [height, width, 3], RGB, upright.
        regions: of the page in reading order, after the layout's filters.
        options: how blocks are read.
        page: index of the page in its document, for the names of pictures.
        dpi: pixels per inch of `pixels`; 0 where unknown: a pixel is a point.
    """
    height, width = pixels.shape[:2]
    regions = [replace(one, box=clipped(one.box, width, height)) for one in regions]
    page_plan = _PagePlan(
        pixels, regions, options, page=page, scale=POINTS_PER_INCH / dpi if dpi else 1.0
    )
    return page_plan.blocks()


class _PagePlan:
    """What the blocks of one page share while they are planned."""

    def __init__(
        self,
        pixels: Pixels,
        regions: Sequence[Region],
        options: BlockOptions,
        *,
        page: int,
        scale: float,
    ) -> None:
        self._pixels = pixels
        self._regions = regions
        self._options = options
        self._page = page
        self._scale = scale
        # Figures that a table may hold, with a token for each (PaddleX `gather_imgs`).
        self._figures = [i for i, one in enumerate(regions) if one.label in {"image", "seal"}]
        self._tokens = figure_tokens(len(self._figures))
        self._pictures = self._kept_pictures()

    def blocks(self) -> list[PlannedBlock]:
        """All of them, without the figures that tables hold."""
        regions, options = self._regions, self._options
        inside = {
            figure for one in regions if one.label == "table" for figure in self._figures_in(one)
        }
        if options.merge:
            groups = merge_blocks(
                [one.box for one in regions],
                [one.label for one in regions],
                left_unmerged(options),
            )
        else:
            groups = [Group((i,)) for i in range(len(regions))]
        blocks: list[PlannedBlock] = []
        for group in groups:
            if group.members[0] not in inside:
                blocks += self._group(group, len(blocks))
        return blocks

    def _kept_pictures(self) -> dict[int, Picture]:
        pictures: dict[int, Picture] = {}
        for i, region in enumerate(self._regions):
            if keeps_picture(region.label, self._options) and _area(region.box):
                pictures[i] = picture_of(
                    crop(self._pixels, region.box, region.polygon),
                    page=self._page,
                    label=region.label,
                    number=len(pictures) + 1,
                )
        return pictures

    def _figures_in(self, table: Region) -> list[int]:
        boxes = [self._regions[i].box for i in self._figures]
        return [self._figures[i] for i in figures_inside(table.box, boxes)]

    def _group(self, group: Group, index: int) -> list[PlannedBlock]:
        first = self._block(group, index)
        number = index if len(group.members) > 1 else None
        rest = [
            self._bare(member, index + i) for i, member in enumerate(group.members[1:], start=1)
        ]
        return [replace(one, group=number) for one in (first, *rest)]

    def _bare(self, member: int, index: int) -> PlannedBlock:
        region = self._regions[member]
        x0, y0, x1, y1 = (value * self._scale for value in region.box)
        return PlannedBlock(index, region, (x0, y0, x1, y1))

    def _block(self, group: Group, index: int) -> PlannedBlock:
        member = group.members[0]
        region = self._regions[member]
        bare = self._bare(member, index)
        picture = self._pictures.get(member)
        if picture is not None:
            bare = replace(bare, pictures=(picture,))
        task = task_for(region.label, self._options)
        if task is None:
            return bare
        parts = [self._regions[i] for i in group.members]
        whole = stack([crop(self._pixels, p.box, p.polygon) for p in parts], group.aligns)
        if not whole.pixels.size:
            return replace(bare, task=task, error="the region holds no pixels of the page")
        if task == "table":
            return self._table(bare, whole.pixels)
        if task == "formula":
            return self._reading(bare, task, [without_margin(whole.pixels)])
        if task == "ocr" and self._options.find_lines is not None:
            return self._in_lines(bare, whole, parts)
        return self._reading(bare, task, [whole.pixels])

    def _reading(self, block: PlannedBlock, task: str, pixels: Sequence[Pixels]) -> PlannedBlock:
        asked = self._options.request | ReadOptions(task=task)
        requests = tuple(Request(one, **asked) for one in pixels)
        return replace(block, task=task, requests=requests)

    def _table(self, block: PlannedBlock, pixels: Pixels) -> PlannedBlock:
        x0, y0 = block.region.box[:2]
        figures = [i for i in self._figures_in(block.region) if i in self._pictures]
        large = [i for i in figures if _shorter_side(self._regions[i].box) >= LEAST_SIDE]
        boxes = [_moved(self._regions[i].box, -x0, -y0) for i in large]
        tokens = [self._tokens[self._figures.index(i)] for i in large]
        names = {token: self._pictures[i].name for token, i in zip(tokens, large, strict=True)}
        painted = paint_tokens(pixels, boxes, tokens) if tokens else pixels
        pictures = tuple(self._pictures[i] for i in figures)
        return replace(self._reading(block, "table", [painted]), pictures=pictures, tokens=names)

    def _in_lines(self, block: PlannedBlock, whole: Stack, parts: Sequence[Region]) -> PlannedBlock:
        assert self._options.find_lines is not None  # noqa: S101 - asked before
        rows = rows_of(self._options.find_lines(whole.pixels))
        cuts = strips(rows, whole.pixels.shape[0], self._options.max_lines)
        on_page = []
        for row in rows:
            part = whole.part_at((row[1] + row[3]) / 2)
            (left, top), box = whole.places[part], parts[part].box
            on_page.append(clipped(_moved(row, box[0] - left, box[1] - top), *self._size))
        planned = self._reading(block, "ocr", [whole.pixels[a:b] for a, b in cuts])
        return replace(planned, line_boxes=tuple(on_page))

    @property
    def _size(self) -> tuple[int, int]:
        height, width = self._pixels.shape[:2]
        return width, height


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _shorter_side(box: Box) -> int:
    return min(box[2] - box[0], box[3] - box[1])


def _moved(box: Box, x: int, y: int) -> Box:
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y
