# SPDX-License-Identifier: Apache-2.0
"""Train the built-in model from nothing (or go on) on text that is drawn while it trains.

    python scripts/train_tiny.py --work RUN --hours 2 --export models/tiny-en

RUN holds the state (``state.pt``: weights, their average, optimizer, elapsed time), which
``--resume`` continues, and ``log.csv``; a file RUN/stop ends the training early. What is exported
is the average of the weights as a checkpoint of the official layout in bf16.
"""

from __future__ import annotations

import argparse
import copy
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.multiprocessing as mp

from tiny import decode, export, losses
from tiny import model as network
from tiny.data import PROMPT, Stream, collate, draw
from tiny.fonts import train_fonts
from tiny.render import Source
from tiny.score import cer

if TYPE_CHECKING:
    from collections.abc import Iterator

WARMUP = 300  # steps
DECAY = 0.999  # of the running average of the weights
LOG_SECONDS = 30
LOG = "seconds,step,samples,lr,text,dense,guide,slot,correct,pointed,line_cer,block_cer,table_cer\n"
EXPORT_BELOW = 0.25  # character error rate of lines from which on interim weights are exported


def arguments() -> argparse.Namespace:
    """The command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--work", type=Path, required=True, help="folder of the state and the log")
    p.add_argument("--export", type=Path, help="folder for the exported bf16 checkpoint")
    p.add_argument("--hours", type=float, default=2.0, help="length of the whole schedule")
    p.add_argument("--lr", type=float, default=1.5e-3, help="highest learning rate")
    p.add_argument("--budget", type=int, default=240, help="image cells read per process and step")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--processes", type=int, default=2, help="one thread each; gradients are shared")
    p.add_argument("--save-minutes", type=float, default=5.0)
    p.add_argument(
        "--start", type=float, default=0.0, help="skip this share of the schedule (0..1)"
    )
    group = p.add_mutually_exclusive_group()
    group.add_argument("--resume", action="store_true", help="continue RUN")
    group.add_argument("--init-from", type=Path, help="start from an exported checkpoint's weights")
    return p.parse_args()


def learning_rate(peak: float, step: int, progress: float) -> float:
    """Warm-up, then a cosine that ends at 2 % of the peak when the time is over."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return peak * min(1.0, step / WARMUP) * (0.02 + 0.98 * cosine)


def is_inner(name: str) -> bool:
    """Whether a matrix lies between hidden states, which is what Muon is made for."""
    return "embed" not in name and not name.startswith("lm_head")


def evaluate(model: network.Network, count: int = 48) -> dict[str, float]:
    """Character error rate of greedy reading on a few fixed pictures per kind."""
    out = {}
    for kind, rows, cols in (("line", 1, 12), ("block", 4, 12), ("table", 4, 12)):
        src = Source(train_fonts(), random.Random(990 + rows))
        noise = np.random.default_rng(990)
        n = count if kind == "line" else count // 4
        samples = [draw(src, noise, kind, (rows, cols)) for _ in range(n)]
        pixels = losses.pixels_of(collate(kind, samples))
        read = decode.greedy(model, pixels, PROMPT[kind], 60 if kind == "line" else 300)
        out[kind] = cer(read, ["".join(s.tokens[:-1]) for s in samples])
    return out


@dataclass
class Shared:
    """What the processes share: gradients, and what the first one decides."""

    gradients: list[torch.Tensor]  # per process, those of all parameters in one vector
    barrier: Any
    progress: Any
    stop: Any


@dataclass
class Worker:
    """One process's part: gradients of its own batches on the weights that all share."""

    rank: int
    args: argparse.Namespace
    step: int
    model: network.Network
    teachers: losses.Teachers
    shared: Shared

    def run(self) -> Iterator[tuple[int, list[float]]]:
        """Fill this process's shared gradient, step after step.

        Yields (samples, figures of the batch) when every process's gradient is there.
        """
        stream = Stream(self.args.seed * 1_000_003 + self.step, self.rank, self.args.budget)
        choose = random.Random(self.args.seed + self.step)
        chance = torch.Generator().manual_seed(choose.getrandbits(32) + self.rank)
        parameters = [*self.model.parameters(), *self.teachers.parameters()]
        while True:
            batch = stream.next(self.shared.progress.value)
            self.shared.barrier.wait()  # the weights are those of the last update
            if self.shared.stop.value:
                return
            antialias = choose.random() < 0.2
            with torch.autocast("cpu", torch.bfloat16):  # half the time of float32 products
                parts = losses.compute(
                    self.model, self.teachers, batch, antialias=antialias, chance=chance
                )
            for p in parameters:
                p.grad = None
            parts.total(self.shared.progress.value).backward()
            flat = [p.grad.view(-1) for p in parameters]
            torch.cat(flat, out=self.shared.gradients[self.rank])
            self.shared.barrier.wait()
            yield len(batch.ids), parts.figures()


def assist(worker: Worker) -> None:
    """What a further process does."""
    torch.set_num_threads(1)
    for _ in worker.run():
        pass


