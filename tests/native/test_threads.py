# SPDX-License-Identifier: Apache-2.0
"""A thread that cannot be started is a typed error, and the next attempt works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from tests.native.conftest import RandomModel

SOURCE = Path(__file__).with_name("refuse_threads.c")
SCRIPT = """
import ctypes, sys
import numpy as np
from ppocrvl.errors import EngineError
from ppocrvl.support.native import _native
refuse = ctypes.CDLL(None).refuse_threads
picture = np.random.default_rng(1).integers(0, 256, (56, 84, 3), dtype=np.uint8)
options = _native.EngineOptions(llm=sys.argv[1], mmproj=sys.argv[2], n_threads=2, cache_bytes=0)
def read(engine):
    request = _native.Request(image=picture, prompt="OCR:", max_tokens=1, stop_loops=False)
    return engine.submit(request).result().text
expected = read(_native.Engine(options))
outcome = None
n = 0
while outcome != "ok":
    engine = None
    refuse(n)
    try:
        engine = _native.Engine(options)
        text = read(engine)
        outcome = "ok"
        assert text == expected
    except EngineError:
        outcome = "load" if engine is None else "read"
    print(outcome)
    refuse(-1)
    assert read(engine or _native.Engine(options)) == expected
    n += 1
"""


@pytest.fixture(scope="session")
def refuse_threads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled library."""
    compiler = os.environ.get("CC") or shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("needs Linux and a C compiler: apt-get install gcc")
    library = tmp_path_factory.mktemp("preload") / "refuse_threads.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return library


def test_each_thread_that_cannot_be_started(
    random_model: RandomModel, refuse_threads: Path
) -> None:
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT)]
    environment = {**os.environ, "LD_PRELOAD": str(refuse_threads), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(random_model.llm), str(random_model.mmproj)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=environment,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    outcomes = done.stdout.split()
    n_refused = outcomes.count("load")
    assert n_refused >= 2  # one that encodes, one that decodes
    # Reading starts no thread: the pools of the encoder and the decoder live with the engine.
    assert outcomes == ["load"] * n_refused + ["ok"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: /proc")
def test_never_more_threads_than_the_process_may_use(random_model: RandomModel) -> None:
    """Those that wait spin, on the CPUs that the others need."""

    def running() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    options = _native.EngineOptions(
        llm=str(random_model.llm), mmproj=str(random_model.mmproj), n_threads=64, encode_threads=32
    )
    before = running()
    engine = _native.Engine(options)
    started = running() - before
    engine.close()
    two_pools = 2 * (len(os.sched_getaffinity(0)) - 1)  # the calling thread is of a pool
    assert started <= 2 + two_pools  # and the two threads that call
