# SPDX-License-Identifier: Apache-2.0
"""Pictures, folders, patterns, lists, standard input."""

from __future__ import annotations

import io
import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import ExifTags, Image
from tests.parsing.sources.pdf_writer import pdf, text

from ppocrvl.errors import (
    DocumentDamagedError,
    DocumentEmptyError,
    DocumentError,
    DocumentNotFoundError,
    DocumentTooLargeError,
    ImageDecodeError,
    ImageTooLargeError,
    PageError,
)
from ppocrvl.images.load import FORMATS
from ppocrvl.parsing.sources import joined, opening, pictures
from ppocrvl.parsing.sources.found import find_documents
from ppocrvl.parsing.sources.opening import open_document

if TYPE_CHECKING:
    from pathlib import Path

    from ppocrvl.parsing.sources.found import AnySource

COLOURS = ("red", "lime", "blue")
RGB = ([255, 0, 0], [0, 255, 0], [0, 0, 255])


def encoded(kind: str = "PNG", colour: str = "red", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(out, kind, **options)
    return out.getvalue()


def paged(kind: str, **options: Any) -> bytes:
    frames = [Image.new("RGB", (60, 40 + 10 * n), one) for n, one in enumerate(COLOURS)]
    if kind == "WEBP":  # all frames of one size
        frames = [one.resize((60, 40)) for one in frames]
        options |= {"lossless": True, "minimize_size": False}
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], **options)
    return out.getvalue()


def corners(source: AnySource) -> list[list[int]]:
    """The colour of each page."""
    with open_document(source) as document:
        return [document.render(n).pixels[5, 5].tolist() for n in range(document.n_pages)]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_of_pictures_is_a_page(kind: str) -> None:
    with open_document(encoded(kind)) as source:
        page = source.render(0)
        assert source.n_pages == 1
        assert source.text_layer(0) == ()
        assert page.pixels.shape == (40, 60, 3)
        assert page.pixels.flags.writeable
    assert np.abs(page.pixels[5, 5].astype(int) - RGB[0]).max() < 8


def test_resolution_of_a_picture() -> None:
    cases: list[tuple[dict[str, Any], float, tuple[float, float]]] = [
        ({"dpi": (300, 300)}, 300, (14.4, 9.6)),
        ({}, 0, (60, 40)),
    ]
    for options, dpi, size in cases:
        with open_document(encoded("PNG", **options)) as source:
            page = source.render(0)
            assert page.dpi == pytest.approx(dpi, abs=0.02)
            assert (page.width_points, page.height_points) == pytest.approx(size, rel=1e-3)
            assert source.page_sizes[0] == pytest.approx(size, rel=1e-3)


def test_turned_picture_has_the_size_it_is_shown_in() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    with open_document(encoded("JPEG", exif=exif)) as source:
        assert source.page_sizes == ((40.0, 60.0),)
        assert source.render(0).pixels.shape == (60, 40, 3)


@pytest.mark.parametrize("kind", ["TIFF", "WEBP"])
def test_pages_of_a_picture_file(kind: str) -> None:
    assert corners(paged(kind)) == list(RGB)
    with open_document(paged(kind)) as source:
        assert source.render(2).pixels[5, 5].tolist() == RGB[2]  # in any order
        assert source.render(0).pixels[5, 5].tolist() == RGB[0]
        assert source.page_sizes[1] == (60.0, 50.0 if kind == "TIFF" else 40.0)
        with pytest.raises(PageError, match="no page 4 of 3"):
            source.render(3)


def test_moments_of_an_animation_are_no_pages() -> None:
    assert corners(paged("GIF")) == [RGB[0]]


def test_every_frame_is_checked_before_it_is_decoded() -> None:
    frames = [Image.new("1", (60, 40)), Image.new("1", (6000, 4000))]
    out = io.BytesIO()
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:], compression="group4")
    with open_document(out.getvalue(), max_image_pixels=10_000) as source:
        assert source.render(0).pixels.shape == (40, 60, 3)
        with pytest.raises(ImageTooLargeError, match="6000 x 4000"):
            source.render(1)


def test_damaged_frame_leaves_the_others() -> None:
    data = bytearray(paged("TIFF", compression="tiff_lzw"))
    with Image.open(io.BytesIO(data)) as picture:
        picture.seek(1)
        (start,), (size,) = picture.tag_v2[273], picture.tag_v2[279]  # type: ignore[attr-defined]
    data[start : start + size] = b"\xff" * size
    with open_document(bytes(data)) as source:
        with pytest.raises(ImageDecodeError, match="document is damaged"):
            source.render(1)
        assert source.render(2).pixels[5, 5].tolist() == RGB[2]


def test_frames_over_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_PAGES", 2)
    with pytest.raises(DocumentTooLargeError, match="has 3 pages, over the limit of 2"):
        open_document(paged("TIFF"))


