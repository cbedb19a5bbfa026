# SPDX-License-Identifier: Apache-2.0
"""A corpus on Ray: the same bytes however many workers there are, and whatever happens to them."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest
from tests.batch.corpora import line_image, write_corpus, written

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("ray", reason='needs Ray: pip install ".[ray]"')

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ROOT = Path(__file__).resolve().parents[2]
N_PAGES = 11
"""Of the corpus; one file more is broken."""
ENVIRONMENT = {
    **os.environ,
    "PPOCRVL_MODEL": "",
    "PYTHONPATH": str(ROOT),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_metrics_report_interval_ms": "200",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(16),  # of the cluster below, for its drivers
}


@contextmanager
def cluster(*nodes: int | str) -> Iterator[tuple[str, IO[str]]]:
    """Its address, and what takes a line: "add" for a node more, "remove" for one that fails."""
    command = [sys.executable, "-m", "tests.batch.cluster", *map(str, nodes)]
    with subprocess.Popen(
        command, cwd=ROOT, env=ENVIRONMENT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process.stdin
        process.communicate()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a Ray that most tests share."""
    with cluster(5) as (found, _):
        yield found


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "in", samples)


def begin(
    corpus: Path, out: Path, *more: str, last: int = 0, faults: bool = False
) -> subprocess.Popen[str]:
    """`ppocrvl batch`, killed at a row; 0 for not at all."""
    command = [sys.executable, "-m", "tests.batch.drive", str(last), "yes" if faults else "no"]
    command += ["batch", str(corpus), "-o", str(out), "--to", "md,json,parquet", *more]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, text=True, stdout=pipe, stderr=pipe)


def run(
    corpus: Path, out: Path, *more: str, last: int = 0, faults: bool = False
) -> subprocess.CompletedProcess[str]:
    """The same, to its end."""
    with begin(corpus, out, *more, last=last, faults=faults) as process:
        stdout, stderr = process.communicate(timeout=1000)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def summary(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, int]]:
    assert done.stdout, done.stderr
    values: dict[str, dict[str, int]] = json.loads(done.stdout)
    return values


