# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl ocr`, on a model whose text does not matter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from tests.images.test_whole_page import page

import ppocrvl
from ppocrvl.cli.asked import Asked
from ppocrvl.cli.page_hint import hint_at_parse
from ppocrvl.errors import ExitCode

if TYPE_CHECKING:
    from tests.cli.conftest import Program

SHORT = ("--max-tokens", "6")


def test_text_is_the_result_and_nothing_else_is_on_stdout(
    ppocrvl_process: Program, picture: Path, endless_model: Path
) -> None:
    done = ppocrvl_process("ocr", picture, *SHORT)
    assert done.returncode == ExitCode.OK
    with ppocrvl.Engine(endless_model) as engine:
        assert done.stdout == engine.ocr(picture, max_tokens=6).text + "\n"
    assert done.stderr == f"ppocrvl: {picture}: cut off after 6 tokens (--max-tokens)\n"


def test_json_has_one_object_per_picture(ppocrvl_program: Program, picture: Path) -> None:
    done = ppocrvl_program("ocr", picture, picture, "--json", *SHORT)
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["image"] == second["image"] == str(picture)
    assert first["text"] == second["text"]
    assert first["finish_reason"] == "length"
    assert first["image_size"] == [140, 56]
    assert first["timings"]["generated_tokens"] == 6


def test_a_draft_is_of_one_picture(
    ppocrvl_program: Program, picture: Path, samples: Path, tmp_path: Path
) -> None:
    hello = ("ocr", samples / "hello.png", "--json")
    plain = json.loads(ppocrvl_program(*hello, PPOCRVL_MODEL="").stdout)
    draft = tmp_path / "draft.txt"
    draft.write_text(plain["text"], encoding="utf-8")
    with_draft = ppocrvl_program(*hello, "--draft", draft, PPOCRVL_MODEL="")
    answer = json.loads(with_draft.stdout)
    assert answer["text"] == plain["text"]
    assert answer["timings"]["accepted_tokens"] > 0
    done = ppocrvl_program("ocr", picture, picture, "--draft", draft, *SHORT)
    assert done.returncode == ExitCode.USAGE
    assert "--draft FILE is what one image says" in done.stderr
    assert ppocrvl_program("ocr", picture, picture, "--draft", "auto", *SHORT).returncode == 0
    done = ppocrvl_program("ocr", "-", "--draft", "-", *SHORT)
    assert done.returncode == ExitCode.USAGE
    assert "standard input is the image or the draft, not both" in done.stderr


def test_picture_from_standard_input(ppocrvl_program: Program, picture: Path) -> None:
    done = ppocrvl_program("ocr", "-", *SHORT, stdin=picture.read_bytes())
    assert done.returncode == ExitCode.OK
    assert done.stdout == ppocrvl_program("ocr", picture, *SHORT).stdout


