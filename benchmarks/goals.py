# SPDX-License-Identifier: Apache-2.0
"""What must be reached, judged by the figures alone."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

GIB = 1 << 30
Values = dict[str, Any]


@dataclass(frozen=True)
class Goal:
    """One bound and what was measured.

    Attributes:
        text: what is measured.
        bound: what must be reached, as shown.
        measured: as shown; empty if it was not measured.
        is_reached: None if it was not measured.
    """

    text: str
    bound: str
    measured: str = ""
    is_reached: bool | None = None


def median(values: Values, key: str, name: str) -> float | None:
    """Of one figure of a case over its rounds; of memory the largest. None if not measured."""
    runs = [run[name] for run in values.get(key, []) if name in run]
    if not runs:
        return None
    return float(max(runs) if name == "peak" else statistics.median(runs))


def rest(values: Values, key: str) -> float | None:
    """Median seconds of everything but encoding."""
    runs = [r["seconds"] - r["encode"] for r in values.get(key, []) if "encode" in r]
    return statistics.median(runs) if runs else None


def rate(values: Values, key: str) -> float | None:
    """Median of tokens a second, all sequences together."""
    runs = [sum(a["tokens"] for a in r["answers"]) / r["seconds"] for r in values.get(key, [])]
    return statistics.median(runs) if runs else None


def at_least(text: str, above: float | None, below: float | None, bound: float) -> Goal:
    """A ratio that must be so large."""
    shown = f"≥ {bound:g} x"
    if above is None or below is None:
        return Goal(text, shown)
    ratio = above / below
    return Goal(text, shown, f"{ratio:.2f} x ({above:.3g} / {below:.3g})", ratio >= bound)


def at_most(text: str, found: float | None, bound: float, unit: str) -> Goal:
    """A figure that must be so small."""
    shown = f"≤ {bound:g} {unit}"
    if found is None:
        return Goal(text, shown)
    return Goal(text, shown, f"{found:.2f} {unit}", found <= bound)


def gib(amount: float | None) -> float | None:
    """Bytes in GiB."""
    return None if amount is None else amount / GIB


def goals(values: Values) -> list[Goal]:
    """All bounds, in the order of the document."""
    found = [
        at_least(
            f"(b) against llama-server, {files} files, 4 at once",
            median(values, f"b|llama-server|{files}|4", "seconds"),
            median(values, f"b|ppocrvl|{files}|4", "seconds"),
            1.0,
        )
        for files in ("bf16", "balanced", "Q4_K_M")
    ]
    found += [
        at_least(
            f"(b) everything but encoding against llama-server, {files} files, 4 at once",
            rest(values, f"b|llama-server|{files}|4"),
            rest(values, f"b|ppocrvl|{files}|4"),
            1.3,
        )
        for files in ("bf16", "balanced", "Q4_K_M")
    ]
    found += [
        at_least(
            f"decoding of 8 sequences together against one, {files} file, tokens/s",
            rate(values, f"g|ppocrvl|{files}|8"),
            rate(values, f"g|ppocrvl|{files}|1"),
            bound,
        )
        for files, bound in (("bf16", 3.0), ("Q4_K_M", 2.0))
    ]
    for files in ("balanced", "Q4_K_M"):
        for letter, parallel, bound in (("b", 4, 1.3), ("a", 1, 1.0)):
            peak = median(values, f"{letter}|ppocrvl|{files}|{parallel}", "peak")
            text = f"({letter}) peak memory, {files} files, {parallel} at once"
            found.append(at_most(text, gib(peak), bound, "GiB"))
    found += [
        at_most(
            f"(e) load, {files} files", median(values, f"e|ppocrvl|{files}|1", "load"), 1.5, "s"
        )
        for files in ("bf16", "balanced")
    ]
    growth = percent_more(values, "resident_late", "resident_early")
    found.append(at_most("(f) growth of memory after the first 200 requests", growth, 2, "%"))
    # "Flat" needs a number: 5 % is what two medians of 200 differ by on a quiet machine.
    slower = percent_more(values, "latency_late", "latency_early")
    found.append(at_most("(f) latency, last 200 over first 200", slower, 5, "%"))
    return found


def percent_more(values: Values, late: str, early: str) -> float | None:
    """How much more one number of (f) is than another, the median of the runs."""
    runs = [run["extra"] for run in values.get("f|ppocrvl|built-in|1", [])]
    if not runs:
        return None
    return float(100 * (statistics.median(extra[late] / extra[early] for extra in runs) - 1))
