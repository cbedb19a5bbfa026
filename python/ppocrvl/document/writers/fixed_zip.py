# SPDX-License-Identifier: Apache-2.0
"""Zip files that do not say when they were made: the same document gives the same bytes."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZipFile, ZipInfo

_WHEN = (1980, 1, 1, 0, 0, 0)
"""The earliest date that the format knows."""


def fixed_zip(data: bytes) -> bytes:
    """The same files in the same order, all of one date."""
    out = BytesIO()
    with ZipFile(BytesIO(data)) as made, ZipFile(out, "w") as fixed:
        for one in made.infolist():
            info = ZipInfo(one.filename, _WHEN)
            info.compress_type = one.compress_type
            fixed.writestr(info, made.read(one))
    return out.getvalue()
