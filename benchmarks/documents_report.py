# SPDX-License-Identifier: Apache-2.0
"""The parts of docs/documents.md, of what benchmarks/documents.py found."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from peer_pages import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PIPELINE, SERVER, LONG = "ppocrvl", "llama-server", "A long document"


def lost_lines(values: dict[str, Any]) -> Iterator[str]:
    """Of true regions and answers."""
    found = values["lost"]
    mean, most = statistics.mean(found), max(found)
    yield (
        f"{len(found)} painted pages, with the true regions and the true text of each block in "
        f"place of the models' answers: the mean edit distance is {mean:.2%}, the largest of a "
        f"page {most:.2%}."
    )


def quality_lines(values: dict[str, Any]) -> Iterator[str]:
    """Programs by set of pages."""
    yield "| pages | program | n | distance | text alone | order | headings | TEDS | s a page |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|"
    for key, found in values.items():
        if not key.startswith("quality|"):
            continue
        _, name, program = key.split("|")
        text = [one["distance"] for one in found if one["is_text"]]
        cells = [
            str(len(found)),
            f"{statistics.mean(one['distance'] for one in found):.1%}",
            f"{statistics.mean(text):.1%}" if text else "",
            _share(sum(one["pairs_in_order"] for one in found), sum(one["pairs"] for one in found)),
        ]
        if program == OURS:
            true = sum(one["headings"] + one["headings_read"] for one in found)
            tables = [value for one in found for value in one["tables"] if value is not None]
            cells += [
                _share(2 * sum(one["headings_found"] for one in found), true),
                f"{statistics.mean(tables):.3f}" if tables else "",
            ]
        else:
            cells += ["", ""]
        seconds = statistics.median(one["seconds"] for one in found)
        yield f"| {name} | {program} | {' | '.join(cells)} | {seconds:.2f} |"


def speed_lines(values: dict[str, Any]) -> Iterator[str]:
    """Pages a minute, with the ratio to llama-server's."""
    yield (
        "| files | program | pages a minute | ratio | layout, s a page | first block, s | MiB "
        "| engine busy | elsewhere |"
    )
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|"
    for key, runs in values.items():
        if not key.startswith("speed|"):
            continue
        _, program, name = key.split("|")
        seconds = _median(runs, "seconds")
        peers = values.get(f"speed|{SERVER}|{name}")
        ratio = f"{_median(peers, 'seconds') / seconds:.2f}" if peers else ""
        n = runs[0]["pages"]
        yield (
            f"| {name} | {program} | {60 * n / seconds:.2f} | {ratio} "
            f"| {_median(runs, 'layout') / n:.2f} | {_median(runs, 'first'):.1f} "
            f"| {_median(runs, 'peak') / (1 << 20):.0f} | {_shares(runs)} |"
        )
    kept = [runs for key, runs in values.items() if key.startswith("speed|")]
    if kept:
        rounds, n = min(map(len, kept)), kept[0][0]["pages"]
        yield ""
        yield f"{n} page{'s' * (n > 1)}, {rounds} round{'s' * (rounds > 1)}."


def long_lines(values: dict[str, Any]) -> Iterator[str]:
    """What a document of many pages takes, beside its first pages."""
    yield (
        "| files | pages | pages a minute | first block, s | MiB | PDFium, MiB | engine busy "
        "| elsewhere |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for key, found in values.items():
        if key.startswith("long|"):
            n = found["pages"]
            yield (
                f"| {key.split('|')[1]} | {n} | {60 * n / found['seconds']:.2f} "
                f"| {found['first']:.1f} | {found['peak'] / (1 << 20):.0f} "
                f"| {found['pdfium'] / (1 << 20):.0f} | {_shares([found])} |"
            )


def _shares(runs: Sequence[dict[str, Any]]) -> str:
    """Of engine and what is elsewhere, where they were watched."""
    names = ("busy", "elsewhere")
    return " | ".join(f"{_median(runs, name):.1%}" if name in runs[0] else "" for name in names)


def _median(runs: Sequence[dict[str, Any]], name: str) -> float:
    return float(statistics.median(run[name] for run in runs))


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else ""


LINES = {
    "lost": lost_lines,
    "quality": quality_lines,
    "speed": speed_lines,
    "long": long_lines,
}
NOT_MEASURED_IN = {SERVER: "speed", LONG: "long"}
"""Where that is said; of all others under "quality"."""


def part(name: str, values: dict[str, Any]) -> list[str]:
    """One part of the document, and what was left out of it."""
    machine = values["machine"]
    lines = [*LINES[name](values), ""]
    lines += [
        f"{program} was not measured: {why}."
        for program, why in values.get("skipped", {}).items()
        if name == NOT_MEASURED_IN.get(program, "quality")
    ]
    about = f"{machine['processor']}, {machine['threads used']} threads; {machine['date']}."
    return [*lines, about] if name != "lost" else lines[:-1]
