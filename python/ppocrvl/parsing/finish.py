# SPDX-License-Identifier: Apache-2.0
"""From the model's answers to a block of a document."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ppocrvl.document.types import Block, BlockFinish, BlockLine
from ppocrvl.markup.dollars import without_brackets
from ppocrvl.markup.formula import bare
from ppocrvl.markup.html import chart_html
from ppocrvl.markup.otsl import otsl_to_html
from ppocrvl.parsing.repetition import without_repetition
from ppocrvl.parsing.spotting import read_spots
from ppocrvl.parsing.table_figures import put_back
from ppocrvl.requests.results import Result, mean_probability

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.document.types import Box
    from ppocrvl.parsing.plan import PlannedBlock
    from ppocrvl.parsing.text_layer import LayerLine
    from ppocrvl.requests.results import Outcome


def finish_block(planned: PlannedBlock, outcomes: Sequence[Outcome] = ()) -> Block:
    """The block, with what was read in it.

    Args:
        planned: as `plan_page` gave it.
        outcomes: one for each of its requests, in their order.

    Raises:
        ValueError: there are more or fewer outcomes than requests.
    """
    block = unread_block(planned)
    if len(outcomes) != len(planned.requests):
        raise ValueError(f"{len(outcomes)} outcomes of {len(planned.requests)} requests")
    if not outcomes:
        return block
    results = [one for one in outcomes if isinstance(one, Result)]
    errors = [one for one in outcomes if not isinstance(one, Result)]
    block = replace(
        block,
        attempts=max((max(1, len(one.attempts)) for one in results), default=1),
        error=_one_line(errors[0]) if errors else None,
        finish_reason="error" if errors else _finish_reason(results),
    )
    if not results:
        return block
    logprobs = [value for one in results for value in one.logprobs]
    lines = [line for one in results for line in one.lines]
    read = replace(
        block,
        source="model",
        confidence=mean_probability(logprobs) if logprobs else results[0].confidence,
        min_confidence=min(one.min_confidence for one in results),
        lines=tuple(BlockLine(one.text, one.confidence, one.min_confidence) for one in lines),
    )
    return _with_text(read, "\n".join(one.text for one in results), planned)


def block_from_layer(planned: PlannedBlock, lines: Sequence[LayerLine]) -> Block:
    """The block as the document's text layer has it; nothing of it was read.

    Args:
        planned: as `plan_page` gave it.
        lines: as `layer_lines` gives them; at least one.
    """
    return replace(
        unread_block(planned),
        text="\n".join(line.text for line in lines),
        lines=tuple(BlockLine(line.text, 1.0, 1.0, line.box) for line in lines),
        confidence=1.0,
        min_confidence=1.0,
        finish_reason="stop",
        source="text-layer",
    )


def unread_block(planned: PlannedBlock) -> Block:
    """The block before it is read, or where nothing is to be read."""
    region = planned.region
    return Block(
        index=planned.index,
        label=region.label,
        box=region.box,
        box_points=planned.box_points,
        polygon=region.polygon,
        score=region.score,
        group=planned.group,
        pictures=planned.pictures,
        error=planned.error,
        finish_reason="error" if planned.error is not None else "",
    )


def _with_text(block: Block, answer: str, planned: PlannedBlock) -> Block:
    """The block with the answer as its task means it."""
    if planned.task == "spotting":
        return _spotted(block, answer)
    text = without_repetition(answer, block.label)
    if planned.task == "table":
        html = otsl_to_html(text)
        if html is None:
            return replace(block, text=text.strip())
        html = put_back(html, planned.tokens)
        return replace(block, text=html, html=html)
    if planned.task == "chart":
        return replace(block, text=text.strip(), html=chart_html(text))
    if planned.task == "formula":
        latex = bare(text)
        return replace(block, text=latex, latex=latex)
    if block.label == "formula_number":
        text = without_brackets(text)
    return replace(block, text=text.strip(), lines=_placed(block.lines, planned.line_boxes))


def _placed(lines: Sequence[BlockLine], boxes: Sequence[Box]) -> tuple[BlockLine, ...]:
    """The lines with their places, if as many were found as read."""
    written = [line for line in lines if line.text.strip()]
    if len(written) != len(boxes):
        return tuple(lines)
    places = iter(boxes)
    return tuple(replace(line, box=next(places)) if line.text.strip() else line for line in lines)


def _spotted(block: Block, answer: str) -> Block:
    """Each text with its place is a line."""
    x0, y0, x1, y1 = block.box
    spots = read_spots(answer, x1 - x0, y1 - y0)
    if not spots:
        return replace(block, text=answer.strip())
    lines = []
    for spot in spots:
        xs, ys = zip(*spot.polygon, strict=True)
        box = (round(x0 + min(xs)), round(y0 + min(ys)), round(x0 + max(xs)), round(y0 + max(ys)))
        lines.append(BlockLine(spot.text, block.confidence, block.min_confidence, box))
    return replace(block, text="\n\n".join(spot.text for spot in spots), lines=tuple(lines))


def _finish_reason(results: Sequence[Result]) -> BlockFinish:
    """How the first that did not simply end, ended."""
    return next((one.finish_reason for one in results if one.finish_reason != "stop"), "stop")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
