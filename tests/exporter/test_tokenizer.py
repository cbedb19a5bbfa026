# SPDX-License-Identifier: Apache-2.0
"""The vocabulary, from tokenizer.model and from tokenizer.json."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppocrvl.errors import CheckpointError
from ppocrvl.exporter.sentencepiece_model import (
    Piece,
    PieceType,
    parse_model,
    serialize_model,
)
from ppocrvl.exporter.tokenizer import Vocabulary, read_vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXTS = [
    "User: OCR:\nAssistant:\n",
    "Table Recognition:",
    "The  quick brown fox   jumps 1234567890 over\tthe lazy dog.",
    "int main(void) { return 0; }",
    "\u4f60\u597d\uff0c\u4e16\u754c caf\u00e9 na\u00efve \U0001f600 \u0416\u0418",
    "aaaaaaaabbbbbbbbaaaaaaaa \u2581 end",
]


class LlamaTokenizer:
    """llama.cpp's SentencePiece tokenizer, written a second time and slowly.

    User-defined tokens are cut out first, longest first; in the rest, the pair of neighbours whose
    join has the highest score is joined, the leftmost of equals; what is no token becomes bytes.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.scores = vocabulary.scores
        self.ids = {token: i for i, token in enumerate(vocabulary.tokens)}
        kinds = zip(vocabulary.tokens, vocabulary.types, strict=True)
        self.user_defined = {token for token, kind in kinds if kind == PieceType.USER_DEFINED}
        longest_first = sorted(self.user_defined, key=len, reverse=True)
        self.pattern = re.compile(f"({'|'.join(map(re.escape, longest_first))})")

    def encode(self, text: str) -> list[int]:
        result: list[int] = []
        for part in self.pattern.split(text):
            if part in self.user_defined:
                result.append(self.ids[part])
                continue
            for symbol in self.join(list(part.replace(" ", "\u2581"))):
                if symbol in self.ids:
                    result.append(self.ids[symbol])
                else:
                    result += [self.ids[f"<0x{byte:02X}>"] for byte in symbol.encode()]
        return result

    def join(self, symbols: list[str]) -> list[str]:
        while True:
            joins = [
                (-self.scores[self.ids[a + b]], i)
                for i, (a, b) in enumerate(itertools.pairwise(symbols))
                if a + b in self.ids
            ]
            if not joins:
                return symbols
            _, i = min(joins)
            symbols[i : i + 2] = [symbols[i] + symbols[i + 1]]


def read(folder: Path) -> Vocabulary:
    config = json.loads((folder / "config.json").read_text())
    text = config.get("text_config", config)
    return read_vocabulary(folder, text["vocab_size"], config)


def test_types_of_the_synthetic_tokens(synthetic: Callable[..., Path]) -> None:
    vocabulary = read(synthetic())
    kinds = dict(zip(vocabulary.tokens, vocabulary.types, strict=True))
    expected = {
        "<unk>": PieceType.CONTROL,
        "</s>": PieceType.CONTROL,
        "<|begin_of_sentence|>": PieceType.CONTROL,
        "<|IMAGE_START|>": PieceType.CONTROL,
        "<|IMAGE_PLACEHOLDER|>": PieceType.CONTROL,
        "<|LOC_0|>": PieceType.USER_DEFINED,
        "<|LOC_1000|>": PieceType.USER_DEFINED,
        "<|LOC_BEGIN|>": PieceType.USER_DEFINED,
        "<fcel>": PieceType.USER_DEFINED,
        "<nl>": PieceType.USER_DEFINED,
        "7": PieceType.USER_DEFINED,
        "<0x0A>": PieceType.BYTE,
        "a": PieceType.NORMAL,
        "<mask:2>": PieceType.NORMAL,
        "[PAD2047]": PieceType.UNUSED,
    }
    assert {token: kinds[token] for token in expected} == expected


