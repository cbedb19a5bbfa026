# SPDX-License-Identifier: Apache-2.0
"""Reads a picture in a process of its own and prints what it took, as JSON.

    python benchmarks/read_once.py ppocrvl MODEL PICTURE TOKENS
    python benchmarks/read_once.py float32|bfloat16 CHECKPOINT PICTURE TOKENS

The first reading warms up, the second is timed.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from peak_memory import peak_bytes


def ours(model: str, picture: str, tokens: int) -> dict[str, float]:
    """Seconds and tokens of the stages, by our engine."""
    import ppocrvl  # noqa: PLC0415 - the peak must not count what the other system loads

    # Without the cache of encoded pictures: the second reading is to encode as well.
    with ppocrvl.Engine(model, cache_bytes=0) as engine:
        engine.ocr(picture, max_tokens=2)
        timings = engine.ocr(picture, max_tokens=tokens).timings
    return {
        "encode": timings.encode,
        "prefill": timings.prefill,
        "decode": timings.decode,
        "prompt_tokens": timings.prompt_tokens,
        "tokens": timings.generated_tokens,
    }


def transformers(checkpoint: str, picture: str, tokens: int, dtype: str) -> dict[str, float]:
    """The same by PyTorch; the first token counts as prefill, as it does in our engine."""
    from PIL import Image  # noqa: PLC0415

    from ppocrvl.parity.reference import Reference  # noqa: PLC0415
    from ppocrvl.requests.tasks import TASKS  # noqa: PLC0415
    from reference_clock import EncodeClock  # noqa: PLC0415

    reference = Reference(Path(checkpoint), dtype)
    clock = EncodeClock(reference)
    image = Image.open(picture).convert("RGB")
    walls = []
    for count in (2, 1, tokens):
        begin = time.perf_counter()
        stages = reference.run(image, task=TASKS["ocr"], max_tokens=count)
        walls.append(time.perf_counter() - begin)
    seconds = clock.seconds
    return {
        "encode": seconds,
        "prefill": walls[1] - seconds,
        "decode": walls[2] - walls[1],
        "prompt_tokens": len(stages.prompt_ids),
        "tokens": len(stages.token_ids) - 1,
    }


def main() -> None:
    """Read, and print one line."""
    system, model, picture, tokens = sys.argv[1:5]
    if system == "ppocrvl":
        found = ours(model, picture, int(tokens))
    else:
        found = transformers(model, picture, int(tokens), system)
    found["peak"] = peak_bytes()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
