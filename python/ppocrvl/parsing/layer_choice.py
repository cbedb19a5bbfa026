# SPDX-License-Identifier: Apache-2.0
"""Blocks of a page that may come from its text layer, and those that are read to judge it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppocrvl.parsing.text_layer import agrees, layer_lines, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ppocrvl.parsing.plan import PlannedBlock
    from ppocrvl.parsing.text_layer import LayerCharacter, LayerLine


class LayerChoice:
    """What the text layer has for a page's blocks. Tables, formulas and merged blocks are read.

    Args:
        plans: blocks by their number.
        characters: of the page, in its pixels.

    Attributes:
        sampled: numbers of blocks that are read to judge the layer.
        held: what the layer has for the others, by their number.
    """

    def __init__(
        self, plans: Mapping[int, PlannedBlock], characters: Iterable[LayerCharacter]
    ) -> None:
        letters = list(characters)
        lines: dict[int, list[LayerLine]] = {}
        for number, plan in plans.items():
            if plan.task == "ocr" and plan.requests and plan.group is None:
                found = layer_lines(plan.region.box, letters)
                if found:
                    lines[number] = found
        self._texts = {
            number: "\n".join(line.text for line in found) for number, found in lines.items()
        }
        self.sampled = frozenset(sample(self._texts) if lines else ())
        self.held = {number: found for number, found in lines.items() if number not in self.sampled}

    def is_trusted(self, read: Callable[[int], str]) -> bool:
        """Whether the layer says what was read; `read` gives the text of a sampled block."""
        return agrees([(self._texts[number], read(number)) for number in sorted(self.sampled)])
