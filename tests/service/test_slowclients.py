"""Slow, idle, stuck, too many: what becomes of clients that take their time, and of those beside them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import threading
import time

import pytest

from service.wire import LOOPS, Client, Server, request, say, serving


@pytest.fixture(params=LOOPS)
def loop(request):
    return request.param


@pytest.fixture(scope="module")
def impatient_servers():
    with contextlib.ExitStack() as running:
        yield {loop: running.enter_context(serving(loop=loop, head_seconds=0.4)) for loop in LOOPS}


@pytest.fixture(scope="module")
def strict_servers():
    with contextlib.ExitStack() as running:
        limits = {"send_buffer": 4096, "stall_seconds": 0.4, "slowest": 20_000}
        yield {loop: running.enter_context(serving(loop=loop, **limits)) for loop in LOOPS}


@pytest.fixture
def impatient(impatient_servers, loop):
    """A server that waits for no head, of which only one test at a time is a client."""
    return unused(impatient_servers[loop])


@pytest.fixture
def strict(strict_servers, loop):
    """A server that waits for no client to take its answer, of which only one test at a time is a client."""
    return unused(strict_servers[loop])


def unused(server: Server) -> Server:
    server.wait_for(lambda counts: counts.open == 0)
    server.counts.timeouts = server.counts.stalls = 0
    server.counts.refused.clear()
    return server


def test_a_client_that_is_gone_leaves_nothing(loop):
    slow = request("/slow?0.05") + request("/whole?500000")
    with serving(loop=loop) as server:
        for data in (b"", b"GET", slow, slow * 50, request("/slow?0.05", "Content-Length: 9"), slow + b"\n\0", b"\0\r\n\r\n"):
            client = server.connect()
            client.send(data)
            client.reset()
        server.wait_for(lambda counts: counts.accepted == 7 and counts.open == 0)


# Time


def test_I9_a_connection_that_says_nothing_is_closed_without_a_word(impatient):
    began = time.monotonic()
    with impatient.connect() as client:
        assert client.is_over()
        assert time.monotonic() - began >= 0.39
    assert (impatient.counts.timeouts, impatient.counts.refused.total()) == (1, 0)


@pytest.mark.parametrize("earlier", [0, 1])
def test_I9_a_head_that_drips_is_given_up(impatient, earlier):
    began = time.monotonic()
    with impatient.connect() as client:
        for _ in range(earlier):
            client.send(request())
            client.answer()
            time.sleep(0.45)  # longer than a head may take
            began = time.monotonic()
        client.socket.settimeout(0.02)
        for byte in request("/", "X: " + "y" * 1000):
            client.send(bytes([byte]))
            with contextlib.suppress(TimeoutError):
                if client.socket.recv(1, socket.MSG_PEEK):
                    break
        client.socket.settimeout(10)
        assert client.answer().status == 408
        assert time.monotonic() - began >= 0.39
    assert (impatient.counts.timeouts, impatient.counts.refused[408]) == (1, 1)


def test_a_connection_between_two_requests_has_its_own_time(loop):
    with serving(loop=loop, head_seconds=0.3, keep_alive=0.5) as server, server.connect() as client:
        began = time.monotonic()
        client.send(request())
        client.answer()
        client.send(b"\r\n")  # is no request
        assert client.is_over()
        assert time.monotonic() - began >= 0.49
        assert server.counts.timeouts == 0


def test_a_slow_application_is_waited_for(impatient):
    assert impatient.ask(request("/slow?0.6")).status == 200


def are_served(times: list[float]) -> bool:
    """Whether requests were answered at the usual speed; this machine may be busy with other things."""
    return statistics.median(times) < 1.0 and statistics.quantiles(times, n=100)[-1] < 5.0


def ask_often(server, count: int) -> list[float]:
    times = []
    for number in range(count):
        began = time.perf_counter()
        if number % 2:
            assert server.ask(request()).status == 200
        else:
            with server.connect() as client:
                client.send(request())
                assert client.answer().status == 200
        times.append(time.perf_counter() - began)
        time.sleep(0.002)
    return times


def test_I9_five_hundred_clients_that_drip_hinder_nobody(loop):
    with serving(loop=loop, head_seconds=0.7) as server:
        drips = [server.connect() for _ in range(500)]
        stop = threading.Event()

        def drip() -> None:
            for byte in request("/", "X: " + "y" * 1000):
                for client in drips:
                    with contextlib.suppress(OSError):
                        client.send(bytes([byte]))
                if stop.wait(0.05):
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        times = ask_often(server, 100)
        server.wait_for(lambda counts: counts.timeouts == 500)
        stop.set()
        dripping.join()
        assert are_served(times)
        for client in drips:
            client.socket.close()
        server.wait_for(lambda counts: counts.open == 0)


def test_I9_five_hundred_idle_clients_hinder_nobody(loop):
    with serving(loop=loop, keep_alive=0.5) as server:
        idle = [server.connect() for _ in range(500)]
        for client in idle:
            client.send(request())
        assert all(client.answer().status == 200 for client in idle)
        assert are_served(ask_often(server, 50))
        assert all(client.is_over() for client in idle)
        for client in idle:
            client.socket.close()
        server.wait_for(lambda counts: counts.open == 0)


# Answers that are not taken


@pytest.mark.parametrize("app", ["whole", "parts"])
def test_I9_an_answer_that_is_not_taken_is_given_up(strict, app):
    with strict.connect(window=4096) as client:
        client.send(request(f"/{app}?1048576"))
        began = time.monotonic()
        strict.wait_for(lambda counts: counts.stalls == 1 and counts.open == 0)
        assert time.monotonic() - began >= 0.39
        assert len(client.rest()) < 2**20


@pytest.mark.parametrize(("app", "ending"), [("whole", "close"), ("parts", "keep-alive")])
def test_I9_an_answer_that_is_taken_slowly_is_given_whole(loop, app, ending):
    with (
        serving(loop=loop, send_buffer=4096, keep_alive=0.1, linger_seconds=0.1) as server,
        server.connect(window=4096) as client,
    ):
        client.send(request(f"/{app}?65536", f"Connection: {ending}"))
        taken = b""
        while not taken.endswith(b"m" * 65536):
            data = client.socket.recv(4096)
            assert data
            taken += data
            time.sleep(0.015)
        assert client.is_over()
        assert server.counts.stalls == 0


def test_I9_an_answer_that_is_taken_too_slowly_is_given_up(strict):
    with strict.connect(window=4096) as client:
        client.send(request("/whole?1048576"))
        with contextlib.suppress(ConnectionResetError):
            while strict.counts.stalls == 0 and client.socket.recv(50):
                time.sleep(0.02)
        strict.wait_for(lambda counts: counts.stalls == 1)


# Too many


def test_I9_the_connection_that_has_waited_longest_makes_room(loop):
    with serving(loop=loop, max_connections=3) as server:
        silent, begun, idle = (server.connect() for _ in range(3))
        begun.send(request()[:10])
        idle.send(request())
        assert idle.answer().status == 200
        assert server.ask(request()).status == 200
        assert silent.is_over()
        server.wait_for(lambda counts: counts.open == 2)
        with server.connect() as one:
            one.send(request())
            assert one.answer().status == 200
            with server.connect() as other:
                other.send(request())
                assert other.answer().status == 200
            assert begun.answer().status == 503
        idle.send(request())
        assert idle.answer().status == 200
        assert server.counts.evicted == 2


def test_when_all_are_being_answered_one_more_is_refused(loop):
    waiting, asked = asyncio.Event(), threading.Semaphore(0)

    async def waits(scope, receive, send):
        asked.release()
        await waiting.wait()
        await say(send, b"at last")

    with serving(waits, loop=loop, max_connections=3) as server:
        busy = [server.connect() for _ in range(3)]
        for client in busy:
            client.send(request())
            assert asked.acquire(timeout=10)
        for _ in range(3):
            assert server.ask(request()).status == 503
        server.loop.call_soon_threadsafe(waiting.set)
        assert [client.answer().body for client in busy] == [b"at last"] * 3
        assert server.ask(request()).body == b"at last"


def test_I9_a_flood_of_connections_leaves_the_newest(loop):
    with serving(loop=loop, max_connections=20) as server:
        for _ in range(400):
            server.connect()
        assert server.ask(request()).status == 200
        server.wait_for(lambda counts: counts.accepted == 401 and counts.open <= 20)
        assert server.counts.evicted >= 380


LIMITED = """
import asyncio, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
from feedmill.service.descriptors import guard_accepting
from feedmill.service.listening import open_sockets
from feedmill.service.protocol import WireCounts, WireLimits, make_protocol
from service.wire import LOOPS, echo
import uvicorn

