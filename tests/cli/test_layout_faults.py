# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl layout` with pages, files and models that are not as they should be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from ppocrvl.errors import ExitCode
from ppocrvl.models.folder import BUILT_IN_FOLDER, built_in_model, find_layout

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Program

BUILT_IN = {"PPOCRVL_MODEL": ""}
FILES = {
    "empty.png": (b"", "is empty (0 bytes)"),
    "paper.pdf": (b"%PDF-1.7\n", "is a PDF, not an image; ppocrvl parse reads PDFs"),
    "notes.png": (b"Dear Sir,\n", "is not an image that can be read"),
    "model.gguf": (b"GGUF\x03\0\0\0", "is not an image that can be read"),
    "cut.png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is damaged, truncated or of an unknown kind"),
    "huge.ppm": (b"P6 20000 20000 255\n", "20000 x 20000 pixels, over the limit of 89,478,485"),
    "thin.ppm": (b"P6 9000 2 255\n" + bytes(54000), "limit of 200:1"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_pages(ppocrvl_program: Program, tmp_path: Path, name: str) -> None:
    content, words = FILES[name]
    (tmp_path / name).write_bytes(content)
    done = ppocrvl_program("layout", tmp_path / name, **BUILT_IN)
    assert (done.returncode, done.stdout) == (ExitCode.IMAGE, "")
    assert done.stderr.startswith("ppocrvl: error: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_pdf_from_standard_input(ppocrvl_program: Program, samples: Path) -> None:
    done = ppocrvl_program("layout", "-", stdin=(samples / "paper.pdf").read_bytes(), **BUILT_IN)
    assert done.returncode == ExitCode.IMAGE
    assert done.stderr.endswith("is a PDF, not an image; ppocrvl parse reads PDFs\n")


@pytest.mark.parametrize("size", [(1, 1), (150, 1), (1, 150)])
def test_pages_of_hardly_any_pixels(
    ppocrvl_program: Program, tmp_path: Path, size: tuple[int, int]
) -> None:
    Image.new("RGB", size, "white").save(tmp_path / "page.png")
    done = ppocrvl_program("layout", tmp_path / "page.png", "--json", **BUILT_IN)
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    for region in json.loads(done.stdout)["regions"]:
        assert (region["box"][2], region["box"][3]) <= size


def test_a_page_upside_down(ppocrvl_program: Program, samples: Path, tmp_path: Path) -> None:
    """It is looked at as it lies: nothing is lost of it."""
    with Image.open(samples / "hello.png") as image:
        upright = image.convert("RGB")
    upright.transpose(Image.Transpose.ROTATE_180).save(tmp_path / "turned.png")
    done = ppocrvl_program("layout", tmp_path / "turned.png", "--json", **BUILT_IN)
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    regions = json.loads(done.stdout)["regions"]
    assert regions
    for region in regions:
        x0, y0, x1, y1 = region["box"]
        assert 0 <= x0 < x1 <= upright.width
        assert 0 <= y0 < y1 <= upright.height


@pytest.mark.parametrize("wrong", ["llm", "mmproj"])
@pytest.mark.parametrize("command", ["layout", "parse"])
def test_a_reader_given_as_the_layout_model(
    ppocrvl_program: Program, samples: Path, command: str, wrong: str
) -> None:
    file = getattr(built_in_model(), wrong)
    done = ppocrvl_program(command, samples / "hello.png", "--layout", file, **BUILT_IN)
    assert (done.returncode, done.stdout) == (ExitCode.MODEL, "")
    assert "it was given as the layout model" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["ocr", "parse"])
def test_a_layout_model_given_as_the_reader(
    ppocrvl_program: Program, samples: Path, command: str
) -> None:
    file = find_layout(BUILT_IN_FOLDER)
    done = ppocrvl_program(command, samples / "hello.png", "--model", file, **BUILT_IN)
    assert (done.returncode, done.stdout) == (ExitCode.MODEL, "")
    assert "this is a layout model's file" in done.stderr
    assert done.stderr.count("\n") == 1
