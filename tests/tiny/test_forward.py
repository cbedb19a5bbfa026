# SPDX-License-Identifier: Apache-2.0
"""Our batched forward computes what transformers' PaddleOCR-VL computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.not_run import TORCH

torch = pytest.importorskip("torch", reason=TORCH)
pytest.importorskip("transformers", reason=TORCH)

from tiny import model, tokenizer  # noqa: E402

if TYPE_CHECKING:
    from torch import Tensor

ROWS, COLS = 2, 5
TEXT = "Ab 12\n<fcel>"
SMALL_VISION = {
    **model.VISION,
    "hidden_size": 64,
    "intermediate_size": 80,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
SMALL_TEXT = {**model.TEXT, "intermediate_size": 256, "num_hidden_layers": 2}


@pytest.fixture(scope="module")
def network() -> model.Network:
    torch.manual_seed(3)
    net = model.build(model.official_config(SMALL_VISION, SMALL_TEXT)).eval()
    with torch.no_grad():  # large enough that a wrong position embedding shows
        net.model.visual.vision_model.embeddings.position_embedding.weight.normal_(0, 1.0)
        net.lm_head.weight.normal_(0, 0.2)
    return net


def ours(net: model.Network, pixels: Tensor, ids: list[int]) -> tuple[Tensor, Tensor]:
    """Image tokens and logits of our forward for one prompt and its answer."""
    before, after = tokenizer.prompt_ids("OCR:")
    image = model.encode_images(net, pixels)
    embed = net.model.language_model.embed_tokens
    head, tail = embed(torch.tensor(before)), embed(torch.tensor([*after, *ids]))
    x = torch.cat((head[None], image, tail[None]), dim=1)
    cos, sin = model.rope_tables(net, model.positions(len(before), ROWS, COLS, len(tail)))
    states, _, _ = model.decode(net, x, cos, sin)
    return image, states @ net.lm_head.weight.T


def theirs(net: model.Network, pixels: Tensor, ids: list[int]) -> tuple[Tensor, Tensor]:
    """The same from transformers' own forward."""
    before, after = tokenizer.prompt_ids("OCR:")
    tokens = torch.tensor([[*before, *[tokenizer.IMAGE] * (ROWS * COLS), *after, *ids]])
    patches = pixels.reshape(3, ROWS * 2, 14, COLS * 2, 14).permute(1, 3, 0, 2, 4)
    grid = torch.tensor([[1, ROWS * 2, COLS * 2]])
    patches = patches.reshape(-1, 3, 14, 14)
    image = net.get_image_features(pixel_values=patches, image_grid_thw=grid).pooler_output
    out = net(
        input_ids=tokens,
        attention_mask=torch.ones_like(tokens),
        mm_token_type_ids=(tokens == tokenizer.IMAGE).int(),
        pixel_values=patches,
        image_grid_thw=grid,
    )
    return image, out.logits


def test_equals_transformers(network: model.Network) -> None:
    torch.manual_seed(4)
    pixels = torch.rand(1, 3, ROWS * 28, COLS * 28) * 2 - 1
    ids = [tokenizer.unit_id(t) for t in (*TEXT[:6], "<fcel>")]
    with torch.no_grad():
        our_image, our_logits = ours(network, pixels, ids)
        their_image, their_logits = theirs(network, pixels, ids)
    their_image = (
        torch.cat([*their_image]) if isinstance(their_image, (list, tuple)) else their_image
    )
    assert float(their_logits.abs().max()) > 1
    torch.testing.assert_close(
        our_image[0], their_image.reshape(our_image[0].shape), atol=2e-5, rtol=1e-4
    )
    torch.testing.assert_close(our_logits, their_logits, atol=1e-4, rtol=1e-4)
