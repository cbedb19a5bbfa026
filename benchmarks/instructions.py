# SPDX-License-Identifier: Apache-2.0
"""How many instructions our kernels for ARM take, beside ggml's operations, under qemu.

    python benchmarks/instructions.py STEPS MODEL [--kernels NAME ...] [--encode 1092x112]
        [--tokens 2] [--cpu max]

STEPS is the program `ppocrvl_steps` of the CMake preset `aarch64`, MODEL a folder with two GGUF
files. Counts one encoding, and one decoding step (from the difference of two answers' lengths),
each less what loading takes. An instruction is no time: CPUs execute some of them at once and wait
for memory, and qemu knows neither. Needs `qemu-aarch64` (Debian: qemu-user) and a C compiler.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

PLUGIN = Path(__file__).with_name("count_instructions.c")
TOTAL = re.compile(r"^total (\d+)$", re.MULTILINE)


def program(name: str) -> str:
    """Where a program is."""
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not installed")
    return found


def build(folder: Path) -> Path:
    """Compile the plugin that counts; its path."""
    library = folder / "count_instructions.so"
    subprocess.run([program("cc"), "-O1", "-shared", "-fPIC", "-o", library, PLUGIN], check=True)
    return library


def count(arguments: argparse.Namespace, plugin: Path, kernels: str, *task: str) -> int:
    """Instructions of one run of the program; shows where most of them are."""
    command = [program("qemu-aarch64"), "-cpu", arguments.cpu, "-L", "/usr/aarch64-linux-gnu"]
    command += ["-plugin", str(plugin), str(arguments.steps), kernels, *task]
    environment = {**os.environ, "PPOCRVL_TEST_MODEL": str(arguments.model)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    found = TOTAL.search(done.stderr)
    if found is None:
        raise SystemExit(f"{' '.join(command)} counted nothing:\n{done.stderr[-2000:]}")
    if arguments.functions:
        print(
            f"-- {kernels} {' '.join(task)}: {done.stdout.strip()}\n{done.stderr[found.start() :]}"
        )
    return int(found[1])


def main() -> None:
    """Count, and print a table in millions of instructions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("steps", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--kernels", nargs="+", default=["neon_bf16", "neon", "ggml"])
    parser.add_argument("--encode", default="1092x112", metavar="WIDTHxHEIGHT", help="or none")
    parser.add_argument("--tokens", type=int, default=2, help="decoding steps; 0 for none")
    parser.add_argument("--cpu", default="max")
    parser.add_argument("--functions", action="store_true", help="show the functions with the most")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plugin = build(Path(folder))
        print("| kernels | one encoding | one decoding step |\n|---|---|---|", flush=True)
        for kernels in arguments.kernels:
            encoding = step = "-"
            if arguments.encode != "none":
                loaded = count(arguments, plugin, kernels, "load")
                size = arguments.encode.split("x")
                taken = count(arguments, plugin, kernels, "encode", *size) - loaded
                encoding = f"{taken / 1e6:.0f}"
            if arguments.tokens:
                before = count(arguments, plugin, kernels, "decode", "1")
                after = count(arguments, plugin, kernels, "decode", str(1 + arguments.tokens))
                step = f"{(after - before) / arguments.tokens / 1e6:.1f}"
            print(f"| {kernels} | {encoding} | {step} |", flush=True)


if __name__ == "__main__":
    main()
