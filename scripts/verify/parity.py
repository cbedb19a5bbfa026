# SPDX-License-Identifier: Apache-2.0
"""Our f32 files beside the model's own implementation, stage by stage, in every task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ppocrvl.engine.engine import Engine
from ppocrvl.parity.made_images import SHAPES, made_image
from ppocrvl.parity.reference import Reference
from ppocrvl.parity.report import to_json
from ppocrvl.parity.run import Case, check_case, expected_of
from ppocrvl.requests.tasks import TASKS
from verify.work import DiffersError

if TYPE_CHECKING:
    from verify.work import Work

_MAX_TOKENS = 32  # of an answer: more add nothing to its first difference
_LARGEST = 1_500_000  # pixels: more only takes the reference minutes


def compare_with_reference(work: Work) -> dict[str, Any]:
    """All stages of every picture must be within the bounds of f32 files."""
    reference = Reference(work.checkpoint)
    with Engine(work.exact, n_threads=work.threads, precision="exact") as engine:
        reports = [
            check_case(engine, case, lambda one: expected_of(reference, engine, one))
            for case in _cases(work, engine.info.model_version)
        ]
    values = {
        "reference": reference.version,
        "pictures": [to_json(report) for report in reports],
    }
    failed = [report.case.name for report in reports if not report.passed]
    if failed:
        raise DiffersError(f"{len(failed)} of {len(reports)} pictures: {', '.join(failed)}", values)
    return values


def _cases(work: Work, version: str) -> list[Case]:
    """Tasks and shapes in turn, so that no two are alike."""
    tasks = [task for task in TASKS.values() if task.is_known_to(version)]
    shapes = [shape for shape in SHAPES if shape[0] * shape[1] <= _LARGEST]
    shapes.append((700, 250))  # as many as are prime to the number of tasks
    found = []
    for number in range(work.n_pictures):
        task, (width, height) = tasks[number % len(tasks)], shapes[number % len(shapes)]
        name = f"{task.name}-{width}x{height}-{number}"
        picture = made_image(width, height)
        found.append(Case(name, picture, task.name, min(_MAX_TOKENS, work.max_tokens), None))
    return found
