# SPDX-License-Identifier: Apache-2.0
"""JSON, as docs/document.schema.json says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ppocrvl.document.values import document_values
from ppocrvl.document.writers.written import File, picture_files

if TYPE_CHECKING:
    from ppocrvl.document.document import Document
    from ppocrvl.document.writers.written import WriteOptions


def json_files(document: Document, options: WriteOptions) -> list[File]:
    """The document, and its figures where they are to be files."""
    text = json.dumps(document_values(document), ensure_ascii=False, indent=1)
    return [File(f"{options.stem}.json", f"{text}\n"), *picture_files(document.pages, options)]