@pytest.fixture(scope="module")
def whole(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run in one process writes."""
    out = tmp_path_factory.mktemp("whole")
    done = run(corpus, out)
    assert done.returncode == 13, done.stderr  # of the file that is broken
    assert summary(done)["pages"] == {"read": N_PAGES, "kept": 0, "failed": 0}
    files = written(out)
    assert b"Hello world" in files["line-0.md"]
    return files


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_bytes_do_not_depend_on_the_workers(
    address: str, corpus: Path, whole: dict[str, bytes], tmp_path: Path, workers: int
) -> None:
    more = ["--ray", address, "--workers", str(workers), "--cpus-per-worker", "1"]
    done = run(corpus, tmp_path / "out", *more)
    assert done.returncode == 13, done.stderr
    assert summary(done)["pages"] == {"read": N_PAGES, "kept": 0, "failed": 0}
    assert written(tmp_path / "out") == whole
    again = run(corpus, tmp_path / "out", *more)
    assert again.returncode == 13, again.stderr
    assert summary(again)["pages"] == {"read": 0, "kept": 0, "failed": 0}
    assert summary(again)["documents"] == {"written": 0, "kept": 9, "refused": 0}
    assert written(tmp_path / "out") == whole


def test_where_something_else_listens_there_is_no_ray(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray itself would ask again and again, without an end."""
    monkeypatch.setenv("RAY_py_gcs_connect_timeout_s", "1")
    monkeypatch.setenv("PPOCRVL_MODEL", "")
    with socket.create_server(("127.0.0.1", 0)) as other:
        place = f"127.0.0.1:{other.getsockname()[1]}"
        command = ["batch", str(samples / "paper.pdf"), "-o", str(tmp_path), "--ray", place]
        done = subprocess.run(
            [sys.executable, "-m", "ppocrvl", *command], capture_output=True, text=True, check=False
        )
    assert done.returncode == 15
    assert f"ppocrvl: error: no Ray can be reached at {place} (" in done.stderr
    assert done.stderr.count("\n") <= 2  # the other is the hint about the built-in model


def test_a_driver_that_is_killed_goes_on(
    address: str, corpus: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    more = ["--ray", address, "--workers", "2", "--cpus-per-worker", "1"]
    for last in (2, 5):
        done = run(corpus, out, *more, last=last)
        assert done.returncode == -signal.SIGKILL, done.stderr
    done = run(corpus, out, *more)
    assert done.returncode == 13, done.stderr
    assert summary(done)["pages"]["read"] < N_PAGES
    assert summary(done)["pages"]["failed"] == 0
    assert written(out) == whole


def test_a_worker_that_is_killed_costs_nothing(address: str, samples: Path, tmp_path: Path) -> None:
    """By SIGKILL, while it reads a page."""
    corpus = write_corpus(tmp_path / "in", samples)
    line_image(samples, 50).save(corpus / "once.png")
    more = ["--cpus-per-worker", "1", "--ray", address, "--workers", "2"]
    done = run(corpus, tmp_path / "out", *more, faults=True)
    assert done.returncode == 13, done.stderr
    assert (corpus / "once.png.was-read").exists()
    assert summary(done)["pages"]["failed"] == 0
    (corpus / "once.png.was-read").unlink()
    undisturbed = run(corpus, tmp_path / "undisturbed")
    assert undisturbed.returncode == 13, undisturbed.stderr
    assert written(tmp_path / "out") == written(tmp_path / "undisturbed")


def test_a_page_that_ends_every_worker_stops_nothing(
    address: str, samples: Path, tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path / "in", samples)
    without = run(corpus, tmp_path / "without")
    line_image(samples, 60).save(corpus / "poison.png")
    more = ["--ray", address, "--workers", "2", "--cpus-per-worker", "1", "--fail-on", "all"]
    done = run(corpus, tmp_path / "out", *more, faults=True)
    assert done.returncode == 0, done.stderr
    assert summary(done)["pages"]["failed"] == 1
    assert "poison.png, page 1: failed: the process that read it ended, 3 times" in done.stderr
    files, expected = written(tmp_path / "out"), written(tmp_path / "without")
    assert {name: files[name] for name in expected if not name.endswith(".parquet")} == {
        name: data for name, data in expected.items() if not name.endswith(".parquet")
    }
    assert without.returncode == 13
    (record,) = (tmp_path / "out").glob(".ppocrvl-batch/failed/*/*.json")
    reasons = json.loads(record.read_bytes())["reasons"]
    assert len({reason for _, reason in reasons}) == 3  # on different workers
    again = run(corpus, tmp_path / "out", "--retry-failed")
    assert summary(again)["pages"] == {"read": 1, "kept": 0, "failed": 0}
    assert b"Hello" in written(tmp_path / "out")["poison.md"]


def test_an_output_that_cannot_be_written_is_one_line(
    address: str, corpus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert run(corpus, out).returncode == 13
    (out / "sub" / "line-1.md").unlink()
    (out / "sub").rename(out / "moved")
    (out / "sub").touch()
    done = run(corpus, out, "--ray", address, "--workers", "1", "--cpus-per-worker", "1")
    assert done.returncode == 7
    assert done.stderr.splitlines()[-1] == (
        f"ppocrvl: error: {out}/sub: cannot be written (File exists); free some space or choose "
        "another folder with -o"
    )


def test_pages_of_a_pipeline_of_ones_own(address: str, samples: Path, tmp_path: Path) -> None:
    """`ppocrvl.batch.read_pages`, between other operators."""
    code = f"""
import ray, ppocrvl.batch
ray.init({address!r}, log_to_driver=False)
paths = [{str(samples / "hello.png")!r}, "/missing.png", {str(samples / "paper.pdf")!r}]
rows = [{{"path": path, "page": 0, "mine": number}} for number, path in enumerate(paths)]
rows.append({{"path": paths[2], "page": 7, "mine": 3}})
pages = ppocrvl.batch.read_pages(ray.data.from_items(rows, override_num_blocks=2))
for row in sorted(pages.take_all(), key=lambda row: row["mine"]):
    print(row["mine"], repr((row["text"] or "")[:11]), row["error"], sep="|")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=1000,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split("|") for line in done.stdout.splitlines() if "|" in line]
    assert lines[0] == ["0", "'Hello world'", "None"]
    assert lines[1] == ["1", "''", "no such document: /missing.png"]
    assert lines[2][2] == "None"
    assert "there is no page 8 of 2" in lines[3][2]


def test_workers_with_gpus(samples: Path, tmp_path: Path) -> None:
    """Two workers share a GPU, as Ray counts them: none is there."""
    out, corpus = tmp_path / "out", tmp_path / "in"
    corpus.mkdir()
    for name in ("hello.png", "table.png"):
        shutil.copy(samples / name, corpus)
    with cluster("2:1") as (address, _):
        more = ["--ray", address, "--cpus-per-worker", "1", "--gpus-per-worker"]
        done = run(corpus, out, *more, "0.5")
        refused = run(corpus, out, *more, "2")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pages"]["read"] == 2
    assert refused.returncode == 15
    assert "no node has 2 GPUs for a worker, the largest has 1" in refused.stderr


def test_what_prometheus_gets(address: str, tmp_path: Path) -> None:
    """Of a worker that lives until Ray's agent has it."""
    code = """
import sys, time, urllib.request, ray
from dataclasses import replace

@ray.remote
class Worker:
    def read(self):
        from ppocrvl.batch.ray_stages import ReadingStage, table_of
        from ppocrvl.batch.rows import Row
        stage = ReadingStage(None, "run", 1)
        vars(stage)["_read"] = lambda rows: [replace(row, state="read") for row in rows]
        pages = [Row(document=0, path=b"in", output=b"out", page=page) for page in range(3)]
        assert stage(table_of(pages, Row)).num_rows == 3
        return ray.get_runtime_context().get_worker_id()

ray.init(sys.argv[1], log_to_driver=False)
worker = Worker.remote()
mine = ray.get(worker.read.remote())  # other tests have workers too
node, = ray.nodes()
agent = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
names = ("ray_ppocrvl_batch_pages_total{", "ray_ppocrvl_batch_busy_seconds_total{")
found = []
while not all(any(line.startswith(name) for line in found) for name in names):
    time.sleep(0.1)
    lines = urllib.request.urlopen(agent).read().decode().splitlines()
    found = [line for line in lines if mine in line]
print(*(line for line in found if line.startswith(names)), sep="\\n")
"""
    told = subprocess.check_output(
        [sys.executable, "-c", code, address],
        cwd=tmp_path,
        env=ENVIRONMENT,
        text=True,
        timeout=1000,
    )
    pages = [line for line in told.splitlines() if "_pages_total{" in line and "read" in line]
    assert [float(line.split()[-1]) for line in pages] == [3.0]
    seconds = [line for line in told.splitlines() if "_busy_seconds_total{" in line]
    assert all(float(line.split()[-1]) > 0 for line in seconds)


def test_a_node_that_fails_costs_nothing(
    corpus: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    """One of three, with a worker each, when the first pages are there."""
    out = tmp_path / "out"
    with cluster(1, 1, 1) as (address, fail):
        more = ["--ray", address, "--workers", "3", "--cpus-per-worker", "1"]
        with begin(corpus, out, *more) as process:
            while not list(out.glob(".ppocrvl-batch/pages/*/*.json")):
                assert process.poll() is None
                time.sleep(0.05)
            fail.write("remove\n")
            fail.flush()
            stdout, stderr = process.communicate(timeout=1000)
    assert process.returncode == 13, stderr
    assert json.loads(stdout)["pages"]["failed"] == 0
    assert written(out) == whole


def test_a_node_that_is_added_reads(corpus: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    """Until then nobody can: somebody else has the only CPU."""
    out = tmp_path / "out"
    hold = """
import sys, ray
ray.init(sys.argv[1], log_to_driver=False)
holder = ray.remote(num_cpus=1)(type("Holder", (), {"here": lambda self: True})).remote()
print(ray.get(holder.here.remote()), flush=True)
sys.stdin.read()
"""
    pipe = subprocess.PIPE
    with cluster(1) as (address, nodes):
        command = [sys.executable, "-c", hold, address]
        with subprocess.Popen(
            command, env=ENVIRONMENT, text=True, stdin=pipe, stdout=pipe
        ) as holding:
            assert holding.stdout is not None
            assert holding.stdout.readline() == "True\n"
            more = ["--ray", address, "--workers", "1", "--cpus-per-worker", "1"]
            with begin(corpus, out, *more) as process:
                while not list(out.glob(".ppocrvl-batch/run.json")):
                    assert process.poll() is None
                    time.sleep(0.05)
                nodes.write("add\n")
                nodes.flush()
                stdout, stderr = process.communicate(timeout=1000)
            holding.communicate()
    assert process.returncode == 13, stderr
    assert json.loads(stdout)["pages"] == {"read": N_PAGES, "kept": 0, "failed": 0}
    assert written(out) == whole
