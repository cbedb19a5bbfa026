# SPDX-License-Identifier: Apache-2.0
"""The training loss: next token, and three teachers that are thrown away afterwards.

* dense: every image token predicts the character in each place of its cell;
* guide: two heads of three decoder layers must look at the cells that the next token is read from,
  one where it begins, one where it ends;
* slot: the decoder's state after the first of them must know the place inside the first cell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from tiny import model as network
from tiny.alphabet import BLANK, DENSE_CLASSES
from tiny.targets import NOWHERE, SLOTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tiny.targets import Sample
    from tiny.tokenizer import Vocabulary

GUIDED = (2, 3, 4)  # decoder layers with guided heads
MISREAD = 0.12  # at most this share of a picture's tokens is wrong in what the decoder is shown
PLACE_DIM = 48
BLANKS = 0.2  # share of the empty places that the dense loss looks at
Teachers: TypeAlias = Any  # the module of make_teachers


def make_teachers(hidden: int) -> Teachers:
    """The heads that only training uses, on states of width ``hidden``."""
    heads = nn.Module()
    heads.places = nn.Linear(hidden, SLOTS * PLACE_DIM)
    heads.character = nn.Linear(PLACE_DIM, DENSE_CLASSES)
    heads.slot = nn.Linear(hidden, SLOTS)
    return heads


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


def pixels_of(picture: NDArray[np.uint8]) -> Tensor:
    """Normalised pixels [3, H, W] as the processor gives them: (x/255 - 0.5) / 0.5."""
    return (
        torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))
        .float()
        .mul_(1 / 127.5)
        .sub_(1)
    )


class Targets:
    """What the output layer has to choose from.

    The ids that never occur share one row of it, so their part of the softmax is that row plus
    log(count): exact and cheap.

    Attributes:
        rows: the rows that are computed: of all written ids, and one of an unused one.
        classes: the place in ``rows`` of every id; -1 for the unused ones.
        log_unused: log of how many ids are unused.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        used = set(vocabulary.written)
        unused = [i for i in range(vocabulary.size) if i not in used]
        self.rows = torch.tensor([*vocabulary.written, unused[0]])
        self.classes = torch.full((vocabulary.size,), -1)
        self.classes[self.rows] = torch.arange(len(self.rows))
        self.log_unused = math.log(len(unused))


def _dense(
    teachers: Teachers, image: Tensor, samples: Sequence[Sample], chance: torch.Generator
) -> Tensor:
    """Soft cross-entropy per character, plus half that of some of the empty places."""
    starts = np.cumsum([0, *(s.rows * s.cols * SLOTS for s in samples)])[:-1]
    marks = [s.marks for s in samples]
    places = torch.from_numpy(
        np.concatenate([m.places + a for m, a in zip(marks, starts, strict=True)])
    )
    classes = torch.from_numpy(np.concatenate([m.classes for m in marks]))
    weights = torch.from_numpy(np.concatenate([m.weights for m in marks]))
    blank = torch.ones(len(image) * SLOTS).index_add_(0, places, -weights).clamp_(min=0)
    looked = (torch.rand(len(blank), generator=chance) < BLANKS).nonzero().squeeze(1)
    z = F.gelu(teachers.places(F.layer_norm(image, image.shape[-1:]))).view(-1, PLACE_DIM)
    log = teachers.character(z[torch.cat((places, looked))]).float().log_softmax(-1)
    seen, empty = log.split((len(places), len(looked)))
    found = -(seen.gather(1, classes[:, None]).squeeze(1) * weights).sum() / weights.sum().clamp(1)
    free = blank[looked]
    return found - 0.5 * (empty[:, BLANK] * free).sum() / free.sum().clamp(1)