def test_bad_picture_does_not_sink_the_rest(
    ppocrvl_program: Program, picture: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    missing = tmp_path / "missing.png"
    done = ppocrvl_program("ocr", bad, picture, missing, "--json", *SHORT)
    assert done.returncode == ExitCode.IMAGE
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer.get("error") for answer in answers] == [
        "ImageDecodeError",
        None,
        "ImageNotFoundError",
    ]
    assert "finish_reason" in answers[1]
    errors = [line for line in done.stderr.splitlines() if line.startswith("ppocrvl: error: ")]
    assert len(errors) == 2
    assert str(bad) in errors[0]
    assert "no such image" in errors[1]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--max-tokens", "0"), ExitCode.USAGE, "max_tokens must be from 1"),
        (("--min-pixels", "9", "--max-pixels", "8"), ExitCode.USAGE, "is above max_pixels"),
        (("--prompt", " "), ExitCode.USAGE, "prompt must be"),
        (("--threads", "-1"), ExitCode.USAGE, "n_threads must be"),
        (("--prompt", "ab " * 40_000), ExitCode.CONTEXT, "context"),
        (("--max-image-pixels", "100"), ExitCode.IMAGE, "over the limit of 100"),
        (("--model", "nowhere"), ExitCode.MODEL, "cannot open the model"),
        (("--mmproj", "nowhere"), ExitCode.USAGE, "mmproj is given without model"),
    ],
)
def test_errors_are_one_line(
    ppocrvl_program: Program,
    picture: Path,
    arguments: tuple[str, ...],
    code: ExitCode,
    message: str,
) -> None:
    done = ppocrvl_program("ocr", picture, *SHORT, *arguments)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith("ppocrvl: error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_pdf_is_no_picture(ppocrvl_program: Program, samples: Path) -> None:
    done = ppocrvl_program("ocr", samples / "paper.pdf")
    assert done.returncode == ExitCode.IMAGE
    assert done.stderr.endswith("is a PDF, not an image; ppocrvl parse reads PDFs\n")
    assert done.stderr.count("\n") == 1


def test_truncated_picture(ppocrvl_program: Program, picture: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.png"
    path.write_bytes(picture.read_bytes()[:200])
    done = ppocrvl_program("ocr", path)
    assert done.returncode == ExitCode.IMAGE
    assert "truncated" in done.stderr


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("empty", "holds no GGUF file of a language model"),
        ("two", "holds 2 files of a language model"),
        ("swapped", "this is the mmproj"),
        ("strangers", "do not belong together"),
    ],
)
def test_models_that_cannot_be_used(
    ppocrvl_program: Program,
    picture: Path,
    endless_model: Path,
    tmp_path: Path,
    *,
    folder: str,
    message: str,
) -> None:
    mmproj, llm = sorted(endless_model.iterdir(), key=lambda path: not path.name.startswith("mm"))
    model: tuple[object, ...] = ("--model", tmp_path)
    if folder == "two":
        for name in ("a.gguf", "b.gguf", "mmproj.gguf"):
            (tmp_path / name).symlink_to(mmproj if "mm" in name else llm)
    elif folder == "swapped":
        model = ("--model", mmproj, "--mmproj", llm)
    elif folder == "strangers":
        built_in = Path(ppocrvl.__file__).parent / "models" / "builtin"
        model = ("--model", llm, "--mmproj", next(built_in.glob("mmproj*.gguf")))
    done = ppocrvl_program("ocr", picture, *model)
    assert done.returncode == ExitCode.MODEL
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_thin_picture(ppocrvl_program: Program, tmp_path: Path) -> None:
    path = tmp_path / "line.png"
    Image.fromarray(np.zeros((2, 900), np.uint8)).save(path)
    done = ppocrvl_program("ocr", path)
    assert done.returncode == ExitCode.IMAGE
    assert "limit of 200:1" in done.stderr


def test_options_reach_the_engine(
    ppocrvl_program: Program, picture: Path, endless_model: Path
) -> None:
    llm, mmproj = sorted(endless_model.iterdir(), key=lambda path: path.name.startswith("mmproj"))
    done = ppocrvl_program(
        "ocr", picture, "--json", "--model", llm, "--mmproj", mmproj, "--task", "table",
        "--prompt", "Read it", "--max-tokens", 2, "--min-pixels", 784, "--max-pixels", 7840,
        "--threads", 1, "--device", "cpu", "--vision-device", "auto", "--text-device", "CPU",
        "--keep-location-tokens", "--max-image-pixels", 7840,
    )  # fmt: skip
    assert done.returncode == ExitCode.OK, done.stderr
    answer = json.loads(done.stdout)
    assert answer["task"] == "table"
    assert answer["resized"] == [140, 56]
    assert answer["timings"]["generated_tokens"] == 2


def test_notes_of_the_engine_are_printed(ppocrvl_program: Program, picture: Path) -> None:
    done = ppocrvl_program("ocr", picture, "--threads", 1024, "--device", "cpu", *SHORT)
    assert done.returncode == ExitCode.OK
    assert done.stderr.startswith("ppocrvl: n_threads is 1024, but this process may use ")
    assert done.stderr.count("\n") == 2  # and that the answer was cut off


