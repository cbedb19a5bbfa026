# SPDX-License-Identifier: Apache-2.0
"""The texts of a checkpoint folder of the official layout that are the same for all weights."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tiny import model as network
from tiny.tokenizer import EOS

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
    "eos_token_id": EOS,
    "pad_token_id": 0,
    "use_cache": False,
}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file with sorted keys, atomically."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(path)


def write_texts(folder: Path) -> None:
    """Write what says how pictures and messages become the network's input."""
    write_json(folder / "generation_config.json", GENERATION)
    write_json(folder / "preprocessor_config.json", PREPROCESSOR)
    write_json(folder / "processor_config.json", {"processor_class": "PaddleOCRVLProcessor"})
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
