# SPDX-License-Identifier: Apache-2.0
"""Train the built-in reader on pictures that are drawn while it trains.

    PAGES_ROOT=ROOT TINY_CORPUS=CORPUS python scripts/train_tiny.py --out RUN \\
        --init-from models/tiny-en

With ``--keep-size``, the network and the characters stay those of the checkpoint, which learns to
read lines as ``ppocrvl parse`` cuts them; characters that it does not have are read as ASCII.

RUN holds the state (``state.pt``: weights, their average, teachers, optimizers, step), which
``--resume`` continues to the bit, ``log.csv``, and ``model``, the average as a checkpoint of the
official layout in bf16. A file RUN/stop ends the training early. The pictures of step n depend on
the seed and n alone, and what is drawn and the learning rate on n and ``--steps``.
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
import multiprocessing
import random
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tiny import checkpoint, decode, losses
from tiny.data import LINES, PAGES, Plan, batch, sample
from tiny.score import cer
from tiny.tokenizer import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiny.model import Reader
    from tiny.targets import Sample

WARMUP = 300  # steps, or a tenth of all if that is less
DECAY = 0.999  # of the running average of the weights
LOG_SECONDS = 60
AVERAGED = 0.1  # share of the training that it is over, if that is less
TEACHING = 1e-3  # least learning rate of the teachers, which are new in a trained network too
FIGURES = ("text", "dense", "guide", "slot", "correct", "pointed")
HEADER = ("seconds", "step", "pictures", "lr", "drawing", *FIGURES)


def arguments() -> argparse.Namespace:
    """The command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument(
        "--out", type=Path, required=True, help="folder of the state, the log and the model"
    )
    p.add_argument("--steps", type=int, default=18_000, help="length of the whole schedule")
    p.add_argument("--lr", type=float, default=1.5e-3, help="highest learning rate")
    p.add_argument("--budget", type=int, default=2000, help="image tokens of a step")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument(
        "--painters", type=int, default=0, help="processes that draw ahead; 0 for this one"
    )
    p.add_argument("--save-minutes", type=float, default=10.0)
    p.add_argument(
        "--keep-size",
        action="store_true",
        help="of --init-from, or of what --resume continues: train lines as parse cuts them",
    )
    group = p.add_mutually_exclusive_group()
    group.add_argument("--resume", action="store_true", help="continue RUN")
    group.add_argument("--init-from", type=Path, help="start from a checkpoint of any smaller size")
    args = p.parse_args()
    if args.keep_size and not (args.init_from or args.resume):
        p.error("--keep-size needs --init-from, a checkpoint whose size is kept, or --resume")
    return args


