# SPDX-License-Identifier: Apache-2.0
"""Pictures from URLs that strangers name, without reaching what only this machine can reach.

Every connection goes through `_GuardedBackend`, which resolves the name, checks every address that
it has, and connects to one that it checked: a name that resolves to something else a moment later
(DNS rebinding) changes nothing, and each redirect is checked like the first URL. TLS still verifies
the name.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urljoin, urlsplit

import httpcore2

from ppocrvl.server.codes import ApiError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from httpcore2 import SOCKET_OPTION, AsyncNetworkStream

    from ppocrvl.server.admission import Share

    Resolve = Callable[[str, int], Awaitable[list[str]]]
    """Called with host and port, gives IP addresses as text."""

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_REDIRECTS = 3
TIMEOUT_SECONDS = 15.0
_LONGEST_URL = 4096
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits
_REDIRECTS = {301, 302, 303, 307, 308}


def is_public(address: Address) -> bool:
    """Whether an address is on the internet, for whoever asks, and leads nowhere else."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address.teredo is not None:
            inner = address.teredo[1]
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
        if int(address) < 1 << 32:  # the old form of an IPv4 address, "::127.0.0.1"
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


class Fetcher:
    """Fetches pictures.

    Args:
        max_bytes: limit on a picture.
        allow_http: also without TLS.
        allowed: networks that may be reached although they are not public.
        resolve: in place of the system's resolver.
        seconds: limit on a fetch, its redirects included.
        at_once: limit on fetches that go on together.
    """

    def __init__(
        self,
        max_bytes: int,
        *,
        allow_http: bool = False,
        allowed: Sequence[Network] = (),
        resolve: Resolve | None = None,
        seconds: float = TIMEOUT_SECONDS,
        at_once: int = 16,
    ) -> None:
        self._max_bytes = max_bytes
        self._schemes = ("https", "http") if allow_http else ("https",)
        self._seconds = seconds
        self._at_once = at_once
        self._now = 0
        backend = _GuardedBackend(tuple(allowed), resolve or _Resolver())
        self._pool = httpcore2.AsyncConnectionPool(
            network_backend=backend,
            max_connections=None,  # bounded by `at_once`
            # a connection to an address that was checked for one request serves no other
            max_keepalive_connections=0,
        )

    async def fetch(self, url: str, share: Share) -> bytes:
        """The picture.

        Args:
            url: of the picture.
            share: of the budget on memory, which grows by the picture.

        Raises:
            ApiError: the URL, or one that it redirects to, is refused, or cannot be fetched; or
                too many are fetched already.
        """
        if self._now >= self._at_once:
            raise ApiError(
                "server_busy",
                f"{self._now} images are being fetched from URLs already; try again later",
                retry_after=1,
            )
        self._now += 1
        try:
            return await self._follow(url, share)
        finally:
            self._now -= 1

    async def _follow(self, url: str, share: Share) -> bytes:
        try:
            async with asyncio.timeout(self._seconds):
                for _ in range(MAX_REDIRECTS + 1):
                    data, url = await self._step(url, share)
                    if data is not None:
                        return data
        except TimeoutError:
            raise _failed(f"it took more than {self._seconds:g} seconds") from None
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.TimeoutException,
        ) as error:
            raise _failed(type(error).__name__) from None
        raise _failed(f"more than {MAX_REDIRECTS} redirects")

    async def aclose(self) -> None:
        """End the connections."""
        await self._pool.aclose()

    async def _step(self, url: str, share: Share) -> tuple[bytes | None, str]:
        """The data, or where to ask next."""
        self._check(url)
        headers = [
            ("User-Agent", "ppocrvl"),
            ("Accept", "image/*"),
            ("Accept-Encoding", "identity"),
        ]
        async with self._pool.stream("GET", url, headers=headers) as response:
            answered = {name.lower(): value for name, value in response.headers}
            if response.status in _REDIRECTS and b"location" in answered:
                return None, _redirected(url, answered[b"location"].decode("latin-1"))
            if response.status != 200:
                raise _failed(f"HTTP status {response.status}")
            length = answered.get(b"content-length", b"")
            data = bytearray()
            if not (length.isdigit() and int(length) > self._max_bytes):
                async for chunk in response.aiter_stream():
                    if len(data) + len(chunk) > self._max_bytes:
                        break
                    share.add(len(chunk))
                    data += chunk
                else:
                    return bytes(data), url
            raise ApiError(
                "image_too_large", f"an image is over the limit of {self._max_bytes:,} bytes"
            )

    def _check(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            url.encode("ascii")
            good = bool(parts.hostname) and parts.port != 0 and len(url) <= _LONGEST_URL
        except ValueError:
            raise _invalid() from None
        if parts.scheme not in self._schemes:
            raise ApiError("url_refused", f"an image's URL must be {' or '.join(self._schemes)}")
        if not good or any(ord(sign) <= 32 for sign in url):
            raise _invalid()
        if parts.username is not None or parts.password is not None:
            raise ApiError("url_refused", "an image's URL must not hold a user name")


class _Resolver:
    """The system's resolver, in threads of its own: a slow name server must not hold others up."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(4, "ppocrvl-resolver")

    async def __call__(self, host: str, port: int) -> list[str]:
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [str(address[0]) for *_, address in found]


class _GuardedBackend(httpcore2.AsyncNetworkBackend):
    def __init__(self, allowed: tuple[Network, ...], resolve: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        try:
            found = await self._resolve(host, port)
            addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in found]
        except (OSError, ValueError):  # UnicodeError is one
            raise _failed("its host cannot be found") from None
        if not addresses:
            raise _failed("its host cannot be found")
        # All must be fine: a name with one inner address among others is a trick.
        for address in addresses:
            if not is_public(address) and not any(
                address.version == network.version and address in network
                for network in self._allowed
            ):
                raise ApiError(
                    "url_refused", "an image's URL leads to an address that is not public"
                )
        return await self._inner.connect_tcp(
            str(addresses[0]), port, timeout, local_address, socket_options
        )

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _redirected(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise _invalid() from None


def _invalid() -> ApiError:
    return ApiError("invalid_image_url", "an image's URL is not valid")


def _failed(why: str) -> ApiError:
    return ApiError("url_fetch_failed", f"an image's URL cannot be fetched: {why}")
