# SPDX-License-Identifier: Apache-2.0
"""The chat template that goes into the LLM file.

It renders what the official template renders: `<|begin_of_sentence|>User: `, all images, all texts,
a newline, then the assistant's turn. It differs in what it accepts: content may also be a plain
string, and llama.cpp's media markers count as images (mtmd puts the image tokens around the marker
itself). llama-server hands over one string with the markers in it, `<__media…__>`, wherever the
pictures stood in the message: they are moved to the front, because the model has only ever seen
pictures before texts.
"""

from __future__ import annotations

from ppocrvl.exporter.tokenizer import (
    BEGIN_OF_SENTENCE,
    IMAGE_END,
    IMAGE_PLACEHOLDER,
    IMAGE_START,
)
from ppocrvl.exporter.version import ModelVersion

_TEMPLATE = """\
{{- '%(begin)s' -}}
{%%- for message in messages -%%}
  {%%- if message['role'] == 'user' -%%}
    {{- 'User: ' -}}
  {%%- elif message['role'] == 'assistant' -%%}
    {{- '%(assistant)s' -}}
  {%%- endif -%%}
  {%%- if message['content'] is string -%%}
    {%%- set seen = namespace(media='', text='') -%%}
    {%%- for piece in message['content'].split('<__media') -%%}
      {%%- if loop.first -%%}
        {%%- set seen.text = piece -%%}
      {%%- elif '__>' not in piece -%%}
        {%%- set seen.text = seen.text + '<__media' + piece -%%}
      {%%- else -%%}
        {%%- set name = piece.split('__>')[0] -%%}
        {%%- set seen.media = seen.media + '<__media' + name + '__>' -%%}
        {%%- set seen.text = seen.text + piece[name | length + 3:] -%%}
      {%%- endif -%%}
    {%%- endfor -%%}
    {{- seen.media + seen.text -}}
  {%%- else -%%}
    {%%- for part in message['content'] -%%}
      {%%- if part['type'] == 'media_marker' -%%}
        {{- part['text'] -}}
      {%%- elif part['type'] == 'image' or part['type'] == 'image_url' -%%}
        {{- '%(image)s' -}}
      {%%- endif -%%}
    {%%- endfor -%%}
    {%%- for part in message['content'] -%%}
      {%%- if part['type'] == 'text' -%%}
        {{- part['text'] -}}
      {%%- endif -%%}
    {%%- endfor -%%}
  {%%- endif -%%}
  {%%- if message['role'] == 'assistant' -%%}
    {{- '%(end)s' -}}
  {%%- else -%%}
    {{- '\\n' -}}
  {%%- endif -%%}
{%%- endfor -%%}
{%%- if add_generation_prompt -%%}
  {{- '%(assistant)s' -}}
{%%- endif -%%}
"""


def chat_template(version: ModelVersion, eos: str) -> str:
    """The template of a version.

    Args:
        version: Decides how the assistant's turn begins.
        eos: Text of the token that ends it.
    """
    assistant = "Assistant: " if version is ModelVersion.V1_0 else "Assistant:\\n"
    return _TEMPLATE % {
        "begin": BEGIN_OF_SENTENCE,
        "image": IMAGE_START + IMAGE_PLACEHOLDER + IMAGE_END,
        "assistant": assistant,
        "end": eos,
    }
