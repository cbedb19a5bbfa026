# SPDX-License-Identifier: Apache-2.0
"""Upstream's unmodified mtmd, through the small program that `PPOCRVL_BUILD_TOOLS` builds.

Part of the package because `ppocrvl parity --against stock` is for users too: it shows whether an
upstream program reads an image differently, and where that begins.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import numpy as np

from ppocrvl.engine.stages import ARRAYS, Stages
from ppocrvl.errors import EngineError, OptionError
from ppocrvl.models.cache import cache_folder
from ppocrvl.support.closing import Closing
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

    from ppocrvl.models.folder import ModelPaths

PROGRAM = "ppocrvl-stock-stages"
MARKER = "<__media__>"
SECONDS = 3600
"""An image that takes longer than this has failed."""

PATIENCE = 10
"""Seconds that the program has to end by itself."""


def find_program(named: Path | None) -> Path:
    """The program: the one named, on the PATH, or the newest that a build left in the cache.

    Raises:
        OptionError: there is none.
    """
    if named is not None:
        if not (named.is_file() and os.access(named, os.X_OK)):
            raise OptionError(f"{named} is no program that can be run")
        return named
    if (found := at_hand(PROGRAM)) is None:
        raise OptionError(
            f"{PROGRAM} is not built; run `cmake -B build/tools -DPPOCRVL_BUILD_TOOLS=ON "
            "-DPPOCRVL_BUILD_PYTHON=OFF`, or name another program"
        )
    return found


def at_hand(program: str) -> Path | None:
    """One of upstream's programs: on the PATH, or the newest that a build left in the cache."""
    if (on_path := shutil.which(program)) is not None:
        return Path(on_path)
    pin = _native.build_info().llama_commit[:9]
    built = cache_folder().glob(f"llama-tools-{pin}-*/bin/{program}")
    return max(built, key=lambda path: path.stat().st_mtime, default=None)


class Stock(Closing):
    """Upstream's model with its preprocessing, graph and defaults: one process for many images.

    The process starts with the first image, and anew after one that it did not survive.

    Args:
        program: see `find_program`.
        paths: the two files.
    """

    def __init__(self, program: Path, paths: ModelPaths) -> None:
        self._program = program
        self._command = [str(program), str(paths.llm), str(paths.mmproj)]
        self._folder = tempfile.TemporaryDirectory(prefix="ppocrvl-")
        self._log = Path(self._folder.name) / "log"
        self._process: subprocess.Popen[str] | None = None

    def run(self, image: Image.Image, *, prompt: str, image_token: int, max_tokens: int) -> Stages:
        """One greedy request.

        Args:
            image: RGB, as a person sees it.
            prompt: the rendered chat template with `MARKER` where the image stands.
            image_token: id that stands for the image's tokens in the prompt.
            max_tokens: the answer ends after so many tokens.

        Raises:
            EngineError: the program failed, or cannot read this image.
        """
        with tempfile.TemporaryDirectory(dir=self._folder.name) as name:
            folder = Path(name)
            try:
                (folder / "rgb").write_bytes(image.tobytes())
                (folder / "size").write_text(f"{image.width} {image.height} {max_tokens}")
                (folder / "prompt").write_bytes(prompt.encode())
                self._ask(folder)
                arrays = {stage: _read(folder, stage) for stage in ARRAYS}
                prompt_ids = _ids(folder / "prompt_ids")
                return Stages(
                    prompt_ids=tuple(image_token if i < 0 else i for i in prompt_ids),
                    pixels=np.ascontiguousarray(arrays.pop("pixels").transpose(1, 2, 0)),
                    token_ids=_ids(folder / "token_ids"),
                    text=(folder / "text").read_text(encoding="utf-8", errors="replace"),
                    **arrays,
                )
            except (OSError, ValueError) as error:
                raise EngineError(f"{self._program} does not work as {PROGRAM}: {error}") from error

    def close(self) -> None:
        """End the process."""
        self._end()
        self._folder.cleanup()

    def _ask(self, folder: Path) -> None:
        """Let the program fill the folder."""
        process = self._process = self._process or self._start()
        to, by = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        limit = threading.Timer(SECONDS, process.kill)
        limit.start()
        try:
            to.write(f"{folder}\n")
            to.flush()
            outcome = by.readline().strip()
        except BrokenPipeError:
            outcome = ""
        finally:
            limit.cancel()
        if not outcome:
            code = self._end()
            if code == 0:
                raise ValueError("it ended without an answer")
            lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            last = lines[-1] if lines else "no message"
            raise EngineError(f"{PROGRAM} failed with exit code {code}: {last}")
        if outcome != "ok":
            raise EngineError(f"{PROGRAM} failed: {outcome}")

    def _start(self) -> subprocess.Popen[str]:
        with self._log.open("wb") as log:  # a pipe that nobody reads would fill up
            return subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
                errors="replace",
            )

    def _end(self) -> int:
        """End the process, if there is one; its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        try:
            process.communicate(timeout=PATIENCE)  # closes its input, on which it ends
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        return process.returncode


def _ids(path: Path) -> tuple[int, ...]:
    return tuple(int(line) for line in path.read_text(encoding="ascii").split())


def _read(folder: Path, stage: str) -> npt.NDArray[np.float32]:
    values = np.fromfile(folder / f"{stage}.f32", dtype="<f4").astype(np.float32)
    return values.reshape(_ids(folder / f"{stage}.shape"))
