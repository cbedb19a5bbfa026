# SPDX-License-Identifier: Apache-2.0
"""The export of a checkpoint to one GGUF file or to both."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ppocrvl.errors import OptionError
from ppocrvl.exporter.checkpoint import Checkpoint, open_checkpoint
from ppocrvl.exporter.encode import FileType
from ppocrvl.exporter.gguf_output import PendingGguf
from ppocrvl.exporter.llm import llm_metadata
from ppocrvl.exporter.metadata import Provenance
from ppocrvl.exporter.mmproj import mmproj_metadata
from ppocrvl.exporter.model_name import check_name, check_revision, hub_name
from ppocrvl.exporter.modelfile import ollama_modelfile
from ppocrvl.exporter.preprocessor import Preprocessor, parse_preprocessor
from ppocrvl.exporter.version import ModelVersion, detect_version
from ppocrvl.support.output import PendingFile, Progress, TextFile, make_folder, write_files

StrPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class ExportResult:
    """Paths of the files written."""

    llm: Path
    mmproj: Path
    modelfile: Path | None = None


def export(
    checkpoint_dir: StrPath,
    out_dir: StrPath,
    *,
    llm_type: str = "bf16",
    mmproj_type: str = "bf16",
    name: str | None = None,
    model_version: str | None = None,
    revision: str | None = None,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    modelfile: bool = False,
    progress: Progress | None = None,
) -> ExportResult:
    """Writes `<name>-<TYPE>.gguf` and `mmproj-<name>-<TYPE>.gguf`.

    The files get their names when all are complete; existing files of these names are replaced.

    Args:
        checkpoint_dir: Folder with safetensors, config.json, tokenizer and preprocessor files.
        out_dir: Folder for the result; created if needed.
        llm_type: "f32", "f16", "bf16" or "q8_0".
        mmproj_type: Likewise.
        name: The model's name, in the file names and in `general.name`; by default the folder's.
        model_version: "1.0", "1.5" or "1.6"; by default detected from the checkpoint.
        revision: The hub's commit of the checkpoint; it is recorded in the files.
        min_pixels: Least area of the resized image, instead of the preprocessor configuration's.
        max_pixels: Largest area, likewise.
        modelfile: Also write a `Modelfile` for Ollama; this was not tested with Ollama.
        progress: Called with (file name, bytes written, total bytes).

    Raises:
        OptionError: An argument is invalid.
        CheckpointError: The checkpoint cannot be exported.
        OutputError: The files cannot be written; nothing is left behind.
    """
    llm_file_type, mmproj_file_type = FileType.parse(llm_type), FileType.parse(mmproj_type)
    plan = _Plan(name, model_version, revision, min_pixels, max_pixels)
    with open_checkpoint(Path(checkpoint_dir)) as checkpoint:
        folder = Path(out_dir)
        stem = plan.name(checkpoint) or checkpoint.folder.name
        llm = plan.llm(checkpoint, folder / f"{stem}-{llm_file_type.name}.gguf", llm_file_type)
        mmproj = plan.mmproj(
            checkpoint, folder / f"mmproj-{stem}-{mmproj_file_type.name}.gguf", mmproj_file_type
        )
        files: list[PendingFile] = [llm, mmproj]
        if modelfile:
            text = ollama_modelfile(llm.path.name, mmproj.path.name, plan.version(checkpoint))
            files.append(TextFile(folder / "Modelfile", text))
        make_folder(folder)
        write_files(files, progress)
    return ExportResult(llm.path, mmproj.path, files[2].path if modelfile else None)


def export_llm(
    checkpoint_dir: StrPath,
    out_file: StrPath,
    *,
    file_type: str = "bf16",
    name: str | None = None,
    model_version: str | None = None,
    revision: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Writes the LLM file alone; arguments and errors as for `export`."""
    kind = FileType.parse(file_type)
    plan = _Plan(name, model_version, revision)
    with open_checkpoint(Path(checkpoint_dir)) as checkpoint:
        path = Path(out_file)
        write_files([plan.llm(checkpoint, path, kind)], progress)
    return path


def export_mmproj(
    checkpoint_dir: StrPath,
    out_file: StrPath,
    *,
    file_type: str = "bf16",
    name: str | None = None,
    model_version: str | None = None,
    revision: str | None = None,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Writes the mmproj file alone; arguments and errors as for `export`."""
    kind = FileType.parse(file_type)
    plan = _Plan(name, model_version, revision, min_pixels, max_pixels)
    with open_checkpoint(Path(checkpoint_dir)) as checkpoint:
        path = Path(out_file)
        write_files([plan.mmproj(checkpoint, path, kind)], progress)
    return path


class _Plan:
    """The options that are not about files, checked before anything is read."""

    def __init__(
        self,
        name: str | None,
        model_version: str | None,
        revision: str | None,
        min_pixels: int | None = None,
        max_pixels: int | None = None,
    ) -> None:
        check_name(name)
        check_revision(revision)
        for limit in (min_pixels, max_pixels):
            if limit is not None and limit < 1:
                raise OptionError(f"a pixel limit of {limit} is not positive")
        if min_pixels is not None and max_pixels is not None and min_pixels > max_pixels:
            raise OptionError(f"min_pixels {min_pixels} is above max_pixels {max_pixels}")
        self._name = name
        self._version = None if model_version is None else ModelVersion.parse(model_version)
        self._revision = revision
        self._min_pixels = min_pixels
        self._max_pixels = max_pixels

    def name(self, checkpoint: Checkpoint) -> str | None:
        """What the user or the hub calls the model; None leaves it to the folder's name."""
        return self._name or hub_name(checkpoint.folder)

    def llm(self, checkpoint: Checkpoint, path: Path, file_type: FileType) -> PendingGguf:
        metadata = llm_metadata(
            checkpoint, file_type, self.name(checkpoint), self._provenance(checkpoint)
        )
        return PendingGguf(path, metadata, checkpoint.llm, file_type)

    def mmproj(self, checkpoint: Checkpoint, path: Path, file_type: FileType) -> PendingGguf:
        provenance = self._provenance(checkpoint)
        metadata = mmproj_metadata(
            checkpoint,
            self._preprocessor(checkpoint, provenance.version),
            file_type,
            self.name(checkpoint),
            provenance,
        )
        return PendingGguf(path, metadata, checkpoint.mmproj, file_type)

    def version(self, checkpoint: Checkpoint) -> ModelVersion:
        return self._version or detect_version(
            checkpoint.sha256, checkpoint.template, checkpoint.pixels
        )

    def _provenance(self, checkpoint: Checkpoint) -> Provenance:
        return Provenance(self.version(checkpoint), checkpoint.sha256, self._revision)

    def _preprocessor(self, checkpoint: Checkpoint, version: ModelVersion) -> Preprocessor:
        low, high = checkpoint.pixels or version.default_pixels
        return parse_preprocessor(
            checkpoint.preprocessor_data,
            checkpoint.preprocessor_path,
            (
                low if self._min_pixels is None else self._min_pixels,
                high if self._max_pixels is None else self._max_pixels,
            ),
        )
