# SPDX-License-Identifier: Apache-2.0
"""Damaged PDFs, a different one for each seed."""

from __future__ import annotations

import random

from tests.parsing.sources.pdf_writer import FORM, HELVETICA, pdf, stream, text


def mutated(data: bytes, seed: int) -> bytes:
    """A PDF with some bytes changed, left out, doubled or cut off."""
    rng = random.Random(seed)
    out = bytearray(data)
    for _ in range(rng.randint(1, 12)):
        place, kind = rng.randrange(len(out)), rng.random()
        if kind < 0.5:
            out[place] = rng.randrange(256)
        elif kind < 0.7:
            out[place : place + rng.randint(1, 40)] = b""
        elif kind < 0.9:
            out[place:place] = out[rng.randrange(len(out)) :][: rng.randint(1, 40)]
        else:
            out[place : place + 4] = rng.choice((b"9999", b"-1  ", b"<<<<", b"R R ", b"]]>>"))
        if len(out) < 100:
            break
    return bytes(out)


def _rich() -> bytes:
    more = [
        stream(b"1 0 0 rg 0 0 99 99 re f", FORM),
        stream(
            bytes(range(256)),
            b"/Type/XObject/Subtype/Image/Width 16/Height 16/ColorSpace/DeviceGray"
            b"/BitsPerComponent 8",
        ),
    ]
    content = text("Hello") + b"/X Do q 200 0 0 200 99 99 cm /I Do Q"
    resources = HELVETICA + b"/XObject<</X 3 0 R/I 4 0 R>>"
    return pdf(content, content, resources=resources, more=more)


RICH = _rich()
"""A PDF with text, a form, an image and two pages."""
