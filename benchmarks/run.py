# SPDX-License-Identifier: Apache-2.0
"""ppocrvl beside its peers: the same pictures, the same weights, the same numbers of tokens.

    python benchmarks/run.py --work DIR --tools DIR [--rounds 3] [--minutes 45]

makes what it needs in the work folder (9 GB: random weights of the official size, their export,
quantized files, pictures, the peers' environments), measures every case in a process of its own in
alternating rounds, and writes docs/benchmarks.md, docs/benchmarks/*.svg and
docs/benchmarks/figures.json. --tools is the folder of llama-server and llama-mtmd-cli, built from
the pinned source (docs/building.md). Interrupted, it goes on where it was; --fresh begins anew.
--write only draws the document from the figures that are there. --quick tries everything with the
built-in model and few tokens, and writes into the work folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cases import CASES, CLI, DTYPES, OURS, PACKAGES, SERVER, VARIANTS, WORKERS, Case
from figures import Figures
from flame import flame_graph
from machine import describe, physical_cores
from model_files import ROOT, checkpoint_of, small_pictures_allowed, source_files
from report import write_document
from workloads import make_pictures

if TYPE_CHECKING:
    from ppocrvl.models.folder import ModelPaths

HERE = Path(__file__).resolve().parent
DOCUMENT = ROOT / "docs" / "benchmarks.md"
QUICK_PICTURES, QUICK_TOKENS, QUICK_REQUESTS = 3, 4, 400
LIMIT = 1200  # seconds of one process


class Bench:
    """Runs cases.

    Args:
        args: of the command line.
        figures: where results go.
    """

    def __init__(self, args: argparse.Namespace, figures: Figures) -> None:
        self._work: Path = args.work
        self._tools: Path | None = args.tools
        self._peers: Path = args.peers_work or args.work / "peers"
        self._threads: int = args.threads
        self._is_quick: bool = args.quick
        self._size = "tiny" if args.quick else "full"
        self._figures = figures

    def prepare(self, chosen: list[Case]) -> None:
        """Makes files and environments that the cases need, and notes the machine."""
        names = {case.files for case in chosen} & set(VARIANTS)
        source_files(self._work, self._size, [VARIANTS[name] for name in sorted(names)])
        for name in names:
            self._paths(name)
        for case in chosen:
            make_pictures(case.work, self._work / "pictures")
        for package in {case.program for case in chosen} & set(PACKAGES):
            self._install(package)
        if "machine" not in self._figures.values:
            self._figures["machine"] = {
                **describe(self._threads),
                **{name: package.split("==")[1] for name, package in PACKAGES.items()},
            }
        if "peaks" not in self._figures.values:
            done = subprocess.run(
                [sys.executable, HERE / "roofline.py"], capture_output=True, text=True, check=True
            )
            self._figures["peaks"] = json.loads(done.stdout)
        from roofline import work_of  # noqa: PLC0415 - the encoder's benchmark is loaded with it

        known = self._figures.values.get("work", {})
        made = {name: work_of(self._paths(name).llm) for name in names}
        self._figures["work"] = {**known, **made}

    def _paths(self, name: str) -> ModelPaths:
        folder = self._work / self._size
        return small_pictures_allowed(
            folder / VARIANTS[name].name, folder / "small-pictures" / name
        )

    def _install(self, program: str) -> None:
        """An environment of the peer's own; what fails is noted, and its cases are left out."""
        folder = self._peers / program
        stamp = folder / "installed"
        if stamp.exists():
            return
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", PACKAGES[program]]
        print(f"installing {PACKAGES[program]}", flush=True)
        environment = {**os.environ, "CMAKE_BUILD_PARALLEL_LEVEL": "2"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            stamp.touch()
        else:
            last = (done.stdout + done.stderr).strip().splitlines()[-1:]
            self._note_failure(program, f"pip install failed: {''.join(last)}")

    def _note_failure(self, name: str, message: str) -> None:
        failures = dict(self._figures.values.get("failures", {}))
        failures[name] = message
        self._figures["failures"] = failures
        print(f"{name}: FAILED: {message}", flush=True)

    def _job(self, case: Case) -> dict[str, Any]:
        warm_up, *pictures = map(str, make_pictures(case.work, self._work / "pictures"))
        tokens = case.work.tokens
        if self._is_quick:
            most = QUICK_REQUESTS if case.work.kind == "endure" else QUICK_PICTURES
            pictures, tokens = pictures[:most], min(tokens, QUICK_TOKENS)
        is_reference = case.files in DTYPES
        paths = self._paths(case.files) if case.files in VARIANTS else None
        binary = self._tools / case.program if self._tools and case.program in (SERVER, CLI) else ""
        return {
            "kind": case.work.kind,
            "llm": str(paths.llm) if paths else "",
            "mmproj": str(paths.mmproj) if paths else "",
            "checkpoint": str(checkpoint_of(self._work, self._size)) if is_reference else "",
            "dtype": case.files if is_reference else "",
            "warm_up": warm_up,
            "pictures": pictures,
            "tokens": tokens,
            "parallel": case.parallel,
            "context": case.work.context,
            "threads": self._threads,
            "binary": str(binary),
            "split": case.program == OURS and case.workload == "b",
        }

    def draw_flame_graph(self, path: Path) -> None:
        """Of ours in (b), four at once, loading included."""
        case = Case("b", OURS, "bf16", 4)
        asked = {**self._job(case), "split": False, "spawned": time.monotonic()}
        arguments = [str(HERE / WORKERS[OURS]), json.dumps(asked)]
        try:
            flame_graph(arguments, self._work, path, f"ppocrvl, {case.work.title}, 4 at once")
        except OSError as error:
            self._note_failure("flame graph", str(error))

    def measure(self, case: Case) -> bool:
        """Runs the case once and keeps what it finds. Whether it went well."""
        asked = self._job(case)
        python: Path | str = sys.executable
        if case.program in PACKAGES:
            python = self._peers / case.program / "bin" / "python"
        if case.program in (SERVER, CLI) and not asked["binary"]:
            self._note_failure(case.key, "not measured: no --tools")
            return False
        asked["spawned"] = time.monotonic()
        command = [str(python), str(HERE / WORKERS[case.program]), json.dumps(asked)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=LIMIT, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            self._note_failure(case.key, f"{error}"[:300])
            return False
        wall = time.monotonic() - asked["spawned"]
        if done.returncode != 0:
            last = [line for line in done.stderr.strip().splitlines() if line.strip()][-1:]
            self._note_failure(case.key, f"ended with {done.returncode}: {''.join(last)[:300]}")
            return False
        found = json.loads(done.stdout.strip().splitlines()[-1])
        counts = {answer["tokens"] for answer in found["answers"]}
        if counts != {asked["tokens"]}:
            self._note_failure(
                case.key, f"generated {sorted(counts)}, not {asked['tokens']} tokens"
            )
            return False
        if len(found["answers"]) > 1:  # what is the same for all is not kept 64 times
            found["answers"] = [
                {name: round(value, 4) for name, value in answer.items()}
                for answer in found["answers"]
            ]
        failures = self._figures.values.get("failures", {})
        if case.key in failures:
            del failures[case.key]
        self._figures[case.key] = [*self._figures.values.get(case.key, []), found]
        seconds = found.get("seconds", 0.0)
        print(
            f"{case.key:36} {seconds:7.2f} s  {found['peak'] / (1 << 20):6.0f} MiB  ({wall:.0f} s)",
            flush=True,
        )
        return True


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for large files")
    parser.add_argument("--peers-work", type=Path, help="folder for the peers' environments")
    parser.add_argument("--tools", type=Path, help="folder of llama-server and llama-mtmd-cli")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, help="begin no measurement after so long")
    parser.add_argument("--only", default="abcdefg", metavar="ab", help="workloads")
    parser.add_argument("--programs", nargs="+", choices=WORKERS, default=list(WORKERS))
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--prepare", action="store_true", help="make files, measure nothing")
    parser.add_argument("--write", action="store_true", help="measure nothing, draw the document")
    parser.add_argument("--fresh", action="store_true", help="forget earlier figures")
    parser.add_argument("--document", type=Path, default=DOCUMENT, help="written at the end")
    parser.add_argument("--quick", action="store_true", help="try everything with few tokens")
    return parser.parse_args()


def main() -> None:
    """Measure what is asked for, write the document."""
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    document = args.work / "quick" / "benchmarks.md" if args.quick else args.document
    folder = document.parent / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    figures = Figures(folder / "figures.json", fresh=args.fresh and not args.write)
    chosen = [c for c in CASES if c.workload in args.only and c.program in args.programs]
    if not args.write:
        bench = Bench(args, figures)
        bench.prepare(chosen)
        begin = time.monotonic()
        figures["rounds"] = 0 if args.prepare else args.rounds
        failed: set[str] = set()
        for number in range(0 if args.prepare else args.rounds):
            for case in chosen:
                is_late = args.minutes and time.monotonic() - begin > 60 * args.minutes
                is_done = len(figures.values.get(case.key, [])) > number
                if is_done or is_late or number >= case.rounds or case.key in failed:
                    continue
                if not bench.measure(case):
                    failed.add(case.key)
        if not (folder / "flame.svg").exists() and any(c.workload == "b" for c in chosen):
            bench.draw_flame_graph(folder / "flame.svg")
    if not args.prepare:
        write_document(figures.values, document)


if __name__ == "__main__":
    main()
