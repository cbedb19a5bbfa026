# SPDX-License-Identifier: Apache-2.0
"""A request that the native engine works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppocrvl.engine.forks import Home
from ppocrvl.requests.results import Result, Timings, mean_probability
from ppocrvl.support.resources import memory_for

if TYPE_CHECKING:
    from ppocrvl.support.native import _native


class PendingAnswer:
    """A request that the native engine has, and what Python knows of its picture."""

    def __init__(
        self,
        engine: _native.Engine,
        ticket: _native.Ticket,
        *,
        task: str,
        tag: object,
        image_size: tuple[int, int],
        resized: tuple[int, int],
        preprocess: float,
    ) -> None:
        self._engine = engine  # lives at least as long as what it reads
        self._home = Home()
        self._ticket = ticket
        self.task = task
        self.tag = tag
        self.image_size = image_size
        self.resized = resized
        self.preprocess = preprocess

    @property
    def ticket(self) -> _native.Ticket:
        """The request.

        Raises:
            EngineError: this is a forked child, in which it never ends.
        """
        self._home.check()
        return self._ticket

    def result(self) -> Result:
        """Waits for the end.

        Raises:
            EngineError: the engine failed or was closed.
        """
        with memory_for("the answer"):
            return self._result(self.ticket.result())

    def cancel(self) -> None:
        """Stops it at its next step. A forked child has no say in it."""
        if self._home.is_here():
            self._ticket.cancel()

    def _result(self, native: _native.Result) -> Result:
        logprobs = tuple(native.logprobs)
        times = native.timings
        return Result(
            text=native.text,
            finish_reason=native.finish_reason,
            confidence=mean_probability(logprobs),
            task=self.task,
            image_size=self.image_size,
            resized=self.resized,
            timings=Timings(
                load=self._engine.load_seconds,
                preprocess=self.preprocess,
                queue=times.queue,
                encode=times.encode,
                prefill=times.prefill,
                decode=times.decode,
                image_tokens=times.image_tokens,
                prompt_tokens=times.prompt_tokens,
                generated_tokens=times.generated_tokens,
                cached_image=times.cached_image,
                reused_tokens=times.reused_tokens,
                drafted_tokens=times.drafted_tokens,
                accepted_tokens=times.accepted_tokens,
            ),
            token_ids=tuple(native.token_ids),
            logprobs=logprobs,
            token_ends=tuple(native.text_ends),
            repeated_tokens=native.repeated_tokens,
            tag=self.tag,
        )
