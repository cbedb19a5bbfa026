# SPDX-License-Identifier: Apache-2.0
"""What a pair of files takes to load and to read a picture is bounded, whatever its headers say.

The bound is of address space, so it holds for what is reserved and never touched too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.files.sized_pair import SizedPair, keys_of, with_numbers, write_pair

from ppocrvl.models.folder import ModelPaths
from ppocrvl.support.native import _native
from synthetic_checkpoint import FULL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from _pytest.mark import ParameterSet

    from ppocrvl.exporter.config import ModelConfig

WORKER = Path(__file__).with_name("memory_worker.py")
GIB = 1 << 30
U32, I32 = 4, 5

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads Linux's /proc"
)


@dataclass(frozen=True)
class _Answer:
    outcome: str
    message: str
    peak: int


def _answers(pairs: Iterable[ModelPaths], kernels: str = "auto") -> list[_Answer]:
    """Of one worker, pair by pair."""
    lines = "".join(f"{pair.llm}\t{pair.mmproj}\n" for pair in pairs)
    done = subprocess.run(
        [sys.executable, str(WORKER), kernels],
        input=lines,
        # One arena: each thread's own would reserve 64 MiB that nobody asked for.
        env=os.environ | {"MALLOC_ARENA_MAX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [_Answer(**json.loads(line)) for line in done.stdout.splitlines()]


def _bound(pair: ModelPaths) -> int:
    return 4 * (pair.llm.stat().st_size + pair.mmproj.stat().st_size) + GIB


def _shape(config: ModelConfig, text: Mapping[str, Any], vision: Mapping[str, Any]) -> ModelConfig:
    return replace(
        config, text=replace(config.text, **text), vision=replace(config.vision, **vision)
    )


# Little beside what a case asks for.
LITTLE = _shape(
    FULL,
    {
        "hidden_size": 256,
        "intermediate_size": 256,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "vocab_size": 1408,
        "max_position_embeddings": 8192,
    },
    {
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    },
)


@dataclass(frozen=True)
class _Case:
    text: Mapping[str, int] = field(default_factory=dict)
    vision: Mapping[str, int] = field(default_factory=dict)
    matrix: str = "Q4_0"
    numbers: Mapping[str, int] = field(default_factory=dict)

    def pair(self) -> SizedPair:
        return SizedPair(_shape(LITTLE, self.text, self.vision), self.matrix, self.numbers)


def _pixels(least_tokens: int, patch_size: int = 14) -> dict[str, int]:
    """Keys that bring every picture to that size."""
    pixels = least_tokens * 4 * patch_size**2
    return {
        "clip.vision.image_min_pixels": pixels,
        "clip.vision.image_max_pixels": 2 * pixels,
        "ppocrvl.task.ocr.min_pixels": pixels,
        "ppocrvl.task.ocr.max_pixels": 2 * pixels,
    }


F32_FILE = {"general.file_type": 0}
AT_THE_LIMITS = {
    "layers": _Case({"num_hidden_layers": 128, "head_dim": 64}),
    "context": _Case({"max_position_embeddings": 1 << 20}),
    "width": _Case({"hidden_size": 8192}),
    "FFN": _Case({"intermediate_size": 32768}),
    "heads": _Case({"num_attention_heads": 64, "head_dim": 256}),
    "heads in f32": _Case({"num_attention_heads": 64}, matrix="F32", numbers=F32_FILE),
    "cache": _Case({"num_attention_heads": 64, "num_key_value_heads": 32, "head_dim": 256}),
    "cache in f32": _Case(
        {"num_attention_heads": 64, "num_key_value_heads": 32, "head_dim": 256}, numbers=F32_FILE
    ),
    "vocabulary": _Case({"vocab_size": 1 << 18}),
    "patches": _Case(vision={"patch_size": 32}),
    "large patches and many": _Case(vision={"patch_size": 32}, numbers=_pixels(1024, 32)),
    "vision width": _Case(vision={"hidden_size": 4096}, numbers=_pixels(1024)),
    "vision FFN": _Case(vision={"intermediate_size": 16384}, numbers=_pixels(1024)),
    "vision layers and heads": _Case(
        vision={"num_hidden_layers": 64, "num_attention_heads": 32, "hidden_size": 128},
        numbers=_pixels(256),  # more takes ggml's attention many minutes
    ),
    "all of the vision side": _Case(
        vision={
            "hidden_size": 4096,
            "intermediate_size": 16384,
            "num_attention_heads": 32,
            "patch_size": 32,
        },
        numbers=_pixels(1024, 32),
    ),
    "all of the decoder": _Case(
        {
            "hidden_size": 8192,
            "intermediate_size": 32768,
            "num_attention_heads": 64,
            "num_key_value_heads": 32,
            "head_dim": 256,
            "vocab_size": 1 << 16,
        },
        numbers=F32_FILE,
    ),
}


# Minutes of products that no kernel of ours takes, rows of 4096 being too long for them.
SLOW = {"vision width", "all of the vision side", "all of the decoder"}


def _runs() -> Iterator[ParameterSet]:
    """Each case, with the vision graph of our kernels and with that of ggml's operations."""
    for name, case in AT_THE_LIMITS.items():
        for kernels in ("auto", "ggml") if case.vision else ("auto",):
            is_slow = name in SLOW or kernels == "ggml"
            yield pytest.param(name, kernels, marks=pytest.mark.slow if is_slow else ())


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("name", "kernels"), list(_runs()))
def test_files_at_the_limits(
    tiny_model: ModelPaths, tmp_path: Path, name: str, kernels: str
) -> None:
    pair = write_pair(AT_THE_LIMITS[name].pair(), tiny_model, tmp_path)
    (answer,) = _answers([pair], kernels)
    assert answer.outcome == "read", answer.message
    assert answer.peak < _bound(pair)


