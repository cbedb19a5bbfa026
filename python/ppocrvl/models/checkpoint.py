# SPDX-License-Identifier: Apache-2.0
"""The checkpoint of a layout model from a hub, which is exported after it was fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppocrvl.errors import HubError
from ppocrvl.models.cache import repository_folder
from ppocrvl.models.hub import (
    Place,
    RemoteFile,
    check_kept,
    fetch,
    is_offline,
    kept_folder,
    list_files,
)
from ppocrvl.models.pins import LAYOUT_CHECKPOINTS
from ppocrvl.support.hashing import sha256_of_file

if TYPE_CHECKING:
    from pathlib import Path

_CONFIGURATIONS = ("config.json", "preprocessor_config.json")
_MODEL_CARD = "README.md"


@dataclass(frozen=True, slots=True)
class PulledCheckpoint:
    """A checkpoint in the cache.

    Attributes:
        folder: with the weights and both configurations; it has the model's name, and lies in the
            folder of the revision.
        revision: its commit.
        sha256: of the weights.
    """

    folder: Path
    revision: str
    sha256: str


def layout_name(repo: str) -> str:
    """The name of a layout model in file names: that of its repository."""
    return repo.rpartition("/")[2].removesuffix("_safetensors")


def pull_layout_checkpoint(
    repo: str, *, revision: str | None = None, offline: bool = False
) -> PulledCheckpoint:
    """Fetch the weights and configurations of a layout model into the user's cache.

    Args:
        repo: a key of `LAYOUT_CHECKPOINTS`.
        revision: branch, tag or commit; None for the pinned commit.
        offline: use what is there, ask nobody. HF_HUB_OFFLINE=1 does the same.

    Raises:
        HubError: the download failed, the hash is wrong, or offline mode lacks a file.
        OutputError: the cache cannot be written.
        MissingExtraError: huggingface_hub is not installed.
    """
    pin = LAYOUT_CHECKPOINTS[repo]
    is_pinned = revision in {None, pin.revision}
    if is_offline(offline):
        kept = kept_folder(repo, revision or pin.revision)
        folder = kept / layout_name(repo)
        weights = folder / pin.weights.name
        if is_pinned:
            check_kept(weights, pin.weights.sha256, repo)
        for name in (pin.weights.name, *_CONFIGURATIONS):
            if not (folder / name).is_file():
                raise HubError(f"offline, and {repo} was not pulled completely: no {folder / name}")
        return PulledCheckpoint(folder, kept.name, sha256_of_file(weights))
    commit, there = list_files(repo, revision or pin.revision)
    files = {file.path: file for file in there}
    if is_pinned:
        commit = pin.revision
        files[pin.weights.name] = RemoteFile.pinned(pin.weights)
    place = Place(repository_folder(repo) / commit / layout_name(repo), commit, is_ours=True)
    needed = (*_CONFIGURATIONS, pin.weights.name)
    if missing := [name for name in needed if name not in files]:
        raise HubError(f"{repo} at {commit} has no {missing[0]}, so it is no layout model's")
    for name in (_MODEL_CARD, *needed):
        if name in files and not place.has(files[name]):
            fetch(files[name], role=None, repo=repo, place=place)
    weights = place.path(files[pin.weights.name])
    return PulledCheckpoint(place.folder, commit, sha256_of_file(weights))
