# SPDX-License-Identifier: Apache-2.0
"""Text that any XML file may hold (XML 1.0, 2.2)."""

from __future__ import annotations

import re
from html import escape

from ppocrvl.document.writers.markdown_escape import clean

_NOT_IN_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")


def xml_text(text: str) -> str:
    """The text without characters that XML does not know, not escaped."""
    return _NOT_IN_XML.sub("", clean(text))


def xml_escaped(text: str) -> str:
    """The same, between tags or quotation marks."""
    return escape(xml_text(text))
