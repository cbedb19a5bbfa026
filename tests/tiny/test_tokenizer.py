# SPDX-License-Identifier: Apache-2.0
"""The tiny tokenizer is of the official kind, and the ids that training uses are what it gives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import sentencepiece as spm

from tiny import tokenizer

if TYPE_CHECKING:
    from pathlib import Path

ALL_ASCII = "".join(chr(c) for c in range(32, 127))


@pytest.mark.parametrize("prompt", ["OCR:", "Table Recognition:"])
def test_prompt_ids_are_what_sentencepiece_gives(prompt: str) -> None:
    model = spm.SentencePieceProcessor(model_proto=tokenizer.sentencepiece_model())
    before, after = tokenizer.prompt_ids(prompt)
    assert before == [
        tokenizer.ID["<|begin_of_sentence|>"],
        *model.encode("User: "),
        tokenizer.ID["<|IMAGE_START|>"],
    ]
    assert after == [tokenizer.ID["<|IMAGE_END|>"], *model.encode(f"{prompt}\nAssistant:\n")]


def test_every_output_unit_decodes_to_itself() -> None:
    model = spm.SentencePieceProcessor(model_proto=tokenizer.sentencepiece_model())
    ids = [tokenizer.unit_id(c) for c in ALL_ASCII]
    assert len(set(ids)) == len(ALL_ASCII)
    assert tokenizer.detokenize([*ids, tokenizer.NEWLINE, tokenizer.EOS, 300]) == ALL_ASCII + "\n"
    assert model.decode(ids) == ALL_ASCII


def test_layout_follows_the_official_order() -> None:
    assert tokenizer.TOKENS[:4] == ("<unk>", "<s>", "</s>", "0")
    assert tokenizer.TOKENS[12:14] == ("9", "<0x00>")
    assert tokenizer.NEWLINE == 23  # as in the official vocabulary
    assert len(set(tokenizer.TOKENS)) == len(tokenizer.TOKENS)
    assert tokenizer.VOCAB_SIZE % 32 == 0


def test_added_tokens_match_the_official_ones(official_files: Path) -> None:
    official = json.loads((official_files / "added_tokens.json").read_text(encoding="utf-8"))
    shift = official["<|IMAGE_PLACEHOLDER|>"] - tokenizer.IMAGE
    assert {name: i - shift for name, i in official.items()} == {
        name: tokenizer.ID[name] for name in tokenizer.ADDED
    }


def test_files_are_of_the_official_layout(tmp_path: Path, official_files: Path) -> None:
    tokenizer.write_tokenizer(tmp_path)
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        ours = json.loads((tmp_path / name).read_text(encoding="utf-8"))
        theirs = json.loads((official_files / name).read_text(encoding="utf-8"))
        assert set(ours) == set(theirs) - {"auto_map"}
    ours = spm.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    theirs = spm.SentencePieceProcessor(model_file=str(official_files / "tokenizer.model"))
    for i in range(269):  # unknown, controls, digits, bytes
        assert ours.id_to_piece(i) == theirs.id_to_piece(i)
        assert ours.is_byte(i) == theirs.is_byte(i)
        assert ours.is_control(i) == theirs.is_control(i)
