# SPDX-License-Identifier: Apache-2.0
"""Stretches of a video in which its text stays: each is read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from ppocrvl.video.looks import Look
    from ppocrvl.video.strokes import Strokes

CUT = 24.0
"""Mean difference in shades of 255 between two neighbouring frames, reduced, of which the second
begins a scene. Between what was measured within scenes and at cuts of made images
(docs/video.md)."""
BRIEF = 1.2
"""Seconds: what is surely shown for less may be a text that fades into the next."""
MOST_WAITING = 8
"""Brief stretches after which what follows is no longer waited for."""


@dataclass(slots=True)
class Span:
    """A stretch. It holds one frame: those of 8K are large.

    Attributes:
        begin: seconds.
        end: likewise.
        first: strokes that it began with.
        last: of what was looked at last, its area as cuts are found in it.
        best: what has the most strokes: a text that fades in is complete there.
    """

    begin: float
    end: float
    first: Strokes
    last: NDArray[np.int16]
    best: Look

    @classmethod
    def of(cls, look: Look) -> Span:
        """One that begins."""
        return cls(look.shown.begin, look.shown.end, look.strokes, look.small, look)

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to read."""
        return self.best.strokes.is_blank


def is_other_text(span: Span, look: Look) -> bool:
    """Whether the text is no longer that of the stretch's first frame."""
    return span.first.differ(look.strokes)


def is_cut(span: Span, look: Look) -> bool:
    """Whether a scene begins."""
    return float(np.abs(look.small - span.last).mean()) > CUT


def unchanged(looks: Iterable[Look], changes: Callable[[Span, Look], bool]) -> Iterator[Span]:
    """Stretches without a change, from the first frame that was looked at to the last.

    Args:
        looks: in the order of time.
        changes: whether a look begins another stretch than that before it.
    """
    span: Span | None = None
    for look in looks:
        if span is None or changes(span, look):
            if span is not None:
                yield span
            span = Span.of(look)
            continue
        span.end, span.last = look.shown.end, look.small
        if look.strokes.count > span.best.strokes.count:
            span.best = look
    if span is not None:
        yield span


def settled(spans: Iterable[Span]) -> Iterator[Span]:
    """The same without those in which one text fades into the next: their neighbours get the time.

    A caption or slide that comes or goes gradually is partly there for a moment: all that is seen
    then is seen before or after it as well.
    """
    line: list[Span] = []  # one that is settled, and brief ones after it
    for span in spans:
        line.append(span)
        if len(line) > 2:
            before, last = line[-3], line[-2]
            is_brief = span.begin - before.end <= BRIEF and not last.is_blank
            if not is_brief or len(line) > MOST_WAITING:
                *done, next_first = _without_fades(line[:-1])
                yield from done
                line = [next_first, span]
    yield from _without_fades(line)


def _without_fades(line: list[Span]) -> list[Span]:
    """Gives the brief ones between the first and the last to them, where they belong to them."""
    if len(line) < 3:
        return line
    first, *brief, last = line
    while brief and _fades(brief[0], first, last, into=first):
        first.end = brief.pop(0).end
    while brief and _fades(brief[-1], first, last, into=last):
        last.begin = brief.pop().begin
    return [first, *brief, last]


def _fades(span: Span, first: Span, last: Span, *, into: Span) -> bool:
    strokes = span.best.strokes
    one, other = first.best.strokes, last.best.strokes
    if span.is_blank or not strokes.lies_within(one, other):
        return False
    nearer = last if strokes.shared(other) >= strokes.shared(one) else first
    return nearer is into


def touching(spans: Iterable[Span]) -> Iterator[Span]:
    """The same, each to the middle of what was not looked at between it and its neighbours."""
    before: Span | None = None
    for span in spans:
        if before is not None:
            before.end = span.begin = (before.end + span.begin) / 2
            yield before
        before = span
    if before is not None:
        yield before
