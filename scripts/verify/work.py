# SPDX-License-Identifier: Apache-2.0
"""What every step knows: where things are, and how much is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppocrvl.models.checkpoint import layout_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from verify.official import Release


class SkippedError(Exception):
    """The step cannot be done here; the message says what it needs."""


class DiffersError(Exception):
    """The step was done, and what it compares is not equal.

    Args:
        message: what differs, in one line.
        values: what was found.
    """

    def __init__(self, message: str, values: Mapping[str, object]) -> None:
        super().__init__(message)
        self.values = values


@dataclass(frozen=True, slots=True)
class Work:
    """One verification.

    Attributes:
        root: folder of the project.
        folder: everything is put here.
        release: what is verified.
        n_pictures: compared with the reference.
        n_pages: read and measured with.
        max_tokens: of an answer.
        threads: for reading; 0 for the engine's choice.
        llama_server: the program, if it was named or found.
    """

    root: Path
    folder: Path
    release: Release
    n_pictures: int
    n_pages: int
    max_tokens: int
    threads: int
    llama_server: Path | None

    @property
    def checkpoint(self) -> Path:
        """The folder with the weights; its name becomes the model's."""
        return self.folder / "checkpoint" / self.release.checkpoint.repo.rpartition("/")[2]

    @property
    def official(self) -> Path:
        """The official GGUF pair."""
        return self.folder / "official"

    @property
    def exported(self) -> Path:
        """Our pair, in the official one's types."""
        return self.folder / "exported"

    @property
    def exact(self) -> Path:
        """Our pair in f32."""
        return self.folder / "exported-f32"

    @property
    def pages(self) -> Path:
        """The drawn pages, as a data set."""
        return self.folder / "pages"

    @property
    def layout_checkpoint(self) -> Path:
        """The folder with the layout model's weights, under the model's name."""
        assert self.release.layout is not None
        name = layout_name(self.release.layout.repo)
        return self.folder / "layout-checkpoint" / name

    @property
    def layout(self) -> Path:
        """The exported layout model."""
        return self.folder / "layout"

    def quantized(self, preset: str) -> Path:
        """Our pair in fewer bits."""
        return self.folder / f"quantized-{preset}"
