# SPDX-License-Identifier: Apache-2.0
"""The files: pulled, exported, and the exported ones beside the official ones, tensor by tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize

import ppocrvl
from ppocrvl.errors import HubError, ModelError
from ppocrvl.exporter.encode import FileType
from ppocrvl.models.folder import find_model
from ppocrvl.models.hub import RemoteFile, fetch_file, list_files
from ppocrvl.support.hashing import sha256_of_file
from ppocrvl.support.native import _native
from verify.work import DiffersError, SkippedError

if TYPE_CHECKING:
    from pathlib import Path

    from ppocrvl.models.folder import ModelPaths
    from verify.official import Source
    from verify.work import Work

_CHECKPOINT_FILES = (".json", ".jinja", ".model", ".safetensors")
_SHOWN = 20


def pull_official(work: Work) -> dict[str, Any]:
    """The official GGUF pair."""
    if work.release.gguf is None:
        raise SkippedError(f"no official GGUF pair of version {work.release.version} is pinned")
    return pull_source(work.release.gguf, work.official, (".gguf",))


def pull_checkpoint(work: Work) -> dict[str, Any]:
    """The weights, with configuration and tokenizer."""
    return pull_source(work.release.checkpoint, work.checkpoint, _CHECKPOINT_FILES)


def export(work: Work) -> dict[str, Any]:
    """Our pair in the official one's types (bf16 where there is none), and one in f32."""
    llm, mmproj = "bf16", "bf16"
    if paths := official_pair(work):
        llm, mmproj = _type_of(paths.llm), _type_of(paths.mmproj)
    ppocrvl.export(work.checkpoint, work.exported, llm_type=llm, mmproj_type=mmproj)
    ppocrvl.export(work.checkpoint, work.exact, llm_type="f32", mmproj_type="f32")
    return {str(folder.name): hashes(folder) for folder in (work.exported, work.exact)}


def compare_tensors(work: Work) -> dict[str, Any]:
    """The exported pair beside the official one."""
    official, ours = official_pair(work), find_model(work.exported)
    if official is None:
        raise SkippedError("there is no official GGUF pair to compare with")
    found = {
        "llm": _compare(official.llm, ours.llm),
        "mmproj": _compare(official.mmproj, ours.mmproj),
    }
    wrong = [f"{half}: {one}" for half, result in found.items() for one in result["differences"]]
    if wrong:
        raise DiffersError(f"{len(wrong)} tensors differ, the first is {wrong[0]}", found)
    return found


def official_pair(work: Work) -> ModelPaths | None:
    """The pulled pair; None where it is not there."""
    try:
        return find_model(work.official)
    except ModelError:
        return None


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder."""
    return {path.name: sha256_of_file(path) for path in sorted(folder.iterdir()) if path.is_file()}


def pull_source(source: Source, folder: Path, endings: tuple[str, ...]) -> dict[str, Any]:
    """The files of a repository whose names end so, into a folder."""
    commit, files = list_files(source.repo, source.revision)
    wanted = [one for one in files if one.path == one.name and one.name.endswith(endings)]
    if missing := set(source.sha256) - {one.name for one in wanted}:
        raise HubError(f"{source.repo} at {source.revision} has no {min(missing)}")
    for one in wanted:
        sha256 = source.sha256.get(one.name, one.sha256)
        fetch_file(source.repo, commit, RemoteFile(one.path, one.size, sha256), folder)
    return {"repo": source.repo, "revision": commit, "sha256": hashes(folder)}


def _type_of(path: Path) -> str:
    """What `export` calls the type of a file's matrices."""
    number = _native.read_gguf(str(path)).metadata.get("general.file_type")
    return next((kind.name.lower() for kind in FileType if kind.value == number), "bf16")


def _compare(official: Path, ours: Path) -> dict[str, Any]:
    """Of two files: tensors with equal bytes, with equal values in another type, and the rest."""
    theirs, mine = GGUFReader(official), GGUFReader(ours)
    expected = {tensor.name: tensor for tensor in theirs.tensors}
    found = {tensor.name: tensor for tensor in mine.tensors}
    counts = {"equal bytes": 0, "equal values": 0}
    differences = [
        f"{name} is in one file alone" for name in sorted(expected.keys() ^ found.keys())
    ]
    for name in sorted(expected.keys() & found.keys()):
        left, right = expected[name], found[name]
        if left.shape.tolist() != right.shape.tolist():
            differences.append(f"{name} is {right.shape.tolist()}, not {left.shape.tolist()}")
        elif left.tensor_type == right.tensor_type and np.array_equal(left.data, right.data):
            counts["equal bytes"] += 1
        else:
            exact, value = (
                dequantize(one.data, one.tensor_type).astype(np.float64) for one in (left, right)
            )
            error = float(np.linalg.norm(value - exact) / (np.linalg.norm(exact) or 1.0))
            if error == 0.0:
                counts["equal values"] += 1
            else:
                types = f"{right.tensor_type.name} for {left.tensor_type.name}"
                differences.append(f"{name} ({types}): relative error {error:.2e}")
    keys = {
        name: "only ours" if name not in theirs.fields else "only official"
        for name in sorted(theirs.fields.keys() ^ mine.fields.keys())
    } | {
        name: "differs"
        for name in sorted(theirs.fields.keys() & mine.fields.keys())
        if not name.startswith("GGUF.")
        and theirs.fields[name].contents() != mine.fields[name].contents()
    }
    return {
        **counts,
        "differences": differences[:_SHOWN],
        "n_differences": len(differences),
        "metadata": keys,
    }
