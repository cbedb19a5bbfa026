# SPDX-License-Identifier: Apache-2.0
"""Byte for byte what llama.cpp's own converter writes, but for what we want otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ppocrvl.exporter import export
from ppocrvl.exporter.version import ModelVersion

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.exporter.conftest import Reader

pytestmark = pytest.mark.reference

TASKS = ("ocr", "table", "formula", "chart", "spotting", "seal")
# The wanted differences; docs/export.md explains each.
OUR_KEYS = {"ppocrvl.format_version", "ppocrvl.model_version", "ppocrvl.source.sha256"}
OUR_MMPROJ_KEYS = {f"ppocrvl.task.{t}.{end}_pixels" for t in TASKS for end in ("min", "max")}
CONTROL, USER_DEFINED = 3, 4


def llama_cpp_tree() -> Path:
    """The pinned tree: named by PPOCRVL_LLAMA_CPP_DIR, or left in the cache by the build."""
    named = os.environ.get("PPOCRVL_LLAMA_CPP_DIR")
    cache = os.environ.get("PPOCRVL_CACHE_DIR")
    if not cache:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        cache = str(Path(home) / "ppocrvl")
    candidates = [Path(named)] if named else sorted(Path(cache).glob("llama.cpp-*"))
    for tree in candidates:
        if (tree / "convert_hf_to_gguf.py").is_file():
            return tree
    pytest.skip("needs llama.cpp's source: build ppocrvl once, or PPOCRVL_LLAMA_CPP_DIR=FOLDER")


def convert(checkpoint: Path, kind: str, out: Path, *flags: str) -> Path:
    script = llama_cpp_tree() / "convert_hf_to_gguf.py"
    command = [sys.executable, str(script), str(checkpoint), "--outtype", kind]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [*command, "--outfile", str(out), *flags],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def shared(metadata: dict[str, Any], ours: set[str]) -> dict[str, Any]:
    counts = {"GGUF.kv_count"}
    return {key: value for key, value in metadata.items() if key not in ours | counts}


@pytest.mark.parametrize(
    "kind",
    ["bf16", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("f32", "f16", "q8_0"))],
)
def test_both_files(
    synthetic: Callable[..., Path], tmp_path: Path, read_back: Reader, kind: str
) -> None:
    checkpoint = synthetic()
    ours = export(checkpoint, tmp_path, llm_type=kind, mmproj_type=kind)

    llm, their_llm = read_back(ours.llm), read_back(convert(checkpoint, kind, tmp_path / "l.gguf"))
    assert llm.metadata.keys() - their_llm.metadata.keys() == OUR_KEYS
    types = llm.metadata.pop("tokenizer.ggml.token_type")
    their_types = their_llm.metadata.pop("tokenizer.ggml.token_type")
    # The checkpoint carries our template, so this comparison covers it as well.
    assert shared(llm.metadata, OUR_KEYS) == shared(their_llm.metadata, OUR_KEYS)
    for token, own, their in zip(
        llm.metadata["tokenizer.ggml.tokens"], types, their_types, strict=True
    ):
        if token.startswith("<|LOC_"):
            assert (own, their) == (USER_DEFINED, CONTROL)
        else:
            assert own == their, token
    assert list(llm.tensors) == list(their_llm.tensors)
    assert llm.data == their_llm.data

    mmproj = read_back(ours.mmproj)
    their_mmproj = read_back(convert(checkpoint, kind, tmp_path / "m.gguf", "--mmproj"))
    our_keys = OUR_KEYS | OUR_MMPROJ_KEYS
    assert mmproj.metadata.keys() - their_mmproj.metadata.keys() == our_keys
    assert shared(mmproj.metadata, our_keys) == shared(their_mmproj.metadata, our_keys)
    assert list(mmproj.tensors) == list(their_mmproj.tensors)
    assert mmproj.data == their_mmproj.data


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"dtype": "f16", "tied_head": True}, "bf16"),
        ({"dtype": "f32", "version": ModelVersion.V1_0}, "f16"),
    ],
)
def test_other_checkpoints(
    synthetic: Callable[..., Path],
    tmp_path: Path,
    read_back: Reader,
    options: dict[str, Any],
    kind: str,
) -> None:
    checkpoint = synthetic(**options)
    ours = export(checkpoint, tmp_path, llm_type=kind, mmproj_type=kind)
    llm = read_back(ours.llm)
    their_llm = read_back(convert(checkpoint, kind, tmp_path / "l.gguf"))
    assert list(llm.tensors) == list(their_llm.tensors)
    assert llm.data == their_llm.data
    assert ("output.weight" in llm.tensors) != ("tied_head" in options)
    mmproj = read_back(ours.mmproj)
    their_mmproj = read_back(convert(checkpoint, kind, tmp_path / "m.gguf", "--mmproj"))
    assert mmproj.data == their_mmproj.data
    our_keys = OUR_KEYS | OUR_MMPROJ_KEYS
    assert shared(mmproj.metadata, our_keys) == shared(their_mmproj.metadata, our_keys)
