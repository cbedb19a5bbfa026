# SPDX-License-Identifier: Apache-2.0
"""Our engine beside the reference on the same images."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ppocrvl.engine.stages import ARRAYS
from ppocrvl.errors import EngineError, OptionError
from ppocrvl.exporter.encode import FileType
from ppocrvl.images.load import load_image
from ppocrvl.parity import stock, store
from ppocrvl.parity.compare import BOUNDS, EXACT_TYPES, Difference, compare, relative_error
from ppocrvl.parity.made_images import SHAPES, made_image
from ppocrvl.requests.tasks import find_task
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from PIL import Image

    from ppocrvl.engine.engine import Engine
    from ppocrvl.engine.stages import Stages
    from ppocrvl.parity.reference import Reference

ENCODER_STAGES = ("patches", "encoded", "image_tokens")
HALF_TYPES = ("F16", "BF16")
REFERENCE_BF16 = "the reference in bf16"
OWN_ERROR_FACTOR = 1.5
"""What our error with bfloat16 files may be, in parts of the reference's own bf16 error."""


@dataclass(frozen=True, slots=True)
class Case:
    """One image and what is asked about it.

    Attributes:
        name: for the report.
        image: RGB, as a person sees it.
        task: name of the task.
        max_tokens: limit of the answer.
        pixel_limits: least and most pixels for both sides; None for each side's own.
    """

    name: str
    image: Image.Image
    task: str
    max_tokens: int
    pixel_limits: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Expected:
    """What the reference computes for a case in f32.

    Attributes:
        stages: all of it.
        bf16_errors: how far it is from that in bf16: relative error by stage, the encoder's and
            the logits. None where it was not run.
    """

    stages: Stages
    bf16_errors: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class CaseReport:
    """One case: the reference's stages, ours, perhaps upstream's, and how far they are apart.

    `other_errors` are relative errors of further runs, by the run's name and stage.
    """

    case: Case
    reference: Stages
    ours: Stages
    differences: list[Difference]
    stock: Stages | None = None
    stock_differences: list[Difference] | None = None
    other_errors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether no stage is out of its bound."""
        return all(difference.passed is not False for difference in self.differences)


def cases(
    images: Sequence[Path], *, task: str, max_tokens: int, pixel_limits: tuple[int, int] | None
) -> list[Case]:
    """The user's images, or one per shape of `SHAPES`.

    Raises:
        OptionError: two images have the same name.
        ImageError: an image cannot be read.
    """
    names = Counter(path.name for path in images)
    if twice := [name for name, count in names.items() if count > 1]:
        raise OptionError(f"two images are called {twice[0]}; rename one")
    named = [(path.name, load_image(path)) for path in images]
    named = named or [(f"{w}x{h}", made_image(w, h)) for w, h in SHAPES]
    return [Case(name, image, task, max_tokens, pixel_limits) for name, image in named]


def file_types(engine: Engine) -> tuple[str, str]:
    """Types of the LLM and of the mmproj file, "?" for one that we do not export."""
    names: dict[object, str] = {kind.value: kind.name for kind in FileType}

    def type_of(path: Path) -> str:
        number = _native.read_gguf(str(path)).metadata.get("general.file_type")
        return "?" if isinstance(number, list) else names.get(number, "?")

    return type_of(engine.paths.llm), type_of(engine.paths.mmproj)


def our_stages(engine: Engine, case: Case) -> Stages:
    """Our run of a case."""
    low, high = case.pixel_limits or (None, None)
    return engine.trace(
        case.image, task=case.task, max_tokens=case.max_tokens, min_pixels=low, max_pixels=high
    )


def reference_stages(reference: Reference, engine: Engine, case: Case) -> Stages:
    """The reference's run of a case; the engine knows the model's version, and so its tasks."""
    return reference.run(
        case.image,
        task=find_task(case.task, engine.info.model_version),
        max_tokens=case.max_tokens,
        pixel_limits=case.pixel_limits,
    )


def expected_of(
    reference: Reference, engine: Engine, case: Case, bf16: Reference | None = None
) -> Expected:
    """The reference's run of a case in f32, and in bf16 if `bf16` is the reference in that."""
    stages = reference_stages(reference, engine, case)
    if bf16 is None:
        return Expected(stages)
    return Expected(stages, errors_of(reference_stages(bf16, engine, case), stages))


