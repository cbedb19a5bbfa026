# SPDX-License-Identifier: Apache-2.0
"""The tiny model's vocabulary and the tokenizer files of the official layout.

Same kind and order as the official tokenizer: a SentencePiece BPE model (unk, bos, eos, digits,
bytes, normal pieces, three markers), then the added tokens, then unnamed padding ids. The normal
pieces are the few that turn the fixed words of a prompt into one token each, the characters of the
alphabet, and the pieces of ``pieces.txt``, which are frequent in English print. What the model is
taught to write is always the longest piece that comes next.
"""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from tiny.alphabet import BEYOND_ASCII, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tiny.render import Unit

# sentencepiece_model.proto, SentencePiece.Type
CONTROL, NORMAL, UNKNOWN, USER_DEFINED, BYTE = 3, 1, 2, 4, 6
SPACE = "\u2581"
PROMPT_WORDS = ("User", "Assistant", "OCR", "Table", "Formula", "Recognition")
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
BYTES = tuple(f"<0x{b:02X}>" for b in range(256))
FIRST = ("<unk>", "<s>", "</s>", *DIGITS, *BYTES)  # as in the official vocabulary
PREFIXES = tuple(w[:n] for w in PROMPT_WORDS for n in range(2, len(w) + 1))
SINGLE = tuple(SPACE if c == 32 else chr(c) for c in range(32, 127) if chr(c) not in DIGITS)
FREQUENT = Path(__file__).with_name("pieces.txt")
PROMPTS = {
    "OCR:": ("OCR", ":"),
    "Table Recognition:": ("Table", SPACE, "Recognition", ":"),
    "Formula Recognition:": ("Formula", SPACE, "Recognition", ":"),
}
TAGS = ("<ecel>", "<fcel>", "<xcel>", "<lcel>", "<ucel>", "<nl>")  # of tables in OTSL
EOS, NEWLINE = 2, FIRST.index("<0x0A>")


