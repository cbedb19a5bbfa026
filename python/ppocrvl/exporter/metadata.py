# SPDX-License-Identifier: Apache-2.0
"""The metadata that both files share: `general.*` and `ppocrvl.*`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import gguf

from ppocrvl.errors import CheckpointError
from ppocrvl.exporter.json_file import is_unicode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ppocrvl.exporter.encode import FileType
    from ppocrvl.exporter.gguf_output import TensorData
    from ppocrvl.exporter.version import ModelVersion

# Changes only when the bytes that the exporter writes change.
FORMAT_VERSION = 1

_LARGEST_NUMBER = 1 << 31


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the weights come from; `revision` is the hub's commit, if the user gives it."""

    version: ModelVersion
    sha256: str
    revision: str | None


def start_metadata(
    architecture: str,
    kind: str,
    folder: Path,
    name: str | None,
    tensors: Iterable[TensorData],
) -> gguf.GGUFWriter:
    """A writer that holds the `general.*` keys, chosen by gguf-py as in upstream's converter.

    Args:
        architecture: `general.architecture`.
        kind: `general.type`.
        folder: The checkpoint, whose name and model card give the model's name and licence.
        name: `general.name` instead of the folder's.
        tensors: Counted for the size label.

    Raises:
        CheckpointError: The model card in README.md cannot be read.
    """
    writer = gguf.GGUFWriter(path=None, arch=architecture)
    n_parameters = sum(math.prod(tensor.spec.shape) for tensor in tensors)
    writer.add_type(kind)
    try:
        metadata = gguf.Metadata.load(None, folder, name, n_parameters)
        if metadata.name is None:
            metadata.name = folder.name
        if metadata.size_label is None:
            metadata.size_label = gguf.size_label(n_parameters, n_parameters, 0, 0)
        metadata.set_gguf_meta_model(writer)
    # The library parses YAML and JSON written by anyone, and documents no exceptions.
    except Exception as error:
        raise CheckpointError(
            f"{folder}: the model card in README.md cannot be read ({error}); correct or remove it"
        ) from error
    for key, value in writer.kv_data[0].items():
        if not _can_be_written(value):
            raise CheckpointError(
                f"{folder}: {key} is {value.value!r}, which cannot be written; correct the model "
                "card in README.md or rename the folder"
            )
    return writer


def _can_be_written(value: gguf.GGUFValue) -> bool:
    """False for what a model card or a folder name may hold that is no text and no number."""
    is_array = value.type is gguf.GGUFValueType.ARRAY
    if is_array or value.type is gguf.GGUFValueType.STRING:
        items = value.value if is_array else [value.value]
        return all(isinstance(item, str) and is_unicode(item) for item in items)
    return isinstance(value.value, int | float) and abs(value.value) < _LARGEST_NUMBER


def finish_metadata(writer: gguf.GGUFWriter, provenance: Provenance) -> None:
    """Adds the `ppocrvl.*` keys of both files."""
    writer.add_uint32("ppocrvl.format_version", FORMAT_VERSION)
    writer.add_string("ppocrvl.model_version", provenance.version.value)
    add_source(writer, provenance.sha256, provenance.revision)


def add_source(writer: gguf.GGUFWriter, sha256: str, revision: str | None) -> None:
    """Adds the keys that say which weights were exported."""
    writer.add_string("ppocrvl.source.sha256", sha256)
    if revision is not None:
        writer.add_string("ppocrvl.source.revision", revision)


def add_file_type(writer: gguf.GGUFWriter, file_type: FileType) -> None:
    """Adds `general.file_type`."""
    writer.add_file_type(file_type.value)
