# SPDX-License-Identifier: Apache-2.0
"""What was found, as JSON and as a page of Markdown."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from ppocrvl.support.native import _native
from ppocrvl.support.output import write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from verify.work import Work

NAME = "report"
_PACKAGES = ("ppocrvl", "numpy", "pillow", "gguf", "huggingface_hub", "torch", "transformers")


def write_report(work: Work, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """Both files, from what the journal has of each step."""
    values = {"release": work.release.to_dict(), "versions": versions(), "steps": entries}
    write_text(work.folder / f"{NAME}.json", json.dumps(values, indent=1) + "\n")
    write_text(work.folder / f"{NAME}.md", _markdown(work, entries))


def versions() -> dict[str, str]:
    """Of everything that took part."""
    build = _native.build_info()
    found = {
        "llama.cpp": build.llama_commit,
        "compiler": build.compiler,
        "Python": platform.python_version(),
        "system": platform.platform(),
        "CPUs": str(os.cpu_count()),
        "CPU features": ", ".join(_native.cpu_features()),
    }
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _markdown(work: Work, entries: Mapping[str, Mapping[str, Any]]) -> str:
    release = work.release
    parts = [
        f"# PaddleOCR-VL {release.version}: verification",
        f"Checkpoint: {release.checkpoint.repo} at {release.checkpoint.revision}.",
        f"GGUF pair: {release.gguf.repo} at {release.gguf.revision}."
        if release.gguf
        else "GGUF pair: none is pinned.",
        f"Layout model: {release.layout.repo} at {release.layout.revision}."
        if release.layout
        else "Layout model: none is pinned.",
        _table(
            ("step", "result", "seconds", ""),
            [
                (name, one.get("status", "not done"), f"{one.get('seconds', 0):.1f}",
                 one.get("message", ""))
                for name, one in entries.items()
            ],
        ),
    ]  # fmt: skip
    for name, one in entries.items():
        if one.get("values"):
            parts += [f"## {name}", _value_table(one["values"])]
    parts += ["## Versions", _table(("what", "which"), versions().items())]
    return "\n\n".join(parts) + "\n"


def _value_table(values: Mapping[str, Any]) -> str:
    rows = [(name, value) for name, value in _flat(values) if name]
    return _table(("what", "value"), rows)


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:  # noqa: ANN401
    """Every number and text with the way to it."""
    if isinstance(value, dict) and value:
        return [one for key, part in value.items() for one in _flat(part, f"{name} {key}".strip())]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [
            one
            for number, part in enumerate(value)
            for one in _flat(part, f"{name} {part.get('image', part.get('stage', number))}")
        ]
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return [(name, text)]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "⏎")
