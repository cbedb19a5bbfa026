# SPDX-License-Identifier: Apache-2.0
"""How frames are chosen: one model for Python and the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ppocrvl.errors import OptionError
from ppocrvl.requests.options import check_number
from ppocrvl.video.area import checked_area

if TYPE_CHECKING:
    from ppocrvl.video.area import Area

Every: TypeAlias = "float | Literal['frame', 'scene']"
DEFAULT_EVERY = 0.5
LEAST_EVERY, MOST_EVERY = 0.01, 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameOptions:
    """Which frames are looked at, and what of them. All values are checked here.

    Attributes:
        every: seconds from one frame that is looked at to the next, 0.01 to 3600; "frame": all;
            "scene": all, and one is read between two cuts.
        region: (x0, y0, x1, y1) in pixels of the upright frame; "bottom": its lowest third; None:
            all of it.

    Raises:
        OptionError: a value is out of its range.
    """

    every: Every = DEFAULT_EVERY
    region: Area = None

    def __post_init__(self) -> None:
        checked_area(self.region)
        if self.every not in ("frame", "scene"):
            if isinstance(self.every, str):
                raise OptionError(
                    f"every must be a number of seconds, frame or scene, not {self.every!r}"
                )
            check_number("every", self.every, LEAST_EVERY, MOST_EVERY)


def parse_every(text: str) -> Every:
    """What a user writes.

    Raises:
        OptionError: it is neither a number nor "frame" or "scene".
    """
    try:
        return "frame" if text == "frame" else "scene" if text == "scene" else float(text)
    except ValueError as error:
        raise OptionError(
            f"every must be a number of seconds, frame or scene, not {text!r}"
        ) from error
