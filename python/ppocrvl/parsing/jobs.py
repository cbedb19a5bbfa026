# SPDX-License-Identifier: Apache-2.0
"""From documents to the pages that are to be read, opened and rendered when it is their turn."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ppocrvl.errors import PpocrvlError
from ppocrvl.parsing.page_ranges import parse_page_ranges
from ppocrvl.parsing.parts import NoDocument, PageJob

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from ppocrvl.parsing.sources.source import DocumentSource


def page_jobs(
    documents: Iterable[Callable[[], DocumentSource]], *, pages: str | None = None
) -> Generator[PageJob | NoDocument]:
    """All pages of all documents, each document open until its last page was rendered.

    Args:
        documents: each opens one.
        pages: which pages of each, such as "1-3,7,-1"; None for all.
    """
    for number, open_one in enumerate(documents):
        try:
            with open_one() as source:
                yield from jobs_of(source, number, page_indices(source, pages))
        except PpocrvlError as error:
            yield NoDocument(number, error)


def jobs_of(source: DocumentSource, number: int, indices: Sequence[int]) -> Iterator[PageJob]:
    """Some pages of a document.

    Args:
        source: the document, open until the last of them was rendered.
        number: of the document.
        indices: of the pages, from 0.
    """
    for index in indices:
        yield PageJob(
            document=number,
            name=source.name,
            n_in_document=source.n_pages,
            index=index,
            n_pages=len(indices),
            is_last=index == indices[-1],
            render=partial(source.render, index),
            text_layer=partial(source.text_layer, index),
        )


def page_indices(source: DocumentSource, pages: str | None) -> Sequence[int]:
    """Which pages of a document are meant by a text such as "1-3,7,-1"; all by None.

    Raises:
        OptionError: it is no such text.
        PageError: there is no such page.
    """
    return range(source.n_pages) if pages is None else parse_page_ranges(pages, source.n_pages)
