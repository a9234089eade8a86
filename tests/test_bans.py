"""What no module of ours may do, or only the one that is named for it; and what the lock files must hold.

A ban is a function from a module's tree to the places where it is broken. Each has snippets that it must find and snippets that it
must let pass, and a table of the modules that may do it, each with its reason: a reason that no longer holds is an error too.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "src" / "feedmill"


#: What bans look at.
_KINDS = (ast.Import, ast.ImportFrom, ast.Call, ast.Name, ast.Attribute)


@dataclass(frozen=True)
class Module:
    """A parsed module, and what the names in it stand for."""

    nodes: Sequence[ast.AST]
    #: What a name stands for: `{"dt": "datetime.datetime"}`.
    names: Mapping[str, str]

    @classmethod
    def of(cls, source: str) -> Module:
        nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, _KINDS)]
        names: dict[str, str] = {}
        for node in nodes:
            if isinstance(node, ast.Import):
                names |= {
                    one.asname or one.name.partition(".")[0]: one.name if one.asname else one.name.partition(".")[0] for one in node.names
                }
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        return cls(nodes, names)

    def dotted(self, node: ast.AST) -> str:
        """The full name of `a` or `a.b.c`; "" for what is no name."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, node.id)
        if isinstance(node, ast.Attribute) and (owner := self.dotted(node.value)):
            return f"{owner}.{node.attr}"
        return ""

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Every call with the full name of what is called; of a method of something unknown, ".name"."""
        for node in self.nodes:
            if isinstance(node, ast.Call):
                name = self.dotted(node.func)
                yield node, name or (f".{node.func.attr}" if isinstance(node.func, ast.Attribute) else "")

    def used(self) -> Iterator[tuple[ast.expr, str]]:
        """Every name that is read, called or not."""
        for node in self.nodes:
            if isinstance(node, ast.Name | ast.Attribute) and (name := self.dotted(node)):
                yield node, name

    def imported(self) -> Iterator[tuple[ast.stmt, str]]:
        """Every module that is imported, also within functions and for types alone."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from ((node, one.name) for one in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from ((node, f"{node.module}.{one.name}") for one in node.names)


Find = Callable[[Module], Iterator[ast.AST]]


def importing(*modules: str) -> Find:
    """Imports of these modules, or of something in them."""

    def find(module: Module) -> Iterator[ast.AST]:
        yield from (node for node, name in module.imported() if any(name == one or name.startswith(f"{one}.") for one in modules))

    return find


def using(*names: str) -> Find:
    """Uses of these names, whatever they are called here."""

    def find(module: Module) -> Iterator[ast.AST]:
        yield from (node for node, name in module.used() if name in names)

    return find


def keyword(name: str, value: object) -> Find:
    """Calls with this argument."""

    def find(module: Module) -> Iterator[ast.AST]:
        for call, _ in module.calls():
            yield from (
                call for one in call.keywords if one.arg == name and isinstance(one.value, ast.Constant) and one.value.value is value
            )

    return find


def either(*finds: Find) -> Find:
    """What any of these finds."""

    def find(module: Module) -> Iterator[ast.AST]:
        for one in finds:
            yield from one(module)

    return find


def argument(call: ast.Call, place: int, name: str) -> ast.expr | None:
    """An argument by its place or its name."""
    named = next((one.value for one in call.keywords if one.arg == name), None)
    return named or (call.args[place] if len(call.args) > place else None)


def parsing_no_stream(module: Module) -> Iterator[ast.AST]:
    """feedparser.parse of anything but a stream of bytes."""
    for call, name in module.calls():
        if name == "feedparser.parse":
            first = argument(call, 0, "url_file_stream_or_string")
            if not (isinstance(first, ast.Call) and module.dotted(first.func) == "io.BytesIO"):
                yield call


#: Calls whose mode says whether a file is written, and where the mode stands.
_MODES = {"open": 1, "io.open": 1, "os.fdopen": 1, "builtins.open": 1, ".open": 0, "gzip.open": 1, "bz2.open": 1, "lzma.open": 1}
_WRITING = {".write_text", ".write_bytes", ".touch", ".symlink_to", ".hardlink_to"}
_WRITING_NAMES = {
    *("os.rename", "os.replace", "os.link", "os.symlink", "os.truncate", "os.mknod", "os.mkfifo", "os.sendfile"),
    *("shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copyfileobj", "shutil.copytree", "shutil.move"),
    *("tempfile.NamedTemporaryFile", "tempfile.TemporaryFile", "tempfile.mkstemp", "tempfile.SpooledTemporaryFile"),
    *("zipfile.ZipFile", "tarfile.open"),
}
_FLAGS = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"}


