# SPDX-License-Identifier: Apache-2.0
"""Which files of which repositories are verified: all by commit, the large ones by hash."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ppocrvl.errors import OptionError
from ppocrvl.exporter.version import OFFICIAL_SHA256, ModelVersion
from ppocrvl.models.pins import LAYOUT_CHECKPOINTS, LAYOUT_V3, PINS

if TYPE_CHECKING:
    from pathlib import Path

WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Source:
    """A repository at a commit.

    Attributes:
        repo: OWNER/NAME.
        revision: the commit.
        sha256: of files by name; others have what the hub states.
    """

    repo: str
    revision: str
    sha256: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Release:
    """A version of the model: its checkpoint, its GGUF pair and its layout model where pinned."""

    version: str
    checkpoint: Source
    gguf: Source | None
    layout: Source | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return asdict(self)


# The revisions that the hashes in ppocrvl/exporter/version.py were taken at.
_CHECKPOINTS = {
    "1.0": ("PaddlePaddle/PaddleOCR-VL", "7fa00a8c55b735ba51ba49a9058f3f9c57a99a11"),
    "1.5": ("PaddlePaddle/PaddleOCR-VL-1.5", "2a4195faa5e7914c12f2fc601d72c81caf8d2da5"),
    "1.6": ("PaddlePaddle/PaddleOCR-VL-1.6", "66317acc4c9fc17bd154591ce650735cd2855f3e"),
}


def official(version: str) -> Release:
    """The official release of this version."""
    repo, revision = _CHECKPOINTS[version]
    weights = {of.value: sha256 for sha256, of in OFFICIAL_SHA256.items()}[version]
    pin = PINS.get(f"{repo}-GGUF")
    pair = {} if pin is None else {file.name: file.sha256 for file in (pin.llm, pin.mmproj)}
    return Release(
        version,
        Source(repo, revision, {WEIGHTS: weights}),
        None if pin is None else Source(f"{repo}-GGUF", pin.revision, pair),
        _layout(version),
    )


def _layout(version: str) -> Source | None:
    """PP-DocLayoutV3; of the V2 that belongs to version 1.0, no hash is known."""
    if version == "1.0":
        return None
    pin = LAYOUT_CHECKPOINTS[LAYOUT_V3]
    return Source(LAYOUT_V3, pin.revision, {pin.weights.name: pin.weights.sha256})


def read_pins(path: Path, version: str) -> Release:
    """Another release, such as a fine-tune, from JSON: what `Release.to_dict` gives.

    Raises:
        OptionError: the file is none of that kind.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Release(
            version,
            Source(**values["checkpoint"]),
            *(
                None if values.get(name) is None else Source(**values[name])
                for name in ("gguf", "layout")
            ),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise OptionError(
            f"{path} gives no pins ({error}); it needs checkpoint, and may have gguf and layout, "
            "each with repo, revision and sha256"
        ) from error


VERSIONS = tuple(one.value for one in ModelVersion)
