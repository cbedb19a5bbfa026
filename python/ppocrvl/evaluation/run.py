# SPDX-License-Identifier: Apache-2.0
"""Reads a dataset with an engine and sums up how well it went."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ppocrvl.errors import ContextError, ImageError, MissingExtraError
from ppocrvl.evaluation.sums import by_tag, share
from ppocrvl.requests.tasks import find_task

try:
    from ppocrvl.evaluation import metrics
except ModuleNotFoundError as error:
    raise MissingExtraError(
        f'evaluation needs the package {error.name}; install it with pip install "ppocrvl[eval]"'
    ) from error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ppocrvl.engine.engine import Engine
    from ppocrvl.evaluation.agreement import Agreement
    from ppocrvl.evaluation.dataset import Item

DEFAULT_MAX_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class EvaluatedItem:
    """What became of an item.

    Attributes:
        item: image and truth.
        text: what was read; "" where the image could not be.
        finish_reason: as in `Result`; "error" where the image could not be read.
        seconds: for this image.
        confidence: as in `Result`.
        character_errors: edit distance to the truth, in characters.
        word_errors: likewise, in words.
        cells: right cells and true cells of a table, else None.
        teds: similarity of a table to the true one, 0 to 1; None for other tasks and huge tables.
        error: why the image could not be read; else "".
    """

    item: Item
    text: str
    finish_reason: str
    seconds: float
    confidence: float
    character_errors: int
    word_errors: int
    cells: tuple[int, int] | None
    teds: float | None
    error: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether every character is right."""
        return self.text == self.item.text

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values for JSON."""
        values = asdict(self)
        values["item"]["image"] = str(self.item.image)
        return values


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of some readings.

    Attributes:
        n: images.
        n_failed: images that could not be read; the figures below leave them out.
        n_unended: answers that ran to the token limit, as a loop does; the error rates leave them
            out, since one of them can outweigh all others.
        characters: of the truths.
        cer: character errors over characters of the truths.
        wer: word errors over words of the truths.
        exact: share of texts without an error.
        cells: share of right table cells; None without tables.
        teds: mean over tables; None without.
        seconds: mean per image.
    """

    n: int
    n_failed: int
    n_unended: int
    characters: int
    cer: float | None
    wer: float | None
    exact: float | None
    cells: float | None
    teds: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All readings of a dataset, in its order, and their sums.

    Attributes:
        model: what read.
        readings: one for each item.
        tasks: figures by task.
        tags: figures by tag, value and task, as {"size": {"18": {"ocr": ...}}}.
        n_bytes: of the model's two files.
        agreement: by task, with a reference model; empty without one.
    """

    model: str
    readings: tuple[EvaluatedItem, ...]
    tasks: dict[str, Summary]
    tags: dict[str, dict[str, dict[str, Summary]]]
    n_bytes: int = 0
    agreement: dict[str, Agreement] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values for JSON."""
        values = asdict(self)
        values["readings"] = [reading.to_dict() for reading in self.readings]
        values["agreement"] = {task: found.to_dict() for task, found in self.agreement.items()}
        return values


def evaluate(
    engine: Engine,
    items: Sequence[Item],
    *,
    model: str = "",
    max_tokens: int = DEFAULT_MAX_TOKENS,
    keep: Callable[[EvaluatedItem], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Reads every item, one after the other.

    An image that cannot be read, or not within the context, is counted, and the others go on.

    Args:
        engine: what reads.
        items: what is read.
        model: its name, for the report.
        max_tokens: an answer ends after so many tokens.
        keep: called with each reading as it is there.
        progress: called with (items done, items in all).

    Raises:
        OptionError: an item's task is unknown to the model; nothing was read then.
        EngineError: the engine failed.
    """
    for item in items:
        find_task(item.task, engine.info.model_version)
    readings = []
    for done, item in enumerate(items, 1):
        readings.append(_read(engine, item, max_tokens))
        if keep:
            keep(readings[-1])
        if progress:
            progress(done, len(items))
    return Evaluation(
        model=model,
        readings=tuple(readings),
        tasks=_by_task(readings),
        tags=by_tag(readings, _by_task),
        n_bytes=engine.info.llm_bytes + engine.info.mmproj_bytes,
    )


def summarize(readings: Iterable[EvaluatedItem]) -> Summary:
    """The figures of some readings."""
    every = list(readings)
    read = [r for r in every if not r.error]
    ended = [r for r in read if r.finish_reason == "stop"]
    tables = [r.cells for r in ended if r.cells is not None]
    similarities = [r.teds for r in ended if r.teds is not None]
    characters = sum(len(r.item.text) for r in ended)
    return Summary(
        n=len(every),
        n_failed=len(every) - len(read),
        n_unended=len(read) - len(ended),
        characters=characters,
        cer=share(sum(r.character_errors for r in ended), characters),
        wer=share(sum(r.word_errors for r in ended), sum(len(r.item.text.split()) for r in ended)),
        exact=share(sum(r.is_exact for r in read), len(read)),
        cells=share(sum(hit for hit, _ in tables), sum(n for _, n in tables)),
        teds=share(sum(similarities), len(similarities)),
        seconds=share(sum(r.seconds for r in read), len(read)),
    )


def _by_task(readings: Iterable[EvaluatedItem]) -> dict[str, Summary]:
    groups: dict[str, list[EvaluatedItem]] = {}
    for reading in readings:
        groups.setdefault(reading.item.task, []).append(reading)
    return {task: summarize(some) for task, some in groups.items()}


def _with_name(item: Item, error: Exception) -> str:
    """What is wrong, and with which image."""
    return str(error) if str(item.image) in str(error) else f"{item.image}: {error}"


def _read(engine: Engine, item: Item, max_tokens: int) -> EvaluatedItem:
    started = time.perf_counter()
    try:
        result = engine.ocr(item.image, task=item.task, max_tokens=max_tokens)
    except (ImageError, ContextError) as error:
        seconds = time.perf_counter() - started
        words = len(item.text.split())
        return EvaluatedItem(
            item,
            "",
            "error",
            seconds,
            0.0,
            len(item.text),
            words,
            None,
            None,
            _with_name(item, error),
        )
    seconds = time.perf_counter() - started
    is_table = item.task == "table"
    return EvaluatedItem(
        item=item,
        text=result.text,
        finish_reason=result.finish_reason,
        seconds=seconds,
        confidence=result.confidence,
        character_errors=metrics.character_errors(result.text, item.text),
        word_errors=metrics.word_errors(result.text, item.text),
        cells=metrics.cell_hits(result.text, item.text) if is_table else None,
        teds=metrics.teds(result.text, item.text) if is_table else None,
    )
