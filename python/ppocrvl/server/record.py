# SPDX-License-Identifier: Apache-2.0
"""What is known of one request while it runs: for its log line, the metrics, and its release."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from ppocrvl.requests.results import Result
    from ppocrvl.server.document_meter import DocumentMeter


@dataclass(slots=True)
class Record:
    """One request.

    Attributes:
        id: goes into the answer's header, the log and the ids of completions.
        started: `perf_counter` of its arrival.
        route: template of the path, "other" where there is none: a label with few values.
        status: of the answer; 499 where the client had gone before it.
        code: of the error, if it was one.
        client_id: what the client calls the request, where an interface has such a name.
        task: what was asked for.
        picture_bytes: of each picture as it came.
        results: the answers so far.
        errors: codes of the pictures that could not be read, where others could.
        document: what was found of one on the way, and how long it took.
        first_piece: seconds to the first piece of text.
        body_read: whether all of the body was taken.
        releases: what to call at the end, however it ends.
    """

    id: str
    method: str
    path: str
    started: float = field(default_factory=perf_counter)
    route: str = "other"
    status: int = 499
    code: str | None = None
    client_id: str | None = None
    task: str | None = None
    picture_bytes: list[int] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    document: DocumentMeter | None = None
    first_piece: float | None = None
    body_read: bool = False
    releases: list[Callable[[], None]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Since its arrival."""
        return perf_counter() - self.started

    def note_piece(self) -> None:
        """A piece of text is there."""
        if self.first_piece is None:
            self.first_piece = self.seconds

    def close(self) -> None:
        """Gives back what the request held."""
        while self.releases:
            self.releases.pop()()


def record_of(request: Request) -> Record:
    """The record that the gate made for this request."""
    record = request.scope["ppocrvl.record"]
    assert isinstance(record, Record)  # noqa: S101
    return record
