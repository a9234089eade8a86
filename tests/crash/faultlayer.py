"""A file layer that fails on purpose: every call that changes files below one folder is counted, photographed or refused.

    with Layer(root, watch) as layer: ...      # the functions of os, io and sqlite3 are exchanged for the block
    layer.calls                                # what was called, in order

`watch(number, call)` is asked before each call is done, and may answer with a `Fault`. A crash is a photograph of the folder before a
call (`Photographer`): what the process would still have done in its own memory cannot touch it, so a photograph is what `kill -9`
leaves. Buffered bytes that were not yet written are not in it. Two more photographs show a power cut: in one every name that
was not made durable is undone, in the other every content that was not made durable is gone. SQLite's own writes are C code: here its
statements are points, and `test_crash_strace` kills inside of them.

fsync is counted and not done: no machine stops here.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import itertools
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from feedmill.durable import is_temporary
from feedmill.posts import store


class Call(NamedTuple):
    """A call that changes something: what it does, and where (relative to the folder)."""

    name: str
    place: str


class Fault(NamedTuple):
    """How a call fails: an errno, SQLite's result code, or "short": only a part is written, which is no error."""

    kind: Literal["errno", "sqlite", "short"]
    code: int = 0

    def __str__(self) -> str:
        return errno.errorcode.get(self.code, "?") if self.kind == "errno" else f"{self.kind} {self.code}"


def _errors(*codes: int) -> tuple[Fault, ...]:
    return tuple(Fault("errno", code) for code in codes)


#: SQLite's result codes: busy, read-only, input/output error, full, cannot open.
_BUSY, _READONLY, _IOERR, _FULL, _CANTOPEN = 5, 8, 10, 13, 14
_MESSAGES = {
    _BUSY: "database is locked",
    _READONLY: "attempt to write a readonly database",
    _IOERR: "disk I/O error",
    _FULL: "database or disk is full",
    _CANTOPEN: "unable to open database file",
}
_ON_NAMES = _errors(errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS)
#: How each call can fail.
FAULTS: dict[str, tuple[Fault, ...]] = {
    "open": _errors(errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EDQUOT),
    "open folder": _errors(errno.EIO, errno.EACCES, errno.EMFILE),
    "open to read": _errors(errno.EIO, errno.EACCES, errno.EMFILE, errno.ENFILE),
    "write": (*_errors(errno.ENOSPC, errno.EIO, errno.EDQUOT), Fault("short")),
    "fsync": _errors(errno.EIO, errno.ENOSPC),
    "close": _errors(errno.EIO),
    "chmod": _errors(errno.EIO, errno.EPERM, errno.EROFS),
    "truncate": _errors(errno.EIO, errno.ENOSPC),
    "replace": _ON_NAMES,
    "rename": _ON_NAMES,
    "link": _ON_NAMES,
    "unlink": _errors(errno.EIO, errno.EACCES, errno.EROFS),
    "mkdir": _ON_NAMES,
    "rmdir": _errors(errno.EIO, errno.EACCES, errno.EROFS),
    "sql open": (Fault("sqlite", _CANTOPEN),),
    "sql begin": tuple(Fault("sqlite", code) for code in (_BUSY, _FULL, _IOERR, _READONLY)),
    "sql write": tuple(Fault("sqlite", code) for code in (_FULL, _IOERR)),
    "sql commit": tuple(Fault("sqlite", code) for code in (_FULL, _IOERR, _BUSY)),
    "sql close": (),
}

Watch = Callable[[int, Call], Fault | None]
Undo = Callable[[Path], None]


def unmoved(_number: int, _call: Call) -> None:
    """A watch that lets everything pass."""


