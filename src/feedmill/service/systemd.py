"""What systemd is told (sd_notify(3)): ready, reloading, stopping, still alive. Without systemd nothing happens.

Twenty lines of a datagram socket; the packages for it bind a C library or are no longer kept.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Tells the service manager, where there is one, how the service is doing."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        is_ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._watchdog = bool(self._address) and is_ours and environ.get("WATCHDOG_USEC", "").isdigit()

    def ready(self, status: str) -> None:
        """Say that the service is up, also after a reload."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Say that the configuration is read anew; `ready` ends that."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the service is ending."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Keep the watchdog from ending the service."""
        if self._watchdog:
            self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.setblocking(False)
            channel.sendto("\n".join(line.replace("\n", " ") for line in lines).encode(), self._address)
