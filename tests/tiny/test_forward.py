# SPDX-License-Identifier: Apache-2.0
"""Our batched forward computes what transformers' PaddleOCR-VL computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.not_run import TORCH

torch = pytest.importorskip("torch", reason=TORCH)
pytest.importorskip("transformers", reason=TORCH)

from tiny import model  # noqa: E402
from tiny.tokenizer import Vocabulary  # noqa: E402

if TYPE_CHECKING:
    from torch import Tensor

ROWS, COLS = 2, 5
VOCABULARY = Vocabulary.built_in()
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
    net = model.build(model.official_config(VOCABULARY, SMALL_VISION, SMALL_TEXT)).eval()
    with torch.no_grad():  # large enough that a wrong position embedding shows
        net.model.visual.vision_model.embeddings.position_embedding.weight.normal_(0, 1.0)
        net.lm_head.weight.normal_(0, 0.2)
    return net


def embedded(net: model.Network, image: Tensor, ids: list[int]) -> tuple[Tensor, Tensor]:
    """A prompt with an image and its answer, and the positions."""
    before, after = VOCABULARY.prompt_ids("OCR:")
    embed = net.model.language_model.embed_tokens
    head, tail = embed(torch.tensor(before)), embed(torch.tensor([*after, *ids]))
    return torch.cat((head, image, tail)), model.positions(len(before), ROWS, COLS, len(tail))


def ours(net: model.Network, pixels: Tensor, ids: list[int]) -> tuple[Tensor, Tensor]:
    """Image tokens and logits of our forward for one prompt and its answer."""
    image = model.encode(net, [pixels])
    x, places = embedded(net, image, ids)
    states = model.decode(net, x, [len(x)], model.rope_tables(net, places)).states
    return image, states @ net.lm_head.weight.T


def theirs(net: model.Network, pixels: Tensor, ids: list[int]) -> tuple[Tensor, Tensor]:
    """The same from transformers' own forward."""
    before, after = VOCABULARY.prompt_ids("OCR:")
    tokens = torch.tensor([[*before, *[VOCABULARY.image] * (ROWS * COLS), *after, *ids]])
    patches = pixels.reshape(3, ROWS * 2, 14, COLS * 2, 14).permute(1, 3, 0, 2, 4)
    grid = torch.tensor([[1, ROWS * 2, COLS * 2]])
    patches = patches.reshape(-1, 3, 14, 14)
    image = net.get_image_features(pixel_values=patches, image_grid_thw=grid).pooler_output
    out = net(
        input_ids=tokens,
        attention_mask=torch.ones_like(tokens),
        mm_token_type_ids=(tokens == VOCABULARY.image).int(),
        pixel_values=patches,
        image_grid_thw=grid,
    )
    return image, out.logits


def test_equals_transformers(network: model.Network) -> None:
    torch.manual_seed(4)
    pixels = torch.rand(3, ROWS * 28, COLS * 28) * 2 - 1
    ids = [VOCABULARY.unit_id(t) for t in (*TEXT[:6], "<fcel>")]
    with torch.no_grad():
        our_image, our_logits = ours(network, pixels, ids)
        their_image, their_logits = theirs(network, pixels, ids)
    their_image = (
        torch.cat([*their_image]) if isinstance(their_image, (list, tuple)) else their_image
    )
    assert float(their_logits.abs().max()) > 1
    torch.testing.assert_close(
        our_image, their_image.reshape(our_image.shape), atol=2e-5, rtol=1e-4
    )
    torch.testing.assert_close(our_logits, their_logits[0], atol=1e-4, rtol=1e-4)


def test_pictures_packed_together_do_not_see_each_other(network: model.Network) -> None:
    torch.manual_seed(5)
    pictures = [torch.rand(3, 28 * h, 28 * w) * 2 - 1 for h, w in ((2, 5), (1, 3), (4, 2))]
    with torch.no_grad():
        together = model.encode(network, pictures)
        alone = torch.cat([model.encode(network, [p]) for p in pictures])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_a_cache_changes_nothing(network: model.Network) -> None:
    torch.manual_seed(6)
    pixels = [torch.rand(3, ROWS * 28, COLS * 28) * 2 - 1 for _ in range(2)]
    ids = [VOCABULARY.unit_id(t) for t in TEXT[:5]]
    with torch.no_grad():
        image = model.encode(network, pixels).split(ROWS * COLS)
        parts = [embedded(network, one, ids) for one in image]
        n = len(parts[0][0])
        tables = model.rope_tables(network, torch.cat([p for _, p in parts], dim=1))
        whole = model.decode(network, torch.cat([x for x, _ in parts]), [n, n], tables).states
        cache = model.Cache(2, 2)
        found = []
        for begin, end in ((0, n - 3), (n - 3, n - 2), (n - 2, n - 1), (n - 1, n)):
            x = torch.cat([x[begin:end] for x, _ in parts])
            places = torch.cat([p[:, begin:end] for _, p in parts], dim=1)
            count = [end - begin] * 2
            tables = model.rope_tables(network, places)
            found.append(
                model.decode(network, x, count, tables, cache=cache).states.view(2, -1, 256)
            )
    torch.testing.assert_close(torch.cat(found, 1).flatten(0, 1), whole, atol=1e-5, rtol=1e-4)


def test_the_guided_heads_look_where_attention_does(network: model.Network) -> None:
    """Log attention sums to one, and sees nothing that comes later."""
    torch.manual_seed(7)
    ids = [VOCABULARY.unit_id(t) for t in TEXT[:5]]
    with torch.no_grad():
        image = model.encode(network, [torch.rand(3, ROWS * 28, COLS * 28) * 2 - 1])
        x, places = embedded(network, image, ids)
        tables = model.rope_tables(network, places)
        logs = model.decode(network, x, [len(x)], tables, guided=(1,), answers=[3]).looked_at[1][0]
    assert logs.shape == (2, 3, len(x))
    torch.testing.assert_close(logs.exp().sum(-1), torch.ones(2, 3))
    assert (logs[:, 0, -2:] == float("-inf")).all()
    assert (logs[:, 2] > float("-inf")).all()
