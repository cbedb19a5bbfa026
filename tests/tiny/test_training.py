# SPDX-License-Identifier: Apache-2.0
"""The training runs, resumes to the bit, and takes up a smaller checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.fonts import needs_fonts
from tests.not_run import TORCH

from tiny import data
from tiny.tokenizer import PREFIXES, SINGLE, Vocabulary

torch = pytest.importorskip("torch", reason=TORCH)
pytest.importorskip("transformers", reason=TORCH)

import train_tiny  # noqa: E402 - it needs torch
from tiny import checkpoint, decode, losses, model  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    from tiny.targets import Sample

VISION = {
    "hidden_size": 64,
    "intermediate_size": 80,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}
TEXT = {**model.TEXT, "intermediate_size": 256, "num_hidden_layers": 3}
STAGE = data.Stage(1.0, {"strip": 2, "formula": 1}, 60, 0.5)


def reader(
    vocabulary: Vocabulary, vision: dict[str, int] | None = None, text: dict[str, int] | None = None
) -> model.Reader:
    torch.manual_seed(3)
    config = model.official_config(vocabulary, vision or VISION, text or TEXT)
    return model.Reader(model.build(config), config, vocabulary)


def some(vocabulary: Vocabulary, step: int) -> list[Sample]:
    return data.batch(5, step, 130, vocabulary, STAGE)


@needs_fonts
def test_a_resumed_training_goes_on_to_the_bit(tmp_path: Path) -> None:
    vocabulary = Vocabulary.built_in()
    straight = train_tiny.Training(tmp_path, 1, 8, reader(vocabulary))
    for step in range(4):
        straight.train(some(vocabulary, step), 1e-3)
        if step == 1:
            straight.keep()
    resumed = train_tiny.Training(tmp_path, 1, 8, reader(vocabulary))
    resumed.resume()
    assert resumed.step == 2
    for step in (2, 3):
        resumed.train(some(vocabulary, step), 1e-3)
    pairs = zip(straight.parameters, resumed.parameters, strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    averages = (t.average.state_dict() for t in (straight, resumed))
    a, b = averages
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert straight.pictures == resumed.pictures


@needs_fonts
def test_losses_fall_and_every_parameter_learns(tmp_path: Path) -> None:
    vocabulary = Vocabulary.built_in()
    training = train_tiny.Training(tmp_path, 1, 1000, reader(vocabulary))
    shown = some(vocabulary, 0)
    before = {n: p.detach().clone() for n, p in training.model.named_parameters()}
    first = training.train(shown, 2e-3)
    for _ in range(5):
        last = training.train(shown, 2e-3)
    assert last[0] < first[0]
    assert last[1] < first[1]
    same = {n for n, p in training.model.named_parameters() if torch.equal(p, before[n])}
    unused = {n for n in same if "pos" not in n and "packing" not in n}
    assert not unused


@needs_fonts
def test_targets_share_one_row_of_all_unused_ids() -> None:
    vocabulary = Vocabulary.built_in()
    targets = losses.Targets(vocabulary)
    assert len(targets.rows) == len(vocabulary.written) + 1
    assert int(targets.classes[vocabulary.unit_id("a")]) >= 0
    assert int(targets.classes[vocabulary.id["<|LOC_7|>"]]) == -1


def test_a_grown_network_computes_what_it_did(tmp_path: Path) -> None:
    """More layers, heads and units, and a vocabulary with further pieces."""
    small = reader(Vocabulary((*PREFIXES, *SINGLE)), VISION, {**TEXT, "num_attention_heads": 2})
    with torch.no_grad():
        small.network.lm_head.weight.normal_(0, 0.3)
    checkpoint.write(small, tmp_path)
    small = checkpoint.load(tmp_path)  # rounded to bf16
    large = reader(
        Vocabulary.built_in(),
        {**VISION, "num_hidden_layers": 2, "intermediate_size": 112},
        {**TEXT, "num_hidden_layers": 4, "intermediate_size": 512},
    )
    large = checkpoint.grown(tmp_path, large)
    pictures = [torch.rand(3, 56, 84) * 2 - 1]
    with torch.no_grad():
        a, b = (model.encode(r.network, pictures) for r in (small, large))
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)
        x = torch.randn(20, 256)
        tables = model.rope_tables(small.network, torch.arange(20).expand(3, -1))
        a, b = (model.decode(r.network, x, [20], tables).states for r in (small, large))
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)
        rows = [r.network.lm_head.weight[r.vocabulary.unit_id("k")] for r in (small, large)]
        torch.testing.assert_close(*rows)
    assert checkpoint.parameters(large) > checkpoint.parameters(small)


def test_reading_stops_at_the_end_and_tells_the_least_certain_token(tmp_path: Path) -> None:
    del tmp_path
    net = reader(Vocabulary.built_in())
    pictures = [torch.rand(3, 28 * h, 84) * 2 - 1 for h in (1, 2)]
    found = decode.read(net, pictures, "OCR:", 5)
    alone = [decode.read(net, [p], "OCR:", 5)[0] for p in pictures]
    assert [said for said, _ in found] == [said for said, _ in alone]
    assert all(0 < least <= 1 for _, least in found)


@pytest.mark.slow
@needs_fonts
def test_the_command_trains_resumes_and_exports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*options: str) -> list[str]:
        command = ["", "--out", str(tmp_path), "--steps", "3", "--budget", "60", *options]
        monkeypatch.setattr("sys.argv", command)
        train_tiny.main()
        log = (tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()
        assert log[0].startswith("seconds,step,pictures")
        return log[-1].split(",")

    few = data.Plan(data.PAGES.stages, {"strip": 1, "table": 1, "formula": 1})
    monkeypatch.setattr(train_tiny, "PAGES", few)
    (tmp_path / "stop").touch()
    assert train()[1] == "1"
    (tmp_path / "stop").unlink()
    assert train("--resume", "--painters", "1")[1] == "3"
    loaded = checkpoint.load(tmp_path / "model")
    assert loaded.config["vocab_size"] == Vocabulary.built_in().size


@pytest.mark.slow
@needs_fonts
def test_the_command_trains_a_checkpoint_of_its_own_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*options: str) -> None:
        command = ["", "--out", str(tmp_path), "--steps", "3", "--budget", "60", "--keep-size"]
        monkeypatch.setattr("sys.argv", [*command, *options])
        train_tiny.main()

    monkeypatch.setattr(train_tiny, "LINES", data.Plan(data.LINES.stages, {"row": 1}))
    old = reader(Vocabulary((*PREFIXES, *SINGLE)))
    checkpoint.write(old, tmp_path / "old")
    (tmp_path / "stop").touch()
    train("--init-from", str(tmp_path / "old"))
    (tmp_path / "stop").unlink()
    train("--resume")
    log = (tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[1] for line in log] == ["step", "1", "3"]
    new = checkpoint.load(tmp_path / "model")
    assert new.vocabulary.tokens == old.vocabulary.tokens
    assert checkpoint.parameters(new) == checkpoint.parameters(old)
    with pytest.raises(SystemExit):
        train()
