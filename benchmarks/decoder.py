# SPDX-License-Identifier: Apache-2.0
"""How fast the language model reads prompts and writes answers on a CPU, by which kernels.

    python benchmarks/decoder.py MODEL [MODEL ...] [--rounds 3] [--write PART]

Each MODEL is a folder with both files, of random weights if need be
(scripts/make_synthetic_checkpoint.py, `ppocrvl export`, `ppocrvl quantize`). A prompt of text is
fed while nobody else decodes, then again while eight old ones are still in the cache; then some
requests decode together, with the end token forbidden. Kernels take turns, round by round, each in
a new engine. --write puts the table into a part of docs/decoder.md: AMX or AVX512-BF16.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import defaultdict
from itertools import count
from pathlib import Path
from time import perf_counter

from document import write_speed
from ppocrvl.models.folder import find_model
from ppocrvl.support.native import _native

TOGETHER = (1, 2, 4, 8)
PROMPT_WORDS = 170
ANSWER_TOKENS = 48
END_TOKEN = 2


class Bench:
    """One engine over both files of a folder, with one kind of kernels."""

    def __init__(self, model: Path, kernels: str, threads: int) -> None:
        files = find_model(model)
        self._numbers = count()
        self.engine = _native.Engine(
            _native.EngineOptions(
                llm=str(files.llm),
                mmproj=str(files.mmproj),
                n_parallel=max(TOGETHER),
                kernels=kernels,
                n_threads=threads,
            )
        )

    def request(self, words: int, tokens: int) -> _native.Request:
        """A prompt that no earlier one begins like."""
        prompt = str(next(self._numbers)) + " word" * words
        return _native.Request(
            image=None,
            prompt=prompt,
            max_tokens=tokens,
            sampling=_native.Sampling(logit_bias=[(END_TOKEN, -1e9)]),
            stop_loops=False,
        )

    def prefill(self) -> float:
        """Tokens a second of one prompt."""
        timings = self.engine.submit(self.request(PROMPT_WORDS, 1)).result().timings
        return timings.prompt_tokens / timings.prefill

    def decode(self, together: int) -> float:
        """Tokens a second of some short requests at once."""
        begin = perf_counter()
        tickets = [self.engine.submit(self.request(1, ANSWER_TOKENS)) for _ in range(together)]
        tokens = sum(len(ticket.result().token_ids) for ticket in tickets)
        return tokens / (perf_counter() - begin)

    def figures(self) -> dict[str, float]:
        """All columns of a row."""
        self.engine.submit(self.request(1, 2)).result()
        found = {"prompt": self.prefill()}
        for _ in range(max(TOGETHER)):
            self.prefill()
        found["prompt, 8 others in the cache"] = self.prefill()
        return found | {f"{n} decoding": self.decode(n) for n in TOGETHER}


def main() -> None:
    """Measure, print, and perhaps write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--kernels", nargs="+", default=["auto", "ggml"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--write", metavar="PART", help="of docs/decoder.md")
    args = parser.parse_args()
    found: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for _ in range(args.rounds):
        for model in args.models:
            for kernels in args.kernels:
                bench = Bench(model, kernels, args.threads)
                for name, value in bench.figures().items():
                    found[model.name, kernels][name].append(value)
                bench.engine.close()
                print(model.name, kernels, file=sys.stderr, flush=True)
    columns = list(next(iter(found.values())))
    lines = [f"| files | kernels | {' | '.join(columns)} |", "|---" * (2 + len(columns)) + "|"]
    for (name, kernels), figures in found.items():
        shown = " | ".join(f"{statistics.median(figures[column]):.0f}" for column in columns)
        lines.append(f"| {name} | {kernels} | {shown} |")
    lines += ["", f"Tokens a second, medians of {args.rounds} alternating rounds."]
    print("\n".join(lines))
    if args.write:
        write_speed("decoder", lines, args.write)


if __name__ == "__main__":
    main()
