# SPDX-License-Identifier: Apache-2.0
"""Stretches in which a text stays; what fades belongs to its neighbours."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.video.clips import slide

from ppocrvl.video.looks import Look, looked_at
from ppocrvl.video.spans import (
    MOST_WAITING,
    is_cut,
    is_other_text,
    settled,
    touching,
    unchanged,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

ONE, OTHER = slide("The first slide"), slide("Quite another", "on two lines")
BLANK = slide()


def looks(shown: Iterable[tuple[float, np.ndarray]], lasts: float = 0.04) -> list[Look]:
    """Looks at pictures with their times."""
    return list(looked_at([frame(at, pixels, lasts) for at, pixels in shown], None))


@dataclass(frozen=True)
class Still:
    """A frame, as far as it is looked at."""

    begin: float
    end: float
    pixels: np.ndarray

    def grey(self) -> np.ndarray:
        return self.pixels[..., 0]

    def rgb(self) -> np.ndarray:
        return self.pixels


def frame(at: float, pixels: np.ndarray, lasts: float = 0.04) -> Any:
    """What is shown at a time."""
    return Still(at, at + lasts, pixels)


def found(shown: list[tuple[float, np.ndarray]]) -> list[tuple[float, float, bool]]:
    spans = touching(settled(unchanged(looks(shown), is_other_text)))
    return [(round(one.begin, 2), round(one.end, 2), one.is_blank) for one in spans]


def mixed(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    return (one * (1 - share) + other * share).astype(np.uint8)


def test_bounds_are_between_what_was_seen() -> None:
    shown = [(0.0, ONE), (0.5, ONE), (1.0, OTHER), (1.5, OTHER)]
    assert found(shown) == [(0.0, 0.77, False), (0.77, 1.54, False)]


def test_one_slide_fades_into_the_next() -> None:
    shown = [(0.0, ONE), (0.5, ONE), (1.0, mixed(ONE, OTHER, 0.5)), (1.5, OTHER), (2.0, OTHER)]
    spans = found(shown)
    assert len(spans) == 2
    assert spans[0][1] == pytest.approx(1.0, abs=0.3)


def test_a_fade_of_many_frames() -> None:
    times = [number * 0.04 for number in range(75)]
    shown = [(at, mixed(ONE, OTHER, min(max(at - 1, 0), 1))) for at in times]
    spans = found(shown)
    assert len(spans) == 2
    assert spans[0][1] == pytest.approx(1.5, abs=0.5)


def test_a_text_that_fades_in_is_complete_where_it_is_read() -> None:
    shown = [(0.0, BLANK), (0.5, BLANK), (1.0, mixed(BLANK, ONE, 0.3)), (1.5, ONE), (2.0, ONE)]
    spans = list(touching(settled(unchanged(looks(shown), is_other_text))))
    assert [one.is_blank for one in spans] == [True, False]
    assert np.array_equal(spans[1].best.pixels(trims=False), ONE)


def test_the_fullest_frame_is_read() -> None:
    shown = [(0.0, BLANK), (0.5, ONE), (1.0, slide("The"))]
    (span,) = unchanged(looks(shown), lambda *_: False)
    assert np.array_equal(span.best.pixels(trims=False), ONE)
    assert (span.begin, span.end) == (0.0, 1.04)


def test_a_text_that_is_seen_once_is_no_fade() -> None:
    third = slide("Only briefly")
    shown = [(0.0, ONE), (0.5, ONE), (1.0, third), (1.5, OTHER), (2.0, OTHER)]
    assert len(found(shown)) == 3


def test_a_text_that_grows_slowly_is_two() -> None:
    first, grown = slide("A point"), slide("A point", "and one more")
    shown = [(at * 0.5, (OTHER, first, grown)[at // 4]) for at in range(12)]
    assert len(found(shown)) == 3


def test_a_pause_between_two_texts_stays() -> None:
    shown = [(0.0, ONE), (0.5, BLANK), (1.0, ONE), (1.5, ONE)]
    assert [is_blank for _, _, is_blank in found(shown)] == [False, True, False]


def test_no_more_than_some_are_waited_for() -> None:
    """However fast texts follow each other, few frames are held."""
    begun: list[int] = []

    def counted() -> Any:
        for number in range(60):
            begun.append(number)
            yield number * 0.1, slide(f"Number {number}") if number % 2 else slide("x", f"{number}")

    spans = settled(
        unchanged((one for shown in counted() for one in looks([shown])), is_other_text)
    )
    given = []
    for number, span in enumerate(spans):
        given.append(span)
        assert len(begun) - number < 15
    assert len(given) == 60


def test_a_stretch_holds_one_frame() -> None:
    """Of 8K, each takes 50 MB."""
    seen: list[weakref.ref[Still]] = []

    def frames() -> Any:
        for number in range(60):  # three of each text
            text = number // 3
            pixels = slide(f"Number {text}") if text % 2 else slide("x", f"{text}")
            shown = frame(number * 0.1, pixels)
            seen.append(weakref.ref(shown))
            yield shown

    spans = settled(unchanged(looked_at(frames(), None), is_other_text))
    held = [sum(one() is not None for one in seen) for _ in spans]
    assert len(held) == 20
    assert max(held) <= MOST_WAITING + 5  # that and the next, and what the generators are at


def test_a_cut_begins_a_scene() -> None:
    dark, light = np.full((90, 160, 3), 40, np.uint8), np.full((90, 160, 3), 200, np.uint8)
    shown = [(0.0, dark), (0.1, dark + 5), (0.2, light), (0.3, light - 5)]
    spans = list(touching(unchanged(looks(shown), is_cut)))
    assert [round(one.begin, 2) for one in spans] == [0.0, 0.17]


def test_a_trimmed_picture_holds_the_text() -> None:
    (look,) = looks([(0.0, ONE)])
    height, width = look.pixels(trims=True).shape[:2]
    assert height < 50
    assert width < 250
    assert look.pixels(trims=False).shape == ONE.shape
