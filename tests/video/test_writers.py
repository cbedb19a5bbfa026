# SPDX-License-Identifier: Apache-2.0
"""Captions as subtitles that players read."""

from __future__ import annotations

import html
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppocrvl.errors import OptionError
from ppocrvl.video.captions import Caption, VideoText


def video(*captions: Caption) -> VideoText:
    return VideoText("a.mp4", 10.0, captions, 20, len(captions))


TWO = video(
    Caption(1.5, 2.25, "One line", 0.9, 0.8), Caption(3661.0, 3662.9996, "a\n\nb", 0.9, 0.8)
)


def test_srt() -> None:
    assert TWO.to("srt") == (
        "1\n00:00:01,500 --> 00:00:02,250\nOne line\n\n2\n01:01:01,000 --> 01:01:03,000\na\nb\n"
    )


def test_vtt() -> None:
    assert TWO.to("vtt") == (
        "WEBVTT\n\n00:00:01.500 --> 00:00:02.250\nOne line\n\n01:01:01.000 --> 01:01:03.000\na\nb\n"
    )


def test_text_is_the_text() -> None:
    assert str(TWO) == TWO.to("txt") == "One line\na\n\nb\n"


def test_jsonl_has_all() -> None:
    first, second = map(json.loads, TWO.to("jsonl").splitlines())
    assert first == {
        "begin": 1.5,
        "end": 2.25,
        "text": "One line",
        "confidence": 0.9,
        "min_confidence": 0.8,
        "readings": 1,
    }
    assert second["text"] == "a\n\nb"
    assert TWO.to_dict()["captions"][0] == first


def test_nothing_read() -> None:
    assert [video().to(name) for name in ("srt", "vtt", "txt", "jsonl")] == ["", "WEBVTT\n", "", ""]


def test_what_is_shown_for_no_time_is_shown() -> None:
    assert "00:00:01,000 --> 00:00:01,001" in video(Caption(1, 1, "x", 1, 1)).to("srt")


def test_an_unknown_format() -> None:
    with pytest.raises(OptionError, match="unknown format 'ass'; known: jsonl, srt, vtt, txt"):
        video().to("ass")


def test_what_players_take_as_markup_is_parted_in_srt() -> None:
    text = r"1 --> 2 <i>a</i> {\an8}b, 3 < 4, {5}"
    shown = video(Caption(0, 1, text, 1, 1)).to("srt").splitlines()[2]
    assert shown.replace("\N{WORD JOINER}", "|") == r"1 --|> 2 <|i>a<|/i> {|\an8}b, 3 < 4, {5}"


lines = st.text(st.sampled_from("ab<>&-{}\\/i \n"), min_size=1, max_size=20).filter(
    lambda text: text.strip() != ""
)


@given(st.lists(lines, max_size=4))
def test_marks_in_texts_are_texts(texts: list[str]) -> None:
    read = video(*(Caption(i, i + 1, text, 1, 1) for i, text in enumerate(texts)))
    wanted = ["\n".join(one for one in text.split("\n") if one.strip()) for text in texts]
    cues = read.to("vtt").split("\n\n")[1:]
    assert [html.unescape(cue.split("\n", 1)[1].removesuffix("\n")) for cue in cues] == wanted
    assert all("-->" not in cue.split("\n", 1)[1] for cue in cues)
    shown = [cue.split("\n", 2) for cue in read.to("srt").split("\n\n") if cue]
    assert [cue[0] for cue in shown] == [str(i + 1) for i in range(len(texts))]
    for cue, text in zip(shown, wanted, strict=True):
        assert cue[2].replace("\N{WORD JOINER}", "").removesuffix("\n") == text
        assert not re.search(r"</?[a-z]|\{\\|-->", cue[2])
