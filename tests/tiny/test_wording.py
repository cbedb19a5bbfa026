# SPDX-License-Identifier: Apache-2.0
"""Texts: what is kept of files, and what is made up."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

import make_corpus
from tiny import corpus, odd
from tiny.alphabet import known
from tiny.wording import KINDS, UNGUESSABLE, Author, printed

if TYPE_CHECKING:
    from pathlib import Path

LONG = "This is a paragraph of a manual that is long enough to be kept."


def test_a_page_s_paragraphs_and_listings_are_told_apart() -> None:
    reader = corpus.Reader()
    reader.feed(f"<h1>A title</h1><p>{LONG} &mdash; <b>so</b> it is.</p><script>no()</script>")
    reader.feed("<pre>int a;\n  return a;</pre><ul><li>one<li>two</ul>")
    assert (
        reader.paragraphs
        == ["A title", f"{LONG} — so it is.", "one", "two"][: len(reader.paragraphs)]
    )
    assert reader.code == ["int a;", "  return a;"]


def test_a_manual_s_requests_are_left_out() -> None:
    source = (
        ".TH X 1\n.SH NAME\nx \\- does\n\\fBsomething\\fP\n.PP\nMore of it.\n.BR see (1)\nhere.\n"
    )
    found = [p for p in corpus.of_manual(corpus.plain(source)) if p]
    assert found == ["x - does something", "More of it. see (1) here."]


def test_paragraphs_are_cleaned() -> None:
    assert corpus.cleaned(f"  {LONG}\n  ﬁne  ") == f"{LONG} fine"
    assert corpus.cleaned("too short") is None
    assert corpus.cleaned(LONG + " по-русски") is None
    assert corpus.cleaned("1234 5678 9012 3456 7890 1234 5678") is None
    assert len(corpus.cleaned(LONG * 100) or "") <= corpus.MOST


def test_held_out_packages_are_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row.split() for row in make_corpus.LIST.read_text(encoding="utf-8").splitlines()]
    trained, held = ({p for p, use in rows if use == name} for name in ("train", "held-out"))
    assert trained
    assert held
    assert not trained & held
    for name, text in (("train.txt", "trained\n"), ("held-out.txt", "held out\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setenv("TINY_CORPUS", str(tmp_path))
    corpus._lines.cache_clear()
    try:
        assert corpus.paragraph(random.Random(1)) == "trained"
        assert corpus.paragraph(random.Random(1), held_out=True) == "held out"
    finally:
        corpus._lines.cache_clear()


def test_a_corpus_is_made_of_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    (root / "some-doc" / "usr").mkdir(parents=True)
    (root / "some-doc" / "usr" / "a.txt").write_text(f"{LONG}\n\n{LONG}\n\nshort\n", "utf-8")
    (root / "some-doc" / "usr" / "b.html").write_text("<pre>x = 1</pre>", "utf-8")
    (tmp_path / "list").write_text("some-doc train\n", "utf-8")
    monkeypatch.setattr(make_corpus, "LIST", tmp_path / "list")
    monkeypatch.setattr("sys.argv", ["", "--root", str(root), "--out", str(out)])
    make_corpus.main()
    assert (out / "train.txt").read_text("utf-8") == LONG + "\n"
    assert (out / "code.txt").read_text("utf-8") == "x = 1\n"


@pytest.mark.parametrize("kind", list(KINDS), ids=str)
def test_words_have_no_spaces_and_are_of_the_alphabet(kind: object) -> None:
    assert callable(kind)
    for i in range(30):
        words = kind(Author(random.Random(i)))
        assert words
        assert all(w and known(w) and " " not in w for w in words)


def test_the_unguessable_is_a_part_of_all() -> None:
    assert UNGUESSABLE.keys() < KINDS.keys()


def test_a_misspelt_word_is_another() -> None:
    rng = random.Random(4)
    found = [odd.misspelt(rng, "reader") for _ in range(100)]
    assert sum(w != "reader" for w in found) > 85
    assert all(5 <= len(w) <= 7 for w in found)


def test_print_has_its_own_quotes() -> None:
    assert printed('it\'s "so" -- or...') == "it’s “so”—or…"  # noqa: RUF001
