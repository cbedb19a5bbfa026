# SPDX-License-Identifier: Apache-2.0
"""Forked children: they read with engines of their own, and nothing of the parent's hangs there."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.waiting import SECONDS

import ppocrvl
from ppocrvl import api
from ppocrvl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"),
    # of Python 3.12: of what these tests are about
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

LONG = 30_000


def in_child(run: Callable[[], bool]) -> int:
    """Exit code of a forked child: 0 if `run` is true there; a hang ends with SIGALRM."""
    child = os.fork()
    if child == 0:  # nothing may get out of here
        code = 99
        try:
            signal.alarm(SECONDS)
            code = 0 if run() else 1
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def refused(run: Callable[[], object]) -> bool:
    try:
        run()
    except EngineError as error:
        return "forked" in str(error)
    return False


def test_one_call_functions_read_in_a_child(
    endless_model: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PPOCRVL_MODEL", str(endless_model))
    expected = ppocrvl.ocr(picture, max_tokens=4).text

    def reads() -> bool:
        return ppocrvl.ocr(picture, max_tokens=4).text == expected

    def reads_and_its_child_too() -> bool:
        return (
            reads()
            and "".join(ppocrvl.stream(picture, max_tokens=4)) == expected
            and (in_child(reads) == 0)
        )

    with api._last._lock:  # as another thread may hold it at that moment
        assert in_child(reads_and_its_child_too) == 0
    assert reads()


def _length(picture: Picture) -> str:
    return ppocrvl.ocr(picture, max_tokens=1).finish_reason


def test_a_pool_of_forked_processes(
    endless_model: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PPOCRVL_MODEL", str(endless_model))
    ppocrvl.ocr(picture, max_tokens=1)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        found = pool.map_async(_length, [picture] * 2).get(SECONDS)
    assert found == ["length"] * 2


def test_nothing_that_was_begun_before_the_fork_hangs_after_it(
    endless_model: Path, picture: Picture
) -> None:
    with ppocrvl.Engine(endless_model, n_parallel=2) as engine:
        stream = engine.stream(picture, max_tokens=LONG, stop_loops=False)
        next(stream)
        answer = engine.submit(picture, max_tokens=LONG, stop_loops=False)
        done = engine.submit(picture, max_tokens=LONG, stop_loops=False, deadline=0.0)
        done.result(SECONDS)
        for ask in (
            *(stream.__next__, stream.wait, answer.result, answer.exception, engine.check),
            *(lambda: engine.ocr(picture), lambda: engine.submit(picture)),
        ):
            assert in_child(lambda ask=ask: refused(ask)) == 0  # type: ignore[misc]
        assert in_child(lambda: done.result().finish_reason == "deadline") == 0
        answer.stop()
        stream.close()
        assert {answer.result(SECONDS).finish_reason, stream.wait().finish_reason} == {"cancelled"}


def test_an_engine_that_is_dropped_in_a_child_waits_for_no_threads(
    endless_model: Path, picture: Picture
) -> None:
    engines = [ppocrvl.Engine(endless_model)]

    def drop() -> bool:
        engines.clear()
        gc.collect()
        return True

    assert in_child(drop) == 0
    assert engines[0].ocr(picture, max_tokens=1).finish_reason == "length"
    engines[0].close()


@pytest.mark.parametrize(
    "own", ["", "engine = ppocrvl.Engine(); engine.ocr(picture, max_tokens=1)"]
)
def test_a_child_that_ends_as_any_program_does(endless_model: Path, own: str) -> None:
    """With what Python and the native module do at the end."""
    code = (
        "import os, signal, sys, warnings\n"
        "import numpy, ppocrvl\n"
        "warnings.simplefilter('ignore')\n"
        "picture = numpy.zeros((28, 28), numpy.uint8)\n"
        "kept = ppocrvl.Engine()\n"
        "kept.submit(picture, max_tokens=1).result()\n"
        "ppocrvl.ocr(picture, max_tokens=1)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        f"    signal.alarm({SECONDS})\n"
        f"    {own}\n"
        "    sys.exit(5)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PPOCRVL_MODEL": str(endless_model)},
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "5\n", "")
