# SPDX-License-Identifier: Apache-2.0
"""How much neighbouring frames differ within a scene and at a cut: a table for docs/video.md."""

from __future__ import annotations

import itertools
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path += [str(ROOT), str(ROOT / "scripts")]

from tests.video.clips import moving, slide, write_clip

from pages.figures import photograph
from ppocrvl.video.frames import Frames
from ppocrvl.video.looks import looked_at
from ppocrvl.video.opening import open_video
from ppocrvl.video.spans import CUT

if TYPE_CHECKING:
    from tests.video.clips import Pixels

SIZE = (720, 404)
CODEC = ("libx264", {"crf": "23", "preset": "veryfast"})
N_FRAMES = 25
"""Of a scene: a second."""
N_PHOTOGRAPHS = 12


def cut_table(folder: Path) -> list[str]:
    """A row for each kind of scene, and of cuts."""
    photographs = [np.asarray(photograph(random.Random(n), SIZE)) for n in range(N_PHOTOGRAPHS)]
    scenes = {
        "an image whose colours move": [[moving(n / 25, SIZE) for n in range(N_FRAMES)]],
        "a drawn photograph moves by 8 pixels a frame": [panned(seed) for seed in range(4)],
        "it grows by 1% a frame": [grown(one) for one in photographs[:4]],
        "it fades into another in a second": [
            faded(*photographs[n : n + 2]) for n in range(0, N_PHOTOGRAPHS, 2)
        ],
    }
    slides = [slide(f"Slide {n}", "with a line", size=SIZE) for n in range(N_PHOTOGRAPHS)]
    cuts = {
        "cuts between drawn photographs": photographs,
        "cuts between white slides of two lines": slides,
    }
    rows = []
    for name, clips in scenes.items():
        found = list(itertools.chain(*(differences(folder, clip) for clip in clips)))
        rows.append(f"| {name} | {len(found)} | {min(found):.1f} to {max(found):.1f} |")
    for name, shots in cuts.items():
        held = [one for one in shots for _ in range(2)]
        found = differences(folder, held)[1::2]
        rows.append(f"| {name} | {len(found)} | {min(found):.1f} to {max(found):.1f} |")
    head = "| from a frame to the next | pairs | mean difference in shades |"
    return [head, "|---|---|---|", *rows, f"\nThe threshold is {CUT:g}."]


def panned(seed: int) -> list[Pixels]:
    """A view that moves to the right over a wide photograph."""
    wide = np.asarray(photograph(random.Random(seed), (SIZE[0] + 8 * N_FRAMES, SIZE[1])))
    return [wide[:, 8 * n : 8 * n + SIZE[0]] for n in range(N_FRAMES)]


def grown(photo: Pixels) -> list[Pixels]:
    """A view that comes nearer."""
    image, (width, height) = Image.fromarray(photo), SIZE
    frames = []
    for number in range(N_FRAMES):
        share = 0.5 - 0.5 / 1.01**number
        box = (width * share, height * share, width * (1 - share), height * (1 - share))
        frames.append(np.asarray(image.resize(SIZE, Image.Resampling.BILINEAR, box=box)))
    return frames


def faded(one: Pixels, other: Pixels) -> list[Pixels]:
    """From one to the other."""
    shares = np.linspace(0, 1, N_FRAMES)
    return [(one * (1 - share) + other * share).astype(np.uint8) for share in shares]


def differences(folder: Path, frames: list[Pixels]) -> list[float]:
    """Of neighbouring frames, after a codec, as `is_cut` compares them."""
    clip = write_clip(
        folder / "cuts.mkv", [(n / 25, one) for n, one in enumerate(frames)], codec=CODEC
    )
    with open_video(clip) as video:
        small = [one.small for one in looked_at(Frames(video).all(), None)]
    assert len(small) == len(frames)
    return [float(np.abs(b - a).mean()) for a, b in itertools.pairwise(small)]


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        print("\n".join(cut_table(Path(name))))
