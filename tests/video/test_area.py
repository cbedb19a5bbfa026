# SPDX-License-Identifier: Apache-2.0
"""The part of a frame that is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ppocrvl.errors import OptionError
from ppocrvl.video.area import box_of, checked_area, parse_area

if TYPE_CHECKING:
    from ppocrvl.video.area import Area


@pytest.mark.parametrize(
    ("area", "box"),
    [
        (None, (0, 0, 320, 180)),
        ("bottom", (0, 120, 320, 180)),
        ((10, 20, 30, 40), (10, 20, 30, 40)),
        ((300, 100, 999, 999), (300, 100, 320, 180)),
    ],
)
def test_the_box_of_an_area(area: Area, box: tuple[int, int, int, int]) -> None:
    assert box_of(area, 320, 180) == box


def test_what_users_write() -> None:
    assert [parse_area(one) for one in (None, "bottom", "1,2,3,4")] == [
        None,
        "bottom",
        (1, 2, 3, 4),
    ]


@pytest.mark.parametrize("text", ["top", "1,2,3", "1,2,3,x", "5,0,5,9", "-1,0,5,9"])
def test_what_is_no_area(text: str) -> None:
    with pytest.raises(OptionError, match="region"):
        parse_area(text)


@pytest.mark.parametrize("area", ["top", (1, 2, 3), (1.5, 2, 3, 4), 7])
def test_what_is_no_area_in_python(area: object) -> None:
    with pytest.raises(OptionError, match="region"):
        checked_area(area)
