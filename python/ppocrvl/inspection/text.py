# SPDX-License-Identifier: Apache-2.0
"""An inspection as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ppocrvl.inspection.components import Component
    from ppocrvl.inspection.inspect import InspectedPart, Inspection
    from ppocrvl.inspection.quantizations import Quantization
    from ppocrvl.inspection.run_memory import RunMemory

_TITLES = {
    "llm": "language model",
    "mmproj": "vision encoder and projector",
    "layout": "layout model",
    "other": "file",
}


def render(inspection: Inspection) -> str:
    """Several tables, for a terminal of 100 columns; ends with a newline."""
    lines = [f"{inspection.path}: {inspection.kind}"]
    if inspection.problem:
        lines.append(f"cannot run: {inspection.problem}")
    for inspected in inspection.parts:
        lines += ["", *_part(inspected)]
    if inspection.memory:
        lines += ["", *_memory(inspection.memory)]
    return "\n".join(lines) + "\n"


def size_text(n_bytes: int) -> str:
    """Decimal units, as file managers show them."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if abs(n_bytes) >= unit:
            return f"{n_bytes / unit:,.2f} {name}"
    return f"{n_bytes} B"


def _part(inspected: InspectedPart) -> Iterator[str]:
    part = inspected.part
    file = f"  {part.path.name}, {size_text(part.file_bytes)}" if part.file_bytes else ""
    yield f"{_TITLES[part.role]}{file}"
    yield f"  {'':32}{'tensors':>8}{'parameters':>15}{'bytes':>12}{'share':>8}  types"
    for child in inspected.tree.children:
        yield from _component(child, 1)
    yield from _component(inspected.tree, 0, "total")
    if inspected.quantizations:
        yield ""
        yield f"  {'quantized':32}{'bytes':>12}{'saves':>12}{'':>8}  types"
        for quantization in inspected.quantizations:
            yield _quantization(quantization, part.n_bytes)
        yield from _fallbacks(inspected.quantizations)


def _component(component: Component, depth: int, name: str | None = None) -> Iterator[str]:
    label = "  " * depth + (name or component.name)
    error = component.largest_error
    note = f" (error up to {error:.1%})" if error else ""
    yield (
        f"  {label:32}{component.n_tensors:>8}{component.n_parameters:>15,}"
        f"{size_text(component.n_bytes):>12}{component.share:>8.1%}  {', '.join(component.types)}"
        f"{note}"
    )
    if name is None:
        for child in component.children:
            yield from _component(child, depth + 1)


def _quantization(item: Quantization, n_bytes: int) -> str:
    share = item.saved_bytes / n_bytes if n_bytes else 0.0
    types = ", ".join(f"{count} {name}" for name, count in item.types.items())
    return (
        f"    {item.name:30}{size_text(item.n_bytes):>12}{size_text(item.saved_bytes):>12}"
        f"{share:>8.1%}  {types}"
    )


def _fallbacks(items: tuple[Quantization, ...]) -> Iterator[str]:
    for item in items:
        groups: dict[tuple[int, str, str], list[tuple[str, int]]] = {}
        for fallback in item.fallbacks:
            key = (fallback.row, fallback.wanted, fallback.type)
            groups.setdefault(key, []).append((fallback.tensors, fallback.n_tensors))
        for (row, wanted, got), tensors in groups.items():
            names = ", ".join(name.removesuffix(".weight") for name, _ in tensors)
            yield (
                f"    {item.name}: {sum(count for _, count in tensors)} tensors get {got}, because "
                f"{wanted} blocks do not divide rows of {row}:"
            )
            yield f"      {names}"


def _memory(memory: RunMemory) -> Iterator[str]:
    width, height = memory.image_size
    new_width, new_height = memory.resized
    yield (
        f"memory to read an image of {width} x {height} (seen at {new_width} x {new_height}: "
        f"{memory.image_tokens:,} tokens) and write up to {memory.max_tokens:,} tokens"
    )
    rows = (
        ("weights: language model", memory.llm_weights),
        ("weights: vision encoder", memory.mmproj_weights),
        (f"key/value cache ({memory.context_tokens:,} tokens)", memory.kv_cache),
        ("compute: vision encoder, about", memory.encoder_compute),
        ("compute: language model, about", memory.decoder_compute),
        ("the program and its vocabulary, about", memory.process),
        ("total, about", memory.total),
    )
    for name, n_bytes in rows:
        yield f"  {name:42}{size_text(n_bytes):>12}"
