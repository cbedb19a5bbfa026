# SPDX-License-Identifier: Apache-2.0
"""Every kernel of the vision encoder that this CPU has, against llama.cpp's operations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import ppocrvl
from ppocrvl.errors import OptionError
from ppocrvl.native import _native

if TYPE_CHECKING:
    import numpy.typing as npt
    from tests.native.conftest import RandomModel

SAMPLES = sorted((Path(__file__).parent.parent.parent / "samples").glob("*.png"))
HALF = ("amx", "avx512_bf16")
SIZES = ((28, 28), (56, 84), (28, 700), (224, 308))  # height, width


def embed(
    model: RandomModel,
    kernels: str,
    picture: npt.NDArray[np.uint8],
    *,
    precision: str = "auto",
    n_threads: int = 0,
) -> npt.NDArray[np.float32]:
    engine = _native.Engine(
        _native.EngineOptions(
            llm=str(model.llm),
            mmproj=str(model.mmproj),
            n_threads=n_threads,
            precision=precision,
            kernels=kernels,
        )
    )
    try:
        return engine.embed(picture)
    finally:
        engine.close()


def noise(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("kernels", _native.vision_kernels())
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_image_tokens(random_model: RandomModel, kernels: str, height: int, width: int) -> None:
    picture = noise(height, width)
    exact = embed(random_model, "ggml", picture, precision="exact")
    found = embed(random_model, kernels, picture)
    error = np.linalg.norm(found - exact) / np.linalg.norm(exact)
    assert error < (1e-2 if kernels in HALF else 1e-5)
    assert error > 0  # they did compute


@pytest.mark.parametrize("kernels", _native.vision_kernels())
def test_threads_change_nothing(random_model: RandomModel, kernels: str) -> None:
    picture = noise(224, 308)
    one, three = (embed(random_model, kernels, picture, n_threads=n) for n in (1, 3))
    assert np.array_equal(one, three)


def test_float32_files_keep_float32_operands(random_model: RandomModel) -> None:
    picture = noise(56, 84)
    full = [name for name in _native.vision_kernels() if name not in HALF]
    expected = embed(random_model, full[0] if full else "ggml", picture)
    for precision in ("auto", "exact"):
        assert np.array_equal(embed(random_model, "auto", picture, precision=precision), expected)


@pytest.mark.parametrize("kernels", _native.vision_kernels())
@pytest.mark.parametrize("picture", SAMPLES, ids=lambda path: path.stem)
def test_samples_read_the_same(kernels: str, picture: Path) -> None:
    texts = []
    for one in (kernels, "ggml"):
        with ppocrvl.Engine(kernels=one) as engine:
            task = "table" if picture.stem == "table" else "ocr"
            texts.append(engine.ocr(picture, task=task, max_tokens=200).text)
    assert texts[0] == texts[1]


def test_unknown_name(random_model: RandomModel) -> None:
    with pytest.raises(OptionError, match=r'kernels must be one of auto, ggml.* not "sse"'):
        embed(random_model, "sse", noise(28, 28))
