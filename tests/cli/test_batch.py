# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl batch` in this process: what it writes, what it refuses, and how it goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from tests.batch.corpora import line_image, write_corpus, written

if TYPE_CHECKING:
    from tests.cli.conftest import Done, Program

BUILT_IN = {"PPOCRVL_MODEL": ""}
WITHOUT_TABLES = ("--to", "md,json")
"""PyArrow need not be installed."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "in"
    return write_corpus(folder, samples, n_images=2, n_pages=2)


def summary(done: Done) -> dict[str, Any]:
    assert done.stdout, done.stderr
    values: dict[str, Any] = json.loads(done.stdout)
    return values


def test_files_are_those_of_parse(
    ppocrvl_program: Program, corpus: Path, tmp_path: Path, samples: Path
) -> None:
    shutil.copy(samples / "paper.pdf", corpus / "paper.pdf")
    done = ppocrvl_program("batch", corpus, "-o", tmp_path / "out", *WITHOUT_TABLES, **BUILT_IN)
    (corpus / "paper.pdf").unlink()
    assert done.returncode == 13
    assert "broken.pdf: failed: " in done.stderr
    files = written(tmp_path / "out")
    names = {name.removesuffix(".md") for name in files if name.endswith(".md")}
    assert names == {"empty", "line-0", "paper", "scan", "sub/line-1"}
    counts = summary(done)
    assert counts["documents"] == {"written": 5, "kept": 0, "refused": 1}
    assert counts["pages"] == {"read": 7, "kept": 0, "failed": 0}
    assert [one["page"] for one in counts["failures"]] == [None]
    for name in ("scan.tiff", "sub/line-1.png"):
        one = tmp_path / Path(name).stem
        alone = ppocrvl_program(
            "parse", corpus / name, "-o", one, *WITHOUT_TABLES, "--deterministic", **BUILT_IN
        )
        assert alone.returncode == 0, alone.stderr
        stem = name.rsplit(".", 1)[0]
        for suffix in (".md", ".json"):
            assert files[stem + suffix] == (one / f"{Path(stem).name}{suffix}").read_bytes()


def test_rows_as_parquet(ppocrvl_program: Program, tmp_path: Path, samples: Path) -> None:
    """With names that are no UTF-8, and two documents of one name."""
    parquet = pytest.importorskip("pyarrow.parquet", reason='needs pyarrow: pip install ".[ray]"')
    folder = tmp_path / os.fsdecode(b"in-\xff")
    folder.mkdir()
    line_image(samples, 0).save(folder / "a.png")
    line_image(samples, 1).save(folder / "a.bmp")
    (folder / os.fsdecode(b"\xe9.pdf")).write_bytes(b"nothing")
    done = ppocrvl_program("batch", folder, "-o", tmp_path / "out", **BUILT_IN)
    assert done.returncode == 13
    assert set(written(tmp_path / "out")) == {
        "a.md", "a-2.md", "documents-000000.parquet", "pages-000000.parquet",
    }  # fmt: skip
    documents = parquet.read_table(tmp_path / "out" / "documents-000000.parquet").to_pylist()
    assert [Path(one["document"]).name for one in documents] == ["a.bmp", "a.png", "\\udce9.pdf"]
    assert [one["output"] for one in documents] == ["a", "a-2", "document"]
    assert "in-\\udcff" in documents[0]["document"]
    assert [one["pages_read"] for one in documents] == [1, 1, 0]
    assert documents[1]["markdown"] == (tmp_path / "out" / "a-2.md").read_text()
    assert "is no PDF" in documents[2]["error"]
    pages = parquet.read_table(tmp_path / "out" / "pages-000000.parquet").to_pylist()
    assert [(one["page"], one["error"]) for one in pages] == [(0, None), (0, None)]
    assert "Hello world" in pages[0]["text"]
    assert json.loads(pages[0]["blocks"])[0]["label"] == "doc_title"


@pytest.mark.parametrize("last", [1, 3, 5])
def test_a_run_that_is_killed_goes_on(corpus: Path, tmp_path: Path, last: int) -> None:
    def run(out: Path, last: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.batch.drive", str(last), "no", "batch"]
        command += [str(corpus), "-o", str(out), *WITHOUT_TABLES]
        environment = {**os.environ, **BUILT_IN, "PYTHONPATH": str(Path.cwd())}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=600, check=False
        )

    assert run(tmp_path / "out", last).returncode == -signal.SIGKILL
    assert run(tmp_path / "out", 0).returncode == 13
    assert run(tmp_path / "whole", 0).returncode == 13
    assert written(tmp_path / "out") == written(tmp_path / "whole")


def test_a_second_run_reads_nothing(ppocrvl_program: Program, corpus: Path, tmp_path: Path) -> None:
    first = ppocrvl_program("batch", corpus, "-o", tmp_path / "out", *WITHOUT_TABLES, **BUILT_IN)
    again = ppocrvl_program("batch", corpus, "-o", tmp_path / "out", *WITHOUT_TABLES, **BUILT_IN)
    assert first.returncode == again.returncode == 13
    assert summary(again)["documents"] == {"written": 0, "kept": 5, "refused": 0}
    assert "broken.pdf: failed: " in again.stderr  # it is told again
    (tmp_path / "out" / "scan.md").unlink()
    third = ppocrvl_program("batch", corpus, "-o", tmp_path / "out", "--to", "md,txt", **BUILT_IN)
    assert third.returncode == 13
    assert summary(third)["pages"] == {"read": 0, "kept": 5, "failed": 0}
    assert {"scan.md", "scan.txt", "scan.json"} <= set(written(tmp_path / "out"))


def test_an_output_of_another_model_is_left_alone(
    ppocrvl_program: Program, corpus: Path, tmp_path: Path, endless_model: Path
) -> None:
    out = tmp_path / "out"
    ppocrvl_program("batch", corpus, "-o", out, *WITHOUT_TABLES, **BUILT_IN)
    before = written(out)
    given = (*WITHOUT_TABLES, "--layout", "none")
    done = ppocrvl_program("batch", corpus, "-o", out, *given, "--model", endless_model)
    assert done.returncode == 7
    assert done.stderr.endswith(
        f"ppocrvl: error: {out}: its output is of another model; name another folder with -o\n"
    )
    assert written(out) == before


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--model", "/nowhere"], 4, "cannot open the model '/nowhere'"),
        (["--to", "word"], 2, "unknown format 'word'"),
        (["--workers", "2"], 2, "--workers is only with --ray"),
        (["--cpus-per-worker", "2"], 2, "--cpus-per-worker is only with --ray"),
        (["--gpus-per-worker", "0"], 2, "--gpus-per-worker is only with --ray"),
        (["--ray", "local", "--workers", "0"], 2, "workers must be at least 1, not 0"),
        (["--ray", "local", "--gpus-per-worker", "1.5"], 2, "gpus_per_worker must be a part"),
    ],
)
def test_what_cannot_be_done_is_told_first(
    ppocrvl_program: Program, corpus: Path, tmp_path: Path, more: list[str], code: int, message: str
) -> None:
    given = [*WITHOUT_TABLES, *more]
    done = ppocrvl_program("batch", corpus, "-o", tmp_path / "out", *given, **BUILT_IN)
    assert done.returncode == code
    assert message in done.stderr.splitlines()[-1]
    assert not written(tmp_path)


@pytest.mark.parametrize(
    ("missing", "more", "message"),
    [
        ("ray", ["--ray", "auto"], 'Ray is not installed: pip install "ppocrvl[ray]"'),
        ("pyarrow", ["--to", "md,parquet"], 'pip install "ppocrvl[ray]", or leave parquet out'),
    ],
)
def test_what_is_not_installed_is_named(
    ppocrvl_program: Program,
    corpus: Path,
    tmp_path: Path,
    missing: str,
    more: list[str],
    message: str,
) -> None:
    with mock.patch.dict(sys.modules, {missing: None}):
        given = [*WITHOUT_TABLES, *more]
        done = ppocrvl_program("batch", corpus, "-o", tmp_path / "out", *given, **BUILT_IN)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]


def test_a_folder_that_is_in_use(ppocrvl_program: Program, corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.md").write_text("mine")
    done = ppocrvl_program("batch", corpus, "-o", tmp_path, *WITHOUT_TABLES, **BUILT_IN)
    assert done.returncode == 7
    assert "is not empty, and is no output of `ppocrvl batch`" in done.stderr


@pytest.mark.skipif(find_spec("ray") is None, reason='needs Ray: pip install ".[ray]"')
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "no Ray can be reached at 127.0.0.1:1"),
        ("nonsense", "no Ray can be reached at nonsense"),
    ],
)
def test_an_address_without_ray(
    ppocrvl_process: Program, corpus: Path, tmp_path: Path, address: str, message: str
) -> None:
    given = [*WITHOUT_TABLES, "--ray", address]
    done = ppocrvl_process("batch", corpus, "-o", tmp_path / "out", *given, **BUILT_IN)
    assert done.returncode == 15
    assert message in done.stderr.splitlines()[-1]
    assert not written(tmp_path / "out")
