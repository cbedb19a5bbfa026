# SPDX-License-Identifier: Apache-2.0
"""HTML documents with random content: every region carries its label in an attribute.

``data-region`` names the label; ``data-whole`` says that borders and background belong to it.
"""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING

from pages import listings
from pages.charts import chart
from pages.figures import picture
from pages.formulas import Typesetter
from pages.sheet import Sheet
from pages.style import Column, Pen
from pages.words import date, number, price

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from PIL import Image

    from pages.style import Style
    from pages.words import Topic

WHITE = (255, 255, 255)


class Writer:
    """Writes one document.

    Args:
        rng: Its source of chance.
        style: For what is painted into it: pictures, charts, formulas.
        topic: Its vocabulary.
    """

    def __init__(self, rng: random.Random, style: Style, topic: Topic) -> None:
        self.rng, self.style, self.topic = rng, style, topic
        self._figures = 0

    def words(self, least: int, most: int) -> str:
        """Sentences."""
        return html.escape(" ".join(self.topic.words(self.rng.randint(least, most))))

    def title(self, most: int) -> str:
        """A heading's words."""
        return html.escape(" ".join(self.topic.title(self.rng.randint(1, most))))

    def region(self, tag: str, label: str, inner: str, *, more: str = "") -> str:
        """An element that is a region."""
        return f'<{tag} data-region="{label}" {more}>{inner}</{tag}>'

    def paragraph(self) -> str:
        """A paragraph, now and then with emphasis or a link."""
        said = self.words(5, 110).split(" ")
        if self.rng.random() < 0.3:
            at = self.rng.randrange(len(said))
            tag = self.rng.choice(("b", "i", "code", "a"))
            said[at] = f"<{tag}>{said[at]}</{tag}>"
        return self.region("p", "text", " ".join(said))

    def heading(self) -> str:
        """A heading of the second or third level."""
        return self.region(self.rng.choice(("h2", "h2", "h3")), "paragraph_title", self.title(7))

    def items(self) -> str:
        """A list; every item is a region."""
        tag = self.rng.choice(("ul", "ul", "ol"))
        most = self.rng.choice((6, 12, 40))
        rows = [
            self.region("li", "text", self.words(2, most)) for _ in range(self.rng.randint(2, 7))
        ]
        return f"<{tag}>{''.join(rows)}</{tag}>"

    def terms(self) -> str:
        """A list of definitions; a term and what it means are one region."""
        rows = [
            self.region("div", "text", f"<dt>{self.title(3)}</dt><dd>{self.words(5, 40)}</dd>")
            for _ in range(self.rng.randint(2, 5))
        ]
        return f"<dl>{''.join(rows)}</dl>"

    def table(self) -> str:
        """A table, perhaps with a caption above."""
        rng = self.rng
        kinds = (self.topic.cell, lambda: number(rng), lambda: price(rng), lambda: date(rng))
        makers: list[Callable[[], str]] = [rng.choice(kinds) for _ in range(rng.randint(1, 4))]
        makers.insert(0, self.topic.cell)
        head = "".join(f"<th>{html.escape(self.topic.cell())}</th>" for _ in makers)
        rows = [
            "<tr>" + "".join(f"<td>{html.escape(m())}</td>" for m in makers) + "</tr>"
            for _ in range(rng.randint(2, 12))
        ]
        body = f"<tr>{head}</tr>{''.join(rows)}"
        own = self.region("table", "table", body)
        return (self._caption("Table", "p") if rng.random() < 0.6 else "") + own

    def _caption(self, name: str, tag: str) -> str:
        self._figures += 1
        more = 'class="caption"'
        return self.region(
            tag, "figure_title", f"{name} {self._figures}. {self.words(2, 18)}", more=more
        )

    def figure(self) -> str:
        """A picture or chart with its caption."""
        made = self._painted(*self.rng.choice(((picture, "image"), (chart, "chart"))))
        caption = self._caption("Figure", "figcaption") if self.rng.random() < 0.8 else ""
        return f"<figure>{made}{caption}</figure>" if made else ""

    def _painted(self, block: Callable[[Pen, Column], bool], label: str) -> str:
        size = (self.rng.randint(240, 520), 420)
        sheet = Sheet(self.rng, size, WHITE)
        pen = Pen(sheet, self.style, self.topic)
        if not block(pen, Column(0, 0, size[0], size[1])):
            return ""
        boxes = [r.box for r in sheet.regions() if r.box]
        return self._image(sheet.image.crop(boxes[0]), label, 0.75)

    def _image(self, image: Image.Image, label: str, scale: float) -> str:
        file = io.BytesIO()
        image.save(file, "PNG")
        data = base64.b64encode(file.getvalue()).decode()
        more = f'src="data:image/png;base64,{data}" style="width:{image.width * scale:.0f}px"'
        return f'<img data-region="{label}" {more}>'

    def formula(self) -> str:
        """A displayed formula, numbered in half of the cases."""
        family = self.style.family
        made = Typesetter(self.rng, family.italic, family.regular).equation(40, 900)
        sheet = Sheet(self.rng, (int(made.width) + 20, int(made.above + made.below) + 20), WHITE)
        with sheet.region("display_formula"):
            made.paint(sheet, 8, made.above + 8, (0, 0, 0))
        box = sheet.regions()[0].box
        image = self._image(sheet.image.crop(box), "display_formula", 0.4)
        own = image.replace("<img ", f'<img data-latex="{html.escape(made.latex)}" ')
        counted = self.rng.randint(1, 40)
        number_ = (
            self.region("span", "formula_number", f"({counted})") if self.rng.random() < 0.5 else ""
        )
        return f'<div class="formula">{own}{number_}</div>'

    def code(self) -> str:
        """A listing."""
        lines = []
        for _ in range(self.rng.randint(2, 14)):
            words = {k: self.topic.word().lower()[:9] for k in "abcd"}
            said = self.rng.choice(listings.SHAPES).format(**words, n=self.rng.randint(0, 99))
            lines.append("  " * self.rng.randint(0, 3) + said)
        return self.region("pre", "algorithm", html.escape("\n".join(lines)), more="data-whole")

    def quotation(self) -> str:
        """An indented paragraph."""
        return f"<blockquote>{self.region('p', 'text', self.words(8, 50))}</blockquote>"

    def footnoted(self) -> str:
        """A paragraph with a footnote, which goes to the foot of the page."""
        note = self.region("span", "footnote", self.words(4, 25), more='class="note"')
        return self.region("p", "text", f"{self.words(8, 60)}{note} {self.words(3, 20)}")

    def front(self) -> str:
        """Title, authors, abstract."""
        out = self.region("h1", "doc_title", self.title(9))
        if self.rng.random() < 0.6:
            out += self.region(
                "p",
                "text",
                html.escape(f"{self.topic.name()}, {self.topic.name()}"),
                more='class="by"',
            )
        if self.rng.random() < 0.4:
            out += self.region(
                "p", "abstract", f"<b>Abstract.</b> {self.words(40, 110)}", more='class="abstract"'
            )
        return f'<header class="front">{out}</header>'

    def body(self, shares: dict[str, float], count: int) -> str:
        """So many blocks."""
        return "".join(
            getattr(self, n)()
            for n in self.rng.choices(list(shares), list(shares.values()), k=count)
        )


