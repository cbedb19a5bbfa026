# SPDX-License-Identifier: Apache-2.0
"""The stages one after the other, in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppocrvl.batch.assembling import Assembling
from ppocrvl.batch.listing import list_documents
from ppocrvl.batch.opening import Opening
from ppocrvl.batch.reading import PageReader, reader_of
from ppocrvl.support.batched import batched

if TYPE_CHECKING:
    from collections.abc import Generator

    from ppocrvl.batch.rows import Row
    from ppocrvl.batch.settings import Settings

RUN = "local"
"""Of attempts: a page that ends this process is found out by the next runs."""
_PAGES_TOGETHER = 32
"""That go from stage to stage."""


def run_here(settings: Settings, *, n_threads: int = 0) -> Generator[Row]:
    """Reads a corpus.

    Args:
        settings: of the run; its manifest is owned.
        n_threads: CPU threads; 0: as the engine chooses.

    Yields:
        The rows of the last stage.

    Raises:
        PpocrvlError: a model cannot be loaded, or the output cannot be written.
    """
    open_all, assemble = Opening(settings), Assembling(settings)
    # Never closed: the process ends right after, and closing would wait for a step that still runs.
    reader = reader_of(settings, n_threads)
    read = PageReader(settings, reader.parts, RUN)
    rows = open_all(list_documents(settings.inputs, settings.base))
    for some in batched(rows, _PAGES_TOGETHER):
        yield from assemble(read(some))
