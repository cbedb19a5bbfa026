# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl video`: the texts of a video as subtitles, or its slides as a document."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppocrvl.cli.client import add_server_flags, make_client
from ppocrvl.cli.engine_flags import add_engine_flags, engine_options
from ppocrvl.cli.messages import counted, note, note_about, report
from ppocrvl.cli.parallel_flag import add_parallel_flag
from ppocrvl.cli.parse import CACHE_BYTES
from ppocrvl.cli.reader_flags import refuse_flags_of_another_reader
from ppocrvl.cli.request_flags import FLAGS, add_request_flags, given_request_flags
from ppocrvl.cli.writing import ProgressLine, cleanup_on_termination
from ppocrvl.errors import ExitCode, OptionError
from ppocrvl.support.output import TextFile, make_folder, write_files
from ppocrvl.video.writers import FORMATS, format_function

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ppocrvl.client import Client
    from ppocrvl.document.document import Document
    from ppocrvl.engine.engine import Engine
    from ppocrvl.video.captions import VideoText

NAME = "video"
HELP = "read the texts of a video, with their times; or its slides, as a document"
FRAMES_AT_ONCE = 2
_NOT_FOR_FRAMES = ("draft", "priority", "deadline")
_REQUEST_FLAGS = tuple(name for name in FLAGS if name not in _NOT_FOR_FRAMES)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", metavar="FILE", help="the video")
    parser.add_argument(
        "--every",
        default="0.5",
        metavar="SECONDS",
        help="look at a frame so often; frame: at all; scene: at all, and read one between "
        "two cuts (default: %(default)s)",
    )
    parser.add_argument(
        "--region",
        metavar="x0,y0,x1,y1",
        help="look at this part of each frame, in pixels; bottom: the lowest third (default: all)",
    )
    parser.add_argument(
        "--invert-dark",
        action="store_true",
        help="invert what is mostly dark before it is read, for models that read dark letters on "
        "light better, as the built-in one",
    )
    parser.add_argument(
        "--slides",
        action="store_true",
        help="read what stays on the screen as pages of a document",
    )
    parser.add_argument(
        "--to",
        metavar="FORMAT[,FORMAT]",
        help=f"{', '.join(FORMATS)} (default: srt); with --slides those of ppocrvl parse "
        "(default: md)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="write into this folder, a file for each format (default: standard output, for one)",
    )
    parser.add_argument(
        "--layout", metavar="FILE", help="with --slides: as for ppocrvl parse, another layout model"
    )
    add_engine_flags(parser)
    parser.add_argument(
        "--server", metavar="URL", help="read on this server instead of in this process"
    )
    add_server_flags(parser)
    at_once = "read N frames, or blocks of slides, at once (default: %(default)s)"
    add_parallel_flag(parser, at_once, FRAMES_AT_ONCE)
    add_request_flags(parser, _REQUEST_FLAGS)


def run(args: argparse.Namespace) -> int:
    """Read the video. What fails is reported, and what was read is written."""
    from ppocrvl.video.opening import open_video

    _refuse_what_cannot_apply(args)
    formats = _formats(args)
    with open_video(args.file):
        pass  # what is wrong with it is told before a model is loaded
    if args.output is not None:
        make_folder(args.output)
    with cleanup_on_termination():
        return _slides(args, formats) if args.slides else _captions(args, formats)


def _refuse_what_cannot_apply(args: argparse.Namespace) -> None:
    refuse_flags_of_another_reader(args)
    if args.layout is not None and not args.slides:
        raise OptionError("--layout is only with --slides")
    if args.invert_dark and args.slides:
        raise OptionError("--invert-dark is not with --slides")
    if args.task is not None and args.slides:
        raise OptionError("--task is not with --slides: each block has a task of its own")


