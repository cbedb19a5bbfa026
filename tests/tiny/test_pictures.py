# SPDX-License-Identifier: Apache-2.0
"""What is trained: a picture is a function of its seed, and shows what its targets say."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import numpy as np
import pytest
from tests.fonts import needs_fonts

from ppocrvl.markup.otsl import read_otsl
from tiny import canvas, data, equations, families, grids, strips, targets, unreadable, wear
from tiny.alphabet import ALPHABET, ASCII, CLASS, DENSE_CLASSES, folded, known
from tiny.sizes import MAX_CELLS, MIN_CELLS
from tiny.tokenizer import PREFIXES, SINGLE, TAGS, Vocabulary
from tiny.wording import Author

pytestmark = needs_fonts
KINDS = tuple(data.ALL.shares)
WRITTEN = (*ASCII, "\n", "</s>", "<fcel>", "<ecel>", "<nl>")  # by the model's first version
CLEAN = data.Stage(1.0, data.ALL.shares, 330, 0.0)


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.built_in()


@pytest.mark.parametrize("kind", KINDS)
def test_targets_lie_in_the_picture_and_say_its_text(kind: str, vocabulary: Vocabulary) -> None:
    for i in range(12 if kind != "crop" else 3):
        s = data.sample(f"test {i}", vocabulary, kind=kind, held_out=kind == "strip")
        assert s.pixels.shape == (s.rows * 28, s.cols * 28, 3)
        assert s.rows * s.cols <= MAX_CELLS
        assert s.rows * s.cols >= MIN_CELLS or s.rows == 1 or s.cols == 1
        assert vocabulary.detokenize(s.ids.tolist()) == s.text
        assert s.ids[-1] == vocabulary.unit_id("</s>")
        assert known(s.text.replace("\n", ""))
        assert len(s.ids) == len(s.cells) == len(s.ends) == len(s.slots)
        for cells in (s.cells, s.ends):
            assert ((cells >= targets.NOWHERE) & (cells < s.rows * s.cols)).all()
        assert ((s.slots >= 0) & (s.slots < targets.SLOTS)).all()
        assert (s.marks.places >= 0).all()
        assert (s.marks.places < s.rows * s.cols * targets.SLOTS).all()
        assert ((s.marks.classes > 0) & (s.marks.classes < DENSE_CLASSES)).all()
        assert (s.marks.weights >= 0).all()


@pytest.mark.parametrize("kind", ["strip", "leader", "table", "plain"])
def test_every_character_is_marked_once(kind: str, vocabulary: Vocabulary) -> None:
    for i in range(8):
        s = data.sample(f"marks {i}", vocabulary, CLEAN, kind=kind)
        text = re.sub(r"<([felux]cel|nl)>|\n", "", s.text)
        for c in set(text):
            share = s.marks.weights[s.marks.classes == CLASS[c]].sum()
            assert share == pytest.approx(text.count(c), rel=1e-4)


def test_a_picture_is_a_function_of_its_seed(vocabulary: Vocabulary) -> None:
    for kind in KINDS:
        a, b = (data.sample("again", vocabulary, kind=kind) for _ in range(2))
        assert np.array_equal(a.pixels, b.pixels)
        assert np.array_equal(a.ids, b.ids)
        assert np.array_equal(a.marks.places, b.marks.places)
    a, b = (data.sample(f"{i}", vocabulary, kind="strip") for i in range(2))
    assert a.text != b.text


def test_a_step_has_pictures_of_its_own_within_the_budget(vocabulary: Vocabulary) -> None:
    first, again, other = (data.batch(1, step, 600, vocabulary) for step in (7, 7, 8))
    assert [s.text for s in first] == [s.text for s in again]
    assert not {s.text for s in first} & {s.text for s in other} - {""}
    assert sum(s.rows * s.cols for s in first[:-1]) < 600


def test_ink_is_where_the_units_are() -> None:
    shelf = families.shelf(held_out=False)
    for i in range(25):
        author = Author(random.Random(f"ink {i}"))
        page = strips.strip(author, shelf, 300)
        ink = np.asarray(page.ink)
        scale = page.ink.width / page.width
        reach = max(3, int(page.size * 0.45 * scale))
        for unit in page.units:
            if unit.text.isalnum() and unit.text.isascii():
                x, y = int(unit.x * scale), int(unit.y * scale)
                near = ink[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach]
                assert near.max() > 40, (i, unit, page.font)


def test_lines_of_a_strip_are_one_below_the_other_and_read_from_the_left() -> None:
    shelf = families.shelf(held_out=False)
    seen = 0
    for i in range(30):
        page = strips.strip(Author(random.Random(f"order {i}")), shelf, 300)
        lines: list[list[float]] = [[]]
        for unit in page.units:
            lines[-1].append(unit.x)
            if unit.text == "\n":
                lines.append([])
        seen += len(lines) > 1
        assert len(lines) <= strips.MOST_LINES
        for line in lines:
            assert all(a <= b + 1 for a, b in pairwise(line))
    assert seen > 5


def test_a_row_is_one_line_of_a_paragraph_with_its_ink() -> None:
    shelf = families.shelf(held_out=False)
    cut = 0
    for i in range(25):
        page = strips.row(Author(random.Random(f"row {i}")), shelf, 300)
        assert [u.text for u in page.units if u.text in {"\n", "</s>"}] == ["</s>"]
        assert page.units[-1].text == "</s>"
        assert page.size >= strips.LEAST_OF_ROWS
        ink, scale = np.asarray(page.ink), page.ink.width / page.width
        assert ink.shape[0] == pytest.approx(page.height * scale, abs=2)
        reach = max(3, int(page.size * 0.45 * scale))
        for unit in page.units:
            assert 0 <= unit.y <= page.height
            if unit.text.isalnum() and unit.text.isascii():
                x, y = int(unit.x * scale), int(unit.y * scale)
                near = ink[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach]
                assert near.max() > 40, (i, unit, page.font)
        paragraph = strips.strip(Author(random.Random(f"paragraph {i}")), shelf, 300)
        lines = "".join(u.text for u in paragraph.units).removesuffix("</s>").split("\n")
        line = strips.line_of(paragraph, random.Random(i))
        if line is not None:
            assert "".join(u.text for u in line.units[:-1]) in lines
            cut += len(lines) > 1
    assert cut > 5


def test_an_older_vocabulary_is_asked_only_for_what_it_has() -> None:
    ascii_only = Vocabulary((*PREFIXES, *SINGLE))
    kept = Vocabulary(ascii_only.normal, [ascii_only.unit_id(u) for u in WRITTEN])
    stage = data.LINES.stages[0]
    curly = 0
    for i in range(40):
        s = data.sample(f"ascii {i}", kept, stage, kind="row" if i % 2 else None)
        assert set(s.ids.tolist()) <= set(kept.written)
        assert kept.detokenize(s.ids.tolist()) == s.text
        seen = {c for c in CLASS if CLASS[c] in s.marks.classes}
        curly += not seen <= {*s.text}
    assert curly > 1


def test_no_line_is_longer_than_the_longest_that_is_promised() -> None:
    rng = random.Random(3)
    found = [strips.measure(rng, 400) for _ in range(3000)]
    assert {m.lines for m in found} == set(range(1, strips.MOST_LINES + 1))
    assert min(m.letters for m in found) <= 2
    assert max(m.letters for m in found) >= 130
    assert min(m.size for m in found) <= 10
    assert max(m.size for m in found) >= 68
    assert max(m.cells for m in found) <= 400


def test_dots_of_a_leader_are_not_read() -> None:
    shelf = families.shelf(held_out=False)
    for i in range(12):
        page = strips.leader(Author(random.Random(f"dots {i}")), shelf, 300)
        text = "".join(u.text for u in page.units[:-1])
        assert ".." not in text
        assert all(line.rsplit(" ", 1)[1].isdigit() for line in text.split("\n"))


def test_tables_are_whole_and_their_spans_belong_to_a_cell() -> None:
    shelf = families.shelf(held_out=False)
    spans = 0
    for i in range(40):
        page = grids.table(Author(random.Random(f"table {i}")), shelf, 400)
        tags = [u.text for u in page.units if u.text in {*TAGS, "</s>"}]
        rows = " ".join(tags[:-1]).split("<nl>")[:-1]
        widths = {len(row.split()) for row in rows}
        assert len(widths) == 1
        assert 2 <= len(rows) <= 15
        assert 2 <= widths.pop() <= 8
        text = "".join(u.text for u in page.units[:-1])
        cells = read_otsl(text)
        begun = sum(t in {"<fcel>", "<ecel>"} for t in tags)
        assert len(cells) == begun  # no tag goes on nothing
        assert sum(c.row_span * c.column_span for c in cells) == len(tags) - 1 - len(rows)
        spans += any(t in {"<lcel>", "<ucel>", "<xcel>"} for t in tags)
    assert 5 <= spans <= 25


def test_a_turned_picture_s_points_move_with_its_ink() -> None:
    rng = random.Random(2)
    from PIL import Image

    for _ in range(20):
        ink = Image.new("L", (400, 60))
        ink.paste(255, (300, 20, 306, 26))
        turned, matrix = wear.turned(rng, ink)
        x, y = wear.moved(matrix, np.array([303.0]), np.array([23.0]))[:, 0]
        pixels = np.asarray(turned, float)
        rows, columns = np.mgrid[0 : turned.height, 0 : turned.width]
        assert abs((pixels * columns).sum() / pixels.sum() + 0.5 - x) < 1.5
        assert abs((pixels * rows).sum() / pixels.sum() + 0.5 - y) < 1.5


@pytest.mark.parametrize("effect", [e for e, _ in wear.EFFECTS])
def test_wear_keeps_the_size(effect: object) -> None:
    from PIL import Image

    assert callable(effect)
    rng = random.Random(1)
    for size in ((7, 9), (300, 40), (64, 200)):
        image = effect(rng, Image.new("L", size, 200))
        assert image.size == size
        assert image.mode == "L"


def test_unreadable_pictures_are_told_as_nothing_or_a_square() -> None:
    told = []
    for i in range(40):
        page = unreadable.picture(random.Random(f"script {i}"), held_out=i % 2 == 0)
        told.append("".join(u.text for u in page.units[:-1]))
        assert np.asarray(page.ink).max() > 0
    assert set(told) == {"", unreadable.UNKNOWN}
    assert 10 <= told.count("") <= 30


def test_formulas_are_the_same_however_they_are_spaced() -> None:
    shelf = families.shelf(held_out=False)
    for i in range(6):
        page = equations.formula(random.Random(f"formula {i}"), shelf, 300)
        latex = "".join(u.text for u in page.units[:-1])
        once = equations.normalised(latex)
        assert equations.normalised(once) == once
        assert latex.count("{") == latex.count("}")
    assert equations.normalised("x_{i} + 1") == equations.normalised("x _ i+1")
    assert equations.normalised(r"\frac{a}{b}") != equations.normalised(r"\frac{b}{a}")


def test_what_is_held_out_is_not_trained_on() -> None:
    held, trained = (families.shelf(held_out=flag) for flag in (True, False))

    def files(shelf: families.Shelf) -> set[str]:
        return {
            path
            for f in (*shelf.families, *shelf.mono)
            for path in (f.regular, f.bold, f.italic, f.bold_italic)
        }

    assert not files(held) & files(trained)


def test_a_sign_that_a_face_lacks_is_drawn_in_another() -> None:
    style = canvas.Style(families.shelf(held_out=False).mono[-1].regular, 20)
    for sign in "✓⅛→":
        word = canvas.set_in(sign, style)
        board = canvas.Canvas(60, 40, 1, shaped=False)
        board.word(10, 30, word)
        assert np.asarray(board.ink).max() > 100


def test_the_alphabet_folds_what_looks_alike() -> None:
    assert folded("ﬁne ﬂow\u00a0a\u2011b") == "fine flow a-b"
    assert len(set(ALPHABET)) == len(ALPHABET)
    assert known(folded("“Smørgåsbord” – ½ €5…"))  # noqa: RUF001
