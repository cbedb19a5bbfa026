# SPDX-License-Identifier: Apache-2.0
"""The LLM file's tokenizer and the prompts, against the reference's tokenizer and template."""

from __future__ import annotations

import json
import random
import shutil
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

import ppocrvl
from ppocrvl.requests.tasks import TASKS
from ppocrvl.support.native import _native
from synthetic_checkpoint import SIZES, resized, write_synthetic_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

pytestmark = [pytest.mark.reference, pytest.mark.slow, pytest.mark.timeout(600)]

Tokenizer: TypeAlias = Any  # transformers has no types that could be checked without it
N_STRINGS = 5000
OFFICIAL_FILES = (
    *("tokenizer.model", "tokenizer.json", "tokenizer_config.json", "added_tokens.json"),
    *("special_tokens_map.json", "chat_template.jinja"),
)

# Ranges of code points: what documents hold, what byte fallback must spell, and what breaks code.
SCRIPTS = {
    "ascii": (0x20, 0x7E),
    "latin": (0xA0, 0x24F),
    "greek, cyrillic": (0x370, 0x52F),
    "hebrew, arabic": (0x590, 0x6FF),
    "devanagari, bengali": (0x900, 0x9FF),
    "thai": (0xE00, 0xE7F),
    "tibetan": (0xF00, 0xFFF),
    "hangul": (0xAC00, 0xD7A3),
    "kana": (0x3040, 0x30FF),
    "han": (0x4E00, 0x9FFF),
    "mathematics": (0x2190, 0x22FF),
    "emoji": (0x1F300, 0x1FAFF),
    "rare han": (0x20000, 0x2A6DF),
    "control": (0x01, 0x1F),
    "spaces": (0x2000, 0x200F),
    "private": (0xE000, 0xE0FF),
}
MARKS = (
    *(f"<|LOC_{n}|>" for n in (0, 7, 500, 1000)),
    *("<ecel>", "<fcel>", "<lcel>", "<ucel>", "<xcel>", "<nl>", "<|LOC_", "<|IMAGE_PLACEHOLDER|>"),
    *("\n", "\n\n", "\t", "  ", "     ", "\u2581", "<0x0A>", "0123456789", "3.14", "<", ">", "|"),
)


def strings(count: int) -> Iterator[str]:
    """Texts of one script or several, with marks and digits between."""
    rng = random.Random(17)
    names = list(SCRIPTS)
    words = ("the", "of", "Invoice", "total", "naïve", "Straße", "数据", "こんにちは", "مرحبا")
    for number in range(count):
        scripts = [names[number % len(names)], rng.choice(names)]
        parts = []
        for _ in range(rng.randint(1, 12)):
            kind = rng.random()
            if kind < 0.45:
                low, high = SCRIPTS[rng.choice(scripts)]
                parts.append("".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 9))))
            elif kind < 0.65:
                parts.append(rng.choice(words))
            elif kind < 0.8:
                parts.append(str(rng.randrange(10 ** rng.randint(1, 9))))
            else:
                parts.append(rng.choice(MARKS))
        yield rng.choice(("", " ")).join(parts)


def differing(engine: _native.Engine, tokenizer: Tokenizer) -> list[tuple[str, list[int], Any]]:
    """The strings with their ids where the two disagree."""
    texts = list(strings(N_STRINGS))
    theirs = tokenizer(texts, add_special_tokens=False).input_ids
    ours = [engine.tokenize(text) for text in texts]
    return [(t, a, b) for t, a, b in zip(texts, ours, theirs, strict=True) if a != b]


def rendered(version: str, turns: Sequence[tuple[str, str]]) -> str:
    """What the official template of a version prints for a picture and what was said about it.

    Transcribed: the templates themselves are not among the files that the tests may find.
    """
    cue = "Assistant: " if version == "1.0" else "Assistant:\n"
    image = "<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>"
    text = "<|begin_of_sentence|>"
    for role, content in turns:
        if role == "assistant":
            text += f"{cue}{content}</s>"
        elif role == "system":
            text += f"{content}\n"
        else:
            text += f"User: {image}{content}\n"
            image = ""
    return text + cue


CONVERSATIONS = (
    (("user", "OCR:"), ("assistant", "Invoice 2024\nTotal: 7"), ("user", "Which total?")),
    (
        ("user", "Table Recognition:"),
        ("assistant", "<fcel>Größe<ecel><nl><fcel> 12<lcel><nl>"),
        ("user", "Spotting:"),
        ("assistant", "数据<|LOC_12|><|LOC_999|><|LOC_0|> x"),
        ("user", " one more "),
    ),
    (("system", "Be brief."), ("user", "What?"), ("assistant", "🙂"), ("user", "Why?")),
    (("user", "A"), ("user", "B"), ("assistant", ""), ("user", "C")),
)