def test_official_vocabulary(official_files: Path) -> None:
    vocabulary = read(official_files)
    assert len(vocabulary.tokens) == len(vocabulary.scores) == len(vocabulary.types) == 103424
    assert vocabulary.special_ids == {
        "bos": 1,
        "eos": 2,
        "unk": 0,
        "sep": 100272,
        "pad": 0,
        "mask": 100274,
    }
    assert not vocabulary.add_space_prefix
    # 10 digits, 1,004 LOC tokens and 6 OTSL tags; 256 bytes; 2,110 ids without a token.
    counts = Counter(vocabulary.types)
    assert (counts[4], counts[6], counts[5]) == (1020, 256, 2110)
    types = vocabulary.types
    assert set(types[3:13]) == set(types[100297:101301]) == set(types[101308:101314]) == {4}
    assert set(types[13:269]) == {6}
    assert set(types[101314:]) == {5}
    assert vocabulary.tokens[101314] == "[PAD101314]"
    assert vocabulary.tokens[100295] == "<|IMAGE_PLACEHOLDER|>"
    assert vocabulary.tokens[101309] == "<fcel>"
    # The ids of the official prompt, around the image.
    tokenizer = LlamaTokenizer(vocabulary)
    assert tokenizer.encode("User: ") == [2969, 93963, 93919]
    tail = [93972, 2497, 93963, 23, 92267, 93963, 23]
    assert tokenizer.encode("OCR:\nAssistant:\n") == tail


def test_official_ids_are_those_of_sentencepiece(official_files: Path) -> None:
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_file=str(official_files / "tokenizer.model"))
    tokenizer = LlamaTokenizer(read(official_files))
    for text in TEXTS:
        assert tokenizer.encode(text) == processor.EncodeAsIds(text), text


def test_parser_agrees_with_sentencepiece(official_files: Path) -> None:
    from sentencepiece import SentencePieceProcessor

    path = official_files / "tokenizer.model"
    processor = SentencePieceProcessor(model_file=str(path))
    model = parse_model(path.read_bytes(), str(path))
    assert len(model.pieces) == processor.GetPieceSize() == 100295
    for i, piece in enumerate(model.pieces):
        assert (piece.text, piece.score) == (processor.IdToPiece(i), processor.GetScore(i))
        assert (piece.type == PieceType.BYTE) == processor.IsByte(i)
        assert (piece.type == PieceType.CONTROL) == processor.IsControl(i)
        assert (piece.type == PieceType.UNKNOWN) == processor.IsUnknown(i)


def test_writer_is_understood_by_sentencepiece(synthetic: Callable[..., Path]) -> None:
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_file=str(synthetic() / "tokenizer.model"))
    tokenizer = LlamaTokenizer(read(synthetic()))
    for text in TEXTS:
        assert tokenizer.encode(text) == processor.EncodeAsIds(text), text


def test_json_alone_gives_the_same_vocabulary(synthetic: Callable[..., Path]) -> None:
    original = read(synthetic())
    assert not (synthetic(layout="transformers5") / "tokenizer.model").exists()
    other = read(synthetic(layout="transformers5"))
    assert other.tokens == original.tokens
    assert other.types == original.types
    assert other.special_ids == original.special_ids
    assert other.add_space_prefix == original.add_space_prefix
    first, second = LlamaTokenizer(original), LlamaTokenizer(other)
    for text in TEXTS:
        assert second.encode(text) == first.encode(text), text


