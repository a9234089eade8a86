"""Files are read whole or not at all, and nothing but files, whatever somebody does to the folders meanwhile."""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from feedmill.service.guardedfile import Seen, read_guarded, stamp_of

BODY = b"<feed>what was written</feed>\n"
SECRET = b"root:x:0:0\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "feeds"
    (folder / "A/B").mkdir(parents=True)
    (folder / "A/B/atom.xml").write_bytes(BODY)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/atom.xml").write_bytes(SECRET)
    return folder


def read(root: Path, file: str, *, biggest: int = 10_000) -> Seen | None:
    return read_guarded(os.fsencode(root), file, biggest=biggest)


def test_a_file_is_read_with_its_stamp(root: Path) -> None:
    status = os.stat(root / "A/B/atom.xml")
    seen = read(root, "A/B/atom.xml")
    assert seen is not None
    assert seen.data == BODY
    assert seen.stamp == stamp_of(status)
    assert seen.modified == int(status.st_mtime)


def test_a_file_of_a_known_stamp_is_not_read(root: Path) -> None:
    stamp = stamp_of(os.stat(root / "A/B/atom.xml"))
    seen = read_guarded(os.fsencode(root), "A/B/atom.xml", biggest=100, known=stamp)
    assert seen is not None
    assert seen.data is None
    other = read_guarded(os.fsencode(root), "A/B/atom.xml", biggest=100, known=(*stamp[:-1], 0))
    assert other is not None
    assert other.data == BODY


def test_an_empty_file_is_a_file(root: Path) -> None:
    (root / "empty.xml").touch()
    seen = read(root, "empty.xml")
    assert seen is not None
    assert seen.data == b""


@pytest.mark.parametrize("file", ["gone.xml", "A/gone.xml", "gone/atom.xml", "A/B/atom.xml/x", "A", "A/B", "x" * 300, "x/" * 3000 + "x"])
def test_where_no_file_is_there_is_nothing(root: Path, file: str) -> None:
    assert read(root, file) is None


def test_without_the_folder_there_is_nothing(tmp_path: Path) -> None:
    assert read(tmp_path / "gone", "atom.xml") is None


def test_what_is_no_file_is_nothing_and_nobody_waits_for_it(root: Path) -> None:
    os.mkfifo(root / "pipe.xml")
    with socket.socket(socket.AF_UNIX) as made:
        here = os.open(root, os.O_RDONLY)
        try:
            made.bind(f"/proc/self/fd/{here}/socket.xml" if sys.platform == "linux" else str(root / "socket.xml"))
        finally:
            os.close(here)
        assert read(root, "pipe.xml") is None
        assert read(root, "socket.xml") is None


def test_a_file_that_is_too_large_is_nothing(root: Path) -> None:
    assert read(root, "A/B/atom.xml", biggest=len(BODY)) is not None
    assert read(root, "A/B/atom.xml", biggest=len(BODY) - 1) is None


def test_I2_no_link_is_followed(root: Path) -> None:
    (root / "passwd.xml").symlink_to("/etc/passwd")
    (root / "inside.xml").symlink_to("A/B/atom.xml")
    (root / "loop.xml").symlink_to("loop.xml")
    (root / "C").symlink_to("../outside")
    (root / "A/D").symlink_to("B")
    for file in ("passwd.xml", "inside.xml", "loop.xml", "C/atom.xml", "A/D/atom.xml"):
        assert read(root, file) is None


def test_the_folder_of_feeds_itself_may_be_a_link(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    assert read(link, "A/B/atom.xml") is not None


def test_I2_a_folder_that_turns_into_a_link_all_the_time_leads_nowhere(root: Path) -> None:
    def flip() -> None:
        while not stop.is_set():
            (root / "A").rename(root / "real")
            (root / "A").symlink_to(root.parent / "other")
            (root / "A").unlink()
            (root / "real").rename(root / "A")

    (root.parent / "other/B").mkdir(parents=True)
    (root.parent / "other/B/atom.xml").write_bytes(SECRET)
    stop = threading.Event()
    thread = threading.Thread(target=flip)
    thread.start()
    try:
        seen = [read(root, "A/B/atom.xml") for _ in range(3000)]
    finally:
        stop.set()
        thread.join()
    assert {found.data for found in seen if found is not None} <= {BODY}


def test_a_file_is_whole_while_others_take_its_name(root: Path) -> None:
    def rewrite() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            (root / "next.tmp").write_bytes(b"%d" % (number % 10) * (number % 50 * 1000))
            (root / "next.tmp").rename(root / "atom.xml")

    stop = threading.Event()
    thread = threading.Thread(target=rewrite)
    (root / "atom.xml").write_bytes(b"")
    thread.start()
    try:
        for _ in range(500):
            try:
                seen = read(root, "atom.xml", biggest=10**6)
            except OSError as exc:  # it was replaced five times while it was read
                assert exc.errno == errno.EAGAIN
                continue
            assert seen is not None
            assert seen.data is not None
            assert len(set(seen.data)) <= 1
            assert len(seen.data) == seen.stamp[-1]
    finally:
        stop.set()
        thread.join()


def test_a_file_that_is_written_over_while_it_is_read_is_read_again(root: Path) -> None:
    size = 64 * 2**20
    with open(root / "large.xml", "wb") as file:
        file.truncate(size)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read, root, "large.xml", biggest=size)
        time.sleep(0.005)
        with open(root / "large.xml", "r+b", buffering=0) as file:
            file.write(b"x")
        seen = reading.result()
    assert seen is not None
    if seen.stamp == stamp_of(os.stat(root / "large.xml")):  # else it was over before the write began
        assert seen.data is not None
        assert seen.data[:1] == b"x"


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs a file that holds more than it says")
def test_a_file_that_is_never_as_long_as_it_says_is_an_error() -> None:
    with pytest.raises(OSError, match="goes on changing"):
        read_guarded(b"/proc/self", "status", biggest=10_000)


def test_a_file_has_the_age_of_its_last_change(root: Path) -> None:
    began = time.time()
    (root / "atom.xml").write_bytes(BODY)
    os.utime(root / "atom.xml", (1, 1))  # what a person sets is not what counts
    time.sleep(0.03)
    seen = read(root, "atom.xml")
    assert seen is not None
    assert 0.02 < seen.age < time.time() - began + 0.02


def test_a_time_in_the_future_is_now(root: Path) -> None:
    os.utime(root / "A/B/atom.xml", (4_000_000_000, 4_000_000_000))
    before = int(time.time())
    seen = read(root, "A/B/atom.xml")
    assert seen is not None
    assert before <= seen.modified <= time.time()


def test_no_descriptor_is_left_open(root: Path) -> None:
    (root / "C").symlink_to("../outside")
    before = len(os.listdir("/dev/fd"))
    for file in ("A/B/atom.xml", "A/B/gone.xml", "C/atom.xml", "A/B", "A/B/atom.xml/x"):
        read(root, file)
    assert len(os.listdir("/dev/fd")) == before
