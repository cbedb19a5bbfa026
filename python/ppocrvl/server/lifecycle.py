# SPDX-License-Identifier: Apache-2.0
"""From start to end: the model is loaded while the server runs, and SIGTERM ends it in order."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import uvicorn

from ppocrvl.errors import EngineError, OptionError, PpocrvlError
from ppocrvl.requests.options import check_int
from ppocrvl.server.admission import Admission, ByteBudget
from ppocrvl.server.app import build_app
from ppocrvl.server.auth import LOOPBACK_NAMES, Keys
from ppocrvl.server.document_service import DocumentService
from ppocrvl.server.engine_service import EngineService
from ppocrvl.server.fetch import Fetcher, Network
from ppocrvl.server.gate import Access, Gate
from ppocrvl.server.logs import LOGGER, set_up_logs
from ppocrvl.server.metrics import Metrics
from ppocrvl.server.pictures import PictureLoader
from ppocrvl.server.protocol import protocol_class
from ppocrvl.server.reserve import keep_reserve
from ppocrvl.server.server_limits import ServerLimits
from ppocrvl.server.state import State
from ppocrvl.support.resources import started_pool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType

    from ppocrvl.engine.engine import Engine
    from ppocrvl.parsing.parts import Layout

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8080
_BACKLOG = 256
_DECODERS = max(2, os.cpu_count() or 1)
"""Threads that decode pictures: each may hold one at its full size."""


class Models(NamedTuple):
    """What a server reads with.

    Attributes:
        engine: reads pictures and blocks.
        layout: finds the blocks of pages; None: the server takes no documents.
    """

    engine: Engine
    layout: Layout | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How a server runs.

    Attributes:
        name: of the model, for clients.
        parallel: pictures that decode together.
        host: address to listen on.
        port: 0 for any that is free.
        keys: API keys; none for everybody.
        allowed_hosts: names in the Host header. Empty: any, or on a loopback address those of this
            machine alone.
        fetch_urls: fetch pictures from https URLs.
        fetch_http: from http URLs too.
        fetch_networks: networks that may be fetched from although they are not public.
        tls_certificate: PEM file; with `tls_key`, for https.
        tls_key: PEM file.
        log_texts: write what was read to the log.
        limits: on everything that comes.
    """

    name: str
    parallel: int
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    keys: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    fetch_urls: bool = False
    fetch_http: bool = False
    fetch_networks: tuple[Network, ...] = ()
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    log_texts: bool = False
    limits: ServerLimits = field(default_factory=ServerLimits)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names that the Host header may have; empty for any."""
        if self.allowed_hosts:
            return tuple(name.lower() for name in (*self.allowed_hosts, *LOOPBACK_NAMES))
        return LOOPBACK_NAMES if self.host in LOOPBACK_NAMES else ()


def serve(
    options: ServerOptions, load: Callable[[], Models], announce: Callable[[str], None]
) -> None:
    """Run until SIGTERM or Ctrl-C; a second one ends at once.

    Args:
        options: how.
        load: loads the models; called in a thread while the server answers already.
        announce: called with the address once the server listens.

    Raises:
        OptionError: the address cannot be listened on, or the TLS files cannot be used.
        PpocrvlError: what `load` raises; an EngineError in place of anything else.
    """
    keep_reserve()
    set_up_logs()
    listener = _listen(options.host, options.port)
    limits = options.limits
    state = new_state(options)
    config = uvicorn.Config(
        app_of(state, options),
        http=protocol_class(limits),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=limits.max_header_bytes,
        timeout_graceful_shutdown=max(1, round(limits.drain_seconds)),
        ssl_certfile=options.tls_certificate,
        ssl_keyfile=options.tls_key,
    )
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one
        raise OptionError(f"the TLS certificate or key cannot be used: {error}") from error
    scheme = "https" if config.is_ssl else "http"
    host = f"[{options.host}]" if ":" in options.host else options.host
    announce(f"{scheme}://{host}:{listener.getsockname()[1]}")
    asyncio.run(_run(_Server(config, state), listener, load, state))


def new_state(options: ServerOptions) -> State:
    """What the requests share, before the models are there."""
    limits = options.limits
    return State(
        name=options.name,
        limits=limits,
        admission=(pictures := Admission(options.parallel, limits.max_waiting)),
        pages=(pages := Admission(0, limits.max_waiting_pages, "pages")),
        uploads=ByteBudget(limits.max_upload_bytes),
        pictures=PictureLoader(limits, _fetcher(options)),
        metrics=Metrics(pictures, pages),
    )


def app_of(state: State, options: ServerOptions) -> Gate:
    """The application that answers with this state."""
    access = Access(Keys(options.keys), options.hosts)
    return build_app(state, access, log_texts=options.log_texts)


def use_decoders() -> None:
    """Has the running loop decode pictures in threads of its own."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(started_pool(_DECODERS, "ppocrvl-decoder", "the server"))


async def open_models(state: State, load: Callable[[], Models]) -> None:
    """Load the models, in a thread, and read a first picture; then the state is ready.

    Raises:
        PpocrvlError: what `load` raises; an EngineError in place of anything else.
    """
    try:
        models = await asyncio.to_thread(load)
        service = EngineService(models.engine)
        try:
            await service.start()
            if models.layout is not None:
                state.documents = DocumentService(
                    service, models.layout, state.limits, state.pages, state.metrics
                )
        except BaseException:
            service.close()
            raise
        state.service = service
    except PpocrvlError:
        raise
    except Exception as error:
        LOGGER.exception("fault")
        raise EngineError(f"the model cannot be loaded: {error!r}") from error


def close_models(state: State) -> None:
    """Give back what `open_models` took."""
    if state.documents is not None:
        state.documents.close()
    if state.service is not None:
        state.service.close()


async def _run(
    server: _Server, listener: socket.socket, load: Callable[[], Models], state: State
) -> None:
    use_decoders()

    async def load_model() -> None:
        try:
            await open_models(state, load)
        finally:
            server.should_exit = server.should_exit or state.service is None

    loading = asyncio.create_task(load_model())
    await server.serve([listener])
    if loading.done():
        loading.result()
    close_models(state)


class _Server(uvicorn.Server):
    """uvicorn's server, which tells the application that it ends, and exits with 0."""

    def __init__(self, config: uvicorn.Config, state: State) -> None:
        super().__init__(config)
        self._state = state

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        del sig, frame
        self.force_exit = self.should_exit  # the second signal
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._state.draining = True
        await super().shutdown(sockets)


def _fetcher(options: ServerOptions) -> Fetcher | None:
    if not (options.fetch_urls or options.fetch_http):
        return None
    return Fetcher(
        options.limits.max_picture_bytes,
        allow_http=options.fetch_http,
        allowed=options.fetch_networks,
        at_once=options.limits.max_fetches,
    )


def _listen(host: str, port: int) -> socket.socket:
    check_int("port", port, 0, 65_535)
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = getattr(error, "strerror", None) or error
        raise OptionError(f"cannot listen on {host} port {port}: {reason}") from error
    # With its protocol named: asyncio switches Nagle's algorithm off on no other, and with it the
    # second part of a small answer waits 40 ms for an acknowledgement of the first.
    return socket.socket(
        listener.family, listener.type, socket.IPPROTO_TCP, fileno=listener.detach()
    )
