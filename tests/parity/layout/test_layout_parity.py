# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl parity` of a layout model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
import pytest

from ppocrvl.cli.main import run_command
from ppocrvl.errors import ExitCode
from ppocrvl.exporter import export_layout
from ppocrvl.exporter.layout.synthetic import write_synthetic_layout
from ppocrvl.parity.layout.stages import LEVEL_OF_PIXELS, _compare_pixels
from ppocrvl.parity.made_images import PAGE_SIZES, made_page

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., tuple[int, list[dict[str, Any]], str]]

pytestmark = pytest.mark.timeout(300)  # importing torch alone takes long on a busy machine
reference = pytest.mark.reference
SIDE = 160
NO_MASKS = {"mask_enhanced": False, "ppocrvl_layout": {"masks": False}}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint") / "page"
    write_synthetic_layout(folder, image_size=SIDE)
    return folder


@pytest.fixture(scope="module")
def layout_file(checkpoint: Path) -> Path:
    return export_layout(checkpoint, checkpoint.parent)


@pytest.fixture
def run(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command; gives exit code, JSON lines and what it says on stderr."""

    def run_it(model: Path, *arguments: object) -> tuple[int, list[dict[str, Any]], str]:
        command = ["parity", str(checkpoint), str(model), "--json", *map(str, arguments)]
        code = run_command(command)
        out, err = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err

    return run_it


def with_another(layout_file: Path, tensor: str, folder: Path, factor: float = 1.01) -> Path:
    """The file with one tensor changed."""
    path = Path(shutil.copy(layout_file, folder / "changed.gguf"))
    tensors = {one.name: one for one in gguf.GGUFReader(path, "r+").tensors}
    tensors[tensor].data[:] *= factor
    return path


class OwnChoices:
    """The reference's."""

    def queries(self, _: Any, theirs: Any) -> Any:
        return theirs

    def boxes(self, _: Any, theirs: Any) -> Any:
        return theirs


@reference
@pytest.mark.parametrize("changes", [{}, NO_MASKS], ids=["masks", "no_masks"])
def test_stages_put_together_are_the_models_own_pass(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    import torch
    from transformers import PPDocLayoutV3ForObjectDetection

    from ppocrvl.parity.layout.reference import LayoutReference

    write_synthetic_layout(tmp_path, changes=changes, image_size=SIDE)
    pixels = np.random.default_rng(5).random((3, SIDE, SIDE))
    ours = LayoutReference(tmp_path).alone(pixels, OwnChoices())
    model: Any = PPDocLayoutV3ForObjectDetection.from_pretrained(tmp_path, dtype=torch.float32)
    with torch.no_grad():
        own = model.eval().double()(torch.from_numpy(pixels)[None])
    assert np.allclose(ours["logits"], own.logits[0], rtol=0, atol=1e-10)
    assert np.allclose(ours["boxes"], own.pred_boxes[0], rtol=0, atol=1e-10)
    order = np.triu(own.order_logits[0].numpy(), 1)
    assert np.allclose(ours["order_logits"], order, rtol=0, atol=1e-10)
    if not changes:
        assert np.allclose(ours["masks"], own.out_masks[0], rtol=0, atol=1e-10)


@reference
def test_pages_are_those_of_the_reference(run: Run, layout_file: Path) -> None:
    code, pages, err = run(layout_file, "--pages", 2)
    assert code == ExitCode.OK, pages
    assert [page["image"] for page in pages] == ["page-0", "page-1"]
    first, second = pages
    assert first["passed"]
    assert first["first_failure"] is None
    names = [stage["stage"] for stage in first["stages"]]
    assert names[:2] == ["pixels", "backbone.0"]
    assert {"selected", "masks", "scores", "order", "region_boxes"} <= set(names)
    assert all(stage["passed"] for stage in first["stages"])
    assert second["stages"] is None
    n_regions = [page["regions"]["n_regions"] for page in pages]
    assert min(n_regions) > 0
    assert f"100.00% of {sum(n_regions)} regions on 2 pages are the same" in err


@reference
@pytest.mark.parametrize(
    ("tensor", "stages"),
    [
        ("backbone.1.0.excite.weight", {"backbone.1"}),
        ("enc.pan.1.conv1.weight", {"encoder.2", "prototypes"}),
        ("dec.1.ffn_down.weight", {"decoder.1"}),
        ("order.pointer.weight", {"order_logits"}),
    ],
)
def test_a_wrong_weight_shows_in_its_stage_alone(
    run: Run, layout_file: Path, tmp_path: Path, tensor: str, stages: set[str]
) -> None:
    code, (page,), err = run(with_another(layout_file, tensor, tmp_path), "--pages", 1)
    assert code == ExitCode.PARITY
    assert {stage["stage"] for stage in page["stages"] if not stage["passed"]} == stages
    assert page["first_failure"] == min(stages)
    assert "stages differ on 1 pages: page-0" in err


@reference
def test_wrong_regions_alone_are_enough_to_fail(
    run: Run, layout_file: Path, tmp_path: Path
) -> None:
    wrong = with_another(layout_file, "dec.box.2.weight", tmp_path, 2.0)
    code, (page,), err = run(wrong, "--pages", 1, "--stage-pages", 0)
    assert code == ExitCode.PARITY
    assert page["stages"] is None
    assert page["regions"]["n_same"] < page["regions"]["n_regions"]
    assert "at least 99.5% must be" in err


@reference
def test_users_own_pages_and_text(
    checkpoint: Path, layout_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        made_page(number).resize((200, 300)).save(tmp_path / f"{number}.png")
    (tmp_path / "notes.txt").write_text("no page")
    command = ["parity", str(checkpoint), str(layout_file), "--image", str(tmp_path)]
    assert run_command([*command, "--pages", "2"]) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "0.png: 200x300 pixels",
        "1.png: 200x300 pixels",
    ]
    assert any(line.startswith("  backbone.0 ") and line.endswith("  pass") for line in lines)
    assert any("the same; boxes within" in line for line in lines)


@reference
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--task", "table"), ExitCode.USAGE, "--task cannot apply: "),
        (("--precision", "fast", "--report", "x"), ExitCode.USAGE, "--precision, --report cannot"),
        (("--pages", "0"), ExitCode.USAGE, "--pages must be at least 1"),
        (("--image", "nowhere.png"), ExitCode.IMAGE, "nowhere.png"),
    ],
)
def test_wrong_arguments(
    run: Run, layout_file: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    found, pages, err = run(layout_file, *arguments)
    assert (found, pages) == (code, [])
    assert message in err


def test_wrong_models(run: Run, tmp_path: Path) -> None:
    assert run(tmp_path / "nowhere.gguf")[0] == ExitCode.MODEL
    assert run(tmp_path)[0] == ExitCode.MODEL
    code, _, err = run(Path("none"))
    assert code == ExitCode.MODEL
    assert "name a layout model's file" in err


def test_layout_flags_are_refused_for_other_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["parity", str(tmp_path), "x", "--pages", "3"]) == ExitCode.USAGE
    assert f"--pages cannot apply: {tmp_path} is no layout model" in capsys.readouterr().err


