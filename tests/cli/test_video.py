# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl video`: what it writes, what it says, and its exit codes."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from tests.document.made import block, document
from tests.video.clips import captioned, moving, paced, slide, write_clip

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Program


BUILT_IN = {"PPOCRVL_MODEL": ""}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second with a caption over a moving picture; it knows how long it is."""
    folder = tmp_path_factory.mktemp("clips")
    return write_clip(
        folder / "clip.mkv", paced(3, lambda at: captioned(moving(at), "Good morning."))
    )


def test_subtitles_go_to_standard_output(ppocrvl_program: Program, clip: Path) -> None:
    done = ppocrvl_program("video", clip, **BUILT_IN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1\n00:00:00,000 --> 00:00:03,0")
    assert f"{clip}: 1 caption in 3.0 s; looked at 7 frames, read 1\n" in done.stderr


def test_files_of_all_formats(ppocrvl_program: Program, clip: Path, tmp_path: Path) -> None:
    formats = ["jsonl", "srt", "vtt", "txt"]
    done = ppocrvl_program(
        "video", clip, "--region", "bottom", "-o", tmp_path / "out",
        "--to", ",".join([*formats, "srt"]),
        **BUILT_IN,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"clip.{one}" for one in formats
    }
    (line,) = (tmp_path / "out" / "clip.jsonl").read_text().splitlines()
    assert json.loads(line)["begin"] == 0
    assert (tmp_path / "out" / "clip.vtt").read_text().startswith("WEBVTT\n")


def test_what_breaks_off_is_written_and_told(
    ppocrvl_program: Program, clip: Path, tmp_path: Path
) -> None:
    data = clip.read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(data[: len(data) // 2])
    done = ppocrvl_program("video", cut, **BUILT_IN)
    assert done.returncode == 14
    assert done.stdout.startswith("1\n")
    assert f"error: {cut} is damaged at 1." in done.stderr
    assert "what could be read is kept" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.mp4"], 14, "no such video: none.mp4"),
        (["CLIP", "--to", "ass"], 2, "unknown format 'ass'; known: jsonl, srt, vtt, txt"),
        (["CLIP", "--to", "srt,vtt"], 2, "name a folder with -o"),
        (["CLIP", "--slides", "--to", "csv"], 2, "name a folder with -o"),
        (["CLIP", "--slides", "--task", "ocr"], 2, "--task is not with --slides"),
        (["CLIP", "--slides", "--invert-dark"], 2, "--invert-dark is not with --slides"),
        (["CLIP", "--layout", "none"], 2, "--layout is only with --slides"),
        (["CLIP", "--every", "often"], 2, "every must be a number of seconds, frame or scene"),
        (["CLIP", "--every", "0"], 2, "every must be"),
        (["CLIP", "--region", "1,2,3"], 2, "region must be bottom, or x0,y0,x1,y1"),
        (["CLIP", "--region", "900,0,950,9"], 2, "outside of the frames of 320 x 180 pixels"),
        (["CLIP", "--timeout", "3"], 2, "--timeout is only with --server"),
        (["CLIP", "--server", "http://127.0.0.1:1", "--threads", "2"], 2, "not with --server"),
    ],
)
def test_what_cannot_work(
    ppocrvl_program: Program, clip: Path, arguments: list[str], code: int, message: str
) -> None:
    done = ppocrvl_program("video", *[str(clip) if one == "CLIP" else one for one in arguments])
    assert message in done.stderr
    assert (done.returncode, done.stdout) == (code, "")


def test_an_image_is_none(ppocrvl_program: Program, tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(path)
    done = ppocrvl_program("video", path, **BUILT_IN)
    assert done.returncode == 14
    assert done.stderr == (
        f"ppocrvl: error: {path} is an image, not a video; ppocrvl ocr reads images\n"
    )


def test_without_the_extra(
    ppocrvl_program: Program, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    done = ppocrvl_program("video", clip)
    assert done.returncode == 2
    assert 'videos need PyAV; install it with: pip install "ppocrvl[video]"' in done.stderr


def test_slides_become_a_document(ppocrvl_program: Program, tmp_path: Path) -> None:
    first, second = slide("The first slide"), slide("Another one", "follows")
    clip = write_clip(tmp_path / "talk.mp4", paced(2.4, lambda at: first if at < 1.2 else second))
    done = ppocrvl_program(
        "video", clip, "--slides", "--layout", "none", "--max-tokens", 4, "-o", tmp_path / "out",
        "--to", "json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "out" / "talk.json").read_text())
    assert [page["notes"] for page in document["pages"]] == [
        ["shown from 00:00:00.000 to 00:00:01.260"],
        ["shown from 00:00:01.260 to 00:00:02.400"],
    ]
    assert "2 pages" in done.stderr


def test_blocks_that_were_not_read_are_told(
    ppocrvl_program: Program, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = document(block(0, "text", "read"), block(1, "table", error="out of memory"))
    monkeypatch.setattr("ppocrvl.api.read_slides", lambda *_, **__: broken)
    done = ppocrvl_program("video", clip, "--slides", "--layout", "none")
    assert done.returncode == 14
    assert done.stdout.startswith("read\n")
    assert "error: page 1, block 2 (table): out of memory\n" in done.stderr
