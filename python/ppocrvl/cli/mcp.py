# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl mcp`: tools for agents, over the Model Context Protocol."""

from __future__ import annotations

import signal
import socket
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.cli.engine_flags import add_engine_flags, engine_options
from ppocrvl.cli.messages import note, note_about
from ppocrvl.errors import ExitCode, MissingExtraError, OptionError

if TYPE_CHECKING:
    import argparse

    from mcp.server import MCPServer

NAME = "mcp"
HELP = "serve tools that read documents and images to agents (Model Context Protocol)"
_HOST = "127.0.0.1"
_PARALLEL = 4
_LAST_PORT = 65535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--root",
        action="append",
        type=Path,
        metavar="DIR",
        help="a folder whose files may be read, with its sub-folders; repeatable (default: the "
        "current one)",
    )
    parser.add_argument(
        "--http",
        type=int,
        metavar="PORT",
        help=f"serve streamable HTTP on {_HOST}, path /mcp; 0: any port (default: standard input "
        "and output)",
    )
    parser.add_argument(
        "--layout",
        metavar="FILE",
        help="another layout model; none: read each page as one block (default: the one beside "
        "the model, else the built-in one)",
    )
    add_engine_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until standard input ends, SIGTERM or Ctrl-C."""
    if find_spec("mcp") is None:
        raise MissingExtraError(
            'the command mcp needs the package mcp; install it with: pip install "ppocrvl[mcp]"'
        )
    from ppocrvl.engine.engine import Engine
    from ppocrvl.mcp.reading import Reading
    from ppocrvl.mcp.roots import Roots
    from ppocrvl.mcp.server import make_server
    from ppocrvl.parsing.layouts import open_layout

    roots = Roots(args.root or [Path.cwd()])
    with ExitStack() as stack:  # the port first: a model takes seconds to load
        listening = None if args.http is None else stack.enter_context(_listen(args.http))
        layout = stack.enter_context(open_layout(args.layout, args.model))
        engine = Engine(args.model, n_parallel=_PARALLEL, **engine_options(args))
        note_about(engine)
        server = make_server(Reading(engine, layout), roots)
        if listening is None:
            server.run("stdio")
        else:
            _serve_http(server, listening)
    return ExitCode.OK


def _listen(port: int) -> socket.socket:
    if not 0 <= port <= _LAST_PORT:
        raise OptionError(f"--http {port}: a port is from 0 to {_LAST_PORT}")
    try:
        return socket.create_server((_HOST, port))
    except OSError as error:
        raise OptionError(f"--http {port}: {error}") from error


def _serve_http(server: MCPServer, listening: socket.socket) -> None:
    """For this machine alone; the SDK lets no page of a foreign site in."""
    import anyio
    import uvicorn

    signal.set_wakeup_fd(-1)  # Ctrl-C lets what runs end here, instead of ending the process
    note(f"listening on http://{_HOST}:{listening.getsockname()[1]}/mcp")
    config = uvicorn.Config(server.streamable_http_app(host=_HOST), log_level="warning")
    anyio.run(uvicorn.Server(config).serve, [listening])
