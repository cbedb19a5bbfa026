# SPDX-License-Identifier: Apache-2.0
"""Upstream's unmodified mtmd, through the small program that `PPOCRVL_BUILD_TOOLS` builds."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ppocrvl.cache import cache_folder
from ppocrvl.errors import EngineError, OptionError
from ppocrvl.native import _native
from ppocrvl.stages import ARRAYS, Stages

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

    from ppocrvl.model_folder import ModelPaths

PROGRAM = "ppocrvl-stock-stages"
MARKER = "<__media__>"
SECONDS = 3600


def find_program(named: Path | None) -> Path:
    """The program: the one named, on the PATH, or the newest that a build left in the cache.

    Raises:
        OptionError: there is none.
    """
    if named is not None:
        if not (named.is_file() and os.access(named, os.X_OK)):
            raise OptionError(f"{named} is no program that can be run")
        return named
    if (on_path := shutil.which(PROGRAM)) is not None:
        return Path(on_path)
    pin = _native.build_info().llama_commit[:9]
    built = list(cache_folder().glob(f"llama-tools-{pin}-*/bin/{PROGRAM}"))
    if not built:
        raise OptionError(
            f"{PROGRAM} is not built; run `cmake -B build/tools -DPPOCRVL_BUILD_TOOLS=ON "
            "-DPPOCRVL_BUILD_PYTHON=OFF`, or name it with --stock-program"
        )
    return max(built, key=lambda path: path.stat().st_mtime)


def run(
    program: Path,
    paths: ModelPaths,
    picture: Image.Image,
    *,
    prompt: str,
    image_token: int,
    max_tokens: int,
) -> Stages:
    """One greedy request with upstream's preprocessing, graph and defaults.

    Args:
        program: see `find_program`.
        paths: the two files.
        picture: RGB, as a person sees it.
        prompt: the rendered chat template with `MARKER` where the picture stands.
        image_token: id that stands for the picture's tokens in the prompt.
        max_tokens: the answer ends after so many tokens.

    Raises:
        EngineError: the program failed.
    """
    with tempfile.TemporaryDirectory(prefix="ppocrvl-") as name:
        folder = Path(name)
        (folder / "rgb").write_bytes(picture.tobytes())
        command = [str(program), str(paths.llm), str(paths.mmproj), str(folder / "rgb")]
        command += [str(picture.width), str(picture.height), prompt, str(max_tokens), name]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=SECONDS,
                check=False,
            )
            if done.returncode != 0:
                last = (done.stderr.strip().splitlines() or ["no message"])[-1]
                raise EngineError(f"{PROGRAM} failed with exit code {done.returncode}: {last}")
            arrays = {stage: _read(folder, stage) for stage in ARRAYS}
            prompt_ids = _ids(folder / "prompt_ids")
            return Stages(
                prompt_ids=tuple(image_token if i < 0 else i for i in prompt_ids),
                pixels=np.ascontiguousarray(arrays.pop("pixels").transpose(1, 2, 0)),
                token_ids=_ids(folder / "token_ids"),
                text=(folder / "text").read_text(encoding="utf-8", errors="replace"),
                **arrays,
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise EngineError(f"{program} does not work as {PROGRAM}: {error}") from error


def _ids(path: Path) -> tuple[int, ...]:
    return tuple(int(line) for line in path.read_text(encoding="ascii").split())


def _read(folder: Path, stage: str) -> npt.NDArray[np.float32]:
    values = np.fromfile(folder / f"{stage}.f32", dtype="<f4").astype(np.float32)
    return values.reshape(_ids(folder / f"{stage}.shape"))
