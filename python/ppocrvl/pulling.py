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
    """Download the files of a model, or find those downloaded before.

        folder = ppocrvl.pull("PaddlePaddle/PaddleOCR-VL-1.6-GGUF")
        engine = ppocrvl.Engine(folder)

    If ppocrvl knows the layout model that belongs to a model, it is downloaded too. Its checkpoint
    is kept in the user's cache and exported to `<name>-F32.gguf`, next to the other files. The
    repository of a layout model's checkpoint can also be pulled by itself.

    An interrupted download continues where it stopped. If another process is downloading the same
    files, this waits for it. On a terminal, stderr shows a progress bar, unless
    HF_HUB_DISABLE_PROGRESS_BARS=1. Hashes are checked against the pinned ones if ppocrvl knows the
    repository, otherwise against those that the hub states. Only files that `pull` wrote itself are
    ever removed or replaced: its part files, and the models in the user's cache.

    Args:
        repo: "owner/name".
        revision: branch, tag or commit; None for the pinned commit, else the main branch.
        folder: where to put the GGUF files; None for a folder of the user's cache.
        llm: name pattern of the LLM file, if the repository has several.
        mmproj: name pattern of the mmproj file, likewise.
        layout: whether the layout model of a model is also downloaded.
        offline: only use files that are already there, without network access. HF_HUB_OFFLINE=1
            does the same.

    Returns:
        What `Engine(model=…)` accepts: the folder, or the LLM file if the folder has several
        models. For a layout model, its file.

    Raises:
        OptionError: `repo` is not the name of a repository, or an argument does not apply to it.
        HubError: the download failed, a hash is wrong, or files are missing in offline mode.
        CheckpointError: the layout model's checkpoint cannot be exported.
        OutputError: the files cannot be written, or `folder` has other files of the same names.
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