def check(engine: _native.Engine, tokenizer: Tokenizer) -> None:
    """The ids of all strings, and the prompt of each task, are the reference's."""
    wrong = differing(engine, tokenizer)
    assert not wrong[:3], f"{len(wrong)} of {N_STRINGS}"
    image = tokenizer.convert_tokens_to_ids("<|IMAGE_PLACEHOLDER|>")
    for task in TASKS.values():
        text = rendered("1.6", [("user", task.prompt)])
        if tokenizer.chat_template:  # not among the official files that we have
            content = [{"type": "image"}, {"type": "text", "text": task.prompt}]
            assert text == tokenizer.apply_chat_template(
                [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
            )
        ids = tokenizer(text, add_special_tokens=False).input_ids
        at = ids.index(image)
        expected = [*ids[:at], *[image] * 6, *ids[at + 1 :]]
        assert engine.prompt_tokens(task.prompt, 2, 3) == expected


def load(folder: Path, out: Path) -> _native.Engine:
    files = ppocrvl.export(folder, out)
    return _native.Engine(_native.EngineOptions(llm=str(files.llm), mmproj=str(files.mmproj)))


def reference_tokenizer(folder: Path) -> Tokenizer:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def test_built_in_model(tiny_checkpoint: Path, tmp_path: Path) -> None:
    engine = load(tiny_checkpoint, tmp_path)
    check(engine, reference_tokenizer(tiny_checkpoint))
    engine.close()


@pytest.fixture(scope="module")
def official_vocabulary(official_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model with the official tokenizer."""
    folder = tmp_path_factory.mktemp("official")
    config = json.loads((official_files / "config.json").read_text(encoding="utf-8"))
    size = resized(SIZES["tiny"], {"text.vocab_size": config["vocab_size"]})
    write_synthetic_checkpoint(folder, size)
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    ids = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    values |= {key: config[key] for key in ids}
    (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")
    for name in OFFICIAL_FILES:
        (folder / name).unlink(missing_ok=True)
        if (official_files / name).is_file():
            shutil.copy(official_files / name, folder / name)
    return folder


def test_official_vocabulary(official_vocabulary: Path, tmp_path: Path) -> None:
    engine = load(official_vocabulary, tmp_path / "model")
    tokenizer = reference_tokenizer(official_vocabulary)
    check(engine, tokenizer)
    # The same from tokenizer.json alone, which transformers writes.
    alone = tmp_path / "alone"
    shutil.copytree(official_vocabulary, alone)
    (alone / "tokenizer.model").unlink()
    tokenizer.save_pretrained(alone)
    assert (alone / "tokenizer.json").is_file()
    from_json = load(alone, tmp_path / "from-json")
    assert not differing(from_json, tokenizer)
    from_json.close()
    engine.close()


@pytest.mark.parametrize("version", ["1.0", "1.6"])
def test_prompts_of_both_versions(official_vocabulary: Path, tmp_path: Path, version: str) -> None:
    files = ppocrvl.export(official_vocabulary, tmp_path, model_version=version)
    options = _native.EngineOptions(llm=str(files.llm), mmproj=str(files.mmproj))
    engine = _native.Engine(options)
    tokenizer = reference_tokenizer(official_vocabulary)
    for task in TASKS.values():
        ids = tokenizer(
            rendered(version, [("user", task.prompt)]), add_special_tokens=False
        ).input_ids
        assert engine.prompt_tokens(task.prompt, 1, 1) == ids
    for turns in CONVERSATIONS:
        ids = tokenizer(rendered(version, turns), add_special_tokens=False).input_ids
        assert engine.prompt_tokens(list(turns), 1, 1) == ids
    engine.close()


def test_conversations_of_the_built_in_model(tiny_checkpoint: Path, tmp_path: Path) -> None:
    engine = load(tiny_checkpoint, tmp_path)
    tokenizer = reference_tokenizer(tiny_checkpoint)
    for turns in CONVERSATIONS:
        text = rendered("1.6", turns)
        parts: list[dict[str, Any]] = [
            {"role": role, "content": [{"type": "text", "text": content}]}
            for role, content in turns
        ]
        first = next(part for part in parts if part["role"] == "user")
        first["content"].insert(0, {"type": "image"})
        assert text == tokenizer.apply_chat_template(
            parts, tokenize=False, add_generation_prompt=True
        )
        ids = tokenizer(text, add_special_tokens=False).input_ids
        assert engine.prompt_tokens(list(turns), 1, 1) == ids
    engine.close()
