"""wrk: as many answers as a server gives to 50 connections that each ask again at once."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from serving_servers import Server

CONNECTIONS = 50
_PATIENCE = 60
#: Times are in microseconds.
_SCRIPT = """\
done = function(summary, latency)
  local failed = summary.errors
  io.write(string.format('{"answers": %d, "bytes": %d, "microseconds": %d, "p99": %d, "most": %d, "failed": %d}\\n',
    summary.requests, summary.bytes, summary.duration, latency:percentile(99), latency.max,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
"""


@dataclass(frozen=True)
class Blast:
    """What one run of wrk counted; times in seconds.

    `size` is that of an answer with its head, `failed` also counts 4xx and 5xx, `cpu` is what an answer took the server.
    """

    rate: float
    p99: float
    most: float
    size: float
    failed: int
    cpu: float


def find_wrk() -> str | None:
    """Return the program, or None where there is none."""
    return shutil.which("wrk")


def blast(program: str, server: Server, path: str, *, headers: Mapping[str, str], seconds: float, folder: Path) -> Blast:
    """Ask for `path` for so long. Raises CalledProcessError."""
    script = folder / "wrk.lua"
    if not script.exists():
        script.write_text(_SCRIPT)
    asked = [argument for name, value in headers.items() for argument in ("-H", f"{name}: {value}")]
    url = f"http://127.0.0.1:{server.port}/{quote(path)}"
    command = [program, "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", "-s", str(script), *asked, url]
    before = server.cpu
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + _PATIENCE).stdout
    return parse(said, cpu=server.cpu - before)


def parse(said: str, *, cpu: float) -> Blast:
    """Read what the script printed, after what wrk itself says; `cpu`: seconds that the server took for all of it."""
    told = json.loads(said.strip().rpartition("\n")[2])
    answers = max(1, told["answers"])
    return Blast(
        rate=told["answers"] / (told["microseconds"] / 1e6),
        p99=told["p99"] / 1e6,
        most=told["most"] / 1e6,
        size=told["bytes"] / answers,
        failed=told["failed"],
        cpu=cpu / answers,
    )
