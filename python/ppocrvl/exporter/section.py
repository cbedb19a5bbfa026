# SPDX-License-Identifier: Apache-2.0
"""Typed, range-checked access to one JSON object of a checkpoint's configuration."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

from ppocrvl.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Mapping

_Number = TypeVar("_Number", int, float)


class Section:
    """One JSON object; every error names the file and the key.

    A key that is absent, or null, has the default if there is one, else it is an error.
    """

    def __init__(self, data: Mapping[str, Any], path: str, prefix: str = "") -> None:
        """`prefix` stands before a key in error messages, such as "vision_config."."""
        self.path = path
        self._data = data
        self._prefix = prefix

    def has(self, key: str) -> bool:
        """Whether the key is there, and not null."""
        return self._data.get(key) is not None

    def length(self, key: str) -> int | None:
        """The length of a list, or None for anything else."""
        value = self._data.get(key)
        return len(value) if isinstance(value, list) else None

    def error(self, what: str) -> CheckpointError:
        """The error to raise."""
        return CheckpointError(f"{self.path}: {self._prefix}{what}")

    def integer(self, key: str, low: int, high: int, *, default: int | None = None) -> int:
        """An integer of this range."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(f"{key} must be an integer, found {value!r}")
        return self._in_range(key, value, low, high)

    def integers(
        self, key: str, length: int, low: int, high: int, *, default: tuple[int, ...] | None = None
    ) -> tuple[int, ...]:
        """A list of `length` integers of this range."""
        value = self._value(key, default)
        if (
            not isinstance(value, list | tuple)
            or len(value) != length
            or not all(type(item) is int for item in value)
        ):
            raise self.error(f"{key} must be {length} integers, found {value!r}")
        return tuple(self._in_range(key, item, low, high) for item in value)

    def real(self, key: str, low: float, high: float, *, default: float | None = None) -> float:
        """A number of this range."""
        value = self._value(key, default)
        if not _is_finite_number(value):
            raise self.error(f"{key} must be a number, found {value!r}")
        return self._in_range(key, float(value), low, high)

    def reals(
        self, key: str, length: int, low: float, high: float, *, default: tuple[float, ...] | None
    ) -> tuple[float, ...]:
        """A list of `length` numbers of this range."""
        value = self._value(key, default)
        if (
            not isinstance(value, list | tuple)
            or len(value) != length
            or not all(_is_finite_number(item) for item in value)
        ):
            raise self.error(f"{key} must be {length} numbers, found {value!r}")
        return tuple(self._in_range(key, float(item), low, high) for item in value)

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise self.error(f"{key} must be true or false, found {value!r}")
        return value

    def flags(self, key: str, length: int, *, default: tuple[bool, ...]) -> tuple[bool, ...]:
        """A list of `length` times true or false."""
        value = self._value(key, default)
        if (
            not isinstance(value, list | tuple)
            or len(value) != length
            or not all(isinstance(item, bool) for item in value)
        ):
            raise self.error(f"{key} must be {length} times true or false, found {value!r}")
        return tuple(value)

    def strings(self, key: str) -> tuple[str, ...]:
        """A list of texts of any length."""
        value = self._data.get(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(f"{key} must be a list of texts, found {value!r}")
        return tuple(value)

    def require(self, key: str, wanted: object, runner: str = "llama.cpp") -> None:
        """An absent key means the model's own value; another value needs another graph."""
        value = self._data.get(key, wanted)
        if value != wanted:
            raise self.error(f"{key} is {value!r}, but {runner} runs this model with {wanted!r}")

    def _value(self, key: str, default: object) -> Any:  # noqa: ANN401
        value = self._data.get(key)
        return default if value is None else value

    def _in_range(self, key: str, value: _Number, low: _Number, high: _Number) -> _Number:
        if not low <= value <= high:
            raise self.error(f"{key} is {value}, outside {low} to {high}")
        return value


def _is_finite_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer too large for a float
        return False
