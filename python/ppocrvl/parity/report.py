# SPDX-License-Identifier: Apache-2.0
"""The result of a comparison as lines of text, as JSON, and as one HTML file with images."""

from __future__ import annotations

import base64
import html
import io
import math
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ppocrvl.parity.compare import first_failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from ppocrvl.engine.stages import Stages
    from ppocrvl.parity.compare import Difference
    from ppocrvl.parity.run import CaseReport

COLUMNS = ("largest", "mean", "relative", "cosine", "bound")
IMAGE_WIDTH = 360

_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 76em; padding: 0 1em }
table { border-collapse: collapse; margin: .6em 0 }
td, th { padding: .15em .8em; text-align: right }
th:first-child, td:first-child, td.note { text-align: left } tr { border-bottom: 1px solid #ddd }
.pass { color: #06701f } .fail { color: #b00020; font-weight: bold }
figure { display: inline-block; margin: .4em 1em .4em 0 }
figcaption { font-size: 85%; color: #555 }
img { image-rendering: pixelated; border: 1px solid #bbb }
pre { background: #f6f6f6; padding: .5em }
"""


def verdict(difference: Difference) -> str:
    """One word: is the stage within its bound?"""
    return {True: "pass", False: "FAIL", None: "-"}[difference.passed]


def text_lines(report: CaseReport) -> list[str]:
    """One case as aligned lines."""
    lines = [_heading(report), *text_table("", report.differences)]
    lines += [f"  {line}" for line in _other_errors(report)]
    if report.stock_differences is not None:
        lines += text_table("stock ", report.stock_differences)
    return lines


def _heading(report: CaseReport) -> str:
    image = report.case.image
    height, width = report.reference.pixels.shape[:2]
    return (
        f"{report.case.name}: {image.width}x{image.height} pixels, encoded as "
        f"{width}x{height}, task {report.case.task}"
    )


def _other_errors(report: CaseReport) -> list[str]:
    def numbers(errors: Mapping[str, float]) -> str:
        return "  ".join(f"{stage} {error:.2e}" for stage, error in errors.items())

    return [f"relative errors of {k}: {numbers(v)}" for k, v in report.other_errors.items()]


def text_table(prefix: str, differences: Sequence[Difference]) -> list[str]:
    """The stages as aligned lines; `prefix` stands before each name."""
    head = f"  {prefix + 'stage':20}" + "".join(f"{name:>11}" for name in COLUMNS) + "  result"
    lines = [head]
    for d in differences:
        cells = "".join(f"{_cell(d, name):>11}" for name in COLUMNS)
        lines.append(f"  {prefix + d.stage:20}{cells}  {verdict(d)} {d.note}".rstrip())
    if (failed := first_failure(differences)) is not None:
        lines.append(f"  {prefix}differs first at: {failed.stage}")
    return lines


def _cell(difference: Difference, column: str) -> str:
    value = getattr(difference, column)
    if value is None:
        return ""
    return f"{value:.6f}" if column == "cosine" else _number(value)


def _number(value: float) -> str:
    return f"{value:.2e}" if value else "0"


def to_json(report: CaseReport) -> dict[str, object]:
    """One case without its arrays."""
    failed = first_failure(report.differences)
    return {
        "image": report.case.name,
        "task": report.case.task,
        "passed": report.passed,
        "first_failure": failed.stage if failed else None,
        "stages": [finite(asdict(d)) for d in report.differences],
        "text": report.ours.text,
        "reference_text": report.reference.text,
        "other_errors": {name: finite(errors) for name, errors in report.other_errors.items()},
        "stock_stages": None
        if report.stock_differences is None
        else [finite(asdict(d)) for d in report.stock_differences],
        "stock_text": report.stock.text if report.stock else None,
    }


def finite(values: Mapping[str, object]) -> dict[str, object]:
    """The values as JSON can have them: without NaN and infinity."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in values.items()
    }


class Page:
    """The HTML report, made case by case, so that no arrays need to be kept."""

    def __init__(self) -> None:
        self._cases: list[str] = []

    def add(self, report: CaseReport) -> None:
        """One more case."""
        word = "pass" if report.passed else "fail"
        parts = [
            f"<h2>{_e(_heading(report))} <span class={word}>{word}</span></h2>",
            _image(report.case.image),
            _html_table("ours", report.differences),
            _maps("ours", report.ours, report.reference),
        ]
        parts += [f"<p>{_e(line)}</p>" for line in _other_errors(report)]
        if report.stock and report.stock_differences is not None:
            parts += [
                _html_table("stock mtmd", report.stock_differences),
                _maps("stock mtmd", report.stock, report.reference),
            ]
        texts = [("reference", report.reference.text), ("ours", report.ours.text)]
        if report.stock:
            texts.append(("stock mtmd", report.stock.text))
        parts += [f"<p>{_e(name)}</p><pre>{_e(text)}</pre>" for name, text in texts]
        self._cases.append("".join(parts))

    def html(self, title: str, facts: Sequence[tuple[str, str]]) -> str:
        """The whole page, one file that needs no other.

        Args:
            title: heading.
            facts: names and values for the table at the top.
        """
        rows = "".join(f"<tr><td>{_e(k)}</td><td class=note>{_e(v)}</td></tr>" for k, v in facts)
        return (
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{_e(title)}</title>"
            f"<style>{_STYLE}</style><h1>{_e(title)}</h1><table>{rows}</table>"
            f"{''.join(self._cases)}</html>\n"
        )


def _html_table(name: str, differences: Sequence[Difference]) -> str:
    head = "".join(f"<th>{column}</th>" for column in (name, *COLUMNS, "result"))
    rows = []
    for d in differences:
        cells = "".join(f"<td>{_cell(d, column)}</td>" for column in COLUMNS)
        mark = {True: "pass", False: "fail", None: "none"}[d.passed]
        rows.append(
            f"<tr><td>{_e(d.stage)}</td>{cells}"
            f"<td class='note {mark}'>{verdict(d)} {_e(d.note)}</td></tr>"
        )
    failed = first_failure(differences)
    first = f"<p class=fail>differs first at {_e(failed.stage)}</p>" if failed else ""
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>{first}"


def _maps(name: str, stages: Stages, reference: Stages) -> str:
    """Where the stages differ: one image per stage, white where they differ most."""
    height, width = reference.pixels.shape[:2]
    figures = []
    for stage in ("pixels", "patches", "encoded", "image_tokens"):
        ours, theirs = getattr(stages, stage), getattr(reference, stage)
        if ours.shape != theirs.shape:
            continue
        gap = np.linalg.norm((ours - theirs).astype(np.float64), axis=-1)
        if gap.ndim == 1:
            cols = max(1, round((gap.size * width / height) ** 0.5))
            gap = gap.reshape(-1, cols)
        largest = float(np.nanmax(gap, initial=0.0))
        figures.append(
            f"<figure><img src='{_png(gap, largest)}' width={IMAGE_WIDTH} alt=''>"
            f"<figcaption>{name}: {stage}, white is {_number(largest)}</figcaption></figure>"
        )
    return "".join(figures)


def _png(values: npt.NDArray[np.float64], largest: float) -> str:
    """Grey values [rows, cols] as a data address; 0 is black, ``largest`` and NaN are white.

    Large arrays are reduced by the maximum, so that no point gets lost.
    """
    step = max(1, max(values.shape) // IMAGE_WIDTH)
    rows, cols = (-(-n // step) * step for n in values.shape)
    full = np.zeros((rows, cols))
    full[: values.shape[0], : values.shape[1]] = np.nan_to_num(values, nan=largest)
    most = full.reshape(rows // step, step, cols // step, step).max(axis=(1, 3))
    grey = most * (255.0 / largest if largest > 0 else 0.0)
    return _data_address(Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)), "PNG")


def _image(image: Image.Image) -> str:
    small = image.copy()
    small.thumbnail((IMAGE_WIDTH, IMAGE_WIDTH))
    return f"<figure><img src='{_data_address(small, 'JPEG')}' alt=''></figure>"


def _data_address(image: Image.Image, kind: str) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/{kind.lower()};base64,{text}"


def _e(text: str) -> str:
    return html.escape(text)
