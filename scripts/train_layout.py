# SPDX-License-Identifier: Apache-2.0
"""Train the built-in layout model from nothing on pages that are painted while it trains.

    python scripts/train_layout.py --out RUN --hours 20 --threads 2

The hours are those of one core: 20 of them are 10 on two cores that do nothing else. RUN holds the
state (``state.pt``: weights, their average, optimizer, step, time used), which ``--resume``
continues, ``log.csv``, and ``model``, the average as a checkpoint of the official layout. A file
RUN/stop ends the training early. The pages of step n depend on the seed and n alone.
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
import time
from pathlib import Path

import torch

from tiny_layout import losses, measure, network
from tiny_layout.boxes import corners
from tiny_layout.data import batch, sample
from tiny_layout.dense import Teacher

WARMUP = 300  # steps
DECAY = 0.9995  # of the running average of the weights
LOG_SECONDS = 60
CHECKED = 24  # pages that are looked at whenever the state is kept, in the manner of training
SIZES = ((0.2, 384), (0.6, 512), (1.0, network.SIZE))  # until which progress, pixels of a side
FIGURES = ("dense", "encoder", "class", "distance", "overlap", "order", "denoising")
HEADER = ("seconds", "step", "pages", "size", "lr", *FIGURES, "f1", "ordered")


def arguments() -> argparse.Namespace:
    """The command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument(
        "--out", type=Path, required=True, help="folder of the state, the log and the model"
    )
    p.add_argument("--hours", type=float, default=20.0, help="core hours of the whole schedule")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--lr", type=float, default=1e-3, help="highest learning rate")
    p.add_argument("--batch", type=int, default=8, help="pages of a step")
    p.add_argument("--html", type=float, default=0.0, help="share of pages set by WeasyPrint")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--save-minutes", type=float, default=5.0)
    p.add_argument("--resume", action="store_true", help="continue RUN")
    return p.parse_args()


def learning_rate(peak: float, step: int, progress: float) -> float:
    """Warm-up, a level quarter, then a cosine that ends at 2 % of the peak."""
    falling = max(0.0, (min(1.0, progress) - 0.25) / 0.75)
    return peak * min(1.0, step / WARMUP) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * falling)))


def size_at(progress: float) -> int:
    """The pages grow while training goes on."""
    return next(size for until, size in SIZES if progress < until or until == 1.0)


class Training:
    """Weights, average, teacher and optimizer, and how they are kept."""

    def __init__(
        self, folder: Path, seed: int, shape: dict[str, object] = network.BUILT_IN
    ) -> None:
        torch.manual_seed(seed)
        self.folder, self.seed = folder, seed
        self.model = network.build(network.configuration(shape))
        self.masks = network.without_masks(self.model)
        self.model.set_attn_implementation("eager")  # the fused backward is slower at these lengths
        self.model.to(memory_format=torch.channels_last)
        self.teacher = Teacher(self.model.config.d_model).to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model).eval()
        named = [
            (n, p)
            for part in (self.model, self.teacher)
            for n, p in part.named_parameters()
            if "mask" not in n
        ]
        self.parameters = [p for _, p in named]
        matrices = [p for p in self.parameters if p.ndim > 1]
        vectors = [p for p in self.parameters if p.ndim < 2]
        groups = [
            {"params": matrices, "weight_decay": 0.01},
            {"params": vectors, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), fused=True)
        self.step, self.pages, self.elapsed = 0, 0, 0.0

    def train(self, count: int, size: int, rate: float, html: float = 0.0) -> dict[str, float]:
        """One step on ``count`` fresh pages; the figures for the log."""
        data = batch(self.seed, self.step, count, size, html)
        # Denoising draws from torch's generator: seeded by the step, so that a run resumes exactly.
        torch.manual_seed(self.seed * 1_000_003 + self.step)
        self.model.train()
        parts = losses.compute(self.model, self.teacher, data.pixels, data.targets)
        self.optimizer.zero_grad()
        parts.total.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, 5.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        if torch.isfinite(norm):
            self.optimizer.step()
        self.step += 1
        self.pages += count
        self._follow()
        return parts.figures

    def _follow(self) -> None:
        """Move the average towards the weights; running means of norms are taken as they are."""
        decay = min(DECAY, self.step / (self.step + 50))
        with torch.no_grad():
            now = list(self.model.parameters())
            torch._foreach_lerp_(list(self.average.parameters()), now, 1 - decay)
            for mine, its in zip(self.average.buffers(), self.model.buffers(), strict=True):
                mine.copy_(its)

    def _parts(self) -> dict[str, torch.nn.Module | torch.optim.Optimizer]:
        return {
            "model": self.model,
            "average": self.average,
            "teacher": self.teacher,
            "optimizer": self.optimizer,
        }

    def keep(self) -> None:
        """Write the state, atomically."""
        state = {name: part.state_dict() for name, part in self._parts().items()}
        numbers = {"step": self.step, "pages": self.pages, "elapsed": self.elapsed}
        temporary = self.folder / "state.part"
        torch.save({**state, **numbers}, temporary)
        temporary.replace(self.folder / "state.pt")

    def resume(self) -> None:
        """Take up the kept state."""
        state = torch.load(self.folder / "state.pt", weights_only=True)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.step, self.pages, self.elapsed = state["step"], state["pages"], state["elapsed"]

    def write(self) -> None:
        """Write the average as a checkpoint."""
        network.write(self.average, self.masks, self.folder / "model")


