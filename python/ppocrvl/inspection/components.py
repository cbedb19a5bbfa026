# SPDX-License-Identifier: Apache-2.0
"""The tree of a model's components, summed up from its tensors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ppocrvl.inspection.model_files import ModelPart, Tensor

_UNUSED = ("unused",)
_OTHER = ("other",)

# First match wins; the order is that of the computation, and of the tree.
_PLACES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern), tuple(path.split(" / ")))
    for pattern, path in (
        (r"token_embd\.", "embeddings"),
        (r"blk\.\d+\.attn_(q|k|v|qkv|output)\.", "decoder layers / attention"),
        (r"blk\.\d+\.ffn_(gate|up|down)\.", "decoder layers / feed-forward"),
        (r"blk\.\d+\.(attn|ffn)_norm\.", "decoder layers / norms"),
        (r"output_norm\.", "output norm"),
        (r"output\.", "output head"),
        (r"v\.patch_embd\.", "patch embedding"),
        (r"v\.position_embd\.", "position embedding"),
        (r"v\.blk\.\d+\.attn_(q|k|v|qkv|out)\.", "encoder layers / attention"),
        (r"v\.blk\.\d+\.ffn_(up|down)\.", "encoder layers / feed-forward"),
        (r"v\.blk\.\d+\.ln[12]\.", "encoder layers / norms"),
        (r"v\.post_ln\.", "post-norm"),
        (r"mm\.input_norm\.", "projector / norm"),
        (r"mm\.[12]\.", "projector / linear layers"),
        (r"backbone\.stem", "backbone / stem"),
        (r"backbone\.0\.", "backbone / stage 1"),
        (r"backbone\.1\.", "backbone / stage 2"),
        (r"backbone\.2\.", "backbone / stage 3"),
        (r"backbone\.3\.", "backbone / stage 4"),
        (r"enc\.proj\.", "hybrid encoder / input projections"),
        (r"enc\.(aifi|pos_embd)", "hybrid encoder / attention layers"),
        (r"enc\.(lateral|fpn)\.", "hybrid encoder / top-down"),
        (r"enc\.(down|pan)\.", "hybrid encoder / bottom-up"),
        (r"mask\.query\.", "masks / queries"),
        (r"mask\.", "masks / prototypes"),
        (r"dec\.(proj\.|anchors|memory|enc_)", "query selection"),
        (r"dec\.\d+\.(attn|cross)_", "decoder / attention"),
        (r"dec\.\d+\.ffn_", "decoder / feed-forward"),
        (r"dec\.", "decoder / heads"),
        (r"order\.(head|pointer)\.", "reading order / pointer"),
        (r"order\.", "reading order / order net"),
    )
)


@dataclass(frozen=True, slots=True)
class Component:
    """A component, and what its tensors and those of its children add up to.

    Attributes:
        name: "attention", "projector", ...
        n_tensors: number of tensors.
        n_parameters: number of elements.
        n_bytes: of the data, in the file's types.
        types: bytes by type, the largest first.
        share: of the whole part's bytes, 0 to 1.
        largest_error: of a tensor, relative, where `ppocrvl quantize` wrote the file; else None.
        children: finer components; they add up to this one.
    """

    name: str
    n_tensors: int
    n_parameters: int
    n_bytes: int
    types: dict[str, int]
    share: float
    largest_error: float | None
    children: tuple[Component, ...] = ()


def component_tree(part: ModelPart) -> Component:
    """The part as a tree; what no computation uses is a component of its own."""
    placed = [(_place(tensor.name), tensor) for tensor in part.tensors]
    placed += [(_UNUSED, tensor) for tensor in part.dead_tensors]
    total = sum(tensor.n_bytes for _, tensor in placed)
    return _component(part.role, placed, total)


def _place(name: str) -> tuple[str, ...]:
    return next((path for pattern, path in _PLACES if pattern.match(name)), _OTHER)


def _component(
    name: str, placed: Sequence[tuple[tuple[str, ...], Tensor]], total: int
) -> Component:
    tensors = [tensor for _, tensor in placed]
    groups: dict[str, list[tuple[tuple[str, ...], Tensor]]] = {}
    for path, tensor in placed:
        if path:
            groups.setdefault(path[0], []).append((path[1:], tensor))
    order = list(dict.fromkeys(part for _, path in _PLACES for part in path))
    names = sorted(groups, key=lambda group: order.index(group) if group in order else len(order))
    n_bytes = sum(tensor.n_bytes for tensor in tensors)
    return Component(
        name=name,
        n_tensors=len(tensors),
        n_parameters=sum(tensor.n_parameters for tensor in tensors),
        n_bytes=n_bytes,
        types=_bytes_by_type(tensors),
        share=n_bytes / total if total else 0.0,
        largest_error=max(
            (t.relative_error for t in tensors if t.relative_error is not None), default=None
        ),
        children=tuple(_component(group, groups[group], total) for group in names),
    )


def _bytes_by_type(tensors: Iterable[Tensor]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for tensor in tensors:
        sums[tensor.type] = sums.get(tensor.type, 0) + tensor.n_bytes
    return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))
