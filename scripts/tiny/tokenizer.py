# SPDX-License-Identifier: Apache-2.0
"""The tiny model's vocabulary and the tokenizer files of the official layout.

Same kind and order as the official tokenizer: a SentencePiece BPE model (unk, bos, eos, digits,
bytes, normal pieces, three markers), then the added tokens, then unnamed padding ids. The normal
pieces are the printable ASCII characters and the few pieces that turn the fixed words of a prompt
into one token each; what the model writes is always single characters.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CONTROL, NORMAL, UNKNOWN, USER_DEFINED, BYTE = (
    3,
    1,
    2,
    4,
    6,
)  # sentencepiece_model.proto, SentencePiece.Type
SPACE = "\u2581"
PROMPT_WORDS = ("User", "Assistant", "OCR", "Table", "Recognition")
MARKERS = ("<|end_of_sentence|>", "<|begin_of_sentence|>", "<mask:1>")
ADDED = (
    "<|IMAGE_PLACEHOLDER|>",
    "<|AUDIO_PLACEHOLDER|>",
    *(f"<|LOC_{i}|>" for i in range(1001)),
    *(
        "<|LOC_BEGIN|>",
        "<|LOC_END|>",
        "<|LOC_SEP|>",
        "<|CROP_COL_SEP|>",
        "<|CROP_ROW_SEP|>",
        "<|IMAGE_SEP|>",
    ),
    *("<|image_pad|>", "<|IMAGE_START|>", "<|IMAGE_END|>", "<|video_pad|>"),
    *("<ecel>", "<fcel>", "<xcel>", "<lcel>", "<ucel>", "<nl>"),
)
DIGITS = "0123456789"
CHARACTERS = tuple(SPACE if c == 32 else chr(c) for c in range(32, 127) if chr(c) not in DIGITS)
PREFIXES = tuple(w[:n] for w in PROMPT_WORDS for n in range(2, len(w) + 1))
PIECES = (
    *("<unk>", "<s>", "</s>"),
    *DIGITS,
    *(f"<0x{b:02X}>" for b in range(256)),
    *PREFIXES,
    *CHARACTERS,
    *MARKERS,
)
TOKENS = PIECES + ADDED
VOCAB_SIZE = -(-len(TOKENS) // 32) * 32  # unnamed ids fill the last 32
ID = {t: i for i, t in enumerate(TOKENS)}
NEWLINE = ID["<0x0A>"]
EOS = ID["</s>"]
IMAGE = ID["<|IMAGE_PLACEHOLDER|>"]


def unit_id(unit: str) -> int:
    """The id of an output unit: a character, a newline, a table tag or ``</s>``."""
    if unit == "\n":
        return NEWLINE
    return ID[SPACE if unit == " " else unit]


UNITS = (*(chr(c) for c in range(32, 127)), "\n", "</s>", "<ecel>", "<fcel>", "<nl>")
TARGET_IDS = tuple(unit_id(u) for u in UNITS)  # ids that training ever asks for


def prompt_ids(prompt: str) -> tuple[list[int], list[int]]:
    """Ids before the image and after it, for ``OCR:`` or ``Table Recognition:``."""
    words = {"OCR:": ["OCR", ":"], "Table Recognition:": ["Table", SPACE, "Recognition", ":"]}[
        prompt
    ]
    before = ["<|begin_of_sentence|>", "User", ":", SPACE, "<|IMAGE_START|>"]
    after = ["<|IMAGE_END|>", *words, "<0x0A>", "Assistant", ":", "<0x0A>"]
    return [ID[t] for t in before], [ID[t] for t in after]


def detokenize(ids: list[int]) -> str:
    """The text of output ids up to ``</s>``; table tags stay as they are."""
    out: list[str] = []
    for i in ids:
        if i == EOS:
            break
        t = TOKENS[i] if i < len(TOKENS) else ""
        if t.startswith("<0x"):
            t = chr(int(t[3:5], 16))
        out.append(" " if t == SPACE else t)
    return "".join(out)


def _field(number: int, wire: int, payload: bytes) -> bytes:
    """One protobuf field; ``wire`` 2 adds the length."""
    head = _varint(number << 3 | wire)
    return head + _varint(len(payload)) + payload if wire == 2 else head + payload


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def sentencepiece_model() -> bytes:
    """The bytes of ``tokenizer.model``: a sentencepiece ModelProto with fixed ids.

    Written field by field (sentencepiece_model.proto): a trained one would choose its own order.
    """
    out = b""
    normal = 0
    for i, piece in enumerate(PIECES):
        if i == 0:
            kind = UNKNOWN
        elif i <= 2:
            kind = CONTROL
        elif i < 13:
            kind = USER_DEFINED
        elif i < 269:
            kind = BYTE
        else:
            kind = NORMAL
        score = 0.0
        if (
            kind == NORMAL and piece not in MARKERS
        ):  # the markers are normal pieces of score 0 in the official file
            score = -float(normal)
            normal += 1
        body = _field(1, 2, piece.encode()) + _field(2, 5, struct.pack("<f", score))
        out += _field(1, 2, body + _field(3, 0, _varint(kind)))
    minus_one = _varint((1 << 64) - 1)
    trainer = b"".join(
        _field(n, 0, _varint(v))
        for n, v in ((3, 2), (4, len(PIECES)), (25, 1), (35, 1), (40, 0), (41, 1), (42, 2))
    )
    trainer += _field(43, 0, minus_one)
    normalizer = (
        _field(1, 2, b"identity") + _field(3, 0, b"\0") + _field(4, 0, b"\0") + _field(5, 0, b"\1")
    )
    return out + _field(2, 2, trainer) + _field(3, 2, normalizer)


def _added(content: str, *, special: bool) -> dict[str, object]:
    flags = dict.fromkeys(("lstrip", "normalized", "rstrip", "single_word"), False)
    return {"content": content, **flags, "special": special}


def write_tokenizer(folder: Path) -> None:
    """Write the tokenizer's four files to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.model").write_bytes(sentencepiece_model())
    added = {t: ID[t] for t in sorted(ADDED)}
    plain = {*DIGITS, "<ecel>", "<fcel>", "<xcel>", "<lcel>", "<ucel>", "<nl>"}
    listed = [*PIECES[:13], *MARKERS, *ADDED]
    extra = [
        "<|IMAGE_PLACEHOLDER|>",
        "<|image_pad|>",
        "<|IMAGE_START|>",
        "<|IMAGE_END|>",
        "<|video_pad|>",
    ]
    roles = {
        "bos_token": "<s>",
        "cls_token": "<|begin_of_sentence|>",
        "eos_token": "</s>",
        "mask_token": "<mask:1>",
        "pad_token": "<unk>",
        "sep_token": "<|end_of_sentence|>",
        "unk_token": "<unk>",
    }
    config: dict[str, object] = {
        "add_bos_token": False,
        "add_eos_token": False,
        "add_prefix_space": False,
        "added_tokens_decoder": {str(ID[t]): _added(t, special=t not in plain) for t in listed},
        "additional_special_tokens": extra,
        "clean_up_tokenization_spaces": False,
        "extra_special_tokens": {},
        "legacy": True,
        "model_max_length": 4096,
        "processor_class": "PaddleOCRVLProcessor",
        "sp_model_kwargs": {},
        "spaces_between_special_tokens": False,
        "tokenizer_class": "LlamaTokenizer",
        "use_default_system_prompt": False,
        **roles,
    }
    roles_map = {
        k: {"content": v, **dict.fromkeys(("lstrip", "normalized", "rstrip", "single_word"), False)}
        for k, v in roles.items()
    }
    files: dict[str, object] = {
        "added_tokens.json": added,
        "tokenizer_config.json": config,
        "special_tokens_map.json": {"additional_special_tokens": extra, **roles_map},
    }
    for name, content in files.items():
        (folder / name).write_text(
            json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8"
        )
