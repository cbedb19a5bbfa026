# SPDX-License-Identifier: Apache-2.0
"""Several evaluations side by side: one table, and two plots."""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppocrvl.errors import DatasetError, MissingExtraError
from ppocrvl.support.output import TextFile, write_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PLOTS = {"bytes": ("megabytes of both files", "n_bytes"), "speed": ("seconds an image", "seconds")}


@dataclass(frozen=True, slots=True)
class Row:
    """A model's figures for a task.

    Attributes:
        model: its name.
        task: "ocr", "table", ...
        n_bytes: of both files.
        n: images.
        cer: character errors over characters; None where nothing was read.
        exact: share of texts without an error.
        unended: answers that ran to the token limit.
        cells: share of right table cells; None without tables.
        teds: mean similarity of tables; None without.
        top1: share of tokens at which the reference agrees; None without a reference.
        kl: mean divergence from the reference, nats a token; None without.
        seconds: mean an image.
        same: share of texts that are the first model's, whether right or not.
    """

    model: str
    task: str
    n_bytes: int
    n: int
    cer: float | None
    exact: float | None
    unended: int
    cells: float | None
    teds: float | None
    top1: float | None
    kl: float | None
    seconds: float | None
    same: float | None


def read_rows(reports: Sequence[Path]) -> list[Row]:
    """The rows of several reports that `ppocrvl eval --report` wrote, in their order.

    Raises:
        DatasetError: one is no such report, or they are of different images.
    """
    rows: list[Row] = []
    texts: dict[str, dict[str, str]] = {}
    for path in reports:
        try:
            rows.extend(_rows(json.loads(path.read_text(encoding="utf-8")), texts))
        except OSError as error:
            raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
            raise DatasetError(
                f"{path}: no report of ppocrvl eval ({type(error).__name__}: {error}); write one"
            ) from error
    if not rows:
        raise DatasetError(
            f"{', '.join(map(str, reports))}: nothing was read; compare other reports"
        )
    if len({(row.task, row.n) for row in rows}) > len({row.task for row in rows}):
        raise DatasetError("the reports are of different sets of images; compare equal ones")
    return rows


def _rows(report: dict[str, Any], first: dict[str, dict[str, str]]) -> Iterator[Row]:
    for task, summary in report["tasks"].items():
        texts = {
            reading["item"]["image"]: reading["text"]
            for reading in report["readings"]
            if reading["item"]["task"] == task
        }
        expected = first.setdefault(task, texts)
        same = sum(text == expected.get(image) for image, text in texts.items())
        found = report["agreement"].get(task)
        yield Row(
            model=str(report["model"]),
            task=task,
            n_bytes=int(report["n_bytes"]),
            n=int(summary["n"]),
            cer=_number(summary["cer"]),
            exact=_number(summary["exact"]),
            unended=int(summary["n_unended"]),
            cells=_number(summary["cells"]),
            teds=_number(summary["teds"]),
            top1=_number(found["top1"]) if found else None,
            kl=_number(found["kl"]) if found else None,
            seconds=_number(summary["seconds"]),
            same=same / len(texts) if texts else None,
        )


def _number(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


_COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("MB", lambda row: f"{row.n_bytes / 1e6:.1f}"),
    ("images", lambda row: f"{row.n:,}"),
    ("unended", lambda row: f"{row.unended:,}"),
    ("CER", lambda row: _percent(row.cer)),
    ("exact", lambda row: _percent(row.exact)),
    ("same", lambda row: _percent(row.same)),
    ("cells", lambda row: _percent(row.cells)),
    ("TEDS", lambda row: "" if row.teds is None else f"{row.teds:.4f}"),
    ("top-1", lambda row: _percent(row.top1)),
    ("KL", lambda row: "" if row.kl is None else f"{row.kl:.5f}"),
    ("s each", lambda row: "" if row.seconds is None else f"{row.seconds:.2f}"),
)


def render(rows: Sequence[Row]) -> str:
    """A table by task; ends with a newline."""
    width = max(len(row.model) for row in rows) + 2
    lines = []
    for task in dict.fromkeys(row.task for row in rows):
        lines.append(f"{task:{width}}" + "".join(f"{name:>10}" for name, _ in _COLUMNS))
        lines += [
            f"{row.model:{width}}" + "".join(f"{value(row):>10}" for _, value in _COLUMNS)
            for row in rows
            if row.task == task
        ]
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"


def plot(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Writes `quality-bytes.svg` and `quality-speed.svg`: character error rate against each.

    Returns:
        The files.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: they cannot be written.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 - heavy, and only plots need it
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            'plots need the package matplotlib; install it with pip install "ppocrvl[eval]"'
        ) from error
    mpl.rcParams["svg.hashsalt"] = "ppocrvl"  # equal rows give equal bytes
    drawn = []
    for name, (label, key) in PLOTS.items():
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        axes = figure.add_subplot()
        for task in dict.fromkeys(row.task for row in rows):
            points = [
                (getattr(row, key) / (1e6 if key == "n_bytes" else 1), 100 * row.cer, row.model)
                for row in rows
                if row.task == task and row.cer is not None and getattr(row, key) is not None
            ]
            axes.scatter([x for x, _, _ in points], [y for _, y, _ in points], label=task)
            for x, y, model in points:
                axes.annotate(
                    Path(model).name, (x, y), xytext=(4, 4), textcoords="offset points", fontsize=7
                )
        axes.set_xlabel(label)
        axes.set_ylabel("character error rate, %")
        axes.set_ylim(bottom=0)
        axes.legend()
        drawing = io.StringIO()
        figure.savefig(drawing, format="svg", metadata={"Date": None})
        drawn.append(TextFile(folder / f"quality-{name}.svg", drawing.getvalue()))
    write_files(drawn)
    return [file.path for file in drawn]
