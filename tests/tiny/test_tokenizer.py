# SPDX-License-Identifier: Apache-2.0
"""The tiny tokenizer is of the official kind, and the ids that training uses are what it gives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import sentencepiece as spm
from hypothesis import given
from hypothesis import strategies as st

from tiny.alphabet import ALPHABET
from tiny.tokenizer import ADDED, EOS, NEWLINE, PROMPTS, TAGS, Vocabulary

if TYPE_CHECKING:
    from pathlib import Path

VOCABULARY = Vocabulary.built_in()
UNITS = [*ALPHABET, "\n", *TAGS]


@pytest.fixture(scope="module")
def model() -> spm.SentencePieceProcessor:
    return spm.SentencePieceProcessor(model_proto=VOCABULARY.sentencepiece_model())


@pytest.mark.parametrize("prompt", PROMPTS)
def test_prompt_ids_are_what_sentencepiece_gives(
    prompt: str, model: spm.SentencePieceProcessor
) -> None:
    before, after = VOCABULARY.prompt_ids(prompt)
    assert before == [
        VOCABULARY.id["<|begin_of_sentence|>"],
        *model.encode("User: "),
        VOCABULARY.id["<|IMAGE_START|>"],
    ]
    assert after == [VOCABULARY.id["<|IMAGE_END|>"], *model.encode(f"{prompt}\nAssistant:\n")]


def test_every_output_unit_decodes_to_itself(model: spm.SentencePieceProcessor) -> None:
    ids = [VOCABULARY.unit_id(c) for c in ALPHABET]
    assert len(set(ids)) == len(ALPHABET)
    assert VOCABULARY.detokenize([*ids, NEWLINE, EOS, 300]) == ALPHABET + "\n"
    assert model.decode(ids) == ALPHABET


@given(st.lists(st.sampled_from(UNITS), max_size=60))
def test_segments_are_written_pieces_that_say_the_same(units: list[str]) -> None:
    found = VOCABULARY.segment(units)
    assert VOCABULARY.detokenize([i for i, _, _ in found]) == "".join(units)
    assert {i for i, _, _ in found} <= set(VOCABULARY.written)
    at = 0
    for _, first, last in found:
        assert first == at <= last
        at = last + 1
    assert at == len(units)


def test_the_longest_piece_is_taken() -> None:
    text = list("the information of the")
    lengths = [b - a + 1 for _, a, b in VOCABULARY.segment(text)]
    assert len(lengths) < 0.5 * len(text)


def test_layout_follows_the_official_order() -> None:
    assert VOCABULARY.tokens[:4] == ("<unk>", "<s>", "</s>", "0")
    assert VOCABULARY.tokens[12:14] == ("9", "<0x00>")
    assert NEWLINE == 23  # as in the official vocabulary
    assert len(set(VOCABULARY.tokens)) == len(VOCABULARY.tokens)
    assert VOCABULARY.size % 32 == 0


def test_added_tokens_match_the_official_ones(official_files: Path) -> None:
    official = json.loads((official_files / "added_tokens.json").read_text(encoding="utf-8"))
    shift = official["<|IMAGE_PLACEHOLDER|>"] - VOCABULARY.image
    assert {name: i - shift for name, i in official.items()} == {
        name: VOCABULARY.id[name] for name in ADDED
    }


def test_a_checkpoint_s_vocabulary_is_read_again(tmp_path: Path) -> None:
    VOCABULARY.write(tmp_path)
    again = Vocabulary.of(tmp_path)
    assert again.tokens == VOCABULARY.tokens
    assert again.written == VOCABULARY.written


def test_a_vocabulary_that_writes_less_tells_the_rest_as_ascii() -> None:
    letters = [VOCABULARY.unit_id(c) for c in "thenx '-e\n"]
    kept = Vocabulary(VOCABULARY.normal, [*letters, EOS])
    assert set(kept.written) == {*letters, EOS}
    units = [kept.told(u) for u in ("t", "h", "é", " ", "’", "\n", "</s>")]  # noqa: RUF001 - meant
    assert units == ["t", "h", "e", " ", "'", "\n", "</s>"]
    assert [kept.told(u) for u in ("z", "½", "<lcel>")] == ["", "", ""]
    assert [(a, b) for _, a, b in kept.segment(list("then"))] == [(i, i) for i in range(4)]
    assert kept.nearest("<fcel>thé½") == "<fcel>the½"


def test_files_are_of_the_official_layout(tmp_path: Path, official_files: Path) -> None:
    VOCABULARY.write(tmp_path)
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
