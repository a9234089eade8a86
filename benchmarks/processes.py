"""Whole processes measured from outside: wall time, processor time, and the memory of a process with all its children."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Measure:
    """One run: seconds of wall and processor time; the highest sum of resident memory over the process tree, in bytes."""

    wall: float
    cpu: float
    memory: int


class _Watch(threading.Thread):
    """Samples the resident memory of a process tree every 10 ms (shared pages count once a process: never too low)."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._pid = pid
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.01):
            self.peak = max(self.peak, sum(map(_resident, _tree(self._pid))))

    def end(self) -> int:
        self._over.set()
        self.join()
        return self.peak


def _tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        for task in _listed(f"/proc/{parent}/task"):
            try:
                found.extend(int(child) for child in Path(f"/proc/{parent}/task/{task}/children").read_text().split())
            except OSError:
                continue
    return found


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def measure(command: Sequence[str], *, cwd: Path) -> Measure:
    """Run `command` in `cwd`, its output thrown away. Raises CalledProcessError when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    watch = _Watch(process.pid)
    watch.start()
    _, errors = process.communicate()
    wall = time.perf_counter() - start
    memory = watch.end()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=errors)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Measure(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, memory)


@dataclass(frozen=True)
class Series:
    """Several runs of one thing."""

    name: str
    runs: tuple[Measure, ...]

    @property
    def wall(self) -> float:
        """Median wall time in seconds."""
        return statistics.median(run.wall for run in self.runs)

    @property
    def memory(self) -> float:
        """Median peak memory in bytes."""
        return statistics.median(run.memory for run in self.runs)

    def row(self) -> str:
        """One line: median, spread, processor time, memory."""
        walls = [run.wall for run in self.runs]
        cpu = statistics.median(run.cpu for run in self.runs)
        return f"{self.name:<34}{self.wall:>8.3f} s  ({min(walls):.3f}-{max(walls):.3f}){cpu:>9.3f} s cpu{self.memory / 1e6:>8.0f} MB"
