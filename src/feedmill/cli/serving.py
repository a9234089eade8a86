"""The commands that are left running: daemon, serve."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from feedmill.cli.terminal import with_options

_place_options = with_options(
    click.option("--host", default="", metavar="HOST", help="Where to listen; left out: server.host."),
    click.option("--port", type=click.IntRange(0, 65535), help="The port (0: any free one); left out: server.port."),
)


@click.command()
@click.option("--no-http", is_flag=True, help="Sync and publish only; serve nothing.")
@_place_options
@click.pass_obj
def daemon(config_path: str, *, no_http: bool, host: str, port: int | None) -> None:
    """Sync when sources are due, publish what changed, serve the feeds, until SIGTERM or Ctrl-C.

    Changes under posts/ and of the configuration are noticed by themselves.
    """
    from feedmill.service.lifecycle import run_service
    from feedmill.service.logs import begin_log

    def run() -> Coroutine[Any, Any, None]:
        from feedmill.service.daemon import Daemon  # half a second, in which signals are heard already

        return Daemon(Path(config_path), host=host, port=port, is_serving=not no_http).run()

    begin_log()
    run_service(run)


@click.command()
@_place_options
@click.pass_obj
def serve(config_path: str, *, host: str, port: int | None) -> None:
    """Serve feeds/ and posts/ as they are, until SIGTERM or Ctrl-C; fetch and write nothing."""
    from feedmill.service.lifecycle import run_service
    from feedmill.service.logs import begin_log

    def run() -> Coroutine[Any, Any, None]:
        from feedmill.service.serving import Serving

        return Serving(Path(config_path), host=host, port=port).run()

    begin_log()
    run_service(run)
