"""Where the server listens: its sockets, opened here or handed over by systemd.

What the machine does not allow now (a port that is taken or reserved, an address that is not there yet) is a StorageError, exit
status 3, and trying again may help; a host that cannot be one is a ConfigError, exit status 2, and it does not.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import MutableMapping
from typing import Any

from feedmill.errors import ConfigError, FeedmillError, StorageError

#: Connections that the kernel keeps until they are accepted (it has its own cap, net.core.somaxconn).
BACKLOG = 2048
#: The first descriptor that systemd hands over (sd_listen_fds(3)).
_FIRST_INHERITED = 3


def open_sockets(host: str, port: int, *, environ: MutableMapping[str, str] = os.environ) -> list[socket.socket]:
    """Return sockets that listen on every address of `host` at `port`; 0 is any free port, the same on all addresses.

    An empty host is every address of the machine; so is "::", where the system lets IPv6 sockets take IPv4. Sockets that systemd
    hands over (LISTEN_FDS) go before both. Raises ConfigError, StorageError.
    """
    inherited = _inherited(environ)
    if inherited:
        return inherited
    with contextlib.ExitStack() as opened:
        sockets: list[socket.socket] = []
        missing: OSError | None = None
        for family, address in _addresses(host, port):
            try:
                channel = _listen(family, _with_port(address, sockets), is_alone=host.strip("[]") == "::")
            except OSError as exc:
                # "localhost" often has an IPv6 address on machines that have no IPv6.
                if exc.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise _cannot_listen(exc, address[0], address[1]) from exc
                missing = exc
            else:
                sockets.append(opened.enter_context(channel))
        if not sockets and missing is not None:
            raise _cannot_listen(missing, host, port) from missing
        opened.pop_all()
        return sockets


def _inherited(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """Take over the sockets that systemd opened for this process, if any; children are told nothing of them."""
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    with contextlib.ExitStack() as taken:
        sockets = [taken.enter_context(_take_over(descriptor)) for descriptor in range(_FIRST_INHERITED, _FIRST_INHERITED + int(count))]
        taken.pop_all()
        return sockets


def _take_over(descriptor: int) -> socket.socket:
    try:
        channel = socket.socket(fileno=descriptor)
    except OSError as exc:
        raise ConfigError(f"LISTEN_FDS promises a socket at descriptor {descriptor}: {exc.strerror}") from exc
    is_listening = channel.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if not is_listening or channel.family not in (socket.AF_INET, socket.AF_INET6):
        channel.close()
        raise ConfigError(f"LISTEN_FDS: descriptor {descriptor} does not listen for TCP; ListenStream= takes a port or address:port")
    channel.set_inheritable(False)
    channel.setblocking(False)
    return channel


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[Any, ...]]]:
    name = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        found = socket.getaddrinfo(name or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError, OverflowError) as exc:
        if isinstance(exc, socket.gaierror) and exc.errno == socket.EAI_AGAIN:
            raise StorageError(f"{host} cannot be looked up now; set server.host or --host to an address of this machine") from exc
        raise ConfigError(f"{host} is no host that is known; set server.host or --host to an address of this machine") from exc
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _with_port(address: tuple[Any, ...], others: list[socket.socket]) -> tuple[Any, ...]:
    """Return the address with the port that the others got, where any would do."""
    port = address[1] or (others[0].getsockname()[1] if others else 0)
    return (address[0], port, *address[2:])


def _listen(family: socket.AddressFamily, address: tuple[Any, ...], *, is_alone: bool) -> socket.socket:
    # Without the protocol's number asyncio does not see that this is TCP, and leaves Nagle's delay on: 40 ms a request (measured).
    channel = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # Beside a socket for 0.0.0.0 it would take that one's port.
            channel.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if is_alone else 1)
        channel.setblocking(False)
        channel.bind(address)
        channel.listen(BACKLOG)
    except OSError:
        channel.close()
        raise
    return channel


def _cannot_listen(exc: OSError, host: str, port: int) -> FeedmillError:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if exc.errno == errno.EADDRINUSE:
        return StorageError(f"{where} is in use by another program: stop that, or choose another port with --port")
    if exc.errno in (errno.EACCES, errno.EPERM):
        why = "ports below 1024 are for the system" if port < 1024 else "the system does not allow it"
        return StorageError(f"{where} cannot be listened on: {why}; choose another port with --port")
    if exc.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return StorageError(f"{where} cannot be listened on: this machine has no such address; choose another one with --host")
    return StorageError(f"{where} cannot be listened on: {exc.strerror}")
