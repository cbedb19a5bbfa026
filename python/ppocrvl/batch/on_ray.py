# SPDX-License-Identifier: Apache-2.0
"""The stages as operators of Ray Data: connecting, sizes, errors."""

from __future__ import annotations

import logging
import math
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ppocrvl.batch.attempts import Attempts
from ppocrvl.batch.listing import list_documents
from ppocrvl.batch.manifest import Manifest
from ppocrvl.batch.ray_stages import (
    AssemblingStage,
    OpeningStage,
    PlainPages,
    ReadingStage,
    rows_of,
    table_of,
)
from ppocrvl.batch.rows import Listed
from ppocrvl.batch.settings import node_trouble
from ppocrvl.errors import ClusterError, MissingExtraError, OptionError, PpocrvlError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from ppocrvl.batch.rows import Row
    from ppocrvl.batch.settings import Models, Settings
    from ppocrvl.parsing.parse_options import ParseOptions

BLOCK_BYTES = 1024
"""Of rows that go to a worker together: some 5 pages. Ray Data cuts blocks by bytes alone."""
ROWS_FOR_A_GPU = 16
"""Likewise, of a worker with a GPU, for which Ray Data wants a number."""
AHEAD_BYTES = 1 << 20
"""Of rows between the stages, some 800 pages: the listing waits while so much is not read yet."""
AHEAD_BYTES_A_WORKER = 1 << 16
"""In addition, for each."""
LISTING_BYTES = 192 << 20
"""Of a process that lists, for Ray's accounts."""
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 20
"""That Ray's control service has for its first answer."""
MOST_CPUS = 4
"""Of a worker, unless it is said how many."""


@dataclass(frozen=True)
class Workers:
    """The actors that read.

    Attributes:
        count: how many; None: as many as the cluster has CPUs and GPUs for.
        cpus: of each, which are its threads; None: 4, or all of the smallest node it may run on.
        gpus: of each; a part of 1 is a GPU that several workers share.

    Raises:
        OptionError: one is out of range.
    """

    count: int | None = None
    cpus: int | None = None
    gpus: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("workers", self.count), ("cpus_per_worker", self.cpus)):
            if value is not None and value < 1:
                raise OptionError(f"{name} must be at least 1, not {value}")
        if not 0 <= self.gpus < math.inf or (self.gpus > 1 and self.gpus % 1):
            raise OptionError(
                f"gpus_per_worker must be a part of a GPU or a whole number, not {self.gpus}"
            )


def run_on_ray(settings: Settings, address: str, workers: Workers) -> Generator[Row]:
    """Reads a corpus.

    Args:
        settings: of the run; its manifest is owned.
        address: "auto" for the Ray that runs here, "local" for one that is started for this run,
            or HOST:PORT.
        workers: actors that read.

    Yields:
        The rows of the last stage, in any order.

    Raises:
        MissingExtraError: Ray is not installed.
        ClusterError: there is no Ray at the address, or a node cannot take part.
        PpocrvlError: as `run_here`.
    """
    with connected(address) as ray:
        _check_nodes(ray, settings)
        nodes = [one["Resources"] for one in ray.nodes() if one["Alive"]]
        workers = sized(workers, nodes)
        run = secrets.token_hex(8)
        attempts = Attempts(Manifest(settings).folder, run)
        attempts.forget_other_runs()
        with _errors(ray):
            dataset = corpus_dataset(ray, settings, run, workers)
            for batch in dataset.iter_batches(
                batch_size=None, batch_format="pyarrow", prefetch_batches=0
            ):
                yield from rows_of(batch)
        attempts.forget_all()


def read_dataset(
    dataset: Any,
    models: Models,
    options: ParseOptions,
    workers: Workers,
    *,
    n_parallel: int,
) -> Any:
    """As `ppocrvl.batch.read_pages`."""
    ray = load_ray()
    made_of = (models, options, workers.cpus, n_parallel)
    return _mapped(ray, dataset, PlainPages, made_of, workers)


