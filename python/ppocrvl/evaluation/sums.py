# SPDX-License-Identifier: Apache-2.0
"""What the figures of images and those of documents have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class _Tagged(Protocol):
    @property
    def tags(self) -> Mapping[str, str]: ...


class _Reading(Protocol):
    @property
    def item(self) -> _Tagged: ...


R = TypeVar("R", bound=_Reading)
S = TypeVar("S")


def share(part: float, whole: float) -> float | None:
    """A part of a whole; None where there is nothing."""
    return part / whole if whole else None


def by_tag(readings: Iterable[R], summarize: Callable[[Iterable[R]], S]) -> dict[str, dict[str, S]]:
    """Figures by tag and value, tags by name, values as numbers where they are such.

    Args:
        readings: of items with tags.
        summarize: makes the figures of some of them.
    """
    groups: dict[str, dict[str, list[R]]] = {}
    for reading in readings:
        for name, value in reading.item.tags.items():
            groups.setdefault(name, {}).setdefault(value, []).append(reading)
    return {
        name: {value: summarize(values[value]) for value in sorted(values, key=_order)}
        for name, values in sorted(groups.items())
    }


def _order(value: str) -> tuple[float, str]:
    """Numbers by size, before other text."""
    try:
        return float(value), value
    except ValueError:
        return float("inf"), value
