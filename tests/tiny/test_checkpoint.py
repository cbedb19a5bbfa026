# SPDX-License-Identifier: Apache-2.0
"""The committed checkpoint: its layout, its size, and that it reads."""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.fonts import needs_fonts

from tiny import fonts
from tiny.tokenizer import Vocabulary

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 16_000_000
MAX_PARAMETERS = 8_000_000
OUR_KEYS = {"ppocrvl_max_lines", "ppocrvl_tasks"}  # docs/gguf-format.md


@pytest.fixture(scope="module")
def config(tiny_checkpoint: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((tiny_checkpoint / "config.json").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def header(tiny_checkpoint: Path) -> dict[str, Any]:
    """The tensors of ``model.safetensors``: eight bytes of length, then JSON."""
    with (tiny_checkpoint / "model.safetensors").open("rb") as f:
        length = int.from_bytes(f.read(8), "little")
        tensors: dict[str, Any] = json.loads(f.read(length))
    tensors.pop("__metadata__", None)
    return tensors


def test_is_small_and_bf16(tiny_checkpoint: Path, header: dict[str, Any]) -> None:
    assert (tiny_checkpoint / "model.safetensors").stat().st_size <= MAX_BYTES
    assert {t["dtype"] for t in header.values()} == {"BF16"}
    assert sum(int(np.prod(t["shape"])) for t in header.values()) <= MAX_PARAMETERS


def test_widths_exercise_the_real_paths(config: dict[str, Any], tiny_checkpoint: Path) -> None:
    vision = config["vision_config"]
    assert config["hidden_size"] % 256 == config["intermediate_size"] % 256 == 0
    assert config["head_dim"] == 128
    assert config["rope_scaling"]["mrope_section"] == [16, 24, 24]
    assert config["num_attention_heads"] > config["num_key_value_heads"]
    assert vision["intermediate_size"] % 32 == 16
    assert vision["num_hidden_layers"] >= 4
    assert (4 * vision["hidden_size"]) % 256 == 0
    assert config["vocab_size"] == Vocabulary.of(tiny_checkpoint).size


def test_configuration_has_the_official_keys(
    config: dict[str, Any], official_files: Path, tiny_checkpoint: Path
) -> None:
    official = json.loads((official_files / "config.json").read_text("utf-8"))
    assert set(config) == set(official) - {"auto_map", "transformers_version"} | OUR_KEYS
    assert set(config["vision_config"]) == set(official["vision_config"]) - {"auto_map"}
    ours = json.loads((tiny_checkpoint / "preprocessor_config.json").read_text("utf-8"))
    theirs = json.loads((official_files / "preprocessor_config_v1.0.json").read_text("utf-8"))
    assert set(ours) == set(theirs) - {"auto_map"}


def test_tensors_have_the_original_names(header: dict[str, Any]) -> None:
    generic = {re.sub(r"\.\d+\.", ".N.", name) for name in header}
    attention = [f"self_attn.{p}_proj.weight" for p in "qkvo"]
    feed = [f"mlp.{p}_proj.weight" for p in ("gate", "up", "down")]
    norms = ["input_layernorm.weight", "post_attention_layernorm.weight"]
    text = {f"model.layers.N.{name}" for name in (*attention, *feed, *norms)}
    text |= {"model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"}
    both = ("weight", "bias")
    parts = [f"self_attn.{p}_proj" for p in ("q", "k", "v", "out")]
    parts += ["mlp.fc1", "mlp.fc2", "layer_norm1", "layer_norm2"]
    tower = "visual.vision_model"
    vision = {f"{tower}.encoder.layers.N.{p}.{w}" for p in parts for w in both}
    vision |= {f"{tower}.embeddings.patch_embedding.{w}" for w in both}
    vision |= {f"{tower}.post_layernorm.{w}" for w in both}
    vision.add(f"{tower}.embeddings.position_embedding.weight")
    vision |= {f"mlp_AR.{p}.{w}" for p in ("pre_norm", "linear_1", "linear_2") for w in both}
    assert generic == text | vision


def test_template_renders_the_official_prompt(tiny_checkpoint: Path) -> None:
    import jinja2

    source = (tiny_checkpoint / "chat_template.jinja").read_text("utf-8")
    template = jinja2.Environment(autoescape=False).from_string(source)  # noqa: S701
    user = [{"type": "text", "text": "OCR:"}, {"type": "image"}]
    messages = [{"role": "user", "content": user}]
    image = "<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>"
    prompt = f"<|begin_of_sentence|>User: {image}OCR:\nAssistant:\n"
    assert template.render(messages=messages, add_generation_prompt=True) == prompt
    answer = {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]}
    whole = template.render(messages=[*messages, answer], add_generation_prompt=False)
    assert whole == f"{prompt}Hi</s>"


@pytest.mark.reference
@pytest.mark.parametrize(("name", "prompt"), [("hello", "OCR:"), ("table", "Table Recognition:")])
def test_reads_the_samples_exactly(
    tiny_checkpoint: Path, samples: Path, name: str, prompt: str
) -> None:
    from PIL import Image

    from tiny import checkpoint, decode, losses

    reader = checkpoint.load(tiny_checkpoint)
    picture = Image.open(samples / f"{name}.png").convert("RGB")
    assert picture.width % 28 == picture.height % 28 == 0
    pixels = [losses.pixels_of(np.asarray(picture))]
    truth = (samples / f"{name}.txt").read_text("utf-8").rstrip("\n")
    assert decode.greedy(reader, pixels, prompt) == [truth]
    assert decode.greedy(reader, pixels, prompt, llama_graph=True) == [truth]


@pytest.mark.reference
@needs_fonts
def test_reads_fresh_lines(tiny_checkpoint: Path) -> None:
    from tiny import checkpoint, data, exam, render, score

    reader = checkpoint.load(tiny_checkpoint)
    limits = json.loads((tiny_checkpoint / "preprocessor_config.json").read_text("utf-8"))
    rng = random.Random(41)
    for paths, bound in ((fonts.train_fonts(), 0.05), (fonts.held_out_fonts(), 0.10)):
        src = render.Source(paths, rng)
        cases = []
        for i in range(40):
            page = data.page(src, "line", (1, 12))
            picture = render.photograph(rng, np.random.default_rng(i), page)
            truth = "".join(u.text for u in page.units[:-1])
            cases.append(exam.Case("OCR:", picture, truth, page.font, page.size))
        exam.read_all(reader, cases, (limits["min_pixels"], limits["max_pixels"]))
        assert score.cer([c.read for c in cases], [c.truth for c in cases]) <= bound
