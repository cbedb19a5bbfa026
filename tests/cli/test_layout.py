# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl layout`, with random weights."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw, ImageFont

import ppocrvl
from ppocrvl.cli.layout import SHAPES
from ppocrvl.errors import ExitCode
from ppocrvl.exporter.layout.exporter import export_layout
from ppocrvl.exporter.layout.synthetic import write_synthetic_layout
from ppocrvl.layout.shapes import SHAPE_MODES
from ppocrvl.models.folder import BUILT_IN_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Done, Program

    Layout = Callable[..., Done]


@pytest.fixture(scope="module")
def layout_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layout") / "random"
    write_synthetic_layout(folder, image_size=128)
    return export_layout(folder, folder.parent)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    image = Image.new("RGB", (300, 400), "white")
    draw = ImageDraw.Draw(image)
    for i in range(12):
        draw.text((20, 20 + 30 * i), "Some words in a line", 0, ImageFont.load_default(16))
    image.save(tmp_path / "page.png")
    return tmp_path / "page.png"


@pytest.fixture
def layout(ppocrvl_program: Program, layout_file: Path) -> Layout:
    """Runs `ppocrvl layout …` with the file, and with a low threshold."""

    def run(*arguments: str) -> Done:
        return ppocrvl_program(
            "layout", "--layout", str(layout_file), "--threshold", "0.02", *arguments
        )

    return run


def test_a_table(layout: Layout, layout_file: Path, page: Path) -> None:
    done = layout(str(page))
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    head, *rows = (line.split() for line in done.stdout.splitlines())
    assert head == ["order", "label", "score", "x0", "y0", "x1", "y1"]
    with ppocrvl.Layout(layout_file, threshold=0.02) as found:
        regions = found.detect(page)
    assert regions
    assert rows == [
        [str(region.order + 1), region.label, f"{region.score:.2f}", *map(str, region.box)]
        for region in regions
    ]


def test_json_and_errors(layout: Layout, page: Path) -> None:
    done = layout(str(page), "missing.png", "gone.png", "--json")
    assert done.returncode == ExitCode.IMAGE
    assert done.stderr.splitlines() == [
        f"ppocrvl: error: no such image: {name}" for name in ("missing.png", "gone.png")
    ]
    first, second, _ = (json.loads(line) for line in done.stdout.splitlines())
    assert first["image"] == str(page)
    assert {*first["regions"][0]} == {"label", "score", "box", "polygon", "order"}
    assert second == {
        "image": "missing.png",
        "error": "ImageNotFoundError",
        "message": "no such image: missing.png",
    }


def test_several_images_have_headings(layout: Layout, page: Path) -> None:
    lines = layout(str(page), str(page)).stdout.splitlines()
    assert lines.count(f"{page}:") == 2


def test_drawings(layout: Layout, page: Path, tmp_path: Path) -> None:
    done = layout(str(page), str(page), "--draw", str(tmp_path / "new" / "drawn"))
    assert done.returncode == ExitCode.OK
    drawings = sorted((tmp_path / "new" / "drawn").iterdir())
    assert [path.name for path in drawings] == ["page-2-layout.png", "page-layout.png"]
    for path in drawings:
        with Image.open(path) as image, Image.open(page) as plain:
            assert image.size == plain.size
            assert image.tobytes() != plain.tobytes()


def test_ink_may_be_covered(layout: Layout, page: Path) -> None:
    plain, covered = layout(str(page)), layout(str(page), "--cover-ink")
    assert covered.stdout.count("\n") > plain.stdout.count("\n")
    assert layout(str(page), "--no-cover-ink").stdout == plain.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--threshold", "2"], ExitCode.USAGE, "from 0 to 1"),
        (["--layout", "missing.gguf"], ExitCode.MODEL, "missing.gguf"),
    ],
)
def test_what_cannot_be(
    layout: Layout, page: Path, arguments: list[str], code: ExitCode, words: str
) -> None:
    done = layout(str(page), *arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_reader_is_no_layout_model(layout: Layout, page: Path) -> None:
    llm = next(BUILT_IN_FOLDER.glob("tiny*.gguf"))
    done = layout(str(page), "--layout", str(llm))
    assert done.returncode == ExitCode.MODEL
    assert "layout" in done.stderr


def test_shapes_are_those_of_the_room() -> None:
    assert SHAPES == SHAPE_MODES
