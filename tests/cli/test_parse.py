# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl parse`: documents in, files or text out."""

from __future__ import annotations

import io
import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from tests.parsing.made import region
from tests.parsing.thirds import open_thirds

import ppocrvl
from ppocrvl.cli.parse import JOURNAL
from ppocrvl.cli.parse_progress import Failures, Progress
from ppocrvl.errors import EngineError, ExitCode
from ppocrvl.parsing.journal import Journal

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from tests.cli.conftest import Program

    from ppocrvl.layout.region import Region

BUILT_IN = {"PPOCRVL_MODEL": ""}
NONE = ("--layout", "none")


@pytest.fixture
def thirds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages have three blocks."""
    monkeypatch.setattr("ppocrvl.parsing.layouts.open_layout", open_thirds)


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The requests that an engine gets."""
    requests: list[Any] = []
    submit = ppocrvl.Engine.submit

    def noted(self: ppocrvl.Engine, image: Any, **more: Any) -> Future[ppocrvl.Result]:
        requests.append(image)
        return submit(self, image, **more)

    monkeypatch.setattr(ppocrvl.Engine, "submit", noted)
    return requests


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != JOURNAL)


def test_one_document_to_stdout(ppocrvl_program: Program, samples: Path) -> None:
    command = ("parse", samples / "hello.png", *NONE)
    done = ppocrvl_program(*command, **BUILT_IN)
    assert done.returncode == ExitCode.OK
    assert done.stdout.startswith("Hello world!")
    assert "1 page, 1 block" in done.stderr
    values = json.loads(ppocrvl_program(*command, "--to", "json", **BUILT_IN).stdout)
    assert values["pages"][0]["blocks"][0]["text"].startswith("Hello world!")


class OneFigure:
    """The page is a figure."""

    def detect(self, image: Any) -> list[Region]:
        return [region("image", (0, 0, image.shape[1], image.shape[0]))]


def test_figures_and_style(
    ppocrvl_program: Program, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `Document.save` and `to_markdown` have them."""
    monkeypatch.setattr("ppocrvl.parsing.layouts.open_layout", lambda *_: nullcontext(OneFigure()))
    command = ("parse", samples / "hello.png", *NONE)
    assert "![](" not in ppocrvl_program(*command, **BUILT_IN).stdout
    embedded = ppocrvl_program(*command, "--figures", "embedded", **BUILT_IN)
    assert embedded.stdout.count("![](data:image/jpeg;base64,") == 1
    into = (*command, "-o", tmp_path)
    assert ppocrvl_program(*into, **BUILT_IN).returncode == ExitCode.OK
    text = (tmp_path / "hello.md").read_text(encoding="utf-8")
    assert "![](hello_images/page-1-image-1.jpg)" in text
    assert (tmp_path / "hello_images" / "page-1-image-1.jpg").stat().st_size > 1000
    official = (*into, "--style", "official")
    assert ppocrvl_program(*official, **BUILT_IN).returncode == ExitCode.OK
    assert '<img src="imgs/' in (tmp_path / "hello.md").read_text(encoding="utf-8")
    assert len(list((tmp_path / "imgs").iterdir())) == 1
    assert ppocrvl_program(*official, "--figures", "none", **BUILT_IN).returncode == ExitCode.OK
    assert "<img" not in (tmp_path / "hello.md").read_text(encoding="utf-8")


def test_standard_input(ppocrvl_program: Program, samples: Path) -> None:
    data = (samples / "hello.png").read_bytes()
    done = ppocrvl_program("parse", "-", *NONE, stdin=data, **BUILT_IN)
    assert done.stdout.startswith("Hello world!")
    assert "stdin: 1 page" in done.stderr


def test_documents_into_a_folder(ppocrvl_program: Program, samples: Path, tmp_path: Path) -> None:
    """One that cannot be opened takes nobody's name, and does not end the others."""
    twin, bad = tmp_path / "a" / "hello.png", tmp_path / "b" / "HELLO.png"
    for path, data in ((twin, (samples / "table.png").read_bytes()), (bad, b"no picture")):
        path.parent.mkdir()
        path.write_bytes(data)
    out = tmp_path / "new" / "out"
    command = ("parse", samples / "hello.png", bad, twin, "-o", out, "--to", "md,json", *NONE)
    done = ppocrvl_program(*command, **BUILT_IN)
    assert (done.returncode, done.stdout) == (ExitCode.IMAGE, "")
    assert names(out) == ["hello-3.json", "hello-3.md", "hello.json", "hello.md"]
    assert "Hello" in (out / "hello.md").read_text(encoding="utf-8")
    assert "Bread" in (out / "hello-3.md").read_text(encoding="utf-8")
    assert str(bad) in done.stderr


@pytest.mark.parametrize(
    ("fail_on", "good", "code"),
    [
        ("any", True, ExitCode.DOCUMENT),
        ("all", True, ExitCode.OK),
        ("all", False, ExitCode.DOCUMENT),
        ("never", False, ExitCode.OK),
    ],
)
def test_fail_on(
    ppocrvl_program: Program, samples: Path, tmp_path: Path, *, fail_on: str, good: bool, code: int
) -> None:
    given = [tmp_path / "missing.pdf", *([samples / "hello.png"] if good else [])]
    command = ("parse", *given, "-o", tmp_path / "out", "--fail-on", fail_on, *NONE)
    done = ppocrvl_program(*command, **BUILT_IN)
    assert done.returncode == code
    assert "no such document" in done.stderr


def test_a_line_for_each_page(ppocrvl_program: Program, samples: Path) -> None:
    given = [samples / "hello.png", samples / "table.png"]
    done = ppocrvl_program("parse", *given, "--jsonl", *NONE, **BUILT_IN)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["document"] for line in lines] == [str(path) for path in given]
    assert lines[0]["blocks"][0]["text"].startswith("Hello")


