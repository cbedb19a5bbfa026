# SPDX-License-Identifier: Apache-2.0
"""The quantization of an exported pair."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppocrvl.errors import OptionError
from ppocrvl.models.folder import find_model
from ppocrvl.quantizer.importance import check_importance, read_importance
from ppocrvl.quantizer.plan import can_be_kept, plan_tensors
from ppocrvl.quantizer.presets import DEFAULT_PRESET, PRESETS, find_preset
from ppocrvl.quantizer.rewrite import Rewrite
from ppocrvl.quantizer.schemes import (
    FLOATS,
    LLM_SCHEMES,
    MMPROJ_SCHEMES,
    ModelShape,
    Scheme,
    find_scheme,
)
from ppocrvl.quantizer.source import GgufSource
from ppocrvl.support.native import _native
from ppocrvl.support.output import Progress, make_folder, write_files

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from ppocrvl.models.folder import PathLike

MOST_THREADS = 1024
_PREFIX = {"llm": "", "mmproj": "mmproj-"}
_TYPE_IN_NAME = re.compile(rf"[-.](F32|F16|BF16|I?Q\d\w*|{'|'.join(PRESETS)})$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class QuantizedTensor:
    """How a tensor was quantized.

    Attributes:
        name: its name in both files.
        shape: its shape in the new file, in ggml's order: the row length comes first.
        source_type: type in the old file.
        type: type in the new file.
        wanted: type that the quantization specifies. It differs from `type` if the row length is
            not a multiple of its block size.
        n_bytes: size of the new data.
        relative_error: norm of the change, divided by the norm of the old values.
        weighted_error: the same with each column weighted by its importance, as an estimate of the
            error of the layer's output; None without an importance matrix.
    """

    name: str
    shape: tuple[int, ...]
    source_type: str
    type: str
    wanted: str
    n_bytes: int
    relative_error: float
    weighted_error: float | None = None


@dataclass(frozen=True, slots=True)
class QuantizedFile:
    """A written file.

    Attributes:
        path: the file.
        scheme: name of the quantization.
        source_bytes: size of the old file.
        n_bytes: size of the new file.
        tensors: in file order.
    """

    path: Path
    scheme: str
    source_bytes: int
    n_bytes: int
    tensors: tuple[QuantizedTensor, ...]


@dataclass(frozen=True, slots=True)
class QuantizeResult:
    """The two files that were written."""

    llm: QuantizedFile
    mmproj: QuantizedFile

    def to_dict(self) -> dict[str, Any]:
        """All of it for JSON; sizes in bytes."""
        found = dataclasses.asdict(self)
        for part in ("llm", "mmproj"):
            found[part]["path"] = str(found[part]["path"])
        return found


def quantize(
    model: PathLike,
    out_dir: str | os.PathLike[str],
    *,
    preset: str | None = None,
    llm_type: str | None = None,
    mmproj_type: str | None = None,
    imatrix: str | os.PathLike[str] | None = None,
    keep: Mapping[str, str] | None = None,
    allow_requantize: bool = False,
    n_threads: int = 0,
    progress: Progress | None = None,
    llm: str | None = None,
    mmproj: str | None = None,
) -> QuantizeResult:
    """Writes `<name>-<LLM>.gguf` and `mmproj-<name>-<MMPROJ>.gguf`.

    Both files get their names when both are complete; existing files of these names are replaced.
    The tensors of the language model are byte-identical to those of llama-quantize. Without
    `preset`, `llm_type` and `mmproj_type`, the preset is "balanced".

    Args:
        model: folder with both files, or the LLM file with the mmproj file next to it.
        out_dir: folder for the result; created if needed.
        preset: "small", "balanced" or "quality": a mixture of types for both files, also used in
            the file names. It excludes the next two.
        llm_type: "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", ... or a float type; "Q4_K_M" if only
            `mmproj_type` is given.
        mmproj_type: "Q8_0", "Q6_K", "Q5_K", "Q4_K", "Q4_0", ... or a float type; "Q8_0" if only
            `llm_type` is given.
        imatrix: importance matrix: a file that `imatrix` or llama-imatrix wrote for this model.
            Types with less than three bits require it; types with four bits get better with it.
        keep: types of single tensors by name pattern, such as {"v.blk.0.*": "BF16"}, as in
            `fnmatch`. Patterns apply to both files; the last one that matches is used. Norms,
            biases, patch and position embedding are never changed.
        allow_requantize: accept files that are already quantized; their error adds to the new one.
        n_threads: number of threads; 0 for the number of cores.
        progress: called with (file name, bytes written, total bytes).
        llm: deprecated, the old name of `llm_type`.
        mmproj: deprecated, the old name of `mmproj_type`.

    Raises:
        OptionError: an argument is invalid, or the files are already quantized.
        ModelNotFoundError: there is no such model.
        ModelFormatError: a file is damaged, or has values that the type cannot represent.
        ModelMismatchError: the files are of different models, or the importance matrix is of
            another model.
        OutputError: the files cannot be written; nothing is left behind.
    """
    if llm is not None or mmproj is not None:
        warnings.warn(
            "quantize() takes llm_type and mmproj_type, as export() does; llm and mmproj will go",
            DeprecationWarning,
            stacklevel=2,
        )
    schemes = _schemes(preset, llm_type or llm, mmproj_type or mmproj)
    for role, scheme in schemes.items():
        if scheme.needs_importance and imatrix is None:
            raise OptionError(
                f"{role} {scheme.name} needs an importance matrix: make one with ppocrvl imatrix, "
                "and give it as imatrix"
            )
    if not 0 <= n_threads <= MOST_THREADS:
        raise OptionError(f"n_threads {n_threads} is not from 0 to {MOST_THREADS}")
    paths = find_model(model)
    _native.check_pair(str(paths.llm), str(paths.mmproj))
    sources = {"llm": GgufSource(paths.llm), "mmproj": GgufSource(paths.mmproj)}
    if not allow_requantize:
        for source in sources.values():
            _refuse_quantized(source)
    importance = (
        None
        if imatrix is None
        else check_importance(read_importance(imatrix), list(sources.values()), str(imatrix))
    )
    folder = Path(out_dir)
    kept = _keep_by_role(keep or {}, sources)
    files = {
        role: Rewrite(
            folder / f"{_PREFIX[role]}{_stem(source.path)}-{schemes[role].name}.gguf",
            source,
            schemes[role],
            plan_tensors(
                source.tensors,
                schemes[role],
                _shape(source, has_importance=importance is not None),
                kept[role],
            ),
            n_threads,
            importance,
        )
        for role, source in sources.items()
    }
    for file in files.values():
        for source in sources.values():
            if file.path.exists() and file.path.samefile(source.path):
                raise OptionError(
                    f"{file.path} would replace its own source; choose another folder"
                )
    make_folder(folder)
    write_files(list(files.values()), progress)
    return QuantizeResult(_report(files["llm"]), _report(files["mmproj"]))


def _schemes(preset: str | None, llm: str | None, mmproj: str | None) -> dict[str, Scheme]:
    if preset is not None and (llm is not None or mmproj is not None):
        raise OptionError(
            "a preset says what both files get; give either preset, or llm_type and mmproj_type"
        )
    if llm is None and mmproj is None:
        found = find_preset(preset or DEFAULT_PRESET)
        return {"llm": found.llm, "mmproj": found.mmproj}
    return {
        "llm": find_scheme(llm or "Q4_K_M", LLM_SCHEMES, "llm"),
        "mmproj": find_scheme(mmproj or "Q8_0", MMPROJ_SCHEMES, "mmproj"),
    }


def _refuse_quantized(source: GgufSource) -> None:
    found = sorted({tensor.type for tensor in source.tensors} - set(FLOATS))
    if found:
        raise OptionError(
            f"{source.path} holds {found[0]} already; start from a BF16 or F32 file, or allow it "
            "with allow_requantize"
        )


def _keep_by_role(
    keep: Mapping[str, str], sources: Mapping[str, GgufSource]
) -> dict[str, dict[str, str]]:
    """The patterns for each file.

    Raises:
        OptionError: a pattern matches nothing in either that is ever quantized.
    """
    found: dict[str, dict[str, str]] = {role: {} for role in sources}
    for pattern, kind in keep.items():
        roles = [
            role
            for role, source in sources.items()
            if any(fnmatch.fnmatchcase(t.name, pattern) and can_be_kept(t) for t in source.tensors)
        ]
        if not roles:
            raise OptionError(
                f"{pattern!r} matches no tensor that is ever quantized; a report lists all names"
            )
        for role in roles:
            found[role][pattern] = kind
    return found


def _shape(source: GgufSource, *, has_importance: bool) -> ModelShape:
    if source.role != "llm":
        n_layer = source.number("clip.vision.block_count")
        return ModelShape(n_layer=n_layer, has_importance=has_importance)
    n_head = source.number("paddleocr.attention.head_count")
    return ModelShape(
        n_layer=source.number("paddleocr.block_count"),
        group=n_head // source.number("paddleocr.attention.head_count_kv", n_head),
        is_tied=all(tensor.name != "output.weight" for tensor in source.tensors),
        has_importance=has_importance,
    )


def _stem(path: Path) -> str:
    """The model's name: that of the file without "mmproj-", type and ".gguf"."""
    return _TYPE_IN_NAME.sub("", path.stem.removeprefix(_PREFIX["mmproj"]))


def _report(file: Rewrite) -> QuantizedFile:
    return QuantizedFile(
        path=file.path,
        scheme=file.scheme.name,
        source_bytes=file.source.path.stat().st_size,
        n_bytes=file.path.stat().st_size,
        tensors=tuple(
            QuantizedTensor(
                tensor.name,
                tensor.shape,
                tensor.source_type,
                tensor.type,
                tensor.wanted,
                tensor.n_bytes,
                error,
                weighted,
            )
            for tensor, error, weighted in zip(
                file.tensors, file.errors, file.weighted_errors, strict=True
            )
        ),
    )
