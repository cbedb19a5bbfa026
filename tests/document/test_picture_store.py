# SPDX-License-Identifier: Apache-2.0
"""Pictures that wait on disk until their document is written."""

from __future__ import annotations

import errno
import os
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from tests.document.made import block, page, picture

from ppocrvl.document.document import Document
from ppocrvl.document.picture_store import PictureStore
from ppocrvl.document.types import PageData, Picture
from ppocrvl.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = ("md", "html", "drawing", "json")


def shown(index: int) -> PageData:
    """A page with a figure, and its own image."""
    figure = picture(f"page-{index + 1}-image-1.jpg", (20 + index, 10))
    image = picture(f"page-{index + 1}.jpg", (200, 400))
    blocks = (block(0, "image", pictures=(figure,)), block(1, "text", "x"))
    return page(*blocks, index=index, image=image)


def files(folder: Path, pages: list[PageData]) -> dict[str, bytes]:
    document = Document.of("paper.pdf", len(pages), pages)
    paths = [*document.save(folder, FORMATS), *document.save(folder, style="official")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_what_is_written_is_the_same(tmp_path: Path) -> None:
    pages = [shown(0), shown(1)]
    kept = tmp_path / "kept"
    kept.mkdir()
    with PictureStore(kept) as store:
        for _ in range(2):  # for a second document as well
            moved = [store.moved(one) for one in pages]
            assert not any(kept.iterdir())  # it has no name
            assert files(tmp_path / "a", moved) == files(tmp_path / "b", pages)
            store.clear()
        store.close()


def test_a_disk_that_fills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.pwrite
    full = iter([False, True])

    def half(file: int, data: memoryview, offset: int) -> int:
        if next(full):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data[:100], offset)

    monkeypatch.setattr(os, "pwrite", half)
    with (
        PictureStore(tmp_path) as store,
        pytest.raises(OutputError, match=r"No space left on device\); free some"),
    ):
        store.moved(shown(0))


def test_a_folder_where_nothing_can_be_kept(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="images cannot be kept there"):
        PictureStore(tmp_path / "missing")


@pytest.mark.parametrize("name", ["html", "md"])
def test_writing_takes_the_memory_of_a_page(tmp_path: Path, name: str) -> None:
    """Of fifty pages of 400 kB, a few are in memory at a time."""
    n_bytes, n_pages = 400_000, 50
    large = Picture("page-1.jpg", bytes(n_bytes), 200, 400)
    with PictureStore(tmp_path) as store:
        pages = []
        for index in range(n_pages):
            figure = Picture(f"page-{index + 1}-image-1.jpg", bytes(n_bytes), 9, 9)
            blocks = (block(0, "image", pictures=(figure,)),)
            pages.append(store.moved(page(*blocks, index=index, image=large)))
        tracemalloc.start()
        try:
            Document.of("paper.pdf", n_pages, pages).save(tmp_path / "out", [name])
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < 15 * n_bytes
