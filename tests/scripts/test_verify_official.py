# SPDX-License-Identifier: Apache-2.0
"""`scripts/verify_official.py`, from a local hub with a small checkpoint of random weights."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gguf
import pytest
from tests.hub import REVISION, Hub, serve_hub

import ppocrvl
from ppocrvl.errors import ExitCode
from ppocrvl.exporter.layout.synthetic import write_synthetic_layout
from synthetic_checkpoint import write_synthetic_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.reference, pytest.mark.slow, pytest.mark.timeout(900)]

NAME = "Some-VL"
FEW = ("--pictures", "2", "--pages", "2", "--max-tokens", "4", "--threads", "1")


@dataclass
class Verification:
    """The program, its folder and its hub."""

    script: Path
    work: Path
    hubs: tuple[Hub, Hub, Hub]

    def pin(self) -> None:
        """What the hubs serve now is what is to be verified."""
        names = ("checkpoint", "gguf", "layout")
        text = json.dumps(dict(zip(names, map(pin, self.hubs), strict=True)))
        (self.work / "pins.json").write_text(text)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        command = [sys.executable, str(self.script), "--work", str(self.work), *FEW]
        return subprocess.run(
            [*command, "--pins", str(self.work / "pins.json"), *arguments],
            env={
                **kept,
                "HF_ENDPOINT": self.hubs[0].url,
                "HF_HOME": str(self.work / "hf"),
                "PATH": "",  # no llama-server of this machine's
                "PPOCRVL_CACHE_DIR": str(self.work / "cache"),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def report(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads((self.work / "1.6" / "report.json").read_text())
        return values

    def statuses(self) -> dict[str, str]:
        return {name: one["status"] for name, one in self.report()["steps"].items()}


def pin(hub: Hub) -> dict[str, object]:
    """All files by hash."""
    sha256 = {name: hashlib.sha256(data).hexdigest() for name, data in hub.files.items()}
    return {"repo": hub.repo, "revision": hub.commit, "sha256": sha256}


@pytest.fixture
def verification(tmp_path: Path, project_root: Path) -> Iterator[Verification]:
    folder = tmp_path / NAME
    write_synthetic_checkpoint(folder)
    exported = ppocrvl.export(folder, tmp_path / "pair")
    layout = tmp_path / "layout"
    write_synthetic_layout(layout, image_size=160)
    hubs = (
        Hub({path.name: path.read_bytes() for path in folder.iterdir()}, f"owner/{NAME}"),
        Hub(
            {path.name: path.read_bytes() for path in (exported.llm, exported.mmproj)},
            f"owner/{NAME}-GGUF",
        ),
        Hub({path.name: path.read_bytes() for path in layout.iterdir()}, "owner/Page_safetensors"),
    )
    server = serve_hub(*hubs)
    (tmp_path / "work").mkdir()
    yield Verification(project_root / "scripts" / "verify_official.py", tmp_path / "work", hubs)
    server.shutdown()
    server.server_close()


def test_all_steps_a_failure_and_the_next_run(verification: Verification) -> None:
    """One long test: what the first run has done is what the others go on with."""
    checkpoint, pair, _ = verification.hubs
    llm = next(name for name in pair.files if not name.startswith("mmproj"))
    right = pair.files[llm]
    pair.files[llm] = with_another_norm(right, verification.work)
    verification.pin()
    done = verification.run("--llama-server", sys.executable)
    assert done.returncode == ExitCode.PARITY, done.stdout + done.stderr
    failed = {name for name, status in verification.statuses().items() if status != "passed"}
    steps = verification.report()["steps"]
    assert failed == {"tensors", "speed"}, steps
    assert (
        "1 tensors differ, the first is llm: output_norm.weight (F32 for F32)"
        in (steps["tensors"]["message"])
    )
    assert "peer_llama_server.py failed" in steps["speed"]["message"]  # Python is no llama-server
    assert [one["passed"] for one in steps["parity"]["values"]["pictures"]] == [True, True]
    assert steps["layout-parity"]["values"]["same regions"] == 1.0
    assert [one["passed"] for one in steps["layout-parity"]["values"]["pages"]] == [True, True]
    assert list(steps["layout-export"]["values"]) == ["Page-F32.gguf"]
    assert steps["layout-page"]["values"]["image"].endswith(".png")
    assert set(steps["eval"]["values"]) == {"small", "balanced", "quality"}
    assert steps["checkpoint"]["values"]["sha256"] == pin(checkpoint)["sha256"]

    pair.files[llm] = right
    verification.pin()
    checkpoint.ranges.clear()
    done = verification.run()  # other files: nothing of before counts, but what was fetched stays
    assert "official: failed" in done.stdout  # a wrong file has the right one's name
    assert checkpoint.ranges == []
    for path in (verification.work / "1.6" / "official").iterdir():
        path.unlink()
    done = verification.run()
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert set(verification.statuses().values()) == {"passed"}
    assert verification.report()["steps"]["tensors"]["values"]["llm"]["n_differences"] == 0
    assert "no llama-server was found" in json.dumps(verification.report()["steps"]["speed"])
    report = (verification.work / "1.6" / "report.md").read_text(encoding="utf-8")
    assert f"Checkpoint: owner/{NAME} at {REVISION}." in report
    assert "| transformers |" in report
    assert "| parity | passed |" in report
    assert f"Layout model: owner/Page_safetensors at {REVISION}." in report

    seconds = {name: one["seconds"] for name, one in verification.report()["steps"].items()}
    assert verification.run("--redo", "quantize").returncode == ExitCode.OK
    again = {name: one["seconds"] for name, one in verification.report()["steps"].items()}
    assert {name for name in seconds if seconds[name] != again[name]} == {"quantize", "eval"}

    server = verification.work / "llama-server"
    source = Path(__file__).with_name("fake_llama_server.py").read_text(encoding="utf-8")
    server.write_text(f"#!{sys.executable}\n{source}", encoding="utf-8")
    server.chmod(0o755)
    done = verification.run("--redo", "speed", "--llama-server", str(server))
    assert done.returncode == ExitCode.OK, done.stdout
    speed = verification.report()["steps"]["speed"]["values"]
    assert [speed[name]["tokens"] for name in ("ppocrvl", "llama-server")] == [4, 4]


def test_hub_that_does_not_answer(verification: Verification) -> None:
    """What does not need it is done all the same."""
    verification.pin()
    for hub in verification.hubs:
        hub.repo = f"{hub.repo}-gone"
    done = verification.run()
    assert done.returncode == ExitCode.PARITY
    statuses = verification.statuses()
    assert statuses.pop("pages") == "passed"
    pulled = [statuses.pop(name) for name in ("official", "checkpoint", "layout")]
    assert pulled == ["failed"] * 3
    assert set(statuses.values()) == {"skipped"}


def with_another_norm(data: bytes, folder: Path) -> bytes:
    """The file with one number changed."""
    path = folder / "changed.gguf"
    path.write_bytes(data)
    tensors = {one.name: one for one in gguf.GGUFReader(path, "r+").tensors}
    tensors["output_norm.weight"].data[0] += 1
    return path.read_bytes()