@reference
def test_v2_has_no_comparison(
    layout_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_synthetic_layout(tmp_path, "v2-small", image_size=SIDE)
    assert run_command(["parity", str(tmp_path), str(layout_file)]) == ExitCode.USAGE
    assert "parity knows PP-DocLayoutV3 alone" in capsys.readouterr().err


def test_pixels_may_differ_by_one_level() -> None:
    theirs = np.random.default_rng(0).integers(0, 200, (3, 8, 8)) / 255
    ours = theirs.copy()
    ours[0, 1, 2] += LEVEL_OF_PIXELS
    one = _compare_pixels(ours, theirs, LEVEL_OF_PIXELS)
    assert one.passed
    assert one.note == "one level of 255 at 0.52% of the values"
    ours[0, 1, 2] += LEVEL_OF_PIXELS
    assert not _compare_pixels(ours, theirs, LEVEL_OF_PIXELS).passed
    assert not _compare_pixels(ours[:, 1:], theirs, LEVEL_OF_PIXELS).passed


def test_made_pages_are_of_all_sizes_and_different() -> None:
    pages = [made_page(number) for number in range(len(PAGE_SIZES))]
    assert [page.size for page in pages] == list(PAGE_SIZES)
    assert made_page(3).tobytes() == pages[3].tobytes()
    assert made_page(3 + len(PAGE_SIZES)).tobytes() != pages[3].tobytes()