def test_picture_in_memory() -> None:
    array = np.zeros((40, 60, 3), np.uint8)
    for image in (array, Image.fromarray(array)):
        with open_document(image) as source:
            assert source.render(0).pixels.shape == (40, 60, 3)
            assert source.page_sizes == ((60.0, 40.0),)
    with pytest.raises(DocumentError, match="is closed"):
        source.render(0)


def test_file_objects_and_bytes() -> None:
    for data in (encoded(), paged("TIFF"), pdf(text("Hello"))):
        for source in (data, bytearray(data), memoryview(data), io.BytesIO(data)):
            with open_document(source) as document:
                assert document.name == "document"
                assert document.render(0).pixels.size
    with pytest.raises(DocumentError, match="gives str, not bytes"):
        open_document(io.StringIO("a"))  # type: ignore[arg-type]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(encoded())))
    with open_document("-") as source:
        assert source.name == "stdin"
    (found,) = find_documents(io.BytesIO(encoded()))
    with open_document(replace(found, name="scan")) as source:
        assert source.name == "scan"
        assert source.render(0).pixels.shape == (40, 60, 3)


def test_pipe_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(pdf(text("Hello"))))
    writer.start()
    with open_document(path) as source:
        assert source.n_pages == 1
    writer.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three documents in a folder of folders, and what is none."""
    (tmp_path / "b").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "a.png").write_bytes(encoded(colour="red"))
    (tmp_path / "b" / "c.PDF").write_bytes(pdf(b"0 1 0 rg 0 0 612 792 re f"))
    (tmp_path / "b" / "d.tif").write_bytes(encoded("TIFF", "blue"))
    (tmp_path / "notes.txt").write_text("no document")
    (tmp_path / ".hidden" / "e.png").write_bytes(encoded())
    (tmp_path / "b" / ".f.png").write_bytes(encoded())
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    return tmp_path


def test_folder_gives_its_documents(folder: Path) -> None:
    names = [os.path.relpath(one.name, folder) for one in find_documents(folder)]
    assert names == ["a.png", "b/c.PDF", "b/d.tif"]


def test_pattern_gives_what_it_matches(folder: Path) -> None:
    assert [one.name for one in find_documents(f"{folder}/**/*.[tP]*")] == [
        f"{folder}/{name}" for name in ("b/c.PDF", "b/d.tif", "notes.txt")
    ]
    (folder / "[1].png").write_bytes(encoded())
    assert [one.name for one in find_documents(folder / "[1].png")] == [f"{folder}/[1].png"]


def test_several_documents_become_one(folder: Path) -> None:
    assert corners(folder) == list(RGB)
    with open_document([paged("TIFF"), folder / "b" / "c.PDF", [encoded()]]) as source:
        assert source.name == "document and 2 more"
        assert source.n_pages == 5
        assert [source.render(n).index for n in (4, 0, 3)] == [4, 0, 3]
        assert source.render(3).pixels[5, 5].tolist() == [0, 255, 0]
        assert source.page_sizes[3] == (612.0, 792.0)
        assert source.text_layer(3) == ()
        with pytest.raises(PageError, match="no page 6 of 5"):
            source.render(5)


def test_pages_of_all_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined, "MAX_PAGES", 5)
    with pytest.raises(DocumentTooLargeError, match="over 5 pages"):
        open_document([paged("TIFF")] * 2)


def test_bytes_are_limited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(opening, "MAX_PDF_BYTES", 99)
    monkeypatch.setattr(opening, "MAX_PDF_BYTES_IN_MEMORY", 99)
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf(b""))
    for source in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
        with pytest.raises(DocumentTooLargeError, match="over the limit of 99 bytes"):
            open_document(source)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda folder: folder / "none.pdf", DocumentNotFoundError, "no such document: .*none.pdf"),
        (lambda folder: folder / "*.docx", DocumentEmptyError, "no file is named like"),
        (lambda folder: folder / "empty", DocumentEmptyError, "holds no document"),
        (lambda folder: folder / "empty.png", DocumentEmptyError, "is empty"),
        (lambda folder: folder / "text.pdf", DocumentDamagedError, "is no PDF, or its beginning"),
        (lambda folder: folder / "notes.txt", ImageDecodeError, "is not an image"),
        (lambda _: "a\0b", DocumentNotFoundError, "null"),
        (lambda _: [], DocumentEmptyError, "the list is empty"),
    ],
)
def test_what_is_no_document(folder: Path, make: Any, error: type[Exception], message: str) -> None:
    (folder / "empty").mkdir()
    (folder / "empty.png").touch()
    (folder / "text.pdf").write_text("Hello")
    with pytest.raises(error, match=message):
        open_document(make(folder))
