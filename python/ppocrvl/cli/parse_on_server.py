# SPDX-License-Identifier: Apache-2.0
"""Pages that a server reads, as the commands for documents take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from ppocrvl.errors import OptionError, PageError, PpocrvlError, ServerAccessError, ServerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ppocrvl.cli.parse_inputs import Input
    from ppocrvl.client import Client
    from ppocrvl.document.document import Page
    from ppocrvl.parsing.parts import NoDocument, PageRead


def pages_on_server(
    client: Client, inputs: Sequence[Input], options: Mapping[str, Any]
) -> Iterator[PageRead | NoDocument]:
    """The pages of all documents in their order, one document after the other.

    Args:
        client: of the server.
        inputs: the documents.
        options: of `Client.parse_pages`.

    Raises:
        ServerAccessError: there is no way to the server.
        OptionError: an option cannot be asked for.
    """
    from ppocrvl.parsing.parts import NoDocument

    for number, one in enumerate(inputs):
        try:
            yield from _pages_of(client, number, one, options)
        except (ServerAccessError, OptionError):
            raise  # it would be so for every document
        except PpocrvlError as error:
            yield NoDocument(number, error)


def _pages_of(
    client: Client, number: int, one: Input, options: Mapping[str, Any]
) -> Iterator[PageRead]:
    from ppocrvl.parsing.parts import PageJob, PageRead

    if isinstance(one.found, PpocrvlError):
        raise one.found
    with client.parse_pages(one.found, **options) as pages:
        for count, page in enumerate(pages, 1):
            job = PageJob(
                document=number,
                name=one.name,
                n_in_document=pages.n_pages,
                index=page.index,
                n_pages=pages.n_read,
                is_last=count == pages.n_read,
                render=_no_pixels,
            )
            yield PageRead(job, page, tuple(_errors(page)))


def _errors(page: Page) -> Iterator[PpocrvlError]:
    """What failed on a page, of which the server gives the messages alone."""
    if page.error is not None:
        yield PageError(page.error)
    yield from (ServerError(block.error) for block in page.blocks if block.error is not None)


def _no_pixels() -> NoReturn:
    raise PageError("this page was rendered on a server")
