# SPDX-License-Identifier: Apache-2.0
"""Our engine beside the reference on the same pictures."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppocrvl.errors import CheckpointError, OptionError
from ppocrvl.images.load import load_image
from ppocrvl.images.resize import enlarge_for_spotting
from ppocrvl.native import _native
from ppocrvl.parity import stock, store
from ppocrvl.parity.compare import BOUNDS, EXACT_TYPES, Difference, compare, relative_error
from ppocrvl.parity.pictures import SHAPES, made_picture
from ppocrvl.tasks import find_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from PIL import Image

    from ppocrvl.engine import Engine
    from ppocrvl.parity.reference import Reference
    from ppocrvl.stages import Stages

FILE_TYPES = {0: "F32", 1: "F16", 7: "Q8_0", 32: "BF16"}
"""`general.file_type` (llama_ftype in llama.h) of the types that we export."""

ENCODER_STAGES = ("patches", "encoded", "image_tokens")
OWN_ERROR_FACTOR = 1.5
"""What our error with half-precision files may be, in parts of the reference's own bf16 error."""


@dataclass(frozen=True, slots=True)
class Case:
    """One picture and what is asked about it.

    Attributes:
        name: for the report.
        picture: RGB, as a person sees it.
        task: name of the task.
        max_tokens: limit of the answer.
        pixel_limits: least and most pixels for both sides; None for each side's own.
    """

    name: str
    picture: Image.Image
    task: str
    max_tokens: int
    pixel_limits: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class CaseReport:
    """One case: the reference's stages, ours, perhaps upstream's, and how far they are apart."""

    case: Case
    reference: Stages
    ours: Stages
    differences: list[Difference]
    stock: Stages | None = None
    stock_differences: list[Difference] | None = None
    own_errors: dict[str, float] | None = None

    @property
    def passed(self) -> bool:
        """Whether no stage is out of its bound."""
        return all(difference.passed is not False for difference in self.differences)


def cases(
    images: Sequence[Path],
    *,
    task: str,
    max_tokens: int,
    pixel_limits: tuple[int, int] | None,
) -> list[Case]:
    """The user's pictures, or one per shape of `SHAPES`."""
    named = [(path.name, load_image(path)) for path in images]
    named = named or [(f"{w}x{h}", made_picture(w, h)) for w, h in SHAPES]
    return [Case(name, picture, task, max_tokens, pixel_limits) for name, picture in named]


def file_types(engine: Engine) -> tuple[str, str]:
    """Types of the LLM and of the mmproj file, "?" for one that we do not export."""
    llm, mmproj = (
        FILE_TYPES.get(
            int(str(_native.read_gguf(str(path)).metadata.get("general.file_type"))), "?"
        )
        for path in (engine.paths.llm, engine.paths.mmproj)
    )
    return llm, mmproj


def reference_stages(reference: Reference, case: Case, engine: Engine) -> Stages:
    """The reference's run of a case."""
    task = find_task(case.task, engine.info.model_version)
    picture = case.picture
    if task.enlarges_small_pictures:
        picture = enlarge_for_spotting(picture)
    limits = case.pixel_limits or engine.info.task_pixels.get(task.name)
    return reference.run(
        picture, prompt=task.prompt, max_tokens=case.max_tokens, pixel_limits=limits
    )


def our_stages(engine: Engine, case: Case) -> Stages:
    """Our run of a case."""
    low, high = case.pixel_limits or (None, None)
    return engine.trace(
        case.picture, task=case.task, max_tokens=case.max_tokens, min_pixels=low, max_pixels=high
    )


def stock_stages(program: Path, engine: Engine, case: Case) -> Stages:
    """Upstream's run of a case; it knows no limits but the file's, and no rule for spotting."""
    prompt = find_task(case.task, engine.info.model_version).prompt
    cue = "Assistant: " if engine.info.model_version == "1.0" else "Assistant:\n"
    return stock.run(
        program,
        engine.paths,
        case.picture,
        prompt=f"<|begin_of_sentence|>User: {stock.MARKER}{prompt}\n{cue}",
        image_token=image_token(engine),
        max_tokens=case.max_tokens,
    )


def image_token(engine: Engine) -> int:
    """Id of the token that stands for one token of a picture: it comes twice as often in two."""
    one, two = (Counter(engine.prompt_tokens("OCR:", 1, cols)) for cols in (1, 2))
    return next(iter(two - one))


def check_cases(
    engine: Engine,
    chosen: Sequence[Case],
    references: Callable[[Case], Stages],
    *,
    upstream: Callable[[Case], Stages] | None = None,
    half: Callable[[Case], Stages] | None = None,
) -> Iterator[CaseReport]:
    """Compare the cases one by one.

    Args:
        engine: ours, with f32 files for the strict bounds.
        chosen: the cases.
        references: gives the reference's stages of a case.
        upstream: gives unmodified mtmd's, to be compared as well.
        half: gives those of the reference in bf16: our encoder's bound is then 1.5 times its error.
    """
    llm, mmproj = file_types(engine)
    exact = llm in EXACT_TYPES and mmproj in EXACT_TYPES
    bounds = dict(BOUNDS.get(mmproj, {"pixels": 0.0}))
    if not exact:
        bounds.pop("logits", None)
    for case in chosen:
        reference = references(case)
        own: dict[str, float] | None = None
        allowed = bounds
        if half is not None:
            other = half(case)
            own = {
                stage: relative_error(getattr(other, stage), getattr(reference, stage))
                for stage in (*ENCODER_STAGES, "logits")
            }
            if not exact:
                allowed = {**bounds, **{s: OWN_ERROR_FACTOR * own[s] for s in ENCODER_STAGES}}
        ours = our_stages(engine, case)
        other_stages = upstream(case) if upstream else None
        yield CaseReport(
            case,
            reference,
            ours,
            compare(ours, reference, allowed, exact=exact),
            other_stages,
            compare(other_stages, reference, allowed, exact=exact) if other_stages else None,
            own,
        )


def entry_of(case: Case) -> store.Entry:
    """What is stored about a case beside its stages."""
    return store.Entry(
        case.name, picture_hash(case.picture), case.task, case.max_tokens, case.pixel_limits
    )


def stored_cases(
    requests: Sequence[tuple[store.Entry, Stages]], images: Sequence[Path]
) -> list[tuple[Case, Stages]]:
    """The stored requests with their pictures: made again by their size, or the user's.

    Raises:
        OptionError: the picture of a request is not among `images`.
        CheckpointError: a picture is not the one that was stored.
    """
    by_name = {path.name: path for path in images}
    found = []
    for entry, stages in requests:
        if entry.image in by_name:
            picture = load_image(by_name[entry.image])
        elif entry.image in {f"{w}x{h}" for w, h in SHAPES}:
            picture = made_picture(*map(int, entry.image.split("x")))
        else:
            raise OptionError(f"the stored reference has {entry.image}: name it with --image")
        if picture_hash(picture) != entry.image_hash:
            raise CheckpointError(
                f"{entry.image} is not the picture that the reference was stored for; "
                "make it again with --save-reference"
            )
        case = Case(entry.image, picture, entry.task, entry.max_tokens, entry.pixel_limits)
        found.append((case, stages))
    return found


def picture_hash(picture: Image.Image) -> str:
    """SHA-256 of size and RGB bytes."""
    return hashlib.sha256(f"{picture.size}".encode() + picture.tobytes()).hexdigest()
