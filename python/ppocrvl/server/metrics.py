# SPDX-License-Identifier: Apache-2.0
"""What the server counts, in Prometheus' format."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ppocrvl.requests.results import Result
    from ppocrvl.server.admission import Admission
    from ppocrvl.server.record import Record

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_STAGES = ("preprocess", "queue", "encode", "prefill", "decode")
_OF_DOCUMENTS = ("open", "render", "layout")


class Metrics:
    """The counters of one server, in a registry of their own."""

    def __init__(self, pictures: Admission, pages: Admission) -> None:
        """Count from zero.

        Args:
            pictures: that are read or wait now.
            pages: likewise, of documents.
        """
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)  # memory, processor time, open files (Linux)
        self._requests = Counter(
            "ppocrvl_requests", "Requests", ("route", "status"), registry=self._registry
        )
        self._request_seconds = Histogram(
            "ppocrvl_request_seconds", "From arrival to the end of the answer", ("route",),
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._first_piece = Histogram(
            "ppocrvl_first_piece_seconds", "From arrival to the first piece of a stream",
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._pictures = Counter(
            "ppocrvl_pictures",
            "Images and blocks read",
            ("task", "finish_reason"),
            registry=self._registry,
        )
        self._errors = Counter(
            "ppocrvl_errors", "Errors answered", ("code",), registry=self._registry
        )
        self._stages = Histogram(
            "ppocrvl_stage_seconds",
            "A stage of reading an image or block (preprocess to decode), of a page (render, "
            "layout) or of a document (open)",
            ("stage",), buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        for stage in (*_STAGES, *_OF_DOCUMENTS):
            self._stages.labels(stage)
        self._pages = Counter(
            "ppocrvl_pages", "Pages of documents read", ("outcome",), registry=self._registry
        )
        self._regions = Counter(
            "ppocrvl_regions", "Regions on those pages", ("label",), registry=self._registry
        )
        self._tokens = Counter(
            "ppocrvl_tokens", "Tokens of prompts (images included) and answers", ("kind",),
            registry=self._registry,
        )  # fmt: skip
        self._drafted = Counter(
            "ppocrvl_drafted_tokens", "Tokens of drafts that were right, or not", ("result",),
            registry=self._registry,
        )  # fmt: skip
        self._encoded = Counter(
            "ppocrvl_image_cache", "Images found encoded, or not", ("result",),
            registry=self._registry,
        )  # fmt: skip
        for name, what, line in (
            ("pictures", "Pictures", pictures),
            ("pages", "Pages of documents", pages),
        ):
            inside = Gauge(
                f"ppocrvl_{name}_inside", f"{what} that are read or wait", registry=self._registry
            )
            inside.set_function(partial(getattr, line, "inside"))
            limit = Gauge(f"ppocrvl_{name}_limit", "Most of them", registry=self._registry)
            limit.set(line.limit)

    def observe(self, record: Record) -> None:
        """Count a request that has ended."""
        self._requests.labels(record.route, str(record.status)).inc()
        self._request_seconds.labels(record.route).observe(record.seconds)
        if record.first_piece is not None:
            self._first_piece.observe(record.first_piece)
        for code in (*([record.code] if record.code else []), *record.errors):
            self._errors.labels(code).inc()
        for result in record.results:
            self.observe_result(record.task or "", result)

    def observe_page(self, labels: Mapping[str, int], *, failed: bool) -> None:
        """Count a page of a document and its regions.

        Args:
            labels: how many regions of each.
            failed: whether anything on it could not be read.
        """
        self._pages.labels("failed" if failed else "read").inc()
        for label, count in labels.items():
            self._regions.labels(label).inc(count)

    def observe_stage(self, stage: str, seconds: float) -> None:
        """Count a stage; from any thread."""
        self._stages.labels(stage).observe(seconds)

    def observe_result(self, task: str, result: Result) -> dict[str, float]:
        """Count a picture or block that was read, from any thread; gives the seconds by stage."""
        self._pictures.labels(task, result.finish_reason).inc()
        timings = result.timings
        stages = {stage: float(getattr(timings, stage)) for stage in _STAGES}
        for stage, seconds in stages.items():
            self.observe_stage(stage, seconds)
        self._tokens.labels("prompt").inc(timings.prompt_tokens)
        self._tokens.labels("answer").inc(timings.generated_tokens)
        rejected = timings.drafted_tokens - timings.accepted_tokens
        self._drafted.labels("accepted").inc(timings.accepted_tokens)
        self._drafted.labels("rejected").inc(rejected)
        self._encoded.labels("hit" if timings.cached_image else "miss").inc()
        return stages

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)