def learning_rate(peak: float, step: int, steps: int) -> float:
    """Warm-up, then a cosine that ends at 2 % of the peak."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    return peak * min(1.0, (step + 1) / min(WARMUP, steps / 10)) * (0.02 + 0.98 * cosine)


def is_inner(name: str) -> bool:
    """Whether a matrix lies between hidden states, which is what Muon is made for."""
    return name.endswith("weight") and "embed" not in name and not name.startswith("lm_head")


def drawn(
    step: int, *, vocabulary: Vocabulary, plan: Plan, seed: int, steps: int, budget: int
) -> list[Sample]:
    """The pictures of a step."""
    return batch(seed, step, budget, vocabulary, plan.stage_at(step / steps))


def batches(
    args: argparse.Namespace, vocabulary: Vocabulary, plan: Plan, start: int
) -> Iterator[list[Sample]]:
    """The pictures of every step from ``start`` on."""
    make = partial(
        drawn,
        vocabulary=vocabulary,
        plan=plan,
        seed=args.seed,
        steps=args.steps,
        budget=args.budget,
    )
    if not args.painters:
        yield from map(make, range(start, args.steps))
        return
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(args.painters, mp_context=context) as pool:
        ahead = 2 * args.painters
        todo = [pool.submit(make, s) for s in range(start, min(start + ahead, args.steps))]
        for step in range(start, args.steps):
            now = todo.pop(0)
            if step + ahead < args.steps:
                todo.append(pool.submit(make, step + ahead))
            yield now.result()


class Training:
    """Weights, average and optimizers, and how they are kept."""

    def __init__(self, folder: Path, seed: int, steps: int, reader: Reader) -> None:
        self.folder, self.seed, self.steps = folder, seed, steps
        self.reader = reader
        self.model = self.reader.network
        self.targets = losses.Targets(reader.vocabulary)
        self.teachers = losses.make_teachers(self.reader.config["hidden_size"])
        self.average = copy.deepcopy(self.model)
        named = list(self.model.named_parameters())
        inner = [p for n, p in named if p.ndim == 2 and is_inner(n)]
        rest = [p for n, p in named if p.ndim != 2 or not is_inner(n)]
        taught = list(self.teachers.parameters())
        self.parameters = inner + rest + taught
        # Half the steps of AdamW alone; "match_rms_adamw" lets both have one learning rate.
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.Muon(inner, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(
                [{"params": rest}, {"params": taught, "least": TEACHING}],
                betas=(0.9, 0.98),
                weight_decay=0.0,
                fused=True,
            ),
        ]
        self.step, self.pictures, self.elapsed = 0, 0, 0.0

    def train(self, samples: list[Sample], rate: float) -> list[float]:
        """One step; the figures for the log."""
        choose = random.Random(f"{self.seed} {self.step} training")
        chance = torch.Generator().manual_seed(choose.getrandbits(32))
        with torch.autocast("cpu", torch.bfloat16):  # half the time of float32 products
            parts = losses.compute(
                self.reader,
                self.teachers,
                samples,
                self.targets,
                antialias=choose.random() < 0.2,
                chance=chance,
            )
        for p in self.parameters:
            p.grad = None
        parts.total(self.step / self.steps).backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        if torch.isfinite(norm):
            for optimizer in self.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = max(rate, group.get("least", 0.0))
                optimizer.step()
        self.step += 1
        self.pictures += len(samples)
        decay = min(DECAY, 1 - 1 / (AVERAGED * self.steps + 1), self.step / (self.step + 100))
        with torch.no_grad():
            now = [p.detach() for p in self.model.parameters()]
            torch._foreach_lerp_(list(self.average.parameters()), now, 1 - decay)
        return parts.figures()

    def _parts(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "teachers": self.teachers,
            "average": self.average,
            **{type(o).__name__: o for o in self.optimizers},
        }

    def keep(self) -> None:
        """Write the state, atomically."""
        numbers = {"step": self.step, "pictures": self.pictures, "elapsed": self.elapsed}
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        temporary = self.folder / "state.part"
        torch.save({**parts, **numbers}, temporary)
        temporary.replace(self.folder / "state.pt")

    def resume(self) -> None:
        """Take up the kept state."""
        state = torch.load(self.folder / "state.pt", weights_only=True)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.step, self.pictures = state["step"], state["pictures"]
        self.elapsed = state["elapsed"]

    def averaged(self) -> Reader:
        """The average of the weights."""
        return type(self.reader)(self.average, self.reader.config, self.reader.vocabulary)


def check(reader: Reader, plan: Plan) -> list[str]:
    """Character error rates on a few fixed pictures in held-out faces."""
    out = []
    for kind, count in plan.checked.items():
        shown = [
            sample(f"check {i}", reader.vocabulary, plan.stage_at(0.5), kind=kind, held_out=True)
            for i in range(count)
        ]
        pictures = [losses.pixels_of(s.pixels) for s in shown]
        limit = max(len(s.ids) for s in shown) + 20
        said = decode.greedy(reader, pictures, shown[0].prompt, limit)
        out.append(f"{cer(said, [s.text for s in shown]):.4f}")
    return out


class Log:
    """The means of the batch figures, a line a minute, on stdout and in ``log.csv``."""

    def __init__(self, path: Path, plan: Plan, *, new: bool) -> None:
        self._path = path
        if new:
            with path.open("w", encoding="utf-8", newline="") as f:
                csv.writer(f).writerow((*HEADER, *plan.checked))
        self._rows: list[list[float]] = []
        self.last = time.monotonic()

    def add(self, figures: list[float]) -> None:
        """The share of the time that drawing took, and the losses of a batch."""
        self._rows.append(figures)

    def write(self, training: Training, rate: float, scores: list[str]) -> None:
        """A line."""
        if not self._rows:
            return
        head = [f"{training.elapsed:.0f}", str(training.step), str(training.pictures)]
        means = [f"{v:.4f}" for v in np.mean(self._rows, axis=0)]
        row = [*head, f"{rate:.2e}", *means, *scores]
        with self._path.open("a", encoding="utf-8", newline="") as f:
            csv.writer(f).writerow(row)
        print(" ".join(row), flush=True)
        self._rows, self.last = [], time.monotonic()


def main() -> None:
    """Train until all steps are done."""
    args = arguments()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    plan = LINES if args.keep_size else PAGES
    if args.keep_size:
        reader = checkpoint.load(args.out / "model" if args.resume else args.init_from)
    else:
        reader = checkpoint.fresh(Vocabulary.built_in())
        if args.init_from:
            reader = checkpoint.grown(args.init_from, reader)
    training = Training(args.out, args.seed, args.steps, reader)
    if args.resume:
        training.resume()
    log = Log(args.out / "log.csv", plan, new=not args.resume)
    base, begin, saved = training.elapsed, time.process_time(), time.monotonic()
    before = begin
    for samples in batches(args, reader.vocabulary, plan, training.step):
        now = time.process_time()
        rate = learning_rate(args.lr, training.step, args.steps)
        figures = training.train(samples, rate)
        after = time.process_time()
        log.add([(now - before) / max(after - before, 1e-9), *figures])
        training.elapsed = base + after - begin
        over = training.step >= args.steps or (args.out / "stop").exists()
        keep = over or time.monotonic() - saved > args.save_minutes * 60
        if keep:
            training.keep()
            checkpoint.write(training.averaged(), args.out / "model")
            saved = time.monotonic()
        if keep or time.monotonic() - log.last > LOG_SECONDS:
            scores = check(training.averaged(), plan) if keep else [""] * len(plan.checked)
            log.write(training, rate, scores)
        before = time.process_time()
        if over:
            break


if __name__ == "__main__":
    main()
