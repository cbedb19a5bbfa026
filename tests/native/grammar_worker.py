# SPDX-License-Identifier: Apache-2.0
"""Generates with random grammars, some of them broken.

Run by test_grammar.py in a process of its own: a crash ends it, and whatever native code writes to
stdout or stderr is seen there. This program writes nothing to either.

Arguments: LLM file, mmproj file, first seed, number of seeds, file for the outcomes (a line for
each: the seed, then how it ended).
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from ppocrvl.errors import EngineError, OptionError
from ppocrvl.support.native import _native

RULES = ("root", "a", "b-1", "c")
LITERALS = ('"x"', '"ab"', '"\\n"', '"\\x41"', '"é"', "[a-z]", "[^ab]", "[0-9]", ".", "<[300]>")
REPETITIONS = ("?", "*", "+", "{2}", "{0,3}", "{1,}", "{0}")
NOISE = '"[](){}<>|*+?\\!^-:=#\n ,.0a9é'


def item(draw: random.Random, rule: int, depth: int) -> str:
    """Something that can be repeated, with its repetition."""
    kind = draw.random()
    if kind < 0.6 or depth > 3:
        one = draw.choice(LITERALS)
    elif kind < 0.8:  # rules that come later cannot lead back to where they began
        later = rule + 1 < len(RULES) and draw.random() < 0.8
        one = draw.choice(RULES[rule + 1 :] if later else RULES)
    else:
        one = f"( {alternatives(draw, rule, depth + 1)} )"
    return one + (draw.choice(REPETITIONS) if draw.random() < 0.3 else "")


def alternatives(draw: random.Random, rule: int, depth: int) -> str:
    """The right side of a rule."""
    counts = [draw.choice((1, 1, 2, 2, 3)), *draw.choices((0, 1, 2, 2, 3), k=draw.randrange(3))]
    return " | ".join(" ".join(item(draw, rule, depth) for _ in range(n)) for n in counts)


def grammar(seed: int) -> str:
    """A grammar; a third has a few characters changed."""
    draw = random.Random(seed)
    text = "\n".join(f"{name} ::= {alternatives(draw, i, 0)}" for i, name in enumerate(RULES))
    if draw.random() < 0.33:
        for _ in range(1 + draw.randrange(4)):
            at = draw.randrange(len(text) + 1)
            text = text[:at] + draw.choice(NOISE) * draw.randrange(2) + text[at + 1 :]
    return text


def main() -> None:
    """Try the seeds."""
    llm, mmproj, first, count, outcomes = sys.argv[1:]
    engine = _native.Engine(_native.EngineOptions(llm=llm, mmproj=mmproj))
    with Path(outcomes).open("w", encoding="utf-8", buffering=1) as file:
        for seed in range(int(first), int(first) + int(count)):
            file.write(f"{seed} ")
            request = _native.Request(
                image=None,
                prompt="OCR:",
                max_tokens=4,
                sampling=_native.Sampling(grammar=grammar(seed)),
            )
            try:
                engine.submit(request).result()
            except OptionError as error:
                file.write(f"refused: {error}\n")
            except EngineError as error:  # nothing that the grammar allows could come next
                file.write(f"failed: {error}\n")
            else:
                file.write("taken\n")


if __name__ == "__main__":
    main()
