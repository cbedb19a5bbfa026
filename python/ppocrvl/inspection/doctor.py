# SPDX-License-Identifier: Apache-2.0
"""What this installation is made of, and whether it can read."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ppocrvl.engine.engine import Engine
from ppocrvl.errors import ModelFormatError, ModelNotFoundError, PpocrvlError
from ppocrvl.models.cache import pulled_models, repository_folder
from ppocrvl.models.folder import (
    BUILT_IN_FOLDER,
    MODEL_VARIABLE,
    built_in_model,
    find_layout,
    find_model,
)
from ppocrvl.models.pins import LAYOUT_CHECKPOINTS
from ppocrvl.quantizer.presets import advice
from ppocrvl.support.hashing import sha256_of_file
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Callable

    from ppocrvl.models.folder import ModelPaths, PathLike

PACKAGES = ("numpy", "pillow", "gguf", "huggingface_hub")

SELF_TEST_IMAGE = BUILT_IN_FOLDER / "selftest.png"
SELF_TEST_TEXT = BUILT_IN_FOLDER / "selftest.txt"


def examine() -> dict[str, Any]:
    """Look at everything that a report about a problem needs; plain values for JSON.

    Raises:
        EngineError: the compiled module cannot be loaded.
    """
    build = _native.build_info()
    return {
        "ppocrvl": build.version,
        "llama_cpp": build.llama_commit,
        "compiler": build.compiler,
        "build_type": build.build_type,
        "build_options": build.options,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _installed(name) for name in PACKAGES},
        "cpu_features": _native.cpu_features(),
        "vision_kernels": _native.vision_kernels(),
        "quantization": advice(_native.cpu_features()),
        "devices": [
            {
                "name": device.name,
                "description": device.description,
                "kind": device.kind,
                "memory_total": device.memory_total,
                "memory_free": device.memory_free,
            }
            for device in _native.devices()
        ],
        "models": find_all_models(),
        "self_test": self_test(),
    }


def find_all_models() -> list[dict[str, Any]]:
    """The built-in model, the one that PPOCRVL_MODEL names, and the pulled ones, with hashes."""
    models = [
        _describe("built-in", BUILT_IN_FOLDER, partial(_files, BUILT_IN_FOLDER, built_in_model))
    ]
    if named := os.environ.get(MODEL_VARIABLE):
        find = partial(_files, named, partial(find_model, named))
        models.append(_describe(MODEL_VARIABLE, Path(named), find))
    layouts = {repository_folder(repo) for repo in LAYOUT_CHECKPOINTS}
    for folder in pulled_models():
        pair = None if folder.parent in layouts else partial(find_model, folder)
        models.append(_describe("pulled", folder, partial(_files, folder, pair)))
    return models


def self_test() -> dict[str, Any]:
    """Read the packaged line with the built-in model."""
    start = perf_counter()
    try:
        expected = SELF_TEST_TEXT.read_text(encoding="utf-8").strip()
        paths = built_in_model()
        with Engine(paths.llm, mmproj=paths.mmproj) as engine:
            text = engine.ocr(SELF_TEST_IMAGE, max_tokens=64).text.strip()
            devices, notes = engine.devices, engine.notes
    except PpocrvlError as error:
        return {"ok": False, "error": str(error)}
    except OSError as error:
        return {"ok": False, "error": f"{error.filename} cannot be read; reinstall ppocrvl"}
    return {
        "ok": text == expected,
        "expected": expected,
        "text": text,
        "seconds": round(perf_counter() - start, 3),
        "devices": devices,
        "notes": notes,
    }


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _files(model: PathLike, find_pair: Callable[[], ModelPaths] | None) -> dict[str, Path]:
    """The pair, and the layout model where there is one; without `find_pair` there must be one."""
    if find_pair is None:
        layout = find_layout(model)
        return {} if layout is None else {"layout": layout}
    pair = find_pair()
    found = {"llm": pair.llm, "mmproj": pair.mmproj}
    with suppress(ModelNotFoundError, ModelFormatError):
        found |= _files(model, None)
    return found


def _describe(source: str, folder: Path, find: Callable[[], dict[str, Path]]) -> dict[str, Any]:
    model: dict[str, Any] = {"source": source, "path": str(folder)}
    try:
        for role, path in find().items():
            model[role] = {
                "path": str(path),
                "bytes": path.stat().st_size,
                "sha256": sha256_of_file(path),
            }
    except (PpocrvlError, OSError) as error:
        model["error"] = str(error)
    return model
