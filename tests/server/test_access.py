# SPDX-License-Identifier: Apache-2.0
"""Who may ask, and what nobody is told."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from tests.server.running import Server, error_of, question, wait_for

from ppocrvl.errors import OptionError
from ppocrvl.server.auth import check_origin, read_keys
from ppocrvl.server.codes import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.running import StartServer

KEY = "correct-horse-battery"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with keys from a file and from the environment."""
    path = tmp_path_factory.mktemp("keys") / "keys.txt"
    path.write_text(f"# the first\n{KEY}\n\nanother-key-here\n", encoding="utf-8")
    running = Server("--api-key-file", path, PPOCRVL_API_KEYS="from-the-environment")
    health = running.wait_ready().get("/health")
    assert health.status_code == 200
    yield running
    assert running.stop() == 0


@pytest.mark.parametrize("key", [KEY, "another-key-here", "from-the-environment"])
def test_right_keys(locked: Server, noise: bytes, key: str) -> None:
    headers = {"authorization": f"Bearer {key}"}
    assert locked.get("/v1/models", headers=headers).is_success
    assert locked.get("/metrics", headers=headers).is_success
    body = question(noise, max_tokens=1)
    assert locked.post("/v1/chat/completions", json=body, headers=headers).is_success


WRONG = (
    *(None, "", "Bearer", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", f"Basic {KEY}", KEY),
    *("Bearer # the first", "Bearer \xff\xfe", f"Bearer {KEY} another-key-here"),
)


@pytest.mark.parametrize("authorization", WRONG)
def test_wrong_keys(locked: Server, noise: bytes, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization.encode("latin-1")}
    for path in ("/v1/models", "/metrics", "/v1/nothing"):
        answer = locked.get(path, headers=headers)
        assert error_of(answer, 401) == "invalid_api_key"
        assert answer.headers["www-authenticate"] == "Bearer"
    for path in ("/v1/chat/completions", "/v1/ocr"):
        answer = locked.post(path, json=question(noise), headers=headers)
        assert error_of(answer, 401) == "invalid_api_key"
        assert KEY not in answer.text
    assert not any(KEY in line for line in locked.log)


def test_what_needs_no_key(locked: Server) -> None:
    for path in ("/", "/style.css", "/health", "/docs", "/openapi.json"):
        assert locked.get(path).is_success


@pytest.mark.parametrize(
    ("text", "why"), [(None, "cannot read"), ("# none\n\n", "no API key"), ("short\n", "8 print")]
)
def test_key_files_that_cannot_be_used(tmp_path: Path, text: str | None, why: str) -> None:
    path = tmp_path / "keys"
    if text is not None:
        path.write_text(text, encoding="utf-8")
        path.chmod(stat.S_IRUSR)
    with pytest.raises(OptionError, match=why):
        read_keys(path)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "", "localhost.evil.example"]
)
def test_other_hosts(server: Server, host: str) -> None:
    """A page whose name leads to this machine (DNS rebinding) sends its own name."""
    assert error_of(server.get("/health", headers={"host": host}), 403) == "host_not_allowed"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:8080"])
def test_own_hosts(server: Server, host: str) -> None:
    assert server.get("/health", headers={"host": host}).is_success


def test_allowed_hosts(start_server: StartServer) -> None:
    running = start_server("--host", "0.0.0.0", "--allowed-host", "ocr.example")  # noqa: S104
    running.url = running.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
    running.wait_ready()
    assert any("everybody" in line for line in running.log)
    assert running.get("/health", headers={"host": "OCR.example:1"}).is_success
    answer = running.get("/health", headers={"host": "other.example"})
    assert error_of(answer, 403) == "host_not_allowed"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"origin": "http://localhost:1"},
        {"origin": "http://["},
        {"origin": ""},
    ],
)
def test_pages_of_other_sites(server: Server, noise: bytes, headers: dict[str, str]) -> None:
    answer = server.post("/v1/ocr", files={"image": noise}, headers=headers)
    assert error_of(answer, 403) == "origin_not_allowed"
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("host", [None, b""])
def test_pages_of_other_sites_without_a_host(host: bytes | None) -> None:
    """HTTP/1.0 has no Host header; an origin of nothing is not its own."""
    with pytest.raises(ApiError, match="other sites"):
        check_origin(b"null", None, host)


def test_own_page(server: Server, noise: bytes) -> None:
    headers = {"origin": server.url, "sec-fetch-site": "same-origin"}
    data = {"max_tokens": 1}
    assert server.post("/v1/ocr", files={"image": noise}, data=data, headers=headers).is_success


def test_security_headers(server: Server) -> None:
    headers = server.get("/").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "server" not in headers


def test_request_ids(server: Server) -> None:
    assert (
        server.get("/health", headers={"x-request-id": "mine-7"}).headers["x-request-id"]
        == "mine-7"
    )
    for bad in ("a b", "x" * 65, "<script>"):
        given = server.get("/health", headers={"x-request-id": bad}).headers["x-request-id"]
        assert given != bad
        assert len(given) == 24


def test_logs_hold_neither_pictures_nor_texts(server: Server, picture: bytes) -> None:
    answer = server.post("/v1/ocr", files={"image": picture}, headers={"x-request-id": "log-me"})
    wait_for(lambda: any(one["id"] == "log-me" for one in server.requests))
    (line,) = [one for one in server.requests if one["id"] == "log-me"]
    assert line["status"] == 200
    assert line["task"] == "ocr"
    assert line["picture_bytes"] == [len(picture)]
    (result,) = line["results"]
    assert result["size"] == [448, 168]
    assert result["finish_reason"] == "stop"
    assert result["tokens"] == answer.json()["results"][0]["timings"]["generated_tokens"]
    assert not any("Hello world" in line for line in server.log)


def test_log_text(start_server: StartServer, picture: bytes) -> None:
    running = start_server("--log-text").wait_ready()
    running.post("/v1/ocr", files={"image": picture})
    wait_for(lambda: any("Hello world" in line for line in running.log))


def test_metrics(start_server: StartServer, picture: bytes) -> None:
    running = start_server("--parallel", 2, "--max-waiting", 5).wait_ready()
    for _ in range(2):
        running.post("/v1/ocr", files={"image": picture}, data={"stream": "true"})
    running.post("/v1/ocr", files={"image": b"none"})
    running.get("/v1/nothing")
    text = running.get("/metrics").text
    for line in (
        'ppocrvl_requests_total{route="/v1/ocr",status="200"} 2.0',
        'ppocrvl_requests_total{route="other",status="404"} 1.0',
        'ppocrvl_pictures_total{finish_reason="stop",task="ocr"} 2.0',
        'ppocrvl_errors_total{code="invalid_image"} 1.0',
        'ppocrvl_image_cache_total{result="hit"} 1.0',
        'ppocrvl_drafted_tokens_total{result="rejected"} 0.0',
        'ppocrvl_stage_seconds_count{stage="decode"} 2.0',
        "ppocrvl_first_piece_seconds_count 2.0",
        "ppocrvl_pictures_inside 0.0",
        "ppocrvl_pictures_limit 7.0",
    ):
        assert line in text.splitlines()
    assert "process_resident_memory_bytes" in text
