# SPDX-License-Identifier: Apache-2.0
"""Long and rough use of one engine: `pytest -m stress`."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

import ppocrvl
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from ppocrvl.requests.options import ReadOptions

pytestmark = [pytest.mark.stress, pytest.mark.slow, pytest.mark.timeout(600)]

OPERATIONS = 5000
HAMMER_SECONDS = 60
REQUESTS = 2000


def picture(number: int) -> npt.NDArray[np.uint8]:
    """One of nine, some of which are equally large."""
    values = np.random.default_rng(number).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    return np.tile(values, (1 + number % 2, 1 + number % 3, 1))


def options(number: int) -> ReadOptions:
    return {"max_tokens": 1 + number % 9, "min_pixels": 784}


def resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - no file of a folder
        return int(file.read().split()[1]) * 4096


def test_thousands_of_operations_in_any_order(endless_model: Path) -> None:
    """Whatever is cancelled or given up, the others' answers are those of requests alone."""
    draw = random.Random(5)
    with ppocrvl.Engine(endless_model, n_parallel=4, deterministic=True, max_waiting=30) as engine:
        expected = [engine.ocr(picture(n), **options(n)).token_ids for n in range(9)]
        asked: list[tuple[int, bool, ppocrvl.Answer]] = []
        early: set[int] = set()
        for _ in range(OPERATIONS):
            what = draw.random()
            number = draw.randrange(9)
            if what < 0.5:
                late = draw.random() < 0.1
                how = options(number)
                how["priority"] = draw.randrange(3)
                how["deadline"] = draw.uniform(0, 0.05) if late else None
                asked.append((number, late, engine.submit(picture(number), **how)))
            elif what < 0.7 and asked:
                chosen = draw.randrange(len(asked))
                early.add(chosen)
                asked[chosen][2].stop()
            elif what < 0.8:
                with engine.stream(picture(number), **options(number)) as stream:
                    next(stream, None)  # and the rest is given up
            elif asked:
                asked[draw.randrange(len(asked))][2].done()
        for place, (number, late, answer) in enumerate(asked):
            result = answer.result(60)
            if result.finish_reason == "length":
                assert result.token_ids == expected[number]
            else:
                assert late or place in early
                count = len(result.token_ids)
                assert result.token_ids == expected[number][:count]
    assert _native._test.live_objects()["sequences"] == 0


def test_threads_hammer_one_engine(endless_model: Path) -> None:
    """None of them gets another's answer, and nothing deadlocks."""
    failures: list[str] = []
    with ppocrvl.Engine(endless_model, n_parallel=4, deterministic=True, max_waiting=4) as engine:
        expected = [engine.ocr(picture(n), **options(n)).token_ids for n in range(9)]
        end = time.monotonic() + HAMMER_SECONDS

        def hammer(seed: int) -> None:
            draw = random.Random(seed)
            while time.monotonic() < end:
                number = draw.randrange(9)
                found = engine.ocr(picture(number), **options(number)).token_ids
                if found != expected[number]:
                    failures.append(f"{number}: {found}")

        threads = [threading.Thread(target=hammer, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(HAMMER_SECONDS + 60)
        assert not any(thread.is_alive() for thread in threads)
    assert failures == []


def test_nothing_grows_with_what_is_done(endless_model: Path) -> None:
    """Memory after 200 requests is memory after 2,000, within 2 %."""
    # 256 KiB of encoded pictures are there after some dozens.
    with ppocrvl.Engine(endless_model, n_parallel=4, cache_bytes=1 << 18) as engine:
        pictures = [picture(n) for n in range(REQUESTS)]
        warm = 0
        for done, outcome in enumerate(engine.ocr_many(pictures, max_tokens=4, min_pixels=784), 1):
            assert isinstance(outcome, ppocrvl.Result)
            if done == 200:
                warm = resident_bytes()
        assert resident_bytes() <= 1.02 * warm