class Vocabulary:
    """Ids of the official kind.

    Args:
        normal: the normal pieces between the bytes and the markers, in the order of their scores.
        written: the ids that training asks for; None for all that stand for output units.

    Attributes:
        tokens: the text of every id that has one.
        size: how many ids there are; unnamed ones fill the last 32.
        id: the id of every token.
        written: the ids that training ever asks for.
    """

    def __init__(self, normal: Sequence[str], written: Collection[int] | None = None) -> None:
        self.normal = tuple(normal)
        self.pieces = (*FIRST, *self.normal, *MARKERS)
        self.tokens = self.pieces + ADDED
        self.size = -(-len(self.tokens) // 32) * 32
        self.id = {t: i for i, t in enumerate(self.tokens)}
        self.image = self.id["<|IMAGE_PLACEHOLDER|>"]
        units = (*(self.id[p] for p in (*DIGITS, *self.normal, *TAGS)), NEWLINE, EOS)
        self.written = tuple(i for i in units if written is None or i in written)
        self._written = frozenset(self.written)
        pieces = (p for p in self.normal if len(p) > 1)
        self._several = {p: self.id[p] for p in pieces if self.id[p] in self._written}
        self._longest = max((len(p) for p in self._several), default=1)

    @classmethod
    def built_in(cls) -> Vocabulary:
        """That of the training: prompts, the alphabet, and the pieces of ``pieces.txt``."""
        frequent = FREQUENT.read_text(encoding="utf-8").split()
        return cls(list(dict.fromkeys((*PREFIXES, *SINGLE, *BEYOND_ASCII, *frequent))))

    @classmethod
    def of(cls, folder: Path, written: Collection[int] | None = None) -> Vocabulary:
        """That of a checkpoint's ``tokenizer.model``; needs sentencepiece."""
        from sentencepiece import SentencePieceProcessor  # noqa: PLC0415 - an extra of the training

        model = SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
        pieces = [model.id_to_piece(i) for i in range(model.get_piece_size())]
        return cls(pieces[len(FIRST) : -len(MARKERS)], written)

    def unit_id(self, unit: str) -> int:
        """The id of an output unit: a character, a newline, a table tag or ``</s>``."""
        if unit == "\n":
            return NEWLINE
        return self.id[SPACE if unit == " " else unit]

    def told(self, unit: str) -> str:
        """An output unit as it is written: by itself, or as ASCII; "" where it cannot be."""
        tried = (unit, nearest(unit)) if len(unit) == 1 else (unit,)
        known = (one for one in tried if one in {" ", "\n"} or one in self.id)
        return next((one for one in known if self.unit_id(one) in self._written), "")

    def nearest(self, text: str) -> str:
        """``text`` with the closest characters that can be written, or its own where none is."""
        tags = re.compile("(" + "|".join(TAGS) + ")")
        return "".join(
            part if part in TAGS else "".join(self.told(c) or c for c in part)
            for part in tags.split(text)
        )

    def writes(self, units: Sequence[Unit]) -> bool:
        """Whether all units of a page can be written."""
        return all(self.told(unit.text) for unit in units)

    def segment(self, units: Sequence[str]) -> list[tuple[int, int, int]]:
        """Output units as tokens: always the longest piece that comes next.

        Returns:
            (id, index of the first unit, index of the last one) of each token.
        """
        text = "".join(SPACE if u == " " else u if len(u) == 1 else "\0" for u in units)
        out, i = [], 0
        while i < len(units):
            for n in range(min(self._longest, len(units) - i), 1, -1):
                found = self._several.get(text[i : i + n])
                if found is not None:
                    out.append((found, i, i + n - 1))
                    i += n
                    break
            else:
                out.append((self.unit_id(units[i]), i, i))
                i += 1
        return out

    def knows(self, prompt: str) -> bool:
        """Whether it has the words of one of ``PROMPTS``."""
        return all(word in self.id for word in PROMPTS[prompt])

    def prompt_ids(self, prompt: str) -> tuple[list[int], list[int]]:
        """Ids before the image and after it, for one of ``PROMPTS``."""
        before = ["<|begin_of_sentence|>", "User", ":", SPACE, "<|IMAGE_START|>"]
        after = ["<|IMAGE_END|>", *PROMPTS[prompt], "<0x0A>", "Assistant", ":", "<0x0A>"]
        return [self.id[t] for t in before], [self.id[t] for t in after]

    def detokenize(self, ids: Sequence[int]) -> str:
        """The text of output ids up to ``</s>``; table tags stay as they are."""
        out = bytearray()
        for i in ids:
            if i == EOS:
                break
            t = self.tokens[i] if i < len(self.tokens) else ""
            out += bytes.fromhex(t[3:5]) if t.startswith("<0x") else t.encode()
        return out.decode(errors="replace").replace(SPACE, " ")

    def sentencepiece_model(self) -> bytes:
        """The bytes of ``tokenizer.model``: a sentencepiece ModelProto with fixed ids.

        Written field by field (sentencepiece_model.proto): a trained one would choose its own
        order.
        """
        out = b""
        for i, piece in enumerate(self.pieces):
            kind = _kind(i)
            # The markers are normal pieces of score 0 in the official file.
            scored = kind == NORMAL and piece not in MARKERS
            score = -float(i - len(FIRST)) if scored else 0.0
            body = _field(1, 2, piece.encode()) + _field(2, 5, struct.pack("<f", score))
            out += _field(1, 2, body + _field(3, 0, _varint(kind)))
        trainer = b"".join(
            _field(n, 0, _varint(v))
            for n, v in ((3, 2), (4, len(self.pieces)), (25, 1), (35, 1), (40, 0), (41, 1), (42, 2))
        )
        trainer += _field(43, 0, _varint((1 << 64) - 1))  # minus one
        normalizer = (
            _field(1, 2, b"identity")
            + _field(3, 0, b"\0")
            + _field(4, 0, b"\0")
            + _field(5, 0, b"\1")
        )
        return out + _field(2, 2, trainer) + _field(3, 2, normalizer)

    def write(self, folder: Path) -> None:
        """Write the tokenizer's four files to ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tokenizer.model").write_bytes(self.sentencepiece_model())
        for name, content in self._tables().items():
            (folder / name).write_text(
                json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8"
            )

    def _tables(self) -> dict[str, object]:
        plain = {*DIGITS, *TAGS}
        listed = [*FIRST[:13], *MARKERS, *ADDED]
        config: dict[str, object] = {
            "add_bos_token": False,
            "add_eos_token": False,
            "add_prefix_space": False,
            "added_tokens_decoder": {
                str(self.id[t]): _added(t, special=t not in plain) for t in listed
            },
            "additional_special_tokens": EXTRA,
            "clean_up_tokenization_spaces": False,
            "extra_special_tokens": {},
            "legacy": True,
            "model_max_length": 4096,
            "processor_class": "PaddleOCRVLProcessor",
            "sp_model_kwargs": {},
            "spaces_between_special_tokens": False,
            "tokenizer_class": "LlamaTokenizer",
            "use_default_system_prompt": False,
            **ROLES,
        }
        roles = {k: {"content": v, **_flags()} for k, v in ROLES.items()}
        return {
            "added_tokens.json": {t: self.id[t] for t in sorted(ADDED)},
            "tokenizer_config.json": config,
            "special_tokens_map.json": {"additional_special_tokens": EXTRA, **roles},
        }


EXTRA = [
    "<|IMAGE_PLACEHOLDER|>",
    "<|image_pad|>",
    "<|IMAGE_START|>",
    "<|IMAGE_END|>",
    "<|video_pad|>",
]
ROLES = {
    "bos_token": "<s>",
    "cls_token": "<|begin_of_sentence|>",
    "eos_token": "</s>",
    "mask_token": "<mask:1>",
    "pad_token": "<unk>",
    "sep_token": "<|end_of_sentence|>",
    "unk_token": "<unk>",
}


def _kind(i: int) -> int:
    for below, kind in ((1, UNKNOWN), (3, CONTROL), (13, USER_DEFINED), (len(FIRST), BYTE)):
        if i < below:
            return kind
    return NORMAL


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


def _flags() -> dict[str, object]:
    return dict.fromkeys(("lstrip", "normalized", "rstrip", "single_word"), False)


def _added(content: str, *, special: bool) -> dict[str, object]:
    return {"content": content, **_flags(), "special": special}
