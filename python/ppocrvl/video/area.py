# SPDX-License-Identifier: Apache-2.0
"""The part of each frame that is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from ppocrvl.errors import OptionError

if TYPE_CHECKING:
    from ppocrvl.document.types import Box

Area: TypeAlias = "Literal['bottom'] | tuple[int, int, int, int] | None"
"""A box (x0, y0, x1, y1) in pixels of the upright frame; "bottom": the lowest third; None: all."""

_BOTTOM = 3


def parse_area(text: str | None) -> Area:
    """The area that a user writes: "bottom" or "x0,y0,x1,y1".

    Raises:
        OptionError: it is neither.
    """
    if text is None:
        return None
    if text == "bottom":
        return "bottom"
    try:
        x0, y0, x1, y1 = (int(part) for part in text.split(","))
    except ValueError as error:
        raise OptionError(
            f"region must be bottom, or x0,y0,x1,y1 in pixels, not {text!r}"
        ) from error
    return checked_area((x0, y0, x1, y1))


def checked_area(area: object) -> Area:
    """The same.

    Raises:
        OptionError: it is no area.
    """
    if area is None:
        return None
    if area == "bottom":
        return "bottom"
    sides = list(area) if isinstance(area, tuple | list) else []
    if len(sides) != 4 or not all(isinstance(side, int) for side in sides):
        raise OptionError(f"region must be 'bottom' or (x0, y0, x1, y1), not {area!r}")
    x0, y0, x1, y1 = sides
    if not (0 <= x0 < x1 and 0 <= y0 < y1):
        raise OptionError(f"region {x0},{y0},{x1},{y1} is empty: x0 < x1 and y0 < y1 are needed")
    return x0, y0, x1, y1


def box_of(area: Area, width: int, height: int) -> Box:
    """The box of an area in a frame of so many pixels.

    Raises:
        OptionError: nothing of it is in the frame.
    """
    if area is None:
        return 0, 0, width, height
    if area == "bottom":
        return 0, height - height // _BOTTOM, width, height
    x0, y0, x1, y1 = area
    if x0 >= width or y0 >= height:
        raise OptionError(
            f"region {x0},{y0},{x1},{y1} is outside of the frames of {width} x {height} pixels"
        )
    return x0, y0, min(x1, width), min(y1, height)
