# SPDX-License-Identifier: Apache-2.0
"""The engine against transformers' PaddleOCR-VL, in f32, on random weights and pictures.

Random weights are the hard case: no training pulls the answers together, so a wrong position, mask
or activation shows at once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest

import ppocrvl
from ppocrvl.support.native import _native
from synthetic_checkpoint import write_synthetic_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    from tests.native.conftest import RandomModel


Transformer: TypeAlias = Any  # transformers has no types that could be checked without it

pytestmark = [pytest.mark.reference, pytest.mark.slow]

# Image tokens: wide, tall, sides below and above the 27 x 27 patches of the position embedding, and
# more tokens than are fed at once (256), of the image or of the prompt.
GRIDS = [(1, 1), (2, 3), (9, 2), (1, 16), (14, 15), (18, 17)]
SLICED = (30, 25)  # 3,000 patches: the encoder's attention takes its queries in four slices
N_GENERATED = 12


@pytest.fixture(scope="module")
def reference(random_model: RandomModel) -> Transformer:
    import transformers

    return transformers.PaddleOCRVLForConditionalGeneration.from_pretrained(
        random_model.checkpoint, dtype="float32", attn_implementation="eager"
    ).eval()


def noise(rows: int, cols: int) -> npt.NDArray[np.uint8]:
    """uint8 [28 * rows, 28 * cols, 3]; smooth in part, so that neighbouring patches are alike."""
    random = np.random.default_rng(rows * 100 + cols)
    coarse = random.integers(0, 256, (rows * 4, cols * 4, 3), dtype=np.uint8)
    image = coarse.repeat(7, axis=0).repeat(7, axis=1)
    return np.asarray(image ^ random.integers(0, 32, image.shape, dtype=np.uint8))


def reference_inputs(image: npt.NDArray[np.uint8], checkpoint: Path) -> dict[str, Any]:
    import torch
    from transformers.models.paddleocr_vl.image_processing_pil_paddleocr_vl import (
        PaddleOCRVLImageProcessorPil,
    )

    config = json.loads((checkpoint / "preprocessor_config.json").read_text(encoding="utf-8"))
    processor = PaddleOCRVLImageProcessorPil(
        do_resize=False, image_mean=config["image_mean"], image_std=config["image_std"]
    )
    values = processor.rescale(image.transpose(2, 0, 1), config["rescale_factor"])
    values = processor.normalize(values, config["image_mean"], config["image_std"])
    patches, rows, cols = processor.patchify(values, 14, 2, 1)
    return {
        "pixel_values": torch.from_numpy(np.ascontiguousarray(patches)),
        "image_grid_thw": torch.tensor([[1, rows, cols]]),
    }


def relative_error(ours: npt.NDArray[np.float32], theirs: npt.NDArray[np.float32]) -> float:
    """Norm of the difference as a share of the norm of the reference."""
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


def reference_embeddings(
    model: Transformer, image: npt.NDArray[np.uint8], checkpoint: Path
) -> npt.NDArray[np.float32]:
    """The projector's output [n_tokens, n_embd]."""
    import torch

    with torch.no_grad():
        features = model.get_image_features(**reference_inputs(image, checkpoint))
    tokens = torch.cat(features.pooler_output)
    return np.asarray(tokens.reshape(-1, tokens.shape[-1]).numpy())


@pytest.mark.parametrize("grid", [*GRIDS, SLICED], ids=str)
def test_embeddings_equal_the_projector_output(
    engine: _native.Engine, reference: Transformer, random_model: RandomModel, grid: tuple[int, int]
) -> None:
    image = noise(*grid)
    theirs = reference_embeddings(reference, image, random_model.checkpoint)
    assert relative_error(engine.embed(image), theirs) < 5e-6


# "auto" rounds activations to bf16 where the weights are bf16; "fast" rounds to f16 besides.
# Kernels with bfloat16 operands round all weights but float32 to bf16, and those of "fast" some
# to bytes where the CPU has them.
@pytest.mark.parametrize("grid", [(2, 3), SLICED], ids=str)
@pytest.mark.parametrize(
    ("file_type", "how", "bound"),
    [
        ("f32", ("auto", "ggml"), 5e-6),
        ("f32", ("fast", "ggml"), 1e-3),
        ("f32", ("fast", "auto"), 5e-6),
        ("f16", ("auto", "ggml"), 1e-3),
        ("f16", ("auto", "auto"), 1e-2),
        ("bf16", ("exact", "ggml"), 5e-6),
        ("bf16", ("exact", "auto"), 5e-6),
        ("bf16", ("auto", "ggml"), 1e-2),
        ("bf16", ("auto", "auto"), 1e-2),
        ("bf16", ("fast", "ggml"), 1e-2),
        ("bf16", ("fast", "auto"), 2.5e-2),
        ("q8_0", ("exact", "auto"), 0.03),
    ],
)
def test_embeddings_by_precision(
    tmp_path: Path,
    grid: tuple[int, int],
    file_type: str,
    how: tuple[str, str],
    bound: float,
) -> None:
    import transformers

    write_synthetic_checkpoint(tmp_path / "bf16", dtype="bf16")
    reference = transformers.PaddleOCRVLForConditionalGeneration.from_pretrained(
        tmp_path / "bf16", dtype="float32", attn_implementation="eager"
    ).eval()
    files = ppocrvl.export(tmp_path / "bf16", tmp_path / "out", mmproj_type=file_type)
    image = noise(*grid)
    theirs = reference_embeddings(reference, image, tmp_path / "bf16")
    options = _native.EngineOptions(
        llm=str(files.llm), mmproj=str(files.mmproj), precision=how[0], kernels=how[1]
    )
    loaded = _native.Engine(options)
    error = relative_error(loaded.embed(image), theirs)
    loaded.close()
    assert error < bound


@pytest.mark.parametrize(
    ("grid", "prompt"),
    [*((grid, "OCR:") for grid in GRIDS), ((2, 3), "Spotting: " + "a b c " * 60)],
    ids=lambda value: str(value)[:12],
)
def test_greedy_tokens_and_logprobs_equal(
    engine: _native.Engine,
    reference: Transformer,
    random_model: RandomModel,
    grid: tuple[int, int],
    prompt: str,
) -> None:
    import torch

    image = noise(*grid)
    ids = engine.prompt_tokens(prompt, *grid)
    inputs = reference_inputs(image, random_model.checkpoint)
    types = torch.tensor([[int(token == reference.config.image_token_id) for token in ids]])
    with torch.no_grad():
        generated = reference.generate(
            input_ids=torch.tensor([ids]),
            mm_token_type_ids=types,
            **inputs,
            max_new_tokens=N_GENERATED,
            do_sample=False,
            use_cache=True,
            return_dict_in_generate=True,
            output_logits=True,
        )
    their_ids = generated.sequences[0, len(ids) :].tolist()
    their_logprobs = [
        float(torch.log_softmax(logits[0].double(), -1)[token])
        for token, logits in zip(their_ids, generated.logits, strict=True)
    ]
    result = engine.submit(
        _native.Request(image=image, prompt=prompt, max_tokens=N_GENERATED)
    ).result()
    error = np.abs(np.subtract(result.logprobs, their_logprobs)).max()
    assert result.token_ids == their_ids
    assert error < 0.005
