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
    """A pair of files at one commit."""

    revision: str
    llm: PinnedFile
    mmproj: PinnedFile


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
    ),
}
"""Repository -> what `ppocrvl pull` fetches and checks when no other revision is asked for."""
