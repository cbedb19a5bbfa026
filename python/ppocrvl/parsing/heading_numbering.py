# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: RUF001 - Chinese punctuation is meant
"""What the beginning of a heading says about its level (PaddleX 3.7.2, title_level.py)."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, TypeAlias

Style: TypeAlias = Literal["bracketed", "roman", "chinese", "letter", "decimal"]

_DECIMAL = r"(\d+(?:\.\d+)*)"
_CHINESE_NUMBER = "[一二三四五六七八九十]{1,2}"
_CHINESE_COUNTER = "章节篇卷部条题讲课回"
_STYLES: tuple[tuple[Style, re.Pattern[str], int], ...] = (
    ("bracketed", re.compile(rf"[(（]?{_DECIMAL}[)）]"), 4),
    ("roman", re.compile(r"[IVX]+(?:[.．)\s]|$)", re.IGNORECASE), 1),
    (
        "chinese",
        re.compile(
            rf"[第(（]?{_CHINESE_NUMBER}(?:[{_CHINESE_COUNTER})）]|(?![a-zA-Z\u4e00-\u9fa5]))"
        ),
        1,
    ),
    ("letter", re.compile(r"[A-Z][.．)\s]", re.IGNORECASE), 2),
    ("decimal", re.compile(_DECIMAL), 0),  # 0: as many as it has numbers
)
"""Styles of numbering in the order in which they are tried, and the level that each means."""

_FIRST_LEVEL = """
    ABSTRACT SUMMARY RESUME CONTENTS REFERENCES REFERENCE APPENDIX APPENDICES ACKNOWLEDGMENTS
    INTRODUCTION BACKGROUNDANDRELATEDWORK BACKGROUND RELATEDWORK THEORETICALMODELS DATA METHOD
    METHODS METHODOLOGY TOPICANALYSIS RESULT RESULTS DISCUSSION CONCLUSIONS CONCLUSION LIMITATIONS
    绪论 引言 参考文献 附录 研究背景 相关工作 研究方法 实验结果 讨论 结论 致谢 目录
"""
FIRST_LEVEL = frozenset(_FIRST_LEVEL.split())
"""Headings without a number that are of the first level: in capitals, without spaces."""


class Numbering(NamedTuple):
    """How a heading is numbered.

    Attributes:
        style: of its number.
        level: that a number of this style means, from 1.
    """

    style: Style
    level: int


def numbering(heading: str) -> Numbering | None:
    """How a heading is numbered; None where it is not."""
    heading = heading.strip()
    for style, pattern, level in _STYLES:
        found = pattern.match(heading)
        if found is not None:
            return Numbering(style, level or found[1].count(".") + 1)
    return None


def is_first_level(heading: str) -> bool:
    """Whether a heading is one of the words that stand at the first level in any document."""
    return heading.upper().strip().rstrip("：: ").replace(" ", "") in FIRST_LEVEL
