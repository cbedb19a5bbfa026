# SPDX-License-Identifier: Apache-2.0
"""What stands in a picture: real English of many kinds, and much that cannot be guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from tiny import corpus, odd, text

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

TYPOS = 0.25  # share of the paragraphs in which words are misspelt, one in…
ONE_IN = 6
_QUOTED = re.compile(r'"([^"]*)"')


@dataclass(frozen=True)
class Author:
    """Where the words of pictures come from; ``kinds`` of text in their shares, None for all."""

    rng: random.Random
    held_out: bool = False
    kinds: dict[Callable[[Author], list[str]], float] | None = None

    def paragraph(self) -> list[str]:
        """Words of a paragraph; they hold no spaces and only characters of the alphabet."""
        kinds = KINDS if self.kinds is None else self.kinds
        words = self.rng.choices(tuple(kinds), tuple(kinds.values()))[0](self)
        return words or ["."]

    def prose(self) -> list[str]:
        """Real text as print sets it, in a fourth of the cases with misspelt words."""
        rng = self.rng
        said = corpus.paragraph(rng, held_out=self.held_out)
        if rng.random() < 0.55:
            said = printed(said)
        words = said.split()
        if rng.random() < 0.5 and len(words) > 12:
            words = words[rng.randrange(len(words) // 2) :]
        if rng.random() < TYPOS:
            words = [odd.misspelt(rng, w) if rng.randrange(ONE_IN) == 0 else w for w in words]
        return words

    def title(self) -> list[str]:
        """A few words, capitalised as headings are."""
        words = [text.word(self.rng) for _ in range(self.rng.randint(1, 8))]
        style = self.rng.choice((str.upper, str.capitalize, str.title, str))
        number = f"{self.rng.randint(1, 12)}.{self.rng.randint(1, 9)}"
        lead = self.rng.choice(([], [], [number], ["Chapter", str(self.rng.randint(1, 40))]))
        return [*lead, *(style(w) for w in words)]

    def mixed(self) -> list[str]:
        """Words, numbers, dates, codes as lines of forms and mails have them."""
        return text.running(self.rng, self.rng.randint(20, 500)).split()

    def repeated(self, make: Callable[[random.Random], str], most: int) -> list[str]:
        """Items of one kind side by side."""
        items = (make(self.rng) for _ in range(self.rng.randint(1, most)))
        return " ".join(items).split()

    def nonwords(self) -> list[str]:
        """Words that do not exist, alone or among others."""
        rng = self.rng
        words = self.repeated(odd.nonword, 60)
        return [text.word(rng) if rng.random() < 0.3 else w for w in words]


def printed(said: str) -> str:
    """Typewriter's quotes and dashes as print has them."""
    said = _QUOTED.sub("“\\1”", said).replace("'", "’")  # noqa: RUF001 - they are meant
    return said.replace(" -- ", "—").replace("--", "–").replace("...", "…")  # noqa: RUF001


Kinds: TypeAlias = "dict[Callable[[Author], list[str]], float]"
REAL: Kinds = {Author.prose: 52, Author.title: 6, Author.mixed: 8}
UNGUESSABLE: Kinds = {
    Author.nonwords: 6,
    lambda a: a.repeated(odd.part_number, 20): 3,
    lambda a: a.repeated(odd.digest, 6): 3,
    lambda a: a.repeated(odd.code, 10): 6,
    lambda a: a.repeated(odd.noise, 30): 3,
    lambda a: a.repeated(odd.figures, 8): 3,
}
KINDS: Kinds = {
    **REAL,
    **UNGUESSABLE,
    lambda a: a.repeated(odd.accented, 40): 3,
    lambda a: a.repeated(odd.signs, 30): 4,
    lambda a: a.repeated(odd.reference, 3): 2,
    lambda a: a.repeated(odd.address, 3): 2,
}