def test_device_that_is_not_there(ppocrvl_program: Program, picture: Path) -> None:
    done = ppocrvl_program("ocr", picture, "--text-device", "vulkan:7")
    assert done.returncode == ExitCode.USAGE
    assert "error: text_device must be one of auto, cpu" in done.stderr
    assert done.stderr.count("\n") == 1


HINT = "looks like a whole page"
QUICK = (*SHORT, "--min-pixels", "784", "--max-pixels", "28224")


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of forty lines."""
    path = tmp_path_factory.mktemp("sheet") / "sheet.png"
    page().save(path)
    return path


def test_who_gives_pages_is_told_of_parse(ppocrvl_program: Program, sheet: Path) -> None:
    """In one line, and the pages are read all the same."""
    done = ppocrvl_program("ocr", sheet, sheet, "--json", *QUICK)
    assert done.returncode == ExitCode.OK
    assert len(done.stdout.splitlines()) == 2
    (line,) = (line for line in done.stderr.splitlines() if HINT in line)
    assert line.startswith(f"ppocrvl: {sheet} {HINT}")
    assert "ppocrvl parse" in line


@pytest.mark.parametrize("flags", [("--task", "table"), ("--prompt", "Who wrote it?")])
def test_who_knows_what_he_asks_is_told_nothing(
    ppocrvl_program: Program, sheet: Path, flags: tuple[str, str]
) -> None:
    assert HINT not in ppocrvl_program("ocr", sheet, *flags, *QUICK).stderr


def test_who_gives_parts_of_pages_is_told_nothing(
    ppocrvl_program: Program, sheet: Path, tmp_path: Path
) -> None:
    part = tmp_path / "part.png"
    with Image.open(sheet) as image:
        image.crop((65, 65, 835, 1120)).save(part)
    assert HINT not in ppocrvl_program("ocr", part, *QUICK).stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_looked_at(tmp_path: Path) -> None:
    """It would give its bytes only once; here, to look would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    hint_at_parse([Asked("pipe", str(tmp_path / "pipe"))])


def test_verbose_shows_what_the_engine_logs(ppocrvl_process: Program, picture: Path) -> None:
    done = ppocrvl_process("ocr", picture, "--verbose", *SHORT)
    assert done.stderr.count("ppocrvl: DEBUG") + done.stderr.count("ppocrvl: INFO") > 3
    assert "llama" in done.stderr


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
def test_blocks_of_a_page_are_read_with_a_progress_bar(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """Sixteen crops, one of them broken; stderr is a terminal, stdout a file."""
    random = np.random.default_rng(5)
    blocks = [tmp_path / f"block-{n:02}.png" for n in range(16)]
    for n, path in enumerate(blocks):
        noise = random.integers(0, 256, (28 * (1 + n % 2), 28 * (1 + n % 5), 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
    blocks[7].write_bytes(b"no image")
    mine, theirs = os.openpty()
    command = [sys.executable, "-m", "ppocrvl", "ocr", "--json", *SHORT, *map(str, blocks)]
    with (tmp_path / "answers.jsonl").open("wb") as out:
        program = subprocess.Popen(command, stdout=out, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(mine, 4096):
            shown += piece
    except OSError:  # how Linux says that nobody has the terminal open any more
        pass
    os.close(mine)
    assert program.wait(60) == ExitCode.IMAGE
    answers = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [answer["image"] for answer in answers] == [str(path) for path in blocks]
    assert [n for n, answer in enumerate(answers) if "error" in answer] == [7]
    assert b"read:   0%|" in shown
    assert b"16/16" in shown
    before, error = shown.split(b"ppocrvl: error: ")
    assert before.endswith(b"\r")  # in place of the bar, not behind it
    assert error.rstrip().splitlines()
