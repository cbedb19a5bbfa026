# SPDX-License-Identifier: Apache-2.0
"""Models from a hub, ready to be used: the pair as it is, the layout model exported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.errors import HubError, ModelError, OptionError
from ppocrvl.exporter import export_layout
from ppocrvl.models.cache import REPOSITORY, repository_folder
from ppocrvl.models.checkpoint import layout_name, pull_layout_checkpoint
from ppocrvl.models.hub import in_the_way
from ppocrvl.models.pair import pull_pair
from ppocrvl.models.pins import LAYOUT_CHECKPOINTS, PINS
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    import os


def pull(
    repo: str,
    *,
    revision: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    llm: str | None = None,
    mmproj: str | None = None,
    layout: bool = True,
    offline: bool = False,
) -> Path:
    """Fetch the files of a model, or find them where they were fetched before.

        folder = ppocrvl.pull("PaddlePaddle/PaddleOCR-VL-1.6-GGUF")
        engine = ppocrvl.Engine(folder)

    Where ppocrvl knows the layout model that goes with a model, that comes too: its checkpoint is
    kept in the user's cache, and exported to `<name>-F32.gguf` beside the pair. The repository of a
    layout model's checkpoint can also be pulled alone.

    A download that was broken off goes on where it stopped; one that another process is at is
    waited for. A bar on stderr shows how far it is, on a terminal alone and not with
    HF_HUB_DISABLE_PROGRESS_BARS=1. The hash is the pinned one where ppocrvl knows the repository,
    else the one that the hub states. Only what this wrote itself is ever removed or replaced: its
    part files, and the models in the user's cache.

    Args:
        repo: "owner/name".
        revision: branch, tag or commit; None for the pinned commit, else the main branch.
        folder: where to put the GGUF files; None for a folder of the user's cache.
        llm: name pattern of the LLM file, for a repository of several.
        mmproj: name pattern of the mmproj file, likewise.
        layout: whether a model's layout model comes with it.
        offline: use what is there, ask nobody. HF_HUB_OFFLINE=1 does the same.

    Returns:
        What `Engine(model=…)` takes: the folder, or the LLM file where it holds several models. Of
        a layout model its file.

    Raises:
        OptionError: not the name of a repository, or an argument that cannot apply to it.
        HubError: the download failed, a hash is wrong, or offline mode lacks the files.
        CheckpointError: the layout model's checkpoint cannot be exported.
        OutputError: the files cannot be written, or others of the same names are in `folder`.
        MissingExtraError: huggingface_hub is not installed.
    """
    if not REPOSITORY.fullmatch(repo):
        raise OptionError(f"{repo!r} is not the name of a repository; write OWNER/NAME")
    if repo in LAYOUT_CHECKPOINTS:
        if llm is not None or mmproj is not None or not layout:
            raise OptionError(f"llm, mmproj and layout cannot apply: {repo} is a layout model")
        target = None if folder is None else Path(folder)
        return _pull_layout(repo, revision, target, is_ours=folder is None, offline=offline)
    path = pull_pair(
        repo, revision=revision, folder=folder, llm=llm, mmproj=mmproj, offline=offline
    )
    pin = PINS.get(repo)
    if layout and pin is not None and pin.layout is not None:
        beside = path if path.is_dir() else path.parent
        try:
            _pull_layout(pin.layout, None, beside, is_ours=folder is None, offline=offline)
        except HubError as error:
            raise HubError(
                f"{error}; it is the layout model of {repo}, which layout=False (--no-layout) "
                "leaves out"
            ) from error
    return path


def _pull_layout(
    repo: str,
    revision: str | None,
    folder: Path | None,
    *,
    is_ours: bool,
    offline: bool,
) -> Path:
    """Fetch the checkpoint into the cache, and export it to a folder, that of the cache for None.

    `is_ours`: whether other files in that folder may be replaced.
    """
    pin = LAYOUT_CHECKPOINTS[repo]
    file_name = f"{layout_name(repo)}-F32.gguf"
    if revision in {None, pin.revision}:  # then nobody need be asked
        path = (folder or repository_folder(repo) / pin.revision) / file_name
        if _is_there(path, pin.weights.sha256, is_ours=is_ours):
            return path
    checkpoint = pull_layout_checkpoint(repo, revision=revision, offline=offline)
    path = (folder or checkpoint.folder.parent) / file_name
    if not _is_there(path, checkpoint.sha256, is_ours=is_ours):
        export_layout(checkpoint.folder, path.parent, revision=checkpoint.revision)
    return path


def _is_there(path: Path, sha256: str, *, is_ours: bool) -> bool:
    """Whether the file is a layout model that was made of these weights.

    Raises:
        OutputError: another file has its name, and is not ours.
    """
    try:
        _native.check_layout(str(path))
        made_of = _native.read_gguf(str(path)).metadata.get("ppocrvl.source.sha256")
    except ModelError:
        made_of = None
    if made_of == sha256:
        return True
    if path.exists() and not is_ours:
        raise in_the_way(path)
    return False
