"""An app on a real server, on loopback, and a client that sends bytes as they are."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
import uvloop


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    # asyncio's own loop leaves Nagle's algorithm on for such a socket: 40 ms for each small answer.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve([listener]))


@contextmanager
def serving(app: Any) -> Iterator[int]:
    """Serve `app` from a thread of this process, as the daemon does; gives the port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(256)
        server = _Server(uvicorn.Config(app, http="httptools", ws="none", lifespan="off", access_log=False, log_config=None))
        thread = threading.Thread(target=lambda: _run(server, listener))
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def say(port: int, data: bytes) -> bytes:
    """Send bytes, and return all that comes until the server closes or is silent for a fifth of a second after an answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        got = b""
        try:
            while piece := connection.recv(65_536):
                got += piece
                connection.settimeout(0.2)
        except TimeoutError:
            pass
        return got
