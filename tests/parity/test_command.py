# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl parity` with the built-in model, and with what must not pass."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image

import ppocrvl
from ppocrvl.cli.main import run_command
from ppocrvl.errors import ExitCode
from ppocrvl.images import resize
from ppocrvl.parity.made_images import SHAPES, made_image
from ppocrvl.parity.run import REFERENCE_BF16
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.reference, pytest.mark.slow]


@pytest.fixture(scope="module")
def f32(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in model as f32 files."""
    folder = tmp_path_factory.mktemp("f32")
    ppocrvl.export(tiny_checkpoint, folder, llm_type="f32", mmproj_type="f32")
    return folder


@pytest.fixture(scope="module")
def stored(tiny_checkpoint: Path, f32: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference's stages of the small made pictures, and the full report's checks."""
    folder = tmp_path_factory.mktemp("stored")
    names = ["thin.png", "round.png", "small.png"]
    # 40 x 900 and 18 x 200: another size without the small-side rule; 70 x 250: halves are rounded.
    for name, size in zip(names, [(900, 40), (250, 70), (200, 18)], strict=True):
        made_image(*size).save(folder / name)
    images = [arg for name in names for arg in ("--image", str(folder / name))]
    command = ["parity", str(tiny_checkpoint), str(f32), *images, "--max-tokens", "12"]
    # The file's own least number of pixels would enlarge them all, and hide the rules.
    command += ["--min-pixels", "784", "--max-pixels", "1003520", "--reference-bf16"]
    command += ["--save-reference", str(folder / "kept"), "--report", str(folder / "report.html")]
    assert run_command([*command, "--all-precisions"]) == ExitCode.OK
    report = (folder / "report.html").read_text()
    assert report.count("<h2>") == 3
    for run in (REFERENCE_BF16, "ours, precision exact", "ours, precision fast"):
        assert report.count(f"relative errors of {run}: patches ") == 3
    return folder


@pytest.fixture
def compare_again(
    stored: Path, f32: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, dict[str, object]]]:
    """Compare with the stored reference; gives the exit code and the first failure per picture."""

    def run(*arguments: str, model: Path = f32) -> tuple[int, dict[str, object]]:
        images = [arg for path in sorted(stored.glob("*.png")) for arg in ("--image", str(path))]
        capsys.readouterr()
        command = ["parity", str(stored / "kept"), str(model), *images, "--json", *arguments]
        code = run_command(command)
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return code, {row["image"]: row["first_failure"] for row in rows}

    return run


@pytest.fixture
def deviate() -> Iterator[Callable[[str], None]]:
    """Make the vision graph deviate until the test ends."""
    yield _native._test.deviate_vision
    _native._test.deviate_vision("")


