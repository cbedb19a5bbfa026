# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl layout`: the regions of images, as a table, as JSON or drawn."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.cli.messages import report
from ppocrvl.cli.sinks import error_values
from ppocrvl.errors import ExitCode, PpocrvlError
from ppocrvl.support.file_names import Stems
from ppocrvl.support.output import make_folder, write_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from ppocrvl.layout.region import Region
    from ppocrvl.requests.image_source import ImageSource
    from ppocrvl.support.output import Progress

NAME = "layout"
HELP = "find the regions of pages and their reading order"

SHAPES = ("auto", "rect", "quad", "poly")
"""As `ppocrvl.layout.shapes.SHAPE_MODES`, which needs numpy."""
_COLUMNS = ("order", "label", "score", "x0", "y0", "x1", "y1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE", help="page to look at; - for standard input"
    )
    parser.add_argument(
        "--layout",
        metavar="FILE",
        help="layout model: a GGUF file, a folder with one, or OWNER/NAME of one that was pulled "
        "(default: the one of PPOCRVL_MODEL, else the built-in one)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object per image and line"
    )
    parser.add_argument(
        "--draw",
        type=Path,
        metavar="DIR",
        help="write each image with its regions into this folder",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="only regions with a larger score, 0 to 1 (default: as the model's file says)",
    )
    parser.add_argument(
        "--shape-mode",
        choices=SHAPES,
        default=SHAPES[0],
        help="outline of a region: its box, the smallest rectangle at any angle, a polygon, or the "
        "simplest that fits (default: %(default)s)",
    )
    parser.add_argument(
        "--cover-ink",
        action=argparse.BooleanOptionalAction,
        help="make regions of ink that no region covers (default: as the model's file says)",
    )
    parser.add_argument(
        "--threads", type=int, default=0, metavar="N", help="CPU threads (default: one per core)"
    )


def run(args: argparse.Namespace) -> int:
    """Look at the images in order. One that fails is reported, and the others are looked at."""
    from ppocrvl.images.source import read_source
    from ppocrvl.layout.layout import Layout

    folder = make_folder(args.draw) if args.draw is not None else None
    layout = Layout(
        args.layout,
        n_threads=args.threads,
        threshold=args.threshold,
        shape_mode=args.shape_mode,
        cover_ink=args.cover_ink,
    )
    sources: list[ImageSource] = [
        read_source(sys.stdin.buffer) if name == "-" else name for name in args.images
    ]
    stems = Stems()
    first_failure: int = ExitCode.OK
    outcomes = layout.detect_many(sources)
    for name, source, outcome in zip(args.images, sources, outcomes, strict=True):
        stem = stems.take(name)
        if isinstance(outcome, PpocrvlError):
            code = report(outcome)
            first_failure = first_failure or code
            if args.json:
                _print_json(error_values(name, outcome))
            continue
        if args.json:
            _print_json({"image": name, "regions": [asdict(region) for region in outcome]})
        else:
            _print_table(name if len(sources) > 1 else None, outcome)
        if folder is not None:
            _draw(folder / f"{stem}-layout.png", source, outcome)
    return first_failure


def _print_json(values: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _print_table(heading: str | None, regions: Sequence[Region]) -> None:
    rows: list[tuple[str, ...]] = [_COLUMNS]
    for region in regions:
        numbers = map(str, region.box)
        rows.append((str(region.order + 1), region.label, f"{region.score:.2f}", *numbers))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [] if heading is None else [f"{heading}:"]
    for row in rows:
        cells = [
            cell.ljust(width) if column == "label" else cell.rjust(width)
            for cell, width, column in zip(row, widths, _COLUMNS, strict=True)
        ]
        lines.append("  ".join(cells))
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _draw(path: Path, source: ImageSource, regions: Sequence[Region]) -> None:
    from ppocrvl.images.load import load_image
    from ppocrvl.layout.drawing import drawn

    write_files([_PngFile(path, drawn(load_image(source), regions))])


@dataclass(frozen=True, slots=True)
class _PngFile:
    """An image as a `PendingFile`."""

    path: Path
    image: Image.Image

    def write(self, path: Path, progress: Progress | None) -> None:  # noqa: ARG002
        """Write all of it to `path`, and sync it."""
        with path.open("wb") as out:
            self.image.save(out, "PNG")
            out.flush()
            os.fsync(out.fileno())
