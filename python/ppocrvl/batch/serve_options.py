# SPDX-License-Identifier: Apache-2.0
"""What `serve run ppocrvl.batch.serve:build` takes."""

from __future__ import annotations

import dataclasses
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 - pydantic reads the types of the fields
from typing import Any

import pydantic

from ppocrvl.errors import OptionError
from ppocrvl.requests.options import MOST, check_int, check_number
from ppocrvl.server.server_limits import ServerLimits

_ENGINE = (
    *("mmproj", "encode_threads", "device", "vision_device", "text_device", "precision"),
    *("kernels", "kv_tokens", "deterministic"),
)
_LISTS = ("allowed_host", "fetch_network")
_FEWEST_SECONDS, _MOST_SECONDS = 0.1, 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """How the server runs on Ray Serve. What `ppocrvl serve` has too means the same.

    Paths are those of the nodes that replicas run on.

    Attributes:
        min_replicas: that are always there.
        max_replicas: that requests in flight may bring.
        cpus_per_replica: which are its threads, unless `n_threads` says otherwise.
        gpus_per_replica: may be a part of one.
        affinity: send requests with the same `x-session-id` header to the same replica.
        health_check_seconds: between two checks of a replica.
        model: folder or LLM file; None: $PPOCRVL_MODEL, else the built-in model.
        mmproj: the mmproj file, if it is not beside the LLM file.
        layout: a layout model's file, or "none"; None: the one beside the model.
        n_parallel: images that decode together, in each replica.
        n_threads: CPU threads of a replica.
        encode_threads: of the vision encoder.
        device: what computes.
        vision_device: what computes the vision encoder; None: `device`.
        text_device: what computes the language model; None: `device`.
        precision: number formats of the vision encoder.
        kernels: CPU kernels.
        kv_tokens: of the KV cache.
        deterministic: the same answer whatever is read beside it.
        cache_bytes: for encoded images, in each replica.
        host: that Ray Serve listens on. On a loopback address only names of this machine are
            taken in the Host header.
        name: of the model, for clients.
        api_key_file: keys that clients must have, one a line.
        allowed_host: names in the Host header beside localhost.
        fetch_urls: fetch images that are https URLs.
        fetch_http: and those that are http URLs.
        fetch_network: fetch from these networks although they are not public.
        log_text: write what was read to the log.
        limits: on everything that comes, in each replica.

    Raises:
        OptionError: one is out of range.
    """

    min_replicas: int = 1
    max_replicas: int = 1
    cpus_per_replica: int = 1
    gpus_per_replica: float = 0.0
    affinity: bool = False
    health_check_seconds: float = 10.0
    model: str | None = None
    mmproj: str | None = None
    layout: str | None = None
    n_parallel: int = 4
    n_threads: int | None = None
    encode_threads: int | None = None
    device: str | None = None
    vision_device: str | None = None
    text_device: str | None = None
    precision: str | None = None
    kernels: str | None = None
    kv_tokens: int | None = None
    deterministic: bool | None = None
    cache_bytes: int = 64 << 20
    host: str = "127.0.0.1"
    name: str | None = None
    api_key_file: Path | None = None
    allowed_host: tuple[str, ...] = ()
    fetch_urls: bool = False
    fetch_http: bool = False
    fetch_network: tuple[str, ...] = ()
    log_text: bool = False
    limits: ServerLimits = field(default_factory=ServerLimits)

    def __post_init__(self) -> None:
        check_int("max_replicas", self.max_replicas, 1, MOST)
        check_int("min_replicas", self.min_replicas, 1, self.max_replicas)
        check_int("cpus_per_replica", self.cpus_per_replica, 1, MOST)
        check_number("gpus_per_replica", self.gpus_per_replica, 0.0, 1024.0)
        check_number(
            "health_check_seconds", self.health_check_seconds, _FEWEST_SECONDS, _MOST_SECONDS
        )
        check_int("n_parallel", self.n_parallel, 1, MOST)
        self.networks()

    def engine_keywords(self) -> dict[str, Any]:
        """What was given for the engine, as its keywords."""
        given = {name: value for name in _ENGINE if (value := getattr(self, name)) is not None}
        return {"n_threads": self.n_threads or self.cpus_per_replica, **given}

    def networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """Those of `fetch_network`.

        Raises:
            OptionError: one is none.
        """
        try:
            return tuple(ipaddress.ip_network(text) for text in self.fetch_network)
        except ValueError as error:
            raise OptionError(f"fetch_network: {error}") from error


def options_from(arguments: dict[str, Any]) -> ServeOptions:
    """The options with these names; limits stand among the others.

    Args:
        arguments: text, as the command line has it (lists with commas), or values.

    Raises:
        OptionError: a name is unknown, or a value is not of its type or out of range.
    """
    of_limits = {one.name for one in dataclasses.fields(ServerLimits)}
    known = of_limits | {one.name for one in dataclasses.fields(ServeOptions)} - {"limits"}
    if unknown := sorted(arguments.keys() - known):
        raise OptionError(f"there is no option {unknown[0]}; those of {', '.join(sorted(known))}")
    values = {
        name: [part for part in value.split(",") if part]
        if name in _LISTS and isinstance(value, str)
        else value
        for name, value in arguments.items()
    }
    limits = {name: values.pop(name) for name in of_limits & values.keys()}
    try:
        checked = pydantic.TypeAdapter(ServerLimits).validate_python(limits)
        return pydantic.TypeAdapter(ServeOptions).validate_python({**values, "limits": checked})
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise OptionError(f"{where}: {first['msg']}" if where else first["msg"]) from error
