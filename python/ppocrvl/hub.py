# SPDX-License-Identifier: Apache-2.0
"""Models from a hub: find the pair, download it so that it can be resumed, and check its hashes."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from time import sleep
from typing import TYPE_CHECKING, Any

from ppocrvl.cache import models_folder
from ppocrvl.errors import (
    HubError,
    MissingExtraError,
    ModelError,
    OptionError,
    OutputError,
    PpocrvlError,
)
from ppocrvl.hashing import sha256_of_file
from ppocrvl.hub_pins import PINS, PinnedFile
from ppocrvl.model_folder import find_model
from ppocrvl.native import _native

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    Progress = Callable[[str, int, int | None], None]
    """Called with the file's name, bytes so far, and bytes in all if known."""

ATTEMPTS = 4
"""Tries without a new byte before a download is given up."""

TIMEOUT_SECONDS = 30

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_FULL_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file to fetch; `size` and `sha256` where they are known."""

    path: str
    size: int | None
    sha256: str | None

    @property
    def name(self) -> str:
        """Its name without folders, which is what it is called here."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True, slots=True)
class Selection:
    """The pair at one commit."""

    revision: str
    llm: RemoteFile
    mmproj: RemoteFile


def pull(
    repo: str,
    *,
    revision: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    llm: str | None = None,
    mmproj: str | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Fetch the two files of a model, or find them where they were fetched before.

    A download that was broken off goes on where it stopped. The hash is the pinned one where
    ppocrvl knows the repository, else the one that the hub states.

    Args:
        repo: "owner/name".
        revision: branch, tag or commit; None for the pinned commit, else the main branch.
        folder: where to put the files; None for a folder of the user's cache.
        llm: name pattern of the LLM file, for a repository of several.
        mmproj: name pattern of the mmproj file, likewise.
        offline: use what is there, ask nobody. HF_HUB_OFFLINE=1 does the same.
        progress: called as bytes arrive.

    Returns:
        What `model=` takes: the folder, or the LLM file where the folder holds several models.

    Raises:
        OptionError: not the name of a repository.
        HubError: the download failed, a hash is wrong, or offline mode lacks the files.
        OutputError: the files cannot be written.
        MissingExtraError: huggingface_hub is not installed.
    """
    if not _REPO.fullmatch(repo):
        raise OptionError(f"{repo!r} is not the name of a repository; write OWNER/NAME")
    pinned = _pinned(repo, revision)
    if offline or os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}:
        return _find_offline(repo, revision, pinned, Path(folder) if folder is not None else None)
    hub = _import_hub()
    chosen = pinned or _select(hub, repo, revision, llm, mmproj)
    target = Path(folder) if folder is not None else _cache_of(repo) / chosen.revision
    paths = {}
    for role, file in (("llm", chosen.llm), ("mmproj", chosen.mmproj)):
        url = hub.hf_hub_url(repo, file.path, revision=chosen.revision, endpoint=_endpoint())
        paths[role] = _fetch(url, file, repo, target, progress)
        _check_role(paths[role], role, repo)
    return _usable(target, paths["llm"])


def _pinned(repo: str, revision: str | None) -> Selection | None:
    pin = PINS.get(repo)
    if pin is None or revision not in {None, pin.revision}:
        return None
    return Selection(pin.revision, _remote(pin.llm), _remote(pin.mmproj))


def _remote(file: PinnedFile) -> RemoteFile:
    return RemoteFile(file.name, file.size, file.sha256)


def _cache_of(repo: str) -> Path:
    return models_folder() / repo.replace("/", "--")


def _find_offline(
    repo: str, revision: str | None, pinned: Selection | None, folder: Path | None
) -> Path:
    """What an earlier pull left."""
    wanted = pinned.revision if pinned is not None else revision
    if folder is None:
        cache = _cache_of(repo)
        there = sorted(cache.iterdir()) if cache.is_dir() else []
        matching = [path for path in there if wanted is None or path.name == wanted]
        if len(matching) != 1:
            have = ", ".join(path.name for path in there) or "nothing"
            raise HubError(
                f"offline, and the cache has {have} of {repo} where "
                f"{wanted or 'one revision'} is wanted; pull it once with a connection"
            )
        folder = matching[0]
    try:
        paths = find_model(folder)
    except ModelError as error:
        raise HubError(f"offline, and {repo} was not pulled completely: {error}") from error
    if pinned is not None:
        for path, file in ((paths.llm, pinned.llm), (paths.mmproj, pinned.mmproj)):
            _check_hash(path, file, repo)
    return folder


def _endpoint() -> str | None:
    """The hub as named now, not when huggingface_hub was imported; None for its default."""
    return os.environ.get("HF_ENDPOINT") or None


def _import_hub() -> ModuleType:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtraError(
            'pulling a model needs huggingface_hub: pip install "ppocrvl[hub]"'
        ) from error
    hub: ModuleType = huggingface_hub
    return hub


def _select(
    hub: ModuleType, repo: str, revision: str | None, llm: str | None, mmproj: str | None
) -> Selection:
    """Ask the hub what is there, and pick the pair by name."""
    try:
        info = hub.HfApi(endpoint=_endpoint()).model_info(
            repo, revision=revision, files_metadata=True
        )
    except Exception as error:
        raise HubError(_why(error, f"{repo} at {revision}" if revision else repo)) from error
    files = [
        RemoteFile(entry.rfilename, entry.size, entry.lfs.sha256 if entry.lfs else None)
        for entry in info.siblings or ()
        if entry.rfilename.lower().endswith(".gguf")
    ]
    encoders = [file for file in files if "mmproj" in file.name.lower()]
    return Selection(
        info.sha,
        _pick("LLM", "--llm", llm, [file for file in files if file not in encoders], repo),
        _pick("mmproj", "--mmproj", mmproj, encoders, repo),
    )


def _pick(
    what: str, option: str, pattern: str | None, files: list[RemoteFile], repo: str
) -> RemoteFile:
    matching = [file for file in files if pattern is None or fnmatch(file.name, pattern)]
    if len(matching) == 1:
        return matching[0]
    have = ", ".join(file.name for file in files) or "none"
    problem = f"{len(matching)} match" if pattern is not None else f"there are {len(files)}"
    raise HubError(f"{repo} must give one {what} GGUF file but {problem} ({have}); see {option}")


def _fetch(url: str, file: RemoteFile, repo: str, target: Path, progress: Progress | None) -> Path:
    """Download one file to its place, unless it is there already and its hash is right."""
    path = target / file.name
    part = target / f".{file.name}.{(file.sha256 or target.name)[:16]}.part"
    try:
        if path.is_file() and file.sha256 is not None and sha256_of_file(path) == file.sha256:
            return path
        target.mkdir(parents=True, exist_ok=True)
        _download(url, part, file, progress)
        _check_hash(part, file, repo)
        part.replace(path)
    except PpocrvlError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _FULL_DISK:
            raise OutputError(f"cannot write {path}: {error.strerror}") from error
        raise HubError(_why(error, f"{file.path} of {repo}")) from error
    return path


def _download(url: str, part: Path, file: RemoteFile, progress: Progress | None) -> None:
    """Append to `part` what is missing; a broken connection is taken up again."""
    left = ATTEMPTS
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            if before == 0 or before != file.size:
                _receive(url, part, before, file, progress)
        except Exception as error:
            got_more = part.exists() and part.stat().st_size > before
            left = ATTEMPTS if got_more else left - 1
            if left == 0 or not _may_pass(error):
                raise
            sleep(0.5 * (ATTEMPTS - left))
        else:
            return


def _may_pass(error: Exception) -> bool:
    """Whether another try can help: not when the server said no, nor when the disk is full."""
    response = getattr(error, "response", None)
    if response is not None:
        return response.status_code in {408, 416, 429} or response.status_code >= 500
    return not (isinstance(error, OSError) and error.errno in _FULL_DISK)


def _receive(url: str, part: Path, start: int, file: RemoteFile, progress: Progress | None) -> None:
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    headers: Mapping[str, Any] = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if start:
        headers = {**headers, "Range": f"bytes={start}-"}
    with get_session().stream("GET", url, headers=headers, timeout=TIMEOUT_SECONDS) as response:
        if response.status_code == 416:  # what we have is longer than what is there
            part.unlink()
        hf_raise_for_status(response)
        resumed = response.status_code == 206
        with part.open("ab" if resumed else "wb") as out:
            total = start if resumed else 0
            for chunk in response.iter_bytes():
                out.write(chunk)
                total += len(chunk)
                if progress is not None:
                    progress(file.name, total, file.size)


def _check_hash(path: Path, file: RemoteFile, repo: str) -> None:
    """Compare with what is known; a wrong file is removed."""
    if file.sha256 is None:
        return
    found = sha256_of_file(path)
    if found != file.sha256:
        path.unlink()
        raise HubError(
            f"{file.path} of {repo} has SHA-256 {found}, not {file.sha256}; it was removed, "
            "pull it again"
        )


def _check_role(path: Path, role: str, repo: str) -> None:
    try:
        found = _native.read_gguf(str(path)).role
    except ModelError as error:
        path.unlink()
        raise HubError(f"{path.name} of {repo} cannot be used, and was removed: {error}") from error
    if found != role:
        path.unlink()
        raise HubError(f"{path.name} of {repo} is no {role} file of this model, and was removed")


def _usable(folder: Path, llm: Path) -> Path:
    """The folder if it names one model, else the LLM file."""
    try:
        find_model(folder)
    except ModelError:
        return llm
    return folder


def _why(error: Exception, what: str) -> str:
    """One line for whatever huggingface_hub or its HTTP library threw."""
    first_line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return (
        f"cannot fetch {what} ({type(error).__name__}: {first_line.strip()}); check the name, "
        "the connection and, for a private model, HF_TOKEN; a new try goes on where this one ended"
    )
