# SPDX-License-Identifier: Apache-2.0
"""M-RoPE positions against transformers', with one picture, several, and text between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.reference, pytest.mark.slow]

TEXT = 0  # in place of a picture's columns
SERIES = {
    "text": [(7, TEXT)],
    "one picture": [(3, TEXT), (4, 6), (5, TEXT)],
    "one token": [(3, TEXT), (1, 1), (5, TEXT)],
    "wide and tall": [(2, TEXT), (1, 40), (3, TEXT), (30, 2), (4, TEXT)],
    "one after another": [(4, TEXT), (2, 3), (1, TEXT), (3, 2), (1, TEXT), (5, 5), (9, TEXT)],
}


@pytest.mark.parametrize("segments", SERIES.values(), ids=SERIES)
def test_positions_are_those_of_transformers(
    tiny_checkpoint: Path, segments: list[tuple[int, int]]
) -> None:
    import torch
    import transformers

    config = transformers.AutoConfig.from_pretrained(tiny_checkpoint)
    model = transformers.PaddleOCRVLForConditionalGeneration(config)
    ids = [
        token
        for count, cols in segments
        for token in ([config.image_token_id] * (count * cols) if cols else [5] * count)
    ]
    grids = [[1, 2 * rows, 2 * cols] for rows, cols in segments if cols]
    tokens = torch.tensor([ids])
    positions, _ = model.model.get_rope_index(
        tokens,
        mm_token_type_ids=(tokens == config.image_token_id).int(),
        image_grid_thw=torch.tensor(grids) if grids else None,
        attention_mask=torch.ones_like(tokens),
    )
    assert _native._test.mrope_positions(segments) == positions[:, 0].tolist()
