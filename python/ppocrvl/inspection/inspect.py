# SPDX-License-Identifier: Apache-2.0
"""Everything that `ppocrvl inspect` tells, as one object."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.errors import ModelError
from ppocrvl.inspection.components import Component, component_tree
from ppocrvl.inspection.model_files import ModelPart, read_model
from ppocrvl.inspection.quantizations import Quantization, quantizations
from ppocrvl.inspection.run_memory import RunMemory, check_request, run_memory
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    import os

# A page of A4 at 150 dots per inch.
DEFAULT_IMAGE_SIZE = (1240, 1754)
DEFAULT_MAX_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class InspectedPart:
    """One part with its tree and its quantizations."""

    part: ModelPart
    tree: Component
    quantizations: tuple[Quantization, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What `inspect_model` found.

    Attributes:
        path: what was inspected.
        kind: "checkpoint", "file" or "model".
        parts: LLM, mmproj and, if the folder holds one, the layout model; or the one file.
        memory: of a run, without its layout model; None unless LLM and mmproj are there and there
            is no problem.
        problem: why the files could not be run; None where they can, or for a checkpoint.
    """

    path: Path
    kind: str
    parts: tuple[InspectedPart, ...]
    memory: RunMemory | None
    problem: str | None

    def to_dict(self) -> dict[str, object]:
        """The same as what `json.dumps` takes; sizes in bytes."""
        return {
            "path": str(self.path),
            "kind": self.kind,
            "parts": [_part_dict(inspected) for inspected in self.parts],
            "memory": self.memory
            and {**dataclasses.asdict(self.memory), "total": self.memory.total},
            "problem": self.problem,
        }


def inspect_model(
    path: str | os.PathLike[str],
    *,
    image_size: tuple[int, int] = DEFAULT_IMAGE_SIZE,
    max_tokens: int = DEFAULT_MAX_TOKENS,
) -> Inspection:
    """Tells what a model is made of, what quantizing would save, and what a run would need.

    Reads headers only.

    Args:
        path: a checkpoint folder, a GGUF file, or a folder with an LLM and an mmproj file and
            perhaps a layout model's; the checkpoint or the file may be a layout model's.
        image_size: (width, height) in pixels of the image to estimate the memory for.
        max_tokens: limit of its answer.

    Raises:
        ModelError: there is no such model, or a GGUF file is damaged.
        CheckpointError: the checkpoint is damaged, or of another model.
        OptionError: `image_size` or `max_tokens` is not positive.
        ImageTooThinError: one side is over 200 times the other.
    """
    path = Path(path)
    parts = read_model(path)
    is_checkpoint = parts[0].file_bytes is None
    problem = None if is_checkpoint else _problem(parts)
    check_request(image_size, max_tokens)
    return Inspection(
        path=path,
        kind="checkpoint" if is_checkpoint else "file" if len(parts) == 1 else "model",
        # What is wrong with a file's numbers would make nonsense of what follows from them.
        parts=tuple(
            InspectedPart(part, component_tree(part), () if problem else quantizations(part))
            for part in parts
        ),
        memory=None if problem else run_memory(parts, image_size, max_tokens),
        problem=problem,
    )


def _problem(parts: list[ModelPart]) -> str | None:
    paths = {part.role: str(part.path) for part in parts}
    try:
        if "layout" in paths:
            _native.check_layout(paths["layout"])
        if "llm" in paths and "mmproj" in paths:
            _native.check_pair(paths["llm"], paths["mmproj"])
        elif "mmproj" in paths:
            _native.check_mmproj(paths["mmproj"])
        elif "layout" not in paths:
            _native.check_llm(str(parts[0].path))
    except ModelError as error:
        return str(error)
    return None


def _part_dict(inspected: InspectedPart) -> dict[str, object]:
    part = inspected.part
    return {
        "role": part.role,
        "path": str(part.path),
        "file_bytes": part.file_bytes,
        "sizes": part.sizes and dataclasses.asdict(part.sizes),
        "components": dataclasses.asdict(inspected.tree),
        "quantizations": [dataclasses.asdict(item) for item in inspected.quantizations],
    }