@dataclass
class Layer:
    """The layer, for what lies below `root`; a context. `has_reads`: opening posts and feeds to read them is a call too."""

    root: Path
    watch: Watch = unmoved
    has_reads: bool = False
    calls: list[Call] = field(default_factory=list)
    #: Where old contents are kept that a power cut can bring back; None: such photographs are not wanted.
    stash: Path | None = None
    #: Names that are not durable yet: the folder that an fsync makes them durable with, and what undoes them in a photograph.
    names: list[tuple[str, Undo]] = field(default_factory=list)
    #: Inodes of files with bytes that are not durable yet.
    unsynced: set[int] = field(default_factory=set)
    #: While True, everything passes uncounted.
    is_paused: bool = False
    _open: dict[int, str] = field(default_factory=dict)
    _serial: Iterator[int] = field(default_factory=itertools.count)

    def __enter__(self) -> Self:
        self._base = f"{os.path.realpath(self.root)}/"
        self._stack = contextlib.ExitStack()
        real = _Real()
        self.real = real
        for name in ("replace", "rename", "link", "unlink", "mkdir", "rmdir"):
            self._exchange(os, name, self._on_names(name, getattr(real, name)))
        for name, function in (("open", self._os_open), ("close", self._os_close), ("fsync", self._os_fsync)):
            self._exchange(os, name, function)
        self._exchange(os, "fchmod", self._on_descriptor("chmod", real.fchmod))
        self._exchange(os, "ftruncate", self._on_descriptor("truncate", real.ftruncate))
        self._exchange(os, "pwrite", self._on_descriptor("write", real.pwrite))
        self._exchange(io, "open", self._io_open)
        self._exchange(builtins, "open", self._io_open)
        self._exchange(sqlite3, "connect", self._connect)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _exchange(self, module: Any, name: str, function: Any) -> None:
        self._stack.callback(setattr, module, name, getattr(module, name))
        setattr(module, name, function)

    # Points

    def point(self, name: str, place: str) -> Fault | None:
        """Count a call; raise what is to go wrong with it. Returns the faults that are no errors."""
        call = Call(name, place)
        number = len(self.calls)
        self.calls.append(call)
        fault = self.watch(number, call)
        if fault is None or fault.kind == "short":
            return fault
        if fault.kind == "sqlite":
            error = sqlite3.OperationalError(_MESSAGES[fault.code])
            error.sqlite_errorcode = fault.code
            raise error
        raise OSError(fault.code, os.strerror(fault.code), place)

    def place_of(self, path: Any, folder: int | None = None) -> str | None:
        """Return where `path` lies below the root; None for all that does not."""
        if self.is_paused:
            return None
        if isinstance(path, int):
            return self._open.get(path)
        text = os.fspath(path)
        if not isinstance(text, str):
            return None
        if folder is not None:
            above = self._open.get(folder)
            return None if above is None else os.path.normpath(f"{above}/{text}")
        text = os.path.abspath(text)
        return text[len(self._base) :] if text.startswith(self._base) else "." if f"{text}/" == self._base else None

    # Files

    def _os_open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        place = self.place_of(path, dir_fd)
        if place is None:
            return self.real.open(path, flags, mode, dir_fd=dir_fd)
        is_new = bool(flags & os.O_CREAT) and not self.real.exists(self.root / place)
        if flags & (os.O_WRONLY | os.O_RDWR):
            self.point("open", place)
        elif flags & os.O_DIRECTORY and sys._getframe(1).f_code is not store._walk.__code__:  # it is to be made durable
            self.point("open folder", place)
        elif self.has_reads and f"{place}/".startswith(("posts/", "feeds/")):
            self.point("open to read", place)
        descriptor = self.real.open(path, flags, mode, dir_fd=dir_fd)
        self._open[descriptor] = place
        if is_new:
            self._named(place, lambda image: (image / place).unlink(missing_ok=True))
        return descriptor

    def _os_close(self, descriptor: int) -> None:
        self._open.pop(descriptor, None)
        self.real.close(descriptor)

    def _os_fsync(self, file: Any) -> None:
        descriptor = file if isinstance(file, int) else file.fileno()
        place = self.place_of(descriptor)
        if place is None:
            self.real.fsync(file)
            return
        self.point("fsync", place)
        self.unsynced.discard(os.fstat(descriptor).st_ino)
        gone = {folder for folder, _ in self.names if not self.real.exists(self.root / folder)}  # with all that was in them
        self.names = [known for known in self.names if known[0] != place and not (known[0] in gone and _is_below(known[0], place))]

    def _on_descriptor(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(descriptor: int, *arguments: Any) -> Any:
            place = self.place_of(descriptor)
            if place is not None:
                self.point(name, place)
            return real(descriptor, *arguments)

        return call

    def _io_open(self, file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        place = self.place_of(file)
        if place is None or not set(mode) & set("wax+"):
            if self.has_reads and place is not None and not isinstance(file, int) and place.startswith("feeds/"):
                self.point("open to read", place)
            return self.real.io_open(file, mode, *arguments, **named)
        assert "b" in mode and "+" not in mode, "no text is written, and nothing in place"
        descriptor = file
        if not isinstance(file, int):
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | {"w": os.O_TRUNC, "a": os.O_APPEND, "x": os.O_EXCL}[mode.strip("b")]
            descriptor = self._os_open(file, flags, 0o666)
            os.lseek(descriptor, 0, os.SEEK_END)
        return io.BufferedWriter(_Raw(self, descriptor, place))

    # Names

    def _on_names(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            place = self.place_of(arguments[-1] if len(arguments) > 1 and isinstance(arguments[1], str | os.PathLike) else arguments[0])
            if named.get("dir_fd") is not None:
                place = self.place_of(arguments[0], named["dir_fd"])
            if place is None:
                return real(*arguments, **named)
            self.point(name, place)
            undo = self._undo(name, arguments, place)
            result = real(*arguments, **named)
            self._named(place, undo)
            return result

        return call

    def _named(self, place: str, undo: Undo) -> None:
        if self.stash is not None:
            self.names.append((os.path.dirname(place) or ".", undo))

    def _undo(self, name: str, arguments: tuple[Any, ...], place: str) -> Undo:
        if self.stash is None:
            return lambda _: None
        old = self._kept(place)
        if name in ("replace", "rename"):
            source = self.place_of(arguments[0]) or ""

            def back(image: Path) -> None:
                if (image / place).exists():
                    self.real.replace(image / place, image / source)
                _put_back(old, image / place)

            return back
        if name == "unlink":
            return lambda image: _put_back(old, image / place)
        if name == "link":
            return lambda image: (image / place).unlink(missing_ok=True)
        if name == "mkdir":
            return lambda image: shutil.rmtree(image / place, ignore_errors=True)
        return lambda image: (image / place).mkdir(exist_ok=True)

    def _kept(self, place: str) -> Path | None:
        """Keep a file, by a second name, that is about to lose its first."""
        assert self.stash is not None
        kept = self.stash / str(next(self._serial))
        try:
            self.real.link(self.root / place, kept)
        except OSError:
            return None
        return kept

    # Databases

    def _connect(self, database: Any, *arguments: Any, **named: Any) -> sqlite3.Connection:
        place = None if named.get("uri") else self.place_of(database)
        if place is None:
            return self.real.connect(database, *arguments, **named)
        self.point("sql open", place)
        factory = named.pop("factory", sqlite3.Connection)
        return self.real.connect(database, *arguments, factory=_connection(self, factory, place), **named)


class _Real:
    """The functions as they are."""

    def __init__(self) -> None:
        self.replace, self.rename, self.link, self.unlink = os.replace, os.rename, os.link, os.unlink
        self.mkdir, self.rmdir, self.open, self.close = os.mkdir, os.rmdir, os.open, os.close
        self.fsync, self.fchmod, self.ftruncate, self.pwrite = os.fsync, os.fchmod, os.ftruncate, os.pwrite
        self.io_open, self.connect, self.exists = io.open, sqlite3.connect, os.path.lexists


def _is_below(folder: str, above: str) -> bool:
    return above == "." or folder.startswith(f"{above}/")


def _put_back(old: Path | None, place: Path) -> None:
    if old is not None:
        place.parent.mkdir(exist_ok=True)
        place.unlink(missing_ok=True)
        os.link(old, place)


class _Raw(io.FileIO):
    """A file that is being written: each write and the end are calls."""

    def __init__(self, layer: Layer, descriptor: int, place: str) -> None:
        super().__init__(descriptor, "wb")
        self._layer, self._place, self._descriptor = layer, place, descriptor
        self._inode = os.fstat(descriptor).st_ino

    def write(self, data: Any) -> int:
        fault = self._layer.point("write", self._place)
        self._layer.unsynced.add(self._inode)
        view = memoryview(data)
        return super().write(view[: max(1, len(view) // 2)] if fault is not None else view)

    def close(self) -> None:
        if self.closed:
            return
        self._layer._open.pop(self._descriptor, None)
        try:
            self._layer.point("close", self._place)
        finally:
            super().close()


def _connection(layer: Layer, factory: type[sqlite3.Connection], place: str) -> type[sqlite3.Connection]:
    """Return a class of connections whose statements are calls, below whatever `factory` makes of them."""

    class Counted(sqlite3.Cursor):
        def execute(self, *arguments: Any) -> Any:
            _statement(layer, arguments[0], place)
            return super().execute(*arguments)

        def executemany(self, *arguments: Any) -> Any:
            _statement(layer, arguments[0], place)
            return super().executemany(*arguments)

        def executescript(self, *arguments: Any) -> Any:
            _statement(layer, arguments[0], place)
            return super().executescript(*arguments)

    made: dict[type[sqlite3.Cursor], type[sqlite3.Cursor]] = {sqlite3.Cursor: Counted}

    class Connection(factory):  # type: ignore[misc, valid-type]
        def cursor(self, kind: Any = sqlite3.Cursor) -> Any:
            if kind not in made:
                made[kind] = type(kind.__name__, (kind, Counted), {})
            return super().cursor(made[kind])

        def __exit__(self, kind: Any, *more: Any) -> Any:
            if kind is None and self.in_transaction:
                try:
                    layer.point("sql commit", place)
                except sqlite3.Error:
                    self.rollback()
                    raise
            return super().__exit__(kind, *more)

        def close(self) -> None:
            layer.point("sql close", place)
            super().close()

    return Connection


def _statement(layer: Layer, text: str, place: str) -> None:
    word = text.lstrip()[:6].upper()
    if "COMMIT" in text.upper()[-9:] and word != "COMMIT":
        layer.point("sql begin", place)  # a whole script
    elif word in ("BEGIN ", "COMMIT"):
        layer.point(f"sql {word.strip().lower()}", place)
    elif word in ("INSERT", "UPDATE", "DELETE"):
        layer.point("sql write", place)


# Photographs


def clone(source: Path, target: Path) -> None:
    """Copy a project as it stands. Feeds, which are never written in place, stay the same files: publish knows them by their inode."""
    for folder, names, files in os.walk(source):
        below = os.path.relpath(folder, source)
        here = target / below
        here.mkdir(parents=True, exist_ok=True)
        is_feeds = below.split("/")[0] == "feeds"
        for name in files:
            if is_feeds and not is_temporary(name):
                os.link(f"{folder}/{name}", here / name)
            else:
                shutil.copy2(f"{folder}/{name}", here / name)
        names.sort()


#: After these the disk is as before them: a photograph would show the same.
_LEAVES_THE_DISK = frozenset({"sql open", "sql begin", "sql write", "open folder", "open to read", "close"})


@dataclass
class Photographer:
    """A watch that photographs the folder before calls, and lets every file be written in two halves."""

    folder: Path
    #: Which calls: the number of a photograph, from 0.
    wanted: Callable[[int], bool] = lambda _: True
    has_power_cuts: bool = False
    #: The project as it was: where power fails the catalog can be as it was, for its commits are durable only at a checkpoint.
    start: Path | None = None
    pictures: list[tuple[str, Path]] = field(default_factory=list)
    layer: Layer = field(init=False)
    _count: int = 0
    _begun: bool = False
    _last: str = ""

    def __call__(self, number: int, call: Call) -> Fault | None:
        if self._last not in _LEAVES_THE_DISK:
            self.take(f"before call {number}, {call.name} {call.place}")
        self._last = call.name
        if call.name == "write" and not call.place.endswith("lock"):
            self._begun = not self._begun
            return Fault("short") if self._begun else None
        return None

    def take(self, what: str) -> None:
        """Photograph the folder now, if this one is wanted."""
        self._photograph(f"killed {what}", lambda image: None)
        if self.has_power_cuts:
            if self.layer.names:
                self._photograph(f"power cut, names lost, {what}", self._lose_names)
            if self.layer.unsynced:
                self._photograph(f"power cut, contents lost, {what}", self._lose_contents)

    def _photograph(self, what: str, spoil: Callable[[Path], None]) -> None:
        number, self._count = self._count, self._count + 1
        if not self.wanted(number):
            return
        image = self.folder / str(number)
        with paused(self.layer):
            clone(self.layer.root, image)
            spoil(image)
        self.pictures.append((what, image))

    def _lose_names(self, image: Path) -> None:
        for _, undo in reversed(self.layer.names):
            undo(image)
        self._lose_contents(image)

    def _lose_contents(self, image: Path) -> None:
        root = self.layer.root
        for file in (image / ".feedmill").glob("catalog.db*"):
            file.unlink()
        if self.start is not None:
            for file in (self.start / ".feedmill").glob("catalog.db*"):
                shutil.copy2(file, image / ".feedmill")
        for file in [file for file in root.rglob("*") if file.is_file() and file.stat().st_ino in self.layer.unsynced]:
            lost = image / file.relative_to(root)
            if lost.exists():
                lost.unlink()  # not the other name of the same file
                lost.touch()

    @property
    def count(self) -> int:
        """How many photographs there were to take."""
        return self._count


@contextlib.contextmanager
def paused(layer: Layer) -> Iterator[None]:
    """Let everything pass uncounted for the block."""
    layer.is_paused = True
    try:
        yield
    finally:
        layer.is_paused = False
