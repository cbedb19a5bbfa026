# SPDX-License-Identifier: Apache-2.0
"""From a safetensors checkpoint to GGUF files, with numpy and gguf alone.

One module per idea: `safetensors_reader`, `tensor_spec` (the table), `tensor_source` (checkpoint
against table), `encode`, `gguf_output` (the streaming writer), `config`, `preprocessor`,
`tokenizer`, `chat_template`, `version`; `llm` and `mmproj` say what each file holds, and `exporter`
puts all of it together. `layout` does the same for layout models, with one file.
"""

from __future__ import annotations

from ppocrvl.exporter.exporter import ExportResult, export, export_llm, export_mmproj
from ppocrvl.exporter.layout.checkpoint import is_layout_checkpoint
from ppocrvl.exporter.layout.exporter import export_layout
from ppocrvl.support.output import Progress

__all__ = [
    "ExportResult",
    "Progress",
    "export",
    "export_layout",
    "export_llm",
    "export_mmproj",
    "is_layout_checkpoint",
]
