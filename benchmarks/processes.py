"""Whole processes measured from outside: wall time, processor time, and the memory of a process with all its children."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PAGE, _TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
#: The commands of the environment that this runs in.
FEEDMILL, PUBLISH = (str(Path(sys.executable).with_name(name)) for name in ("feedmill", "publish-feed"))
#: Looking for proportional memory may take one part of so many of the time.
_SPARE = 30


@dataclass(frozen=True)
class Measure:
    """One run: seconds of wall and processor time; the highest sums of memory over the process tree, in bytes."""

    wall: float
    cpu: float
    #: Resident: a page that several processes share counts once for each of them, so this is never too low.
    memory: int
    #: Proportional: such a page counts once in all. 0 where the kernel does not tell (it needs /proc/*/smaps_rollup).
    proportional: int


class Watch(threading.Thread):
    """Samples the memory of a process tree every 10 ms: the highest sums, as in Measure."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self.proportional = 0
        self._pid = pid
        self._over = threading.Event()

    def run(self) -> None:
        due = 0.0
        is_over = False
        while not is_over:
            tree = _tree(self._pid)
            self.peak = max(self.peak, sum(map(_resident, tree)))
            if (began := time.monotonic()) >= due:
                self.proportional = max(self.proportional, sum(map(_proportional, tree)))
                # The kernel looks through all pages of a process for it, which must not slow down who has many.
                due = began + _SPARE * (time.monotonic() - began)
            is_over = self._over.wait(0.01)

    def look(self) -> None:
        """Sample once, in place of a thread."""
        tree = _tree(self._pid)
        self.peak, self.proportional = sum(map(_resident, tree)), sum(map(_proportional, tree))

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


def cpu_of(pid: int) -> float:
    """Return the seconds of processor time that a process has taken, and its children that are still there."""
    return sum(map(cpu_alone, _tree(pid)))


def cpu_alone(pid: int) -> float:
    """Return those of the process itself."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def measure(command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> Measure:
    """Run `command` in `cwd`, its output thrown away, in this process's environment or `env`. Raises CalledProcessError when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    watch = Watch(process.pid)
    watch.start()
    _, errors = process.communicate()
    wall = time.perf_counter() - start
    watch.end()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=errors)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measure(wall, cpu, watch.peak, watch.proportional)


def version_of(command: Sequence[str]) -> str:
    """Return the first version that `command` names; "" where there is no such program."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    found = re.search(r"\d+(\.\d+)+\S*", done.stdout + done.stderr)
    return found[0] if found else ""
