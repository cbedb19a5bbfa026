# SPDX-License-Identifier: Apache-2.0
"""A failed or interrupted export leaves nothing behind, and what was there before stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ppocrvl.errors import CheckpointError, ExitCode, OutputError
from ppocrvl.exporter import export, export_llm
from synthetic_checkpoint import write_synthetic_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
import ppocrvl
try:
    ppocrvl.export(sys.argv[1], sys.argv[2])
except ppocrvl.OutputError as error:
    sys.exit(f"OutputError: {error}")
"""


# The LLM is written first and has 5.3 MB: the limits hit before its header, in its metadata, in its
# tensors and in its last block.
@pytest.mark.parametrize("limit", [0, 1000, 3_000_000, 5_301_000])
def test_full_disk_leaves_nothing_behind(
    synthetic: Callable[..., Path], tmp_path: Path, limit: int
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "Tiny-VL-BF16.gguf").write_text("from before")
    command = [sys.executable, "-c", LIMITED, str(synthetic()), str(out), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith(f"OutputError: {out / 'Tiny-VL-BF16.gguf'}: cannot be written")
    assert [path.name for path in out.iterdir()] == ["Tiny-VL-BF16.gguf"]
    assert (out / "Tiny-VL-BF16.gguf").read_text() == "from before"


def test_full_disk_in_the_second_file_removes_the_first(
    synthetic: Callable[..., Path], tmp_path: Path
) -> None:
    code = LIMITED.replace("sys.argv[2])", "sys.argv[2], llm_type='q8_0')")
    command = [sys.executable, "-c", code, str(synthetic()), str(tmp_path), "4000000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "mmproj-Tiny-VL-BF16.gguf: cannot be written" in done.stderr
    assert list(tmp_path.iterdir()) == []


PAUSING = """
import sys, time, ppocrvl.cli.main
import ppocrvl.cli.export as command
class Pause:
    def __call__(self, name, done, total):
        if name.startswith("mmproj") and done > total // 2:
            print("writing", file=sys.stderr, flush=True)
            time.sleep(60)
command.ProgressLine = Pause
sys.argv[1:1] = ["export"]
ppocrvl.cli.main.main()
"""


def test_refused_checkpoint_leaves_no_folder_behind(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    write_synthetic_checkpoint(checkpoint)
    (checkpoint / "preprocessor_config.json").write_text('{"image_mean": "grey"}')
    with pytest.raises(CheckpointError):
        export(checkpoint, tmp_path / "new" / "out")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)],
)
def test_interrupted_export_leaves_nothing_behind(
    synthetic: Callable[..., Path], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    arguments = [str(synthetic()), "-o", str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, "-c", PAUSING, *arguments], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "writing\n"
        assert len(list(tmp_path.iterdir())) == 2  # both under temporary names
        process.send_signal(number)
        assert process.wait(30) == code
    assert list(tmp_path.iterdir()) == []


def test_unwritable_folder(
    synthetic: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file/out: cannot be written"):
        export(synthetic(), tmp_path / "file" / "out")
    with pytest.raises(OutputError, match=r"nowhere/a\.gguf: cannot be written"):
        export_llm(synthetic(), tmp_path / "nowhere" / "a.gguf")
    if os.geteuid() == 0:
        return  # root may write anywhere
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        export_llm(synthetic(), "a.gguf")


def test_folder_in_the_place_of_the_file(synthetic: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "mmproj-Tiny-VL-BF16.gguf").mkdir()
    with pytest.raises(OutputError, match="a folder has this name"):
        export(synthetic(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mmproj-Tiny-VL-BF16.gguf"]


def test_files_have_the_usual_permissions(synthetic: Callable[..., Path], tmp_path: Path) -> None:
    path = export_llm(synthetic(), tmp_path / "a.gguf")
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
