# SPDX-License-Identifier: Apache-2.0
"""Lines of text in a block, and pieces of lines on a page, also where it is a little askew."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ppocrvl.images.components import find_components
from ppocrvl.images.ink import ink_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

Box: TypeAlias = tuple[int, int, int, int]

MAX_SLOPE = 0.035
"""Rise of a line by its length: 2 degrees, a little more than a sheet is laid askew."""
_N_SLOPES = 29
_COLUMNS = 16
"""Pixels of a row that are sheared together: the steepest line rises by half a pixel in them."""
_SPECK = 3
"""Pixels; what is no higher is dust, a dot or a rule."""
_USUAL_HEIGHT = 12
"""Of a letter in pixels, where nothing tells it."""
_WORD_GAP = 1.3
"""Widest gap within a line, in heights of a letter."""
RULE = 0.35
"""A part with a shorter side, in heights of a letter, is a rule if it is longer than…"""
_LONG = 3.0
"""… this."""
_VALLEY = 0.03
"""Rows with no more ink than this share of a full row's are between two lines."""
_MARK = 0.6
"""What is lower than this, or nearer to a line, in heights of a letter, is a mark of the line."""
_MAX_LINE = 2.0
"""Height of a line's ink, ascenders and descenders included, in heights of a letter."""
_TALL = 1.6
"""A line of more than this many usual ones is two that touch."""


def find_lines(pixels: NDArray[np.uint8]) -> list[Box]:
    """The lines of a block of horizontal text, from top to bottom.

    The block is sheared by the slope that makes its rows most unlike each other, and cut where
    rows are empty or nearly so. Boxes of neighbours may overlap where lines slope.

    Args:
        pixels: uint8 [h, w, 3], RGB, or [h, w], grey: one column of text.

    Returns:
        (x0, y0, x1, y1) in pixels of each line's ink, x1 and y1 exclusive; [] where there is none.
    """
    ink = ink_mask(pixels)
    rows, columns = np.nonzero(ink)
    if len(rows) == 0:
        return []
    letter = letter_height(ink)
    slope = _slope(ink)
    sheared = np.rint(rows - slope * columns).astype(np.int64)
    sheared -= sheared.min()
    found = []
    for top, bottom in _bands(np.bincount(sheared), letter):
        inside = (sheared >= top) & (sheared < bottom)
        found.append(_hull(rows[inside], columns[inside]))
    return found


def page_slope(pixels: NDArray[np.uint8]) -> float:
    """Rise of the lines of a page by their length, positive where they go down to the right.

    Args:
        pixels: uint8 [h, w, 3], RGB, or [h, w], grey.

    Returns:
        From `-MAX_SLOPE` to `MAX_SLOPE`; 0 where there is no ink.
    """
    ink = ink_mask(pixels)
    return _slope(ink) if ink.any() else 0.0


def line_pieces(ink: NDArray[np.bool_]) -> tuple[NDArray[np.int64], float]:
    """Parts of lines on a page: words close enough to be one line, and whatever else has ink.

    Single rules are parts of their own: a word beside one does not belong to it.

    Args:
        ink: bool [h, w].

    Returns:
        int64 [n, 4], the box of each, and the height of a letter in pixels.
    """
    parts = find_components(ink)
    boxes = parts.boxes()
    letter = _usual_height(boxes)
    sides = boxes[:, 2:] - boxes[:, :2]
    shorter, longer = sides.min(axis=1, initial=2**31), sides.max(axis=1, initial=0)
    is_rule = (shorter < RULE * letter) & (longer > _LONG * letter)
    words = find_components(
        parts.mask((ink.shape[0], ink.shape[1]), ~is_rule), round(_WORD_GAP * letter)
    )
    return np.concatenate((words.boxes(), boxes[is_rule])), letter


def letter_height(ink: NDArray[np.bool_]) -> float:
    """The usual height of a connected piece of ink: about that of a small letter, in pixels."""
    return _usual_height(find_components(ink).boxes())