def test_model_beside_a_tokenizer_saved_by_transformers(
    synthetic: Callable[..., Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(synthetic(layout="transformers5"), tmp_path / "both")
    shutil.copyfile(synthetic() / "tokenizer.model", folder / "tokenizer.model")
    assert read(folder) == read(synthetic())


@pytest.mark.slow
@pytest.mark.reference
def test_official_tokenizer_saved_by_transformers(official_files: Path, tmp_path: Path) -> None:
    """Only tokenizer.json and tokenizer_config.json are left of it then."""
    from transformers import AutoTokenizer

    source = tmp_path / "source"
    source.mkdir()
    for path in official_files.iterdir():
        shutil.copyfile(path, source / path.name)
    AutoTokenizer.from_pretrained(source).save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved" / "tokenizer.model").exists()
    shutil.copyfile(source / "config.json", tmp_path / "saved" / "config.json")
    original, saved = read(source), read(tmp_path / "saved")
    assert saved.tokens == original.tokens
    assert saved.types == original.types
    assert saved.special_ids == original.special_ids
    first, second = LlamaTokenizer(original), LlamaTokenizer(saved)
    for text in TEXTS:
        assert second.encode(text) == first.encode(text), text


def test_old_spelling_of_merges(checkpoint: Path) -> None:
    path = checkpoint / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    (checkpoint / "tokenizer.model").unlink()
    expected = read(checkpoint)
    tokenizer["model"]["merges"] = [" ".join(pair) for pair in tokenizer["model"]["merges"]]
    path.write_text(json.dumps(tokenizer))
    assert read(checkpoint) == expected


def test_scores_follow_the_merges_not_the_ids(checkpoint: Path) -> None:
    path = checkpoint / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    (checkpoint / "tokenizer.model").unlink()
    joined = list(dict.fromkeys(a + b for a, b in tokenizer["model"]["merges"]))
    ids = tokenizer["model"]["vocab"]
    for i in range(len(joined) // 2):
        ids[joined[i]], ids[joined[-1 - i]] = ids[joined[-1 - i]], ids[joined[i]]
    path.write_text(json.dumps(tokenizer))
    vocabulary = read(checkpoint)
    scores = [vocabulary.scores[ids[token]] for token in joined]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(joined) > 300


@pytest.mark.parametrize(
    "step",
    [
        {"normalizer": {"type": "Prepend", "prepend": "\u2581"}},
        {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend"}]}},
        {"pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "first"}},
    ],
)
def test_space_prefix_of_a_json_tokenizer(checkpoint: Path, step: dict[str, Any]) -> None:
    (checkpoint / "tokenizer.model").unlink()
    tokenizer = json.loads((checkpoint / "tokenizer.json").read_text())
    settings_path = checkpoint / "tokenizer_config.json"
    configuration = json.loads(settings_path.read_text())
    del configuration["add_prefix_space"]
    settings_path.write_text(json.dumps(configuration))
    assert not read(checkpoint).add_space_prefix
    (checkpoint / "tokenizer.json").write_text(json.dumps({**tokenizer, **step}))
    assert read(checkpoint).add_space_prefix


def rewrite_pieces(folder: Path, change: Callable[[list[Piece]], None]) -> None:
    path = folder / "tokenizer.model"
    pieces = list(parse_model(path.read_bytes(), str(path)).pieces)
    change(pieces)
    path.write_bytes(serialize_model(pieces))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda p: p.extend([Piece("x", 0.0, PieceType.NORMAL)] * 2000), "vocab_size of 2048"),
        (lambda p: p.__setitem__(400, Piece("", 0.0, PieceType.NORMAL)), "id 400 is empty"),
        (lambda p: p.__setitem__(400, p[401]), "two ids"),
        (lambda p: p.__setitem__(23, Piece("q1", 0.0, PieceType.BYTE)), "lacks <0x0A>"),
        (lambda p: p.__setitem__(23, Piece("<0x0A>", 0.0, PieceType.NORMAL)), "lacks <0x0A>"),
        (lambda p: p.__setitem__(400, Piece("q1", float("nan"), PieceType.NORMAL)), "no number"),
    ],
)
def test_vocabulary_that_llama_cpp_would_stop_at(
    checkpoint: Path, change: Callable[[list[Piece]], None], problem: str
) -> None:
    rewrite_pieces(checkpoint, change)
    with pytest.raises(CheckpointError, match=problem):
        read(checkpoint)


def test_missing_image_tokens(checkpoint: Path) -> None:
    (checkpoint / "added_tokens.json").unlink()
    (checkpoint / "tokenizer.json").unlink()
    (checkpoint / "tokenizer_config.json").write_text(json.dumps({"eos_token": "</s>"}))
    with pytest.raises(CheckpointError, match=r"lacks <\|IMAGE_START\|>, <\|IMAGE_END\|>"):
        read(checkpoint)


def test_no_tokenizer(checkpoint: Path) -> None:
    (checkpoint / "tokenizer.model").unlink()
    (checkpoint / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"neither tokenizer\.model nor tokenizer\.json"):
        read(checkpoint)


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (None, "byte fallback"),
        ({"type": "WordPiece", "vocab": {}}, "byte fallback"),
        ({"byte_fallback": False, "vocab": {}}, "byte fallback"),
        ({"byte_fallback": True}, "vocab is missing"),
        ({"byte_fallback": True, "vocab": {"a": -1}}, "id -1"),
        ({"byte_fallback": True, "vocab": {"a": 2048}}, "id 2048"),
        ({"byte_fallback": True, "vocab": {"a": True}}, "id True"),
        ({"byte_fallback": True, "vocab": {}, "merges": ["abc"]}, "not a pair"),
        ({"byte_fallback": True, "vocab": {}, "merges": [["a", 1]]}, "not a pair"),
        ({"byte_fallback": True, "vocab": {}, "merges": [None]}, "not a pair"),
        ({"byte_fallback": True, "vocab": {"\ud800": 300}}, "Unicode"),
        ({"byte_fallback": True, "vocab": {}}, "lacks"),
    ],
)
def test_other_kinds_of_tokenizer(
    checkpoint: Path, model: dict[str, Any] | None, problem: str
) -> None:
    (checkpoint / "tokenizer.model").unlink()
    (checkpoint / "tokenizer.json").write_text(json.dumps({"model": model}))
    with pytest.raises(CheckpointError, match=problem):
        read(checkpoint)


