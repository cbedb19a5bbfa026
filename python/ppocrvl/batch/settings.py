# SPDX-License-Identifier: Apache-2.0
"""What a run over a corpus is told: the same for all of its stages, on all nodes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ppocrvl.document.folder import Ways
from ppocrvl.document.writers.formats import format_named
from ppocrvl.errors import ModelError, ModelMismatchError
from ppocrvl.models.folder import NO_LAYOUT, find_layout, find_model
from ppocrvl.support.hashing import sha256_of_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ppocrvl.document.writers.formats import Format
    from ppocrvl.models.folder import PathLike
    from ppocrvl.parsing.parse_options import ParseOptions

_NOT_OF_ANSWERS = ("n_threads", "encode_threads", "kv_tokens", "mmproj")
"""Options of an engine that do not change what it answers, or are files that have a hash."""


@dataclass(frozen=True)
class Models:
    """The files that read pages, with the SHA-256 that they have where the run was started.

    Attributes:
        llm: of the language model.
        mmproj: of the vision encoder.
        layout: of the layout model; None: each page is one block.
        hashes: of these, in this order.
        built_in: whether they come with the package.
    """

    llm: Path
    mmproj: Path
    layout: Path | None
    hashes: tuple[str, ...]
    built_in: bool

    @classmethod
    def find(
        cls,
        model: PathLike | None = None,
        *,
        mmproj: PathLike | None = None,
        layout: PathLike | None = None,
    ) -> Models:
        """Find the files, and read each once for its hash.

        Args:
            model: as for `find_model`.
            mmproj: likewise.
            layout: as for `find_layout`.

        Raises:
            ModelError: a file is missing, or there are several.
            OptionError: an empty path.
        """
        pair, found = find_model(model, mmproj), find_layout(model, layout)
        files = [pair.llm, pair.mmproj, *([] if found is None else [found])]
        hashes = tuple(map(sha256_of_file, files))
        return cls(pair.llm, pair.mmproj, found, hashes, pair.built_in)

    @property
    def layout_option(self) -> PathLike:
        """As `open_layout` takes it."""
        return self.layout or NO_LAYOUT

    def here(self) -> Models:
        """The same files on this machine, where those that come with a package may lie elsewhere.

        Raises:
            ModelError: one is not there.
            ModelMismatchError: they are not the same.
        """
        layout = None if self.built_in and self.layout is not None else self.layout_option
        found = (
            Models.find(layout=layout)
            if self.built_in
            else Models.find(self.llm, mmproj=self.mmproj, layout=layout)
        )
        if found.hashes != self.hashes:
            raise ModelMismatchError(
                f"{found.llm.parent} holds other model files than the machine where the run was "
                "started; copy them again"
            )
        return found


@dataclass(frozen=True)
class Settings:
    """All that decides on a run's output, and how its workers read.

    Attributes:
        inputs: as they were given.
        base: where relative ones begin, absolute.
        folder: of the output, absolute; all nodes must have it.
        models: what reads pages.
        options: how documents are read.
        engine: keywords of `Engine` besides its files, `n_threads` and `n_parallel`.
        n_parallel: blocks that a worker reads at once.
        formats: names of the formats that documents are written in.
        ways: of Markdown.
        tables: write rows of pages and documents as Parquet.
    """

    inputs: tuple[str, ...]
    base: Path
    folder: Path
    models: Models
    options: ParseOptions
    engine: Mapping[str, Any] = field(default_factory=dict)
    n_parallel: int = 4
    formats: tuple[str, ...] = ("md",)
    ways: Ways = field(default_factory=lambda: Ways(figures="files", style="commonmark"))
    tables: bool = True

    @property
    def page_images(self) -> bool:
        """Whether a format shows the pages."""
        return any(form.shows_pages for form in self.known_formats)

    @property
    def known_formats(self) -> Sequence[Format]:
        """The formats themselves.

        Raises:
            OptionError: there is no such format.
            MissingExtraError: a package is not installed.
        """
        return [format_named(name) for name in self.formats]

    @cached_property
    def reading(self) -> dict[str, Any]:
        """What answers depend on besides the documents, as JSON; the password is left out."""
        options = dataclasses.asdict(self.options)
        for name in ("password", "pages"):
            del options[name]
        engine = {k: v for k, v in self.engine.items() if k not in _NOT_OF_ANSWERS}
        return {
            "ppocrvl": version("ppocrvl"),
            "model": list(self.models.hashes),
            "options": json.loads(json.dumps(options, sort_keys=True, default=repr)),
            "engine": engine,
        }

    @cached_property
    def reading_key(self) -> str:
        """Of `reading`, in hexadecimal digits."""
        return digest("reading", self.reading)

    @cached_property
    def writing_key(self) -> str:
        """Of what the files of a document depend on besides its pages."""
        return digest("writing", [self.formats, dict(self.ways), self.options.pages])


def digest(*values: object) -> str:
    """SHA-256 of plain values, in hexadecimal digits."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def node_trouble(models: Models, version_there: str) -> str | None:
    """Why a machine cannot take part, as it finds it itself; None where it can.

    Args:
        models: of the run.
        version_there: of ppocrvl where the run was started.
    """
    here = version("ppocrvl")
    if here != version_there:
        return f"has ppocrvl {here}, and not {version_there}; install the same"
    try:
        models.here()
    except (ModelError, OSError) as error:
        return str(error)
    return None
