# SPDX-License-Identifier: Apache-2.0
"""Parts of a document that come once: title and authors, abstract, contents, references."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.faces import advance
from pages.prose import Setting, body, heading, text, wrap, write
from pages.style import Column
from pages.words import date

if TYPE_CHECKING:
    from pages.style import Pen


def title(pen: Pen, column: Column, *, scale: float | None = None, authors: bool = True) -> bool:
    """The document's title, and in most cases who wrote it, when and where."""
    rng, s = pen.rng, pen.style
    scale = scale or rng.choice((1.4, 1.6, 1.8, 2.1, 2.6))
    align = rng.choice(("centre", "centre", "left"))
    face = (
        rng.choice((s.heading_family.bold, s.heading_family.bold, s.heading_family.regular)),
        s.scaled(scale),
    )
    setting = Setting(face, s.accent, 1.2, align)
    words = pen.topic.title(rng.choice((2, 3, 4, 5, 6, 8, 10, 12)), capitals=rng.random() < 0.15)
    lines = wrap(words, setting, column.width)[:3]
    if len(lines) * setting.line + 2 * s.line > column.height * 0.6:
        return False
    with pen.sheet.region("doc_title") as region:
        write(pen, region, lines, column, setting)
    column.y += s.size * rng.uniform(0.5, 1.5)
    if authors and rng.random() < 0.75:
        by = Setting((s.family.regular, s.scaled(rng.choice((1, 1.1)))), s.ink, 1.3, align)
        names = ", ".join(pen.topic.name() for _ in range(rng.randint(1, 4))).split()
        with pen.sheet.region("text") as region:
            write(pen, region, wrap(names, by, column.width)[:2], column, by)
        if rng.random() < 0.6:
            column.y += s.size * rng.choice((0.2, 0.6))
            under = Setting((s.family.italic, s.scaled(0.9)), s.ink, 1.2, align)
            where = [
                *pen.topic.title(rng.randint(3, 7)),
                *(date(rng).split() if rng.random() < 0.5 else []),
            ]
            with pen.sheet.region("text") as region:
                write(pen, region, wrap(where, under, column.width)[:2], column, under)
        column.y += s.size * rng.uniform(0.8, 2)
    return True


def abstract(pen: Pen, column: Column) -> bool:
    """A summary, narrower or smaller than the body, with or without a heading of its own."""
    rng, s = pen.rng, pen.style
    inset = column.width * rng.choice((0, 0.06, 0.1))
    inner = Column(column.x + inset, column.y, column.width - 2 * inset, column.bottom)
    setting = body(pen, scale=rng.choice((0.9, 1)))
    count = rng.randint(4, 12)
    if (count + 3) * s.line > column.height * 0.6:
        return False
    kind = rng.random()
    if kind < 0.5:
        top = Setting((s.family.bold, s.size), s.ink, 1.3, rng.choice(("centre", "left")))
        with pen.sheet.region("paragraph_title") as region:
            write(pen, region, [(["Abstract"], advance(*top.face, "Abstract"))], inner, top)
        text(pen, inner, setting, count, "abstract")
    else:
        words = [
            rng.choice(("Abstract.", "Summary.", "ABSTRACT:", "Abstract—")),
            *pen.topic.words(count * 9),
        ]
        with pen.sheet.region("abstract") as region:
            write(pen, region, wrap(words, setting, inner.width)[:count], inner, setting)
    column.y = inner.y + s.size * rng.uniform(0.5, 1.5)
    return True


def contents(pen: Pen, column: Column) -> bool:
    """A table of contents: one region of lines that end in page numbers."""
    rng, s = pen.rng, pen.style
    count = min(rng.randint(5, 30), int(column.height / s.line) - 3)
    if count < 4:
        return False
    heading(pen, column)
    dotted, page, chapter = rng.random() < 0.7, 1, 0
    dot = advance(*s.body, ".")
    with pen.sheet.region("content") as region:
        for _ in range(count):
            deep = chapter > 0 and rng.random() < 0.6
            chapter += not deep
            page += rng.randint(1, 14)
            x = column.x + (s.size * 1.6 if deep else 0)
            face = (s.family.regular if deep or rng.random() < 0.5 else s.family.bold, s.size)
            baseline = column.y + s.line * 0.5 + s.size * 0.35
            words = [
                f"{chapter}.{rng.randint(1, 9)}" if deep else str(chapter),
                *pen.topic.title(rng.randint(1, 5)),
            ]
            end = column.x + column.width - advance(*s.body, str(page))
            for word in words:
                if x + advance(*face, word) + 2 * s.size > end:
                    break
                x = pen.sheet.word(x, baseline, word, face, s.ink) + s.size * 0.28
            dots = int((end - x - s.size) / dot)
            if dotted and dots > 0:
                pen.sheet.word(end - s.size * 0.5 - dots * dot, baseline, "." * dots, s.body, s.ink)
            pen.sheet.word(end, baseline, str(page), s.body, s.ink)
            region.lines.append(f"{' '.join(words)} {page}")
            column.y += s.line
    column.y += s.gap
    return True


def references(pen: Pen, column: Column) -> bool:
    """A bibliography: each entry a region, and one around them all."""
    rng, s = pen.rng, pen.style
    if column.height < 9 * s.line or not heading(pen, column):
        return False
    scale = rng.choice((0.8, 0.9, 1))
    numbered = rng.random() < 0.7
    hang = s.size * rng.uniform(1.5, 2.2)
    setting = body(pen, rest=hang, scale=scale)
    gap = s.size * rng.choice((0, 0.15, 0.4))
    with pen.sheet.region("reference"):
        for i in range(rng.randint(3, 25)):
            who = f"{pen.topic.name()}, {pen.topic.name()}. {rng.randint(1960, 2025)}.".split()
            words = [
                *who,
                *pen.topic.title(rng.randint(4, 10)),
                *pen.topic.title(3),
                f"{rng.randint(1, 90)}:{rng.randint(1, 900)}.",
            ]
            lines = wrap([f"[{i + 1}]", *words] if numbered else words, setting, column.width)
            if len(lines) * setting.line > column.height:
                break
            with pen.sheet.region("reference_content") as region:
                write(pen, region, lines, column, setting)
            column.y += gap
    return True
