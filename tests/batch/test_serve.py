# SPDX-License-Identifier: Apache-2.0
"""The server on Ray Serve: the same answers, and none is lost when replicas come and go."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from tests.batch import watched
from tests.server.running import Server, error_of, question, wait_for
from tests.waiting import SECONDS

import ppocrvl.batch
from ppocrvl.batch import serve as on_serve
from ppocrvl.batch.serve_options import options_from
from ppocrvl.errors import MissingExtraError, OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"no": "1"}, "there is no option no"),
        ({"max_waiting": "many"}, "max_waiting"),
        ({"min_replicas": "2"}, "min_replicas"),
        ({"n_parallel": "0"}, "n_parallel"),
        ({"max_pictures": "0"}, "max_pictures"),
        ({"fetch_network": "10.0.0.1/8"}, "host bits"),
        ({"port": 99_999}, "port"),
    ],
)
def test_options_that_cannot_be(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(OptionError, match=why):
        ppocrvl.batch.serve_ray(**arguments)


def test_options_are_taken_as_text() -> None:
    options = options_from(
        {
            "max_waiting": "3",
            "fetch_urls": "true",
            "allowed_host": "a,b",
            "n_threads": "2",
            "text_device": "cpu",
        }
    )
    assert options.limits.max_waiting == 3
    assert options.fetch_urls
    assert options.allowed_host == ("a", "b")
    assert options.engine_keywords() == {"n_threads": 2, "text_device": "cpu"}


def test_without_ray_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtraError, match="ppocrvl\\[ray\\]"):
        on_serve.build({})


@dataclass
class Running:
    """The server on Ray Serve.

    Attributes:
        url: without a slash at the end.
        folder: a file for each process that was a replica.
        options: of `serve_ray`.
    """

    url: str
    folder: Path
    options: dict[str, Any]

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(self.url + path, timeout=SECONDS)

    def post(self, path: str, body: dict[str, Any]) -> httpx2.Response:
        return httpx2.post(self.url + path, json=body, timeout=SECONDS)

    def inside(self) -> int:
        return int(self.get("/health").json()["pictures"])

    def replicas(self) -> set[str]:
        return {one.name for one in self.folder.iterdir() if not one.suffix}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, endless_model: Path) -> Iterator[Running]:
    serve = pytest.importorskip("ray.serve", reason='needs Ray Serve: pip install ".[ray]"')
    import ray

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {
        "model": str(endless_model),
        "port": port,
        "n_parallel": 2,
        "max_tokens": 100_000,
        "kv_tokens": 131_072,
        "drain_seconds": 900,
        "health_check_seconds": 0.5,
    }
    folder = tmp_path_factory.mktemp("replicas")
    with pytest.MonkeyPatch.context() as patch:
        for name, text in (
            ("PYTHONPATH", str(ROOT)),
            ("RAY_USAGE_STATS_ENABLED", "0"),
            (watched.FOLDER, str(folder)),
        ):
            patch.setenv(name, text)
        patch.setattr(on_serve, "Replica", watched.Watched)
        ray.init("local", num_cpus=2, include_dashboard=False, object_store_memory=200 << 20)
        try:
            ppocrvl.batch.serve_ray(**options)
            yield Running(f"http://127.0.0.1:{port}", folder, options)
        finally:
            serve.shutdown()
            ray.shutdown()


@pytest.fixture(scope="module")
def body(samples: Path) -> dict[str, Any]:
    return question((samples / "hello.png").read_bytes(), stop_loops=False)


def streamed(running: Running, body: dict[str, Any]) -> Any:
    address = f"{running.url}/v1/chat/completions"
    return httpx2.stream("POST", address, json={**body, "stream": True}, timeout=SECONDS)


slow = [pytest.mark.slow, pytest.mark.timeout(600)]


class TestServing:
    pytestmark = slow

    def test_answers_are_those_of_the_plain_server(
        self, running: Running, body: dict[str, Any], endless_model: Path
    ) -> None:
        plain = Server("--model", endless_model, "--threads", 1, "--n-parallel", 2).wait_ready()
        asked = {**body, "max_tokens": 30}
        answers = [
            one.json()["choices"]
            for one in (
                plain.post("/v1/chat/completions", json=asked),
                running.post("/v1/chat/completions", asked),
            )
        ]
        assert plain.stop() == 0
        assert answers[0] == answers[1]
        assert error_of(running.post("/v1/chat/completions", {}), 400)
        assert error_of(running.get("/nothing"), 404) == "not_found"

    def test_a_stream_comes_in_pieces_and_ends_with_its_client(
        self, running: Running, body: dict[str, Any]
    ) -> None:
        """The answer would go on for 100,000 tokens: what comes now comes before its end."""
        with streamed(running, {**body, "max_tokens": 100_000}) as answer:
            lines = answer.iter_lines()
            pieces = [
                json.loads(line[6:]) for line, _ in zip(lines, range(9), strict=False) if line
            ]
            assert len(pieces) > 3
            assert running.inside() == 1
        wait_for(lambda: running.inside() == 0)

    def test_an_ill_replica_is_replaced(self, running: Running, body: dict[str, Any]) -> None:
        before = running.replicas()
        for name in before:
            (running.folder / f"{name}.ill").touch()
        wait_for(lambda: bool(running.replicas() - before), 300)
        wait_for(lambda: running.get("/health").status_code == 200)
        assert running.post("/v1/chat/completions", {**body, "max_tokens": 3}).is_success

    def test_an_update_loses_no_request(self, running: Running, body: dict[str, Any]) -> None:
        statuses: list[int] = []
        over = threading.Event()

        def ask() -> None:
            while not over.is_set():
                asked = {**body, "max_tokens": 3}
                answer = httpx2.post(
                    f"{running.url}/v1/chat/completions", json=asked, timeout=SECONDS
                )
                statuses.append(answer.status_code)

        def status() -> str:
            from ray import serve

            return str(serve.status().applications[on_serve.NAME].status.value)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            with streamed(running, {**body, "max_tokens": 2000}) as answer:
                wait_for(lambda: len(statuses) > 0)
                updating = threading.Thread(
                    target=lambda: ppocrvl.batch.serve_ray(**running.options, name="new")
                )
                updating.start()
                wait_for(lambda: status() == "DEPLOYING", 300)
                text = answer.read().decode()
            updating.join()
            wait_for(lambda: running.get("/v1/models").json()["data"][0]["id"] == "new", 300)
            n_before = len(statuses)
            wait_for(lambda: len(statuses) > n_before + 1)
        finally:
            over.set()
            asking.join()
        assert text.endswith("data: [DONE]\n\n")
        assert set(statuses) == {200}
