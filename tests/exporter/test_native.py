# SPDX-License-Identifier: Apache-2.0
"""llama.cpp itself accepts what was exported, and its tokenizer gives the ids it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ppocrvl import _native
from ppocrvl.exporter import export
from ppocrvl.exporter.tokenizer import read_vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXTS = [
    "OCR:",
    "Table  Recognition: 123",
    "he said: \u4f60\u597d\n\tthe END \U0001f600 <fcel><|LOC_7|>",
]


@pytest.mark.parametrize("options", [{}, {"layout": "transformers5"}, {"tied_head": True}])
@pytest.mark.parametrize("kind", ["bf16", "q8_0"])
def test_files_pass_the_check_and_load(
    synthetic: Callable[..., Path], tmp_path: Path, *, options: dict[str, object], kind: str
) -> None:
    files = export(synthetic(**options), tmp_path, llm_type=kind, mmproj_type=kind)
    _native.check_pair(str(files.llm), str(files.mmproj))
    engine = _native.Engine(_native.EngineOptions(llm=str(files.llm), mmproj=str(files.mmproj)))
    assert engine.info.n_vocab == 2048
    engine.close()


def test_ids_do_not_depend_on_the_tokenizer_file(
    synthetic: Callable[..., Path], tmp_path: Path
) -> None:
    ids = []
    for layout in ("original", "transformers5"):
        files = export(synthetic(layout=layout), tmp_path / layout)
        engine = _native.Engine(_native.EngineOptions(llm=str(files.llm), mmproj=str(files.mmproj)))
        ids.append([engine.prompt_tokens(text, 1, 1) for text in TEXTS])
        engine.close()
    assert ids[0] == ids[1]
    vocabulary = read_vocabulary(synthetic(), 2048, {})
    texts = ["".join(vocabulary.tokens[i] for i in line) for line in ids[0]]
    start = "<|begin_of_sentence|>User:\u2581<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>"
    assert texts[1] == f"{start}Table\u2581\u2581Recognition:\u2581123<0x0A>Assistant:<0x0A>"
    # Markup that was typed stays text.
    markup = {vocabulary.tokens.index(text) for text in ("<fcel>", "<|LOC_7|>")}
    assert not markup & set(ids[0][2])
