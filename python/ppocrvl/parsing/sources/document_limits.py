# SPDX-License-Identifier: Apache-2.0
"""Every limit on documents, in one place, with its reason."""

from __future__ import annotations

MAX_PAGES = 100_000
"""Of a document. A file of 300 bytes may declare a million, and a loop over them would not end."""

MAX_PDF_BYTES = 1 << 32
"""Of a PDF on disk, which is not read as a whole (4 GiB)."""

MAX_PDF_BYTES_IN_MEMORY = 1 << 30
"""Of a PDF that is given as bytes or as a file object."""

MAX_PAGE_PIXELS = 40_000_000
"""Of a rendered page: A0 at 144 dpi is just below it; 115 MiB as RGB."""

MAX_PAGE_SIDE = 65_500
"""Pixels; what JPEG can hold."""

PDF_MEMORY = 2 << 30
"""Address space of the process that PDFium runs in, besides a PDF that is given as bytes. Without a
limit, a file of 97 kB (100 MB of `q`, compressed) took 8.1 GB."""

PDF_SECONDS = 60
"""Processor time for one page, in whole seconds."""

MAX_CHARACTERS = 100_000
"""Of one page's text layer; what is beyond is left out. A full page of A4 has some 6,000."""