@pytest.mark.usefixtures("thirds")
def test_a_second_run_reads_nothing(
    ppocrvl_program: Program, samples: Path, tmp_path: Path, submitted: list[Any]
) -> None:
    command = ("parse", samples / "hello.png", "-o", tmp_path, *NONE)
    for more, n_requests in (
        ((), 3),
        (("--to", "json"), 3),  # nor for another format
        (("--redo",), 6),
        (("--max-tokens", "9"), 9),  # another option is another answer
        (("--precision", "exact"), 12),
    ):
        assert ppocrvl_program(*command, *more, **BUILT_IN).returncode == ExitCode.OK
        assert len(submitted) == n_requests
    assert names(tmp_path) == ["hello.json", "hello.md"]


def test_what_a_killed_run_left_is_removed_and_nothing_else(
    ppocrvl_program: Program, samples: Path, tmp_path: Path
) -> None:
    left = [".hello.md.0123abcd.part", ".hello.json.0123abcd.part"]
    others = [".hellos.md.0123abcd.part", ".hello.md.part", "hello.md.0123abcd.part"]
    for name in (*left, *others):
        (tmp_path / name).write_text("half of")
    command = ("parse", samples / "hello.png", "-o", tmp_path, "--max-tokens", 9, *NONE)
    assert ppocrvl_program(*command, **BUILT_IN).returncode == ExitCode.OK
    assert names(tmp_path) == sorted([*others, "hello.md"])


def test_two_runs_into_one_folder_do_not_mix(
    ppocrvl_program: Program, samples: Path, tmp_path: Path
) -> None:
    with Journal(tmp_path / JOURNAL):
        done = ppocrvl_program("parse", samples / "hello.png", "-o", tmp_path, *NONE, **BUILT_IN)
    assert done.returncode == ExitCode.OUTPUT
    assert "another run writes into this folder" in done.stderr
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--to", "docs"], "unknown format 'docs'"),
        (["--to", "md,html"], "name a folder with -o"),
        (["--draw"], "name a folder with -o"),
        (["--redo"], "--redo is only with -o"),
        (["--figures", "files"], "figures are files only with -o"),
        (["--pages", "x"], "write pages as"),
        (["--dpi", "1"], "dpi must be"),
        (["--page-deadline", "-1"], "page_deadline must be"),
        (["--n-parallel", "0"], "n_parallel must be"),
        (["--fail-on", "some"], "there is no 'some'"),
    ],
)
def test_what_cannot_be_is_an_error(
    ppocrvl_program: Program, samples: Path, flags: list[str], message: str
) -> None:
    done = ppocrvl_program("parse", samples / "hello.png", *NONE, *flags, **BUILT_IN)
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert message in done.stderr


