"""Whole processes measured from outside: wall time, processor time, and the memory of a process with all its children."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Measure:
    """One run: seconds of wall and processor time; the highest sums of memory over the process tree, in bytes."""

    wall: float
    cpu: float
    #: Resident: a page that several processes share counts once for each of them, so this is never too low.
    memory: int
    #: Proportional: such a page counts once in all. 0 where the kernel does not tell (it needs /proc/*/smaps_rollup).
    proportional: int


class _Watch(threading.Thread):
    """Samples the memory of a process tree every 10 ms."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self.proportional = 0
        self._pid = pid
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.01):
            tree = _tree(self._pid)
            self.peak = max(self.peak, sum(map(_resident, tree)))
            self.proportional = max(self.proportional, sum(map(_proportional, tree)))

    def end(self) -> None:
        self._over.set()
        self.join()


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


def _proportional(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)


def measure(command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> Measure:
    """Run `command` in `cwd`, its output thrown away, in this process's environment or `env`. Raises CalledProcessError when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    watch = _Watch(process.pid)
    watch.start()
    _, errors = process.communicate()
    wall = time.perf_counter() - start
    watch.end()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=errors)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measure(wall, cpu, watch.peak, watch.proportional)


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
    def cpu(self) -> float:
        """Median processor time in seconds."""
        return statistics.median(run.cpu for run in self.runs)

    @property
    def memory(self) -> float:
        """Median peak of resident memory in bytes."""
        return statistics.median(run.memory for run in self.runs)

    @property
    def proportional(self) -> float:
        """Median peak of proportional memory in bytes."""
        return statistics.median(run.proportional for run in self.runs)

    def row(self) -> str:
        """One line: median, spread, processor time, memory."""
        walls = [run.wall for run in self.runs]
        times = f"{self.wall:>8.3f} s  ({min(walls):.3f}-{max(walls):.3f}){self.cpu:>9.3f} s cpu"
        return f"{self.name:<34}{times}{self.memory / 1e6:>8.0f} MB resident{self.proportional / 1e6:>6.0f} MB proportional"