def _usual_height(boxes: NDArray[np.int64]) -> float:
    widths, heights = (boxes[:, 2:] - boxes[:, :2]).T
    letters = heights[(heights > _SPECK) & (widths < 4 * heights) & (heights < 8 * widths)]
    return float(np.median(letters)) if len(letters) else float(_USUAL_HEIGHT)


def _slope(ink: NDArray[np.bool_]) -> float:
    """Of the lines: where rows are sheared by it, ink is in as few of them as can be."""
    counts = np.add.reduceat(ink, np.arange(0, ink.shape[1], _COLUMNS), axis=1, dtype=np.int64)
    rows, groups = np.nonzero(counts)
    weights, columns = counts[rows, groups], (groups + 0.5) * _COLUMNS

    def sharpness(slope: float) -> float:
        sheared = np.rint(rows - slope * columns).astype(np.int64)
        return float(np.square(np.bincount(sheared - sheared.min(), weights)).sum())

    candidates = np.linspace(-MAX_SLOPE, MAX_SLOPE, _N_SLOPES)
    # Of equal ones that nearest to level: a single row of dots says nothing.
    return float(max(sorted(candidates, key=abs), key=sharpness))


def _bands(profile: NDArray[np.int64], letter: float) -> list[tuple[int, int]]:
    """(first row, row after the last) of each line, by how much ink each row has."""
    full = float(np.percentile(profile[profile > 0], 80))
    bands = _stretches(profile > _VALLEY * full)
    bands = _join_marks(bands, letter)
    heights = [bottom - top for top, bottom in bands]
    usual = min(max(float(np.median(heights)), 1.2 * letter), _MAX_LINE * letter)
    lines = []
    for top, bottom in bands:
        lines += _split(profile, top, bottom, usual)
    return _widened(lines, round(_MARK * letter), len(profile))


def _widened(lines: list[tuple[int, int]], reach: int, n_rows: int) -> list[tuple[int, int]]:
    """With what little ink stands near them, such as a dot: half of the space to the next."""
    middles = [(a[1] + b[0] + 1) // 2 for a, b in pairwise(lines)]
    return [
        (max(top - reach, low), min(bottom + reach, high))
        for (top, bottom), low, high in zip(lines, [0, *middles], [*middles, n_rows], strict=True)
    ]


def _stretches(is_set: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_set, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _join_marks(bands: list[tuple[int, int]], letter: float) -> list[tuple[int, int]]:
    """Bands too low for letters go to the nearer neighbour: accents, dots, underlines."""
    joined: list[tuple[int, int]] = []
    for i, (top, bottom) in enumerate(bands):
        is_low = bottom - top < _MARK * letter
        above = top - joined[-1][1] if joined else None
        below = bands[i + 1][0] - bottom if i + 1 < len(bands) else None
        if is_low and below is not None and below <= letter and (above is None or below <= above):
            bands[i + 1] = (top, bands[i + 1][1])
        elif is_low and above is not None and above <= letter:
            joined[-1] = (joined[-1][0], bottom)
        else:
            joined.append((top, bottom))
    return joined


def _split(
    profile: NDArray[np.int64], top: int, bottom: int, usual: float
) -> list[tuple[int, int]]:
    """Cuts a band that holds several lines at its emptiest rows."""
    if bottom - top <= _TALL * usual:
        return [(top, bottom)]
    margin = max(1, round(0.6 * usual))
    middle = profile[top + margin : bottom - margin]
    if len(middle) == 0 or middle.min() > 0.5 * np.percentile(profile[top:bottom], 80):
        return [(top, bottom)]  # one piece: a figure, or large type
    cut = top + margin + int(np.argmin(middle))
    return _split(profile, top, cut, usual) + _split(profile, cut, bottom, usual)


def _hull(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Box:
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
