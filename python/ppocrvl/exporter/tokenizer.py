# SPDX-License-Identifier: Apache-2.0
"""The vocabulary of a checkpoint in the form that llama.cpp's SentencePiece tokenizer reads.

It comes from `tokenizer.model`, or from `tokenizer.json` where a fine-tune has only that.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ppocrvl.errors import CheckpointError
from ppocrvl.exporter.json_file import (
    MAX_TOKENIZER_BYTES,
    is_unicode,
    read_bytes,
    read_json_object,
)
from ppocrvl.exporter.sentencepiece_model import ModelType, PieceType, parse_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

# The scores that upstream's converter gives to added tokens and to ids without a token. Neither is
# ever merged, so the values only have to be low.
_ADDED_SCORE = -1000.0
_PAD_SCORE = -10000.0

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_LOCATION_PREFIX = "<|LOC_"
_SPACE = "\u2581"

BEGIN_OF_SENTENCE = "<|begin_of_sentence|>"
IMAGE_START = "<|IMAGE_START|>"
IMAGE_END = "<|IMAGE_END|>"
IMAGE_PLACEHOLDER = "<|IMAGE_PLACEHOLDER|>"
_REQUIRED = (BEGIN_OF_SENTENCE, IMAGE_START, IMAGE_END, IMAGE_PLACEHOLDER)

SPECIAL_KINDS = ("bos", "eos", "unk", "sep", "pad", "mask")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What `tokenizer.ggml.*` says; the position in the lists is the token id.

    Attributes:
        tokens: Token texts; `▁` stands for a space in normal tokens.
        scores: The merge with the highest score is done first.
        types: `PieceType` numbers.
        special_ids: Ids by kind: "bos", "eos", "unk", "sep", "pad", "mask"; "eos" is always there.
        add_space_prefix: Whether a space is put before the text.
    """

    tokens: list[str]
    scores: list[float]
    types: list[int]
    special_ids: dict[str, int]
    add_space_prefix: bool


@dataclass(frozen=True, slots=True)
class _AddedToken:
    id: int
    text: str
    special: bool


@dataclass(slots=True)
class _Draft:
    """A vocabulary being filled; starts with a padding token at every id."""

    tokens: list[str]
    scores: list[float]
    types: list[int]

    def put(self, token_id: int, text: str, score: float, kind: PieceType) -> None:
        self.tokens[token_id] = text
        self.scores[token_id] = score
        self.types[token_id] = int(kind)


def read_vocabulary(folder: Path, vocab_size: int, config: Mapping[str, Any]) -> Vocabulary:
    """Reads the tokenizer of a checkpoint.

    Args:
        folder: The checkpoint.
        vocab_size: Rows of the token embedding; ids without a token get a padding token.
        config: The parsed `config.json`, for ids that the tokenizer files do not name.

    Raises:
        CheckpointError: No tokenizer, one of another kind, or one that lacks what the model needs.
    """
    model_path = folder / "tokenizer.model"
    json_path = folder / "tokenizer.json"
    settings_path = folder / "tokenizer_config.json"
    settings = _optional_object(settings_path)
    added_in_settings = _added_in_settings(settings, settings_path)
    draft = _Draft(
        [f"[PAD{i}]" for i in range(vocab_size)],
        [_PAD_SCORE] * vocab_size,
        [int(PieceType.UNUSED)] * vocab_size,
    )
    if model_path.is_file():
        path = model_path
        add_space_prefix = _fill_from_model(draft, model_path)
        added = _added_in_added_tokens_json(folder / "added_tokens.json")
        # transformers 5 lists them in tokenizer.json alone; people put tokenizer.model beside it.
        if not added and not added_in_settings:
            added = _added_in_tokenizer_json(_optional_object(json_path), json_path)
    elif json_path.is_file():
        path = json_path
        tokenizer = read_json_object(json_path, MAX_TOKENIZER_BYTES)
        add_space_prefix = _fill_from_json(draft, tokenizer, json_path)
        added = _added_in_tokenizer_json(tokenizer, json_path)
    else:
        raise CheckpointError(
            f"{folder}: neither tokenizer.model nor tokenizer.json is there; copy one from the "
            "original checkpoint"
        )
    _put_added(draft, [*added, *added_in_settings])

    if isinstance(settings.get("add_prefix_space"), bool):
        add_space_prefix = settings["add_prefix_space"]
    ids = {text: token_id for token_id, text in enumerate(draft.tokens)}
    _check(draft, ids, path)
    special_ids = _special_ids(folder, settings, config, ids)
    if "eos" not in special_ids:
        raise CheckpointError(
            f"{folder}: no eos_token is named; copy tokenizer_config.json from the original "
            "checkpoint"
        )
    return Vocabulary(draft.tokens, draft.scores, draft.types, special_ids, add_space_prefix)


