# SPDX-License-Identifier: Apache-2.0
"""The models that are known byte by byte."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """One file of a repository: its name, bytes and SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Pin:
    """A pair of files at one commit, and the repository of the layout model that goes with it."""

    revision: str
    llm: PinnedFile
    mmproj: PinnedFile
    layout: str | None = None


@dataclass(frozen=True, slots=True)
class CheckpointPin:
    """The weights of a checkpoint at one commit; the configurations beside them are small."""

    revision: str
    weights: PinnedFile


LAYOUT_V3 = "PaddlePaddle/PP-DocLayoutV3_safetensors"

PINS = {
    "PaddlePaddle/PaddleOCR-VL-1.6-GGUF": Pin(
        revision="511b09642bb324401f15f97cc23bc67e8f0a291d",
        llm=PinnedFile(
            name="PaddleOCR-VL-1.6-GGUF.gguf",
            size=935_769_056,
            sha256="f3ae46ec885050acf4b3d31944431e1fd90d50664fb09126af4a3c050ba14ee8",
        ),
        mmproj=PinnedFile(
            name="PaddleOCR-VL-1.6-GGUF-mmproj.gguf",
            size=881_770_560,
            sha256="204d757d7610d9b3faab10d506d69e5b244e32bf765e2bab2d0167e65e0a058a",
        ),
        layout=LAYOUT_V3,
    ),
}
"""Repository -> what `ppocrvl pull` fetches and checks when no other revision is asked for."""

LAYOUT_CHECKPOINTS = {
    LAYOUT_V3: CheckpointPin(
        revision="97d101e6db2642e162a1d05392d1b0231c91033e",
        weights=PinnedFile(
            name="model.safetensors",
            size=133_270_468,
            sha256="5ea422c6cc5fe759a47e1357c35639b58173508e025a3131cbe4b6ac59e2b85e",
        ),
    ),
}
"""Repository -> the layout model's checkpoint that is exported after it was fetched."""
