# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl export` and the scripts beside it."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ppocrvl.cli.main import run_command
from ppocrvl.cli.writing import ProgressLine
from ppocrvl.errors import ExitCode
from ppocrvl.exporter import export

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.exporter.conftest import Reader


def test_command_writes_both_files_and_prints_their_paths(
    synthetic: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = export(synthetic(), tmp_path / "a", llm_type="q8_0", name="Some", min_pixels=784)
    arguments = ["--llm-type", "Q8_0", "--name", "Some", "--min-pixels", "784"]
    code = run_command(["export", str(synthetic()), "-o", str(tmp_path / "b"), *arguments])
    out, err = capsys.readouterr()
    assert code == 0
    written = [tmp_path / "b" / path.name for path in (expected.llm, expected.mmproj)]
    assert out.splitlines() == [str(path) for path in written]
    assert err == ("Some-Q8_0.gguf: 2.8 of 2.8 MB\nmmproj-Some-BF16.gguf: 4.8 of 4.8 MB\n")
    assert written[0].read_bytes() == expected.llm.read_bytes()
    assert written[1].read_bytes() == expected.mmproj.read_bytes()


def test_command_reports_a_bad_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_command(["export", str(tmp_path), "-o", str(tmp_path / "out")])
    out, err = capsys.readouterr()
    assert (code, out) == (ExitCode.CHECKPOINT, "")
    assert err.count("\n") == 1
    assert f"{tmp_path / 'config.json'}: cannot be read" in err


def test_command_refuses_unknown_types(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run_command(["export", str(tmp_path), "-o", str(tmp_path), "--llm-type", "q4_k"])
    assert code == ExitCode.USAGE
    assert "q4_k" in capsys.readouterr().err


def test_progress_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def last_line() -> str:
        """What is to be seen of it."""
        return terminal.getvalue().rpartition("\n")[2].rpartition("\r")[2]

    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    line = ProgressLine()
    line("a.gguf", 1_000_000, 3_000_000)
    assert last_line().startswith("a.gguf:")
    line("a.gguf", 3_000_000, 3_000_000)
    line.clear()  # nothing more is shown that could be in the way
    assert re.search(r"\ra\.gguf: 100%\|.* 3\.00M/3\.00M .*\n$", terminal.getvalue())
    line("b.gguf", 1_000_000, 3_000_000)
    assert last_line().startswith("b.gguf:")
    line.clear()
    assert last_line() == ""
    line("c.gguf", 1_000_000, 3_000_000)  # whatever became of b.gguf
    assert last_line().startswith("c.gguf:")


@pytest.mark.parametrize("part", ["llm", "mmproj"])
def test_scripts_write_one_file_each(
    synthetic: Callable[..., Path], tmp_path: Path, project_root: Path, part: str
) -> None:
    both = export(synthetic(), tmp_path / "both", llm_type="f16", mmproj_type="f16", name="N")
    out = tmp_path / "one.gguf"
    script = project_root / "scripts" / f"export_{part}.py"
    command = [sys.executable, str(script), str(synthetic()), str(out), "--type", "f16"]
    subprocess.run([*command, "--name", "N"], check=True, capture_output=True)
    assert out.read_bytes() == getattr(both, part).read_bytes()
    failed = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == ExitCode.CHECKPOINT
    assert failed.stderr.startswith(f"export_{part}: error: ")


def test_synthetic_script(
    synthetic: Callable[..., Path], tmp_path: Path, project_root: Path
) -> None:
    script = project_root / "scripts" / "make_synthetic_checkpoint.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    for path in synthetic().iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_synthetic_script_at_any_size(
    tmp_path: Path, project_root: Path, read_back: Reader
) -> None:
    script = project_root / "scripts" / "make_synthetic_checkpoint.py"
    sizes = {
        "text.vocab_size": 1500,
        "text.num_hidden_layers": 1,
        "text.hidden_size": 96,
        "text.num_attention_heads": 3,
        "text.num_key_value_heads": 3,
        "vision.hidden_size": 80,
        "vision.num_attention_heads": 5,
        "vision.intermediate_size": 77,
    }
    chosen = [part for name, value in sizes.items() for part in ("--set", f"{name}={value}")]
    subprocess.run([sys.executable, str(script), str(tmp_path / "any"), *chosen], check=True)
    files = export(tmp_path / "any", tmp_path / "out", llm_type="f32", mmproj_type="f32")
    llm, mmproj = read_back(files.llm), read_back(files.mmproj)
    assert llm.metadata["paddleocr.block_count"] == 1
    assert llm.tensors["token_embd.weight"].shape.tolist() == [96, 1500]
    assert mmproj.tensors["v.blk.0.ffn_up.weight"].shape.tolist() == [80, 77]


@pytest.mark.parametrize(
    ("size", "exit_code"),
    [
        ("vision.depth=2", ExitCode.USAGE),
        ("text.num_key_value_heads=3", ExitCode.CHECKPOINT),
        ("text.vocab_size=1000", ExitCode.CHECKPOINT),
    ],
)
def test_synthetic_script_refuses_sizes(
    tmp_path: Path, project_root: Path, size: str, exit_code: ExitCode
) -> None:
    script = project_root / "scripts" / "make_synthetic_checkpoint.py"
    failed = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "none"), "--set", size],
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == exit_code
    assert failed.stderr.startswith("make_synthetic_checkpoint: error: ")
    assert failed.stderr.count("\n") == 1
    assert not (tmp_path / "none").exists()
