# SPDX-License-Identifier: Apache-2.0
"""Models from a hub: find the pair, download it so that it can be resumed, and check its hashes.

The bytes come through huggingface_hub's `http_get`, under its file lock. `hf_hub_download`, made of
the same parts, throws away what a broken run has fetched: its temporary files have a new name each
time (huggingface_hub 2.4). With `local_dir` it also fetches a file twice where two runs wait for
one folder, and begins by removing a user's file of that name. Files in Xet storage come over plain
HTTP too, which can be resumed.
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ppocrvl.errors import (
    HubError,
    MissingExtraError,
    ModelError,
    OptionError,
    OutputError,
    PpocrvlError,
)
from ppocrvl.models.cache import REPOSITORY, repository_folder
from ppocrvl.models.folder import find_model
from ppocrvl.models.pins import PINS, PinnedFile
from ppocrvl.support.hashing import sha256_of_file
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_COMMIT = re.compile(r"[A-Za-z0-9][\w.-]{0,95}")
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
) -> Path:
    """Fetch the two files of a model, or find them where they were fetched before.

        folder = ppocrvl.pull("PaddlePaddle/PaddleOCR-VL-1.6-GGUF")
        engine = ppocrvl.Engine(folder)

    A download that was broken off goes on where it stopped; one that another process is at is
    waited for. A bar on stderr shows how far it is, on a terminal alone and not with
    HF_HUB_DISABLE_PROGRESS_BARS=1. The hash is the pinned one where ppocrvl knows the repository,
    else the one that the hub states. Only what this wrote itself is ever removed or replaced: its
    part files, and the models in the user's cache.

    Args:
        repo: "owner/name".
        revision: branch, tag or commit; None for the pinned commit, else the main branch.
        folder: where to put the files; None for a folder of the user's cache.
        llm: name pattern of the LLM file, for a repository of several.
        mmproj: name pattern of the mmproj file, likewise.
        offline: use what is there, ask nobody. HF_HUB_OFFLINE=1 does the same.

    Returns:
        What `Engine(model=…)` takes: the folder, or the LLM file where it holds several models.

    Raises:
        OptionError: not the name of a repository.
        HubError: the download failed, a hash is wrong, or offline mode lacks the files.
        OutputError: the files cannot be written, or others of the same names are in `folder`.
        MissingExtraError: huggingface_hub is not installed.
    """
    if not REPOSITORY.fullmatch(repo):
        raise OptionError(f"{repo!r} is not the name of a repository; write OWNER/NAME")
    pinned = _pinned(repo, revision)
    if offline or os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}:
        return _find_offline(repo, revision, pinned, Path(folder) if folder is not None else None)
    hub = _import_hub()
    chosen = pinned or _select(hub, repo, revision, llm, mmproj)
    place = _Place(
        repository_folder(repo) / chosen.revision if folder is None else Path(folder),
        chosen.revision,
        is_ours=folder is None,
    )
    pair = (("llm", chosen.llm), ("mmproj", chosen.mmproj))
    # Both are looked at before the first is fetched: what is in the way of the second is said now.
    missing = []
    for role, file in pair:
        if place.has(file):
            _check_role(place.path(file), role, name=str(place.path(file)))
        else:
            missing.append((role, file))
    for role, file in missing:
        _fetch(hub, file, role=role, repo=repo, place=place)
    return _usable(place.folder, place.folder / chosen.llm.name)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the files go.

    Attributes:
        folder: holds both.
        revision: their commit.
        is_ours: whether nobody but `pull` puts files there, so that they may be replaced.
    """

    folder: Path
    revision: str
    is_ours: bool

    def path(self, file: RemoteFile) -> Path:
        """Where a file goes."""
        return self.folder / file.name

    def part(self, file: RemoteFile) -> Path:
        """What is there of it so far."""
        return self.folder / f".{file.name}.{(file.sha256 or self.revision)[:16]}.part"

    def has(self, file: RemoteFile) -> bool:
        """Whether the file is there, as far as its hash is known.

        Raises:
            OutputError: another file has its name, and is not ours.
        """
        path = self.path(file)
        with _output_errors(path):
            if file.sha256 is None or not path.is_file():
                return False
            if sha256_of_file(path) == file.sha256:
                return True
        if not self.is_ours:
            raise _in_the_way(path)
        return False

    def take(self, part: Path, file: RemoteFile) -> None:
        """Move a complete file to its place.

        Raises:
            OutputError: another file has its name, and is not ours.
        """
        path = self.path(file)
        if self.is_ours or not path.exists():
            part.replace(path)
        elif sha256_of_file(path) == sha256_of_file(part):
            part.unlink()
        else:
            raise _in_the_way(path)


def _in_the_way(path: Path) -> OutputError:
    return OutputError(
        f"{path} is there already, and is another file; move it away, or name another folder "
        "with -o (folder=)"
    )


@contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except PpocrvlError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def _pinned(repo: str, revision: str | None) -> Selection | None:
    pin = PINS.get(repo)
    if pin is None or revision not in {None, pin.revision}:
        return None
    return Selection(pin.revision, _remote(pin.llm), _remote(pin.mmproj))


def _remote(file: PinnedFile) -> RemoteFile:
    return RemoteFile(file.name, file.size, file.sha256)


