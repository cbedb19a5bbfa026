# SPDX-License-Identifier: Apache-2.0
"""The plugin in the real OCRmyPDF, with a reader that knows its answers."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pypdfium2
import pytest
from PIL import Image, ImageDraw, ImageFont
from tests.parsing.fakes import TrueReader, result

pytest.importorskip("ocrmypdf", reason='needs OCRmyPDF: pip install ".[ocrmypdf]"')

from ocrmypdf.exceptions import BadArgsError, ExitCodeException, PriorOcrFoundError

import ocrmypdf
from ppocrvl.errors import EngineError
from ppocrvl.ocrmypdf import engine as plugin
from ppocrvl.parsing.parts import WholePage

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.skipif(
        shutil.which("tesseract") is None,
        reason="needs Tesseract, which OCRmyPDF asks for: apt-get install tesseract-ocr",
    ),
]
LINES = ("Wide words and ill ones", "stand on this page", "of three lines")
DPI = 150


def page_image(angle: float = 0.0, lines: tuple[str, ...] = LINES) -> Image.Image:
    image = Image.new("RGB", (1000, 1300), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(40)
    for row, text in enumerate(lines):
        draw.text((100, 100 + 70 * row), text, "black", font)
    return image.rotate(angle, fillcolor="white", resample=Image.Resampling.BICUBIC)


def scan(path: Path, *images: Image.Image) -> Path:
    images[0].save(path, resolution=DPI, save_all=True, append_images=images[1:])
    return path


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> TrueReader:
    """Answers with the three lines, whatever it is shown."""
    fake = TrueReader(answer=lambda _: result("\n".join(LINES)))
    monkeypatch.setattr(plugin, "loaded_models", lambda _: (fake, WholePage()))
    return fake


def run(source: Path, target: Path, **options: Any) -> Path:
    usual: dict[str, Any] = {"output_type": "pdf", "progress_bar": False, "optimize": 0}
    ocrmypdf.ocr(source, target, plugins=["ppocrvl.ocrmypdf"], **(usual | options))
    return target


def text_of(path: Path) -> list[str]:
    with pypdfium2.PdfDocument(path) as pdf:
        return [" ".join(page.get_textpage().get_text_bounded().split()) for page in pdf]


def test_text_is_there_and_stands_where_it_is_seen(reader: TrueReader, tmp_path: Path) -> None:
    found = run(scan(tmp_path / "a.pdf", page_image(), page_image()), tmp_path / "b.pdf", jobs=2)
    assert text_of(found) == [" ".join(LINES)] * 2
    assert len(reader.requests) == 2
    with pypdfium2.PdfDocument(found) as pdf:
        page = pdf[0].get_textpage()
        text, height = page.get_text_bounded(), pdf[0].get_height()
        font = ImageFont.load_default(40)
        for word, x, y in (("Wide", 100, 100), ("words", 100 + font.getlength("Wide "), 100)):
            left, _, _, top = page.get_charbox(text.index(word), loose=True)
            assert left == pytest.approx(x * 72 / DPI, abs=3)
            assert height - top == pytest.approx(y * 72 / DPI, abs=12)  # of the line's height


def test_options_are_in_the_help() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ocrmypdf", "--plugin", "ppocrvl.ocrmypdf", "--help"],
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    for name in ("model", "layout", "threads"):
        assert f"--ppocrvl-{name}" in done.stdout


def test_another_engine_may_be_asked_for(reader: TrueReader, tmp_path: Path) -> None:
    run(scan(tmp_path / "a.pdf", page_image()), tmp_path / "b.pdf", ocr_engine="none")
    assert not reader.requests


def test_pages_with_text(reader: TrueReader, tmp_path: Path) -> None:
    once = run(scan(tmp_path / "a.pdf", page_image()), tmp_path / "b.pdf")
    with pytest.raises(PriorOcrFoundError):
        run(once, tmp_path / "c.pdf")
    run(once, tmp_path / "c.pdf", skip_text=True)
    assert len(reader.requests) == 1
    redone = run(once, tmp_path / "d.pdf", redo_ocr=True)
    assert len(reader.requests) == 2
    assert text_of(redone) == [" ".join(LINES)]


WORDS = ["Letters", "with", "high", "and", "low", "parts", "they", "go", "along", "by", "lines"]
MANY = tuple(" ".join(random.Random(row).sample(WORDS, 7)) for row in range(14))


@pytest.mark.usefixtures("reader")
def test_pages_are_turned_upright(samples: Path, tmp_path: Path) -> None:
    with pypdfium2.PdfDocument(samples / "paper.pdf") as pdf:
        upright = pdf[0].render(scale=DPI / 72).to_pil().convert("RGB")
    path = scan(tmp_path / "a.pdf", upright.rotate(90, expand=True), upright)
    turned = run(path, tmp_path / "b.pdf", rotate_pages=True)
    with pypdfium2.PdfDocument(turned) as pdf:
        sizes = [page.get_size() for page in pdf]
        shown = np.asarray(pdf[0].render(scale=DPI / 72).to_pil().convert("L").resize((60, 80)))
    assert sizes[0] == pytest.approx(sizes[1], abs=1)
    true = np.asarray(upright.convert("L").resize((60, 80)))
    assert np.abs(shown.astype(int) - true).mean() < 5


@pytest.mark.usefixtures("reader")
def test_pages_are_made_level(tmp_path: Path) -> None:
    """Lines that slope take more rows than level ones."""
    straight = page_image(lines=MANY)
    path = scan(tmp_path / "a.pdf", page_image(1.5, MANY))
    with pypdfium2.PdfDocument(run(path, tmp_path / "b.pdf", deskew=True)) as pdf:
        level = pdf[0].render(scale=DPI / 72).to_pil()
    assert full_rows(level) < 1.15 * full_rows(straight)


def full_rows(image: Image.Image) -> int:
    return int((np.asarray(image.convert("L")) < 128).any(axis=1).sum())


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    path = scan(tmp_path / "a.pdf", page_image())
    with pytest.raises(BadArgsError, match="missing"):
        run(path, tmp_path / "b.pdf", ppocrvl_model=str(tmp_path / "missing"))
    with pytest.raises(BadArgsError, match="whole number"):
        run(path, tmp_path / "b.pdf", ppocrvl_threads="many")


def test_a_page_that_cannot_be_read(reader: TrueReader, tmp_path: Path) -> None:
    reader.answer = lambda _: EngineError("memory ran out")
    found = run(scan(tmp_path / "a.pdf", page_image()), tmp_path / "b.pdf")
    assert text_of(found) == [""]


def test_an_engine_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(_: object) -> Any:
        raise EngineError("no engine")

    monkeypatch.setattr(plugin, "loaded_models", fail)
    with pytest.raises(ExitCodeException, match="no engine"):
        run(scan(tmp_path / "a.pdf", page_image()), tmp_path / "b.pdf")


def test_languages(reader: TrueReader, tmp_path: Path) -> None:
    path = scan(tmp_path / "a.pdf", page_image())
    with pytest.raises(ExitCodeException, match="deu"):
        run(path, tmp_path / "b.pdf", language=["deu"])
    assert not reader.requests


@pytest.mark.slow
def test_the_built_in_models(samples: Path, tmp_path: Path) -> None:
    """Loaded once, for two pages, in the program that people run."""
    with Image.open(samples / "hello.png") as image:
        shown = image.convert("RGB")
    path = scan(tmp_path / "a.pdf", shown, shown)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ocrmypdf", "--plugin", "ppocrvl.ocrmypdf", "--jobs", "2"),
            *("--output-type", "pdf", "--sidecar", tmp_path / "b.txt", path, tmp_path / "b.pdf"),
        ],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "sched_reserve" not in done.stderr  # what llama.cpp has to say
    assert all(text.startswith("Hello world") for text in text_of(tmp_path / "b.pdf"))
    assert (tmp_path / "b.txt").read_text(encoding="utf-8").count("Hello world") == 2
