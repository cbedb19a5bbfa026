# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl parity` of a layout model."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
import pytest
from PIL import Image

from ppocrvl.cli.main import run_command
from ppocrvl.errors import ExitCode
from ppocrvl.exporter import export_layout
from ppocrvl.exporter.layout.synthetic import write_synthetic_layout
from ppocrvl.parity.layout.reference import LayoutReference, halved
from ppocrvl.parity.layout.stages import (
    LEVEL_OF_PIXELS,
    _compare_pixels,
    comparable,
    compare_stages,
)
from ppocrvl.parity.made_images import PAGE_SIZES, made_page

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., tuple[int, list[dict[str, Any]], str]]

reference = pytest.mark.reference
SIDE = 160
UNUSED_MASKS = {"mask_enhanced": False}
NO_MASKS = {**UNUSED_MASKS, "ppocrvl_layout": {"masks": False}}


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

    def taken(self, margins: Any) -> Any:
        return margins >= 0

    def corners(self, theirs: Any) -> Any:
        return theirs


@reference
@pytest.mark.parametrize(
    ("size", "changes"),
    [
        ("v3-small", {}),
        ("v3-small", UNUSED_MASKS),
        ("v3-small", NO_MASKS),
        ("v2-small", {}),
        ("v2-small", {"class_thresholds": [0.0] * 25}),
        ("v2-small", {"class_thresholds": [1.0] * 25}),
    ],
    ids=["masks", "unused_masks", "no_masks", "v2", "v2_all_taken", "v2_none_taken"],
)
def test_stages_put_together_are_the_models_own_pass(
    size: str, changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import AutoModelForObjectDetection

    # V2 brings queries to the front by a sort that is not stable: their order is an accident.
    monkeypatch.setattr(torch, "argsort", partial(torch.argsort, stable=True))
    write_synthetic_layout(tmp_path, size, changes=changes, image_size=SIDE)
    pixels = np.random.default_rng(5).random((3, SIDE, SIDE))
    ours = LayoutReference(tmp_path).alone(pixels, OwnChoices())
    model: Any = AutoModelForObjectDetection.from_pretrained(tmp_path, dtype=torch.float32)
    with torch.no_grad():
        own = model.eval().double()(torch.from_numpy(pixels)[None])
    assert np.allclose(ours["logits"], own.logits[0], rtol=0, atol=1e-10)
    assert np.allclose(ours["boxes"], own.pred_boxes[0], rtol=0, atol=1e-10)
    order = np.triu(own.order_logits[0].numpy(), 1)
    assert np.allclose(ours["order_logits"], order, rtol=0, atol=1e-10)
    assert ("masks" in ours) == (size == "v3-small" and changes != NO_MASKS)
    if "masks" in ours:
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
def test_several_precisions_are_judged_each(run: Run, layout_file: Path, tmp_path: Path) -> None:
    flags = ("--precision", "f32", "--precision", "auto", "--precision", "f32")
    code, pages, err = run(layout_file, "--pages", 1, *flags)
    assert code == ExitCode.OK, pages
    assert [page["precision"] for page in pages] == ["f32", "auto"]
    assert all(page["stages"] for page in pages)
    assert "ppocrvl: f32: 100.00% of " in err
    assert "ppocrvl: auto: 100.00% of " in err
    wrong = with_another(layout_file, "dec.box.2.weight", tmp_path, 2.0)
    assert run(wrong, "--pages", 1, "--stage-pages", 0, *flags)[0] == ExitCode.PARITY


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
        "0.png: 200x300 pixels, auto",
        "1.png: 200x300 pixels, auto",
    ]
    assert any(line.startswith("  backbone.0 ") and line.endswith("  pass") for line in lines)
    assert any("the same; boxes within" in line for line in lines)


