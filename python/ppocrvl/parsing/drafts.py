# SPDX-License-Identifier: Apache-2.0
"""What the blocks of a page will probably be read as, by the text layer of its document.

The reader compares what it reads with that and is faster where they agree; what is read stays the
same. So nothing of the layer has to be trusted here, as it has to be in `text_layer`.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ppocrvl.parsing.text_layer import LIGATURES, LINE_BREAKS
from ppocrvl.requests.options import GUESSED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from ppocrvl.document.types import Box
    from ppocrvl.parsing.plan import PlannedBlock
    from ppocrvl.parsing.text_layer import LayerCharacter

_INSIDE = 0.5
"""Share of a letter within a box from which on it belongs there."""
_LONGEST = 1 << 16
"""Characters of a draft: an answer is shorter."""
_MOST_CELLS = 4096
"""Of a table that is guessed; more is something else than a table."""
_ROW_GAP, _COLUMN_GAP, _WORD_GAP = 0.6, 1.0, 0.2
"""Between middles of letters of different rows; between letters of different cells, and of
different words: in heights of a letter."""


def with_drafts(
    blocks: Sequence[PlannedBlock], characters: Sequence[LayerCharacter]
) -> list[PlannedBlock]:
    """The blocks, each request with what its answer will probably be.

    Where the layer has nothing, or says it in another way than the reader does (formulas), that is
    what the answer repeats of itself.

    Args:
        blocks: of a page.
        characters: of its text layer, in its pixels and in the order of the document; may be none.
    """
    layer = LayerText(characters)
    return [
        replace(
            block,
            requests=tuple(
                replace(request, draft=draft[:_LONGEST] or GUESSED)
                for request, draft in zip(
                    block.requests, _drafts(block, blocks, layer), strict=True
                )
            ),
        )
        for block in blocks
    ]


def _drafts(block: PlannedBlock, blocks: Sequence[PlannedBlock], layer: LayerText) -> Iterator[str]:
    """One for each request of a block."""
    if block.task == "table":
        yield from (layer.table(block.region.box) for _ in block.requests)
    elif block.task != "ocr":
        yield from ("" for _ in block.requests)
    elif block.group is not None:
        members = [one.region.box for one in blocks if one.group == block.group]
        text = "\n".join(filter(None, map(layer.text, members)))
        yield from (text for _ in block.requests)
    else:
        x0, top, x1, _ = block.region.box
        for request in block.requests:  # strips of it, from top to bottom
            bottom = top + np.asarray(request.image).shape[0]
            yield layer.text((x0, top, x1, bottom))
            top = bottom


class LayerText:
    """Finds what a text layer has in a box.

    Args:
        characters: of the page, in the order of the document.
    """

    def __init__(self, characters: Sequence[LayerCharacter]) -> None:
        self._texts = [one.text.translate(LIGATURES) for one in characters]
        self._boxes: npt.NDArray[np.float64] = np.array([one.box for one in characters]).reshape(
            -1, 4
        )
        sides = np.maximum(0.0, self._boxes[:, 2:] - self._boxes[:, :2])
        self._areas = sides[:, 0] * sides[:, 1]
        is_space = np.array([one.isspace() for one in self._texts], dtype=bool)
        self._is_letter = (self._areas > 0) & ~is_space
        self._is_break = np.array([one in LINE_BREAKS for one in self._texts], dtype=bool)
        # Other white space, which has no place, belongs where the letter before it does.
        places = np.where(self._is_letter, np.arange(len(self._texts)), -1)
        self._letter_before = np.maximum.accumulate(places)

    def text(self, box: Box) -> str:
        """What lies in the box, line by line; empty where there is nothing."""
        inside = np.append(self._letters_in(box), False)[self._letter_before]
        text = "".join(self._texts[i] for i in np.flatnonzero(inside | self._is_break))
        lines = _valid(text).splitlines()
        return "\n".join(" ".join(line.split()) for line in lines if line.strip())

    def table(self, box: Box) -> str:
        """What lies in the box as a table in OTSL, cells where there is space between letters.

        The row of most cells says how many columns there are, and where. Empty where there is
        nothing, or more than a table has.
        """
        letters = np.flatnonzero(self._letters_in(box))
        if not letters.size:
            return ""
        rows = [self._cells(row) for row in self._rows(letters)]
        most = max(map(len, rows))
        if most * len(rows) > _MOST_CELLS:
            return ""
        middles = np.mean([[_middle(cell) for cell in row] for row in rows if len(row) == most], 0)
        return _valid("".join(_otsl_row(row, middles) for row in rows))

    def _letters_in(self, box: Box) -> npt.NDArray[np.bool_]:
        low = np.maximum(self._boxes[:, :2], box[:2])
        high = np.minimum(self._boxes[:, 2:], box[2:])
        sides = np.maximum(0.0, high - low)
        inside: npt.NDArray[np.bool_] = self._is_letter & (
            sides[:, 0] * sides[:, 1] >= _INSIDE * self._areas
        )
        return inside

    def _rows(self, letters: npt.NDArray[np.intp]) -> Iterator[npt.NDArray[np.intp]]:
        """The letters of each row, from left to right."""
        middles = self._boxes[letters][:, [1, 3]].mean(axis=1)
        order = np.argsort(middles, kind="stable")
        height = self._height(letters)
        edges = np.flatnonzero(np.diff(middles[order]) > _ROW_GAP * height) + 1
        for row in np.split(letters[order], edges):
            yield row[np.argsort(self._boxes[row, 0], kind="stable")]

    def _cells(self, row: npt.NDArray[np.intp]) -> list[tuple[str, float, float]]:
        """Texts of a row with where they begin and end."""
        height = self._height(row)
        left, right = self._boxes[row, 0], self._boxes[row, 2]
        gaps = [0.0, *(left[1:] - np.maximum.accumulate(right)[:-1])]
        starts = [0, *(i for i, gap in enumerate(gaps) if gap > _COLUMN_GAP * height), len(row)]
        cells = []
        for begin, end in pairwise(starts):
            text = ""
            for i in range(begin, end):
                space = " " if i > begin and gaps[i] > _WORD_GAP * height else ""
                text += space + self._texts[row[i]]
            cells.append((text, float(left[begin]), float(right[begin:end].max())))
        return cells

    def _height(self, letters: npt.NDArray[np.intp]) -> float:
        return float(np.median(self._boxes[letters, 3] - self._boxes[letters, 1]))


def _middle(cell: tuple[str, float, float]) -> float:
    _, left, right = cell
    return (left + right) / 2


def _otsl_row(row: Sequence[tuple[str, float, float]], middles: npt.NDArray[np.float64]) -> str:
    columns = [""] * len(middles)
    for cell in row:
        nearest = int(np.argmin(np.abs(middles - _middle(cell))))
        columns[nearest] = f"{columns[nearest]} {cell[0]}".strip()
    return "".join(f"<fcel>{text}" if text else "<ecel>" for text in columns) + "<nl>"


def _valid(text: str) -> str:
    """Without what is no Unicode: a layer may hold anything."""
    return text.encode(errors="ignore").decode()
