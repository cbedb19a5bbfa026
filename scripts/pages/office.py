# SPDX-License-Identifier: Apache-2.0
"""Templates of the office: letters, forms, invoices, slides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages import flow, furniture, matter
from pages.printed import columns, margins
from pages.prose import Setting, items, paragraph, wrap, write
from pages.sheet import Place
from pages.style import Column
from pages.tables import table
from pages.words import date, number, price

if TYPE_CHECKING:
    from pages.style import Pen


def block(
    pen: Pen,
    column: Column,
    lines: list[list[str]],
    label: str,
    *,
    align: str = "left",
    bold: bool = False,
) -> None:
    """Short lines, each as it is, as one region."""
    s = pen.style
    setting = Setting(
        (s.family.bold if bold else s.family.regular, s.size), s.ink, s.leading, align
    )
    with pen.sheet.region(label) as region:
        for words in lines:
            write(pen, region, wrap(words, setting, column.width)[:1], column, setting)


def address(pen: Pen) -> list[list[str]]:
    """Name, street, town."""
    rng = pen.rng
    out = [
        pen.topic.name().split(),
        [str(rng.randint(1, 300)), *pen.topic.title(2)],
        [*pen.topic.title(1), str(rng.randint(10000, 99999))],
    ]
    return out if rng.random() < 0.5 else [pen.topic.title(2), *out]


def letterhead(pen: Pen, area: tuple[float, float, float, float]) -> float:
    """Logo and sender at the top, bank details at the foot; the y below the head."""
    rng, s, sheet = pen.rng, pen.style, pen.sheet
    left, top, right, bottom = area
    height = s.size * rng.uniform(2, 4)
    sheet.place = Place.HEAD
    if rng.random() < 0.7:
        x = rng.choice((left, right - 4 * height))
        furniture.logo(pen, x, top * 0.4, height, "header_image")
        sender = Column(
            left if x > left else (left + right) / 2, top * 0.45, (right - left) * 0.45, bottom
        )
    else:
        sender = Column(left, top * 0.45, right - left, bottom)
    align = rng.choice(("left", "right")) if sender.x > left else rng.choice(("left", "centre"))
    if rng.random() < 0.75:
        block(pen, sender, address(pen)[: rng.randint(1, 3)], "header", align=align)
    sheet.place = Place.FOOT
    if rng.random() < 0.6:
        under = Column(left, bottom + s.size, right - left, sheet.height)
        if rng.random() < 0.4:
            furniture.logo(pen, left, under.y, s.size * 2, "footer_image")
        else:
            face = Setting(
                (s.family.regular, s.scaled(0.75)), s.ink, 1.25, rng.choice(("left", "centre"))
            )
            furniture.line(
                pen,
                "footer",
                [*pen.topic.title(3), "·", number(rng), "·", *pen.topic.title(2)],
                under,
                face,
            )
    sheet.place = Place.BODY
    return max(sender.y, top * 0.4 + height) + s.size


def letter(pen: Pen) -> None:
    """A letter: addresses, date, subject, paragraphs, a greeting, perhaps a seal."""
    rng, s = pen.rng, pen.style
    area = margins(pen, 0.09, 0.15)
    left, _, right, bottom = area
    column = Column(left, letterhead(pen, area) + s.size * 2, right - left, bottom)
    if rng.random() < 0.85:
        block(pen, column, address(pen), "text")
        column.y += s.size * rng.uniform(1, 3)
    block(
        pen,
        column,
        [[*pen.topic.title(1), *date(rng).split()]],
        "text",
        align=rng.choice(("left", "right")),
    )
    column.y += s.size * rng.uniform(1, 2.5)
    if rng.random() < 0.7:
        kind = "doc_title" if rng.random() < 0.3 else "paragraph_title"
        block(pen, column, [pen.topic.title(rng.randint(2, 6))], kind, bold=True)
        column.y += s.size
    block(pen, column, [["Dear", *pen.topic.name().split()]], "text")
    column.y += s.size * 0.8
    for _ in range(rng.randint(2, 6)):
        if column.height > 8 * s.line:
            (items if rng.random() < 0.12 else paragraph)(pen, column)
            column.y += s.size * 0.3
    if column.height > 6 * s.line:
        column.y += s.size * 0.8
        block(pen, column, [["Sincerely,"]], "text")
        column.y += s.size * rng.uniform(2, 3.5)
        block(
            pen, column, [pen.topic.name().split(), pen.topic.title(2)][: rng.randint(1, 2)], "text"
        )
        if rng.random() < 0.45:
            side = int(s.size * rng.uniform(6, 10))
            furniture.seal(
                pen,
                rng.uniform(left + 8 * s.size, right - side),
                min(column.y - side * 0.6, bottom - side),
                side,
            )


def invoice(pen: Pen) -> None:
    """An invoice or receipt: title, parties, a table of positions, a sum, terms, perhaps a seal."""
    rng, s = pen.rng, pen.style
    area = margins(pen)
    left, _, right, bottom = area
    column = Column(left, letterhead(pen, area) + s.size, right - left, bottom)
    name = rng.choice(
        (
            "Invoice",
            "INVOICE",
            "Receipt",
            "Purchase Order",
            "Quotation",
            "Delivery Note",
            "STATEMENT",
        )
    )
    big = Setting(
        (s.heading_family.bold, s.scaled(rng.choice((1.5, 2, 2.6)))),
        s.accent,
        1.2,
        rng.choice(("left", "centre", "right")),
    )
    furniture.line(
        pen,
        "doc_title",
        [*name.split(), *([f"#{rng.randint(100, 99999)}"] if rng.random() < 0.3 else [])],
        column,
        big,
    )
    column.y += s.size
    half = (right - left) * 0.48
    beside = Column(left + (right - left) * 0.52, column.y, half, bottom)
    one = Column(left, column.y, half, bottom)
    block(pen, one, [[rng.choice(("Bill to:", "Customer", "To"))], *address(pen)], "text")
    facts = [
        [f"{k}:", *v.split()]
        for k, v in (
            ("Date", date(rng)),
            ("Number", number(rng)),
            ("Due", date(rng)),
            ("Terms", "30 days"),
        )
    ]
    block(pen, beside, facts[: rng.randint(2, 4)], "text", align=rng.choice(("left", "right")))
    column.y = max(one.y, beside.y) + s.size * 1.5
    table(pen, column)
    sums = Column(left + (right - left) * 0.6, column.y, (right - left) * 0.4, bottom)
    block(
        pen,
        sums,
        [[k, price(rng)] for k in ("Subtotal", "Tax", "Total")][rng.randint(0, 2) :],
        "text",
        align="right",
    )
    column.y = sums.y + s.size * 1.5
    if rng.random() < 0.6:
        paragraph(pen, column, rng.randint(1, 4))
    if rng.random() < 0.4:
        side = int(s.size * rng.uniform(6, 10))
        furniture.seal(pen, rng.uniform(left, right - side), min(column.y, bottom - side), side)


def certificate(pen: Pen) -> None:
    """A diploma or permit in a frame: centred lines of many sizes, signatures, a seal."""
    rng, s, sheet = pen.rng, pen.style, pen.sheet
    edge = s.size * rng.uniform(1, 2.5)
    for inset in (edge, edge * 1.4)[: rng.randint(0, 2)]:
        box = (inset, inset, sheet.width - inset, sheet.height - inset)
        sheet.frame(box, s.accent, rng.choice((1, 2, 4)))
    left, top, right, bottom = margins(pen, 0.12, 0.2)
    column = Column(left, top, right - left, bottom)
    matter.title(pen, column, scale=rng.choice((2, 2.6, 3)), authors=False)
    while column.height > 12 * s.line:
        column.y += s.size * rng.uniform(0.8, 2)
        face = (
            rng.choice((s.family.regular, s.family.italic, s.family.bold)),
            s.scaled(rng.choice((1, 1.2, 1.6))),
        )
        setting = Setting(face, s.ink, 1.3, "centre")
        lines = wrap(pen.topic.words(rng.randint(3, 18)), setting, column.width)[:3]
        with sheet.region("text") as region:
            write(pen, region, lines, column, setting)
    names = (
        Column(left, column.y + 4 * s.line, column.width * 0.4, bottom),
        Column(right - column.width * 0.4, column.y + 4 * s.line, column.width * 0.4, bottom),
    )
    for name in names[: rng.randint(1, 2)]:
        sheet.fill((name.x, name.y - 2, name.x + name.width, name.y - 1), s.ink)
        block(pen, name, [pen.topic.name().split(), pen.topic.title(2)], "text", align="centre")
    side = int(s.size * rng.uniform(7, 12))
    furniture.seal(pen, rng.uniform(left, right - side), min(column.y, bottom - side), side)


def form(pen: Pen) -> None:
    """A form: a title, numbered sections of fields to fill in, boxes to tick, a place to sign."""
    rng, s, sheet = pen.rng, pen.style, pen.sheet
    area = margins(pen)
    left, top, right, bottom = area
    furniture.head_and_foot(pen, area)
    column = Column(left, top, right - left, bottom)
    matter.title(pen, column, scale=rng.choice((1.3, 1.6, 2)), authors=False)
    if rng.random() < 0.5:
        paragraph(pen, column, rng.randint(1, 3))
    while column.height > 8 * s.line:
        block(
            pen,
            column,
            [[f"{rng.randint(1, 9)}.", *pen.topic.title(rng.randint(1, 4))]],
            "paragraph_title",
            bold=True,
        )
        column.y += s.size * 0.6
        if rng.random() < 0.3:
            table(pen, column)
            column.y += s.size
            continue
        beside = rng.choice((1, 1, 2))
        for _ in range(rng.randint(2, 6)):
            if column.height < 3 * s.line:
                break
            _fields(pen, column, beside)
        column.y += s.size * 0.5
    if rng.random() < 0.25:
        side = int(s.size * rng.uniform(5, 8))
        furniture.seal(
            pen,
            rng.uniform(left, right - side),
            rng.uniform(sheet.height * 0.6, bottom - side),
            side,
        )


def _fields(pen: Pen, column: Column, count: int) -> None:
    """A row of fields: what is asked, and a rule or what was filled in."""
    rng, s = pen.rng, pen.style
    baseline = column.y + s.line * 0.5 + s.size * 0.35
    for i in range(count):
        x = column.x + i * column.width / count
        end = x + column.width / count - s.size
        with pen.sheet.region("text") as region:
            if rng.random() < 0.2:
                pen.sheet.frame((x, baseline - s.size * 0.7, x + s.size * 0.7, baseline), s.ink)
                x += s.size * 1.1
            asked = [*pen.topic.title(rng.randint(1, 2))]
            asked[-1] += ":"
            for word in asked:
                x = (
                    pen.sheet.word(x, baseline, word, (s.family.regular, s.size), s.ink)
                    + s.size * 0.3
                )
            if rng.random() < 0.6 and x < end:
                pen.sheet.fill((x, baseline + 2, end, baseline + 3), s.ink)
            if rng.random() < 0.6:
                filled = pen.topic.title(1)[0]
                asked.append(filled)
                pen.sheet.word(
                    x + s.size * 0.4, baseline, filled, (s.family.italic, s.size), (20, 30, 120)
                )
            region.lines.append(" ".join(asked))
    column.y += s.line * 1.5


def slide(pen: Pen) -> None:
    """A slide: a title, few lists or pictures in large type, a number at the foot."""
    rng, s, sheet = pen.rng, pen.style, pen.sheet
    left, top, right, bottom = (
        sheet.width * 0.06,
        sheet.height * 0.08,
        sheet.width * 0.94,
        sheet.height * 0.9,
    )
    if rng.random() < 0.4:
        sheet.fill((0, 0, sheet.width, top * 0.5), s.accent)
    column = Column(left, top, right - left, bottom)
    if rng.random() < 0.2:
        column.y += sheet.height * 0.2
        matter.title(pen, column, scale=2.2)
        return
    big = Setting(
        (s.heading_family.bold, s.scaled(1.5)),
        s.accent,
        1.2,
        rng.choice(("left", "left", "centre")),
    )
    label = "doc_title" if rng.random() < 0.5 else "paragraph_title"
    furniture.line(pen, label, pen.topic.title(rng.randint(1, 5)), column, big)
    column.y += s.size * rng.uniform(0.5, 1.5)
    for space in columns(pen, (left, column.y, right, bottom), rng.choice((1, 1, 2))):
        flow.fill(
            pen,
            space,
            {"items": 5, "picture": 1.5, "chart": 1.5, "table": 1, "paragraph": 1, "formula": 0.4},
            rng.uniform(0.4, 1),
        )
    sheet.place = Place.FOOT
    small = Setting((s.family.regular, s.scaled(0.6)), s.ink, 1.2, "left")
    if rng.random() < 0.4:
        furniture.line(
            pen,
            "footer",
            pen.topic.title(4),
            Column(left, bottom + small.line, sheet.width * 0.5, sheet.height),
            small,
        )
    if rng.random() < 0.6:
        at = Column(right - 5 * s.size, bottom + small.line, 5 * s.size, sheet.height)
        furniture.line(
            pen, "number", [str(rng.randint(1, 90))], at, Setting(small.face, s.ink, 1.2, "right")
        )
    sheet.place = Place.BODY


def poster(pen: Pen) -> None:
    """A notice: few large centred lines, a picture, lines turned on their side."""
    rng, s, sheet = pen.rng, pen.style, pen.sheet
    area = margins(pen)
    column = Column(area[0], area[1], area[2] - area[0], area[3])
    matter.title(pen, column, scale=rng.choice((3, 4)), authors=False)
    if rng.random() < 0.8:
        flow.BLOCKS["picture"](
            pen, Column(column.x, column.y, column.width, column.y + column.height * 0.6)
        )
        boxes = [r.box for r in sheet.regions() if r.box]
        column.y = max(b[3] for b in boxes) + s.size
    centred = Setting((s.family.regular, s.scaled(1.5)), s.ink, 1.35, "centre")
    while column.height > 4 * centred.line:
        lines = wrap(pen.topic.words(rng.randint(2, 14)), centred, column.width)[:3]
        with sheet.region("text") as region:
            write(pen, region, lines, column, centred)
        column.y += s.size * rng.uniform(1, 3)
    if rng.random() < 0.8:
        x = rng.choice((area[0] * 0.2, area[2] + (sheet.width - area[2]) * 0.3))
        furniture.upright(
            pen,
            (x, sheet.height * rng.uniform(0.1, 0.5)),
            "vertical_text",
            pen.topic.title(rng.randint(2, 6)),
            rng.choice((1, 1.5)),
        )
