# SPDX-License-Identifier: Apache-2.0
"""How far a document's Markdown is from the true one: text, order, tables, headings, formulas."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from ppocrvl.evaluation.markdown_parts import markdown_parts, plain_text
from ppocrvl.evaluation.metrics import teds_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.evaluation.markdown_parts import MarkdownPart, PartKind

ANCHOR = (10, 60)
"""Characters at the beginning of a part by which it is found again: so many at least, at most."""
FOUND_FROM = 70.0
"""Of 100: how alike a place must be to be that of a part (rapidfuzz's partial ratio)."""
SAME_HEADING = 0.8
"""How alike two headings are that count as one, 0 to 1."""


@dataclass(frozen=True, slots=True)
class DocumentScore:
    """A reading beside the truth.

    Attributes:
        characters: of the true text; white space between words counts as one space.
        errors: characters to insert, delete or replace.
        distance: errors over the characters of the longer text, 0 to 1.
        pairs: pairs of true parts whose places in the reading are known.
        pairs_in_order: those that stand there in the right order.
        headings: true ones.
        headings_read: what the reading has as headings.
        headings_found: true ones among them.
        tables: of each true table its TEDS, 0 where it is missing; None for huge ones.
        formulas: of each true displayed formula how alike the read one is, 0 to 1.
    """

    characters: int
    errors: int
    distance: float
    pairs: int = 0
    pairs_in_order: int = 0
    headings: int = 0
    headings_read: int = 0
    headings_found: int = 0
    tables: tuple[float | None, ...] = ()
    formulas: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values for JSON."""
        return asdict(self)


def score(reading: str, truth: str) -> DocumentScore:
    """Compares two documents in Markdown.

    Args:
        reading: what was read; "" where nothing was.
        truth: what stands there.
    """
    found, true = markdown_parts(reading), markdown_parts(truth)
    text, true_text = plain_text(found), plain_text(true)
    errors = Levenshtein.distance(text, true_text)
    places = _places(text, [part.text for part in true], true_text)
    headings, read = _of("heading", true), _of("heading", found)
    pairs = list(combinations(places, 2))
    return DocumentScore(
        characters=len(true_text),
        errors=errors,
        distance=errors / max(len(text), len(true_text), 1),
        pairs=len(pairs),
        pairs_in_order=sum(a < b for a, b in pairs),
        headings=len(headings),
        headings_read=len(read),
        headings_found=sum(alike >= SAME_HEADING for alike, _ in _matches(headings, read)),
        tables=_tables(true, found),
        formulas=tuple(alike for alike, _ in _matches(_of("formula", true), _of("formula", found))),
    )


def _of(kind: PartKind, parts: Sequence[MarkdownPart]) -> list[MarkdownPart]:
    return [part for part in parts if part.kind == kind]


def _places(text: str, parts: Sequence[str], true_text: str) -> list[int]:
    """Where the true parts begin in the reading; those that are not found, or not sure, are left.

    They are looked for in the whole text, so it does not matter how the reading is divided.
    """
    least, most = ANCHOR
    anchors = [part[:most] for part in parts if len(part) >= least]
    places = []
    for anchor in anchors:
        if true_text.count(anchor) > 1 or len(text) < len(anchor):
            continue
        found = fuzz.partial_ratio_alignment(anchor, text, score_cutoff=FOUND_FROM)
        if found is not None:
            places.append(found.dest_start)
    return places


def _matches(
    true: Sequence[MarkdownPart], found: Sequence[MarkdownPart]
) -> list[tuple[float, MarkdownPart | None]]:
    """Of each true part how alike its partner is, and that; the likest go first."""
    pairs = sorted(
        (
            (Levenshtein.normalized_similarity(a.text, b.text), i, k)
            for i, a in enumerate(true)
            for k, b in enumerate(found)
        ),
        key=lambda pair: (-pair[0], abs(pair[1] - pair[2])),
    )
    matches: list[tuple[float, MarkdownPart | None]] = [(0.0, None)] * len(true)
    taken: set[int] = set()
    for alike, i, k in pairs:
        if alike > 0 and matches[i][1] is None and k not in taken:
            matches[i] = alike, found[k]
            taken.add(k)
    return matches


def _tables(
    true: Sequence[MarkdownPart], found: Sequence[MarkdownPart]
) -> tuple[float | None, ...]:
    tables = _of("table", true)
    return tuple(
        0.0 if partner is None else teds_of(partner.cells, table.cells)
        for table, (_, partner) in zip(tables, _matches(tables, _of("table", found)), strict=True)
    )
