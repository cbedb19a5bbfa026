# SPDX-License-Identifier: Apache-2.0
"""Captions as subtitles, text and JSON. Needs nothing heavy: the command line names the formats."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from html import escape
from typing import TYPE_CHECKING

from ppocrvl.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ppocrvl.video.captions import Caption

_WORD_JOINER = "\N{WORD JOINER}"
"""Without width. SubRip has no escapes: players take `<i>` and `{\\an8}` as markup."""


def jsonl_text(captions: Sequence[Caption]) -> str:
    """A JSON object on each line."""
    return "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in captions)


def srt_text(captions: Sequence[Caption]) -> str:
    """SubRip."""
    return "\n".join(
        f"{number}\n{_times(one, ',')}\n{_srt_lines(one.text)}\n"
        for number, one in enumerate(captions, 1)
    )


def vtt_text(captions: Sequence[Caption]) -> str:
    """WebVTT (https://www.w3.org/TR/webvtt1/)."""
    cues = (f"\n{_times(one, '.')}\n{escape(_lines(one.text), quote=False)}\n" for one in captions)
    return "".join(("WEBVTT\n", *cues))


def plain_text(captions: Sequence[Caption]) -> str:
    """The texts, one under the other."""
    return "".join(f"{one.text}\n" for one in captions)


FORMATS: dict[str, Callable[[Sequence[Caption]], str]] = {
    "jsonl": jsonl_text,
    "srt": srt_text,
    "vtt": vtt_text,
    "txt": plain_text,
}
"""By name, which is the extension too."""


def format_function(name: str) -> Callable[[Sequence[Caption]], str]:
    """What writes captions in the format of this name.

    Raises:
        OptionError: there is no such format.
    """
    if name not in FORMATS:
        raise OptionError(f"unknown format {name!r}; known: {', '.join(FORMATS)}")
    return FORMATS[name]


def clock(seconds: float, point: str = ".") -> str:
    """Hours, minutes, seconds and thousandths: 01:02:03.456."""
    whole, thousandths = divmod(max(0, round(seconds * 1000)), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}{point}{thousandths:03}"


def _times(caption: Caption, point: str) -> str:
    end = max(caption.end, caption.begin + 0.001)  # players drop what takes no time
    return f"{clock(caption.begin, point)} --> {clock(end, point)}"


def _lines(text: str) -> str:
    """Without empty lines, which would end a cue."""
    return "\n".join(line for line in text.splitlines() if line.strip())


def _srt_lines(text: str) -> str:
    apart = _lines(text).replace("-->", f"--{_WORD_JOINER}>")
    return re.sub(r"<(?=[/A-Za-z])|\{(?=\\)", lambda mark: mark[0] + _WORD_JOINER, apart)