def _fill_from_model(draft: _Draft, path: Path) -> bool:
    model = parse_model(read_bytes(path, MAX_TOKENIZER_BYTES), str(path))
    if model.model_type != ModelType.BPE:
        raise CheckpointError(f"{path}: not a BPE model, so not the tokenizer of PaddleOCR-VL")
    if len(model.pieces) > len(draft.tokens):
        raise CheckpointError(
            f"{path}: {len(model.pieces)} pieces, but config.json has a vocab_size of "
            f"{len(draft.tokens)}; take both from the same checkpoint"
        )
    for token_id, piece in enumerate(model.pieces):
        draft.put(token_id, piece.text, piece.score, piece.type)
    return model.add_dummy_prefix


def _fill_from_json(draft: _Draft, tokenizer: Mapping[str, Any], path: Path) -> bool:
    """Fills in a byte-fallback BPE model of the `tokenizers` library.

    Its merges are in the order of falling piece scores, several for one piece. llama.cpp merges the
    pair whose result has the highest score, so the negated rank of the first merge that results in
    a token serves as its score.
    """
    model = tokenizer.get("model")
    if not isinstance(model, dict) or model.get("byte_fallback") is not True:
        raise CheckpointError(
            f"{path}: not a BPE model with byte fallback, so not the tokenizer of PaddleOCR-VL"
        )
    vocab = model.get("vocab")
    if not isinstance(vocab, dict):
        raise CheckpointError(f"{path}: model.vocab is missing")
    ranks: dict[str, int] = {}
    for merge in _list(model.get("merges")):
        parts = merge.split(" ") if isinstance(merge, str) else merge
        if not isinstance(parts, list) or [type(part) for part in parts] != [str, str]:
            raise CheckpointError(f"{path}: the merge {merge!r} is not a pair of tokens")
        ranks.setdefault(parts[0] + parts[1], len(ranks))
    for text, token_id in vocab.items():
        if type(token_id) is not int or not 0 <= token_id < len(draft.tokens):
            raise CheckpointError(
                f"{path}: {text!r} has the id {token_id!r}, outside vocab_size {len(draft.tokens)}"
            )
        kind = PieceType.NORMAL
        if _BYTE.fullmatch(text):
            kind = PieceType.BYTE
        elif text == model.get("unk_token"):
            kind = PieceType.UNKNOWN
        score = 0.0 if kind is not PieceType.NORMAL else -float(ranks.get(text, len(ranks)))
        draft.put(token_id, text, score, kind)
    return _prepends_space(tokenizer)


def _prepends_space(tokenizer: Mapping[str, Any]) -> bool:
    """Whether normalizer or pre-tokenizer put a space before the text."""
    steps = [tokenizer.get("normalizer"), tokenizer.get("pre_tokenizer")]
    for step in steps:
        if not isinstance(step, dict):
            continue
        for inner in (step, *_list(step.get("normalizers")), *_list(step.get("pretokenizers"))):
            if not isinstance(inner, dict):
                continue
            if inner.get("type") == "Prepend":
                return True
            if inner.get("type") == "Metaspace" and inner.get("prepend_scheme") != "never":
                return True
    return False