def check(training: Training, size: int) -> list[str]:
    """F1 with label and share of pairs in order on a few fixed pages, by the average."""
    score = measure.Score()
    for i in range(CHECKED):
        pixels, told = sample(f"check {i}", size, html=0.0)
        seen = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
        found = measure.look(training.average, seen)[0]
        score.add(found, corners(told["boxes"]), told["class_labels"].tolist())
    return [f"{score.labelled():.4f}", f"{score.order():.4f}"]


class Log:
    """Means of the figures, a line a minute, on stdout and in ``log.csv``."""

    def __init__(self, path: Path, *, new: bool) -> None:
        self._path = path
        self._rows: list[dict[str, float]] = []
        self.last = time.monotonic()
        if new:
            with path.open("w", encoding="utf-8", newline="") as f:
                csv.writer(f).writerow(HEADER)

    def add(self, figures: dict[str, float]) -> None:
        """One step."""
        self._rows.append(figures)

    def write(self, training: Training, size: int, rate: float, scores: list[str]) -> None:
        """A line."""
        means = [sum(r.get(k, 0.0) for r in self._rows) / len(self._rows) for k in FIGURES]
        head = [
            f"{training.elapsed:.0f}",
            str(training.step),
            str(training.pages),
            str(size),
            f"{rate:.2e}",
        ]
        row = [*head, *(f"{m:.4f}" for m in means), *scores]
        with self._path.open("a", encoding="utf-8", newline="") as f:
            csv.writer(f).writerow(row)
        print(" ".join(row), flush=True)
        self._rows, self.last = [], time.monotonic()


def main() -> None:
    """Train until the time is over."""
    args = arguments()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    training = Training(args.out, args.seed)
    if args.resume:
        training.resume()
    log = Log(args.out / "log.csv", new=not args.resume)
    base, total = training.elapsed, args.hours * 3600
    begin, saved = time.process_time(), time.monotonic()
    over = False
    while not over:
        progress = training.elapsed / total
        size, rate = size_at(progress), learning_rate(args.lr, training.step + 1, progress)
        log.add(training.train(args.batch, size, rate, args.html))
        training.elapsed = base + time.process_time() - begin
        now = time.monotonic()
        over = training.elapsed >= total or (args.out / "stop").exists()
        keep = over or now - saved > args.save_minutes * 60
        if keep:
            training.keep()
            training.write()
            saved = now
        if keep or now - log.last > LOG_SECONDS:
            log.write(training, size, rate, check(training, size) if keep else ["", ""])


if __name__ == "__main__":
    main()
