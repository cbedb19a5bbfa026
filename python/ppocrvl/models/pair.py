# SPDX-License-Identifier: Apache-2.0
"""The pair of a model from a hub."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.errors import HubError, ModelError
from ppocrvl.models.cache import repository_folder
from ppocrvl.models.folder import find_model
from ppocrvl.models.hub import (
    Place,
    RemoteFile,
    check_kept,
    check_role,
    fetch,
    is_offline,
    kept_folder,
    list_files,
)
from ppocrvl.models.pins import PINS

if TYPE_CHECKING:
    import os


@dataclass(frozen=True, slots=True)
class Selection:
    """The pair at one commit."""

    revision: str
    llm: RemoteFile
    mmproj: RemoteFile


def pull_pair(
    repo: str,
    *,
    revision: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    llm: str | None = None,
    mmproj: str | None = None,
    offline: bool = False,
) -> Path:
    """Fetch the two files of a model, or find them where they were fetched before.

    Arguments, result and errors are those of `ppocrvl.pull`.
    """
    pinned = _pinned(repo, revision)
    if is_offline(offline):
        return _find_offline(repo, revision, pinned, Path(folder) if folder is not None else None)
    chosen = pinned or _select(repo, revision, llm, mmproj)
    place = Place(
        repository_folder(repo) / chosen.revision if folder is None else Path(folder),
        chosen.revision,
        is_ours=folder is None,
    )
    pair = (("llm", chosen.llm), ("mmproj", chosen.mmproj))
    # Both are looked at before the first is fetched: what is in the way of the second is said now.
    missing = []
    for role, file in pair:
        if place.has(file):
            check_role(place.path(file), role, name=str(place.path(file)))
        else:
            missing.append((role, file))
    for role, file in missing:
        fetch(file, role=role, repo=repo, place=place)
    return _usable(place.folder, place.folder / chosen.llm.name)


def _pinned(repo: str, revision: str | None) -> Selection | None:
    pin = PINS.get(repo)
    if pin is None or revision not in {None, pin.revision}:
        return None
    return Selection(pin.revision, RemoteFile.pinned(pin.llm), RemoteFile.pinned(pin.mmproj))


def _find_offline(
    repo: str, revision: str | None, pinned: Selection | None, folder: Path | None
) -> Path:
    """What an earlier pull left."""
    wanted = pinned.revision if pinned is not None else revision
    if folder is None:
        folder = kept_folder(repo, wanted)
    if pinned is not None:
        pin = PINS[repo]
        for file in (pin.llm, pin.mmproj):
            check_kept(folder / file.name, file.sha256, repo)
        return _usable(folder, folder / pinned.llm.name)
    try:
        find_model(folder)
    except ModelError as error:
        raise HubError(f"offline, and {repo} was not pulled completely: {error}") from error
    return folder


def _select(repo: str, revision: str | None, llm: str | None, mmproj: str | None) -> Selection:
    """Ask the hub what is there, and pick the pair by name."""
    commit, there = list_files(repo, revision)
    files = [file for file in there if file.name.lower().endswith(".gguf")]
    encoders = [file for file in files if "mmproj" in file.name.lower()]
    return Selection(
        commit,
        _pick("LLM", "llm", llm, [file for file in files if file not in encoders], repo),
        _pick("mmproj", "mmproj", mmproj, encoders, repo),
    )


def _pick(
    what: str, argument: str, pattern: str | None, files: list[RemoteFile], repo: str
) -> RemoteFile:
    matching = [file for file in files if pattern is None or fnmatch(file.name, pattern)]
    if len(matching) == 1:
        return matching[0]
    have = ", ".join(file.name for file in files) or "none"
    problem = f"{len(matching)} match" if pattern is not None else f"there are {len(files)}"
    raise HubError(
        f"{repo} must give one {what} GGUF file but {problem} ({have}); name it by {argument}"
    )


def _usable(folder: Path, llm: Path) -> Path:
    """The folder if it names one model, else the LLM file."""
    try:
        find_model(folder)
    except ModelError:
        return llm
    return folder
