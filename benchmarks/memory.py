# SPDX-License-Identifier: Apache-2.0
"""Peak memory of exporting and running a full-size model, against llama-mtmd-cli with its defaults.

    python benchmarks/memory.py --work /tmp/full [--peer path/to/llama-mtmd-cli]

Makes a full-size checkpoint with random weights in the work folder (1.9 GB, kept for the next run),
exports it, and reads one 1140 x 140 picture with 32 tokens. Each step is a process of its own; its
peak is the kernel's `ru_maxrss`, which counts every page it touched, those of mapped files too.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20
TOKENS = 32


def run(label: str, command: list[str]) -> int:
    """Run a command and print its time and peak memory.

    Args:
        label: what the printed line is called.
        command: program and arguments.

    Returns:
        The peak resident size in bytes.

    Raises:
        SystemExit: the command failed.
    """
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    tail: list[bytes] = []
    reader = threading.Thread(target=lambda: tail.extend(process.stderr or ()))
    reader.start()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    reader.join()
    if process.returncode != 0:
        sys.stderr.buffer.write(b"".join(tail[-20:]))
        sys.exit(f"memory: {label} ended with {process.returncode}")
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"{label:<28} {peak / MIB:8.0f} MiB {time.monotonic() - started:8.1f} s", flush=True)
    return peak


def picture(path: Path) -> None:
    """A 1140 x 140 picture, 205 image tokens at the official limits."""
    image = Image.new("RGB", (1140, 140), "white")
    ImageDraw.Draw(image).text((20, 40), "0123456789 " * 8, fill="black", font_size=40)
    image.save(path)


def main() -> None:
    """Make what is missing, run the three steps, print the ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for the files, 4 GB")
    parser.add_argument("--peer", type=Path, help="llama-mtmd-cli built from the pinned source")
    args = parser.parse_args()
    program = [sys.executable, "-m", "ppocrvl"]
    checkpoint, model, image = (args.work / name for name in ("checkpoint", "model", "line.png"))
    args.work.mkdir(parents=True, exist_ok=True)
    if not (checkpoint / "config.json").exists():
        shutil.rmtree(checkpoint, ignore_errors=True)
        script = ROOT / "scripts" / "make_synthetic_checkpoint.py"
        run("make checkpoint", [sys.executable, str(script), str(checkpoint), "--size", "full"])
    picture(image)
    run("ppocrvl export (bf16)", [*program, "export", str(checkpoint), "-o", str(model)])
    ours = run(
        "ppocrvl ocr",
        [*program, "ocr", str(image), "--model", str(model), "--max-tokens", str(TOKENS)],
    )
    if args.peer:
        llm = next(model.glob("[!m]*.gguf"))
        mmproj = next(model.glob("mmproj-*.gguf"))
        command = [str(args.peer), "-m", str(llm), "--mmproj", str(mmproj)]
        command += ["--image", str(image), "-p", "OCR:", "--jinja"]
        command += ["--temp", "0", "-n", str(TOKENS)]
        peer = run("llama-mtmd-cli (defaults)", command)
        print(f"ours / llama-mtmd-cli        {ours / peer:8.2f}")


if __name__ == "__main__":
    main()
