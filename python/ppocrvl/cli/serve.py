# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl serve`: an OpenAI-compatible HTTP server."""

from __future__ import annotations

import dataclasses
import ipaddress
import signal
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.cli.engine_flags import add_engine_flags, engine_options
from ppocrvl.cli.messages import note
from ppocrvl.cli.parallel_flag import add_parallel_flag
from ppocrvl.errors import ExitCode, MissingExtraError, OptionError
from ppocrvl.server.server_limits import ServerLimits

if TYPE_CHECKING:
    import argparse

NAME = "serve"
HELP = "serve images and documents to text over HTTP, OpenAI-compatible"
DEFAULT_PARALLEL = 4
_NEEDED = (
    *("httpcore2", "latex2mathml", "prometheus_client", "pydantic"),
    *("python_multipart", "starlette", "uvicorn"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_engine_flags(parser)
    parser.add_argument(
        "--layout",
        metavar="FILE",
        help="another layout model, which finds the blocks of documents; none: each page is one "
        "block (default: the one beside the model, the built-in one for the built-in model)",
    )
    add_parallel_flag(
        parser, "images that decode together (default: %(default)s)", DEFAULT_PARALLEL
    )
    parser.add_argument(
        "--cache-bytes",
        type=int,
        default=64 << 20,
        metavar="N",
        help="memory for encoded images (default: %(default)s)",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=int, default=8080, metavar="N", help="0: any (default: %(default)s)"
    )
    parser.add_argument("--name", help="of the model, for clients (default: that of its file)")
    parser.add_argument(
        "--api-key-file",
        type=Path,
        metavar="FILE",
        help="keys that clients must have, one a line; $PPOCRVL_API_KEYS holds some too",
    )
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="name in the Host header beside localhost; repeatable (default: on a loopback address "
        "localhost alone, else any)",
    )
    parser.add_argument(
        "--fetch-urls", action="store_true", help="fetch images that are https URLs"
    )
    parser.add_argument("--fetch-http", action="store_true", help="and those that are http URLs")
    parser.add_argument(
        "--fetch-network",
        action="append",
        default=[],
        metavar="CIDR",
        help="fetch from this network although it is not public; repeatable",
    )
    parser.add_argument("--tls-cert", type=Path, metavar="PEM", help="certificate, for https")
    parser.add_argument("--tls-key", type=Path, metavar="PEM", help="its key")
    parser.add_argument("--log-text", action="store_true", help="write what was read to the log")
    limits = parser.add_argument_group("limits")
    for one in dataclasses.fields(ServerLimits):
        limits.add_argument(
            f"--{one.name.replace('_', '-')}",
            type=type(one.default),
            default=one.default,
            metavar="N" if isinstance(one.default, int) else "S",
            help=f"{one.metadata['help']} (default: %(default)s)",
        )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"the server needs {', '.join(missing)}; install them with: "
            'pip install "ppocrvl[server]"'
        )
    from ppocrvl.models.folder import built_in_note, find_model
    from ppocrvl.server.auth import LOOPBACK_NAMES, read_keys
    from ppocrvl.server.lifecycle import ServerOptions, serve
    from ppocrvl.server.loading import layout_opener, load_models

    paths = find_model(args.model, args.mmproj)  # complains at once
    open_layout = layout_opener(args.model, args.layout, note)
    limits = ServerLimits(
        **{one.name: getattr(args, one.name) for one in dataclasses.fields(ServerLimits)}
    )
    keys = read_keys(args.api_key_file)
    if (args.tls_cert is None) != (args.tls_key is None):
        raise OptionError("--tls-cert and --tls-key go together")
    options = ServerOptions(
        name=args.name or paths.llm.stem,
        parallel=args.n_parallel,
        host=args.host,
        port=args.port,
        keys=tuple(keys),
        allowed_hosts=tuple(args.allowed_host),
        fetch_urls=args.fetch_urls,
        fetch_http=args.fetch_http,
        fetch_networks=tuple(_network(text) for text in args.fetch_network),
        tls_certificate=args.tls_cert,
        tls_key=args.tls_key,
        log_texts=args.log_text,
        limits=limits,
    )
    if paths.built_in:
        note(built_in_note("--model "))
    if not keys and args.host not in LOOPBACK_NAMES:
        note("warning: without --api-key-file everybody who reaches this address may use it")

    load = partial(
        load_models,
        args.model,
        open_layout,
        limits,
        n_parallel=args.n_parallel,
        cache_bytes=args.cache_bytes,
        **engine_options(args),
    )
    signal.set_wakeup_fd(-1)  # Ctrl-C lets what runs end here, instead of ending the process
    serve(options, load, lambda address: note(f"listening on {address}"))
    return ExitCode.OK


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise OptionError(f"--fetch-network: {error}") from error
