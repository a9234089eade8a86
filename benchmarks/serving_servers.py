"""The servers that are measured, each a process on a loopback port of its own: feedmill, and nginx as Debian sets it up."""

from __future__ import annotations

import grp
import gzip
import http.client
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import processes
from processes import FEEDMILL

#: Debian keeps it where only root's PATH leads.
_SBIN = "/usr/sbin"
_START, _END = 60.0, 15.0
#: nginx.conf of Debian 12, with one worker, without the access log, and with Atom among what is compressed (HTML alone is by default).
_NGINX = """\
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
{user}
events {{ worker_connections 768; }}
http {{
    sendfile on;
    tcp_nopush on;
    types_hash_max_size 2048;
    types {{ application/atom+xml xml; text/css css; }}
    access_log off;
    gzip on;
    gzip_types application/atom+xml text/css;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port} backlog=2048; root {site}; }}
}}
"""


@dataclass(frozen=True)
class Answer:
    """An answer to one request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def decoded(self) -> bytes:
        """The bytes as they were before they were compressed."""
        return gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body


@dataclass(frozen=True)
class Server:
    """A running server, seen from here."""

    name: str
    port: int
    pid: int

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for `path`, which stands below the site without a slash before it. Raises OSError."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", "/" + quote(path), headers=dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        except http.client.HTTPException as exc:
            raise OSError(str(exc)) from exc
        finally:
            connection.close()

    @property
    def cpu(self) -> float:
        """Seconds of processor time that it has taken, its children's included."""
        return processes.cpu_of(self.pid)

    def number(self, name: str) -> float:
        """Return what /metrics says of `name`; 0 where it says nothing of it (yet)."""
        lines = self.get("metrics").body.decode().splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == name), 0.0)


@contextmanager
def feedmill(command: str, site: Path) -> Iterator[Server]:
    """Run `feedmill serve` or `feedmill daemon` on a site for the block."""
    port = free_port()
    with running(f"feedmill {command}", [FEEDMILL, command, "--port", str(port)], port, cwd=site) as server:
        yield server


def find_nginx() -> str | None:
    """Return the program, or None where there is none."""
    return shutil.which("nginx", path=os.pathsep.join((os.environ.get("PATH", ""), _SBIN)))


@contextmanager
def nginx(program: str, site: Path, folder: Path) -> Iterator[Server]:
    """Run nginx on the same folder for the block; `folder` is for its own files."""
    port = free_port()
    configuration = folder / "nginx.conf"
    # Root's nginx would serve as `nobody`, who may not read the folders of a benchmark.
    user = f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(0).gr_name};" if os.geteuid() == 0 else ""
    configuration.write_text(_NGINX.format(folder=folder, site=site, port=port, user=user))
    command = [program, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(configuration)]
    with running("nginx", command, port, cwd=folder) as server:
        yield server


def free_port() -> int:
    """Return a port that nobody listened on just now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def running(name: str, command: Sequence[str], port: int, *, cwd: Path) -> Iterator[Server]:
    """Run `command` until the block ends; what it says is shown where it does not work."""
    with (cwd / f"{name.replace(' ', '-')}.log").open("w+") as log:
        process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            if not _listens(process, port):
                log.seek(0)
                sys.exit(f"{name} does not answer:\n{log.read()[-2000:]}")
            yield Server(name, port, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(_END)
            except subprocess.TimeoutExpired:
                print(f"{name} did not end within {_END:g} s")
                process.kill()
                process.wait()


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    until = time.monotonic() + _START
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False
