# SPDX-License-Identifier: Apache-2.0
"""Loading what a server reads with, as its limits ask for it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ppocrvl.engine.engine import Engine
from ppocrvl.errors import ModelError
from ppocrvl.layout.layout import Layout as LayoutModel
from ppocrvl.models.folder import find_layout
from ppocrvl.parsing.parts import WholePage
from ppocrvl.server.lifecycle import Models
from ppocrvl.server.logs import LOGGER

if TYPE_CHECKING:
    from collections.abc import Callable

    from ppocrvl.models.folder import PathLike
    from ppocrvl.parsing.parts import Layout
    from ppocrvl.server.server_limits import ServerLimits

MOST_BLOCKS = 1024
"""Of one document that may wait in the engine: those of a page, and what the window holds."""


def layout_opener(
    model: PathLike | None, layout: PathLike | None, tell: Callable[[str], None]
) -> Callable[[], Layout] | None:
    """What loads the layout model; None, which is told, where there is none.

    Raises:
        ModelError: the one that was named cannot be had.
    """
    try:
        path = find_layout(model, layout)
    except ModelError as error:
        if layout is not None:
            raise
        tell(f"documents are not read: {error}; --layout names one")
        return None
    return WholePage if path is None else partial(LayoutModel, path)


def load_models(
    model: PathLike | None,
    open_layout: Callable[[], Layout] | None,
    limits: ServerLimits,
    *,
    n_parallel: int,
    **engine: Any,  # noqa: ANN401 - keywords of Engine
) -> Models:
    """Load the engine and the layout model.

    Args:
        model: as for `Engine`.
        open_layout: loads the layout model; None for no documents.
        limits: of the server.
        n_parallel: images that decode together.
        engine: further keywords of `Engine`.

    Raises:
        PpocrvlError: a model cannot be loaded.
    """
    loaded = Engine(
        model,
        n_parallel=n_parallel,
        max_image_pixels=limits.max_image_pixels,
        # The server counts who is inside. Beyond those and its own probe nobody waits outside
        # the engine, which would take a thread.
        max_waiting=n_parallel + limits.max_waiting + 1 + limits.max_documents * MOST_BLOCKS,
        **engine,
    )
    for line in loaded.notes:
        LOGGER.warning("%s", line)
    return Models(loaded, None if open_layout is None else open_layout())
