# SPDX-License-Identifier: Apache-2.0
"""The training loss: next token, and three teachers that are thrown away afterwards.

* dense: every image token predicts the character in each place of its cell;
* guide: a head of three decoder layers must look at the cell that the next token is read from;
* slot: the decoder's state after the first of them must know the place inside that cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from tiny import model as network
from tiny import render, tokenizer
from tiny.data import PROMPT

if TYPE_CHECKING:
    from tiny.data import Batch

GUIDED = (2, 3, 4)  # decoder layers with a guided head
MISREAD = 0.12  # at most this share of a picture's characters is wrong in what the decoder is shown
PLACE_DIM = 32
Teachers: TypeAlias = Any  # the module of make_teachers


def make_teachers(hidden: int) -> Teachers:
    """The heads that only training uses, on states of width ``hidden``."""
    heads = nn.Module()
    heads.places = nn.Linear(hidden, render.SLOTS * PLACE_DIM)
    start = torch.randn(render.SLOTS, PLACE_DIM, render.DENSE_CLASSES) * PLACE_DIM**-0.5
    heads.character = nn.Parameter(start)
    heads.bias = nn.Parameter(torch.zeros(render.DENSE_CLASSES))
    heads.slot = nn.Linear(hidden, render.SLOTS)
    return heads


def dense_logits(teachers: Teachers, image: Tensor) -> Tensor:
    """Character logits [SLOTS, tokens, classes] of image tokens [tokens, hidden]."""
    z = F.gelu(teachers.places(F.layer_norm(image, image.shape[-1:])))
    z = z.view(-1, render.SLOTS, PLACE_DIM).transpose(0, 1)
    return torch.baddbmm(teachers.bias, z, teachers.character)


@dataclass
class Parts:
    """The losses of one batch."""

    text: Tensor
    dense: Tensor
    guide: Tensor
    slot: Tensor
    correct: float  # share of output tokens that greedy choice gets right, given the true prefix
    pointed: float  # share of attention mass on the right cell (geometric mean), last guided layer

    def total(self, progress: float) -> Tensor:
        """The weighted sum; the teachers matter less in the last fifth (progress 0..1)."""
        weight = min(1.0, max(0.2, (1.0 - progress) / 0.2))
        return self.text + weight * (0.7 * self.dense + 0.4 * self.guide + 0.2 * self.slot)

    def figures(self) -> list[float]:
        """The six numbers for the log."""
        parts = (self.text, self.dense, self.guide, self.slot)
        return [*(float(v.detach()) for v in parts), self.correct, self.pointed]


def pixels_of(batch: Batch) -> Tensor:
    """Normalised pixels [B, 3, H, W] as the processor gives them: (x/255 - 0.5) / 0.5."""
    return (
        torch.from_numpy(np.ascontiguousarray(batch.pixels.transpose(0, 3, 1, 2)))
        .float()
        .mul_(1 / 127.5)
        .sub_(1)
    )


def target_classes() -> tuple[Tensor, Tensor, float]:
    """Rows of ``lm_head`` that the loss computes, the map from id to class, log of the unused ids.

    The ids that never occur share one row, so their part of the softmax is that row plus
    log(count): exact and cheap.
    """
    unused = next(i for i in range(tokenizer.VOCAB_SIZE) if i not in tokenizer.TARGET_IDS)
    rows = torch.tensor([*tokenizer.TARGET_IDS, unused])
    to_class = torch.full((tokenizer.VOCAB_SIZE,), -1)
    to_class[rows] = torch.arange(len(rows))
    return rows, to_class, float(np.log(tokenizer.VOCAB_SIZE - len(tokenizer.TARGET_IDS)))


ROWS, TO_CLASS, LOG_UNUSED = target_classes()
IS_CHARACTER = torch.zeros(tokenizer.VOCAB_SIZE, dtype=torch.bool)
IS_CHARACTER[[tokenizer.unit_id(chr(c)) for c in range(32, 127)]] = True


def _dense(logits: Tensor, marks: render.Marks) -> Tensor:
    """Soft cross-entropy of [SLOTS, tokens, classes] per character, plus half that of blanks."""
    log = logits.float().log_softmax(-1).transpose(0, 1).flatten(0, 1)  # by place
    places, classes, weights = (
        torch.from_numpy(a) for a in (marks.places, marks.classes, marks.weights)
    )
    blank = torch.ones(len(log)).index_add_(0, places, -weights).clamp_(min=0)
    seen = -(log[places, classes] * weights).sum() / weights.sum()
    return seen - 0.5 * (log[:, render.BLANK] * blank).sum() / blank.sum()


def _misread(ids: Tensor, chance: torch.Generator) -> Tensor:
    """``ids`` [B, T] with some characters of each picture replaced by others of the batch.

    A decoder that has only ever continued the truth loses its place after its own first mistake.
    """
    letter = IS_CHARACTER[ids]
    share = torch.rand((len(ids), 1), generator=chance) * MISREAD
    wrong = letter & (torch.rand(ids.shape, generator=chance) < share)
    others = ids[letter]
    out = ids.clone()
    out[wrong] = others[torch.randint(len(others), (int(wrong.sum()),), generator=chance)]
    return out


def compute(
    model: network.Network,
    teachers: Teachers,
    batch: Batch,
    *,
    antialias: bool,
    chance: torch.Generator,
) -> Parts:
    """All losses of a batch.

    Every picture teaches the encoder (dense), only the first ``batch.readers`` are read by the
    decoder, which costs several times more per picture.
    """
    readers = batch.readers
    image = network.encode_images(model, pixels_of(batch), antialias=antialias, tanh=antialias)
    longest = int(batch.lengths[:readers].max())
    ids, cells, slots = (
        torch.from_numpy(a[:readers, :longest]) for a in (batch.ids, batch.cells, batch.slots)
    )
    lengths = torch.from_numpy(batch.lengths[:readers])
    real = torch.arange(ids.shape[1]) < lengths[:, None]

    dense = _dense(dense_logits(teachers, image.flatten(0, 1)), batch.marks)

    before, after = tokenizer.prompt_ids(PROMPT[batch.kind])
    size, steps = ids.shape
    shown = _misread(ids[:, :-1], chance)
    embed = model.model.language_model.embed_tokens
    prefix = embed(torch.tensor(before + after)).expand(size, -1, -1)
    x = torch.cat(
        (prefix[:, : len(before)], image[:readers], prefix[:, len(before) :], embed(shown)),
        dim=1,
    )
    cos, sin = network.rope_tables(
        model, network.positions(len(before), batch.rows, batch.cols, len(after) + steps - 1)
    )
    # the last prompt token predicts the first output token: the last ``steps`` states count
    states, logs, stream = network.decode(model, x, cos, sin, guided=GUIDED, tail=steps)
    out = F.linear(states[:, -steps:][real], model.lm_head.weight[ROWS])
    out = torch.cat((out[:, :-1], out[:, -1:] + LOG_UNUSED), dim=1).float()
    wanted = TO_CLASS[ids[real]]
    text = F.cross_entropy(out, wanted)

    guide = torch.zeros(())
    index = (cells + len(before))[..., None]
    for log in logs.values():
        mass = log[:, -steps:].gather(2, index).squeeze(2)[real]
        guide = guide - mass.mean() / len(logs)
    slot = F.cross_entropy(teachers.slot(stream[GUIDED[0]][:, -steps:][real]).float(), slots[real])
    correct = float((out.argmax(1) == wanted).float().mean())
    return Parts(text, dense, guide, slot, correct, float(mass.detach().mean().exp()))
