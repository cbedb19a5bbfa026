# SPDX-License-Identifier: Apache-2.0
"""Random English-looking text: words, names, numbers, dates, prices, addresses and plain noise."""

from __future__ import annotations

import string
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pages import faces

if TYPE_CHECKING:
    import random

WORD_LIST = "usr/share/dict/american-english"  # Debian package wamerican, public domain

COMMON = tuple(Path(__file__).with_name("words.txt").read_text(encoding="utf-8").split())

_NAMES = (
    "Alice Bob Carol David Emma Frank Grace Henry Irene James Karen Liam Maria Nathan Olivia Peter "
    "Quinn Rachel Samuel Tina Ursula Victor Wendy Xavier Yvonne Zoe London Paris Berlin Tokyo "
    "Madrid Boston Chicago Denver Dublin Geneva Lisbon Oslo Prague Quebec Rome Sydney Texas Utah "
    "Vienna Smith Jones Brown Taylor Wilson Davies Evans Thomas Johnson Roberts Walker Robinson"
)
_MONTHS = "January February March April May June July August September October November December"
_UNITS = "kg km cm mm ml GB MB kHz MHz V W A m s h min % px pt"
NAMES, MONTHS, UNITS = _NAMES.split(), _MONTHS.split(), _UNITS.split()
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
PRINTABLE = string.ascii_letters + string.digits + PUNCTUATION


@lru_cache(maxsize=1)
def dictionary() -> tuple[str, ...]:
    """ASCII words of the packaged word list (no possessives), or the common words without it."""
    path = faces.root() / WORD_LIST
    if not path.exists():
        return tuple(COMMON)
    words = path.read_text(encoding="utf-8").split()
    return tuple(w for w in words if w.isascii() and w.isalpha() and len(w) <= 14)


def number(rng: random.Random) -> str:
    """A number: integer, grouped integer, decimal, signed, percentage or with a unit."""
    makers = (
        lambda: f"{rng.randrange(10 ** rng.randint(3, 8)):,}",
        lambda: f"{rng.uniform(0, 10 ** rng.randint(0, 4)):.{rng.randint(1, 3)}f}",
        lambda: f"{rng.choice('+-')}{rng.randrange(10 ** rng.randint(1, 4))}",
        lambda: f"{rng.randrange(1000) / 10:g}%",
        lambda: f"{rng.randrange(1000)}{rng.choice(['', ' '])}{rng.choice(UNITS)}",
        lambda: str(rng.randrange(10 ** rng.randint(1, 9))),
    )
    return rng.choices(makers, (1, 1, 1, 1, 1, 3))[0]()


def price(rng: random.Random) -> str:
    """A price in dollars, or with a currency code."""
    value = rng.uniform(0, 10 ** rng.randint(1, 5))
    return rng.choice([f"${value:,.2f}", f"${value:.2f}", f"USD {value:.2f}", f"{value:,.2f} EUR"])


def date(rng: random.Random) -> str:
    """A date or a time of day in one of seven layouts."""
    y, m, d = rng.randint(1900, 2099), rng.randint(1, 12), rng.randint(1, 28)
    name = MONTHS[m - 1]
    return rng.choice(
        [
            f"{y}-{m:02}-{d:02}",
            f"{d:02}/{m:02}/{y}",
            f"{m}/{d}/{y % 100:02}",
            f"{d} {name} {y}",
            f"{name[:3]} {d}, {y}",
            f"{rng.randrange(24):02}:{rng.randrange(60):02}",
            f"{rng.randint(1, 12)}:{rng.randrange(60):02} {rng.choice(['am', 'pm', 'AM', 'PM'])}",
        ]
    )


def noise(rng: random.Random) -> str:
    """A run of random printable ASCII characters (no space), 1 to 10 long."""
    alphabet = rng.choice(
        [
            PRINTABLE,
            string.ascii_letters,
            string.ascii_uppercase + string.digits,
            string.ascii_letters + string.digits,
        ]
    )
    return "".join(rng.choices(alphabet, k=rng.randint(1, 10)))


def code(rng: random.Random) -> str:
    """An e-mail address, host, path, identifier, phone number or article number."""
    a, b = rng.choice(dictionary()).lower(), rng.choice(COMMON).lower()
    top = rng.choice(["com", "org", "net", "edu", "io"])
    return rng.choice(
        [
            f"{a}.{b}@{b}{rng.randrange(100)}.{top}",
            f"https://{a}.{top}/{b}",
            f"/{b}/{a}.{rng.choice(['txt', 'png', 'pdf', 'c'])}",
            f"{a}_{b}({rng.randrange(100)})",
            f"+{rng.randrange(1, 99)} {rng.randrange(100, 999)} {rng.randrange(1000, 9999)}",
            f"{rng.choice(string.ascii_uppercase)}{rng.choice(string.ascii_uppercase)}-{rng.randrange(10000)}",
            f"#{rng.randrange(10**6):x}",
            f"{a}={rng.randrange(100)};",
            f"[{rng.randrange(1, 99)}]",
            f"{a} & {b}",
        ]
    )


def word(rng: random.Random) -> str:
    """One dictionary or common word in a random case."""
    r = rng.random()
    if r < 0.08:
        return rng.choice(NAMES)
    w = COMMON[int(len(COMMON) * rng.random() ** 2)] if r < 0.45 else rng.choice(dictionary())
    case = rng.random()
    if case < 0.1:
        return w.upper()
    if case < 0.25:
        return w.capitalize()
    return w


def punctuated(rng: random.Random) -> str:
    """A word, in four of ten cases with some punctuation."""
    w = word(rng)
    shapes = (w, w + rng.choice(",,,,....;:!?"), f'"{w}"', f"({w})", f"{w}'s", f"{w}-{word(rng)}")
    return rng.choices(shapes, (73, 16, 3, 3, 2, 3))[0]


def sign(rng: random.Random) -> str:
    """A sign that stands alone."""
    return rng.choice(["-", "--", "&", "+", "=", "/", "*", "|", "<", ">", "~", "@"])


RUNNING = (punctuated, number, price, date, code, sign, noise)
RUNNING_SHARES = (74, 11, 4, 4, 3, 1, 3)


def piece(rng: random.Random) -> str:
    """One item of running text: mostly a word, sometimes a number, a code or noise."""
    return rng.choices(RUNNING, RUNNING_SHARES)[0](rng)


def running(rng: random.Random, length: int) -> str:
    """Text of at least ``length`` characters, items joined by single spaces."""
    parts: list[str] = []
    total = 0
    while total < length:
        p = piece(rng)
        parts.append(p)
        total += len(p) + 1
    return " ".join(parts)


def two_words(rng: random.Random) -> str:
    """Two words."""
    return f"{word(rng)} {word(rng)}"


def label(rng: random.Random) -> str:
    """What tables say often."""
    return rng.choice(["Yes", "No", "n/a", "-", "OK", "Total", "x"])


CELL = (word, two_words, number, price, date, noise, label)
CELL_SHARES = (33, 12, 28, 10, 10, 2, 5)


def cell(rng: random.Random) -> str:
    """What a table cell holds."""
    return rng.choices(CELL, CELL_SHARES)[0](rng)
