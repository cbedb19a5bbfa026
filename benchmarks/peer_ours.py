# SPDX-License-Identifier: Apache-2.0
"""Measures ppocrvl through its public interface. Started by run.py."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import ppocrvl
from peak_memory import peak_bytes, resident_bytes
from worker import END_OF_TEXT, PROMPT, Answer, Job, Outcome, job, report

if TYPE_CHECKING:
    from ppocrvl.requests.options import ReadOptions

EDGE = 200  # requests at both ends that are compared


def options(tokens: int) -> ReadOptions:
    """Exactly so many tokens, of a picture as it is."""
    return {
        "prompt": PROMPT,
        "max_tokens": tokens,
        "min_pixels": 784,
        "logit_bias": {END_OF_TEXT: -1e9},
        "stop_loops": False,
    }


def answer_of(result: ppocrvl.Result) -> Answer:
    """What a result says about itself."""
    timings = result.timings
    return {
        "prompt_tokens": timings.prompt_tokens,
        "image_tokens": timings.image_tokens,
        "tokens": timings.generated_tokens,
        "preprocess": timings.preprocess,
        "queue": timings.queue,
        "encode": timings.encode,
        "prefill": timings.prefill,
        "decode": timings.decode,
    }


def read_many(engine: ppocrvl.Engine, asked: Job) -> tuple[float, list[Answer]]:
    """Seconds, and what each request took."""
    begin = time.perf_counter()
    results = list(engine.ocr_many(asked["pictures"], **options(asked["tokens"])))
    seconds = time.perf_counter() - begin
    answers = []
    for result in results:
        if not isinstance(result, ppocrvl.Result):
            raise result
        answers.append(answer_of(result))
    return seconds, answers


def decode(engine: ppocrvl.Engine, asked: Job) -> tuple[float, list[Answer]]:
    """All sequences together, without pictures."""
    how = options(asked["tokens"])
    begin = time.perf_counter()
    waiting = [engine.submit(None, **how) for _ in range(asked["parallel"])]
    answers = [answer_of(one.result()) for one in waiting]
    return time.perf_counter() - begin, answers


def endure(asked: Job) -> Outcome:
    """Memory and latency at both ends of many requests."""
    latencies: list[float] = []
    early = 0
    # Kept pictures would go on to fill 64 MiB.
    with ppocrvl.Engine(cache_bytes=1 << 20) as engine:
        for number, picture in enumerate(asked["pictures"], 1):
            begin = time.perf_counter()
            result = engine.ocr(picture, **options(asked["tokens"]))
            latencies.append(time.perf_counter() - begin)
            if number == EDGE:
                early = resident_bytes()
        late = resident_bytes()
    return {
        "seconds": sum(latencies),
        "answers": [answer_of(result)],
        "extra": {
            "resident_early": early,
            "resident_late": late,
            "latency_early": statistics.median(latencies[:EDGE]),
            "latency_late": statistics.median(latencies[-EDGE:]),
            "n": len(latencies),
        },
    }


def encode_alone(asked: Job, engine: ppocrvl.Engine) -> float:
    """Seconds that the encoder needs for the pictures when nothing else runs."""
    engine.embed(asked["warm_up"], min_pixels=784)
    begin = time.perf_counter()
    for picture in asked["pictures"]:
        engine.embed(picture, min_pixels=784)
    return time.perf_counter() - begin


def main() -> None:
    """Measure, and print one line."""
    asked = job()
    if asked["kind"] == "endure":
        report({**endure(asked), "peak": peak_bytes()})
        return
    begin = time.perf_counter()
    engine = ppocrvl.Engine(
        asked["llm"],
        mmproj=asked["mmproj"],
        n_threads=asked["threads"],
        n_parallel=asked["parallel"],
    )
    outcome: Outcome = {"load": time.perf_counter() - begin}
    with engine:
        if asked["kind"] == "start":
            engine.ocr(asked["pictures"][0], **options(asked["tokens"]))
            outcome["first"] = outcome["seconds"] = time.monotonic() - asked["spawned"]
            begin = time.perf_counter()
            outcome["answers"] = [
                answer_of(engine.ocr(asked["pictures"][1], **options(asked["tokens"])))
            ]
            outcome["second"] = time.perf_counter() - begin
        else:
            engine.ocr(asked["warm_up"], **options(2))
            work = decode if asked["kind"] == "decode" else read_many
            outcome["seconds"], outcome["answers"] = work(engine, asked)
    outcome["peak"] = peak_bytes()
    if asked["split"]:
        # A second engine, as the first has kept the pictures' tokens.
        with ppocrvl.Engine(
            asked["llm"], mmproj=asked["mmproj"], n_threads=asked["threads"], cache_bytes=0
        ) as other:
            outcome["encode"] = encode_alone(asked, other)
    report(outcome)


if __name__ == "__main__":
    main()