def _misread(ids: Tensor, answers: Sequence[int], chance: torch.Generator) -> Tensor:
    """Packed answers with some tokens of each replaced by others of the batch.

    A decoder that has only ever continued the truth loses its place after its own first mistake.
    """
    shares = torch.rand(len(answers), generator=chance) * MISREAD
    share = shares.repeat_interleave(torch.tensor(list(answers)))
    wrong = torch.rand(len(ids), generator=chance) < share
    out = ids.clone()
    out[wrong] = ids[torch.randint(len(ids), (int(wrong.sum()),), generator=chance)]
    return out


def _guide(
    looked_at: dict[int, list[Tensor]], samples: Sequence[Sample], before: int
) -> tuple[Tensor, float]:
    """How little the guided heads look where they should, and how much those of the last layer."""
    losses, pointed = [], 0.0
    count = max(1, sum(int((s.cells != NOWHERE).sum()) for s in samples))
    for logs in looked_at.values():
        total = torch.zeros(())
        for log, s in zip(logs, samples, strict=True):
            known = torch.from_numpy(s.cells != NOWHERE)
            at = torch.from_numpy(np.stack((s.cells, s.ends)[: len(log)])) + before
            mass = log.gather(2, at.clamp(min=0)[..., None]).squeeze(2)[:, known]
            total = total + mass.sum() / len(log)
        losses.append(-total / count)
        pointed = math.exp(float(total.detach()) / count)
    return torch.stack(losses).mean(), pointed


def compute(
    reader: network.Reader,
    teachers: Teachers,
    samples: Sequence[Sample],
    targets: Targets,
    *,
    antialias: bool,
    chance: torch.Generator,
) -> Parts:
    """All losses of a batch of pictures of any sizes."""
    model, vocabulary = reader.network, reader.vocabulary
    pictures = [pixels_of(s.pixels) for s in samples]
    image = network.encode(model, pictures, antialias=antialias, tanh=antialias)
    dense = _dense(teachers, image, samples, chance)

    ids = torch.from_numpy(np.concatenate([s.ids for s in samples]))
    answers = [len(s.ids) for s in samples]
    shown = _misread(ids, answers, chance).split(answers)
    embed = model.model.language_model.embed_tokens
    parts, positions, lengths = [], [], []
    before: list[int] = []
    for s, own, said in zip(
        samples, image.split([s.rows * s.cols for s in samples]), shown, strict=True
    ):
        before, after = vocabulary.prompt_ids(s.prompt)
        parts += [embed(torch.tensor(before)), own, embed(torch.tensor(after)), embed(said[:-1])]
        tail = len(after) + len(said) - 1
        positions.append(network.positions(len(before), s.rows, s.cols, tail))
        lengths.append(len(before) + len(own) + tail)
    tables = network.rope_tables(model, torch.cat(positions, dim=1))
    # The last prompt token predicts the first output token: the last states of each part count.
    decoded = network.decode(
        model, torch.cat(parts), lengths, tables, guided=GUIDED, answers=answers
    )
    ends = np.cumsum(lengths)
    spans = [np.arange(e - n, e) for e, n in zip(ends, answers, strict=True)]
    index = torch.from_numpy(np.concatenate(spans))
    out = F.linear(decoded.states[index], model.lm_head.weight[targets.rows])
    out = torch.cat((out[:, :-1], out[:, -1:] + targets.log_unused), dim=1).float()
    wanted = targets.classes[ids]
    text = F.cross_entropy(out, wanted)

    guide, pointed = _guide(decoded.looked_at, samples, len(before))
    slots = torch.from_numpy(np.concatenate([s.slots for s in samples]))
    placed = torch.from_numpy(np.concatenate([s.cells for s in samples]) != NOWHERE)
    logits = teachers.slot(decoded.stream[GUIDED[0]][index[placed]]).float()
    slot = F.cross_entropy(logits, slots[placed]) if len(logits) else torch.zeros(())
    correct = float((out.argmax(1) == wanted).float().mean())
    return Parts(text, dense, guide, slot, correct, pointed)
