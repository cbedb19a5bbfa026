# SPDX-License-Identifier: Apache-2.0
"""Measures the model's reference implementation, one request at a time. Started by run.py."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from PIL import Image

from peak_memory import peak_bytes
from ppocrvl.parity.reference import Reference
from ppocrvl.requests.tasks import TASKS
from reference_clock import EncodeClock
from worker import Answer, job, measure, report

LIMITS = (784, 1_003_520)


def main() -> None:
    """Measure, and print one line."""
    asked = job()
    torch.set_num_threads(asked["threads"])
    begin = time.perf_counter()
    reference = Reference(Path(asked["checkpoint"]), asked["dtype"])
    load = time.perf_counter() - begin
    clock = EncodeClock(reference)

    def read(picture: str | None, tokens: int) -> Answer:
        if picture is None:
            raise ValueError("transformers is not asked without a picture")
        # The end of text is kept off for as long as it must not come.
        reference._model.generation_config.min_new_tokens = tokens  # noqa: SLF001
        image = Image.open(picture).convert("RGB")
        stages = reference.run(image, task=TASKS["ocr"], max_tokens=tokens, pixel_limits=LIMITS)
        return {
            "prompt_tokens": len(stages.prompt_ids),
            "tokens": len(stages.token_ids),
            "encode": clock.seconds,
        }

    outcome = measure(asked, read, load)
    if asked["kind"] == "read":
        outcome["encode"] = sum(answer["encode"] for answer in outcome["answers"])
    outcome["peak"] = peak_bytes()
    report(outcome)


if __name__ == "__main__":
    main()
