# SPDX-License-Identifier: Apache-2.0
"""How fast the vision encoder is, stage by stage, against llama.cpp's and against PyTorch.

    python benchmarks/encoder.py MODEL [--checkpoint DIR] [--stock llama-mtmd-cli] [--write PART]

MODEL is a folder with BF16 files of the official size (scripts/make_synthetic_checkpoint.py makes a
checkpoint of random weights, `ppocrvl export` the files). Systems: each of our kernels, llama.cpp's
operations in our graph ("ggml"), the unmodified llama-mtmd-cli, and transformers on --checkpoint in
bfloat16. They take turns, and medians are printed. Peaks of the machine: PyTorch's products of
1024 x 4096 x 4096, and reading 1 GiB. Then the kernels alone: on one thread and on all, small crops
one by one and in company, and the memory that pictures take. --write puts the tables into a part
of docs/encoder.md, of which there is one for each kind of CPU: AMX, AVX512-BF16, AVX2. --flame also
draws where the first kernels spend their time, on pictures of the first two sizes.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from document import DOCS, write_speed
from flame import flame_graph
from ppocrvl.models.folder import find_model
from ppocrvl.requests.tasks import TASKS
from ppocrvl.support.native import _native
from reference_clock import EncodeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

SIZES = ("1092x112", "532x308", "840x1176")
WIDTH, FFN, HEAD, LAYERS = 1152, 4304, 72, 27
STAGES = {
    "q, k, v": ("attn_q", "attn_qkv", "attn_k", "attn_v"),
    "attention": ("attention", "SOFT_MAX", "FLASH_ATTN_EXT", "MUL_MAT"),
    "attention, output layer": ("attn_out",),
    "FFN up and GELU": ("ffn_up", "MAP_CUSTOM2"),
    "FFN down": ("ffn_down",),
    "rotation, order of heads": ("rotate", "angles", "ROPE"),
    "norms": ("norm", "ln1", "ln2", "post_ln", "NORM"),
    "patch embedding": ("patch_embd", "IM2COL", "position_embd", "UPSCALE"),
    "projector": ("mm.", "gelu_erf", "to_operand"),
}


def stage_of(label: str) -> str:
    """The stage of an operation, by its weight's name or its own."""
    operation, _, weight = label.partition(" ")
    for name in (weight, operation):
        for stage, parts in STAGES.items():
            if name and any(name == part or (part[-1] == "." and name in "12") for part in parts):
                return stage
    return "other"


def flops(patches: int) -> dict[str, float]:
    """Multiplications and additions of the stages that are products."""
    linear = 2.0 * patches * LAYERS
    return {
        "q, k, v": linear * WIDTH * 3 * WIDTH,
        "attention": 4.0 * patches * patches * WIDTH * LAYERS,
        "attention, output layer": linear * WIDTH * WIDTH,
        "FFN up and GELU": linear * WIDTH * FFN,
        "FFN down": linear * WIDTH * FFN,
    }


class Ours:
    """One of our kernels, or ggml's operations."""

    def __init__(self, model: Path, kernels: str, threads: int = 0) -> None:
        paths = find_model(model)
        self._engine = _native.Engine(
            _native.EngineOptions(
                llm=str(paths.llm),
                mmproj=str(paths.mmproj),
                kernels=kernels,
                cache_bytes=0,
                n_threads=threads,
            )
        )

    def encode(self, picture: Picture) -> float:
        """Seconds."""
        begin = time.perf_counter()
        self._engine.embed(picture)
        return time.perf_counter() - begin

    def encode_many(self, pictures: list[Picture]) -> float:
        """Seconds for all, handed over at once."""
        with ThreadPoolExecutor(len(pictures)) as threads:
            begin = time.perf_counter()
            list(threads.map(self._engine.embed, pictures))
            return time.perf_counter() - begin

    def stages(self, picture: Picture) -> dict[str, float]:
        """Seconds by stage; the stops between operations are not in them."""
        request = _native.Request(image=picture, prompt="OCR:", max_tokens=1, trace=True)
        trace = self._engine.submit(request).result().trace
        assert trace is not None
        found: dict[str, float] = {}
        for label, seconds in trace.operation_seconds.items():
            stage = stage_of(label)
            found[stage] = found.get(stage, 0.0) + seconds
        return found


class Transformers:
    """The model's reference implementation."""

    def __init__(self, checkpoint: Path, dtype: str) -> None:
        from ppocrvl.parity.reference import Reference  # noqa: PLC0415 - only where asked for

        self._reference = Reference(checkpoint, dtype)
        self._clock = EncodeClock(self._reference)

    def encode(self, picture: Picture) -> float:
        """Seconds."""
        self._reference.run(Image.fromarray(picture), task=TASKS["ocr"], max_tokens=1)
        return self._clock.seconds


