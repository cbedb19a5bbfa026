# SPDX-License-Identifier: Apache-2.0
"""The table and the exported files against transformers' own models."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ppocrvl.exporter.layout.config import STRIDES, InputConfig, parse_layout_config
from ppocrvl.exporter.layout.constants import anchors, position_embedding
from ppocrvl.exporter.layout.exporter import export_layout
from ppocrvl.exporter.layout.official import LABELS
from ppocrvl.exporter.layout.synthetic import CONFIGS, saved_name
from ppocrvl.exporter.layout.table import is_dead, layout_tensors, module_name, needed_tensors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

pytestmark = pytest.mark.reference

# state_dict entries, and tensors of the exported file.
COUNTS = {"v3": (915, 447), "v2": (1005, None)}


def model_of(data: dict[str, Any]) -> Any:
    """transformers' model of a configuration, without memory for its weights."""
    import torch
    from transformers import AutoConfig, AutoModelForObjectDetection

    settings = copy.deepcopy(data)
    config = AutoConfig.for_model(settings.pop("model_type"), **settings)
    with torch.device("meta"):
        return AutoModelForObjectDetection.from_config(config)


@pytest.mark.parametrize("size", sorted(CONFIGS))
def test_table_is_the_state_dict(size: str) -> None:
    data = CONFIGS[size] | {"id2label": {str(i): label for i, label in enumerate(LABELS)}}
    side = {"size": {"height": 800, "width": 800}}
    config = parse_layout_config(data, "config.json", side, "preprocessor_config.json")
    specs = layout_tensors(config)
    found = {name: tuple(t.shape) for name, t in model_of(data).state_dict().items()}
    used = {name: shape for name, shape in found.items() if not is_dead(name, config)}
    assert needed_tensors(specs) == used
    assert {module_name(saved_name(name)) for name in found} == found.keys()
    if size in COUNTS:
        n_entries, n_tensors = COUNTS[size]
        assert len(found) == n_entries
        assert n_tensors in {None, len(specs)}