def test_stored_reference_needs_no_torch(
    compare_again: Callable[..., tuple[int, dict[str, object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    code, failures = compare_again()
    assert code == ExitCode.OK
    assert failures == {"thin.png": None, "round.png": None, "small.png": None}


@pytest.mark.parametrize(
    ("deviation", "stage"),
    [("antialiased_positions", "patches"), ("tanh_projector", "image_tokens")],
)
def test_deviations_of_the_graph_are_found(
    compare_again: Callable[..., tuple[int, dict[str, object]]],
    deviate: Callable[[str], None],
    deviation: str,
    stage: str,
) -> None:
    deviate(deviation)
    code, failures = compare_again()
    assert code == ExitCode.PARITY
    assert set(failures.values()) == {stage}


def test_letterbox_is_found(
    compare_again: Callable[..., tuple[int, dict[str, object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Image.Image.resize

    def resize_to(self: Image.Image, size: tuple[int, int], *args: object) -> Image.Image:
        if args == (Image.Resampling.BICUBIC,):
            scale = min(size[0] / self.width, size[1] / self.height)
            inner = (round(self.width * scale), round(self.height * scale))
            canvas = Image.new("RGB", size)
            canvas.paste(original(self, inner, Image.Resampling.BICUBIC))
            return canvas
        return original(self, size, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Image.Image, "resize", resize_to)
    code, failures = compare_again()
    assert code == ExitCode.PARITY
    # The smallest keeps its ratio, so nothing is padded.
    assert failures == {"thin.png": "pixels", "round.png": "pixels", "small.png": None}


@pytest.mark.parametrize(
    ("picture", "rule"), [("round.png", "half away from zero"), ("small.png", "no small side")]
)
def test_other_target_sizes_are_found(
    compare_again: Callable[..., tuple[int, dict[str, object]]],
    monkeypatch: pytest.MonkeyPatch,
    picture: str,
    rule: str,
) -> None:
    def size(height: int, width: int, **_: int) -> tuple[int, int]:
        to_whole = round if rule == "no small side" else lambda value: int(value + 0.5)
        rows, cols = (max(1, to_whole(side / 28)) for side in (height, width))
        return rows * 28, cols * 28

    monkeypatch.setattr(resize, "smart_resize", size)
    code, failures = compare_again()
    assert code == ExitCode.PARITY
    assert failures[picture] == "prompt_ids"


def test_half_precision_files_have_wider_bounds(
    tiny_checkpoint: Path, stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ppocrvl.export(tiny_checkpoint, tmp_path)
    images = [arg for path in sorted(stored.glob("*.png")) for arg in ("--image", str(path))]
    thin = ["--image", str(stored / "thin.png"), "--max-tokens", "4"]
    for reference, arguments, own in (
        (tiny_checkpoint, thin, False),
        (tiny_checkpoint, [*thin, "--reference-bf16"], True),
        (stored / "kept", images, True),
    ):
        command = ["parity", str(reference), str(tmp_path), *arguments, "--json"]
        assert run_command(command) == ExitCode.OK
        for row in map(json.loads, capsys.readouterr().out.splitlines()):
            bounds = {stage["stage"]: stage["bound"] for stage in row["stages"]}
            wanted = 1.5 * row["other_errors"][REFERENCE_BF16]["encoded"] if own else 1e-2
            assert bounds["encoded"] == pytest.approx(wanted)
            assert bounds["logits"] is None


def test_spotting(
    tiny_checkpoint: Path, f32: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made_image(430, 110).save(tmp_path / "line.png")
    command = ["parity", str(tiny_checkpoint), str(f32), "--image", str(tmp_path / "line.png")]
    assert run_command([*command, "--task", "spotting", "--max-tokens", "8"]) == ExitCode.OK
    assert "encoded as 868x224" in capsys.readouterr().out  # twice 430 x 110


@pytest.mark.timeout(900)
def test_all_shapes(tiny_checkpoint: Path, f32: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["parity", str(tiny_checkpoint), str(f32), "--max-tokens", "4", "--json"]
    assert run_command(command) == ExitCode.OK
    assert len(capsys.readouterr().out.splitlines()) == len(SHAPES)


def test_options_that_cannot_work(
    tiny_checkpoint: Path,
    f32: Path,
    stored: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept, thin = stored / "kept", str(stored / "thin.png")
    images = [arg for path in sorted(stored.glob("*.png")) for arg in ("--image", str(path))]
    for reference, arguments, code, message in (
        (tmp_path, (), ExitCode.CHECKPOINT, "no config.json"),
        (tiny_checkpoint, ("--min-pixels", "9"), ExitCode.USAGE, "give both"),
        (tiny_checkpoint, ("--max-tokens", "0"), ExitCode.USAGE, "max_tokens must be"),
        (tiny_checkpoint, ("--image", thin, "--image", thin), ExitCode.USAGE, "two images"),
        (tiny_checkpoint, ("--report", str(tmp_path / "a" / "b")), ExitCode.OUTPUT, "no such"),
        (tiny_checkpoint, ("--stock-program", thin), ExitCode.USAGE, "--against stock"),
        (tiny_checkpoint, ("--against", "stock", "--stock-program", thin), ExitCode.USAGE, "run"),
        (kept, (*images, "--against", "stock", "--stock-program", "/bin/false"), 9, "exit code 1"),
        (kept, (*images, "--against", "stock", "--stock-program", "/bin/true"), 9, "work as"),
        (kept, ("--task", "table"), ExitCode.USAGE, "is a stored reference; --task"),
        (kept, (), ExitCode.USAGE, "which is not among the images"),
    ):
        assert run_command(["parity", str(reference), str(f32), *arguments]) == code
        captured = capsys.readouterr()
        assert message in captured.err
        assert captured.err.count("\n") == 1
