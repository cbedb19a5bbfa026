# SPDX-License-Identifier: Apache-2.0
"""A checkpoint folder: its safetensors files, configuration, tokenizer and chat template."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ppocrvl.errors import CheckpointError
from ppocrvl.exporter.config import ModelConfig, parse_config
from ppocrvl.exporter.json_file import MAX_TOKENIZER_BYTES, read_bytes, read_json_object
from ppocrvl.exporter.preprocessor import read_preprocessor_data, stored_pixels
from ppocrvl.exporter.safetensors_reader import SafetensorsFile
from ppocrvl.exporter.tensor_source import TensorSource, match_tensors
from ppocrvl.exporter.tensor_spec import llm_tensors, mmproj_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MODEL_FILE = "model.safetensors"
_INDEX_FILE = "model.safetensors.index.json"
_MAX_SHARDS = 1000
_MAX_TEMPLATE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An opened checkpoint, checked for completeness.

    Attributes:
        folder: Absolute path.
        config_data: The parsed `config.json`.
        config: Its checked form.
        llm: The decoder's tensors in the order in which they are written.
        mmproj: The encoder's and projector's tensors likewise.
        sha256: Of the bytes of the safetensors files in file-name order, in hex.
        template: The chat template that the checkpoint carries, if it does.
        preprocessor_data: The parsed preprocessor configuration.
        preprocessor_path: The file that it came from.
        pixels: (min_pixels, max_pixels) of the preprocessor configuration, if given there.
    """

    folder: Path
    config_data: dict[str, Any]
    config: ModelConfig
    llm: list[TensorSource]
    mmproj: list[TensorSource]
    sha256: str
    template: str | None
    preprocessor_data: dict[str, Any]
    preprocessor_path: Path
    pixels: tuple[int, int] | None


@contextlib.contextmanager
def open_checkpoint(folder: Path) -> Iterator[Checkpoint]:
    """Opens and checks a checkpoint; its tensors can be read until the `with` block ends.

    Raises:
        CheckpointError: A file is missing or damaged, or the tensors do not fit the configuration.
    """
    folder = checkpoint_folder(folder)
    config_path = folder / "config.json"
    config_data = read_json_object(config_path)
    config = parse_config(config_data, str(config_path))
    preprocessor_data, preprocessor_path = read_preprocessor_data(folder)
    llm_specs, mmproj_specs = llm_tensors(config), mmproj_tensors(config)
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(SafetensorsFile(path)) for path in tensor_files(folder)]
        sources = match_tensors([*llm_specs, *mmproj_specs], files, str(folder))
        digest = hashlib.sha256()
        for file in files:
            file.update_hash(digest)
        yield Checkpoint(
            folder=folder,
            config_data=config_data,
            config=config,
            llm=[sources[spec.source] for spec in llm_specs if spec.source in sources],
            mmproj=[sources[spec.source] for spec in mmproj_specs],
            sha256=digest.hexdigest(),
            template=_chat_template(folder),
            preprocessor_data=preprocessor_data,
            preprocessor_path=preprocessor_path,
            pixels=stored_pixels(preprocessor_data),
        )


def checkpoint_folder(folder: Path) -> Path:
    """The folder's absolute path.

    Raises:
        CheckpointError: There is no such folder.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise CheckpointError(
            f"{folder}: not a folder; name the folder that holds {_MODEL_FILE} and config.json"
        )
    return folder


def tensor_files(folder: Path) -> list[Path]:
    """The single file, or the shards of the index in name order."""
    single = folder / _MODEL_FILE
    index = folder / _INDEX_FILE
    if single.is_file():
        return [single]
    if not index.is_file():
        raise CheckpointError(
            f"{folder}: neither {_MODEL_FILE} nor {_INDEX_FILE} is there; download the weights"
        )
    weight_map = read_json_object(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{index}: weight_map is missing; download the file again")
    names = set()
    for name in weight_map.values():
        if (
            not isinstance(name, str)
            or not name
            or name.startswith(".")
            or set(name) & set("/\\\0")
        ):
            raise CheckpointError(f"{index}: {name!r} is not a file name within the folder")
        names.add(name)
    if len(names) > _MAX_SHARDS:
        raise CheckpointError(f"{index}: {len(names)} shards are over the limit of {_MAX_SHARDS}")
    return [folder / name for name in sorted(names)]


def _chat_template(folder: Path) -> str | None:
    path = folder / "chat_template.jinja"
    if path.is_file():
        return read_bytes(path, _MAX_TEMPLATE_BYTES).decode(errors="replace")
    for name in ("chat_template.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            template = read_json_object(folder / name, MAX_TOKENIZER_BYTES).get("chat_template")
            if isinstance(template, str):
                return template
    return None