def load_ray() -> Any:
    """Ray, with Ray Data.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtraError('Ray is not installed: pip install "ppocrvl[ray]"') from error
    return ray


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Ray at an address; whoever is connected already stays so.

    Raises:
        MissingExtraError: it is not installed.
        ClusterError: there is none at the address, or not with this version of Ray and Python.
    """
    ray = load_ray()
    if ray.is_initialized():
        yield ray
        return
    if ":" in address:
        _check_reachable(address)
    is_quiet = not logging.getLogger().isEnabledFor(logging.INFO)
    if is_quiet:
        _silence()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
    on_termination = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=address,
            logging_level=logging.ERROR if is_quiet else logging.INFO,
            log_to_driver=not is_quiet,
            **({"include_dashboard": False} if address == "local" else {}),
        )
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise _unreachable(address, error) from error
    if threading.current_thread() is threading.main_thread():  # Ray has set one of its own
        signal.signal(signal.SIGTERM, on_termination)
    try:
        yield ray
    finally:
        ray.shutdown()


def _silence() -> None:
    """What Ray notices goes to its own files alone, as the engine's log does."""
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setLevel(logging.CRITICAL)  # errors are raised as well


def _check_reachable(address: str) -> None:
    """Ray itself would try again and again, without an end.

    Raises:
        ClusterError: nobody listens there, or something other than Ray.
    """
    try:
        place = urlsplit(address if "//" in address else f"//{address}")
        socket.create_connection((place.hostname, place.port), CONNECT_SECONDS).close()
    except (OSError, ValueError, TypeError) as error:
        raise _unreachable(address, error) from error
    if "//" in address:
        return
    # A process of its own: there is no public function that asks once.
    ask = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--skip-version-check"]
    try:
        done = subprocess.run(
            [*ask, "--address", address],
            env={"RAY_py_gcs_connect_timeout_s": str(ANSWER_SECONDS), **os.environ},
            timeout=6 * ANSWER_SECONDS,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _unreachable(address, error) from error
    if done.returncode != 0:
        why = done.stderr.strip().rpartition("\n")[2] or "it does not answer"
        raise _unreachable(address, ConnectionError(why))


def _unreachable(address: str, error: Exception) -> ClusterError:
    what = "is running here" if address == "auto" else f"can be reached at {address}"
    return ClusterError(
        f"no Ray {what} ({_first_line(error)}); start one with `ray start --head`, name another "
        "with --ray, or set RAY_AUTH_MODE=token if it wants a token"
    )


def _check_nodes(ray: Any, settings: Settings) -> None:
    """Asks each node for what would fail there later, page by page.

    Raises:
        ClusterError: a node says why it cannot take part.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask = ray.remote(num_cpus=0, max_retries=0)(_trouble_here)
    answers = {
        node["NodeManagerAddress"]: ask.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(settings, version("ppocrvl"))
        for node in ray.nodes()
        if node["Alive"]
    }
    for node, answer in answers.items():
        try:
            trouble = ray.get(answer)
        except ray.exceptions.RayError as error:
            trouble = f"cannot run ppocrvl ({_first_line(_cause(error))})"
        if trouble is not None:
            raise ClusterError(f"the node {node} cannot take part: {trouble}")


def _trouble_here(settings: Settings, version_there: str) -> str | None:
    """On a node."""
    if not (Manifest(settings).folder / "run.json").is_file():
        return f"it does not have the folder {settings.folder}; all nodes must share it"
    return node_trouble(settings.models, version_there)


def sized(workers: Workers, nodes: Sequence[Mapping[str, float]]) -> Workers:
    """The workers with their number and CPUs.

    Args:
        workers: as asked for.
        nodes: what each node has, by Ray's names ("CPU", "GPU").

    Raises:
        ClusterError: no node has so many CPUs or GPUs.
    """
    sizes = [(int(one.get("CPU", 0)), one.get("GPU", 0.0)) for one in nodes]
    sizes = [(n_cpus, n_gpus) for n_cpus, n_gpus in sizes if n_cpus] or [(1, 0.0)]
    largest = max(n_gpus for _, n_gpus in sizes)
    if workers.gpus > largest:
        raise ClusterError(
            f"no node has {workers.gpus:g} GPUs for a worker, the largest has {largest:g}; give "
            "fewer with --gpus-per-worker"
        )
    sizes = [one for one in sizes if one[1] >= workers.gpus]
    cpus = workers.cpus or min(MOST_CPUS, *(n_cpus for n_cpus, _ in sizes))
    if cpus > max(n_cpus for n_cpus, _ in sizes):
        raise ClusterError(
            f"no node has {cpus} CPUs for a worker, the largest has {max(sizes)[0]}; give fewer "
            "with --cpus-per-worker"
        )
    # A third of a GPU goes three times into one, whatever its last digit.
    by_gpus = [math.floor(n_gpus / (workers.gpus or 1) + 1e-6) for _, n_gpus in sizes]
    by_cpus = [n_cpus // cpus for n_cpus, _ in sizes]
    places = map(min, by_cpus, by_gpus) if workers.gpus else by_cpus
    return Workers(workers.count or sum(places), cpus, workers.gpus)


def _mapped(ray: Any, dataset: Any, stage: type, made_of: tuple[Any, ...], workers: Workers) -> Any:
    """A further stage: a pool of actors of a class. Each call gets a block of rows."""
    return dataset.map_batches(
        stage,
        batch_format="pyarrow",
        batch_size=ROWS_FOR_A_GPU if workers.gpus else None,
        compute=ray.data.ActorPoolStrategy(size=workers.count),
        num_cpus=workers.cpus or 0,
        num_gpus=workers.gpus or None,
        fn_constructor_args=made_of,
    )


def corpus_dataset(ray: Any, settings: Settings, run: str, workers: Workers) -> Any:
    """All stages. But for the workers they take no CPUs: these may have them all."""
    n_workers = workers.count or 1
    context = ray.data.DataContext.get_current()
    context.target_max_block_size = BLOCK_BYTES
    context.execution_options.resource_limits = ray.data.ExecutionResources(
        object_store_memory=AHEAD_BYTES + n_workers * AHEAD_BYTES_A_WORKER
    )
    context.raise_original_map_exception = True  # our own errors, as they are
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # The memory is there so that Ray does not fuse this stage with the next, which is parallel.
    listed = ray.data.read_datasource(
        _source(ray, settings), num_cpus=0, memory=LISTING_BYTES, override_num_blocks=1
    )
    few = Workers(max(1, n_workers // 2))
    pages = _mapped(ray, listed, OpeningStage, (settings,), few)
    read = _mapped(ray, pages, ReadingStage, (settings, run, workers.cpus), workers)
    return _mapped(ray, read, AssemblingStage, (settings,), few)


def _source(ray: Any, settings: Settings) -> Any:
    """The listing as a source of data: one task, whose rows go on while it lists further."""
    from ray.data.block import BlockMetadata

    class Listing(ray.data.Datasource):  # type: ignore[misc]
        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, *_: Any, **__: Any) -> list[Any]:
            nothing_known = BlockMetadata(
                num_rows=None, size_bytes=None, input_files=None, exec_stats=None
            )
            return [ray.data.ReadTask(lambda: _listed(settings), nothing_known)]

    return Listing()


def _listed(settings: Settings) -> Iterator[Any]:
    for one in list_documents(settings.inputs, settings.base):
        yield table_of([one], Listed)


@contextmanager
def _errors(ray: Any) -> Iterator[None]:
    """What Ray tells of is our own error where it was one.

    Raises:
        PpocrvlError: it was.
        ClusterError: it was another.
    """
    try:
        yield
    except (ray.exceptions.RayError, RuntimeError) as error:
        cause = _cause(error)
        if isinstance(cause, PpocrvlError):
            # Ray adds lines of its own to it.
            raise type(cause)(str(cause).splitlines()[0]) from error
        raise ClusterError(
            f"Ray gave up ({_first_line(cause)}); the same command goes on where it was stopped"
        ) from error


def _cause(error: BaseException) -> BaseException:
    """What is at the bottom of it."""
    while True:
        below = getattr(error, "cause", None) or error.__cause__
        if not isinstance(below, BaseException) or below is error:
            return error
        error = below


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
