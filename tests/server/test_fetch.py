# SPDX-License-Identifier: Apache-2.0
"""Fetching pictures from URLs: what is refused, and that the rest works.

The inner service is a real HTTP server on a loopback address. Names are resolved by a resolver of
the tests, as no real name server can be told to lie here.
"""

from __future__ import annotations

import asyncio
import ipaddress
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from tests.server.running import error_of

from ppocrvl.server.admission import ByteBudget, Share
from ppocrvl.server.codes import ApiError
from ppocrvl.server.fetch import Fetcher, is_public

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.server.running import StartServer

LOOPBACK = ipaddress.ip_network("127.0.0.1/32")


class Site:
    """A web server on 127.0.0.1.

    Attributes:
        asked: paths that were asked for.
    """

    def __init__(self, picture: bytes) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                kind, _, rest = self.path.strip("/").partition("/")
                if kind == "redirect":
                    self.send_response(302)
                    self.send_header("Location", rest)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(404 if kind == "missing" else 200)
                if kind != "endless":
                    self.send_header("Content-Length", str(len(picture)))
                self.end_headers()
                if kind == "slow":
                    threading.Event().wait(2)
                self.wfile.write(picture * (100 if kind == "endless" else 1))

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def site(picture: bytes) -> Iterator[Site]:
    running = Site(picture)
    yield running
    running.server.shutdown()
    running.server.server_close()


def share(limit: int = 1 << 30) -> Share:
    return ByteBudget(limit).share()


def fetch(url: str, names: Mapping[str, Sequence[str]] | None = None, **options: Any) -> bytes:
    """Fetches as a server would that has the real resolver, or one that knows these names alone."""

    async def resolve(host: str, port: int) -> list[str]:
        del port
        if names is None or host not in names:
            raise OSError
        return list(names[host])

    async def run() -> bytes:
        more = {} if names is None else {"resolve": resolve}
        fetcher = Fetcher(**{"max_bytes": 10_000, "allow_http": True, **more, **options})
        try:
            return await fetcher.fetch(url, share())
        finally:
            await fetcher.aclose()

    return asyncio.run(run())