@pytest.mark.parametrize(("width", "height"), [(800, 800), (448, 448), (160, 96), (1600, 800)])
def test_anchors(width: int, height: int) -> None:
    import torch
    from transformers.models.pp_doclayout_v3.modeling_pp_doclayout_v3 import PPDocLayoutV3Model

    maps = tuple((height // stride, width // stride) for stride in STRIDES)
    expected, expected_valid = PPDocLayoutV3Model._cached_generate_anchors(maps, 0.05)
    image = InputConfig(width, height, (0.0,) * 3, (1.0,) * 3, halves=False)
    boxes, valid = anchors(image)
    assert np.array_equal(valid, expected_valid[0].numpy())
    assert torch.allclose(torch.from_numpy(boxes).float(), expected[0], rtol=2e-6, atol=2e-6)
    assert np.array_equal(
        boxes.astype(np.float32) == np.finfo(np.float32).max, np.tile(1 - valid, 4)
    )


def test_position_embedding() -> None:
    import torch
    from transformers.models.pp_doclayout_v3 import modeling_pp_doclayout_v3 as reference

    expected = reference.build_2d_sinusoidal_position_embedding(
        3, 5, embed_dim=64, temperature=10000, dtype=torch.float64
    )
    assert np.allclose(position_embedding(5, 3, 64, 10000), expected.numpy(), rtol=0, atol=1e-12)
    assert not position_embedding(5, 3, 64, None).any()


def page(side: int) -> Tensor:
    import torch

    rng = np.random.default_rng(5)
    pixels = np.ones((3, side, side))
    for _ in range(40):
        row, column = rng.integers(0, side - 30, 2)
        height, width = rng.integers(3, 30), rng.integers(5, side // 2)
        pixels[:, row : row + height, column : column + width] = rng.random((3, 1, 1))
    return torch.from_numpy(pixels)[None]


def loaded(folder: Path) -> Any:
    """transformers' model with a checkpoint's weights, in float64."""
    import torch
    from transformers import AutoModelForObjectDetection

    model = AutoModelForObjectDetection.from_pretrained(folder, dtype=torch.float64)
    return model.eval()


@pytest.mark.parametrize(
    ("size", "changes"),
    [
        ("v3-small", {}),
        ("v3-small", {"mask_enhanced": False, "hidden_expansion": 1.0}),
        ("v2-small", {}),
        ("v2-small", {"eval_size": [160, 160], "encoder_layers": 2}),
    ],
    ids=["v3", "v3-boxes", "v2", "v2-no-positions"],
)
def test_file_computes_what_the_model_computes(
    layout_checkpoints: Callable[..., Path], tmp_path: Path, size: str, changes: dict[str, Any]
) -> None:
    """Every tensor of the file is used; the exporter's values, not rounded, agree to 1e-9."""
    import torch
    from tests.exporter.layout.graph import Graph

    from ppocrvl.exporter.layout.checkpoint import open_layout_checkpoint

    folder = layout_checkpoints(size, **changes)
    graph = Graph(export_layout(folder, tmp_path))
    rounded = dict(graph.tensors)
    with open_layout_checkpoint(folder) as checkpoint:
        for tensor in checkpoint.tensors:
            shape = tensor.spec.shape
            exact = tensor.table_row.compute(tensor.values, 0, shape[0]).reshape(shape)
            name = tensor.spec.target
            graph.tensors[name] = torch.from_numpy(np.ascontiguousarray(exact))
            assert torch.equal(graph.tensors[name].float().double(), rounded[name]), name
    pixels = page(160)
    with torch.no_grad():
        expected = loaded(folder)(pixels)
        found = graph.run(pixels)
    assert graph.used == graph.tensors.keys()
    close("pan", found["pan"], expected.encoder_last_hidden_state[-1])
    close("first boxes", found["first_boxes"], expected.init_reference_points[0])
    if size.startswith("v3"):
        close("masks", found["masks"], expected.out_masks[0])
        close("boxes", found["boxes"], expected.pred_boxes[0])
        close("logits", found["logits"], expected.logits[0])
        close("order", found["order"], expected.order_logits[0])
        return
    # transformers keeps the frequencies in float32, and sorts by an unstable sort: whatever order
    # that gives, the net must agree on it.
    graph.tensors["order.relation_freq"] = rounded["order.relation_freq"]
    taken = found["taken"]
    order = torch.argsort(taken[None].int(), dim=1, descending=True)[0]
    count = int(taken.sum())
    assert count >= 3
    boxes, logits = found["boxes"][order], found["logits"][order]
    close("boxes", boxes, expected.pred_boxes[0])
    close("logits", logits, expected.logits[0])
    corners = torch.cat((boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2), 1)
    with torch.no_grad():
        again = graph.order_net(corners[:count], logits[:count].argmax(-1))
    close("order", again, expected.order_logits[0])


def close(stage: str, found: Tensor, expected: Tensor) -> None:
    above = expected > -9999  # below the diagonal, order logits are -10000
    error = ((found - expected)[above].abs().max() / expected[above].abs().max()).item()
    assert error <= 1e-9, (stage, error)


def test_random_weights_are_calibrated(layout_checkpoints: Callable[..., Path]) -> None:
    """Signals neither die out nor grow, some queries pass, and masks are positive somewhere."""
    import torch

    model = loaded(layout_checkpoints())
    with torch.no_grad():
        output = model(page(160))
    for values in output.encoder_last_hidden_state:
        assert 0.1 < values.std() < 10
    assert 0.1 < output.last_hidden_state.std() < 10
    assert (output.logits.sigmoid().max(-1).values > 0.3).sum() >= 3
    assert 1e-3 < (output.out_masks > 0).double().mean() < 0.5
    assert output.pred_boxes.std(1).min() > 0.01
