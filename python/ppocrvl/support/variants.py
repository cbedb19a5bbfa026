# SPDX-License-Identifier: Apache-2.0
"""A wheel has the extension several times, each with ggml for another kind of CPU.

`pip install .` compiles for the machine that it runs on and has none of this.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Collection

FOLDER = Path(__file__).parent.parent / "_variants"
"""Of a wheel: a folder for each variant, with `_native` in it."""

VARIABLE = "PPOCRVL_VARIANT"
"""Names the variant to load instead of the best one."""

_AVX2 = ("sse42", "avx", "f16c", "fma", "bmi2", "avx2")
VARIANTS = {
    "avx512_bf16": (*_AVX2, "avx512", "avx512_vbmi", "avx512_vnni", "avx512_bf16"),
    "avx512": (*_AVX2, "avx512"),
    "avx2": _AVX2,
    "sse42": ("sse42",),
}
"""What each needs, best first, by ggml's build options (`GGML_AVX2` …) in lower case.

Of this project's own kernels every variant has all; they are chosen one by one.
"""


def refuse_old_cpu() -> None:
    """Says what is wrong before NumPy is imported, whose wheels end the process on such a CPU.

    Raises:
        EngineError: the CPU is too old for all variants.
    """
    if FOLDER.is_dir():
        chosen(import_module("ppocrvl._cpu").features())


def load_variant() -> None:
    """Makes `ppocrvl._native` the best variant that this CPU can run, where there are variants.

    Raises:
        EngineError: the CPU is too old for all of them, or PPOCRVL_VARIANT names none.
        ImportError: it cannot be loaded.
    """
    if not FOLDER.is_dir():
        return
    cpu = import_module("ppocrvl._cpu")
    name = chosen(cpu.features(), os.environ.get(VARIABLE))
    module = "ppocrvl._native"
    paths = sorted((FOLDER / name).glob("_native.*"))
    spec = spec_from_file_location(module, paths[0]) if paths else None
    if spec is None or spec.loader is None:
        raise ImportError(f"no extension in {FOLDER / name}")
    native = module_from_spec(spec)
    spec.loader.exec_module(native)
    sys.modules[module] = native


def chosen(features: Collection[str], asked: str | None = None) -> str:
    """The name of a variant.

    Args:
        features: of the CPU, in the words of `VARIANTS`.
        asked: the user's wish.

    Raises:
        EngineError: as of `load_variant`.
    """
    usable = [name for name, needed in VARIANTS.items() if set(needed) <= set(features)]
    if not usable:
        raise EngineError(
            "this CPU is too old for the wheel, which needs SSE 4.2; compile the package for it: "
            "pip install --no-binary ppocrvl ppocrvl"
        )
    if not asked:
        return usable[0]
    if asked not in usable:
        raise EngineError(
            f"{VARIABLE}={asked} is no variant for this CPU; it can run {', '.join(usable)}"
        )
    return asked
