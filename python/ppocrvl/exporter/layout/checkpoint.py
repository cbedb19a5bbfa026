# SPDX-License-Identifier: Apache-2.0
"""A layout model's checkpoint folder: safetensors files and two configurations."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppocrvl.exporter.checkpoint import checkpoint_folder, tensor_files
from ppocrvl.exporter.json_file import read_json_object
from ppocrvl.exporter.layout.config import LayoutConfig, is_layout, parse_layout_config
from ppocrvl.exporter.layout.source import LayoutTensor, match_layout_tensors
from ppocrvl.exporter.layout.table import layout_tensors
from ppocrvl.exporter.preprocessor import read_preprocessor_data
from ppocrvl.exporter.safetensors_reader import SafetensorsFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class LayoutCheckpoint:
    """An opened layout checkpoint, checked for completeness.

    Attributes:
        folder: Absolute path.
        config: The checked configuration.
        tensors: What is written, in order.
        sha256: Of the bytes of the safetensors files in file-name order, in hex.
    """

    folder: Path
    config: LayoutConfig
    tensors: list[LayoutTensor]
    sha256: str


def is_layout_checkpoint(folder: Path) -> bool:
    """Whether the folder's `config.json` is that of a layout model.

    Raises:
        CheckpointError: The folder or the file cannot be read.
    """
    return is_layout(read_json_object(checkpoint_folder(folder) / "config.json"))


def read_layout_config(folder: Path) -> LayoutConfig:
    """The checked configuration of a folder.

    Raises:
        CheckpointError: A configuration is missing, or does not hold what it must.
    """
    path = folder / "config.json"
    data = read_json_object(path)
    preprocessor, preprocessor_path = read_preprocessor_data(folder)
    return parse_layout_config(data, str(path), preprocessor, str(preprocessor_path))


@contextlib.contextmanager
def open_layout_checkpoint(folder: Path) -> Iterator[LayoutCheckpoint]:
    """Opens and checks a checkpoint; its tensors can be read until the `with` block ends.

    Raises:
        CheckpointError: A file is missing or damaged, or the tensors do not fit the configuration.
    """
    folder = checkpoint_folder(folder)
    config = read_layout_config(folder)
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(SafetensorsFile(path)) for path in tensor_files(folder)]
        tensors = match_layout_tensors(layout_tensors(config), config, files, str(folder))
        digest = hashlib.sha256()
        for file in files:
            file.update_hash(digest)
        yield LayoutCheckpoint(folder, config, tensors, digest.hexdigest())
