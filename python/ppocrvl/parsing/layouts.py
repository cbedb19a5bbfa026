# SPDX-License-Identifier: Apache-2.0
"""Which layout a caller means."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ppocrvl.layout.layout import Layout as LayoutModel
from ppocrvl.models.folder import find_layout
from ppocrvl.parsing.parts import Layout, WholePage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ppocrvl.models.folder import PathLike


@contextmanager
def open_layout(layout: PathLike | Layout | None, model: PathLike | None) -> Iterator[Layout]:
    """A layout, closed in the end if it was opened here.

    Args:
        layout: one, or what `find_layout` takes.
        model: likewise.

    Raises:
        ModelError: there is no such model, or it is damaged.
        EngineError: it cannot be loaded.
    """
    if isinstance(layout, Layout):
        yield layout
        return
    path = find_layout(model, layout)
    if path is None:
        yield WholePage()
        return
    with LayoutModel(path) as found:
        yield found