def writing_files(module: Module) -> Iterator[ast.AST]:
    """What opens a file to write it, or puts one in its place."""
    for call, name in module.calls():
        method = f".{call.func.attr}" if isinstance(call.func, ast.Attribute) else ""
        if name in _WRITING_NAMES or method in _WRITING:
            yield call
        elif name == "os.open":
            flags = {part.attr for one in call.args for part in ast.walk(one) if isinstance(part, ast.Attribute)}
            if flags & _FLAGS:
                yield call
        elif (place := _MODES.get(name, _MODES.get(method))) is not None and name != "webbrowser.open":
            mode = argument(call, place, "mode")
            if isinstance(mode, ast.Constant) and isinstance(mode.value, str) and set(mode.value) & set("wax+"):
                yield call


_NAIVE = {
    "datetime.datetime.utcnow",
    "datetime.datetime.utcfromtimestamp",
    "datetime.datetime.today",
    "datetime.date.today",
    "datetime.date.fromtimestamp",
    "time.localtime",
    "time.mktime",
    "time.ctime",
}


def naive_clocks(module: Module) -> Iterator[ast.AST]:
    """Times without a zone, or in the zone of the machine."""
    yield from (node for node, name in module.used() if name in _NAIVE)
    for call, name in module.calls():
        place = {"datetime.datetime.now": 0, "datetime.datetime.fromtimestamp": 1}.get(name)
        zone = None if place is None else argument(call, place, "tz")
        if place is not None and (zone is None or (isinstance(zone, ast.Constant) and zone.value is None)):
            yield call


#: Every way to ask what time it is.
_CLOCKS = (
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
    *("time.time", "time.time_ns", "time.gmtime", "time.localtime", "time.clock_gettime"),
)


def open_xml(module: Module) -> Iterator[ast.AST]:
    """XML parsers that would resolve entities or ask the network."""
    wanted = {"resolve_entities": False, "no_network": True}
    for call, name in module.calls():
        if name in ("lxml.etree.XMLParser", "lxml.etree.iterparse"):
            said = {one.arg: one.value.value for one in call.keywords if isinstance(one.value, ast.Constant)}
            if not wanted.items() <= said.items():
                yield call
        elif name in ("lxml.etree.parse", "lxml.etree.fromstring", "lxml.etree.XML") and argument(call, 1, "parser") is None:
            yield call


@dataclass(frozen=True)
class Ban:
    """What is not done, and who may all the same."""

    find: Find
    #: Snippets that it must find, and snippets that it must let pass.
    bad: Sequence[str]
    good: Sequence[str] = ()
    #: Modules, by their path below src/feedmill/, and the reason.
    allowed: Mapping[str, str] = field(default_factory=dict)


