# SPDX-License-Identifier: Apache-2.0
"""What drafts win, by how much of them is right, and that they change nothing.

    python benchmarks/drafts.py sure MODEL OUT
    python benchmarks/drafts.py speed MODEL [MODEL ...] [--rounds 3] [--quick] [--write]
    python benchmarks/drafts.py agreement eval-set [--model MODEL] [--parallel 4]
    python benchmarks/drafts.py pages PDF [PDF ...] [--model MODEL] [--rounds 3] [--write]

`speed` takes folders with both files. Answers of so many tokens, the end token forbidden, are
drafted by themselves with a part of their tokens changed; runs with and without drafts alternate.
With random weights two tokens are often so nearly equal that rounding decides, and answers differ
from their drafts: `sure` makes of unquantized files some that take as long and are sure of each
token (`ppocrvl quantize` makes others of those). `agreement` counts texts that drafts change,
right, half wrong and unrelated ones, beside those that reading several at once changes
(scripts/make_eval_set.py makes the set). `pages` reads born-digital PDFs with `drafts="auto"` and
`"none"`, and says how much of the text layer was right, by kind of block; --right 0.9 drafts a
model of random weights by its own answers. --write puts tables into docs/drafts.md, and draws its
plot.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import statistics
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from gguf import GGUFReader

import ppocrvl
from document import DOCS, write_speed
from eval_set import MAX_TOKENS
from ppocrvl.evaluation.dataset import read_dataset
from ppocrvl.models.folder import find_model
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future
    from typing import Any

RIGHT = (1.0, 0.95, 0.9, 0.8, 0.5, 0.0)
TOGETHER = (1, 4, 8)
STEPS = (1, 2, 4, 8, 16, 24, 32)
TOKENS = 192
END_TOKEN = 2
OTHERS = "every other word may stand in its place"
PLOT = DOCS / "drafts.svg"


@dataclass(frozen=True)
class Case:
    """Which files, how many answers at once, and which share of their drafts is right."""

    files: str
    together: int
    right: float | None


@dataclass(frozen=True)
class Run:
    """Seconds of decoding, and the tokens."""

    seconds: float
    tokens: int
    drafted: int = 0
    accepted: int = 0


class Bench:
    """One engine over both files of a folder."""

    def __init__(self, model: Path, most_together: int) -> None:
        files = find_model(model)
        self.engine = _native.Engine(
            _native.EngineOptions(
                llm=str(files.llm), mmproj=str(files.mmproj), n_parallel=most_together
            )
        )
        self._numbers = count()

    def prompts(self, n: int) -> list[str]:
        """Some that no earlier one begins like."""
        return [f"{next(self._numbers)} word" for _ in range(n)]

    def run(
        self, prompts: Sequence[str], tokens: int, drafts: Sequence[list[int]] | None = None
    ) -> tuple[Run, list[list[int]]]:
        """Answers the prompts at once; also the answers."""
        requests = [
            _native.Request(
                image=None,
                prompt=prompt,
                max_tokens=tokens,
                sampling=_native.Sampling(logit_bias=[(END_TOKEN, -1e9)]),
                stop_loops=False,
                draft=None if drafts is None else drafts[i],
            )
            for i, prompt in enumerate(prompts)
        ]
        results = [ticket.result() for ticket in [self.engine.submit(one) for one in requests]]
        run = Run(
            max(one.timings.decode for one in results),
            sum(len(one.token_ids) for one in results),
            sum(one.timings.drafted_tokens for one in results),
            sum(one.timings.accepted_tokens for one in results),
        )
        return run, [list(one.token_ids) for one in results]

    def worn(self, answer: list[int], right: float, seed: int) -> list[int]:
        """The answer with other tokens in place of some."""
        return worn(answer, self.engine.tokenize(OTHERS), right, seed)


def worn(answer: Sequence[int], others: Sequence[int], right: float, seed: int) -> list[int]:
    """The tokens, so many of them, the rest in another's place."""
    dice = random.Random(seed)
    return [token if dice.random() < right else dice.choice(others) for token in answer]