def refused(url: str, *arguments: Any, **options: Any) -> str:
    with pytest.raises(ApiError) as caught:
        fetch(url, *arguments, **options)
    return caught.value.code


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "localhost",
        "0.0.0.0",  # noqa: S104
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[fe80::1]",
        "[fc00::1]",
        "[ff02::1]",
    ],
)
def test_inner_addresses(site: Site, host: str) -> None:
    before = len(site.asked)
    assert refused(f"http://{host}:{site.port}/a.png") == "url_refused"
    assert len(site.asked) == before


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
        *("2001:0:4136:e378:8000:63bf:80ff:fffe", "fe80::1", "224.0.0.1", "100.64.0.1", "::"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_names_that_lead_inside(site: Site) -> None:
    for addresses in (["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::ffff:127.0.0.1"]):
        url = f"http://pictures.example:{site.port}/a.png"
        assert refused(url, {"pictures.example": addresses}) == "url_refused"
    assert refused("http://unknown.example/", {}) == "url_fetch_failed"
    assert refused("http://none.example/", {"none.example": []}) == "url_fetch_failed"


def test_rebinding(site: Site, picture: bytes) -> None:
    """The name is resolved once, and what was checked is what is connected to."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        del port
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    async def run() -> bytes:
        fetcher = Fetcher(10_000, allow_http=True, allowed=[LOOPBACK], resolve=resolve)
        try:
            data = await fetcher.fetch(f"http://rebinding.example:{site.port}/a.png", share())
            with pytest.raises(ApiError, match="not public"):
                await fetcher.fetch(f"http://rebinding.example:{site.port}/a.png", share())
        finally:
            await fetcher.aclose()
        return data

    assert asyncio.run(run()) == picture
    assert asked == ["rebinding.example"] * 2, "a connection was used again without a check"


def test_redirects(site: Site, picture: bytes) -> None:
    """From an allowed address to one that is not; to another scheme; round in a circle."""
    names = {"good.example": ["127.0.0.1"], "inside.example": ["127.0.0.2"]}
    start = f"http://good.example:{site.port}/redirect/"

    def outcome(target: str) -> str:
        return refused(start + target, names, allowed=[LOOPBACK])

    assert outcome(f"http://inside.example:{site.port}/a.png") == "url_refused"
    assert outcome(f"http://127.0.0.2:{site.port}/a.png") in {"url_refused", "url_fetch_failed"}
    assert outcome("file:///etc/passwd") == "url_refused"
    assert outcome("gopher://good.example/") == "url_refused"
    assert outcome("//[") == "invalid_image_url"
    assert outcome(f"{start * 9}a.png") == "url_fetch_failed"
    good = f"http://good.example:{site.port}/a.png"
    assert fetch(start + good, names, allowed=[LOOPBACK]) == picture
    assert fetch(f"{start}/a.png", names, allowed=[LOOPBACK]) == picture
    only_tls = refused(good, names, allowed=[LOOPBACK], allow_http=False)
    assert only_tls == "url_refused"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://", "invalid_image_url"),
        ("http://[::1", "invalid_image_url"),
        ("http://good.example:99999/", "invalid_image_url"),
        ("http://good.example/a b", "invalid_image_url"),
        ("http://good.example/\r\nX: y", "invalid_image_url"),
        ("http://gööd.example/", "invalid_image_url"),
        ("http://user:word@good.example/", "url_refused"),
        ("http://good.example/" + "a" * 5000, "invalid_image_url"),
    ],
)
def test_urls_that_are_none(url: str, code: str) -> None:
    assert refused(url, {"good.example": ["127.0.0.1"]}, allowed=[LOOPBACK]) == code


def test_limits(site: Site, picture: bytes) -> None:
    options: dict[str, Any] = {"allowed": [LOOPBACK]}
    names = {"127.0.0.1": ["127.0.0.1"]}
    assert refused(f"{site.url}/missing", names, **options) == "url_fetch_failed"
    for path in ("a.png", "endless"):
        code = refused(f"{site.url}/{path}", names, max_bytes=len(picture) - 1, **options)
        assert code == "image_too_large"
    assert refused(f"{site.url}/slow", names, seconds=0.3, **options) == "url_fetch_failed"
    assert fetch(f"{site.url}/a.png", names, max_bytes=len(picture), **options) == picture


def test_server(start_server: StartServer, site: Site, samples: Any) -> None:
    hello = (samples / "hello.txt").read_text(encoding="utf-8").strip()
    running = start_server("--fetch-http", "--fetch-network", "127.0.0.1/32").wait_ready()
    answer = running.post("/v1/ocr", json={"image": f"{site.url}/a.png"})
    assert answer.json()["results"][0]["text"] == hello
    content = [{"type": "image_url", "image_url": {"url": f"{site.url}/a.png"}}]
    body = {"messages": [{"role": "user", "content": content}]}
    done = running.post("/v1/chat/completions", json=body).json()
    assert done["choices"][0]["message"]["content"] == hello
    for url in (f"http://127.0.0.2:{site.port}/", "http://169.254.169.254/latest/meta-data"):
        assert error_of(running.post("/v1/ocr", json={"image": url}), 400) == "url_refused"


def test_what_is_fetched_is_counted(site: Site, picture: bytes) -> None:
    async def run(limit: int) -> int:
        budget = ByteBudget(limit)
        held = budget.share()
        fetcher = Fetcher(10_000, allow_http=True, allowed=[LOOPBACK])
        try:
            assert await fetcher.fetch(f"{site.url}/a.png", held) == picture
        finally:
            await fetcher.aclose()
        return budget.held

    assert asyncio.run(run(len(picture))) == len(picture)
    with pytest.raises(ApiError) as caught:
        asyncio.run(run(len(picture) - 1))
    assert caught.value.code == "server_busy"
