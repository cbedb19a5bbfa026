# SPDX-License-Identifier: Apache-2.0
"""Measures llama-cpp-python in an environment of its own, with its generic vision handler.

One request at a time, which is all that it does. Started by run.py.
"""

from __future__ import annotations

import time
from typing import Any

from llama_cpp import Llama
from llama_cpp.llama_chat_format import MTMDChatHandler

from peak_memory import peak_bytes
from worker import END_OF_TEXT, Answer, chat, job, measure, report


def main() -> None:
    """Measure, and print one line."""
    asked = job()
    begin = time.perf_counter()
    model: Any = Llama(
        asked["llm"],
        chat_handler=MTMDChatHandler(asked["mmproj"], verbose=False),
        n_ctx=asked["context"],
        n_threads=asked["threads"],
        n_threads_batch=asked["threads"],
        verbose=False,
    )
    load = time.perf_counter() - begin  # the vision side is loaded by the first request

    def read(picture: str | None, tokens: int) -> Answer:
        found = model.create_chat_completion(
            chat(picture),
            max_tokens=tokens,
            temperature=0.0,
            repeat_penalty=1.0,
            logit_bias={END_OF_TEXT: -1e9},
        )
        usage = found["usage"]
        return {"prompt_tokens": usage["prompt_tokens"], "tokens": usage["completion_tokens"]}

    outcome = measure(asked, read, load)
    outcome["peak"] = peak_bytes()
    report(outcome)


if __name__ == "__main__":
    main()