def test_a_sentencepiece_model_of_another_kind(checkpoint: Path) -> None:
    path = checkpoint / "tokenizer.model"
    path.write_bytes(path.read_bytes() + b"\x12\x02\x18\x01")  # trainer_spec: UNIGRAM
    with pytest.raises(CheckpointError, match=r"tokenizer\.model: not a BPE model"):
        read(checkpoint)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("added_tokens.json", {"a": -1}),
        ("added_tokens.json", {"a": "1"}),
        ("tokenizer_config.json", {"added_tokens_decoder": {"x": {"content": "a"}}}),
        ("tokenizer_config.json", {"added_tokens_decoder": {"9" * 5000: {"content": "a"}}}),
        ("tokenizer_config.json", {"added_tokens_decoder": {"5": {"content": 3}}}),
        ("tokenizer_config.json", {"added_tokens_decoder": {"5": "a"}}),
    ],
)
def test_damaged_added_tokens(checkpoint: Path, file: str, content: dict[str, Any]) -> None:
    (checkpoint / file).write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=file):
        read(checkpoint)


def test_added_token_without_a_row_is_left_out(checkpoint: Path) -> None:
    path = checkpoint / "added_tokens.json"
    added = json.loads(path.read_text())
    path.write_text(json.dumps({**added, "<|later|>": 2048}))
    assert read(checkpoint).tokens[-1] == "[PAD2047]"


def test_eos_may_come_from_other_files(checkpoint: Path) -> None:
    path = checkpoint / "tokenizer_config.json"
    configuration = json.loads(path.read_text())
    del configuration["eos_token"]
    path.write_text(json.dumps(configuration))
    with pytest.raises(CheckpointError, match="eos_token"):
        read(checkpoint)
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, "eos_token_id": 1}))
    assert read(checkpoint).special_ids["eos"] == 1
    special = {"eos_token": {"content": "</s>"}}
    (checkpoint / "special_tokens_map.json").write_text(json.dumps(special))
    assert read(checkpoint).special_ids["eos"] == 2


SMALL_MODEL = serialize_model(
    [
        Piece("<unk>", 0.0, PieceType.UNKNOWN),
        Piece("<0x0A>", 0.0, PieceType.BYTE),
        Piece("\u2581a", -1.0, PieceType.NORMAL),
    ]
)


@settings(max_examples=150)
@given(
    position=st.integers(0, len(SMALL_MODEL) - 1),
    replacement=st.binary(max_size=8),
    removed=st.integers(0, 30),
)
def test_damaged_model_is_an_error_or_parsed(
    position: int, replacement: bytes, removed: int
) -> None:
    data = SMALL_MODEL[:position] + replacement + SMALL_MODEL[position + removed :]
    with contextlib.suppress(CheckpointError):
        parse_model(data, "t")


@given(st.binary(max_size=60))
def test_noise_is_an_error_or_parsed(data: bytes) -> None:
    with contextlib.suppress(CheckpointError):
        parse_model(data, "t")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "holds no vocabulary"),
        (b"\x0a\xff\xff\xff\xff\x7f", "ends after the data"),
        (b"\xff" * 12, "unfinished number"),
        (b"\x0b", "wire type 3"),
        (b"\x0a\x02\x18\x07", "7 is not a valid PieceType"),
        (b"\x08\x01", "a number stands where a message"),
        (b"\x0a\x03\x1a\x01x", "where an integer is expected"),
        (b"\x0a\x02\x10\x01", "where a float is expected"),
        (b"\x0a\x03\x0a\x01\xff", "codec can't decode"),
    ],
)
def test_malformed_models(data: bytes, problem: str) -> None:
    with pytest.raises(CheckpointError, match=problem):
        parse_model(data, "t")
