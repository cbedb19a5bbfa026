# SPDX-License-Identifier: Apache-2.0
"""What a journal knows of: answers by request and model, regions by page and layout model."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from ppocrvl.layout.region import Region
from ppocrvl.requests.results import Attempt, Result, Timings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from ppocrvl.requests.request import Request

FINISHED = ("stop", "length", "repetition")
"""How answers end that would be the same again; the others were cut short."""


class Store(Protocol):
    """JSON values by key, as a `Journal` keeps them."""

    def find(self, key: bytes) -> object | None:
        """The value of a key; None where there is none."""

    def keep(self, key: bytes, value: object) -> None:
        """Keep a value for good."""


class Memory:
    """Finds what was read before, and keeps what is read.

    Args:
        store: where it is kept; None for nowhere.
        models: what decides on answers besides pictures and requests: files, formats, versions.
            As JSON; another value is another memory.
    """

    def __init__(self, store: Store | None, models: Mapping[str, object]) -> None:
        self._store = store
        self._models = json.dumps(models, sort_keys=True, default=str).encode()

    def page_key(self, pixels: npt.NDArray[np.uint8]) -> bytes:
        """Of the regions of a page."""
        return b"" if self._store is None else self._key("regions", "", pixels)

    def answer_key(self, request: Request) -> bytes:
        """Of the answer to a request, whenever and for whom it is read."""
        if self._store is None:
            return b""
        fields = {
            field.name: getattr(request, field.name)
            for field in dataclasses.fields(request)
            if field.name not in {"image", "tag", "deadline", "priority", "draft"}
        }
        options = json.dumps(fields, sort_keys=True, default=repr)
        return self._key("answer", options, np.asarray(request.image))

    def regions(self, key: bytes) -> list[Region] | None:
        """Those of a page, if it was seen before."""
        values = self._find(key)
        return None if values is None else [_region(one) for one in values]

    def answer(self, key: bytes) -> Result | None:
        """The answer to a request, if it was read before."""
        values = self._find(key)
        return None if values is None else _result(values)

    def keep_regions(self, key: bytes, regions: Sequence[Region]) -> None:
        """Keeps the regions of a page."""
        if self._store is not None:
            self._store.keep(key, [dataclasses.asdict(region) for region in regions])

    def keep_answer(self, key: bytes, result: Result) -> None:
        """Keeps an answer, unless it was cut short."""
        if self._store is not None and result.finish_reason in FINISHED:
            values = dataclasses.asdict(dataclasses.replace(result, index=0, tag=None))
            self._store.keep(key, values)

    def _find(self, key: bytes) -> Any:  # noqa: ANN401 - what JSON gives
        return None if self._store is None else self._store.find(key)

    def _key(self, kind: str, options: str, pixels: npt.NDArray[np.uint8]) -> bytes:
        head = json.dumps([kind, options, pixels.shape, str(pixels.dtype)]).encode()
        digest = hashlib.sha256(b"%d %d " % (len(self._models), len(head)) + self._models + head)
        digest.update(np.ascontiguousarray(pixels).data)
        return digest.digest()


def _region(values: dict[str, Any]) -> Region:
    return Region(
        label=values["label"],
        score=values["score"],
        box=cast("tuple[int, int, int, int]", tuple(values["box"])),
        polygon=tuple((x, y) for x, y in values["polygon"]),
        order=values["order"],
    )


def _result(values: dict[str, Any]) -> Result:
    attempts = (
        Attempt(**{**one, "resized": tuple(one["resized"])}) for one in values.pop("attempts")
    )
    timings = Timings(**values.pop("timings"))
    plain: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in values.items()
    }
    return Result(**plain, timings=timings, attempts=tuple(attempts))
