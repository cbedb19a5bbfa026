# SPDX-License-Identifier: Apache-2.0
"""Many pictures at once, with weights of the official size: what `n_parallel` wins.

    python benchmarks/engine.py MODEL [--rounds 3] [--parallel 1 4 8]

MODEL is a folder with both files, of random weights if need be
(scripts/make_synthetic_checkpoint.py, `ppocrvl export`, `ppocrvl quantize`). Workloads: 16 mixed
crops as the blocks of a page, 64 tokens each, and 64 small crops of 16 tokens. Each figure comes
from a process of its own; the numbers of requests at once alternate, and medians are printed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from peak_memory import peak_bytes

import ppocrvl
from ppocrvl.native import _native

if TYPE_CHECKING:
    from ppocrvl.options import ReadOptions

MIB = 1 << 20
CROPS = [
    *((1092, 112), (532, 308), (840, 56), (1120, 224)),
    *((392, 392), (1092, 84), (672, 168), (560, 28)),
]


@dataclass(frozen=True)
class Workload:
    """Pictures and how much is read of each."""

    name: str
    sizes: list[tuple[int, int]]  # width, height
    tokens: int


WORKLOADS = (
    Workload("16 mixed crops, 64 tokens", CROPS * 2, 64),
    Workload("64 small crops, 16 tokens", [(336, 28)] * 64, 16),
)


@dataclass
class Figures:
    """What one process measured."""

    seconds: float
    decode_rate: float  # tokens a second while anything decodes
    peak: float  # MiB


NAMES = ("seconds", "decode_rate", "peak")


def measure(model: Path, workload: Workload, n_parallel: int) -> Figures:
    """Reads the workload in this process."""
    random = np.random.default_rng(1)
    pictures = [
        random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        for width, height in workload.sizes
    ]
    options: ReadOptions = {
        "max_tokens": workload.tokens,
        "min_pixels": 784,
        "stop_loops": False,
    }
    with ppocrvl.Engine(model, n_parallel=n_parallel, cache_bytes=0) as engine:
        engine.ocr(pictures[-1], max_tokens=1, min_pixels=784)
        start = time.perf_counter()
        outcomes = list(engine.ocr_many(pictures, **options))
        seconds = time.perf_counter() - start
        assert all(isinstance(one, ppocrvl.Result) for one in outcomes)
        # All decode again, without a picture, to see the decoder alone.
        requests = [
            _native.Request(
                image=None,
                prompt="Count.",
                max_tokens=128,
                sampling=_native.Sampling(logit_bias=[(2, -1e9)]),
                stop_loops=False,
            )
            for _ in range(n_parallel)
        ]
        begin = time.perf_counter()
        tickets = [engine._open().submit(request) for request in requests]  # noqa: SLF001
        generated = sum(len(ticket.result().token_ids) for ticket in tickets)
        rate = generated / (time.perf_counter() - begin)
    peak = peak_bytes() / MIB
    return Figures(seconds, rate, peak)


def main() -> None:
    """Measure in alternating rounds, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parallel", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--one", nargs=2, type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(asdict(measure(args.model, WORKLOADS[args.one[0]], args.one[1]))))
        return
    print(
        "| workload | at once | seconds | of one at a time | decode, tokens/s | ratio | peak MiB |"
    )
    print("|---" * 7 + "|")
    for index, workload in enumerate(WORKLOADS):
        found: dict[int, list[Figures]] = {n: [] for n in args.parallel}
        for _ in range(args.rounds):
            for n in args.parallel:
                command = [sys.executable, __file__, str(args.model), "--one", str(index), str(n)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                found[n].append(Figures(**json.loads(done.stdout)))
        median = {
            n: [statistics.median(getattr(f, name) for f in some) for name in NAMES]
            for n, some in found.items()
        }
        base = median[args.parallel[0]]
        for n, (seconds, rate, peak) in median.items():
            print(
                f"| {workload.name} | {n} | {seconds:.1f} | {seconds / base[0]:.2f} "
                f"| {rate:.0f} | {rate / base[1]:.2f} | {peak:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
