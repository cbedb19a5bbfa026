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
    """The result of `inspect_model`.

    Attributes:
        path: what was inspected.
        kind: "checkpoint", "file" or "model".
        parts: LLM, mmproj and, if the folder holds one, the layout model; or the one file.
        memory: memory of a run, without the layout model; None if LLM or mmproj is missing or there
            is a problem.
        problem: why the files cannot be run; None if they can, and for a checkpoint.
    """

    path: Path
    kind: str
    parts: tuple[InspectedPart, ...]
    memory: RunMemory | None
    problem: str | None

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON; sizes in bytes."""
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
    """Report the parts of a model, what quantization would save, and the memory that a run needs.

    Only the headers of the files are read.

    Args:
        path: a checkpoint folder, a GGUF file, or a folder with an LLM file, an mmproj file and
            optionally a layout model. The checkpoint or the file may be that of a layout model.
        image_size: (width, height) in pixels of an image; the memory is estimated for it.
        max_tokens: limit of the answer.

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
