"""The sockets that the server listens on."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack, closing

import pytest

from feedmill.errors import ConfigError, StorageError
from feedmill.service.listening import open_sockets


@pytest.fixture
def listen():
    """`open_sockets`, and all that it opened is closed in the end."""
    with ExitStack() as opened:

        def listen(host: str, port: int = 0, **environ: str) -> list[socket.socket]:
            return [opened.enter_context(channel) for channel in open_sockets(host, port, environ=environ)]

        yield listen


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def reaches(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, 5):
            return True
    except OSError:
        return False


def test_a_free_port_is_found(listen):
    [channel] = listen("127.0.0.1")
    assert (channel.family, channel.getsockname()[0]) == (socket.AF_INET, "127.0.0.1")
    assert reaches(channel.getsockname())
    assert (channel.gettimeout(), channel.get_inheritable(), channel.proto) == (0, False, socket.IPPROTO_TCP)


def test_a_port_can_be_had_again_at_once(listen):
    [channel] = listen("127.0.0.1")
    port = channel.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)):
        channel.accept()[0].close()
        channel.close()
    assert listen("127.0.0.1", port)


@needs_ipv6
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_ipv6_address(listen, host):
    [channel] = listen(host)
    assert reaches(channel.getsockname()[:2])


@needs_ipv6
def test_every_address_of_a_name_gets_the_same_port(listen):
    channels = listen("localhost")
    assert len({channel.getsockname()[1] for channel in channels}) == 1
    assert all(reaches(channel.getsockname()[:2]) for channel in channels)


@needs_ipv6
@pytest.mark.parametrize("host", ["::", ""])
def test_every_address_of_the_machine(listen, host):
    port = listen(host)[0].getsockname()[1]
    assert reaches(("127.0.0.1", port))
    assert reaches(("::1", port))


@needs_ipv6
def test_an_ipv6_address_leaves_the_port_to_ipv4(listen):
    port = listen("::1")[0].getsockname()[1]
    assert listen("127.0.0.1", port)


def test_a_port_in_use_is_told_with_the_way_out(listen):
    port = listen("127.0.0.1")[0].getsockname()[1]
    with pytest.raises(StorageError, match=rf"^127\.0\.0\.1:{port} is in use by another program: .*--port$") as raised:
        listen("127.0.0.1", port)
    assert raised.value.exit_status == 3


@needs_ipv6
def test_what_was_opened_is_closed_when_another_address_is_taken(listen):
    said = ""
    while not said.startswith("[::]"):  # anybody may come to have the port of the other family, which is opened first
        with closing(open_sockets("::1", 0, environ={})[0]) as taken:
            open_before = os.listdir("/proc/self/fd")
            with pytest.raises(StorageError, match="is in use") as raised:
                listen("", taken.getsockname()[1])
            assert len(os.listdir("/proc/self/fd")) == len(open_before)
            said = str(raised.value)


def test_an_address_of_another_machine(listen):
    with pytest.raises(StorageError, match=r"^192\.0\.2\.1:8000 cannot be listened on: this machine has no such address; .*--host$"):
        listen("192.0.2.1", 8000)


@pytest.mark.parametrize("host", ["bad host!", "a..b", "1.2.3.4.5.6!", "x" * 300])
def test_a_host_that_is_none(listen, host):
    with pytest.raises(ConfigError, match=r"no host that is known; set server\.host or --host") as raised:
        listen(host)
    assert raised.value.exit_status == 2


UNPRIVILEGED = """
from feedmill.errors import StorageError
from feedmill.service.listening import open_sockets
try:
    open_sockets("127.0.0.1", 81)
except StorageError as exc:
    print(exc)
"""


def python(code: str, *before: str, **options: object) -> str:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [*before, sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=30, check=True, **options
    )
    return done.stdout.strip()


def test_a_port_that_is_reserved():
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as start:
        if int(start.read()) <= 81:
            pytest.skip("this machine reserves no such port")
    before = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("no setpriv to give up the right with")
        before = ["setpriv", "--bounding-set", "-net_bind_service", "--inh-caps", "-net_bind_service"]
    expected = "127.0.0.1:81 cannot be listened on: ports below 1024 are for the system; choose another port with --port"
    assert python(UNPRIVILEGED, *before) == expected


HANDED_OVER = """
import fcntl, os, socket
from feedmill.errors import ConfigError
from feedmill.service.listening import open_sockets
given = [{sockets}]
given = [socket.socket(fileno=fcntl.fcntl(channel.detach(), fcntl.F_DUPFD, 20)) for channel in given]
for number, channel in enumerate(given):
    os.dup2(channel.fileno(), 3 + number)
os.environ.update(LISTEN_PID=str(os.getpid() + {other}), LISTEN_FDS=str(len(given) + {more}), LISTEN_FDNAMES="http")
try:
    taken = open_sockets("127.0.0.1", 0)
except ConfigError as exc:
    print(exc)
else:
    same = [channel.getsockname() for channel in taken] == [channel.getsockname() for channel in given]
    print(same, [channel.get_inheritable() for channel in taken], [key for key in os.environ if key.startswith("LISTEN_")])
"""


@pytest.mark.parametrize(
    ("sockets", "other", "more", "said"),
    [
        ('socket.create_server(("127.0.0.1", 0))', 0, 0, "True [False] []"),
        ('socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))', 0, 0, "True [False, False] []"),
        ('socket.create_server(("127.0.0.1", 0))', 1, 0, "False [False] []"),
        ("socket.socket()", 0, 0, "LISTEN_FDS: descriptor 3 does not listen for TCP; ListenStream= takes a port or address:port"),
        ('socket.create_server(("127.0.0.1", 0))', 0, 3, "LISTEN_FDS promises a socket at descriptor"),
    ],
    ids=["one", "two", "meant for another process", "a socket that does not listen", "more promised than given"],
)
def test_sockets_that_systemd_hands_over(sockets, other, more, said):
    assert python(HANDED_OVER.format(sockets=sockets, other=other, more=more)).startswith(said)
