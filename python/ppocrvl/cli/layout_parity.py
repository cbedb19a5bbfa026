# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl parity` of a layout model."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from ppocrvl.cli.messages import note
from ppocrvl.errors import ExitCode, ImageNotFoundError, ModelNotFoundError, OptionError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from PIL import Image

    from ppocrvl.parity.layout.run import PageReport

DEFAULT_PAGES = 20
DEFAULT_STAGE_PAGES = 1


def run(args: argparse.Namespace) -> int:
    """Compare page by page; exit code PARITY if a stage or too many regions differ."""
    from ppocrvl.models.folder import find_layout
    from ppocrvl.parity.layout import run as parity
    from ppocrvl.parity.layout.reference import LayoutReference
    from ppocrvl.support.native import _native

    n_pages = DEFAULT_PAGES if args.pages is None else args.pages
    n_stages = DEFAULT_STAGE_PAGES if args.stage_pages is None else args.stage_pages
    if n_pages < 1 or n_stages < 0:
        raise OptionError("--pages must be at least 1, and --stage-pages at least 0")
    path = find_layout(layout=args.model)
    if path is None:
        raise ModelNotFoundError("name a layout model's file, or a folder with one")
    models = [
        (precision, _native.LayoutModel(str(path), precision=precision))
        for precision in args.precision
    ]
    reference = LayoutReference(args.reference, "float32")
    exact = LayoutReference(args.reference, "float64") if n_stages else None
    reports: dict[str, list[PageReport]] = {precision: [] for precision, _ in models}
    for number, (name, page) in enumerate(_pages(args.images, n_pages)):
        for precision, model in models:
            within = exact if number < n_stages else None
            report = parity.check_page(model, name, page, reference, within, precision=precision)
            reports[precision].append(report)
            lines = [json.dumps(parity.to_json(report))] if args.json else parity.text_lines(report)
            sys.stdout.write("\n".join(lines) + "\n")
            sys.stdout.flush()
    for precision, of_one in reports.items():
        for line in parity.summary(of_one):
            note(f"{precision}: {line}")
        if failed := [one.name for one in of_one if not one.passed]:
            note(f"{precision}: stages differ on {len(failed)} pages: {', '.join(failed)}")
    return ExitCode.OK if all(map(parity.passed, reports.values())) else ExitCode.PARITY


def _pages(images: Sequence[Path], n_pages: int) -> Iterator[tuple[str, Image.Image]]:
    """So many of the user's images, which may be in folders, or of the made ones."""
    from ppocrvl.images.load import load_image
    from ppocrvl.parity.made_images import made_page

    if not images:
        for number in range(n_pages):
            yield f"page-{number}", made_page(number)
        return
    found = [one for path in images for one in (_in_folder(path) if path.is_dir() else [path])]
    if not found:
        raise ImageNotFoundError(f"{images[0]} holds no images")
    for path in found[:n_pages]:
        yield path.name, load_image(path)


def _in_folder(folder: Path) -> list[Path]:
    from ppocrvl.evaluation.dataset import IMAGES

    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGES)
