# SPDX-License-Identifier: Apache-2.0
"""Text that nobody can guess: a reader has to look at every character of it."""

from __future__ import annotations

# ruff: noqa: RUF001 - the signs are meant
import string
from functools import cache
from typing import TYPE_CHECKING

from tiny import corpus
from tiny.alphabet import ALPHABET, BEYOND_ASCII, FRACTIONS, SIGNS
from tiny.text import COMMON, MONTHS, NAMES, PRINTABLE, dictionary, number, price

if TYPE_CHECKING:
    import random

# What a letter is taken for when someone guesses.
SIMILAR = (
    "il1I|j!",
    "oO0Qce",
    "rnmuhn",
    "sS5$z",
    "bh68B3",
    "vuyw",
    "ft+",
    "gq9ay",
    ".,:;'",
    "cCGe",
)
# Accented letters by the letter under them, from their names in Unicode.
_PLAIN = {
    "a": "àáâãäåāăą",
    "c": "çćĉċč",
    "d": "ďđ",
    "e": "èéêëēĕėęě",
    "g": "ĝğġģ",
    "i": "ìíîïĩīĭį",
    "l": "ĺļľł",
    "n": "ñńņň",
    "o": "òóôõöøōŏő",
    "r": "ŕŗř",
    "s": "śŝşš",
    "t": "ţťŧ",
    "u": "ùúûüũūŭůűų",
    "w": "ŵ",
    "y": "ýÿŷ",
    "z": "źżž",
}
ACCENTED = _PLAIN | {a.upper(): b.upper().replace("Ÿ", "Ÿ") for a, b in _PLAIN.items()}


@cache
def _pairs() -> dict[str, str]:
    """For each letter those that follow it in common words, as often as they do."""
    out: dict[str, list[str]] = {}
    for word in COMMON:
        for a, b in zip("^" + word, word + "$", strict=True):
            out.setdefault(a, []).append(b)
    return {a: "".join(b) for a, b in out.items()}


def nonword(rng: random.Random) -> str:
    """A word that does not exist but looks as if it might."""
    out, last = "", "^"
    while len(out) < 14:
        last = rng.choice(_pairs().get(last, "$"))
        if last == "$":
            if len(out) > 2:
                break
            last = rng.choice(string.ascii_lowercase)
        out += last
    return out.capitalize() if rng.random() < 0.2 else out


def misspelt(rng: random.Random, word: str) -> str:
    """``word`` with a letter replaced, doubled, dropped, or exchanged with the next."""
    if len(word) < 3:
        return word
    i = rng.randrange(len(word) - 1)
    a, b = word[i], word[i + 1]
    like = [c for group in SIMILAR if a in group for c in group]
    return rng.choice(
        (
            word[:i] + rng.choice(like or string.ascii_lowercase) + word[i + 1 :],
            word[:i] + rng.choice(string.ascii_lowercase) + word[i + 1 :],
            word[:i] + a + word[i:],
            word[:i] + word[i + 1 :],
            word[:i] + b + a + word[i + 2 :],
        )
    )


def part_number(rng: random.Random) -> str:
    """Groups of capitals and digits."""
    groups = []
    for _ in range(rng.randint(1, 4)):
        letters = rng.choice(("ABCDEFGHJKLMNPRSTUVWXYZ", string.digits, string.digits, "XQZKJO0I1"))
        groups.append("".join(rng.choices(letters, k=rng.randint(1, 5))))
    return rng.choice("-/. _").strip().join(groups)


def digest(rng: random.Random) -> str:
    """A piece of a hash, an UUID, an address of hardware or of a host, a key in base 64."""
    r = rng.random()
    hexadecimal = f"{rng.getrandbits(160):040x}"
    if r < 0.3:
        return hexadecimal[: rng.choice((7, 8, 12, 16, 32, 40))]
    if r < 0.45:
        h = hexadecimal
        return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:32]}"
    if r < 0.6:
        return ":".join(hexadecimal[i : i + 2] for i in range(0, 12, 2))
    if r < 0.8:
        return ".".join(str(rng.randrange(256)) for _ in range(4))
    letters = string.ascii_letters + string.digits + "+/"
    return "".join(rng.choices(letters, k=rng.randint(8, 44))) + rng.choice(("", "=", "=="))


