# SPDX-License-Identifier: Apache-2.0
"""Files from a hub: what is there, downloads that can be resumed, and their hashes.

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
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ppocrvl.errors import (
    HubError,
    MissingExtraError,
    ModelError,
    OutputError,
    PpocrvlError,
)
from ppocrvl.models.cache import repository_folder
from ppocrvl.support.hashing import sha256_of_file
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from ppocrvl.models.pins import PinnedFile

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

    @classmethod
    def pinned(cls, file: PinnedFile) -> RemoteFile:
        """A file that is known byte by byte."""
        return cls(file.name, file.size, file.sha256)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files go.

    Attributes:
        folder: holds all of them.
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
            raise in_the_way(path)
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
            raise in_the_way(path)


def in_the_way(path: Path) -> OutputError:
    """What to say of a file that is not ours, under the name of one that is to be written."""
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


def _endpoint() -> str | None:
    """The hub as named now, not when huggingface_hub was imported; None for its default."""
    return os.environ.get("HF_ENDPOINT") or None


def is_offline(asked: bool) -> bool:  # noqa: FBT001
    """Whether nobody is to be asked: because the caller says so, or HF_HUB_OFFLINE does."""
    return asked or os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}


def kept_folder(repo: str, revision: str | None) -> Path:
    """The cache's folder of a revision; None for the only one that is there.

    Raises:
        HubError: there is none, or there are several.
    """
    cache = repository_folder(repo)
    there = sorted(cache.iterdir()) if cache.is_dir() else []
    matching = [path for path in there if revision is None or path.name == revision]
    if len(matching) != 1:
        have = ", ".join(path.name for path in there) or "nothing"
        raise HubError(
            f"offline, and the cache has {have} of {repo} where "
            f"{revision or 'one revision'} is wanted; pull it once with a connection"
        )
    return matching[0]


def check_kept(path: Path, sha256: str, repo: str) -> None:
    """Compare with the hash that is known. A wrong file stays: it may be somebody's own.

    Raises:
        HubError: it is missing, or another one.
    """
    try:
        found = sha256_of_file(path)
    except OSError as error:
        raise HubError(
            f"offline, and {repo} was not pulled completely: {path}: {error.strerror}"
        ) from error
    if found != sha256:
        raise HubError(
            f"{path} has SHA-256 {found}, not {sha256} as in {repo}; move it away, and pull "
            "with a connection"
        )


def _import_hub() -> ModuleType:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtraError(
            'pulling a model needs huggingface_hub: pip install "ppocrvl[hub]"'
        ) from error
    hub: ModuleType = huggingface_hub
    return hub


def list_files(repo: str, revision: str | None = None) -> tuple[str, list[RemoteFile]]:
    """The commit of a revision (None: the main branch), and all files at it.

    Raises:
        HubError: the hub cannot be asked, or knows no such repository.
        MissingExtraError: huggingface_hub is not installed.
    """
    hub = _import_hub()
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


def fetch_file(repo: str, revision: str, file: RemoteFile, folder: str | os.PathLike[str]) -> Path:
    """One file of any kind at a commit, as `pull` fetches its two. Its path.

    Raises:
        HubError: the download failed, or the hash is wrong.
        OutputError: it cannot be written, or another file has its name.
        MissingExtraError: huggingface_hub is not installed.
    """
    place = Place(Path(folder), revision, is_ours=False)
    if not place.has(file):
        fetch(file, role=None, repo=repo, place=place)
    return place.path(file)


def fetch(file: RemoteFile, *, role: str | None, repo: str, place: Place) -> None:
    """Download a file to its place, unless another pull does so in the meantime.

    Args:
        file: what to fetch.
        role: what its header must say; None where it may be anything.
        repo: "owner/name".
        place: where to put it.

    Raises:
        HubError: the download failed, or the file is not what it should be.
        OutputError: it cannot be written, or another file has its name.
        MissingExtraError: huggingface_hub is not installed.
    """
    url = _import_hub().hf_hub_url(repo, file.path, revision=place.revision, endpoint=_endpoint())
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
                    check_role(part, role, name=name, fate=", and was removed")
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


def check_role(path: Path, role: str, *, name: str, fate: str = "") -> None:
    """Refuse a file whose header does not say what it should.

    Raises:
        HubError: it says something else, or nothing.
    """
    try:
        found = _native.read_gguf(str(path)).role
    except ModelError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise HubError(f"{name} cannot be used{fate}: {reason}") from error
    if found != role:
        raise HubError(f"{name} is no {role} file of this model{fate}")


def _why(error: Exception, what: str) -> str:
    """One line for whatever huggingface_hub or its HTTP library threw."""
    first_line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return (
        f"cannot fetch {what} ({type(error).__name__}: {first_line.strip()}); check the name, "
        "the connection and, for a private model, HF_TOKEN; a new try goes on where this one ended"
    )
