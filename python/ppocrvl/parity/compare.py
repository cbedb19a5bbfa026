# SPDX-License-Identifier: Apache-2.0
"""How far two runs of the same request are apart, stage by stage, and how far they may be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ppocrvl.engine.stages import ARRAYS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from ppocrvl.engine.stages import Stages

TOP = 10
"""So many of the likeliest first tokens must come in the reference's order."""

LOGITS_BOUND = 1e-3

BOUNDS: Mapping[str, Mapping[str, float]] = {
    "F32": {
        "pixels": 0.0,
        "patches": 1e-4,
        "encoded": 1e-4,
        "image_tokens": 1e-4,
        "logits": LOGITS_BOUND,
    },
    "F16": {"pixels": 0.0, "patches": 1e-2, "encoded": 1e-2, "image_tokens": 1e-2},
    "BF16": {"pixels": 0.0, "patches": 1e-2, "encoded": 1e-2, "image_tokens": 1e-2},
}
"""Largest relative error per type of the files and stage. Others are measured, not judged."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

EXACT_TYPES = ("F32",)
"""File types whose answers must be the reference's, token by token."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One stage of one image against the reference.

    Attributes:
        stage: a field of `Stages`.
        largest: largest absolute difference of two elements; None where shapes differ, or for
            the stages that are ids or text.
        mean: mean absolute difference.
        relative: norm of the difference over the norm of the reference.
        cosine: of the angle between the two, taken as vectors.
        bound: what `relative` may be at most; None where there is no bound.
        passed: whether the stage is within its bound; None where there is none.
        note: what the numbers do not say, in a few words.
    """

    stage: str
    largest: float | None = None
    mean: float | None = None
    relative: float | None = None
    cosine: float | None = None
    bound: float | None = None
    passed: bool | None = None
    note: str = ""


def compare(
    stages: Stages, reference: Stages, bounds: Mapping[str, float], *, exact: bool
) -> list[Difference]:
    """All stages of one request, in their order.

    Args:
        stages: what is to be judged.
        reference: what it should be.
        bounds: largest relative error per stage; a stage without one is only measured.
        exact: whether prompt and answer must be equal to pass; else the answer is only measured.
    """
    found = [_compare_ids("prompt_ids", stages.prompt_ids, reference.prompt_ids, judged=True)]
    for name in ARRAYS:
        ours, theirs = getattr(stages, name), getattr(reference, name)
        bound = bounds.get(name)
        difference = compare_arrays(name, ours, theirs, bound)
        if name == "logits" and bound is not None and not same_order(ours, theirs, bound):
            note = f"another order of the {TOP} likeliest tokens"
            difference = replace(difference, passed=False, note=note)
        found.append(difference)
    found.append(_compare_ids("token_ids", stages.token_ids, reference.token_ids, judged=exact))
    found.append(_compare_texts(stages.text, reference.text, judged=exact))
    return found


def first_failure(differences: Sequence[Difference]) -> Difference | None:
    """The first stage that is out of its bound: where to look."""
    return next((d for d in differences if d.passed is False), None)


def relative_error(ours: npt.NDArray[np.float32], theirs: npt.NDArray[np.float32]) -> float:
    """Norm of the difference over the norm of the reference, in float64."""
    exact = theirs.astype(np.float64)
    gap, norm = float(np.linalg.norm(ours - exact)), float(np.linalg.norm(exact))
    return gap / norm if norm > 0 else float(gap > 0)


def compare_arrays(
    stage: str,
    ours: npt.NDArray[np.float32],
    theirs: npt.NDArray[np.float32],
    bound: float | None,
) -> Difference:
    """One stage of numbers."""
    if ours.shape != theirs.shape:
        note = f"shape {list(ours.shape)}, the reference's is {list(theirs.shape)}"
        return Difference(stage, bound=bound, passed=None if bound is None else False, note=note)
    a, b = ours.ravel().astype(np.float64), theirs.ravel().astype(np.float64)
    gap = np.abs(a - b)
    relative = relative_error(ours, theirs)
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    passed = None if bound is None else relative <= bound
    return Difference(
        stage,
        largest=float(gap.max()),
        mean=float(gap.mean()),
        relative=relative,
        cosine=float(a @ b) / norms if norms > 0 else 1.0,
        bound=bound,
        passed=passed,
    )


def same_order(
    ours: npt.NDArray[np.float32], theirs: npt.NDArray[np.float32], closeness: float
) -> bool:
    """Whether the reference's likeliest tokens come in its order, but for pairs close together.

    Args:
        ours: logits [n_vocab].
        theirs: the reference's logits [n_vocab].
        closeness: two of the reference's logits that differ by less than this share of the largest
            absolute logit may change places.
    """
    spare = closeness * float(np.abs(theirs).max())
    for better in np.argsort(-theirs, kind="stable")[:TOP]:
        clearly_worse = theirs[better] - theirs > spare
        if (clearly_worse & (ours >= ours[better])).any():
            return False
    return True


def _compare_ids(
    stage: str, ours: tuple[int, ...], theirs: tuple[int, ...], *, judged: bool
) -> Difference:
    if ours == theirs:
        return Difference(stage, passed=True if judged else None, note="identical")
    at = _first_difference(ours, theirs)
    note = f"differs from token {at} on ({len(ours)} tokens, the reference has {len(theirs)})"
    return Difference(stage, passed=False if judged else None, note=note)


def _compare_texts(ours: str, theirs: str, *, judged: bool) -> Difference:
    if ours == theirs:
        return Difference("text", passed=True if judged else None, note="identical")
    if REPLACEMENT in theirs:
        note = "the reference's has bytes that are no text, for which decoders differ"
        return Difference("text", note=note)
    note = f"differs from character {_first_difference(ours, theirs)} on"
    return Difference("text", passed=False if judged else None, note=note)


def _first_difference(ours: Sequence[object], theirs: Sequence[object]) -> int:
    pairs = enumerate(zip(ours, theirs, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(ours), len(theirs)))
