# SPDX-License-Identifier: Apache-2.0
"""A toy of the layout model: it trains, resumes bit for bit, and is written as the official one."""

from __future__ import annotations

import csv
import functools
from typing import TYPE_CHECKING, Any

import pytest
from tests.fonts import needs_fonts
from tests.not_run import TORCH

torch = pytest.importorskip("torch", reason=TORCH)
transformers = pytest.importorskip("transformers", reason=TORCH)
pytest.importorskip("matplotlib", reason='needs matplotlib: pip install ".[eval]"')

from safetensors import safe_open  # noqa: E402 - comes with transformers

import train_layout  # noqa: E402
from pages.labels import LABELS  # noqa: E402
from tiny_layout import curve, data, measure, network  # noqa: E402
from train_layout import Training, learning_rate, size_at  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

TOY: dict[str, Any] = {
    "width": 16,
    "heads": 2,
    "hidden": 32,
    "layers": 2,
    "queries": 20,
    "stem": [3, 4, 8],
    "inputs": [8, 8, 16, 16],
    "middles": [8, 8, 8, 8],
    "outputs": [8, 16, 16, 16],
    "blocks": [1, 1, 1, 1],
    "denoising": 10,
}
SIZE = 64


pytestmark = needs_fonts


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def weights(training: Training) -> list[Any]:
    return [t.clone() for t in training.model.state_dict().values()] + [
        t.clone() for t in training.average.state_dict().values()
    ]


def test_a_resumed_run_is_the_same_to_the_bit(tmp_path: Path) -> None:
    whole = Training(tmp_path, 7, TOY)
    for _ in range(2):
        figures = whole.train(2, SIZE, 1e-3)
    assert all(v == v and v >= 0 for v in figures.values())  # noqa: PLR0124 - not NaN
    whole.keep()
    at_two = weights(whole)
    whole.train(2, SIZE, 1e-3)
    resumed = Training(tmp_path, 7, TOY)
    resumed.resume()
    assert resumed.step == 2
    assert all(torch.equal(a, b) for a, b in zip(weights(resumed), at_two, strict=True))
    resumed.train(2, SIZE, 1e-3)
    assert all(torch.equal(a, b) for a, b in zip(weights(resumed), weights(whole), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(weights(whole), at_two, strict=True))


def test_the_script_keeps_logs_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_layout, "Training", functools.partial(Training, shape=TOY))
    monkeypatch.setattr(train_layout, "SIZES", ((1.0, SIZE),))
    monkeypatch.setattr(train_layout, "CHECKED", 1)
    (tmp_path / "stop").touch()  # after one step
    command = ["train_layout.py", "--out", str(tmp_path), "--threads", "1", "--batch", "1"]
    for more in ([], ["--resume"]):
        monkeypatch.setattr("sys.argv", command + more)
        train_layout.main()
    with (tmp_path / "log.csv").open(encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    assert [(r["step"], r["pages"]) for r in rows] == [("1", "1"), ("2", "2")]
    assert all(0 <= float(r[name]) <= 1 for r in rows for name in ("f1", "ordered"))
    assert not list(tmp_path.glob("*.part"))
    picture = tmp_path / "curve.png"
    curve.draw(tmp_path / "log.csv", picture)
    assert picture.stat().st_size > 1000
    assert network.load(tmp_path / "model").config.d_model == TOY["width"]


def test_the_written_checkpoint_is_one_of_transformers(tmp_path: Path) -> None:
    training = Training(tmp_path, 3, TOY)
    training.train(2, SIZE, 1e-3)
    training.write()
    folder = tmp_path / "model"
    with safe_open(folder / "model.safetensors", "pt") as file:
        names = set(file.keys())
        assert file.get_tensor("model.denoising_class_embed.weight").shape[0] == len(LABELS)
    fresh = tmp_path / "fresh"
    transformers.PPDocLayoutV3ForObjectDetection(network.configuration(TOY)).save_pretrained(fresh)
    with safe_open(fresh / "model.safetensors", "pt") as file:
        assert names == set(file.keys())
    model = network.load(folder)
    assert list(model.config.id2label.values()) == list(LABELS)
    pixels = torch.rand(1, 3, SIZE, SIZE)
    with torch.no_grad():
        ours, its = training.average(pixels), model(pixels)
    torch.testing.assert_close(ours.logits, its.logits)  # one is channels-last
    torch.testing.assert_close(ours.pred_boxes, its.pred_boxes)
    torch.testing.assert_close(ours.order_logits, its.order_logits)
    assert not its.out_masks.any()  # every region is its box


def test_found_regions_are_corners_in_order(tmp_path: Path) -> None:
    model = Training(tmp_path, 3, TOY).average
    (found,) = measure.look(model, torch.rand(1, 3, SIZE, SIZE), threshold=0.0, most=2.0)
    assert len(found.labels) == TOY["queries"] == len(found.scores)
    assert (found.boxes[:, 2:] >= found.boxes[:, :2]).all()


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    one, again, other = (
        data.batch(1, 5, 2, SIZE),
        data.batch(1, 5, 2, SIZE),
        data.batch(1, 6, 2, SIZE),
    )
    assert torch.equal(one.pixels, again.pixels)
    assert not torch.equal(one.pixels, other.pixels)
    for told in one.targets:
        assert ((told["boxes"] >= 0) & (told["boxes"] <= 1)).all()
        assert len(told["boxes"]) == len(told["class_labels"])


def test_rate_and_size_follow_the_progress() -> None:
    rates = [learning_rate(1e-3, 10_000, p / 10) for p in range(11)]
    assert rates[0] == rates[2] == 1e-3
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(2e-5)
    assert size_at(0) < size_at(0.5) < size_at(0.99) == size_at(1.5) == network.SIZE
