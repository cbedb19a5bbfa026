# SPDX-License-Identifier: Apache-2.0
"""Which files are the model: from paths, a folder, the environment, or the built-in ones."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ppocrvl.errors import (
    ModelAmbiguousError,
    ModelFormatError,
    ModelMismatchError,
    ModelNotFoundError,
    OptionError,
)
from ppocrvl.models.cache import REPOSITORY, repository_folder
from ppocrvl.models.pins import LAYOUT_CHECKPOINTS, LAYOUT_V3, PINS
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Iterable

PathLike: TypeAlias = str | os.PathLike[str]
FileKey: TypeAlias = tuple[Path, int, int]

MODEL_VARIABLE = "PPOCRVL_MODEL"
BUILT_IN_FOLDER = Path(__file__).parent / "builtin"

NO_LAYOUT = "none"
"""In the place of a layout model: a page is read as one block."""

_ROLE_NAMES = {
    "llm": "language model (LLM)",
    "mmproj": "vision encoder (mmproj)",
    "layout": "layout model",
}
_ARGUMENTS = {"llm": "model=", "mmproj": "mmproj=", "layout": "layout="}
_WHAT_TO_DO = {
    "llm": "a model is a folder with one LLM and one mmproj file",
    "mmproj": "a model is a folder with one LLM and one mmproj file",
    "layout": f"`ppocrvl pull {LAYOUT_V3}` fetches one, which layout={LAYOUT_V3} then names; "
    f"layout={NO_LAYOUT} reads a page as one block",
}


@dataclass(frozen=True, slots=True)
class ModelPaths:
    """The two files of a model.

    Attributes:
        llm: GGUF file of the language model.
        mmproj: GGUF file of the vision encoder and projector.
        built_in: whether this is the small model that comes with the package.
    """

    llm: Path
    mmproj: Path
    built_in: bool = False


def find_model(model: PathLike | None = None, mmproj: PathLike | None = None) -> ModelPaths:
    """Find both files. They are told apart by what their headers say, never by their names.

    Args:
        model: a folder with one LLM and one mmproj file (a layout model's may be there too), the
            LLM file, or OWNER/NAME of a model that was pulled into the cache (a folder of that name
            comes first). None: the environment variable PPOCRVL_MODEL, else the built-in model.
        mmproj: the mmproj file. None: the one in the folder, or beside the LLM file.

    Raises:
        ModelNotFoundError: a path does not exist or cannot be read, no model of this name was
            pulled, or the folder lacks a file.
        ModelAmbiguousError: the folder holds several files of a kind, or several revisions of the
            model were pulled.
        ModelFormatError: the folder lacks a file, and holds one that is damaged.
        ModelMismatchError: `model` is a layout model's file.
        OptionError: an empty path, or `mmproj` without `model`.
    """
    if model is None:
        if mmproj is not None:
            raise OptionError("mmproj is given without model; name the LLM file or folder too")
        model = os.environ.get(MODEL_VARIABLE) or None
        if model is None:
            return built_in_model()
    path = _existing(_pulled(model) or model, "model")
    mmproj_path = _existing_file(mmproj, "mmproj") if mmproj is not None else None
    if path.is_dir():
        files = _gguf_files(path)
        return ModelPaths(
            llm=_only("llm", files, path),
            mmproj=mmproj_path if mmproj_path is not None else _only("mmproj", files, path),
        )
    _refuse_layout(path)
    if mmproj_path is None:
        mmproj_path = _only(
            "mmproj", (file for file in _gguf_files(path.parent) if file != path), path.parent
        )
    return ModelPaths(llm=path, mmproj=mmproj_path)


def find_layout(model: PathLike | None = None, layout: PathLike | None = None) -> Path | None:
    """Find the layout model's file, told by what headers say as those of `find_model`.

    Args:
        model: the model that reads the regions, as `find_model` takes it. The layout model is
            looked for in its folder.
        layout: another one: a GGUF file, a folder with one, or OWNER/NAME of one that was pulled
            into the cache. "none": no layout model.

    Returns:
        Its path; None for "none".

    Raises:
        ModelNotFoundError: a path does not exist or cannot be read, or there is no layout model.
        ModelAmbiguousError: the folder holds several, or several revisions of a model were pulled.
        ModelFormatError: the folder holds none, and a file that is damaged.
        OptionError: an empty path.
    """
    if layout is not None:
        if os.fspath(layout) == NO_LAYOUT:
            return None
        path = _existing(_pulled(layout) or layout, "layout model")
        return _only("layout", _gguf_files(path), path) if path.is_dir() else path
    model = model or os.environ.get(MODEL_VARIABLE) or BUILT_IN_FOLDER
    path = _existing(_pulled(model) or model, "model")
    folder = path if path.is_dir() else path.parent
    return _only("layout", _gguf_files(folder), folder)


def built_in_note(how: str) -> str:
    """What whoever uses the built-in model by default is told once.

    Args:
        how: to name a model, such as "model=", as the caller would write it before the name.
    """
    official = "PaddlePaddle/PaddleOCR-VL-1.6-GGUF"
    return (
        "using the small built-in model, which reads printed English (lines, blocks, small "
        f"tables); for the real one: ppocrvl pull {official}, then {how}{official} or "
        f"{MODEL_VARIABLE}"
    )


def built_in_model() -> ModelPaths:
    """The pair that comes with the package.

    Raises:
        ModelNotFoundError: the installation is incomplete.
    """
    if not BUILT_IN_FOLDER.is_dir():
        raise ModelNotFoundError(
            f"the built-in model is missing from {BUILT_IN_FOLDER}; reinstall ppocrvl, or name "
            f"a model, or set {MODEL_VARIABLE}"
        )
    files = _gguf_files(BUILT_IN_FOLDER)
    return ModelPaths(
        _only("llm", files, BUILT_IN_FOLDER), _only("mmproj", files, BUILT_IN_FOLDER), built_in=True
    )


def file_key(path: Path) -> FileKey:
    """Path, time of change and size: the same as long as the file is."""
    status = path.stat()
    return path, status.st_mtime_ns, status.st_size


def _pulled(model: PathLike) -> Path | None:
    """Where OWNER/NAME was pulled to; None for what is a path, or was not pulled."""
    name = os.fspath(model)
    if not REPOSITORY.fullmatch(name) or Path(name).exists():
        return None
    kept = sorted(path for path in repository_folder(name).glob("*") if path.is_dir())
    pin = PINS.get(name) or LAYOUT_CHECKPOINTS.get(name)
    found = [path for path in kept if pin is not None and path.name == pin.revision] or kept
    if len(found) > 1:
        raise ModelAmbiguousError(
            f"{name} was pulled at {len(found)} revisions; name the folder of one: "
            f"{', '.join(map(str, found))}"
        )
    return found[0] if found else None


def _existing(path: PathLike, what: str) -> Path:
    if not os.fspath(path):
        raise OptionError(f"{what} is an empty path")
    found = Path(path).expanduser()
    try:
        found.stat()
        str(found).encode()  # llama.cpp takes UTF-8 paths
    except (OSError, ValueError) as error:
        reason = (
            "no such file or folder" if isinstance(error, FileNotFoundError) else _reason(error)
        )
        repo = path if REPOSITORY.fullmatch(str(path)) else "OWNER/NAME"
        raise ModelNotFoundError(
            f"cannot open the {what} {str(path)!r}: {reason}; if it is a repository on the hub, "
            f"`ppocrvl pull {repo}` fetches it"
        ) from error
    return found.resolve()


def _existing_file(path: PathLike, what: str) -> Path:
    found = _existing(path, what)
    if found.is_dir():
        raise ModelNotFoundError(f"the {what} {str(path)!r} is a folder; name the GGUF file in it")
    return found


def _gguf_files(folder: Path) -> list[Path]:
    try:
        return sorted(
            entry
            for entry in folder.iterdir()
            if entry.suffix.lower() == ".gguf" and entry.is_file()
        )
    except OSError as error:
        raise ModelNotFoundError(
            f"cannot read the model folder {str(folder)!r}: {_reason(error)}"
        ) from error


def _only(role: str, files: Iterable[Path], folder: Path) -> Path:
    """The one file of this role."""
    found: list[Path] = []
    damaged: list[ModelFormatError] = []
    for file in files:
        try:
            if _role(file_key(file)) == role:
                found.append(file)
        except ModelFormatError as error:
            damaged.append(error)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(file.name for file in found)
        raise ModelAmbiguousError(
            f"{folder} holds {len(found)} files of a {_ROLE_NAMES[role]}: {names}; "
            f"name one with {_ARGUMENTS[role]}"
        )
    if damaged:
        raise damaged[0]
    raise ModelNotFoundError(
        f"{folder} holds no GGUF file of a {_ROLE_NAMES[role]}; {_WHAT_TO_DO[role]}"
    )


def _refuse_layout(file: Path) -> None:
    """Says so before the file beside it is looked for, which would be the wrong complaint."""
    try:
        is_layout = _role(file_key(file)) == "layout"
    except ModelFormatError:  # whoever loads it says what is wrong
        return
    if is_layout:
        raise ModelMismatchError(
            f"{file}: this is a layout model's file; it was given as the language model; give the "
            "folder with an LLM and an mmproj file"
        )


@lru_cache(maxsize=64)
def _role(key: FileKey) -> str:
    """What the header says; a changed file is a new question."""
    return _native.read_gguf(str(key[0])).role


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