def accented(rng: random.Random) -> str:
    """A name or word with letters beyond ASCII."""
    word = rng.choice(NAMES) if rng.random() < 0.6 else rng.choice(dictionary())
    out = [rng.choice(ACCENTED[c]) if c in ACCENTED and rng.random() < 0.4 else c for c in word]
    return "".join(out)


def signs(rng: random.Random) -> str:
    """A measure, a price, a mark or a fraction with signs beyond ASCII."""
    n = rng.randint(1, 999)
    return rng.choice(
        (
            f"£{n}.{rng.randrange(100):02}",
            f"€{n:,}",
            f"{n} €",
            f"¥{n}",
            f"{n % 90}°",
            f"{n % 60} °C",
            f"±{n / 10:g}",
            f"{n}±{n % 9}",
            f"{n % 30}×{n % 40}",
            f"§{n}",
            f"§§ {n}–{n + 4}",
            f"¶{n % 40}",
            f"©{1950 + n % 80}",
            f"{rng.choice(NAMES)}™",
            f"{rng.choice(NAMES)}®",
            f"{n % 9}{rng.choice('¼½¾' + FRACTIONS)}",
            f"{n}′ {n % 12}″",
            f"{rng.choice(NAMES)}{rng.choice('¹²³⁴⁵⁶⁷⁸⁹')}",
            f"10{rng.choice('²³⁴⁵⁶⁹')}",
            f"{n} m{rng.choice('²³')}",
            f"{rng.choice(SIGNS)} = {n / 100:g}",
            f"{n % 100}–{n % 100 + 9}",
            f"‘{rng.choice(COMMON)}’",
            f"“{rng.choice(COMMON)}”",
            f"{rng.choice(COMMON)}—{rng.choice(COMMON)}",
            f"«{rng.choice(COMMON)}»",
            f"{rng.choice(COMMON)}…",
            f"{rng.choice(NAMES)}†",
            f"{n % 100}‰",
            f"µ{rng.choice('msgFW')}",
        )
    )


def noise(rng: random.Random) -> str:
    """Characters at random, of all of the alphabet or of print's usual ones."""
    letters = rng.choice((PRINTABLE, PRINTABLE, BEYOND_ASCII, ALPHABET.replace(" ", "")))
    return "".join(rng.choices(letters, k=rng.randint(1, 9)))


def reference(rng: random.Random) -> str:
    """An entry of a bibliography."""
    who = f"{rng.choice(NAMES)}, {rng.choice(string.ascii_uppercase)}."
    title = " ".join(rng.choice(dictionary()) for _ in range(rng.randint(2, 7))).capitalize()
    a = rng.randint(1, 900)
    where = f"{rng.randint(1, 90)}({rng.randint(1, 12)}):{a}–{a + rng.randint(1, 40)}"
    year = rng.randint(1930, 2026)
    lead = rng.choice(("", f"[{rng.randint(1, 99)}] ", f"{rng.randint(1, 99)}. "))
    return f"{lead}{who} ({year}). {title}. J. {rng.choice(NAMES)} {where}."


def address(rng: random.Random) -> str:
    """Where someone lives, and how to write or call."""
    road = rng.choice(("Street", "St", "Road", "Rd.", "Avenue", "Ave", "Lane", "Square"))
    zone = f"{rng.choice('ABCDEHLMNSW')}{rng.randint(1, 30)} {rng.randint(1, 9)}AB"
    code = rng.choice((str(rng.randint(10000, 99999)), zone))
    phone = f"+{rng.randint(1, 99)} {rng.randint(20, 999)} {rng.randint(1000, 99999)}"
    lines = f"{rng.randint(1, 400)} {rng.choice(NAMES)} {road}, {rng.choice(NAMES)} {code}"
    return rng.choice(
        (lines, f"{lines}, Tel. {phone}", f"{lines}, {rng.choice(NAMES)}@{nonword(rng)}.org")
    )


def figures(rng: random.Random) -> str:
    """A row of numbers, as lists and balances have them."""
    day = f"{rng.randint(1, 28)} {rng.choice(MONTHS)}"
    parts = [rng.choice((number, price))(rng) for _ in range(rng.randint(1, 5))]
    return " ".join(([day] if rng.random() < 0.3 else []) + parts)


def code(rng: random.Random) -> str:
    """A line of a program without its indent."""
    line = corpus.code_line(rng).strip()
    return line or "}"
