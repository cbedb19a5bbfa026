# SPDX-License-Identifier: Apache-2.0
"""Captions that are known, read from videos made here: writes the tables of docs/video.md.

python benchmarks/video.py             # some minutes on two cores
python benchmarks/video.py --print     # the tables alone, nothing is written
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
import sys
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from tests.video.clips import captioned, moving, paced, spoken, write_clip

import ppocrvl
from ppocrvl.video.frames import Frames
from ppocrvl.video.looks import looked_at
from ppocrvl.video.merging import edits
from ppocrvl.video.opening import open_video
from ppocrvl.video.strokes import REPAINTED
from video_cuts import CODEC, SIZE, cut_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.video.clips import Pixels, Script

DOCUMENT = ROOT / "docs" / "video.md"
MARKS = ("<!-- benchmarks/video.py writes this -->\n", "<!-- to here -->")
SANS = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"  # Debian package fonts-dejavu
NTSC = Fraction(30_000, 1001)
WITHIN = 0.3
"""Seconds."""

WHO = ("The captain", "My sister", "The old man", "Nobody", "The teacher", "A friend")
DID = ("found", "opened", "never saw", "took", "lost", "sold")
WHAT = ("the letter", "a small boat", "the last train", "their garden", "the red book", "12 boxes")


@dataclass(frozen=True)
class Kind:
    """A kind of clip."""

    name: str
    rate: Fraction | int | None
    size: int
    dark: bool


KINDS = (
    Kind("25 fps, black on white, 24 px", 25, 24, dark=False),
    Kind("29.97 fps, black on white, 32 px", NTSC, 32, dark=False),
    Kind("variable rate, black on white, 20 px", None, 20, dark=False),
    Kind("25 fps, white on dark, 28 px", 25, 28, dark=True),
)


def script(chance: random.Random, count: int) -> Script:
    """So many captions, of 1.2 to 3 s, half of them with a pause before them."""
    at = 0.5
    found: list[tuple[float, float, str]] = []
    for _ in range(count):
        text = f"{chance.choice(WHO)} {chance.choice(DID)} {chance.choice(WHAT)}."
        end = at + chance.uniform(1.2, 3)
        if found and found[-1][2] == text:
            text = f"And {text[0].lower()}{text[1:]}"
        found.append((round(at, 3), round(end, 3), text))
        at = end + chance.choice((0.0, chance.uniform(0.6, 1.5)))
    return tuple(found)


def frames(kind: Kind, captions: Script, chance: random.Random) -> Iterator[tuple[float, Pixels]]:
    """Of a clip of this kind."""

    def paint(at: float) -> Pixels:
        text, picture = spoken(captions, at), moving(at, SIZE)
        if text is None:
            return picture
        return captioned(picture, text, size=kind.size, dark=kind.dark, font=SANS)

    seconds = captions[-1][1] + 0.5
    if kind.rate is not None:
        yield from paced(seconds, paint, rate=kind.rate)
        return
    changes = {at for begin, end, _ in captions for at in (begin, end)}
    times = {
        0.0,
        *changes,
        *(round(chance.uniform(0, seconds), 3) for _ in range(int(12 * seconds))),
    }
    yield from ((at, paint(at)) for at in sorted(times))


@dataclass
class Score:
    """How well the captions of a clip were read."""

    captions: int = 0
    exact: int = 0
    timed: int = 0
    worst: float = 0.0
    readings: int = 0
    too_many: int = 0
    wrong: tuple[str, ...] = ()


def score(read: ppocrvl.VideoText, captions: Script) -> Score:
    """Each caption beside the one that was read in the middle of its time."""
    one = Score(captions=len(captions), readings=read.n_readings)
    one.too_many = max(0, len(read.captions) - len(captions))
    for begin, end, text in captions:
        middle = (begin + end) / 2
        found = next((it for it in read.captions if it.begin <= middle < it.end), None)
        if found is None:
            one.wrong += (f"{text} (not found)",)
            continue
        one.exact += found.text == text
        off = max(abs(found.begin - begin), abs(found.end - end))
        one.worst = max(one.worst, off)
        one.timed += off <= WITHIN
        if found.text != text:
            one.wrong += (f"{text!r} as {found.text!r} ({edits(text, found.text, 99)})",)
    return one


def reading_table(folder: Path, count: int) -> list[str]:
    """Captions of all kinds through the built-in model."""
    rows, scores, inverted = [], [], []
    with ppocrvl.Engine(n_parallel=2) as engine:
        for number, kind in enumerate(KINDS):
            chance = random.Random(number)
            captions = script(chance, count)
            clip = write_clip(
                folder / f"{number}.mkv",
                frames(kind, captions, chance),
                rate=kind.rate or 25,
                codec=CODEC,
            )
            scores.append(score(ppocrvl.read_video(clip, engine=engine), captions))
            rows.append(row(kind.name, scores[-1]))
            print(rows[-1], *scores[-1].wrong, sep="\n  ", flush=True)
            if kind.dark:
                read = ppocrvl.read_video(clip, engine=engine, invert_dark=True)
                found = score(read, captions)
                inverted.append(row(f"{kind.name}, with `--invert-dark`", found))
                print(inverted[-1], *found.wrong, sep="\n  ", flush=True)
    whole = Score(
        captions=sum(one.captions for one in scores),
        exact=sum(one.exact for one in scores),
        timed=sum(one.timed for one in scores),
        worst=max(one.worst for one in scores),
        readings=sum(one.readings for one in scores),
        too_many=sum(one.too_many for one in scores),
    )
    heads = ("clips", "captions", "texts exact", "both times within 0.3 s", "worst")
    head = f"| {' | '.join(heads)} | readings a caption | too many |"
    return [head, "|---|---|---|---|---|---|---|", *rows, row("all of these", whole), *inverted]


def row(name: str, one: Score) -> str:
    """Of the table."""
    return (
        f"| {name} | {one.captions} | {one.exact / one.captions:.1%} | "
        f"{one.timed / one.captions:.1%} | {one.worst:.2f} s | "
        f"{one.readings / one.captions:.2f} | {one.too_many} |"
    )


TEXTS = tuple(f"It is 12:0{digit} now." for digit in (0, 8, 3, 5, 6))


def change_table(folder: Path) -> list[str]:
    """What changes in strokes, where the caption stays and where it does not."""
    rows = []
    for size in (16, 24, 32, 48):
        stays: list[int] = []
        changes: list[int] = []
        for dark, crf in itertools.product((False, True), ("18", "30")):
            looks = looked(folder, size, dark=dark, crf=crf)
            for number, same in enumerate(looks):
                stays += [one.repainted(other) for one, other in itertools.combinations(same, 2)]
                if number:
                    changes += [
                        one.repainted(other)
                        for one, other in zip(looks[number - 1], same, strict=True)
                    ]
        rows.append(
            f"| {size} px | {len(stays)} | {max(stays)} | {len(changes)} | {min(changes)} |"
        )
        print(rows[-1], flush=True)
    head = "| letters | pairs that stay | most | pairs that change | least |"
    return [head, "|---|---|---|---|---|", *rows, f"\nThe threshold is {REPAINTED}."]


def looked(folder: Path, size: int, *, dark: bool, crf: str) -> list[list[Any]]:
    """The strokes of four frames of each text."""
    painted = [
        captioned(moving(number * 0.4, (640, 360)), text, size=size, dark=dark)
        for text in TEXTS
        for number in range(4)
    ]
    codec = ("libx264", {"crf": crf, "preset": "veryfast"})
    timed = [(number / 25, np.asarray(one)) for number, one in enumerate(painted)]
    clip = write_clip(folder / "change.mkv", timed, codec=codec)
    with open_video(clip) as video:
        found = [one.strokes for one in looked_at(Frames(video).all(), "bottom")]
    return [found[begin : begin + 4] for begin in range(0, len(found), 4)]


def main() -> None:
    """Measure, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="write nothing")
    parser.add_argument("--captions", type=int, default=25, help="in each clip")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        changes = change_table(folder)
        cuts = cut_table(folder)
        readings = reading_table(folder, args.captions)
    text = "\n".join(
        [
            *readings,
            "",
            "Pixels at strokes that change by more than 96 shades, within 24 x 24 pixels:",
            "",
            *changes,
            "",
            "What `--every scene` goes by, of images reduced to 32 x 18 pixels:",
            "",
            *cuts,
        ]
    )
    if args.print:
        print(text)
        return
    before, after = map(re.escape, MARKS)
    document = DOCUMENT.read_text(encoding="utf-8")
    new, count = re.subn(
        f"(?<={before}).*?(?={after})", lambda _: f"\n{text}\n\n", document, flags=re.DOTALL
    )
    assert count == 1
    DOCUMENT.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