class Stock:
    """The unmodified program, by what it says about itself."""

    def __init__(self, program: Path, model: Path) -> None:
        paths = find_model(model)
        self._command = [str(program), "-m", str(paths.llm), "--mmproj", str(paths.mmproj)]
        self._command += ["-p", "OCR:", "--jinja", "--temp", "0", "-n", "1", "--no-warmup", "-v"]
        self._folder = tempfile.TemporaryDirectory()

    def encode(self, picture: Picture) -> float:
        """Seconds."""
        path = Path(self._folder.name) / "picture.png"
        Image.fromarray(picture).save(path)
        done = subprocess.run(
            [*self._command, "--image", str(path)], capture_output=True, text=True, check=True
        )
        found = re.search(r"encoding done in (\d+) ms", done.stdout + done.stderr)
        if found is None:
            sys.exit(f"encoder: {self._command[0]} does not say how long it encoded")
        return int(found[1]) / 1000


def best(run: Callable[[], object], times: int = 5) -> float:
    """The least seconds of some runs."""
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def peaks() -> dict[str, float]:
    """Products of PyTorch in operations a second, and bytes read a second, on all cores."""
    found: dict[str, float] = {}
    try:
        import torch  # noqa: PLC0415
    except ImportError:
        return found
    size = 2.0 * 1024 * 4096 * 4096
    with torch.inference_mode():
        for name in ("float32", "bfloat16"):
            a = torch.randn(1024, 4096).to(getattr(torch, name))
            b = torch.randn(4096, 4096).to(getattr(torch, name))
            found[name] = size / best(lambda a=a, b=b: a @ b.T)  # type: ignore[misc]
        steps = torch.randint(-127, 127, (4096, 4096), dtype=torch.int8)
        found["int8"] = size / best(lambda: torch._int_mm(steps[:1024], steps))  # noqa: SLF001
        many = torch.ones(1 << 28)
        found["bytes"] = 4 * many.numel() / best(many.sum)
    return found


def time_systems(
    systems: dict[str, Ours | Transformers | Stock], pictures: list[Picture], rounds: int
) -> dict[str, list[float]]:
    """Median seconds of each system for each picture."""
    seconds: dict[str, list[float]] = {name: [] for name in systems}
    for picture in pictures:
        runs: dict[str, list[float]] = {name: [] for name in systems}
        for number in range(rounds + 1):
            for name, system in systems.items():
                took = system.encode(picture)
                if number > 0:  # the first makes buffers and touches weights
                    runs[name].append(took)
        for name, some in runs.items():
            seconds[name].append(statistics.median(some))
            print(f"{picture.shape} {name}: {seconds[name][-1]:.3f} s", file=sys.stderr, flush=True)
    return seconds


