# SPDX-License-Identifier: Apache-2.0
"""The export of a layout checkpoint to its GGUF file."""

from __future__ import annotations

import os
from pathlib import Path

from ppocrvl.exporter.encode import FileType
from ppocrvl.exporter.gguf_output import PendingGguf
from ppocrvl.exporter.layout.checkpoint import open_layout_checkpoint
from ppocrvl.exporter.layout.metadata import layout_metadata
from ppocrvl.exporter.model_name import check_name, check_revision, hub_name
from ppocrvl.support.output import Progress, make_folder, write_files

StrPath = str | os.PathLike[str]


def export_layout(
    checkpoint_dir: StrPath,
    out_dir: StrPath,
    *,
    layout_type: str = "f32",
    name: str | None = None,
    revision: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Writes `<name>-<TYPE>.gguf` from a PP-DocLayoutV3 or PP-DocLayoutV2 checkpoint.

    The file gets its name when it is complete; an existing file of this name is replaced.

    Args:
        checkpoint_dir: Folder with safetensors, config.json and preprocessor_config.json.
        out_dir: Folder for the result; created if needed.
        layout_type: "f32", "f16", "bf16" or "q8_0": the type of the convolutions and of the
            encoder's matrices. Everything else is float32.
        name: The model's name, in the file name and in `general.name`; by default the folder's.
        revision: The hub's commit of the checkpoint; it is recorded in the file.
        progress: Called with (file name, bytes written, total bytes).

    Returns:
        The path of the file.

    Raises:
        OptionError: An argument is invalid.
        CheckpointError: The checkpoint cannot be exported.
        OutputError: The file cannot be written; nothing is left behind.
    """
    file_type = FileType.parse(layout_type)
    check_name(name)
    check_revision(revision)
    with open_layout_checkpoint(Path(checkpoint_dir)) as checkpoint:
        folder = Path(out_dir)
        known_name = name or hub_name(checkpoint.folder)
        metadata = layout_metadata(
            checkpoint.config,
            checkpoint.tensors,
            file_type,
            checkpoint.folder,
            name=known_name,
            source=(checkpoint.sha256, revision),
        )
        path = folder / f"{known_name or checkpoint.folder.name}-{file_type.name}.gguf"
        make_folder(folder)
        write_files([PendingGguf(path, metadata, checkpoint.tensors, file_type)], progress)
    return path
