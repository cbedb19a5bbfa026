# SPDX-License-Identifier: Apache-2.0
"""How well and how fast documents are read, beside Tesseract, RapidOCR and llama-server.

    python benchmarks/documents.py --work DIR --tools DIR [--only lost quality speed long]

makes what it needs in the work folder (pages with a known text, files of the official size with
random weights, an environment for RapidOCR and ONNX Runtime), measures every program in a process
of its own, in alternating rounds, and writes the parts of docs/documents.md. --tools is the folder
of llama-server, built from the pinned source (docs/building.md). Tesseract is Debian's
tesseract-ocr. What is not there is left out, and said so. Interrupted, it goes on where it was;
--fresh begins anew, --write only writes. --quick tries everything with the built-in pair and one
page, and prints. --layout names the layout model that reads beside the built-in pair. "long" is a
PDF of --long-pages, by files of the official size only with --long-files balanced: it takes them
half a minute a page.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rapidfuzz.distance import Levenshtein

from document import write_speed
from document_pages import bare, installed_sets, long_pdf, make_set, timed_pages
from documents_report import LONG, PIPELINE, SERVER, part
from figures import Figures
from layout import ONNX, prepare
from machine import describe, physical_cores
from model_files import Variant, source_files
from pages import perfect, truth
from pages.maker import make
from peer_pages import OURS, RAPIDOCR, TESSERACT
from ppocrvl.evaluation.document_metrics import score
from ppocrvl.evaluation.markdown_parts import markdown_parts, plain_text
from ppocrvl.models.folder import find_layout, find_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from document_pages import TruePage

HERE = Path(__file__).resolve().parent
PACKAGES = ("rapidocr==3.10.0", "onnxruntime==1.32.0")
READERS = (OURS, TESSERACT, RAPIDOCR)
WORKERS = {PIPELINE: "peer_documents_ours.py", SERVER: "peer_documents_served.py"}
VARIANTS = {
    "bf16": Variant("bf16", {}),
    "balanced": Variant("balanced", {"preset": "balanced"}, has_importance=True),
}
BUILT_IN = "built-in"
TOKENS = 93
"""Of each block: some 1,400 of a page of 15."""
PARALLEL, CONTEXT = 4, 2048
LOST_PAGES = 100
FEW_PAGES = 10
"""What the memory of a long document is compared with."""
LONG_TOKENS = 16
"""Of each block of a long document: its memory is the subject, and no token adds to it."""
LIMIT = 3 * 3600  # seconds of one process
PARTS = ("lost", "quality", "speed", "long")


class Bench:
    """Runs programs, and keeps what they find.

    Args:
        args: of the command line.
        figures: where results go.
    """

    def __init__(self, args: argparse.Namespace, figures: Figures) -> None:
        self._args = args
        self._work: Path = args.work
        self._figures = figures
        self._python = self._work / "documents-peers" / "bin" / "python"

    def lost(self) -> None:
        """The pipeline's own losses, with true regions and answers."""
        if "lost" in self._figures.values:
            return
        found = []
        for number in range(2 if self._args.quick else LOST_PAGES):
            page = make(f"proof {number}")
            text = plain_text(markdown_parts(perfect.parse([page]).to_markdown()))
            found.append(Levenshtein.normalized_distance(text, truth.words(page)))
        self._figures["lost"] = found

    def quality(self) -> None:
        """All programs on all sets of pages."""
        for name in installed_sets():
            pages = make_set(name, self._args.pages, self._work / "document-pages")
            for program in READERS:
                key = f"quality|{name}|{program}"
                if key not in self._figures.values and self._is_there(program):
                    self._note(key, self._read(program, pages))

    def speed(self, number: int) -> None:
        """One round of all programs and files."""
        timed = timed_pages(self._args.timed_pages, self._work / "timed-pages")
        files = (BUILT_IN,) if self._args.quick else tuple(VARIANTS)
        programs = [(program, name) for name in files for program in (PIPELINE, SERVER)]
        for program, name in programs if number % 2 == 0 else programs[::-1]:
            key = f"speed|{program}|{name}"
            known = self._figures.values.get(key, [])
            if len(known) > number or not self._is_there(program):
                continue
            found = self._measure(program, name, timed)
            blocks = sum(len(page["crops"]) for page in timed)
            if found["tokens"] != [TOKENS] * blocks:
                sys.exit(f"{key}: {len(found['tokens'])} answers of {set(found['tokens'])} tokens")
            found["tokens"] = sum(found["tokens"])
            asked = {run["prompt_tokens"] for run in (*self._runs(name), found)}
            if len(asked) > 1:
                sys.exit(f"{key}: the prompts have {sorted(asked)} tokens; they should be the same")
            self._figures[key] = [*known, {**found, "pages": len(timed), "blocks": blocks}]
            print(f"{key:40} {60 * len(timed) / found['seconds']:.2f} pages a minute", flush=True)

    def long(self) -> None:
        """A PDF of many pages, and its first ones alone, as users parse it."""
        try:
            pdf = long_pdf(self._args.long_pages, self._work)
        except ImportError as error:
            self._skip(LONG, f"{error.name} is not installed")
            return
        for name in self._args.long_files:
            for n_pages in dict.fromkeys(
                (min(FEW_PAGES, self._args.long_pages), self._args.long_pages)
            ):
                key = f"long|{name}|{n_pages}"
                if key not in self._figures.values:
                    self._figures[key] = {**self._parse(name, pdf, n_pages), "pages": n_pages}
                    print(f"{key:40} {self._figures.values[key]['peak'] >> 20} MiB", flush=True)

    def _parse(self, name: str, pdf: Path, n_pages: int) -> dict[str, Any]:
        """What `ppocrvl parse` takes for the first pages."""
        source, layout, _ = self._files(name)
        out = self._work / "long-out"
        shutil.rmtree(out, ignore_errors=True)
        arguments = [str(pdf), "-o", str(out), "--to", "md,json,html", "--pages", f"1-{n_pages}"]
        arguments += ["--model", str(source), "--layout", layout]
        arguments += ["--threads", str(self._args.threads), "--n-parallel", str(PARALLEL)]
        if name != BUILT_IN:
            arguments += ["--max-tokens", str(LONG_TOKENS), "--no-stop-loops"]
        job = {
            "program": f"{PIPELINE} parse",
            "arguments": arguments,
            "strips": name != BUILT_IN,
            "spawned": time.monotonic(),
        }
        return self._run("long_document.py", job, is_peer=False)

    def _files(self, name: str) -> tuple[Path, str, str]:
        """Folder of the pair, layout model, and that as ONNX has it; made where missing."""
        if name == BUILT_IN:
            layout = self._args.layout or str(find_layout(None, None))
            return find_model(None).llm.parent, layout, ""
        source_files(self._work, "full", list(VARIANTS.values()))
        made = prepare(self._work)
        return self._work / "full" / name, str(made["ppocrvl, auto"]), str(made[ONNX])

    def _runs(self, name: str) -> list[dict[str, Any]]:
        """What was measured with these files."""
        keys = (f"speed|{program}|{name}" for program in (PIPELINE, SERVER))
        return [run for key in keys for run in self._figures.values.get(key, [])]

    def _is_there(self, program: str) -> bool:
        """Whether it can be run; if not, the figures say why."""
        missing = {
            TESSERACT: None if shutil.which("tesseract") else "apt-get install tesseract-ocr",
            SERVER: None if self._args.tools else "--tools was not given",
            RAPIDOCR: self._environment() if program == RAPIDOCR else None,
        }.get(program)
        self._skip(program, missing)
        return missing is None

    def _skip(self, program: str, missing: str | None) -> None:
        """Notes why it is not measured, or that it is."""
        skipped = dict(self._figures.values.get("skipped", {}))
        skipped.pop(program, None)
        if missing is not None:
            skipped[program] = missing
        self._figures["skipped"] = skipped

    def _environment(self) -> str | None:
        """An environment for the peers; why it cannot be had, or None."""
        folder = self._python.parent.parent
        if not (folder / "installed").exists():
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            command = [self._python, "-m", "pip", "install", "-q", *PACKAGES]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                return f"pip install failed: {''.join(done.stderr.strip().splitlines()[-1:])}"
            (folder / "installed").touch()
        return None

    def _read(self, program: str, pages: Sequence[TruePage]) -> list[dict[str, Any]]:
        """What a program makes of each page."""
        job = {
            "program": program,
            "pages": [str(page.path) for page in pages],
            "threads": self._args.threads,
            "layout": self._args.layout,
            "model": self._args.model,
        }
        found = self._run("peer_pages.py", job, is_peer=program == RAPIDOCR)
        readings = zip(pages, found["texts"], found["seconds"], strict=True)
        return [
            {**judged(page, text), "seconds": seconds, "peak": found["peak"]}
            for page, text, seconds in readings
        ]

    def _measure(self, program: str, name: str, timed: list[dict[str, Any]]) -> dict[str, Any]:
        source, layout, onnx = self._files(name)
        if onnx and (failure := self._environment()) is not None:
            sys.exit(failure)
        paths = find_model(source)
        job = {
            "program": program,
            "llm": str(paths.llm),
            "mmproj": str(paths.mmproj),
            "layout": layout,
            "onnx": onnx,
            "binary": str(self._args.tools / SERVER) if self._args.tools else "",
            "pages": timed,
            "tokens": TOKENS,
            "parallel": PARALLEL,
            "context": CONTEXT,
            "threads": self._args.threads,
            "spawned": time.monotonic(),
        }
        return self._run(WORKERS[program], job, is_peer=program == SERVER and bool(onnx))

    def _run(self, worker: str, job: dict[str, Any], *, is_peer: bool) -> dict[str, Any]:
        path = self._work / "job.json"  # too long for an argument
        path.write_text(json.dumps(job), encoding="utf-8")
        python = self._python if is_peer else Path(sys.executable)
        environment = {**os.environ, "OMP_NUM_THREADS": str(self._args.threads)}
        done = subprocess.run(
            [str(python), str(HERE / worker), str(path)],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
            env=environment,
        )
        if done.returncode != 0:
            sys.exit(f"{worker}, {job['program']}:\n{done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return found

    def _note(self, key: str, found: list[dict[str, Any]]) -> None:
        self._figures[key] = found
        mean = statistics.mean(one["distance"] for one in found)
        print(f"{key:50} distance {mean:.1%}", flush=True)


def judged(page: TruePage, text: str) -> dict[str, Any]:
    """What is kept of a reading; headings, tables and formulas count for those who write them."""
    markdown = score(text, page.markdown).to_dict()
    read = bare(plain_text(markdown_parts(text)))
    return {
        **markdown,
        "distance": Levenshtein.normalized_distance(read, page.words),
        "is_text": page.is_text,
    }


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for large files")
    parser.add_argument("--tools", type=Path, help="folder of llama-server")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--layout", default="", help="a layout model, else the built-in one")
    parser.add_argument("--model", default="", help="reads for its quality, else the built-in pair")
    parser.add_argument("--pages", type=int, default=50, help="of each set, for quality")
    parser.add_argument("--timed-pages", type=int, default=6, help="for speed")
    parser.add_argument("--rounds", type=int, default=3, help="of speed")
    parser.add_argument("--long-pages", type=int, default=200)
    parser.add_argument(
        "--long-files", nargs="+", choices=(BUILT_IN, *VARIANTS), default=[BUILT_IN]
    )
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--fresh", action="store_true", help="forget earlier figures")
    parser.add_argument("--write", action="store_true", help="measure nothing")
    parser.add_argument("--quick", action="store_true", help="try everything, and print")
    args = parser.parse_args()
    if args.quick:
        args.pages = args.timed_pages = args.rounds = args.long_pages = 1
    return args


def main() -> None:
    """Measure what is missing, write the document."""
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    name = f"documents-{'quick-' * args.quick}figures.json"
    figures = Figures(args.work / name, fresh=args.fresh and not args.write)
    if not args.write:
        figures["machine"] = describe(args.threads)
        bench = Bench(args, figures)
        if "lost" in args.only:
            bench.lost()
        if "quality" in args.only:
            bench.quality()
        for number in range(args.rounds if "speed" in args.only else 0):
            bench.speed(number)
        if "long" in args.only:
            bench.long()
    for one in args.only:
        lines = part(one, figures.values)
        if args.quick:
            print("\n".join(["", one, "", *lines]))
        else:
            write_speed("documents", lines, part=one)


if __name__ == "__main__":
    main()
