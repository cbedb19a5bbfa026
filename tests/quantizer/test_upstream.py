# SPDX-License-Identifier: Apache-2.0
"""Our files against upstream's own programs."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest

import ppocrvl
from ppocrvl.quantizer.presets import PRESETS
from ppocrvl.quantizer.schemes import LLM_SCHEMES
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


# Where ours differ on purpose: we do not write down a path of this machine.
_OUR_IMATRIX_KEYS = ("quantize.imatrix.file", "quantize.imatrix.dataset")


@pytest.fixture(scope="module")
def importance(deep: Path, samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of both halves, in one file."""
    path = tmp_path_factory.mktemp("imatrix") / "imatrix.gguf"
    ppocrvl.imatrix(deep, [samples / "hello.png"], path, max_tokens=32)
    return path


@pytest.mark.parametrize("has_importance", [False, True])
@pytest.mark.parametrize("scheme", LLM_SCHEMES)
def test_the_language_model_is_llama_quantize_s(
    deep: Path,
    stock_tools: Path,
    importance: Path,
    tmp_path: Path,
    scheme: str,
    *,
    has_importance: bool,
) -> None:
    if LLM_SCHEMES[scheme].needs_importance and not has_importance:
        pytest.skip("refused by both")
    imatrix = importance if has_importance else None
    ours = ppocrvl.quantize(
        deep, tmp_path, llm_type=scheme, mmproj_type="Q8_0", imatrix=imatrix
    ).llm.path
    theirs = tmp_path / "theirs.gguf"
    source = next(path for path in deep.iterdir() if not path.name.startswith("mmproj"))
    command = [stock_tools / "llama-quantize", *(["--imatrix", imatrix] if imatrix else [])]
    command += [source, theirs, scheme, "2"]
    subprocess.run([str(c) for c in command], check=True, capture_output=True, timeout=600)
    found, expected = (_native.read_gguf(str(path)) for path in (ours, theirs))
    assert {t.name: (t.type, t.shape) for t in found.tensors} == {
        t.name: (t.type, t.shape) for t in expected.tensors
    }
    places = {t.name: t for t in expected.tensors}
    a, b = np.fromfile(ours, np.uint8), np.fromfile(theirs, np.uint8)
    for tensor in found.tensors:
        other = places[tensor.name]
        assert np.array_equal(
            a[tensor.offset : tensor.offset + tensor.n_bytes],
            b[other.offset : other.offset + other.n_bytes],
        ), tensor.name
    for key, (begin, end) in expected.metadata_places.items():
        if key in _OUR_IMATRIX_KEYS:
            continue
        first, last = found.metadata_places[key]
        assert np.array_equal(a[first:last], b[begin:end]), key


@pytest.mark.parametrize(
    "types",
    [(None, "Q4_K_M", "Q8_0"), (None, "Q8_0", "Q4_K"), *((name, None, None) for name in PRESETS)],
)
def test_stock_programs_read_a_quantized_pair(
    built_in: Path,
    stock_tools: Path,
    samples: Path,
    tmp_path: Path,
    types: tuple[str | None, str | None, str | None],
) -> None:
    preset, llm, mmproj = types
    files = ppocrvl.quantize(built_in, tmp_path, preset=preset, llm_type=llm, mmproj_type=mmproj)
    command = [stock_tools / "llama-mtmd-cli", "-m", files.llm.path, "--mmproj", files.mmproj.path]
    command += ["--image", samples / "hello.png", "-p", "OCR:", "--jinja", "--temp", "0"]
    done = subprocess.run(
        [str(c) for c in command], check=True, capture_output=True, text=True, timeout=600
    )
    truth = (samples / "hello.txt").read_text(encoding="utf-8").strip()
    assert truth.splitlines()[0] in done.stdout