class Training:
    """Weights, average and optimizer, and how they are kept."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        if args.init_from:
            self.model, self.config = network.load(args.init_from, grow=True)
        else:
            self.config = network.official_config()
            self.model = network.build(self.config)
        self.teachers = losses.make_teachers(self.config["hidden_size"])
        self.average = copy.deepcopy(self.model)
        self.model.share_memory()
        self.teachers.share_memory()
        named = [*self.model.named_parameters(), *self.teachers.named_parameters()]
        self.parameters = [p for _, p in named]
        inner = [p for n, p in named if n.endswith("weight") and p.ndim == 2 and is_inner(n)]
        rest = [p for _, p in named if all(p is not q for q in inner)]
        # Half the steps of AdamW alone; "match_rms_adamw" lets both have one learning rate.
        self.optimizers = [
            torch.optim.Muon(inner, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(rest, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
        ]
        self.step, self.samples = 0, 0
        self.warm = 0  # the step from which the learning rate rises
        self.elapsed = args.start * args.hours * 3600
        self.state = args.work / "state.pt"

    def _parts(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "teachers": self.teachers,
            "average": self.average,
            **{type(o).__name__: o for o in self.optimizers},
        }

    def resume(self) -> None:
        """Take up the kept state; a network that has grown since then starts with new moments."""
        state = torch.load(self.state, weights_only=True)
        same = "Muon" in state and all(
            k in state["model"] and state["model"][k].shape == v.shape
            for k, v in self.model.state_dict().items()
        )
        for name, part in self._parts().items():
            if name in {"model", "average"}:
                part.load_state_dict(network.grown(state[name], part))
            elif same or name == "teachers":
                part.load_state_dict(state[name])
        self.step, self.samples = state["step"], state["samples"]
        self.warm = self.step if not same else 0
        self.elapsed = state["elapsed"]

    def keep(self) -> None:
        """Write the state, atomically."""
        numbers = {"step": self.step, "samples": self.samples, "elapsed": self.elapsed}
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        temporary = self.state.with_suffix(".part")
        torch.save({**parts, **numbers}, temporary)
        temporary.replace(self.state)

    def update(self, gradients: list[torch.Tensor], rate: float) -> None:
        """One optimizer step with the mean of ``gradients``, clipped to norm 1, and the average."""
        mean = torch.stack(gradients).mean(0)
        mean *= min(1.0, 1.0 / (float(mean.norm()) + 1e-6))
        parts = mean.split([p.numel() for p in self.parameters])
        for p, g in zip(self.parameters, parts, strict=True):
            p.grad = g.view_as(p)
        torch.set_num_threads(self.args.processes)  # the others wait
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        torch.set_num_threads(1)
        self.step += 1
        decay = min(DECAY, self.step / (self.step + 100))
        with torch.no_grad():
            now = [p.detach() for p in self.model.parameters()]
            torch._foreach_lerp_(list(self.average.parameters()), now, 1 - decay)

    def export(self) -> None:
        """Write the average as a checkpoint, if asked to."""
        if self.args.export:
            export.write(self.average, self.config, self.args.export)


class Log:
    """The means of the batch figures, a line every half minute, on stdout and in ``log.csv``."""

    def __init__(self, path: Path, *, new: bool) -> None:
        self._path = path
        if new:
            path.write_text(LOG, encoding="utf-8")
        self._rows: list[list[float]] = []
        self.last = time.monotonic()

    def add(self, figures: list[float]) -> None:
        """One batch."""
        self._rows.append(figures)

    def write(self, training: Training, rate: float, scores: list[str]) -> None:
        """A line."""
        head = [f"{training.elapsed:.0f}", str(training.step), str(training.samples), f"{rate:.2e}"]
        row = [*head, *(f"{v:.4f}" for v in np.mean(self._rows, axis=0)), *scores]
        with self._path.open("a", encoding="utf-8") as f:
            f.write(",".join(row) + "\n")
        print(" ".join(row), flush=True)
        self._rows, self.last = [], time.monotonic()


def check(training: Training, *, over: bool) -> list[str]:
    """Keep the state, read a few pictures, export; the three error rates as text."""
    training.keep()
    read = evaluate(training.average)
    if over or read["line"] < EXPORT_BELOW:
        training.export()
    return [f"{read[kind]:.4f}" for kind in ("line", "block", "table")]


def main() -> None:
    """Train until the time is over."""
    args = arguments()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    args.work.mkdir(parents=True, exist_ok=True)
    training = Training(args)
    if args.resume:
        training.resume()
    log = Log(args.work / "log.csv", new=not args.resume)
    base, total = training.elapsed, args.hours * 3600
    context = mp.get_context("spawn")
    size = sum(p.numel() for p in training.parameters)
    flat = [torch.zeros(size).share_memory_() for _ in range(args.processes)]
    progress, stop = context.Value("d", base / total), context.Value("b", 0)
    shared = Shared(flat, context.Barrier(args.processes), progress, stop)
    workers = [
        Worker(rank, args, training.step, training.model, training.teachers, shared)
        for rank in range(args.processes)
    ]
    helpers = [context.Process(target=assist, args=(w,), daemon=True) for w in workers[1:]]
    for helper in helpers:
        helper.start()
    begin = saved = time.monotonic()
    for count, figures in workers[0].run():
        rate = learning_rate(args.lr, training.step - training.warm + 1, training.elapsed / total)
        training.update(flat, rate)
        training.samples += count * args.processes
        log.add(figures)
        now = time.monotonic()
        training.elapsed = base + now - begin
        over = training.elapsed >= total or (args.work / "stop").exists()
        if over or now - log.last > LOG_SECONDS:
            scores = ["", "", ""]
            if over or now - saved > args.save_minutes * 60:
                scores = check(training, over=over)
                saved = now
            log.write(training, rate, scores)
        progress.value = training.elapsed / total
        stop.value = over
    for helper in helpers:
        helper.join()


if __name__ == "__main__":
    main()
