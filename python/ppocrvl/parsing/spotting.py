# SPDX-License-Identifier: Apache-2.0
"""Texts with their places, as the task "spotting" answers (PaddleX `post_process_for_spotting`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ppocrvl.document.types import Polygon

_TEXT = re.compile(r"<\|TEXT_START\|>(.*?)<\|TEXT_END\|>", re.DOTALL)
_PLACE = re.compile(r"<\|LOC_BEGIN\|>(.*?)<\|LOC_END\|>", re.DOTALL)
_NUMBER = re.compile(r"<\|LOC_(\d+)\|>")
_CORNERS = 8
"""Numbers of a place: x and y of four corners, in thousandths of the picture."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A text and where it stands.

    Attributes:
        text: without white space around.
        polygon: four corners, clockwise from the upper left, in pixels.
    """

    text: str
    polygon: Polygon


def read_spots(answer: str, width: int, height: int) -> list[Spot]:
    """The texts of an answer about a picture of so many pixels.

    Two ways of writing are known: text and place each between markers, or eight numbers after each
    text, which is what models do. What follows the last place is left out.
    """
    return _marked(answer, width, height) or _plain(answer, width, height)


def _marked(answer: str, width: int, height: int) -> list[Spot]:
    pairs = zip(_TEXT.findall(answer), _PLACE.findall(answer), strict=False)
    numbers = [(text, [int(n) for n in _NUMBER.findall(place)]) for text, place in pairs]
    return [
        Spot(text.strip(), _polygon(place[:_CORNERS], width, height))
        for text, place in numbers
        if len(place) >= _CORNERS
    ]


def _plain(answer: str, width: int, height: int) -> list[Spot]:
    found = list(_NUMBER.finditer(answer))
    spots, end = [], 0
    for i in range(0, len(found) - _CORNERS + 1, _CORNERS):
        place = found[i : i + _CORNERS]
        text = answer[end : place[0].start()].strip()
        spots.append(Spot(text, _polygon([int(n[1]) for n in place], width, height)))
        end = place[-1].end()
    return spots


def _polygon(numbers: list[int], width: int, height: int) -> Polygon:
    xs, ys = numbers[0::2], numbers[1::2]
    return tuple((x / 1000 * width, y / 1000 * height) for x, y in zip(xs, ys, strict=True))