def sure(args: argparse.Namespace) -> int:
    """Write files whose next token follows from the last one.

    Nothing comes from the blocks, and the output matrix has each token's embedding in the row of
    the one that follows it.
    """
    files = find_model(args.model)
    args.out.mkdir(parents=True)
    shutil.copyfile(files.mmproj, args.out / Path(files.mmproj).name)
    llm = args.out / Path(files.llm).name
    shutil.copyfile(files.llm, llm)
    tensors = {one.name: one.data for one in GGUFReader(llm, "r+").tensors}
    for name, values in tensors.items():
        if name.endswith(("attn_output.weight", "ffn_down.weight")):
            values[:] = 0
    embeddings, output = tensors["token_embd.weight"], tensors["output.weight"]
    ids = np.random.default_rng(0).permutation(np.delete(np.arange(len(embeddings)), END_TOKEN))
    output[np.roll(ids, -1)] = embeddings[ids]
    return 0


def measure(models: Sequence[Path], rounds: int, tokens: int) -> dict[Case, list[Run]]:
    """All cases of all files, in turns."""
    runs: dict[Case, list[Run]] = defaultdict(list)
    for model in models:
        bench = Bench(model, max(TOGETHER))
        bench.run(bench.prompts(1), 4)
        for _ in range(rounds):
            for together in TOGETHER:
                prompts = bench.prompts(together)
                plain, answers = bench.run(prompts, tokens)
                for right in RIGHT:
                    drafts = [bench.worn(a, right, seed) for seed, a in enumerate(answers)]
                    run, _ = bench.run(prompts, tokens, drafts)
                    runs[Case(model.name, together, right)].append(run)
                    print(model.name, together, right, file=sys.stderr, flush=True)
                again, _ = bench.run(prompts, tokens)  # before and after: neither is first
                runs[Case(model.name, together, None)] += [plain, again]
        bench.engine.close()
    return runs


def steps(model: Path, tokens: int) -> dict[int, float]:
    """Milliseconds of a step by how many tokens it holds, of as many answers."""
    bench = Bench(model, max(STEPS))
    bench.run(bench.prompts(max(STEPS)), 2)
    found = {}
    for n in STEPS:
        run, _ = bench.run(bench.prompts(n), tokens)
        found[n] = run.seconds / (run.tokens / n - 1) * 1e3
    bench.engine.close()
    return found


def speed_tables(runs: Mapping[Case, list[Run]], rounds: int) -> list[str]:
    """How many times as fast as without drafts."""
    shares = [f"{right:.0%}" for right in RIGHT]
    lines = [f"| files | at once | no draft | {' | '.join(shares)} |", "|---" * 9 + "|"]
    for case in runs:
        if case.right is not None:
            continue
        plain = _speed(runs[case])
        cells = []
        for right in RIGHT:
            some = runs[Case(case.files, case.together, right)]
            drafted, accepted = (sum(getattr(one, n) for one in some) for n in _COUNTED)
            share = f"{accepted / drafted:.0%}" if drafted else "none"
            cells.append(f"{_speed(some) / plain:.2f} ({share})")
        lines.append(f"| {case.files} | {case.together} | {plain:.0f} | {' | '.join(cells)} |")
    note = (
        "Tokens a second without a draft, then how many times that with drafts of which so many "
        "tokens are right; in brackets the drafted tokens that were accepted. Medians of "
        f"{rounds} alternating rounds."
    )
    return [*lines, "", note]


_COUNTED = ("drafted", "accepted")


def _speed(runs: Sequence[Run]) -> float:
    return statistics.median(one.tokens / one.seconds for one in runs)