BANS = {
    "YAML that makes objects": Ban(
        using(
            *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.full_load_all", "yaml.unsafe_load", "yaml.unsafe_load_all"),
            *("yaml.Loader", "yaml.CLoader", "yaml.UnsafeLoader", "yaml.CUnsafeLoader", "yaml.FullLoader", "yaml.CFullLoader"),
        ),
        bad=[
            "import yaml\nyaml.load(text)",
            "import yaml as y\ny.load_all(t, y.SafeLoader)",
            "from yaml import load as read\nread(t)",
            "import yaml\nL = yaml.CLoader",
        ],
        good=["import yaml\nyaml.parse(text, Loader=yaml.CBaseLoader)", "import json\njson.load(file)"],
    ),
    "bytes that become objects": Ban(
        importing(
            "pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle", "multiprocessing", "concurrent.futures.process"
        ),
        bad=[
            "import pickle",
            "from pickle import loads",
            "def f():\n    import marshal",
            "from multiprocessing.pool import Pool",
            "import shelve as s",
        ],
        good=["import json", "from concurrent.futures import ThreadPoolExecutor"],
    ),
    "text that becomes code": Ban(
        using(
            "eval", "exec", "compile", "builtins.eval", "builtins.exec", "builtins.compile", "__import__", "code.interact", "runpy.run_path"
        ),
        bad=["eval(text)", "x = [exec]", "import builtins\nbuiltins.eval(t)", "compile(text, 'f', 'exec')", "__import__(name)"],
        good=["import re\nre.compile('a')", "import ast\nast.literal_eval('1')", "class A:\n    def compile(self): ..."],
    ),
    "feedparser outside its module": Ban(
        importing("feedparser"),
        bad=["import feedparser", "def f():\n    from feedparser import parse"],
        allowed={"consumer/parse.py": "the one module that reads documents with it, in the cage"},
    ),
    "feedparser that may open a file or an address": Ban(
        parsing_no_stream,
        bad=[
            "import feedparser\nfeedparser.parse(body)",
            "import feedparser as f\nf.parse('http://x/')",
            "import feedparser\nfeedparser.parse(open('f', 'rb'))",
        ],
        good=["import io, feedparser\nfeedparser.parse(io.BytesIO(body), sanitize_html=False)"],
    ),
    "HTTP clients": Ban(
        importing(
            *("aiohttp", "urllib.request", "http.client", "requests", "httpx", "httpcore", "urllib3", "pycurl", "ftplib", "smtplib"),
            *("telnetlib", "xmlrpc.client", "websockets", "nntplib", "imaplib", "poplib"),
        ),
        bad=[
            "import aiohttp",
            "from urllib import request",
            "from urllib.request import urlopen",
            "import http.client",
            "def f():\n    import requests",
        ],
        good=["from urllib.parse import urlsplit", "from http import HTTPStatus", "import http.server"],
        allowed={
            "consumer/fetch.py": "the client that every request of the consumer leaves through",
            "consumer/connections.py": "its connections, made behind the guard",
            "names.py": "names of hosts: the interface of a resolver",
            "consumer/lookup.py": "its names: the interface of a resolver",
            "consumer/surroundings.py": "its names: the type of a resolver",
            "consumer/complaints.py": "names its errors and asks nobody",
            "producer/pingwire.py": "tells hubs, which the configuration names",
            "producer/pinging.py": "the type of what pingwire opened",
        },
    ),
    "files that are written": Ban(
        writing_files,
        bad=[
            *("open(path, 'w')", "open(path, mode='ab')", "path.open('x')", "import os\nos.fdopen(fd, 'wb')", "open(p, 'r+b')"),
            *("path.write_text(text)", "(folder / 'a').write_bytes(data)", "import os\nos.open(p, os.O_CREAT | os.O_RDWR)"),
            *("import os\nos.replace(a, b)", "from shutil import copy\ncopy(a, b)", "import tempfile\ntempfile.mkstemp()"),
        ],
        good=[
            "open(path)",
            "open(path, 'rb')",
            "path.open()",
            "import os\nos.open(p, os.O_RDONLY | os.O_CLOEXEC)",
            "text.replace('a', 'b')",
            "os.read(1, 2)",
        ],
        allowed={
            "durable.py": "writes every file: temporary file, fsync, rename, fsync of the folder",
            "state/lock.py": "the lock, which is empty but for the holder's number",
            "state/database.py": "copies of the databases in a temporary folder, for --dry-run",
            "producer/render.py": "the spool of rendered entries below .feedmill/, which lasts for one run",
            "crew.py": "a helper's standard output, which is a pipe",
            "consumer/caged.py": "/dev/null in place of what a library may print",
            "cli/commands.py": "/dev/null in place of a standard output that nobody reads any more",
        },
    ),
    "clocks without a zone": Ban(
        naive_clocks,
        bad=[
            "import datetime\ndatetime.datetime.now()",
            "from datetime import datetime\ndatetime.now(None)",
            "from datetime import datetime as d\nd.utcnow()",
            "from datetime import datetime\ndatetime.fromtimestamp(1)",
            "from datetime import date\ndate.today()",
            "import time\ntime.localtime()",
        ],
        good=["from datetime import UTC, datetime\ndatetime.now(UTC)", "from datetime import datetime\ndatetime.fromtimestamp(1, tz=zone)"],
    ),
    "clocks in what is pure": Ban(
        using(*_CLOCKS),
        bad=["import time\ntime.time()", "from time import time as now\nnow()", "from datetime import UTC, datetime\ndatetime.now(UTC)"],
        good=["import time\ntime.monotonic()", "from datetime import datetime\ndatetime.fromisoformat(t)"],
        allowed={
            "cli/publishing.py": "a command reads the clock once and hands it on",
            "cli/syncing.py": "a command reads the clock once and hands it on",
            "consumer/surroundings.py": "the one place that a sync has its clock from; tests give another",
            "consumer/fetch.py": "the default of an argument",
            "consumer/hosts.py": "the default of an argument",
            "posts/store.py": "waits until a later write would show in a file's time",
            "producer/pinging.py": "the default of an argument",
            "service/daemon.py": "the daemon's clock",
            "service/guardedfile.py": "compares a file's time with the machine's, which wrote it",
            "service/logs.py": "the time at the head of a line",
            "service/moved.py": "compares a file's time with the machine's, which wrote it",
            "service/pages.py": "compares a file's time with the machine's; the default of an argument",
            "service/printing.py": "the default of an argument",
            "service/representation.py": "If-Modified-Since must not lie in the future",
            "service/server.py": "how old the last tick is, for /healthz",
        },
    ),
    "shells": Ban(
        either(keyword("shell", True), using("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "os.spawnlp")),
        bad=[
            "import subprocess\nsubprocess.run(line, shell=True)",
            "import os\nos.system('ls')",
            "from subprocess import getoutput\ngetoutput('ls')",
        ],
        good=["import subprocess\nsubprocess.run(['ls'], shell=False)"],
    ),
    "names of temporary files that anybody may take first": Ban(
        using("tempfile.mktemp", "os.tempnam", "os.tmpnam"),
        bad=["import tempfile\ntempfile.mktemp()", "from tempfile import mktemp\nmktemp()"],
        good=["import tempfile\ntempfile.mkdtemp()"],
    ),
    "XML that reaches out": Ban(
        either(open_xml, importing("xml.etree", "xml.sax", "xml.dom", "xml.parsers", "lxml.objectify")),
        bad=[
            "from lxml import etree\netree.XMLParser()",
            "from lxml import etree\netree.XMLParser(resolve_entities=False)",
            "from lxml import etree\netree.fromstring(data)",
            "from lxml import etree\netree.parse(file)",
            "import xml.etree.ElementTree as ET",
        ],
        good=["from lxml import etree\netree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))"],
    ),
    "TLS that trusts everybody": Ban(
        either(
            keyword("ssl", False),
            keyword("verify", False),
            keyword("verify_ssl", False),
            using("ssl._create_unverified_context", "ssl.CERT_NONE"),
        ),
        bad=[
            "session.get(url, ssl=False)",
            "import ssl\nssl._create_unverified_context()",
            "import ssl\ncontext.verify_mode = ssl.CERT_NONE",
        ],
        good=["import ssl\nssl.create_default_context()"],
    ),
    "settings of the environment": Ban(
        keyword("trust_env", True),
        bad=["import aiohttp\naiohttp.ClientSession(trust_env=True)"],
        good=["import aiohttp\naiohttp.ClientSession(trust_env=False)"],
    ),
}


def breaches(ban: Ban, module: Module) -> list[int]:
    """The lines of a module that break a ban."""
    return sorted({getattr(node, "lineno", 0) for node in ban.find(module)})


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Every module of ours by its path below src/feedmill/."""
    return {path.relative_to(SOURCES).as_posix(): path.read_text(encoding="utf-8") for path in sorted(SOURCES.rglob("*.py"))}


@pytest.fixture(scope="module")
def modules(texts: dict[str, str]) -> dict[str, Module]:
    """The same, parsed."""
    return {path: Module.of(text) for path, text in texts.items()}


def test_no_module_does_what_is_banned(modules: dict[str, Module]) -> None:
    for name, ban in BANS.items():
        found = {path: lines for path, module in modules.items() if (lines := breaches(ban, module))}
        assert {path: lines for path, lines in found.items() if path not in ban.allowed} == {}, name
        assert [path for path in ban.allowed if path not in found] == [], f"{name}: these need no leave any more"
        assert all(ban.allowed.values())


@pytest.mark.parametrize(("name", "snippet"), [(name, snippet) for name, ban in BANS.items() for snippet in ban.bad])
def test_a_ban_finds_what_breaks_it(name: str, snippet: str) -> None:
    assert breaches(BANS[name], Module.of(snippet))


@pytest.mark.parametrize(("name", "snippet"), [(name, snippet) for name, ban in BANS.items() for snippet in ban.good])
def test_a_ban_lets_pass_what_keeps_it(name: str, snippet: str) -> None:
    assert breaches(BANS[name], Module.of(snippet)) == []


# What ruff has a rule for, it says while one writes

RUFF = {
    "S301": "import pickle\n\npickle.loads(b'')\n",
    "S302": "import marshal\n\nmarshal.loads(b'')\n",
    "S307": "eval('1')\n",
    "S102": "exec('1')\n",
    "S306": "import tempfile\n\ntempfile.mktemp()\n",
    "S506": "import yaml\n\nyaml.load('', Loader=yaml.Loader)\n",
    "S602": "import subprocess\n\nsubprocess.run('a' + str(1), shell=True)\n",
    "S605": "import os\n\nos.system('a' + str(1))\n",
    "S310": "from urllib.request import urlopen\n\nurlopen('file:///etc/passwd')\n",
    "S501": "import requests\n\nrequests.get('https://example.org', verify=False, timeout=1)\n",
    "S314": "from xml.etree import ElementTree\n\nElementTree.fromstring('')\n",
    "DTZ005": "from datetime import datetime\n\ndatetime.now()\n",
    "DTZ003": "from datetime import datetime\n\ndatetime.utcnow()\n",
    "DTZ011": "from datetime import date\n\ndate.today()\n",
    "DTZ006": "from datetime import datetime\n\ndatetime.fromtimestamp(1)\n",
}


def test_ruff_finds_what_it_has_a_rule_for(tmp_path: Path) -> None:
    for rule, snippet in RUFF.items():
        (tmp_path / f"{rule.lower()}.py").write_text(snippet, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--no-cache",
        "--config",
        str(ROOT / "pyproject.toml"),
        "--output-format",
        "json",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stderr
    found = {(Path(one["filename"]).stem.upper(), one["code"]) for one in json.loads(done.stdout)}
    assert [rule for rule in RUFF if (rule, rule) not in found] == []


def test_no_line_is_let_off_such_a_rule(texts: dict[str, str]) -> None:
    let_off = {
        (path, code)
        for path, source in texts.items()
        for found in re.finditer(r"#\s*(?:ruff:\s*)?noqa(?::\s*([A-Z0-9, ]+))?", source)
        for code in (found[1].replace(" ", "").split(",") if found[1] else ["everything"])
    }
    assert {one for one in let_off if one[1] in RUFF or one[1] == "everything"} == set()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    assert {rule for rule in RUFF if not rule.startswith(tuple(settings["select"]))} == set()
    assert {rule for rule in RUFF if rule.startswith(tuple(settings["ignore"]))} == set()
    assert {name: codes for name, codes in settings["per-file-ignores"].items() if name.startswith("src")} == {
        "src/feedmill/cli/**": ["T20"]
    }


# The lock files

LOCKS = sorted(ROOT.glob("requirements*.lock"))
_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+?))?(?P<hashes>(?: --hash=sha256:[0-9a-f]{64})+)"
)


def pins_of(lock: str) -> tuple[list[tuple[str, str]], list[str]]:
    """The pins (name and version) of a lock file, and its lines that are none: without a hash, without a version, or something else."""
    lines = [" ".join(line.split()) for line in re.sub(r"\\\n", " ", lock).splitlines() if not line.lstrip().startswith("#")]
    pins = [(_PIN.fullmatch(line), line) for line in lines if line]
    return [(canonicalize_name(found["name"]), found["version"]) for found, _ in pins if found], [line for found, line in pins if not found]


#: What names an index to pip.
INDEX_OPTIONS = ("index-" + "url", "extra-index-" + "url")


def test_the_check_of_a_lock_finds_what_is_wrong() -> None:
    sha = "a" * 64
    good = f"# via x\nA.b==1.0 ; python_version < '3.12' \\\n    --hash=sha256:{sha} \\\n    --hash=sha256:{sha}\n    # via y\n"
    assert pins_of(good) == ([("a-b", "1.0")], [])
    for bad in (
        "a==1.0",
        f"a>=1.0 --hash=sha256:{sha}",
        f"a==1.0 --hash=md5:{'a' * 32}",
        f"a==1.0 --hash=sha256:{sha[1:]}",
        *(f"--{option} x" for option in INDEX_OPTIONS),
        "-e .",
        "-r other.lock",
        f"a @ git+ssh://h/r --hash=sha256:{sha}",
    ):
        assert pins_of(bad)[1], bad


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_line_of_a_lock_is_a_version_with_hashes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    pins, others = pins_of(text)
    assert others == []
    assert pins
    assert "://" not in text, "a lock says what is installed, not where it comes from"


def test_what_is_asked_for_is_locked_and_fits() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = {"requirements.lock": project["project"]["dependencies"]}
    wanted |= {f"requirements-{group}.lock": asked for group, asked in project["dependency-groups"].items()}
    assert sorted(wanted) == [path.name for path in LOCKS]
    for name, asked in wanted.items():
        pins = pins_of((ROOT / name).read_text(encoding="utf-8"))[0]
        for requirement in map(Requirement, asked):
            versions = [version for known, version in pins if known == canonicalize_name(requirement.name)]
            assert any(requirement.specifier.contains(version) for version in versions), f"{name}: {requirement}"


def test_the_lock_of_the_tests_agrees_with_the_one_that_is_installed() -> None:
    """What is tested is what runs: no package has another version beside the tests."""
    locks = {path.name: set(pins_of(path.read_text(encoding="utf-8"))[0]) for path in LOCKS}
    ours = {name for name, _ in locks["requirements.lock"]}
    assert {pin for pin in locks["requirements-dev.lock"] if pin[0] in ours} <= locks["requirements.lock"]


# Known weaknesses, where somebody has a list of them


def affected(advisory: Mapping[str, object], pins: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pins that an advisory (OSV schema 1) speaks of."""
    found = []
    for one in advisory.get("affected", ()):  # type: ignore[attr-defined]
        package = one.get("package", {})
        if package.get("ecosystem") != "PyPI" or "withdrawn" in advisory:
            continue
        name = canonicalize_name(package.get("name", ""))
        ranges = [part["events"] for part in one.get("ranges", ()) if part.get("type") == "ECOSYSTEM"]
        versions = one.get("versions", ())
        found += [pin for pin in pins if pin[0] == name and (pin[1] in versions or any(is_within(pin[1], part) for part in ranges))]
    return found


def is_within(version: str, events: Sequence[Mapping[str, str]]) -> bool:
    """Whether a version lies between an event "introduced" and the next "fixed" (or "last_affected")."""
    inside, this = False, Version(version)
    for event in events:
        kind, at = next(iter(event.items()))
        try:
            point = Version(at)
        except InvalidVersion:
            continue
        if kind == "introduced" and this >= point:
            inside = True
        elif (kind == "fixed" and this >= point) or (kind == "last_affected" and this > point):
            inside = False
    return inside


def test_an_advisory_is_found_by_version_and_by_range() -> None:
    def made(**over: object) -> dict[str, object]:
        return {"affected": [{"package": {"ecosystem": "PyPI", "name": "A_b"}} | over]}

    pins = [("a-b", "1.5"), ("c", "1.5")]
    between = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.5.1"}]}]
    assert affected(made(versions=["1.5"]), pins) == affected(made(ranges=between), pins) == [("a-b", "1.5")]
    fixed = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.5"}]}]
    last = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"last_affected": "1.4"}]}]
    assert affected(made(versions=["1.4"]), pins) == affected(made(ranges=fixed), pins) == affected(made(ranges=last), pins) == []
    assert affected(made(versions=["1.5"]) | {"withdrawn": "2026-01-01T00:00:00Z"}, pins) == []


def test_no_locked_version_has_a_known_weakness() -> None:
    """FEEDMILL_ADVISORIES names a folder of advisories as JSON in the OSV schema."""
    folder = os.environ.get("FEEDMILL_ADVISORIES")
    if not folder:
        pytest.skip("no list of known weaknesses: set FEEDMILL_ADVISORIES to a folder of OSV files")
    files = sorted(Path(folder).rglob("*.json"))
    assert files, f"{folder} holds no advisory"
    pins = sorted({pin for path in LOCKS for pin in pins_of(path.read_text(encoding="utf-8"))[0]})
    found = {path.stem: names for path in files if (names := affected(json.loads(path.read_text(encoding="utf-8")), pins))}
    assert found == {}
