# SPDX-License-Identifier: Apache-2.0
"""Writes a checkpoint folder of the official layout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tiny import model as network
from tiny import tokenizer

if TYPE_CHECKING:
    from pathlib import Path

# Gives the text of the official 1.6 template: all images, then all texts of a list of parts.
CHAT_TEMPLATE = """\
{%- macro images(parts) -%}
{%- for part in parts if part['type'] == 'image' -%}
<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>
{%- endfor -%}
{%- endmacro -%}
{%- macro words(parts) -%}
{%- for part in parts if part['type'] == 'text' -%}
{{ part['text'] }}
{%- endfor -%}
{%- endmacro -%}
{{- '<|begin_of_sentence|>' -}}
{%- for message in messages -%}
{%- if message['role'] == 'user' -%}
{{- 'User: ' + images(message['content']) + words(message['content']) + '\\n' -}}
{%- elif message['role'] == 'system' -%}
{{- words(message['content']) + '\\n' -}}
{%- elif message['role'] == 'assistant' -%}
{{- 'Assistant:\\n' + words(message['content']) + '</s>' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt is not defined or add_generation_prompt -%}
{{- 'Assistant:\\n' -}}
{%- endif -%}
"""

PREPROCESSOR = {
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_processor_type": "SiglipImageProcessor",
    "image_std": [0.5, 0.5, 0.5],
    "max_pixels": network.MAX_PIXELS,
    "merge_size": 2,
    "min_pixels": network.MIN_PIXELS,
    "patch_size": 14,
    "processor_class": "PaddleOCRVLProcessor",
    "resample": 3,
    "rescale_factor": 1 / 255,
    "size": {"max_pixels": network.MAX_PIXELS, "min_pixels": network.MIN_PIXELS},
    "temporal_patch_size": 1,
}
GENERATION = {
    "_from_model_config": True,
    "eos_token_id": tokenizer.EOS,
    "pad_token_id": 0,
    "use_cache": False,
}


def write(model: network.Network, config: dict[str, Any], folder: Path) -> None:
    """Write weights (bf16), configuration and tokenizer files to ``folder``, weights last."""
    tokenizer.write_tokenizer(folder)
    files: dict[str, Any] = {
        "generation_config.json": GENERATION,
        "preprocessor_config.json": PREPROCESSOR,
        "processor_config.json": {"processor_class": "PaddleOCRVLProcessor"},
    }
    for name, content in files.items():
        (folder / name).write_text(
            json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8"
        )
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    network.save(model, config, folder)
