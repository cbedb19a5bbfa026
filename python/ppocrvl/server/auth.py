# SPDX-License-Identifier: Apache-2.0
"""Who may ask: API keys, host names, and pages of other sites."""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import TYPE_CHECKING

from ppocrvl.errors import OptionError
from ppocrvl.server.codes import ApiError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

KEYS_VARIABLE = "PPOCRVL_API_KEYS"
MIN_KEY_LENGTH = 8
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def read_keys(file: Path | None) -> list[str]:
    """The keys of a file, one a line, and those of the environment variable, one a comma.

    A key is never an argument of the command line, which every user of the machine can read.

    Raises:
        OptionError: the file cannot be read or holds no key, or a key is too short to be one.
    """
    keys = [key.strip() for key in os.environ.get(KEYS_VARIABLE, "").split(",")]
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:
            raise OptionError(f"cannot read the API keys in {file}: {error}") from error
        found = [line.strip() for line in lines if not line.lstrip().startswith("#")]
        if not any(found):
            raise OptionError(f"{file} holds no API key; write one a line")
        keys += found
    keys = [key for key in keys if key]
    for key in keys:
        if len(key) < MIN_KEY_LENGTH or not key.isascii() or not key.isprintable():
            raise OptionError(
                f"an API key must be of {MIN_KEY_LENGTH} printable ASCII characters or more"
            )
    return keys


class Keys:
    """Compares keys in a time that tells nothing about them."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = [_digest(key.encode()) for key in keys]

    def check(self, authorization: bytes | None) -> None:
        """Whether the Authorization header holds a key; without keys, everybody may.

        Raises:
            ApiError: it does not.
        """
        if not self._digests:
            return
        scheme, _, key = (authorization or b"").partition(b" ")
        given = _digest(key.strip())
        # No early end: all are compared, whichever fits.
        fits = [hmac.compare_digest(given, digest) for digest in self._digests]
        if scheme.lower() != b"bearer" or not any(fits):
            raise ApiError(
                "invalid_api_key", "this server wants an API key: Authorization: Bearer KEY"
            )


def check_size(
    line: Iterable[str | bytes], headers: Iterable[tuple[bytes, bytes]], limit: int
) -> None:
    """Whether the request line and headers are within the limit.

    h11 sees to it where they come in parts alone.

    Args:
        line: method, path and query.
        headers: names and values.
        limit: in bytes.

    Raises:
        ApiError: they are not.
    """
    if sum(map(len, line)) + sum(len(name) + len(value) for name, value in headers) > limit:
        raise ApiError("headers_too_large", f"the headers are over the limit of {limit:,} bytes")


def check_host(host: bytes | None, allowed: Collection[str]) -> None:
    """Whether the Host header names this server; anything does where `allowed` is empty.

    A page whose name was made to lead to this machine (DNS rebinding) has its own name there.

    Raises:
        ApiError: it does not.
    """
    if allowed and _name(host) not in allowed:
        raise ApiError(
            "host_not_allowed",
            "the Host header names no host of this server; start it with --allowed-host NAME",
        )


def check_origin(origin: bytes | None, site: bytes | None, host: bytes | None) -> None:
    """Whether a browser asks for a page of our own: no other site's may use this server.

    Args:
        origin: header Origin.
        site: header Sec-Fetch-Site.
        host: header Host.

    Raises:
        ApiError: it asks for another site's page.
    """
    # An origin is a scheme and a host, and nothing that has to be parsed as a URL (RFC 6454, 6.2).
    foreign = origin is not None and (not host or _authority(origin) != host.lower())
    if foreign or site in {b"cross-site", b"same-site"}:
        raise ApiError("origin_not_allowed", "pages of other sites cannot use this server")


def _authority(origin: bytes) -> bytes:
    return origin.lower().partition(b"://")[2]


def _name(host: bytes | None) -> str:
    text = (host or b"").decode("latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