def plot(runs: Mapping[Case, list[Run]], path: Path) -> None:
    """Speed by the share of right tokens, a line for each number of answers and kind of file."""
    import matplotlib as mpl  # noqa: PLC0415 - heavy, and only the plot needs it
    from matplotlib.figure import Figure  # noqa: PLC0415

    mpl.rcParams["svg.hashsalt"] = "ppocrvl"  # equal figures give equal bytes
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for case in runs:
        if case.right is None:
            plain = _speed(runs[case])
            found = [_speed(runs[Case(case.files, case.together, one)]) / plain for one in RIGHT]
            label = f"{case.files}, {case.together} at once"
            axes.plot([100 * one for one in RIGHT], found, marker="o", label=label)
    axes.axhline(1, color="grey", linestyle=":")
    axes.set(xlabel="right tokens, %", ylabel="times as fast", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def speed(args: argparse.Namespace) -> int:
    """Measure, print, and perhaps write."""
    rounds, tokens = (1, 48) if args.quick else (args.rounds, TOKENS)
    runs = measure(args.models, rounds, tokens)
    lines = speed_tables(runs, rounds)
    lines += ["", "| files | " + " | ".join(f"{n} tokens" for n in STEPS) + " |"]
    lines += ["|---" * (1 + len(STEPS)) + "|"]
    for model in args.models:
        found = steps(model, tokens // 4)
        lines.append(f"| {model.name} | " + " | ".join(f"{found[n]:.1f}" for n in STEPS) + " |")
    lines += ["", "Milliseconds of a step by how many tokens it holds."]
    print("\n".join(lines))
    if args.write:
        write_speed("drafts", lines)
        plot(runs, PLOT)
    return 0


def agreement(args: argparse.Namespace) -> int:
    """Read a set in all ways, print how many texts differ."""
    items = read_dataset(args.dataset)
    kinds = ("none", "right", "half wrong", "unrelated")
    texts: dict[tuple[int, str], list[str]] = {}
    accepted: Counter[tuple[int, str]] = Counter()
    for n_parallel in (1, args.parallel):
        with ppocrvl.Engine(args.model, n_parallel=n_parallel, cache_bytes=64 << 20) as engine:
            for kind in kinds:
                asked = []
                for i, item in enumerate(items):
                    draft = None
                    if kind != "none":
                        draft = _draft(kind, texts[1, "none"], i) or None
                    asked.append(
                        ppocrvl.Request(
                            item.image, task=item.task, max_tokens=MAX_TOKENS, draft=draft
                        )
                    )
                found = []
                for outcome in engine.ocr_many(asked):
                    if not isinstance(outcome, ppocrvl.Result):
                        raise outcome
                    found.append(outcome.text)
                    accepted[n_parallel, kind] += outcome.timings.accepted_tokens
                texts[n_parallel, kind] = found
    print("| at once | drafts | texts that differ | accepted tokens |")
    print("|---" * 4 + "|")
    for (n_parallel, kind), found in texts.items():
        differ = sum(a != b for a, b in zip(found, texts[1, "none"], strict=True))
        print(
            f"| {n_parallel} | {kind} | {differ} of {len(items)} ({differ / len(items):.2%}) |"
            f" {accepted[n_parallel, kind]} |"
        )
    return 0


def _draft(kind: str, texts: Sequence[str], place: int) -> str:
    text = texts[place]
    if kind == "unrelated":
        return texts[(place + len(texts) // 2) % len(texts)]
    if kind == "half wrong":
        words = text.split(" ")
        return " ".join(word if i % 2 else word[::-1] for i, word in enumerate(words))
    return text


class Noting:
    """An engine that counts, by task, what drafts won.

    Attributes:
        n_parallel: as the engine's.
        takes_drafts: likewise.
        info: likewise.
    """

    def __init__(
        self, engine: ppocrvl.Engine, known: dict[bytes, tuple[int, ...]], right: float | None
    ) -> None:
        """Reads with an engine.

        Args:
            engine: reads.
            known: answers by picture, which are noted here.
            right: drafts are known answers of which so many tokens are right, in place of those
                that are given; None for those.
        """
        self._engine, self._known, self._right = engine, known, right
        self.n_parallel = engine.n_parallel
        self.takes_drafts = engine.takes_drafts
        self.info = engine.info
        self.tokens: dict[str, Counter[str]] = defaultdict(Counter)

    def submit(self, image: ppocrvl.Request, /) -> Future[ppocrvl.Result]:
        """Begins to read one."""
        key = hashlib.sha256(np.ascontiguousarray(np.asarray(image.image)).data).digest()
        if image.draft is not None and self._right is not None:
            others = [id_ for ids in self._known.values() for id_ in ids]
            draft = worn(self._known[key], others, self._right, len(key)) or "auto"
            image = replace(image, draft=draft)
        answer = self._engine.submit(image)
        answer.add_done_callback(lambda done: self._note(image, key, done))
        return answer

    def _note(self, asked: ppocrvl.Request, key: bytes, done: Future[ppocrvl.Result]) -> None:
        if asked.draft is None:
            self._known[key] = done.result().token_ids
        timings = done.result().timings
        kind = asked.task if asked.draft != "auto" else f"{asked.task}, repeats alone"
        self.tokens[kind] += Counter(
            blocks=1,
            generated=timings.generated_tokens,
            drafted=timings.drafted_tokens,
            accepted=timings.accepted_tokens,
        )


def pages(args: argparse.Namespace) -> int:
    """Read documents with and without drafts, in turns."""
    seconds: dict[str, list[float]] = defaultdict(list)
    texts: dict[str, list[str]] = {}
    n_pages = 0
    counted: dict[str, Counter[str]] = {}
    known: dict[bytes, tuple[int, ...]] = {}
    with ppocrvl.Engine(args.model, n_parallel=args.parallel, cache_bytes=0) as engine:
        layout = ppocrvl.Layout()
        for _ in range(args.rounds):
            for drafts in ("none", "auto"):
                reader: Any = Noting(engine, known, args.right)
                options: Any = {"drafts": drafts, "max_tokens": args.max_tokens}
                begin = perf_counter()
                documents = [
                    ppocrvl.parse(path, engine=reader, layout=layout, **options)
                    for path in args.documents
                ]
                seconds[drafts].append(perf_counter() - begin)
                texts[drafts] = [one.to_markdown() for one in documents]
                n_pages = sum(len(one.pages) for one in documents)
                if drafts == "auto":
                    counted = reader.tokens
    lines = ["| blocks | number | tokens | drafted | accepted |", "|---" * 5 + "|"]
    for kind, one in sorted(counted.items()):
        share = one["accepted"] / max(1, one["generated"])
        lines.append(
            f"| {kind} | {one['blocks']} | {one['generated']} | {one['drafted']} |"
            f" {one['accepted']} ({share:.0%} of the tokens) |"
        )
    speed_of = {name: n_pages / statistics.median(some) * 60 for name, some in seconds.items()}
    note = (
        f"{n_pages} pages: {speed_of['auto']:.1f} a minute with drafts, {speed_of['none']:.1f} "
        f"without ({speed_of['auto'] / speed_of['none']:.2f} times as many). Medians of "
        f"{args.rounds} alternating rounds."
    )
    lines += ["", note]
    print("\n".join(lines))
    if args.write:
        write_speed("drafts", lines, "pages")
    differ = sum(a != b for a, b in zip(texts["auto"], texts["none"], strict=True))
    print(f"{differ} of {len(args.documents)} documents read differently", file=sys.stderr)
    return 0


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ways = parser.add_subparsers(required=True)
    way = ways.add_parser("sure")
    way.add_argument("model", type=Path)
    way.add_argument("out", type=Path, help="a folder that is not there yet")
    way.set_defaults(run=sure)
    way = ways.add_parser("speed")
    way.add_argument("models", nargs="+", type=Path)
    way.add_argument("--rounds", type=int, default=3)
    way.add_argument("--quick", action="store_true", help="one short round")
    way.add_argument("--write", action="store_true")
    way.set_defaults(run=speed)
    way = ways.add_parser("agreement")
    way.add_argument("dataset", type=Path)
    way.add_argument("--model", type=Path, help="default: the built-in model")
    way.add_argument("--parallel", type=int, default=4)
    way.set_defaults(run=agreement)
    way = ways.add_parser("pages")
    way.add_argument("documents", nargs="+", type=Path)
    way.add_argument("--model", type=Path, help="default: the built-in model")
    way.add_argument("--parallel", type=int, default=4)
    way.add_argument("--right", type=float, help="drafts are the answers, so many tokens right")
    way.add_argument("--max-tokens", type=int, default=4096, help="of a block")
    way.add_argument("--rounds", type=int, default=3)
    way.add_argument("--write", action="store_true")
    way.set_defaults(run=pages)
    args = parser.parse_args()
    sys.exit(args.run(args))


if __name__ == "__main__":
    main()
