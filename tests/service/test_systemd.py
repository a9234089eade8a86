"""What systemd is told."""

from __future__ import annotations

import os
import socket

import pytest

from feedmill.service.systemd import Notifier


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(1)
        yield channel


def said(manager: socket.socket) -> str:
    return manager.recv(4096).decode()


def test_everything_is_one_datagram(manager):
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    notifier.ready("3 sources,\nserving")
    assert said(manager) == "READY=1\nSTATUS=3 sources, serving"
    notifier.reloading()
    assert said(manager).startswith("RELOADING=1\nMONOTONIC_USEC=")
    notifier.stopping()
    assert said(manager) == "STOPPING=1"


@pytest.mark.parametrize(
    ("environ", "is_fed"),
    [
        ({"WATCHDOG_USEC": "60000000"}, True),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, True),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, False),
        ({}, False),
    ],
)
def test_the_watchdog_is_fed_where_there_is_one_for_this_process(manager, environ, is_fed):
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()} | environ)
    notifier.alive()
    notifier.stopping()
    assert said(manager) == ("WATCHDOG=1" if is_fed else "STOPPING=1")


def test_an_abstract_address_is_understood():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0feedmill-test-{os.getpid()}")
        channel.settimeout(1)
        Notifier({"NOTIFY_SOCKET": f"@feedmill-test-{os.getpid()}"}).stopping()
        assert said(channel) == "STOPPING=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/nowhere/notify"}])
def test_without_systemd_nothing_happens(environ):
    Notifier(environ).ready("x")
