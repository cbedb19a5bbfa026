# SPDX-License-Identifier: Apache-2.0
"""What was read in a video: texts with their times."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ppocrvl.video.writers import format_function

if TYPE_CHECKING:
    from ppocrvl.errors import PpocrvlError


@dataclass(frozen=True, slots=True)
class Caption:
    """A text, and when it is on the screen.

    Attributes:
        begin: seconds from the start of the video.
        end: likewise.
        text: what was read.
        confidence: mean probability of its tokens, 0 to 1.
        min_confidence: the lowest of them.
        readings: how often it was read; the best reading is given.
    """

    begin: float
    end: float
    text: str
    confidence: float
    min_confidence: float
    readings: int = 1


@dataclass(frozen=True, slots=True)
class VideoText:
    """The texts of a video; `str` of it is them alone.

    Attributes:
        name: of the video.
        seconds: up to the last frame.
        captions: in the order of time.
        n_frames: that were looked at.
        n_readings: how often the model read.
        errors: what went wrong, in the order of its finding: a damaged part of the video, a frame
            that could not be read. Empty where nothing did.
    """

    name: str
    seconds: float
    captions: tuple[Caption, ...]
    n_frames: int
    n_readings: int
    errors: tuple[PpocrvlError, ...] = ()

    def __str__(self) -> str:
        return self.to("txt")

    def to(self, name: str) -> str:
        """All in a format: "jsonl", "srt", "vtt" or "txt".

        Raises:
            OptionError: there is no such format.
        """
        return format_function(name)(self.captions)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; of errors their class and message."""
        return {
            "name": self.name,
            "seconds": self.seconds,
            "n_frames": self.n_frames,
            "n_readings": self.n_readings,
            "errors": [{"error": type(one).__name__, "message": str(one)} for one in self.errors],
            "captions": [asdict(one) for one in self.captions],
        }
