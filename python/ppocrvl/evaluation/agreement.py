# SPDX-License-Identifier: Apache-2.0
"""How near a model's predictions are to a reference model's, told the same text.

Error rates move by whole characters. The distributions over the next token show smaller changes,
and need no long set of images for it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from ppocrvl.errors import ContextError, ImageError, ModelMismatchError
from ppocrvl.images.pixels import pixels_for_model
from ppocrvl.models.folder import find_model
from ppocrvl.requests.tasks import find_task
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from ppocrvl.evaluation.dataset import Item
    from ppocrvl.models.folder import PathLike

MOST_TOKENS = 512
"""Of a text; a row of logits takes 414 kB with the official vocabulary."""
_ROWS = 64  # so many distributions are in memory as float64 at once


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of two models, over the tokens of some true texts.

    Attributes:
        n_texts: so many texts.
        n_tokens: so many tokens, those that end the texts included.
        n_equal: at so many of them both find the same token the likeliest.
        kl: mean Kullback-Leibler divergence from the reference's distribution over the next token
            to the model's, in nats.
    """

    n_texts: int
    n_tokens: int
    n_equal: int
    kl: float

    @property
    def top1(self) -> float:
        """Share of tokens at which both find the same one the likeliest."""
        return self.n_equal / self.n_tokens if self.n_tokens else 0.0

    def to_dict(self) -> dict[str, float]:
        """All of it as plain values for JSON."""
        return {**asdict(self), "top1": self.top1}


def compare_distributions(
    expected: npt.NDArray[np.float32], found: npt.NDArray[np.float32]
) -> tuple[int, float]:
    """How often the largest of two rows of logits is the same, and how far they are apart.

    Args:
        expected: the reference's logits, [tokens, vocabulary].
        found: the model's.

    Returns:
        Number of tokens with the same largest, and the sum over tokens of
        KL(softmax(expected) || softmax(found)), in nats.
    """
    n_equal, kl = 0, 0.0
    for first in range(0, len(expected), _ROWS):
        p, q = (_log_softmax(logits[first : first + _ROWS]) for logits in (expected, found))
        n_equal += int(np.count_nonzero(p.argmax(axis=1) == q.argmax(axis=1)))
        kl += float(np.sum(np.exp(p) * (p - q)))
    return n_equal, kl


def _log_softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    values = logits.astype(np.float64)
    values -= values.max(axis=1, keepdims=True)
    normalised: npt.NDArray[np.float64] = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
    return normalised


def agreement(
    model: PathLike,
    reference: PathLike,
    items: Sequence[Item],
    *,
    n_threads: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Agreement]:
    """Tells both models the true texts, and compares what they expect next.

    Images that cannot be read, and texts over the context, are left out. On the CPU.

    Args:
        model: folder with both files, or the LLM file beside the mmproj file.
        reference: the same, such as the BF16 files that the model was quantized from.
        items: images and texts; the first `MOST_TOKENS` tokens of each count.
        n_threads: 0: as many as an engine takes.
        progress: called with (items done, items in all).

    Returns:
        By task.

    Raises:
        ModelError: files are missing, damaged, or do not belong together.
        ModelMismatchError: the two models have different vocabularies.
        OptionError: an item's task is unknown to the model; nothing was compared then.
    """
    both = []
    for name in (reference, model):
        paths = find_model(name)
        both.append(
            _native.TeacherForcing(
                llm=str(paths.llm), mmproj=str(paths.mmproj), n_threads=n_threads
            )
        )
    expected, found = both
    if expected.answer_ids("0 a<fcel>") != found.answer_ids("0 a<fcel>") or (
        expected.info.n_vocab != found.info.n_vocab
    ):
        raise ModelMismatchError(
            f"{reference} and {model} have different vocabularies; compare models of one kind"
        )
    rows = [find_task(item.task, found.info.model_version) for item in items]
    sums: dict[str, list[float]] = {}
    for done, (item, row) in enumerate(zip(items, rows, strict=True), 1):
        answer = found.answer_ids(item.text)[:MOST_TOKENS]
        try:
            logits = [
                one.read(pixels_for_model(item.image, row, one.info).values, row.prompt, answer)
                for one in both
            ]
        except (ImageError, ContextError):
            logits = []
        if logits:
            n_equal, kl = compare_distributions(logits[0], logits[1])
            total = sums.setdefault(item.task, [0, 0, 0, 0.0])
            for i, value in enumerate((1, len(answer), n_equal, kl)):
                total[i] += value
        if progress:
            progress(done, len(items))
    return {
        task: Agreement(int(texts), int(tokens), int(equal), kl / tokens)
        for task, (texts, tokens, equal, kl) in sums.items()
    }
