# SPDX-License-Identifier: Apache-2.0
"""What only a process of its own can show: Ctrl-C, the end of the interpreter, silence, memory."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.native.conftest import RandomModel

    from ppocrvl.models.folder import ModelPaths

PREAMBLE = """
import gc, logging, os, signal, sys, threading, time
import numpy as np
from ppocrvl.support.native import _native
options = _native.EngineOptions(llm=sys.argv[1], mmproj=sys.argv[2])
picture = np.random.default_rng(1).integers(0, 256, (56, 84, 3), dtype=np.uint8)
def request(max_tokens, image=picture):
    # noise may look like a loop after any number of tokens, on one kind of CPU and not on another
    return _native.Request(image=image, prompt="OCR:", max_tokens=max_tokens, stop_loops=False)
"""


def run(model: RandomModel | ModelPaths, script: str) -> subprocess.CompletedProcess[str]:
    """Runs a script with the preamble; nothing but the script itself may print."""
    return subprocess.run(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(script), model.llm, model.mmproj],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize("wait", ["ticket.result()", "list(iter(ticket.next, None))"])
def test_ctrl_c_stops_a_generation(endless: ModelPaths, wait: str) -> None:
    """Measured in CPU time, so that a busy machine changes nothing."""
    done = run(
        endless,
        f"""
        engine = _native.Engine(options)
        ticket = engine.submit(request(50_000))
        ticket.next()
        def interrupt():
            global sent
            sent = time.process_time()
            os.kill(os.getpid(), signal.SIGINT)
        try:
            threading.Timer(0.3, interrupt).start()
            {wait}
        except KeyboardInterrupt:
            ticket.cancel()  # the signal may arrive between two calls of next
            print("seconds", time.process_time() - sent)
        print(ticket.result().finish_reason)
        print(engine.submit(request(3)).result().finish_reason)
        """,
    )
    assert done.stderr == ""
    lines = done.stdout.split("\n")
    assert lines[1:3] == ["cancelled", "length"]
    assert float(lines[0].removeprefix("seconds ")) < 3.0  # 0.1 on an idle machine


def test_ctrl_c_stops_the_encoder(random_model: RandomModel) -> None:
    """Interrupted and measured by CPU time, so that a busy machine changes nothing."""
    done = run(
        random_model,
        """
        engine = _native.Engine(options)
        large = np.zeros((28 * 28, 30 * 28, 3), np.uint8)
        cpu = time.process_time()
        engine.embed(large)
        whole = time.process_time() - cpu
        signal.signal(signal.SIGPROF, signal.default_int_handler)
        cpu = time.process_time()
        try:
            signal.setitimer(signal.ITIMER_PROF, whole / 10)
            engine.embed(large)
        except KeyboardInterrupt:
            print((time.process_time() - cpu) / whole)
        print(engine.embed(picture).shape)
        """,
    )
    assert done.stderr == ""
    share, shape = done.stdout.splitlines()
    assert float(share) < 0.75  # the longest step is a third: the attention of one of three layers
    assert shape == "(6, 256)"


@pytest.mark.parametrize(
    "ending",
    [
        "pass",
        "sys.exit(0)",
        "raise SystemError('x')",
        "threading.Thread(target=quietly, daemon=True).start(); time.sleep(0.1)",
        "cycle = [engine]; cycle.append(cycle); del engine; gc.disable()",
    ],
    ids=["end", "exit", "error", "daemon", "cycle"],
)
def test_interpreter_ends_with_a_running_generation(endless: ModelPaths, ending: str) -> None:
    done = run(
        endless,
        f"""
        _native.set_log_callback(lambda level, line: None)
        def quietly():
            try:
                ticket.result()
            except Exception:
                pass
        engine = _native.Engine(options)
        ticket = engine.submit(request(50_000))
        engine.submit(request(50_000))
        ticket.next()
        print("running", flush=True)
        {ending}
        """,
    )
    assert done.stdout == "running\n"
    if ending.startswith("raise"):
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == "SystemError: x"
    else:
        assert done.stderr == ""
        assert done.returncode == 0


def test_native_libraries_are_silent_and_log_on_request(random_model: RandomModel) -> None:
    done = run(
        random_model,
        """
        lines = []
        _native.set_log_callback(lambda level, line: lines.append((level, line)))
        _native.Engine(options).submit(request(3)).result()
        print(len(lines) > 50, {level for level, line in lines} <= {10, 20, 30, 40})
        print(any("\\n" in line or not line for level, line in lines))
        print(any("clip" in line for _, line in lines), any("llama" in line for _, line in lines))
        _native.set_log_callback(None)
        del lines[:]
        _native.Engine(options).submit(request(3)).result()
        print(lines)
        """,
    )
    assert done.stderr == ""
    assert done.stdout == "True True\nFalse\nTrue True\n[]\n"


def test_a_log_callback_that_raises_hurts_nobody(random_model: RandomModel) -> None:
    done = run(
        random_model,
        """
        unraisable = []
        sys.unraisablehook = lambda info: unraisable.append(type(info.exc_value))
        _native.set_log_callback(lambda level, line: 1 / 0)
        print(_native.Engine(options).submit(request(3)).result().finish_reason)
        print(set(unraisable) == {ZeroDivisionError})
        """,
    )
    assert done.stderr == ""
    assert done.stdout == "length\nTrue\n"


def test_an_engine_that_nobody_closes(random_model: RandomModel) -> None:
    """What it still reads at the end of the process is given up, without a crash."""
    for _ in range(8):  # the threads meet by chance
        done = run(
            random_model,
            """
            import ppocrvl
            engine = ppocrvl.Engine(sys.argv[1], mmproj=sys.argv[2], n_parallel=4)
            options = {"max_tokens": 3000, "stop_loops": False}
            answers = [engine.submit(picture, **options) for _ in range(8)]
            print(answers[0].done())
            """,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")


@pytest.mark.slow
def test_memory_does_not_grow(random_model: RandomModel) -> None:
    """Loading, failing, cancelling and closing over and over leaves nothing allocated or mapped.

    Bytes in use are counted, not resident pages: how many freed pages stay with glibc depends on
    which of its arenas each thread happens to meet.
    """
    done = run(
        random_model,
        """
        import ctypes, pathlib
        class MallInfo(ctypes.Structure):  # malloc.h, struct mallinfo2
            _fields_ = [(name, ctypes.c_size_t) for name in (
                "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
                "fordblks", "keepcost")]
        mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", None)
        if mallinfo is None:
            print("no mallinfo2")
            sys.exit()
        mallinfo.restype = MallInfo
        def in_use():
            gc.collect()
            found = mallinfo()
            return found.uordblks + found.hblkhd
        def round_trip():
            engine = _native.Engine(options)
            engine.embed(picture)
            engine.submit(request(3)).result()
            ticket = engine.submit(request(500))
            ticket.next()
            ticket.cancel()
            try:
                engine.submit(request(0))
            except Exception:
                pass
            engine.submit(request(500))
            engine.close()
        for _ in range(10):
            round_trip()
        before = in_use()
        for _ in range(40):
            round_trip()
        print(in_use() - before, pathlib.Path("/proc/self/maps").read_text().count(".gguf"))
        """,
    )
    assert done.stderr == ""
    if done.stdout == "no mallinfo2\n":
        pytest.skip("needs glibc 2.33 or newer")
    grown, mapped = map(int, done.stdout.split())
    assert grown < 128 * 1024  # a context that stays would be megabytes a round
    assert mapped == 0
