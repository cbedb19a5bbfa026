# SPDX-License-Identifier: Apache-2.0
"""Readings of one text become one caption."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from ppocrvl.video.captions import Caption
from ppocrvl.video.merging import edits, merged


def reading(begin: float, end: float, text: str, chance: float = 0.99) -> Caption:
    return Caption(begin, end, text, chance, chance)


def test_the_same_text_twice_is_one_caption() -> None:
    (one,) = merged([reading(0, 1, "Hello  there"), reading(1, 2, "Hello there")], gap=0.5)
    assert (one.begin, one.end, one.readings) == (0, 2, 2)


def test_of_two_readings_the_surer_one_wins() -> None:
    for first, second in ((0.6, 0.95), (0.95, 0.6)):
        texts = ("Hcllo there", "Hello there") if first < second else ("Hello there", "Hcllo there")
        (one,) = merged([reading(0, 1, texts[0], first), reading(1, 2, texts[1], second)], gap=0.5)
        assert one.text == "Hello there"
        assert (one.begin, one.end, one.confidence) == (0, 2, 0.95)


def test_two_sure_readings_are_two_texts() -> None:
    clock = [reading(0, 1, "It is 12:01"), reading(1, 2, "It is 12:02")]
    assert len(list(merged(clock, gap=0.5))) == 2


def test_a_doubtful_reading_of_another_text_stays_one() -> None:
    found = merged([reading(0, 1, "Good morning", 0.5), reading(1, 2, "Where is he?")], gap=0.5)
    assert len(list(found)) == 2


def test_a_pause_parts_what_is_said_twice() -> None:
    assert len(list(merged([reading(0, 1, "No."), reading(3, 4, "No.")], gap=0.5))) == 2


def test_what_has_no_text_is_left_out() -> None:
    assert not list(merged([reading(0, 1, " \n")], gap=0.5))


texts = st.text("ab ", max_size=8)


def slow_edits(one: str, other: str) -> int:
    """By its definition."""
    if not one or not other:
        return len(one) + len(other)
    return min(
        slow_edits(one[1:], other) + 1,
        slow_edits(one, other[1:]) + 1,
        slow_edits(one[1:], other[1:]) + (one[0] != other[0]),
    )


@given(st.text("ab", max_size=5), st.text("ab", max_size=5), st.integers(0, 6))
def test_edits_are_levenshteins(one: str, other: str, most: int) -> None:
    assert edits(one, other, most) == min(slow_edits(one, other), most + 1)


@given(
    st.lists(st.tuples(st.floats(0.01, 2), st.floats(0, 1), texts, st.floats(0, 1)), max_size=12)
)
def test_captions_follow_each_other(parts: list[tuple[float, float, str, float]]) -> None:
    at, readings = 0.0, []
    for length, pause, text, chance in parts:
        readings.append(reading(at, at + length, text, chance))
        at += length + pause
    found = list(merged(readings, gap=0.5))
    with_text = [one for one in readings if one.text.strip()]
    assert sum(one.readings for one in found) == len(with_text)
    assert all(one.end <= two.begin for one, two in itertools.pairwise(found))
    assert {one.text for one in found} <= {one.text for one in with_text}