async def main():
    counts = WireCounts()
    guard_accepting(asyncio.get_running_loop())
    sockets = open_sockets("127.0.0.1", 0)
    print(sockets[0].getsockname()[1], flush=True)
    http = make_protocol(WireLimits(), counts)
    await uvicorn.Server(uvicorn.Config(echo, http=http, ws="none", lifespan="off", access_log=False, log_level="warning")).serve(sockets)

asyncio.Runner(loop_factory=LOOPS[sys.argv[1]]).run(main())
"""


def test_H5_more_clients_than_descriptors_do_not_make_it_spin(loop, tmp_path):
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with (
        (tmp_path / "log").open("w+") as log,
        subprocess.Popen([sys.executable, "-c", LIMITED, loop], stdout=subprocess.PIPE, stderr=log, env=environ) as process,
    ):
        try:
            address = ("127.0.0.1", int(process.stdout.readline()))
            herd = [Client(address) for _ in range(100)]
            time.sleep(0.15)
            before = processor_time(process.pid)
            time.sleep(0.5)
            assert processor_time(process.pid) - before < 0.25
            for client in herd:
                client.socket.close()
            end = time.monotonic() + 10
            while True:  # asyncio looks again a second after it failed
                try:
                    with Client(address) as client:
                        client.socket.settimeout(2)
                        client.send(request())
                        assert client.answer().status == 200
                    break
                except (OSError, EOFError):
                    assert time.monotonic() < end
        finally:
            process.terminate()
            process.wait(10)
        log.seek(0)
        assert len(log.readlines()) < 10


def processor_time(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# The end


def test_the_server_ends_at_once_with_clients_in_every_state(loop):
    with serving(loop=loop, send_buffer=4096, stall_seconds=0.3) as server:
        _silent, begun, idle, refused, stuck = (server.connect(window=4096) for _ in range(5))
        begun.send(request()[:10])
        refused.send(b"\0\r\n\r\n")
        assert refused.answer().status == 400
        stuck.send(request("/whole?1048576") * 5)
        idle.send(request("/", method="HEAD"))
        idle.answer(to="HEAD")
        began = time.monotonic()
    assert time.monotonic() - began < 5
