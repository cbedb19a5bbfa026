# SPDX-License-Identifier: Apache-2.0
"""The models that a run of OCRmyPDF reads with, loaded once in a process."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ppocrvl.engine.engine import Engine
from ppocrvl.errors import OptionError
from ppocrvl.models.folder import find_layout, find_model
from ppocrvl.parsing.layouts import open_layout

if TYPE_CHECKING:
    from ppocrvl.parsing.parts import Layout

PREFIX = "ppocrvl_"
"""Of the names of our options among OCRmyPDF's."""
_MOST_PARALLEL = 4
"""Blocks that are read at once."""
_ENGLISH = frozenset(("eng",))


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which models were asked for.

    Attributes:
        model: as `Engine` takes it.
        layout: as `find_layout` takes it.
        threads: CPU threads; 0 for the usual number.
    """

    model: str | None = None
    layout: str | None = None
    threads: int = 0

    @classmethod
    def by(cls, options: Any) -> Chosen:  # noqa: ANN401 - OcrOptions, or what a program gives
        """What OCRmyPDF was told.

        Raises:
            OptionError: the number of threads is none.
        """
        threads = getattr(options, f"{PREFIX}threads", None)
        if threads is not None and not str(threads).isdecimal():
            raise OptionError(f"--ppocrvl-threads must be a whole number, not {threads!r}")
        return cls(
            getattr(options, f"{PREFIX}model", None),
            getattr(options, f"{PREFIX}layout", None),
            int(threads or 0),
        )

    def check(self) -> None:
        """Look for the files.

        Raises:
            ModelError: they are not there.
        """
        find_model(self.model, None)
        find_layout(self.model, self.layout)

    def languages(self) -> frozenset[str]:
        """Those that the model reads, if that is known; empty for a model that may read any."""
        return _ENGLISH if find_model(self.model, None).built_in else frozenset()


class _Loaded:
    """The last models that were asked for."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """For a forked child, which has none of their threads."""
        self._lock = threading.Lock()
        self._chosen: Chosen | None = None
        self._stack = ExitStack()
        self._models: tuple[Engine, Layout] | None = None

    def get(self, chosen: Chosen) -> tuple[Engine, Layout]:
        with self._lock:
            if self._models is None or self._chosen != chosen:
                self._stack.close()
                self._models = None
                layout = self._stack.enter_context(open_layout(chosen.layout, chosen.model))
                engine = Engine(chosen.model, n_parallel=_MOST_PARALLEL, n_threads=chosen.threads)
                self._stack.callback(engine.close)
                self._models, self._chosen = (engine, layout), chosen
            return self._models


_loaded = _Loaded()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_loaded.forget)


def loaded_models(chosen: Chosen) -> tuple[Engine, Layout]:
    """The engine and the layout model, the same ones for every page.

    Raises:
        ModelError: files are missing or damaged.
        EngineError: a model cannot be loaded.
    """
    return _loaded.get(chosen)