HOSTILE = {
    "a patch of 256 pixels": _Case(vision={"hidden_size": 8, "patch_size": 256}),
    "1,024 heads": _Case({"num_attention_heads": 1024}, matrix="F32", numbers=F32_FILE),
    "pictures of 268 million pixels": _Case(numbers=_pixels(1 << 18)),
    "a cache of 1 MiB a token": _Case(
        {"num_hidden_layers": 128, "num_key_value_heads": 16, "num_attention_heads": 16}
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_files_beyond_them(tiny_model: ModelPaths, tmp_path: Path, name: str) -> None:
    pair = write_pair(HOSTILE[name].pair(), tiny_model, tmp_path)
    (answer,) = _answers([pair])
    assert answer.outcome == "ModelFormatError"
    assert answer.peak < _bound(pair)


def _numbers(path: Path) -> list[str]:
    """Keys that hold one whole number in 32 bits."""
    kinds = {key: int.from_bytes(value[:4], "little") for key, value in keys_of(path).items()}
    return [key for key, kind in kinds.items() if kind in {U32, I32}]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", ["llm", "mmproj"])
def test_every_number_of_a_header(tiny_model: ModelPaths, tmp_path: Path, role: str) -> None:
    original = getattr(tiny_model, role)
    keys = _numbers(original)
    assert len(keys) > 15
    extremes = (0, 1, 2**10, 2**16, 2**20, 2**31 - 1)
    pairs = []
    for key in keys:
        for value in extremes:
            damaged = tmp_path / f"{key}-{value}.gguf"
            with_numbers(original, damaged, {key: value})
            llm, mmproj = tiny_model.llm, tiny_model.mmproj
            pairs.append(ModelPaths(damaged, mmproj) if role == "llm" else ModelPaths(llm, damaged))
    answers = _answers(pairs)
    assert len(answers) == len(pairs)
    outcomes = {answer.outcome for answer in answers}
    assert {"read", "ModelFormatError"} <= outcomes
    assert outcomes <= {"read", "ModelFormatError", "ModelMismatchError", "ContextError"}
    assert answers[-1].peak < _bound(tiny_model)


def test_the_official_size_is_within_the_limits(tiny_model: ModelPaths, tmp_path: Path) -> None:
    for matrix in ("BF16", "Q4_K"):
        pair = write_pair(SizedPair(FULL, matrix), tiny_model, tmp_path)
        _native.check_pair(str(pair.llm), str(pair.mmproj))
