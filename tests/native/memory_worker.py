# SPDX-License-Identifier: Apache-2.0
"""A process that runs an engine in little memory; see test_memory.py.

python memory_worker.py LLM MMPROJ KERNELS STEP_MIB

Address space is limited to what the process has plus a little more at each step, from nothing to
enough. Prints a line per step: what loading and reading gave.
"""

from __future__ import annotations

import resource
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

import ppocrvl.errors
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

T = TypeVar("T")
MIB = 1 << 20
SMALL = np.random.default_rng(1).integers(0, 256, (56, 84, 3), dtype=np.uint8)
LARGE = np.random.default_rng(2).integers(0, 256, (28 * 16, 28 * 16, 3), dtype=np.uint8)


def limit(extra: int | None) -> None:
    """Leaves so many bytes of address space, or all for None."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    soft = hard if extra is None else pages * resource.getpagesize() + extra
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def read(engine: _native.Engine, image: npt.NDArray[np.uint8]) -> str:
    request = _native.Request(image=image, prompt="OCR:", max_tokens=4, stop_loops=False)
    return engine.submit(request).result().text


def attempt(call: Callable[[], T]) -> tuple[str, T | None]:
    """Returns "ok" or the name of the typed error; anything else ends the process."""
    try:
        return "ok", call()
    except ppocrvl.errors.PpocrvlError as error:
        return type(error).__name__, None
    except MemoryError:
        return "MemoryError", None  # Python's own: there is none for its objects either


def main(llm: str, mmproj: str, kernels: str, step: str) -> None:
    options = _native.EngineOptions(
        llm=llm, mmproj=mmproj, kernels=kernels, n_threads=2, cache_bytes=0
    )
    whole = _native.Engine(options)
    expected = [read(whole, SMALL), read(whole, LARGE)]
    whole.close()
    extra = 0
    outcomes = [""]
    while outcomes != ["ok"] * 3:
        limit(extra)
        outcome, engine = attempt(partial(_native.Engine, options))
        outcomes = [outcome]
        if engine is not None:
            outcomes += [attempt(partial(read, engine, image))[0] for image in (LARGE, SMALL)]
        limit(None)
        if engine is not None:
            assert [read(engine, SMALL), read(engine, LARGE)] == expected
            engine.close()
        sys.stdout.write(" ".join([str(extra // MIB), *outcomes]) + "\n")
        sys.stdout.flush()
        extra += int(step) * MIB


if __name__ == "__main__":
    main(*sys.argv[1:])