MIXES: tuple[dict[str, float], ...] = (
    {
        "paragraph": 7,
        "heading": 2,
        "items": 1,
        "table": 1,
        "figure": 1,
        "formula": 2,
        "footnoted": 0.7,
    },
    {"paragraph": 4, "heading": 2.5, "items": 2, "terms": 1, "code": 3, "table": 0.7},
    {"paragraph": 6, "heading": 2, "items": 1.5, "table": 1.5, "figure": 1.5, "quotation": 1},
)


def article(writer: Writer) -> str:
    """Front matter and blocks in columns."""
    front = writer.front() if writer.rng.random() < 0.5 else ""
    mix = writer.rng.choice(MIXES)
    return f"<main>{front}{writer.body(mix, 45)}</main>"


def bulletin(writer: Writer) -> str:
    """A side box beside the stories: held out."""
    side = writer.body({"heading": 1, "items": 2, "paragraph": 2}, 5)
    front = writer.region("h1", "doc_title", writer.title(5))
    where = writer.rng.choice(("left", "right"))
    first = f'<aside style="float:{where};width:30%;margin:0 1.2em">{side}</aside>'
    return f"{front}{first}<div>{writer.body(MIXES[2], 30)}</div>"


def handbook(writer: Writer) -> str:
    """Cards of instructions in two columns below an introduction: held out."""
    front = writer.front() + writer.body({"paragraph": 1}, 2)
    cards = "".join(
        f"<aside>{writer.heading()}{writer.body(MIXES[1], 3)}</aside>" for _ in range(9)
    )
    return f"{front}<main>{cards}</main>"


TRAIN: tuple[Callable[[Writer], str], ...] = (article,)
HELD_OUT: tuple[Callable[[Writer], str], ...] = (bulletin, handbook)
