# SPDX-License-Identifier: Apache-2.0
"""How two runs are compared, without the reference."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ppocrvl.engine.stages import ARRAYS, Stages
from ppocrvl.errors import CheckpointError, OptionError, OutputError
from ppocrvl.parity import report, store
from ppocrvl.parity.compare import BOUNDS, compare, first_failure, same_order
from ppocrvl.parity.made_images import SHAPES, made_image
from ppocrvl.parity.run import Case, CaseReport, image_hash, stored_case

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def stages() -> Stages:
    """A image of 1 x 2 image tokens."""
    random = np.random.default_rng(4)

    def numbers(*shape: int) -> np.typing.NDArray[np.float32]:
        return random.standard_normal(shape).astype(np.float32)

    return Stages(
        prompt_ids=(1, 9, 9, 2),
        pixels=numbers(28, 56, 3),
        patches=numbers(8, 6),
        encoded=numbers(8, 6),
        image_tokens=numbers(2, 10),
        logits=numbers(50),
        token_ids=(3, 4),
        text="<b>ab",
    )


def test_equal_runs_pass(stages: Stages) -> None:
    found = compare(stages, stages, BOUNDS["F32"], exact=True)
    assert [d.passed for d in found] == [True] * 8
    assert all(d.relative == 0 for d in found if d.stage in ARRAYS)
    assert first_failure(found) is None


@pytest.mark.parametrize("stage", ARRAYS)
def test_a_difference_is_found_where_it_is(stages: Stages, stage: str) -> None:
    changed = getattr(stages, stage).copy()
    changed.flat[5] += 0.25
    found = compare(replace(stages, **{stage: changed}), stages, BOUNDS["F32"], exact=True)
    failed = first_failure(found)
    assert failed is not None
    assert failed.stage == stage
    assert failed.largest == pytest.approx(0.25)
    norm = np.linalg.norm(getattr(stages, stage))
    assert failed.relative == pytest.approx(0.25 / norm, rel=1e-5)
    assert failed.mean == pytest.approx(0.25 / changed.size, rel=1e-5)


def test_other_shapes_and_ids_fail(stages: Stages) -> None:
    other = replace(stages, patches=stages.patches[:4], token_ids=(3,), prompt_ids=(1, 9, 2))
    found = compare(other, stages, BOUNDS["F32"], exact=True)
    assert [d.stage for d in found if d.passed is False] == ["prompt_ids", "patches", "token_ids"]
    assert "token 1 on (1 tokens, the reference has 2)" in found[-2].note


def test_another_order_of_tokens_fails_within_the_bound(stages: Stages) -> None:
    logits = np.full(5000, -100, np.float32)
    logits[:20] = np.linspace(100, 96, 20)
    swapped = logits.copy()
    swapped[[3, 4]] = swapped[[4, 3]]
    reference, other = replace(stages, logits=logits), replace(stages, logits=swapped)
    failed = first_failure(compare(other, reference, {"logits": 1e-3}, exact=True))
    assert failed is not None
    assert failed.stage == "logits"
    assert failed.relative is not None
    assert failed.relative < 1e-3
    assert failed.note.startswith("another order")


def test_text_is_compared_unless_it_has_no_one_reading(stages: Stages) -> None:
    found = compare(replace(stages, text="<b>b"), stages, BOUNDS["F32"], exact=True)
    assert [d.stage for d in found if d.passed is False] == ["text"]
    assert found[-1].note == "differs from character 3 on"
    broken = replace(stages, text="<b>\ufffd\ufffd")
    found = compare(replace(stages, text="<b>\ufffd"), broken, BOUNDS["F32"], exact=True)
    assert found[-1].passed is None


def test_without_bounds_nothing_is_judged(stages: Stages) -> None:
    other = replace(stages, logits=stages.logits + 1, token_ids=(5,))
    found = {d.stage: d for d in compare(other, stages, {}, exact=False)}
    assert found["logits"].passed is None
    assert found["token_ids"].passed is None


def test_order_of_the_likeliest_tokens() -> None:
    reference = np.linspace(1, 0, 20, dtype=np.float32)
    swapped = reference.copy()
    swapped[[3, 4]] = swapped[[4, 3]]
    assert same_order(reference, reference, 1e-3)
    assert not same_order(swapped, reference, 1e-3)
    assert same_order(swapped, reference, 0.1)  # those two are closer than that
    beyond = reference.copy()
    beyond[[13, 14]] = beyond[[14, 13]]
    assert same_order(beyond, reference, 1e-3)
    risen = reference.copy()
    risen[15] = reference[3] - 0.01
    assert not same_order(risen, reference, 1e-3)


def keep(folder: Path, entry: store.Entry, stages: Stages) -> None:
    writer = store.Writer(folder, "the reference")
    writer.add(entry, stages)
    writer.close()


def test_stored_stages_come_back(stages: Stages, tmp_path: Path) -> None:
    image = made_image(28, 28)
    entry = store.Entry("28x28", image_hash(image), "ocr", 8, (784, 90000))
    keep(tmp_path / "kept", entry, stages)
    made_with, (stored,) = store.load(tmp_path / "kept")
    case, loaded = stored_case(stored, []), stored.stages()
    assert made_with == "the reference"
    assert (case.name, case.max_tokens, case.pixel_limits) == ("28x28", 8, (784, 90000))
    assert all(d.passed for d in compare(loaded, stages, BOUNDS["F32"], exact=True))
    assert loaded.text == stages.text


@pytest.mark.parametrize(
    "damage", ["index", "limits", "errors", "array", "empty", "escape", "gone"]
)
def test_damaged_store(stages: Stages, tmp_path: Path, damage: str) -> None:
    entry = store.Entry("28x28", "", "ocr", 8, None)
    keep(tmp_path, entry, stages)
    index = tmp_path / store.INDEX
    if damage == "index":
        index.write_text("{")
    elif damage == "limits":
        index.write_text(index.read_text().replace('"pixel_limits": null', '"pixel_limits": [1]'))
    elif damage == "errors":
        index.write_text(index.read_text().replace('"bf16_errors": null', '"bf16_errors": {}'))
    elif damage == "empty":
        (tmp_path / "000.npz").write_bytes(b"")
    elif damage == "array":
        (tmp_path / "000.npz").write_bytes(b"PK\x03\x04 nothing")
    elif damage == "escape":
        index.write_text(index.read_text().replace("000.npz", "../000.npz"))
    else:
        (tmp_path / "000.npz").unlink()
    with pytest.raises(CheckpointError, match="make it again"):
        [(one.bf16_errors(), one.stages()) for one in store.load(tmp_path)[1]]


def test_a_store_of_another_version(stages: Stages, tmp_path: Path) -> None:
    keep(tmp_path, store.Entry("28x28", "", "ocr", 8, None), stages)
    index = json.loads((tmp_path / store.INDEX).read_text())
    (tmp_path / store.INDEX).write_text(json.dumps({**index, "format": index["format"] + 1}))
    with pytest.raises(CheckpointError, match="another version"):
        store.load(tmp_path)


def test_a_store_that_cannot_be_written(stages: Stages, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*file"):
        store.Writer(tmp_path / "file", "the reference")
    writer = store.Writer(tmp_path / "kept", "the reference")
    (tmp_path / "kept").rmdir()
    with pytest.raises(OutputError, match=r"cannot write .*kept"):
        writer.add(store.Entry("28x28", "", "ocr", 8, None), stages)
    with pytest.raises(OutputError, match=r"cannot write .*kept"):
        writer.close()


def test_another_image_of_the_same_name(tmp_path: Path) -> None:
    entry = store.Entry("28x28", "0" * 64, "ocr", 8, None)
    with pytest.raises(OptionError, match="not the image"):
        stored_case(store.Stored(tmp_path, entry, {}), [])


def test_a_checkpoint_is_no_place_for_a_store(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(OptionError, match="holds a checkpoint"):
        store.Writer(tmp_path, "the reference")


def test_numbers_that_are_none_are_no_json(stages: Stages) -> None:
    broken = replace(stages, encoded=stages.encoded * np.float32(np.nan))
    differences = compare(broken, stages, BOUNDS["F32"], exact=True)
    one = CaseReport(Case("x", made_image(28, 28), "ocr", 8, None), stages, broken, differences)
    assert not one.passed
    assert "NaN" not in json.dumps(report.to_json(one))
    page = report.Page()
    page.add(one)
    assert "differs first at encoded" in page.html("parity", [])


@pytest.mark.parametrize("shape", SHAPES[:-1], ids=str)
def test_made_images_have_text_and_their_size(shape: tuple[int, int]) -> None:
    image = made_image(*shape)
    assert image.size == shape
    assert image_hash(image) == image_hash(made_image(*shape))
    assert np.asarray(image.convert("L")).min() < 120


def test_report_is_one_file_that_escapes_text(stages: Stages) -> None:
    changed = replace(stages, encoded=stages.encoded + 1)
    case = Case("<i>", made_image(28, 28), "ocr", 8, None)
    differences = compare(changed, stages, BOUNDS["F32"], exact=True)
    one = CaseReport(case, stages, changed, differences)
    made = report.Page()
    made.add(one)
    page = made.html("parity", [("model", "a & b")])
    assert "&lt;i&gt;" in page
    assert "&lt;b&gt;ab" in page
    assert "a &amp; b" in page
    assert page.count("data:image/png;base64,") == 4
    assert "http" not in page
    assert "differs first at: encoded" in "\n".join(report.text_lines(one))
    assert report.to_json(one)["first_failure"] == "encoded"
