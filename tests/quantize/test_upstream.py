# SPDX-License-Identifier: Apache-2.0
"""Our files against upstream's own programs."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest

import ppocrvl
from ppocrvl.native import _native
from ppocrvl.quantize.schemes import LLM_SCHEMES

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("scheme", LLM_SCHEMES)
def test_the_language_model_is_llama_quantize_s(
    deep: Path, stock_tools: Path, tmp_path: Path, scheme: str
) -> None:
    ours = ppocrvl.quantize(deep, tmp_path, llm=scheme, mmproj="Q8_0").llm.path
    theirs = tmp_path / "theirs.gguf"
    source = next(path for path in deep.iterdir() if not path.name.startswith("mmproj"))
    command = [stock_tools / "llama-quantize", source, theirs, scheme, "2"]
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
        first, last = found.metadata_places[key]
        assert np.array_equal(a[first:last], b[begin:end]), key


@pytest.mark.parametrize("types", [("Q4_K_M", "Q8_0"), ("Q8_0", "Q4_K")])
def test_stock_programs_read_a_quantized_pair(
    built_in: Path, stock_tools: Path, samples: Path, tmp_path: Path, types: tuple[str, str]
) -> None:
    llm, mmproj = types
    files = ppocrvl.quantize(built_in, tmp_path, llm=llm, mmproj=mmproj)
    command = [stock_tools / "llama-mtmd-cli", "-m", files.llm.path, "--mmproj", files.mmproj.path]
    command += ["--image", samples / "hello.png", "-p", "OCR:", "--jinja", "--temp", "0"]
    done = subprocess.run(
        [str(c) for c in command], check=True, capture_output=True, text=True, timeout=600
    )
    truth = (samples / "hello.txt").read_text(encoding="utf-8").strip()
    assert truth.splitlines()[0] in done.stdout
