# SPDX-License-Identifier: Apache-2.0
"""What is written on a page: sentences of a small vocabulary of its own, names, titles, numbers."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from pages import faces
from tiny.text import COMMON, NAMES, date, number, price

if TYPE_CHECKING:
    import random

__all__ = ["Topic", "date", "number", "price"]

LIST = "usr/share/dict/american-english"  # Debian package wamerican, public domain
TOPIC_WORDS = 220


@lru_cache(maxsize=1)
def dictionary() -> tuple[str, ...]:
    """ASCII words of the word list without possessives; the common words where it is missing."""
    path = faces.root() / LIST
    if not path.exists():
        return COMMON
    words = path.read_text(encoding="utf-8").split()
    return tuple(w for w in words if w.isascii() and w.isalpha() and 1 < len(w) <= 14)


class Topic:
    """A page's vocabulary, and what can be said with it."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._rare = rng.choices(dictionary(), k=TOPIC_WORDS)

    def word(self) -> str:
        """A word: often a common one, sometimes a name or a number."""
        r = self._rng.random()
        if r < 0.5:
            return COMMON[int(len(COMMON) * self._rng.random() ** 3)]
        if r < 0.94:
            return self._rare[int(TOPIC_WORDS * self._rng.random())].lower()
        if r < 0.97:
            return self._rng.choice(NAMES)
        return number(self._rng)

    def words(self, count: int) -> list[str]:
        """So many words as sentences with commas and full stops; the last one ends with a stop."""
        out = [self.word() for _ in range(count)]
        start, left = True, self._rng.randint(5, 22)
        for i, w in enumerate(out):
            if start:
                out[i] = w[:1].upper() + w[1:]
                start = False
            left -= 1
            if left <= 0 or i == count - 1:
                out[i] += "." if self._rng.random() < 0.93 else self._rng.choice("?!:")
                start, left = True, self._rng.randint(5, 22)
            elif self._rng.random() < 0.09:
                out[i] += self._rng.choice(",,,,;")
        return out

    def title(self, count: int, *, capitals: bool = False) -> list[str]:
        """So many words as a heading has them, without a stop."""
        out = [self.word() for _ in range(count)]
        if capitals:
            return [w.upper() for w in out]
        every = self._rng.random() < 0.6
        return [
            w.capitalize() if i == 0 or (every and len(w) > 3) else w for i, w in enumerate(out)
        ]

    def name(self) -> str:
        """A person or a place of two words."""
        return f"{self._rng.choice(NAMES)} {self._rng.choice(NAMES)}"

    def cell(self) -> str:
        """A short text in a table or form."""
        return " ".join(self.title(self._rng.choice((1, 1, 1, 2, 2, 3))))