def errors_of(stages: Stages, expected: Stages) -> dict[str, float]:
    """Relative errors of the encoder's stages and of the logits."""
    return {
        stage: relative_error(getattr(stages, stage), getattr(expected, stage))
        for stage in ARRAYS
        if stage != "pixels"
    }


def stock_stages(upstream: stock.Stock, engine: Engine, case: Case) -> Stages:
    """Upstream's run of a case; it knows no limits but the file's, and no rule for spotting.

    Raises:
        EngineError: it failed; the message names the case.
    """
    prompt = find_task(case.task, engine.info.model_version).prompt
    cue = "Assistant: " if engine.info.model_version == "1.0" else "Assistant:\n"
    one, two = (Counter(engine.prompt_tokens(prompt, 1, cols)) for cols in (1, 2))
    try:
        return upstream.run(
            case.image,
            prompt=f"<|begin_of_sentence|>User: {stock.MARKER}{prompt}\n{cue}",
            image_token=next(iter(two - one)),  # it comes once more for one more column
            max_tokens=case.max_tokens,
        )
    except EngineError as error:
        raise EngineError(f"{case.name}: {error}") from error


def check_case(
    engine: Engine,
    case: Case,
    reference: Callable[[Case], Expected],
    *,
    upstream: Callable[[Case], Stages] | None = None,
    others: Mapping[str, Engine] | None = None,
) -> CaseReport:
    """Compare one case.

    Args:
        engine: ours, with f32 files for the strict bounds.
        case: image and question.
        reference: gives what the reference computes. If it knows its own errors in bf16, the
            encoder's bound for bfloat16 files is 1.5 times those.
        upstream: gives unmodified mtmd's stages, to be compared as well.
        others: our engine in other precisions, to be measured as well, by their names.
    """
    ours = our_stages(engine, case)  # first, because its errors say what to do
    expected = reference(case)
    theirs = expected.stages
    llm, mmproj = file_types(engine)
    exact = llm in EXACT_TYPES and mmproj in EXACT_TYPES
    bounds = dict(BOUNDS.get(mmproj, {"pixels": 0.0}))
    if not exact:
        bounds.pop("logits", None)
    other_errors = {}
    if own := expected.bf16_errors:
        other_errors[REFERENCE_BF16] = own
        if mmproj in HALF_TYPES:
            bounds |= {stage: OWN_ERROR_FACTOR * own[stage] for stage in ENCODER_STAGES}
    once = replace(case, max_tokens=1)
    for name, other in (others or {}).items():
        other_errors[name] = errors_of(our_stages(other, once), theirs)
    stocks = upstream(case) if upstream else None
    return CaseReport(
        case,
        theirs,
        ours,
        compare(ours, theirs, bounds, exact=exact),
        stocks,
        compare(stocks, theirs, bounds, exact=exact) if stocks else None,
        other_errors,
    )


def entry_of(case: Case) -> store.Entry:
    """What is stored about a case beside its stages."""
    return store.Entry(
        case.name, image_hash(case.image), case.task, case.max_tokens, case.pixel_limits
    )


def stored_case(stored: store.Stored, images: Sequence[Path]) -> Case:
    """A stored request with its image: made again by its size, or the user's.

    Raises:
        OptionError: the image is not among `images`, or another one has its name.
    """
    entry = stored.entry
    by_name = {path.name: path for path in images}
    if entry.image in by_name:
        image = load_image(by_name[entry.image])
    elif entry.image in {f"{w}x{h}" for w, h in SHAPES}:
        image = made_image(*map(int, entry.image.split("x")))
    else:
        raise OptionError(f"the stored reference has {entry.image}, which is not among the images")
    if image_hash(image) != entry.image_hash:
        raise OptionError(
            f"{entry.image} is not the image that the reference was stored for; name that one, "
            "or make the reference again"
        )
    return Case(entry.image, image, entry.task, entry.max_tokens, entry.pixel_limits)


def image_hash(image: Image.Image) -> str:
    """SHA-256 of size and RGB bytes."""
    return hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()