def _put_added(draft: _Draft, added: Iterable[_AddedToken]) -> None:
    for token in added:
        # A token without a row in the embedding can never be produced.
        if token.id >= len(draft.tokens):
            continue
        shown = token.text.startswith(_LOCATION_PREFIX)
        looks_special = token.text.startswith("<|") and token.text.endswith("|>")
        if not shown and (token.special or looks_special):
            kind, text = PieceType.CONTROL, token.text
        else:
            kind, text = PieceType.USER_DEFINED, token.text.replace(_SPACE, " ")
        draft.put(token.id, text, _ADDED_SCORE, kind)


def _added_in_tokenizer_json(tokenizer: Mapping[str, Any], path: Path) -> list[_AddedToken]:
    return _added_tokens(_list(tokenizer.get("added_tokens")), path)


def _added_in_added_tokens_json(path: Path) -> list[_AddedToken]:
    added = []
    for text, token_id in _optional_object(path).items():
        if type(token_id) is not int or token_id < 0:
            raise CheckpointError(f"{path}: {text!r} has the invalid id {token_id!r}")
        added.append(_AddedToken(token_id, text, special=False))
    return added


def _added_in_settings(settings: Mapping[str, Any], path: Path) -> list[_AddedToken]:
    decoder = settings.get("added_tokens_decoder")
    if not isinstance(decoder, dict):
        return []
    entries = []
    for key, value in decoder.items():
        if not key.isdecimal() or len(key) > 9 or not isinstance(value, dict):
            raise CheckpointError(f"{path}: added_tokens_decoder has the invalid entry {key!r}")
        entries.append({**value, "id": int(key)})
    return _added_tokens(entries, path)


def _added_tokens(entries: Iterable[Any], path: Path) -> list[_AddedToken]:
    added = []
    for entry in entries:
        token_id = entry.get("id") if isinstance(entry, dict) else None
        text = entry.get("content") if isinstance(entry, dict) else None
        if type(token_id) is not int or token_id < 0 or not isinstance(text, str):
            raise CheckpointError(f"{path}: the added token {entry!r} is invalid")
        added.append(_AddedToken(token_id, text, special=entry.get("special") is True))
    return added


def _special_ids(
    folder: Path,
    settings: Mapping[str, Any],
    config: Mapping[str, Any],
    ids: Mapping[str, int],
) -> dict[str, int]:
    by_name = {**_optional_object(folder / "special_tokens_map.json"), **settings}
    nested = config.get("text_config")
    by_id = {**config, **nested} if isinstance(nested, dict) else config
    special_ids = {}
    for kind in SPECIAL_KINDS:
        token = by_name.get(f"{kind}_token")
        text = token.get("content") if isinstance(token, dict) else token
        token_id = ids.get(text) if isinstance(text, str) else by_id.get(f"{kind}_token_id")
        if type(token_id) is int and 0 <= token_id < len(ids):
            special_ids[kind] = token_id
    return special_ids


def _check(draft: _Draft, ids: Mapping[str, int], path: Path) -> None:
    """llama.cpp stops the process on a repeated token, and cannot work without the byte tokens."""
    if len(ids) != len(draft.tokens):
        repeated = next(text for i, text in enumerate(draft.tokens) if ids[text] != i)
        raise CheckpointError(f"{path}: the token {repeated!r} has two ids")
    if not is_unicode("".join(draft.tokens)):
        raise CheckpointError(f"{path}: a token is not valid Unicode")
    if not all(math.isfinite(score) for score in draft.scores):
        raise CheckpointError(f"{path}: a token has a score that is no number")
    if "" in ids:
        raise CheckpointError(f"{path}: the token with id {ids['']} is empty")
    missing = [text for text in _REQUIRED if text not in ids]
    for byte in range(256):
        token_id = ids.get(f"<0x{byte:02X}>")
        if token_id is None or draft.types[token_id] != PieceType.BYTE:
            missing.append(f"<0x{byte:02X}>")
    if missing:
        raise CheckpointError(
            f"{path}: not the tokenizer of PaddleOCR-VL, it lacks {', '.join(missing[:6])}"
            f"{' and others' if len(missing) > 6 else ''}"
        )


def _optional_object(path: Path) -> dict[str, Any]:
    return read_json_object(path, MAX_TOKENIZER_BYTES) if path.is_file() else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