def _formats(args: argparse.Namespace) -> list[str]:
    """The formats that were asked for.

    Raises:
        OptionError: there is no such format, or it does not go to standard output.
        MissingExtraError: a package is not installed.
    """
    asked = (args.to or ("md" if args.slides else "srt")).split(",")
    names = list(dict.fromkeys(one.strip() for one in asked))
    fits_stdout = len(names) == 1
    for name in names:
        if args.slides:
            from ppocrvl.document.writers.formats import format_named

            fits_stdout &= format_named(name).one_text
        else:
            format_function(name)
    if args.output is None and not fits_stdout:
        raise OptionError(
            "only one format that is one text goes to standard output; name a folder with -o"
        )
    return names


def _captions(args: argparse.Namespace, formats: list[str]) -> int:
    from ppocrvl.api import read_video

    read = read_video(
        args.file, engine=_reader(args), invert_dark=args.invert_dark, **_frame_options(args)
    )
    files = _write_captions(args, read, formats)
    counts = f"{counted(len(read.captions), 'caption')} in {read.seconds:.1f} s"
    work = f"looked at {counted(read.n_frames, 'frame')}, read {read.n_readings}"
    _sum_up(f"{read.name}: {counts}; {work}", files)
    codes = [report(error) for error in read.errors]
    return codes[0] if codes else ExitCode.OK


def _write_captions(args: argparse.Namespace, read: VideoText, formats: list[str]) -> list[Path]:
    from ppocrvl.document.document import file_stem

    if args.output is None:
        sys.stdout.write(read.to(formats[0]))
        sys.stdout.flush()
        return []
    stem = file_stem(read.name)
    files = [TextFile(args.output / f"{stem}.{name}", read.to(name)) for name in formats]
    write_files(files)
    return [file.path for file in files]


def _slides(args: argparse.Namespace, formats: list[str]) -> int:
    from ppocrvl.api import read_slides
    from ppocrvl.document.writers.formats import format_named
    from ppocrvl.models.folder import find_layout

    layout = args.layout if args.server else find_layout(args.model, args.layout) or "none"
    document = read_slides(
        args.file,
        engine=_reader(args),
        layout=layout,
        page_images=any(format_named(name).shows_pages for name in formats),
        **_frame_options(args),
    )
    files = _write_document(args, document, formats)
    _sum_up(f"{document.name}: {counted(len(document.pages), 'page')}", files)
    failed = list(_failures(document))
    for one in failed:
        note(f"error: {one}")
    return ExitCode.VIDEO if failed else ExitCode.OK


def _failures(document: Document) -> Iterator[str]:
    """What could not be read, in words."""
    for page in document.pages:
        where = f"page {page.index + 1}"
        if page.error is not None:
            yield f"{where}: {page.error}"
        for block in page.blocks:
            if block.error is not None:
                yield f"{where}, block {block.index + 1} ({block.label}): {block.error}"


def _write_document(args: argparse.Namespace, document: Document, formats: list[str]) -> list[Path]:
    if args.output is None:
        text = document.to(formats[0])
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
        return []
    files = document.save(args.output, formats)
    return [file for file in files if file.parent == args.output]


def _sum_up(text: str, files: list[Path]) -> None:
    note("; ".join([text, *([", ".join(map(str, files))] if files else [])]))


def _frame_options(args: argparse.Namespace) -> dict[str, Any]:
    from ppocrvl.video.area import parse_area
    from ppocrvl.video.frame_options import parse_every

    given = {
        "every": parse_every(args.every),
        "region": parse_area(args.region),
        **given_request_flags(args, _REQUEST_FLAGS),
    }
    if sys.stderr.isatty():
        given["progress"] = partial(_show, ProgressLine(unit="s", divisor=1), Path(args.file).name)
    return given


def _show(line: ProgressLine, name: str, done: float, whole: float | None) -> None:
    if whole is not None:
        line(name, min(int(done), int(whole)), int(whole))


def _reader(args: argparse.Namespace) -> Engine | Client:
    """Never closed: the process ends right after, and closing would wait for a step that runs."""
    if args.server is not None:
        return make_client(args, args.server, args.n_parallel)
    from ppocrvl.engine.engine import Engine as LocalEngine

    engine = LocalEngine(
        args.model, n_parallel=args.n_parallel, cache_bytes=CACHE_BYTES, **engine_options(args)
    )
    note_about(engine)
    return engine
