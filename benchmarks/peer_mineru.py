# SPDX-License-Identifier: Apache-2.0
"""Measures mineru-llama-cpp in an environment of its own. Started by run.py."""

from __future__ import annotations

import time
from typing import Any

from mineru_llama_cpp import Engine, SamplingParams

from peak_memory import peak_bytes
from worker import Answer, chat, job, measure, report


def main() -> None:
    """Measure, and print one line."""
    asked = job()
    begin = time.perf_counter()
    engine: Any = Engine(
        asked["llm"],
        asked["mmproj"],
        n_ctx_seq=asked["context"],
        n_parallel=asked["parallel"],
        n_threads=asked["threads"],
        n_gpu_layers=0,
    )
    load = time.perf_counter() - begin

    def read(picture: str | None, tokens: int) -> Answer:
        result = engine.generate(
            chat(picture), SamplingParams(n_predict=tokens, temperature=0.0, ignore_eos=True)
        )
        return {
            "prompt_tokens": result.tokens_evaluated,
            "tokens": result.tokens_predicted,
            "prefill": result.timings.prompt_ms / 1000,  # with encoding
            "decode": result.timings.predicted_ms / 1000,
        }

    outcome = measure(asked, read, load)
    outcome["peak"] = peak_bytes()
    report(outcome)
    engine.close()


if __name__ == "__main__":
    main()
