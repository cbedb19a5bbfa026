# SPDX-License-Identifier: Apache-2.0
"""Writes small PDFs, good and bad ones, byte by byte as PDF 32000-1 has them."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HELVETICA = b"/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
FORM = b"/Type/XObject/Subtype/Form/BBox[0 0 612 792]"


def pdf_file(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """A file of these objects, numbered from 1; the first is the catalog."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer<</Size %d/Root 1 0 R%s>>\n" % (len(objects) + 1, trailer)
    return bytes(out + b"startxref\n%d\n%%%%EOF" % start)


def stream(data: bytes, entries: bytes = b"", *, packed: bool = True) -> bytes:
    """A stream object."""
    if packed:
        data, entries = zlib.compress(data, 9), entries + b"/Filter/FlateDecode"
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(data), data)


def pdf(
    *contents: bytes,
    box: bytes = b"0 0 612 792",
    entries: bytes = b"",
    resources: bytes = HELVETICA,
    more: Sequence[bytes] = (),
    count: int | None = None,
) -> bytes:
    """A PDF with a page for each stream of content.

    Args:
        contents: what is drawn.
        box: the pages' MediaBox.
        entries: further entries of each page.
        resources: of each page.
        more: further objects, numbered from 3.
        count: pages that it says it has, if not what it has.
    """
    first = 3 + len(more)
    kids = b" ".join(b"%d 0 R" % (first + 2 * i) for i in range(len(contents)))
    n_pages = len(contents) if count is None else count
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, n_pages),
        *more,
    ]
    for i, content in enumerate(contents):
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Contents %d 0 R/Resources<<%s>>%s>>"
            % (box, first + 2 * i + 1, resources, entries)
        )
        objects.append(stream(content))
    return pdf_file(objects)


def text(words: str, x: float = 100, y: float = 700, size: float = 24) -> bytes:
    """Content: words in Helvetica, their baseline beginning at (x, y)."""
    return b"BT /F %g Tf %g %g Td (%s) Tj ET\n" % (size, x, y, words.encode("latin-1"))


def encrypted() -> bytes:
    """A PDF that opens with the password "secret" alone (RC4, 40 bits: PDF 32000-1, 7.6.3)."""
    padding = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
    padded = (b"secret" + padding)[:32]
    owner = _rc4(_md5(padded)[:5], padded)
    identity, allowed = b"0123456789abcdef", (-4 & 0xFFFFFFFF).to_bytes(4, "little")
    key = _md5(padded + owner + allowed + identity)[:5]
    user = _rc4(key, padding)
    trailer = b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>/ID[<%s><%s>]" % (
        *(one.hex().encode() for one in (owner, user)),
        *[identity.hex().encode()] * 2,
    )
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>"
    tree = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page]
    return pdf_file(tree, trailer)


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _rc4(key: bytes, data: bytes) -> bytes:
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)
