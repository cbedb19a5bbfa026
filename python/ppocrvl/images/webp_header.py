# SPDX-License-Identifier: Apache-2.0
"""The size of a WebP picture. Pillow reserves memory for all of it twice when it opens the file."""

from __future__ import annotations


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height by the first chunk (RFC 9649), or None where that is no picture.

    Args:
        data: the file, or at least its first 30 bytes.
    """
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        return _number(body[4:7]) + 1, _number(body[7:10]) + 1
    if kind == b"VP8L" and body[0] == 0x2F:
        bits = _number(body[1:5])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        return _number(body[6:8]) & 0x3FFF, _number(body[8:10]) & 0x3FFF
    return None


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "little")
