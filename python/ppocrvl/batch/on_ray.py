# SPDX-License-Identifier: Apache-2.0
"""The stages as operators of Ray Data: the only file that imports Ray."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ppocrvl.batch.assembling import Assembling
from ppocrvl.batch.attempts import Attempts
from ppocrvl.batch.listing import list_documents
from ppocrvl.batch.manifest import Manifest
from ppocrvl.batch.opening import Opening
from ppocrvl.batch.reading import PageReader, Reader, jobs_by_document, reader_of
from ppocrvl.batch.rows import Listed, Row, plain
from ppocrvl.batch.settings import node_trouble
from ppocrvl.batch.tables import load_pyarrow
from ppocrvl.document.document import Page
from ppocrvl.errors import ClusterError, MissingExtraError, PpocrvlError
from ppocrvl.parsing.parts import NoDocument
from ppocrvl.parsing.pipeline import Pages
from ppocrvl.support.batched import batched

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from ppocrvl.batch.settings import Models, Settings
    from ppocrvl.parsing.parse_options import ParseOptions
    from ppocrvl.parsing.parts import PageRead

BLOCK_BYTES = 1024
"""Of rows that go to a worker together: some 5 pages. Ray Data cuts blocks by bytes alone."""
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


def run_on_ray(
    settings: Settings, address: str, *, workers: int | None, cpus_per_worker: int | None
) -> Generator[Row]:
    """Reads a corpus.

    Args:
        settings: of the run; its manifest is owned.
        address: "auto" for the Ray that runs here, "local" for one that is started for this run,
            or HOST:PORT.
        workers: actors that read; None: as many as the cluster has CPUs for.
        cpus_per_worker: of each, which are its threads; None: 4, or all of a node that has fewer.

    Yields:
        The rows of the last stage, in any order.

    Raises:
        MissingExtraError: Ray is not installed.
        ClusterError: there is no Ray at the address, or a node cannot take part.
        PpocrvlError: as `run_here`.
    """
    with connected(address) as ray:
        _check_nodes(ray, settings)
        actors, cpus = _size(ray, workers, cpus_per_worker)
        run = secrets.token_hex(8)
        attempts = Attempts(Manifest(settings).folder, run)
        attempts.forget_other_runs()
        with _errors(ray):
            dataset = corpus_dataset(ray, settings, run, actors, cpus)
            for batch in dataset.iter_batches(
                batch_size=None, batch_format="pyarrow", prefetch_batches=0
            ):
                yield from _rows(batch)
        attempts.forget_all()


def read_dataset(
    dataset: Any,
    models: Models,
    options: ParseOptions,
    *,
    workers: int,
    cpus_per_worker: int,
    n_parallel: int,
) -> Any:
    """As `ppocrvl.batch.read_pages`."""
    ray = load_ray()
    made_of = (models, options, cpus_per_worker, n_parallel)
    return _mapped(ray, dataset, PlainPages, made_of, workers=workers, cpus=cpus_per_worker)


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


def _size(ray: Any, workers: int | None, cpus: int | None) -> tuple[int, int]:
    """How many workers there are to be, and CPUs of each.

    Raises:
        ClusterError: no node has so many CPUs.
    """
    nodes = [int(one["Resources"].get("CPU", 0)) for one in ray.nodes() if one["Alive"]]
    nodes = [n_cpus for n_cpus in nodes if n_cpus] or [1]
    cpus = cpus or min(MOST_CPUS, *nodes)
    if cpus > max(nodes):
        raise ClusterError(
            f"no node has {cpus} CPUs for a worker, the largest has {max(nodes)}; give fewer with "
            "--cpus-per-worker"
        )
    return workers or sum(n_cpus // cpus for n_cpus in nodes), cpus


def _mapped(
    ray: Any, dataset: Any, stage: type, made_of: tuple[Any, ...], *, workers: int, cpus: int
) -> Any:
    """A further stage: a pool of actors of a class. Each call gets a block of rows."""
    return dataset.map_batches(
        stage,
        batch_format="pyarrow",
        batch_size=None,
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=cpus,
        fn_constructor_args=made_of,
    )


def corpus_dataset(ray: Any, settings: Settings, run: str, workers: int, cpus: int) -> Any:
    """All stages. But for the workers they take no CPUs: these may have them all."""
    context = ray.data.DataContext.get_current()
    context.target_max_block_size = BLOCK_BYTES
    context.execution_options.resource_limits = ray.data.ExecutionResources(
        object_store_memory=AHEAD_BYTES + workers * AHEAD_BYTES_A_WORKER
    )
    context.raise_original_map_exception = True  # our own errors, as they are
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # The memory is there so that Ray does not fuse this stage with the next, which is parallel.
    listed = ray.data.read_datasource(
        _source(ray, settings), num_cpus=0, memory=LISTING_BYTES, override_num_blocks=1
    )
    few = max(1, workers // 2)
    pages = _mapped(ray, listed, OpeningStage, (settings,), workers=few, cpus=0)
    read = _mapped(ray, pages, ReadingStage, (settings, run, cpus), workers=workers, cpus=cpus)
    return _mapped(ray, read, AssemblingStage, (settings,), workers=few, cpus=0)


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
        yield _table([one], Listed)


class OpeningStage:
    """`Opening` as an actor."""

    def __init__(self, settings: Settings) -> None:
        self._open = Opening(settings)

    def __call__(self, batch: Any) -> Iterator[Any]:
        """Documents to pages."""
        documents = (Listed(**values) for values in batch.to_pylist())
        return _tables(self._open(documents))


class ReadingStage:
    """`PageReader` as an actor.

    It gives its rows when all are there, in their order: after a worker was lost, Ray takes what
    the next one gives to go on where the first one ended.
    """

    def __init__(self, settings: Settings, run: str, n_threads: int) -> None:
        self._settings, self._run, self._n_threads = settings, run, n_threads

    @cached_property
    def _read(self) -> PageReader:
        """Loaded with the first pages: only what is raised then reaches the driver as it is."""
        reader = reader_of(self._settings, self._n_threads)
        return PageReader(self._settings, reader.parts, self._run)

    def __call__(self, batch: Any) -> Any:
        """Pages to pages that are read."""
        rows = list(_rows(batch))
        places = {(row.document, row.page): place for place, row in enumerate(rows)}
        done = sorted(self._read(rows), key=lambda row: places[row.document, row.page])
        return _table(done, Row)


class AssemblingStage:
    """`Assembling` as an actor."""

    def __init__(self, settings: Settings) -> None:
        self._assemble = Assembling(settings)

    def __call__(self, batch: Any) -> Any:
        """Pages to pages and documents."""
        return _table(self._assemble(_rows(batch)), Row)


class PlainPages:
    """Reads pages of a dataset that nobody keeps, as an actor.

    Args:
        models: what reads them.
        options: how.
        n_threads: of the models.
        n_parallel: blocks that are read at once.
    """

    def __init__(
        self, models: Models, options: ParseOptions, n_threads: int, n_parallel: int
    ) -> None:
        self._models, self._options = models, options
        self._n_threads, self._n_parallel = n_threads, n_parallel

    @cached_property
    def _reader(self) -> Reader:
        """As for `ReadingStage`."""
        return Reader(
            self._models, self._options, n_threads=self._n_threads, n_parallel=self._n_parallel
        )

    def __call__(self, batch: Any) -> Any:
        """The rows with what was read."""
        rows = batch.to_pylist()
        asked = [(os.fsencode(row["path"]), row["page"]) for row in rows]
        columns: dict[str, list[str | None]] = {
            name: [None] * len(rows) for name in ("text", "markdown", "blocks", "error")
        }
        jobs = jobs_by_document(asked, Path.cwd(), self._options)
        with Pages(jobs, self._reader.parts) as pages:
            for one in pages:
                place = one.document if isinstance(one, NoDocument) else one.job.document
                for name, value in _plain_values(one).items():
                    columns[name][place] = value
        pa = load_pyarrow()
        for name, values in columns.items():
            batch = batch.append_column(name, pa.array(values, pa.string()))
        return batch


def _plain_values(one: PageRead | NoDocument) -> dict[str, str | None]:
    if isinstance(one, NoDocument):
        return {"error": plain(str(one.error))}
    page = Page.of(one.data)
    return {
        "text": page.to_text(),
        "markdown": page.to_markdown(),
        "blocks": json.dumps(page.to_dict()["blocks"], ensure_ascii=False),
        "error": plain(str(one.errors[0])) if one.errors else None,
    }


def _tables(rows: Iterable[Row]) -> Iterator[Any]:
    for some in batched(rows, 8):
        yield _table(some, Row)


def _table(rows: Iterable[Row | Listed], kind: type[Row | Listed]) -> Any:
    pa = load_pyarrow()
    types = {"int": pa.int64(), "bytes": pa.binary()}
    fields = [(one.name, types.get(str(one.type), pa.string())) for one in dataclasses.fields(kind)]
    return pa.Table.from_pylist(list(map(dataclasses.asdict, rows)), schema=pa.schema(fields))


def _rows(batch: Any) -> Iterator[Row]:
    return (Row(**values) for values in batch.to_pylist())


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
