# SPDX-License-Identifier: Apache-2.0
"""Pages through our layout model and the reference."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ppocrvl.parity.compare import first_failure
from ppocrvl.parity.layout.regions import (
    CHOICE_TIE,
    PIXELS,
    SAME_BOX,
    SHARE,
    TIE,
    RegionMatch,
    TiedChoices,
    Ties,
    match_regions,
)
from ppocrvl.parity.layout.stages import comparable, compare_stages
from ppocrvl.parity.report import finite, text_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from ppocrvl.parity.compare import Difference
    from ppocrvl.parity.layout.reference import LayoutReference
    from ppocrvl.support.native import _native


@dataclass(frozen=True, slots=True)
class PageReport:
    """One page.

    Attributes:
        name: of its file.
        size: (width, height) in pixels.
        differences: of the stages; None where they were not compared.
        match: of the regions.
        precision: of our model.
    """

    name: str
    size: tuple[int, int]
    differences: list[Difference] | None
    match: RegionMatch
    precision: str = "auto"

    @property
    def passed(self) -> bool:
        """Whether no stage is out of its bound. Regions are judged over all pages."""
        return all(one.passed is not False for one in self.differences or ())


def check_page(
    model: _native.LayoutModel,
    name: str,
    page: Image.Image,
    reference: LayoutReference,
    exact: LayoutReference | None = None,
    *,
    precision: str = "auto",
) -> PageReport:
    """Compare one page.

    Args:
        model: ours.
        name: of the page.
        page: RGB.
        reference: computes the page's regions from our pixels, which are judged as a stage.
        exact: computes each stage from ours before it; None leaves that out.
        precision: of our model, for the report.

    Raises:
        ImageError: the page cannot be used.
        EngineError: memory ran out.
    """
    pixels = np.asarray(page)
    found: dict[str, Any] = model.run(pixels, trace=True)
    found["page_size"] = np.array(page.size, np.float64)
    stages = found["stages"] = comparable(found["stages"])
    differences = None
    if exact is not None:
        differences = compare_stages(
            found, exact.from_given(stages), exact.pixels(pixels), exact.least_std
        )
    choices = TiedChoices(stages)
    expected = reference.alone(stages["pixels"], choices)
    match = match_regions(found, expected, model.thresholds, choices)
    return PageReport(name, page.size, differences, match, precision)


def share_of_same_regions(reports: Sequence[PageReport]) -> float:
    """Over all pages; 1 where no page has a region."""
    n_regions = sum(one.match.n_regions for one in reports)
    return sum(one.match.n_same for one in reports) / n_regions if n_regions else 1.0


def passed(reports: Sequence[PageReport]) -> bool:
    """Whether every stage is within its bound, and enough regions are the same."""
    return all(one.passed for one in reports) and share_of_same_regions(reports) >= SHARE


def summary(reports: Sequence[PageReport]) -> list[str]:
    """All pages in two lines: how many regions are the same, and how many only as ties."""
    n_regions = sum(one.match.n_regions for one in reports)
    share = share_of_same_regions(reports)
    same = (
        f"{share:.2%} of {n_regions} regions on {len(reports)} pages are the same, with boxes "
        f"within {PIXELS} px; at least {SHARE:.1%} must be"
    )
    ties = (
        f"ties (scores within {TIE}, votes within {TIE} and choices within {CHOICE_TIE} of the "
        f"largest): {', '.join(_ties(all_ties(reports)))}"
    )
    return [same, ties]


def all_ties(reports: Sequence[PageReport]) -> Ties:
    """Over all pages."""
    counts = [asdict(one.match.ties) for one in reports]
    return Ties(**{name: sum(one[name] for one in counts) for name in asdict(Ties())})


def _ties(ties: Ties) -> list[str]:
    return [
        f"{ties.left_out} regions at the threshold left out",
        f"{ties.places} in another place",
        f"{ties.queries} queries chosen otherwise",
        f"{ties.first_boxes} first boxes otherwise",
        f"{ties.taken} queries ordered on one side alone",
        f"{ties.corners} corners cut otherwise",
    ]


def text_lines(report: PageReport) -> list[str]:
    """One page as aligned lines."""
    match = report.match
    lines = [f"{report.name}: {report.size[0]}x{report.size[1]} pixels, {report.precision}"]
    lines += text_table("", report.differences) if report.differences is not None else []
    parts = [
        f"{count} {what}"
        for count, what in (
            (match.n_one_sided, "on one side alone"),
            (match.n_moved, "moved"),
            (match.n_misplaced, "in another place"),
        )
        if count
    ]
    parts += [] if match.same_choices else ["other queries or first boxes chosen"]
    parts += [f"boxes within {match.largest_gap:.2g} px"]
    lines.append(f"  regions: {match.n_same} of {match.n_regions} the same; {', '.join(parts)}")
    if ties := [one for one in _ties(match.ties) if not one.startswith("0 ")]:
        lines.append(f"  ties: {', '.join(ties)}")
    return lines


def to_json(report: PageReport) -> dict[str, object]:
    """One page as plain values."""
    failed = first_failure(report.differences or [])
    return {
        "image": report.name,
        "size": list(report.size),
        "precision": report.precision,
        "passed": report.passed,
        "first_failure": failed.stage if failed else None,
        "stages": report.differences and [finite(asdict(one)) for one in report.differences],
        "regions": finite(asdict(report.match)),
        "tolerances": {"pixels": PIXELS, "tie": TIE, "choice_tie": CHOICE_TIE, "box": SAME_BOX},
    }