@reference
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--task", "table"), ExitCode.USAGE, "--task cannot apply: "),
        (
            ("--all-precisions", "--report", "x"),
            ExitCode.USAGE,
            "--all-precisions, --report cannot",
        ),
        (("--precision", "fast"), ExitCode.USAGE, "choose auto, f32, bf16"),
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
@pytest.mark.parametrize(
    ("size", "changes", "some"),
    [
        ("v2-small", {}, "order.1"),
        ("v2-small", {"class_thresholds": [1.0] * 25}, "order.1"),
        ("v3-small", UNUSED_MASKS, "masks"),
        ("v3-small", {**NO_MASKS, "ppocrvl_layout": {"masks": False, "halve": True}}, "pixels"),
    ],
    ids=["v2", "v2_none_taken", "unused_masks", "no_masks_halved"],
)
def test_other_models(
    size: str,
    changes: dict[str, Any],
    some: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_synthetic_layout(tmp_path / "page", size, changes=changes, image_size=SIDE)
    file = export_layout(tmp_path / "page", tmp_path)
    command = ["parity", str(tmp_path / "page"), str(file), "--json", "--pages", "1"]
    code = run_command(command)
    page = json.loads(capsys.readouterr().out)
    assert code == ExitCode.OK, page
    assert some in {stage["stage"] for stage in page["stages"]}
    assert page["regions"]["same_choices"]


@reference
def test_pages_where_every_query_of_v2_takes_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {"class_thresholds": [0.0] * 25}
    write_synthetic_layout(tmp_path / "page", "v2-small", changes=changes, image_size=SIDE)
    file = export_layout(tmp_path / "page", tmp_path)
    command = ["parity", str(tmp_path / "page"), str(file), "--json", "--pages", "1"]
    assert run_command(command) == ExitCode.OK
    page = json.loads(capsys.readouterr().out)
    assert page["passed"]
    assert page["regions"]["ties"]["corners"] > 0  # or the test shows nothing of them


@reference
@pytest.mark.parametrize(
    ("tensor", "stages"),
    [
        ("dec.1.box.2.weight", {"references.1"}),
        ("order.token_embd", {"order_tokens"}),
        ("order.1.attn_v.weight", {"order.1"}),
        ("order.pointer.weight", {"order_logits"}),
    ],
)
def test_a_wrong_weight_of_v2_shows_in_its_stage_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tensor: str, stages: set[str]
) -> None:
    write_synthetic_layout(tmp_path / "page", "v2-small", image_size=SIDE)
    file = with_another(export_layout(tmp_path / "page", tmp_path), tensor, tmp_path, 1.05)
    command = ["parity", str(tmp_path / "page"), str(file), "--json", "--pages", "1"]
    assert run_command(command) == ExitCode.PARITY
    page = json.loads(capsys.readouterr().out)
    assert {stage["stage"] for stage in page["stages"] if not stage["passed"]} == stages


def v2_stages() -> dict[str, Any]:
    """Four queries, of which the second and the fourth take part in the order net."""
    boxes = np.arange(16.0).reshape(4, 4)
    return {
        "references.0": -boxes,
        "references.10": boxes,
        "boxes": boxes[[1, 3, 0, 2]],
        "logits": np.zeros((4, 2)),
        "order_tokens": np.zeros((5, 3)),
        "order.0": np.zeros((5, 3)),
        "order_logits": np.ones((4, 4)),
    }


def test_queries_that_take_part_are_known_by_their_boxes() -> None:
    ours = comparable(v2_stages())
    assert ours["taken"].tolist() == [0, 1, 0, 1]
    assert ours["order.0"].shape == (5, 3)
    assert ours["order_logits"].sum() == 6
    every = v2_stages()
    every["boxes"] = every["references.10"]
    every["order_tokens"] = every["order.0"] = np.zeros((7, 3))
    ours = comparable(every)
    assert ours["taken"].all()
    assert ours["order.0"].shape == ours["order_tokens"].shape == (6, 3)


def test_stages_of_one_side_alone_fail() -> None:
    logits = np.zeros((4, 2))
    boxes = np.full((4, 4), 0.5)
    stages = {
        "pixels": np.ones((3, 8, 8)),
        "boxes": boxes,
        "logits": logits,
        "order_logits": np.zeros((4, 4)),
    }
    found = {
        "stages": {**stages, "more": logits},
        "queries": np.array([0]),
        "labels": np.array([0]),
        "scores": np.array([0.5]),
        "boxes": np.array([[0.25, 0.25, 0.75, 0.75]]),
        "page_size": np.array([1.0, 1.0]),
    }
    expected = {**stages, "less": logits}
    del expected["pixels"]
    differences = compare_stages(found, expected, stages["pixels"], 1.0)
    notes = {one.stage: one.note for one in differences if one.stage in {"more", "less"}}
    assert notes == {"less": "ours has none", "more": "the reference has none"}
    assert {one.stage for one in differences if one.passed is False} >= notes.keys()


@pytest.mark.parametrize("height", [64, 65, 126, 127, 263])
def test_halving_is_pillows(height: int) -> None:
    page = np.random.default_rng(height).integers(0, 256, (height, 131, 3), np.uint8)
    expected = Image.fromarray(page)
    for _ in range({64: 1, 65: 1, 126: 1, 127: 2, 263: 2}[height]):
        expected = expected.reduce(2)
    assert np.array_equal(halved(page, 32, 32), np.asarray(expected))
    assert halved(page, 66, 32) is page


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
