# SPDX-License-Identifier: Apache-2.0
"""How fast a layout model of the official size is, beside ONNX Runtime and transformers.

    python benchmarks/layout.py --work DIR [--rounds 5] [--threads 1 2]

makes what it needs in the work folder (1 GB: a PP-DocLayoutV3 of random weights, its export, an
environment for ONNX Runtime, the ONNX file that torch.onnx makes of transformers' model), measures
each program in a process of its own, in alternating rounds, and writes the figures into
docs/layout.md. Interrupted, it goes on where it was; --fresh begins anew, --write only writes.
PyTorch and transformers are those of this environment (`pip install ".[reference]"`).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from document import write_speed
from figures import Figures
from machine import describe, physical_cores
from ppocrvl.exporter.layout.exporter import export_layout
from ppocrvl.exporter.layout.synthetic import write_synthetic_layout

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).resolve().parent
ONNX, REFERENCE = "ONNX Runtime", "transformers"
OURS = {f"ppocrvl, {precision}": precision for precision in ("auto", "f32", "bf16")}
PROGRAMS = (*OURS, ONNX, REFERENCE)
PACKAGES = ("onnxruntime==1.32.0", "onnx==1.23.2", "numpy")
PAGES = 5
LIMIT = 1200  # seconds of one process


def prepare(work: Path) -> dict[str, Path]:
    """Makes the model in all forms, and the environment of ONNX Runtime. Paths by program."""
    checkpoint, environment, onnx = work / "layout", work / "layout-onnx", work / "layout.onnx"
    if not (checkpoint / "model.safetensors").exists():
        write_synthetic_layout(checkpoint, "v3")
    exported = next(iter(sorted(checkpoint.glob("*.gguf"))), None)
    file = exported or export_layout(checkpoint, checkpoint)
    python = environment / "bin" / "python"
    if not (environment / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
        (environment / "installed").touch()
    if not onnx.exists():
        worker = str(HERE / "layout_onnx.py")
        part = onnx.with_suffix(".part")
        subprocess.run([sys.executable, worker, checkpoint, environment, part], check=True)
        part.replace(onnx)
    return {**dict.fromkeys(OURS, file), ONNX: onnx, REFERENCE: checkpoint, "python": python}


def measure(program: str, paths: dict[str, Path], threads: int) -> dict[str, Any]:
    """What one process finds."""
    job = {
        "program": program,
        "path": str(paths[program]),
        "threads": threads,
        "pages": PAGES,
        "precision": OURS.get(program, ""),
    }
    python = paths["python"] if program == ONNX else Path(sys.executable)
    command = [str(python), str(HERE / "peer_layout.py"), json.dumps(job)]
    # No other library may start threads of its own.
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=LIMIT, check=True, env=environment
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def median(runs: Sequence[dict[str, Any]], name: str) -> float:
    """Of what several processes found."""
    return float(statistics.median(run[name] for run in runs))


def comparison(values: dict[str, Any], threads: int) -> list[str]:
    """The table of programs."""
    runs = {program: values[f"{program}|{threads}"] for program in PROGRAMS}
    peers = [median(runs[peer], "seconds") for peer in (ONNX, REFERENCE)]
    lines = [
        f"{threads} {'thread' if threads == 1 else 'threads'}:",
        "",
        "| | s a page | CPU s | peak MiB | load s | ONNX Runtime / it | transformers / it |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for program, found in runs.items():
        seconds = median(found, "seconds")
        ratios = " | ".join(f"{peer / seconds:.2f}" for peer in peers)
        lines.append(
            f"| {program} | {seconds:.3f} | {median(found, 'cpu'):.3f} "
            f"| {median(found, 'peak') / (1 << 20):.0f} | {median(found, 'load'):.1f} | {ratios} |"
        )
    return lines


def stages(values: dict[str, Any], threads: int) -> list[str]:
    """The table of our stages."""
    operations = values[f"{REFERENCE}|{threads}"][0]["operations"]
    peak = values["peaks"]["float32"] / max(values["threads"])
    runs = {program: values[f"{program}|{threads}"] for program in OURS}
    names = list(dict.fromkeys(name for found in runs.values() for name in found[0]["stages"]))
    about = (
        f"Stages with {threads} {'thread' if threads == 1 else 'threads'}: milliseconds, GFLOP/s. "
        f"PyTorch's float32 products reach {peak / 1e9:.0f} GFLOP/s a core."
    )
    lines = [
        about,
        "",
        f"| | GFLOP | {' | '.join(OURS)} |",
        f"|---|--:|{'--:|' * len(OURS)}",
    ]
    for name in names:
        cells = []
        for found in runs.values():
            seconds = statistics.median(run["stages"].get(name, 0.0) for run in found)
            rate = f", {operations[name] / seconds / 1e9:.0f}" if operations.get(name) else ""
            cells.append(f"{1000 * seconds:.0f}{rate}")
        done = operations.get(name, 0.0) / 1e9
        lines.append(f"| {name} | {f'{done:.1f}' if done else ''} | {' | '.join(cells)} |")
    return lines


def document(values: dict[str, Any]) -> list[str]:
    """All that is written."""
    machine = values["machine"]
    first = values["threads"][0]
    kernels = [
        f"`{precision}` {', '.join(values[f'{program}|{first}'][0]['kernels'])}"
        for program, precision in OURS.items()
    ]
    about = (
        f"One page of 800 x 800, PP-DocLayoutV3 of the official size with random weights, batch 1, "
        f"after a page that is not counted; medians of {values['rounds']} alternating rounds of "
        f"{PAGES} pages. {machine['processor']}, {machine['CPUs']} CPUs, {machine['features']}; "
        f"{machine['date']}; onnxruntime 1.32.0, PyTorch {machine['torch']}, transformers "
        f"{machine['transformers']}, both float32. Kernels of backbone, encoder and decoder: "
        f"{'; '.join(kernels)}."
    )
    lines = [about, ""]
    for threads in values["threads"]:
        lines += [*comparison(values, threads), "", *stages(values, threads), ""]
    return [*lines, "Written by `python benchmarks/layout.py --work DIR`."]


def main() -> None:
    """Measure what is missing, write the document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for large files")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, physical_cores()])
    parser.add_argument("--fresh", action="store_true", help="forget earlier figures")
    parser.add_argument("--write", action="store_true", help="measure nothing")
    parser.add_argument("--print", action="store_true", help="leave docs/layout.md as it is")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    figures = Figures(args.work / "layout-figures.json", fresh=args.fresh and not args.write)
    if not args.write:
        paths = prepare(args.work)
        counts = list(dict.fromkeys(args.threads))
        figures["machine"], figures["threads"] = describe(max(counts)), counts
        if "peaks" not in figures.values:
            command = [sys.executable, str(HERE / "roofline.py")]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            figures["peaks"] = json.loads(done.stdout)
        for number in range(args.rounds):
            for program in PROGRAMS if number % 2 == 0 else PROGRAMS[::-1]:
                for threads in counts:
                    key = f"{program}|{threads}"
                    known = figures.values.get(key, [])
                    if len(known) > number:
                        continue
                    found = measure(program, paths, threads)
                    figures[key] = [*known, found]
                    print(f"{key:20} {found['seconds']:.3f} s", flush=True)
        figures["rounds"] = args.rounds
    lines = document(figures.values)
    if args.print:
        print("\n".join(lines))
    else:
        write_speed("layout", lines)


if __name__ == "__main__":
    main()
