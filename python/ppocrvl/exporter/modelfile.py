# SPDX-License-Identifier: Apache-2.0
"""A Modelfile, from which `ollama create` makes a model of the two files.

Written after Ollama's documentation and its parser; nobody has run it with Ollama yet, and it says
so itself.
"""

from __future__ import annotations

from ppocrvl.exporter.tokenizer import BEGIN_OF_SENTENCE
from ppocrvl.exporter.version import ModelVersion
from ppocrvl.requests.options import DEFAULT_MAX_TOKENS

_CONTEXT = 8192
"""Tokens: a picture of at most 2,059, its prompt, and an answer of `DEFAULT_MAX_TOKENS`."""

_TEXT = '''\
# For Ollama: ollama create NAME -f Modelfile
# Not tried with Ollama yet. It needs a version that runs GGUF files with a llama.cpp that knows
# PaddleOCR-VL; that pads images with black, which ppocrvl does not.
FROM ./%(llm)s
FROM ./%(mmproj)s
TEMPLATE """%(begin)s{{ range .Messages }}\
{{ if eq .Role "user" }}User: {{ .Content }}
{{ else if eq .Role "assistant" }}%(assistant)s{{ .Content }}</s>{{ end }}\
{{ end }}%(assistant)s"""
PARAMETER temperature 0
PARAMETER top_k 1
PARAMETER repeat_penalty 1
PARAMETER num_ctx %(context)d
PARAMETER num_predict %(predict)d
PARAMETER stop </s>
'''


def ollama_modelfile(llm: str, mmproj: str, version: ModelVersion) -> str:
    """The text of the file.

    Args:
        llm: name of the language model's file, in the same folder.
        mmproj: name of the vision part's file.
        version: decides how the assistant's turn begins, as in `chat_template`.
    """
    assistant = "Assistant: " if version is ModelVersion.V1_0 else "Assistant:\n"
    return _TEXT % {
        "llm": llm,
        "mmproj": mmproj,
        "begin": BEGIN_OF_SENTENCE,
        "assistant": assistant,
        "context": _CONTEXT,
        "predict": DEFAULT_MAX_TOKENS,
    }
