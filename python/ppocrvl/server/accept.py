# SPDX-License-Identifier: Apache-2.0
"""Which of several formats a client wants, by its Accept header (RFC 9110, 12.5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppocrvl.server.codes import ApiError

if TYPE_CHECKING:
    from collections.abc import Sequence


def accepted(header: str, offered: Sequence[str]) -> str:
    """The media type that the client likes best, the first of equals.

    Args:
        header: of the request; empty for anything.
        offered: what there is, the usual one first.

    Raises:
        ApiError: it takes none of these.
    """
    ranges = _ranges(header) or {"*/*": 1.0}
    best = max(offered, key=lambda kind: _weight(kind, ranges))
    if _weight(best, ranges) <= 0:
        raise ApiError("not_acceptable", f"the answer can be {', '.join(offered)}; ask for one")
    return best


def _ranges(header: str) -> dict[str, float]:
    """The media ranges with their weights. What makes no sense is not wanted."""
    ranges = {}
    for part in header.split(","):
        kind, *parameters = (text.strip().lower() for text in part.split(";"))
        weights = [text[2:] for text in parameters if text.startswith("q=")]
        if kind:
            ranges[kind] = _number(weights[0]) if weights else 1.0
    return ranges


def _weight(kind: str, ranges: dict[str, float]) -> float:
    """That of the most specific range that fits."""
    for name in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0


def _number(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
