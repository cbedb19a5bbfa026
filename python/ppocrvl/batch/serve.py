# SPDX-License-Identifier: Apache-2.0
"""The HTTP server as a deployment of Ray Serve; docs/scale.md.

    serve run ppocrvl.batch.serve:app
    serve run ppocrvl.batch.serve:build model=/models/ocr max_replicas=4

Ray is imported when an application is built, and in the replicas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ppocrvl.batch.serve_options import ServeOptions, options_from
from ppocrvl.errors import ClusterError, EngineError, MissingExtraError
from ppocrvl.models.folder import find_model
from ppocrvl.requests.options import check_int
from ppocrvl.server.auth import read_keys
from ppocrvl.server.lifecycle import (
    ServerOptions,
    app_of,
    close_models,
    new_state,
    open_models,
    use_decoders,
)
from ppocrvl.server.loading import layout_opener, load_models
from ppocrvl.server.logs import LOGGER, set_up_logs

if TYPE_CHECKING:
    from ppocrvl.server.gate import Gate

ROUTER = "ray.serve.experimental.consistent_hash_router.ConsistentHashRouter"
NAME = "ppocrvl"
"""Of the deployment and the application."""
DEFAULT_PORT = 8000
"""That of Ray Serve."""


class Replica:
    """One engine, and the application before it. Ray Serve makes it, in a process of its own."""

    # Ray Serve awaits it.
    async def __init__(self, options: ServeOptions) -> None:  # type: ignore[misc]
        """Load the models.

        Raises:
            PpocrvlError: they cannot be loaded.
        """
        set_up_logs()
        use_decoders()
        self._options = _server_options(options)
        self._state = new_state(self._options)

        def load() -> Any:  # noqa: ANN401 - Models, of the thread that loads
            opener = layout_opener(options.model, options.layout, LOGGER.warning)
            return load_models(
                options.model,
                opener,
                options.limits,
                n_parallel=options.n_parallel,
                cache_bytes=options.cache_bytes,
                **options.engine_keywords(),
            )

        await open_models(self._state, load)

    def __serve_build_asgi_app__(self) -> Gate:
        """The application, which Ray Serve calls for each request."""
        return app_of(self._state, self._options)

    def check_health(self) -> None:
        """What `/health` says. Ray Serve replaces a replica for which this fails.

        Raises:
            EngineError: requests would not be answered.
        """
        status, reason = self._state.standing()
        if status != "ok":
            raise EngineError(f"{status}: {reason}")

    def __del__(self) -> None:
        """Give the engine back; Ray Serve calls it after the last request has ended."""
        if hasattr(self, "_state"):
            close_models(self._state)


def build(arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - an Application of Ray Serve
    """The application, for `serve run` and for configuration files.

    Args:
        arguments: the fields of `ServeOptions` and of `ServerLimits` by name, as text or values.

    Raises:
        MissingExtraError: Ray Serve is not installed.
        OptionError: an argument is unknown or out of range.
    """
    options = options_from(arguments)
    serve = load_serve()
    deployment = serve.deployment(
        name=NAME,
        # Few, so that the others still wait where a new replica can take them.
        max_ongoing_requests=2 * options.n_parallel,
        max_queued_requests=max(1, options.limits.max_waiting * options.max_replicas),
        autoscaling_config={
            "min_replicas": options.min_replicas,
            "max_replicas": options.max_replicas,
            "target_ongoing_requests": options.n_parallel,
        },
        ray_actor_options={
            "num_cpus": options.cpus_per_replica,
            "num_gpus": options.gpus_per_replica,
        },
        health_check_period_s=options.health_check_seconds,
        graceful_shutdown_timeout_s=options.limits.drain_seconds,
        **({"request_router_config": {"request_router_class": ROUTER}} if options.affinity else {}),
    )
    return deployment(serve.ingress()(Replica)).bind(options)


def run_application(options: dict[str, Any]) -> Any:  # noqa: ANN401 - as ppocrvl.batch.serve_ray
    """As `ppocrvl.batch.serve_ray`."""
    port = options.pop("port", DEFAULT_PORT)
    check_int("port", port, 0, 65_535)
    application = build(options)
    serve = load_serve()
    host = options_from(options).host
    serve.start(http_options={"host": host, "port": port})
    try:
        return serve.run(application, name=NAME, route_prefix="/")
    except RuntimeError as error:
        raise ClusterError(f"the server does not start on Ray Serve: {error}") from error


def load_serve() -> Any:  # noqa: ANN401 - the module
    """Ray Serve.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        from ray import serve
    except ImportError as error:
        raise MissingExtraError('Ray Serve is not installed: pip install "ppocrvl[ray]"') from error
    return serve


def __getattr__(name: str) -> Any:  # noqa: ANN401 - `app`, which needs Ray, is made when asked for
    if name == "app":
        return build({})
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _server_options(options: ServeOptions) -> ServerOptions:
    paths = find_model(options.model, options.mmproj)
    return ServerOptions(
        name=options.name or paths.llm.stem,
        parallel=options.n_parallel,
        host=options.host,
        keys=tuple(read_keys(options.api_key_file)),
        allowed_hosts=options.allowed_host,
        fetch_urls=options.fetch_urls,
        fetch_http=options.fetch_http,
        fetch_networks=options.networks(),
        log_texts=options.log_text,
        limits=options.limits,
    )
