# SPDX-License-Identifier: Apache-2.0
"""Every kernel of the vision encoder that this CPU has, against llama.cpp's operations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.native.conftest import RandomModel

import ppocrvl
from ppocrvl.errors import OptionError
from ppocrvl.support.native import _native
from synthetic_checkpoint import SIZES as CONFIGURATIONS
from synthetic_checkpoint import StoredType, resized, write_synthetic_checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

SAMPLES = sorted((Path(__file__).parent.parent.parent / "samples").glob("*.png"))
HALF = ("amx", "avx512_bf16", "avx512_bf16_int8", "neon_bf16")
SHORTS = ("avx512_int16", "avx2_int16")
BYTES = ("avx512_bf16_int8", "avx512_int8")
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


def sized_model(folder: Path, sizes: Mapping[str, int], dtype: StoredType) -> RandomModel:
    """As the random model, but with other sizes."""
    checkpoint = folder / "checkpoint"
    write_synthetic_checkpoint(checkpoint, resized(CONFIGURATIONS["tiny"], sizes), dtype=dtype)
    files = ppocrvl.export(checkpoint, folder / "pair", llm_type=dtype, mmproj_type=dtype)
    return RandomModel(checkpoint, files.llm, files.mmproj)


def noise(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("kernels", _native.vision_kernels())
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_image_tokens(random_model: RandomModel, kernels: str, height: int, width: int) -> None:
    picture = noise(height, width)
    exact = embed(random_model, "ggml", picture, precision="exact")
    found = embed(random_model, kernels, picture)
    error = np.linalg.norm(found - exact) / np.linalg.norm(exact)
    most = {
        **dict.fromkeys(HALF, 1e-2),
        **dict.fromkeys(SHORTS, 2.5e-3),
        **dict.fromkeys(BYTES, 2.5e-2),
    }
    least = {**dict.fromkeys(SHORTS, 1e-4), **dict.fromkeys(BYTES, 1e-2)}
    assert error < most.get(kernels, 1e-5)
    assert error > least.get(kernels, 0)  # they did compute


@pytest.mark.parametrize("kernels", _native.vision_kernels())
def test_threads_change_nothing(random_model: RandomModel, kernels: str) -> None:
    picture = noise(224, 308)
    one, three = (embed(random_model, kernels, picture, n_threads=n) for n in (1, 3))
    assert np.array_equal(one, three)


def test_float32_files_keep_float32_operands(random_model: RandomModel) -> None:
    picture = noise(56, 84)
    full = [name for name in _native.vision_kernels() if name not in (*HALF, *SHORTS, *BYTES)]
    expected = embed(random_model, full[0] if full else "ggml", picture)
    for precision in ("auto", "exact", "fast"):
        assert np.array_equal(embed(random_model, "auto", picture, precision=precision), expected)


def test_a_float32_encoder_leaves_the_decoder_its_kernels(tmp_path: Path) -> None:
    """Each file chooses for its own graph: what the language model says does not change."""
    model = sized_model(tmp_path, {}, "bf16")
    full = ppocrvl.export(model.checkpoint, tmp_path / "full", llm_type="bf16", mmproj_type="f32")
    decoders, answers = [], []
    for mmproj in (model.mmproj, full.mmproj):
        engine = _native.Engine(_native.EngineOptions(llm=str(model.llm), mmproj=str(mmproj)))
        request = _native.Request(image=None, prompt="OCR:", max_tokens=20, stop_loops=False)
        answers.append(engine.submit(request).result().logprobs)
        decoders.append(engine.kernels["decoder"])
        engine.close()
    assert decoders[0] == decoders[1]
    assert answers[0] == answers[1]


def test_an_engine_names_its_kernels(random_model: RandomModel) -> None:
    for name in ("ggml", *_native.vision_kernels()):
        engine = _native.Engine(
            _native.EngineOptions(
                llm=str(random_model.llm), mmproj=str(random_model.mmproj), kernels=name
            )
        )
        chosen = engine.kernels
        engine.close()
        assert chosen["vision"] == name
        assert name.startswith(chosen["decoder"])  # what is behind is the encoder's alone


def test_bytes_only_where_fast_is_asked_for(tmp_path: Path) -> None:
    """Tiles of bfloat16 are as fast, so a CPU that has them needs no bytes."""
    has = _native.vision_kernels()
    model = sized_model(tmp_path, {}, "bf16")
    picture = noise(56, 84)
    fast = next((name for name in has if name in ("amx", *BYTES)), has[0] if has else "ggml")
    for precision, kernels in (("auto", has[0] if has else "ggml"), ("fast", fast)):
        expected = embed(model, kernels, picture, precision=precision)
        assert np.array_equal(embed(model, "auto", picture, precision=precision), expected)


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


@pytest.fixture(
    scope="module",
    params=[
        {"vision.hidden_size": 1568, "vision.num_attention_heads": 8},
        {"vision.hidden_size": 1040, "vision.num_attention_heads": 4},
    ],
    ids=["wide", "wide heads"],
)
def large_model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> RandomModel:
    """One whose encoder no kernel of ours takes: some 200 MB, made once."""
    sizes = {**request.param, "vision.num_hidden_layers": 1}
    return sized_model(tmp_path_factory.mktemp("large"), sizes, "f32")


def test_encoders_that_do_not_fit(large_model: RandomModel) -> None:
    """They are llama.cpp's, small pictures that could be packed as well."""
    picture = noise(56, 84)
    assert np.array_equal(embed(large_model, "auto", picture), embed(large_model, "ggml", picture))
    for kernels in _native.vision_kernels():
        with pytest.raises(OptionError, match="cannot compute the vision encoder of"):
            embed(large_model, kernels, picture)


MEASURE = """
import re, sys
import numpy as np
from pathlib import Path
from ppocrvl.support.native import _native

def kilobytes(name):
    return int(re.search(name + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

llm, mmproj, kernels = sys.argv[1:]
engine = _native.Engine(_native.EngineOptions(llm=llm, mmproj=mmproj, kernels=kernels))
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
before = kilobytes("VmRSS")
engine.embed(np.zeros((896, 1120, 3), np.uint8))
print(kilobytes("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("kernels", _native.vision_kernels())
def test_memory_of_a_large_picture(kernels: str, tmp_path: Path) -> None:
    """5,120 patches of the official width, by the formula in docs/encoder.md.

    Weights that were packed and kept would be 30 MB a layer.
    """
    official = CONFIGURATIONS["full"].vision
    names = ("hidden_size", "intermediate_size", "num_attention_heads")
    sizes = {f"vision.{name}": getattr(official, name) for name in names}
    model = sized_model(tmp_path, {**sizes, "vision.num_hidden_layers": 3}, "bf16")
    command = [sys.executable, "-c", MEASURE, str(model.llm), str(model.mmproj), kernels]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    kib_per_patch = 60 if kernels in HALF else 76
    assert int(done.stdout) < 5120 * kib_per_patch