def stage_rows(ours: Ours, pictures: list[Picture], limit: dict[str, float]) -> list[str]:
    """The rows of the table of stages."""
    tables = [ours.stages(picture) for picture in pictures]
    rows = []
    for stage in [*STAGES, "other"]:
        cells = []
        for table, picture in zip(tables, pictures, strict=True):
            took = table.get(stage, 0.0)
            cell = f"{1000 * took:.0f} ms"
            work = flops(picture.shape[0] * picture.shape[1] // 196).get(stage)
            if work and took:
                cell += f", {work / took / 1e9:.0f} GFLOP/s"
                if limit:
                    cell += f" ({work / took / limit['bfloat16']:.0%})"
            cells.append(cell)
        rows.append(f"| {stage} | {' | '.join(cells)} |")
    return rows


def lone_rows(model: Path, kernels: str, pictures: list[Picture], rounds: int) -> list[str]:
    """What threads and company win."""
    alone, both = Ours(model, kernels, threads=1), Ours(model, kernels)
    seconds = time_systems({"1 thread": alone, "all threads": both}, pictures, rounds)
    rows = []
    for one, many, picture in zip(*seconds.values(), pictures, strict=True):
        size = f"{picture.shape[1]} x {picture.shape[0]}"
        rows.append(f"| {size}, 1 thread / all | {one:.2f} s | {many:.2f} s | {one / many:.2f} |")
    small = [picture[:28, :width] for picture in pictures[:1] for width in [336, 280, 392, 224] * 8]
    single: list[float] = []
    company: list[float] = []
    for _ in range(rounds + 1):
        single.append(sum(both.encode(np.ascontiguousarray(one)) for one in small))
        company.append(both.encode_many([np.ascontiguousarray(one) for one in small]))
    one, many = statistics.median(single[1:]), statistics.median(company[1:])
    name = f"{len(small)} crops of 224 to 392 x 28, one by one / together"
    rows.append(f"| {name} | {one:.2f} s | {many:.2f} s | {one / many:.2f} |")
    return rows


MEMORY = """
import re, sys
import numpy as np
from pathlib import Path
from ppocrvl.support.native import _native

def kilobytes(name):
    return int(re.search(name + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

llm, mmproj, kernels, wide, high = sys.argv[1:]
options = _native.EngineOptions(llm=llm, mmproj=mmproj, kernels=kernels, cache_bytes=0)
engine = _native.Engine(options)
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
before = kilobytes("VmRSS")
engine.embed(np.zeros((int(high), int(wide), 3), np.uint8))
print((kilobytes("VmHWM") - before) / 1024)
"""


AGAIN = """
import sys
import numpy as np
from ppocrvl.support.native import _native

llm, mmproj, kernels, times, *sizes = sys.argv[1:]
options = _native.EngineOptions(llm=llm, mmproj=mmproj, kernels=kernels, cache_bytes=0)
engine = _native.Engine(options)
for size in sizes * int(times):
    wide, high = map(int, size.split("x"))
    engine.embed(np.zeros((high, wide, 3), np.uint8))
"""


def draw(folder: Path, model: Path, kernels: str, sizes: list[str]) -> None:
    """A flame graph of ten encodings of each size, into docs/encoder/."""
    paths = find_model(model)
    arguments = ["-c", AGAIN, str(paths.llm), str(paths.mmproj), kernels, "10", *sizes]
    path = DOCS / "encoder" / f"{kernels}.svg"
    path.parent.mkdir(exist_ok=True)
    flame_graph(arguments, folder, path, f"Vision encoder, {kernels}, {' and '.join(sizes)}")


def memory_rows(model: Path, kernels: str) -> list[str]:
    """MiB that encoding one picture adds to the process, by its patches (Linux only)."""
    paths = find_model(model)
    rows = []
    for wide, high in ((448, 448), (896, 448), (896, 896), (1120, 896), (1792, 896)):
        options = [str(paths.llm), str(paths.mmproj), kernels, str(wide), str(high)]
        command = [sys.executable, "-c", MEMORY, *options]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        patches = wide * high // 196
        mib = float(done.stdout)
        rows.append(f"| {patches} | {mib:.0f} | {1024 * mib / patches:.0f} |")
    return rows


def main() -> None:
    """Measure in alternating rounds, print tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="for transformers")
    parser.add_argument("--stock", type=Path, help="llama-mtmd-cli built from the pinned source")
    parser.add_argument("--kernels", nargs="+", default=[*_native.vision_kernels(), "ggml"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="WIDTHxHEIGHT")
    parser.add_argument("--write", metavar="PART", help="of docs/encoder.md")
    parser.add_argument("--flame", type=Path, metavar="FOLDER", help="a flame graph too, by perf")
    args = parser.parse_args()
    if args.flame:
        try:
            draw(args.flame, args.model, args.kernels[0], args.sizes[:2])
        except OSError as error:
            sys.exit(f"no flame graph: {error}")
    random = np.random.default_rng(1)
    sizes = [tuple(map(int, size.split("x"))) for size in args.sizes]
    pictures = [random.integers(0, 256, (high, wide, 3), dtype=np.uint8) for wide, high in sizes]
    main_kernels = args.kernels[0]
    ours = Ours(args.model, main_kernels)
    systems: dict[str, Ours | Transformers | Stock] = {main_kernels: ours}
    systems |= {name: Ours(args.model, name) for name in args.kernels[1:]}
    if args.stock:
        systems["llama-mtmd-cli"] = Stock(args.stock, args.model)
    if args.checkpoint:
        systems["transformers, bfloat16"] = Transformers(args.checkpoint, "bfloat16")
    seconds = time_systems(systems, pictures, args.rounds)
    rule = "|---" * (len(sizes) + 1) + "|"
    patches = (f"{wide} x {high}, {wide * high // 196} patches" for wide, high in sizes)
    lines = [f"| | {' | '.join(patches)} |", rule]
    for name, some in seconds.items():
        pairs = zip(some, seconds[main_kernels], strict=True)
        lines.append(
            f"| {name} | {' | '.join(f'{s:.2f} s ({s / first:.2f})' for s, first in pairs)} |"
        )
    limit = peaks()
    lines += ["", f"In parentheses: times that of {main_kernels}. Stages of {main_kernels}:", ""]
    lines += [f"| stage | {' | '.join(args.sizes)} |", rule, *stage_rows(ours, pictures, limit)]
    if limit:
        half, full, int8, read = (
            limit[name] / 1e9 for name in ("bfloat16", "float32", "int8", "bytes")
        )
        note = f"Peaks of this machine by PyTorch: {half:.0f} GFLOP/s in bfloat16, of which the "
        note += f"percentages are, {full:.0f} in float32, {int8:.0f} in bytes, reading "
        note += f"{read:.1f} GB/s. Medians of "
        lines += ["", note + f"{args.rounds} alternating rounds."]
    head = [f"| of {main_kernels} | first | second | ratio |", "|---" * 4 + "|"]
    lines += ["", *head, *lone_rows(args.model, main_kernels, pictures, args.rounds)]
    if sys.platform == "linux":
        head = ["| patches | MiB that encoding adds | KiB a patch |", "|---" * 3 + "|"]
        lines += ["", *head, *memory_rows(args.model, main_kernels)]
    print("\n".join(lines))
    if args.write:
        write_speed("encoder", lines, args.write)


if __name__ == "__main__":
    main()