def _find_offline(
    repo: str, revision: str | None, pinned: Selection | None, folder: Path | None
) -> Path:
    """What an earlier pull left."""
    wanted = pinned.revision if pinned is not None else revision
    if folder is None:
        cache = repository_folder(repo)
        there = sorted(cache.iterdir()) if cache.is_dir() else []
        matching = [path for path in there if wanted is None or path.name == wanted]
        if len(matching) != 1:
            have = ", ".join(path.name for path in there) or "nothing"
            raise HubError(
                f"offline, and the cache has {have} of {repo} where "
                f"{wanted or 'one revision'} is wanted; pull it once with a connection"
            )
        folder = matching[0]
    if pinned is not None:
        for file in (pinned.llm, pinned.mmproj):
            _check_offline(folder / file.name, file, repo)
        return _usable(folder, folder / pinned.llm.name)
    try:
        find_model(folder)
    except ModelError as error:
        raise HubError(f"offline, and {repo} was not pulled completely: {error}") from error
    return folder


def _check_offline(path: Path, file: RemoteFile, repo: str) -> None:
    """Compare with what is known. A wrong file stays: it may be somebody's own."""
    try:
        found = sha256_of_file(path)
    except OSError as error:
        raise HubError(
            f"offline, and {repo} was not pulled completely: {path}: {error.strerror}"
        ) from error
    if found != file.sha256:
        raise HubError(
            f"{path} has SHA-256 {found}, not {file.sha256} as in {repo}; move it away, and pull "
            "with a connection"
        )


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
    commit, there = _listing(hub, repo, revision)
    files = [file for file in there if file.name.lower().endswith(".gguf")]
    encoders = [file for file in files if "mmproj" in file.name.lower()]
    return Selection(
        commit,
        _pick("LLM", "llm", llm, [file for file in files if file not in encoders], repo),
        _pick("mmproj", "mmproj", mmproj, encoders, repo),
    )


def list_files(repo: str, revision: str | None = None) -> tuple[str, list[RemoteFile]]:
    """The commit of a revision (None: the main branch), and all files at it.

    Raises:
        HubError: the hub cannot be asked, or knows no such repository.
        MissingExtraError: huggingface_hub is not installed.
    """
    return _listing(_import_hub(), repo, revision)


def _listing(hub: ModuleType, repo: str, revision: str | None) -> tuple[str, list[RemoteFile]]:
    try:
        info = hub.HfApi(endpoint=_endpoint()).model_info(
            repo, revision=revision, files_metadata=True
        )
    except MemoryError:
        raise
    except Exception as error:
        raise HubError(_why(error, f"{repo} at {revision}" if revision else repo)) from error
    if not _COMMIT.fullmatch(info.sha or ""):  # it becomes the name of a folder
        raise HubError(f"the hub says that {repo} is at commit {info.sha!r}, which is none")
    return info.sha, [
        RemoteFile(entry.rfilename, entry.size, entry.lfs.sha256 if entry.lfs else None)
        for entry in info.siblings or ()
    ]


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


def fetch_file(repo: str, revision: str, file: RemoteFile, folder: str | os.PathLike[str]) -> Path:
    """One file of any kind at a commit, as `pull` fetches its two. Its path.

    Raises:
        HubError: the download failed, or the hash is wrong.
        OutputError: it cannot be written, or another file has its name.
        MissingExtraError: huggingface_hub is not installed.
    """
    place = _Place(Path(folder), revision, is_ours=False)
    if not place.has(file):
        _fetch(_import_hub(), file, role=None, repo=repo, place=place)
    return place.path(file)


def _fetch(
    hub: ModuleType, file: RemoteFile, *, role: str | None, repo: str, place: _Place
) -> None:
    """Download a file to its place, unless another pull does so in the meantime.

    `role`: what its header must say; None where it may be anything.
    """
    url = hub.hf_hub_url(repo, file.path, revision=place.revision, endpoint=_endpoint())
    part = place.part(file)
    with _output_errors(place.path(file)):
        place.folder.mkdir(parents=True, exist_ok=True)
        with _locked(part.with_suffix(".lock")):
            if place.has(file):
                return
            _download(url, part, file, repo)
            try:
                _check_hash(part, file, repo)
                if role is not None:
                    name = f"{file.name} of {repo}"
                    _check_role(part, role, name=name, fate=", and was removed")
            except HubError:
                part.unlink()
                raise
            place.take(part, file)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """For the caller alone, among threads and processes; the lock's file does not stay."""
    from huggingface_hub.utils import WeakFileLock

    with WeakFileLock(path):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # who waits for it looks whether it is still there


def _download(url: str, part: Path, file: RemoteFile, repo: str) -> None:
    """Append what is missing; what came stays if it breaks off."""
    try:
        _receive(url, part, file)
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _FULL_DISK:
            raise
        raise HubError(_why(error, f"{file.path} of {repo}")) from error
    finally:
        if part.exists() and not part.stat().st_size:
            part.unlink()


def _receive(url: str, part: Path, file: RemoteFile) -> None:
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    with part.open("ab") as out, _no_warnings():
        if file.size is None or out.tell() > file.size:
            out.truncate(0)
            out.seek(0)
        http_get(
            url,
            out,
            resume_size=out.tell(),
            headers={**build_hf_headers(), "Accept-Encoding": "identity"},
            expected_size=file.size,
            displayed_filename=file.name,
        )


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Without huggingface_hub's lines about each new try; what ends a download is our error."""
    from huggingface_hub.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _check_hash(part: Path, file: RemoteFile, repo: str) -> None:
    if file.sha256 is None:
        return
    found = sha256_of_file(part)
    if found != file.sha256:
        raise HubError(
            f"{file.path} of {repo} has SHA-256 {found}, not {file.sha256}; it was removed, "
            "pull it again"
        )


def _check_role(path: Path, role: str, *, name: str, fate: str = "") -> None:
    try:
        found = _native.read_gguf(str(path)).role
    except ModelError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise HubError(f"{name} cannot be used{fate}: {reason}") from error
    if found != role:
        raise HubError(f"{name} is no {role} file of this model{fate}")


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