def test_several_documents_need_a_folder(ppocrvl_program: Program, samples: Path) -> None:
    given = (samples / "hello.png", samples / "table.png")
    done = ppocrvl_program("parse", *given, *NONE, **BUILT_IN)
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert "name a folder with -o" in done.stderr


def test_chosen_pages(ppocrvl_program: Program, samples: Path, tmp_path: Path) -> None:
    scan = tmp_path / "scan.tiff"
    with Image.open(samples / "hello.png") as one, Image.open(samples / "table.png") as two:
        one.convert("RGB").save(scan, save_all=True, append_images=[two.convert("RGB")])
    done = ppocrvl_program("parse", scan, "--pages", "-1", *NONE, **BUILT_IN)
    assert "Bread" in done.stdout
    assert "Hello" not in done.stdout
    done = ppocrvl_program("parse", scan, "--pages", "3", *NONE, **BUILT_IN)
    assert done.returncode == ExitCode.DOCUMENT
    assert "there is no page 3" in done.stderr


@pytest.mark.usefixtures("thirds")
def test_a_block_that_fails_and_one_that_loops(
    ppocrvl_program: Program, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both stand in the output as such; the third is read."""
    submit = ppocrvl.Engine.submit
    count = iter(range(3))

    def failing(self: ppocrvl.Engine, image: Any, **more: Any) -> Future[ppocrvl.Result]:
        number = next(count)
        if number == 0:
            raise EngineError("the graphics card is on fire")
        answer = submit(self, image, **more)
        if number == 1:
            from dataclasses import replace

            result = replace(answer.result(), text="round", finish_reason="repetition")
            answer = type(answer)()
            answer.settle(result)
        return answer

    monkeypatch.setattr(ppocrvl.Engine, "submit", failing)
    command = ("parse", samples / "hello.png", "-o", tmp_path, "--to", "json,md", *NONE)
    done = ppocrvl_program(*command, **BUILT_IN)
    assert done.returncode == ExitCode.ENGINE
    assert "page 1, block 1 (paragraph_title): failed: the graphics card is on fire" in done.stderr
    assert "page 1, block 2 (paragraph_title): stopped as a loop" in done.stderr
    assert "1 page, 3 blocks" in done.stderr
    assert "; 1 block failed;" in done.stderr
    (page,) = json.loads((tmp_path / "hello.json").read_text(encoding="utf-8"))["pages"]
    first, second, third = page["blocks"]
    assert (first["finish_reason"], second["finish_reason"]) == ("error", "repetition")
    assert first["error"] == "the graphics card is on fire"
    assert third["text"] == "by the project."
    monkeypatch.undo()
    monkeypatch.setattr("ppocrvl.parsing.layouts.open_layout", open_thirds)
    assert ppocrvl_program(*command, **BUILT_IN).returncode == ExitCode.OK  # what failed, again
    text = (tmp_path / "hello.json").read_text(encoding="utf-8")
    assert "Hello world!" in text


def test_what_is_there_by_the_deadline(ppocrvl_program: Program, picture: Path) -> None:
    """The endless model has an answer, but no end of it."""
    command = ("parse", picture, "--to", "json", "--page-deadline", "1", "--no-stop-loops")
    done = ppocrvl_program(*command, "--max-tokens", 60_000, *NONE)
    assert done.returncode == ExitCode.OK
    (block,) = json.loads(done.stdout)["pages"][0]["blocks"]
    assert block["finish_reason"] == "deadline"
    assert "block 1 (text): cut off (--page-deadline)" in done.stderr


def test_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.parsing.fakes import Stripes, TrueReader, jobs

    from ppocrvl.parsing.block_options import BlockOptions
    from ppocrvl.parsing.parts import Parts
    from ppocrvl.parsing.pipeline import Pages
    from ppocrvl.parsing.remembering import Memory

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    progress, failures = Progress(["scan.pdf"], shows_bar=True), Failures()
    parts = Parts(Stripes(), TrueReader(), Memory(None, {}), BlockOptions())
    for page in Pages(jobs([1, 2]), parts):
        progress.page(page)  # type: ignore[arg-type]
        failures.page(page)  # type: ignore[arg-type]
    progress.end(0, ["out/scan.md"])
    text = shown.getvalue()
    assert "scan.pdf: 2/2" in text
    assert "0 failed" in text
    assert "pages/min" in text
    assert text.rstrip().endswith("pages a minute; out/scan.md")
    assert failures.exit_code("any") == ExitCode.OK
