# SPDX-License-Identifier: Apache-2.0
"""The files that are measured: random weights, their export, and what quantizing makes of them.

Everything stands in one work folder and is made only where it is missing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from gguf import GGUFReader

import ppocrvl
from ppocrvl.models.folder import ModelPaths, find_model

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
CALIBRATION_SEED = 78_000_000
SMALLEST_PIXELS = 784


class Options(TypedDict, total=False):
    """Of `ppocrvl.quantize`."""

    preset: str
    llm_type: str
    mmproj_type: str


@dataclass(frozen=True)
class Variant:
    """A pair of files.

    Attributes:
        name: in the tables, and of its folder.
        options: of `ppocrvl.quantize`.
        has_importance: whether it is made with an importance matrix.
        is_timed: whether its memory and speed are measured at full size.
    """

    name: str
    options: Options
    has_importance: bool = False
    is_timed: bool = True


def types(llm: str, mmproj: str, *, has_importance: bool = False, is_timed: bool = True) -> Variant:
    """A variant without a preset."""
    name = f"{llm}, {mmproj}" + (", imatrix" if has_importance else "")
    return Variant(name, {"llm_type": llm, "mmproj_type": mmproj}, has_importance, is_timed)


def run(command: Sequence[str | Path]) -> str:
    """What a program prints."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{command[0]} ended with {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def draw(folder: Path, lines: int, blocks: int, tables: int, seed: int | None = None) -> Path:
    """A folder of pictures, if it is not there."""
    if not (folder / "dataset.jsonl").exists():
        command: list[str | Path] = [sys.executable, ROOT / "scripts" / "make_eval_set.py", folder]
        command += ["--lines", str(lines), "--blocks", str(blocks), "--tables", str(tables)]
        run([*command, *(["--seed", str(seed)] if seed else [])])
    return folder


def checkpoint_of(work: Path, size: str) -> Path:
    """The built-in model's checkpoint, or one of random weights and the official size."""
    if size == "tiny":
        return ROOT / "models" / "tiny-en"
    checkpoint = work / "checkpoint"
    if not (checkpoint / "config.json").exists():
        script = ROOT / "scripts" / "make_synthetic_checkpoint.py"
        run([sys.executable, script, checkpoint, "--size", size])
    return checkpoint


def source_files(work: Path, size: str, variants: Sequence[Variant]) -> None:
    """The BF16 files of a model, its importance matrix, and the variants."""
    checkpoint = checkpoint_of(work, size)
    if not (work / size / "bf16").exists():
        ppocrvl.export(checkpoint, work / size / "bf16", name="model")
    importance = work / size / "imatrix.gguf"
    if not importance.exists() and any(variant.has_importance for variant in variants):
        counts = (24, 12, 12) if size == "tiny" else (1, 0, 0)  # random weights learn nothing
        pictures = draw(work / f"calibration-{size}", *counts, seed=CALIBRATION_SEED)
        images = sorted(pictures.glob("*.png"))
        max_tokens = 512 if size == "tiny" else 16
        ppocrvl.imatrix(work / size / "bf16", images, importance, max_tokens=max_tokens)
    for variant in variants:
        folder = work / size / variant.name
        if not folder.exists():
            started = time.monotonic()
            part = folder.with_name(f"{variant.name}.part")
            ppocrvl.quantize(
                work / size / "bf16",
                part,
                imatrix=importance if variant.has_importance else None,
                **variant.options,
            )
            part.rename(folder)
            print(f"{size}, {variant.name}: {time.monotonic() - started:.0f} s", flush=True)


def small_pictures_allowed(source: Path, folder: Path) -> ModelPaths:
    """A copy of a model's files whose vision side says that small pictures stay small.

    llama.cpp's programs take the limits from the file and have no option for them. Without this
    they would enlarge every small crop to 112,896 pixels. The language model is a link.
    """
    paths = find_model(source)
    mmproj = folder / paths.mmproj.name
    if not mmproj.exists():
        folder.mkdir(parents=True, exist_ok=True)
        link = folder / paths.llm.name
        link.unlink(missing_ok=True)
        link.symlink_to(paths.llm.resolve())
        aside = folder / "part"
        shutil.copyfile(paths.mmproj, aside)
        reader = GGUFReader(aside, "r+")
        field = reader.fields["clip.vision.image_min_pixels"]
        field.parts[field.data[0]][:] = np.uint32(SMALLEST_PIXELS)
        reader.data.flush()
        aside.rename(mmproj)
    return find_model(folder)
