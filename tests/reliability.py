"""The table of docs/reliability.md: what must be survived, the tests that show it, and what became of them in a run.

A test whose subject is a row of the table carries its number: `test_H7_…`, `test_G1_G2_…`, `test_F1_to_F10_…`, or at the beginning of
the id of a parameter: `"A9: unclosed"`. As a plugin of pytest this module notes how every test of a run ended:

    pytest -p reliability --reliability-results FILE …       # a run of a few files adds to what FILE holds already
    python tests/reliability.py FILE …                       # writes the table into docs/reliability.md

Nothing is claimed that did not run: a result counts as long as neither the sources nor the test's file have changed since. What a test
measured comes onto the page when it says so: `record_property("figure: connections held", "500")`.
"""

from __future__ import annotations

import ast
import json
import platform
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- made by tests/reliability.py: begin -->", "<!-- end -->"
#: Of what a test measured; the rest of the property's name says what that is.
FIGURE = "figure: "

TITLES = {
    "A": "Documents and their parser",
    "B": "HTTP, on the way in",
    "C": "Addresses that must not be reached",
    "D": "Entries, ids, dates",
    "E": "Names and front matter",
    "F": "HTML",
    "G": "Feeds, on the way out",
    "H": "Storage, processes, schedule",
    "I": "The server",
}
#: What must be survived, by row.
ROWS = {
    "A1": "An entity that names a local file",
    "A2": "A parameter entity or a DTD that names another host",
    "A3": "Entities within entities, grown a billion times",
    "A4": "One long entity, used again and again",
    "A5": "Declarations of entities at all, and a hundred thousand of them",
    "A6": "A hundred thousand elements, each within the last",
    "A7": "Text on which the parser's patterns take quadratic time",
    "A8": "A hundred thousand entries; a feed, or a text, of 50 MB",
    "A9": "Documents that are not well-formed",
    "A10": "A document that ends at any byte",
    "A11": "A login page in place of a feed",
    "A12": "Nothing, white space, noise, JSON that is no feed",
    "A13": "A body that is the name of a local file",
    "A14": "Charsets that contradict each other, or that nobody should decode",
    "A15": "Text that looks as though it had been decoded wrongly",
    "A16": "References to characters that do not exist, NUL, halves of surrogates",
    "A17": "JSON Feed: depth, odd numbers, keys that come twice, the wrong types",
    "A18": "Junk in the extensions for places, chapters, podcasts and images",
    "A19": "Base addresses with a scheme that runs or opens something",
    "B1": "Compressed bombs, stacked codings, codings that nobody asked for",
    "B2": "A body without end; a length that lies",
    "B3": "Answers that drip, hang or never come to their status",
    "B4": "A flood of header fields; an endless status line",
    "B5": "A transfer that ends early, a compressed one too",
    "B6": "Damaged compression, HTTP/0.9, a reset, an end at once",
    "B7": "Redirects in a circle, too many, to nothing, to what is no web address",
    "B8": "A permanent move: believed only after a while, and never into a private network",
    "B9": "A redirect from https to http",
    "B10": "A redirect to another origin, with secrets at hand",
    "B11": "Validators that are odd, huge, or no ASCII",
    "B12": "A 304 with a body, or that nobody asked for; an answer that says nothing new",
    "B13": "404, 410, 401, 403, 451",
    "B14": "A host that fails now and then, or ten times in a row",
    "B15": "Retry-After in every form, sensible or not",
    "B16": "A host whose clock is a day off",
    "B17": "Certificates that have expired, are of another host, or of nobody",
    "B18": "Names that nobody has, that are slow to look up, with dead addresses",
    "B19": "Many sources on one host",
    "B20": "A cookie of one source, at the next",
    "B21": "Control characters and line breaks in an address",
    "C1": "Loopback in all its spellings",
    "C2": "Private and special networks of IPv4",
    "C3": "Private and special networks of IPv6",
    "C4": "Addresses of IPv4 within addresses of IPv6",
    "C5": "A name whose address changes between check and connection",
    "C6": "A name with good addresses and bad ones",
    "C7": "A redirect, or a link that is followed, from a public host to a private one",
    "C8": "Proxies and passwords in the environment",
    "C9": "Addresses that two parsers read differently",
    "C10": "A site that is told to fetch its own feeds",
    "C11": "Leave for one address with one port",
    "C12": "Ports of services that are not HTTP",
    "D1": "One id twice in a document, in two sources, in other letters",
    "D2": "An entry without id, link and title",
    "D3": "Ids that change, one or all at once",
    "D4": "An entry that is edited",
    "D5": "An entry that vanishes; a post that a person deletes",
    "D6": "Dates that cannot be, or that lie far ahead",
    "D7": "A clock that jumps",
    "D8": "What a feed says of its last update",
    "D9": "Ids of our entries, through moves and renames",
    "D10": "Titles, tags, links and bodies without end",
    "E1": "Names that climb out of their folder",
    "E2": "Names that file systems do not take, or take for something else",
    "E3": "Names that a file system takes for one",
    "E4": "Categories that upstream chooses",
    "E5": "Something in the place of a post: a file, a link, a folder, a pipe",
    "E6": "Text that YAML reads as something else, or as another key",
    "E7": "A title that ends in a space that is none",
    "E8": "Bodies with blank lines, rules and odd line ends",
    "E9": "Posts of people that are broken in every way",
    "E10": "Front matter of the wrong types",
    "E11": "Posts that cannot be read, or that vanish meanwhile",
    "F1": "Scripts and event handlers in every spelling",
    "F2": "Addresses that run something, in every disguise",
    "F3": "SVG, MathML and what changes meaning when it is parsed again",
    "F4": "Comments, CDATA and instructions that end early",
    "F5": "Styles that cover the page; frames and objects",
    "F6": "Base addresses, refreshes, forms, names that shadow others",
    "F7": "Markup that is not closed, or without end",
    "F8": "Content of other types",
    "F9": "The same in titles, names, errors, logs and lists",
    "F10": "Pictures that count readers, or that point into a private network",
    "G1": "Characters that no XML document may hold",
    "G2": "Markup in titles and content: escaped once",
    "G3": "No title, no date, a date of the wrong type",
    "G4": "Zones with seconds; microseconds",
    "G5": "A text larger than readers take",
    "G6": "One bad post among a thousand",
    "G7": "A crash, or a full disk, while a feed is written",
    "G8": "A publish without changes",
    "G9": "A category that is emptied, removed, renamed",
    "H1": "A full disk",
    "H2": "A disk without room for another file",
    "H3": "A disk, a folder or a file that cannot be written to",
    "H4": "A disk that fails",
    "H5": "More connections than descriptors",
    "H6": "Writes that are cut short or interrupted",
    "H7": "Death at every step of a write",
    "H8": "A loss of power",
    "H9": "Being told to end at any moment, once or twice",
    "H10": "Two that want the same lock",
    "H11": "A database that others hold",
    "H12": "A database that is damaged, gone, read-only, older or newer",
    "H13": "A database from last week, or none",
    "H14": "A configuration that is broken, at the start or later",
    "H15": "A job that raises, exits, dawdles or comes late",
    "H16": "A reader of documents that dies, hangs or talks nonsense",
    "H17": "Ten thousand syncs",
    "I1": "Paths that climb, with every encoding; NUL; 64 kB of path",
    "I2": "Links in the served folder",
    "I3": "Hidden files, temporary ones, state and configuration",
    "I4": "Line breaks in a request, and a Host that is somebody else's",
    "I5": "If-None-Match in every form",
    "I6": "If-Modified-Since in every form",
    "I7": "Other methods, ranges, HTTP/1.0, absolute addresses",
    "I8": "The choice of a coding",
    "I9": "Clients that drip, idle, or do not take their answer",
    "I10": "Heads that are too large; lengths and chunks that contradict each other",
    "I11": "A thousand readers at the same second",
    "I12": "Reading while a feed is replaced",
    "I13": "The header fields of every answer",
    "I14": "WebSub: forged pings and challenges",
    "I15": "What /healthz and /metrics give away",
    "I16": "Secrets in logs, state, posts, feeds, pages and messages",
    "I17": "Log lines that somebody else's text forges",
}
#: Rows that no test can show, each with its reason.
NOT_APPLICABLE = {
    "I14": "feedmill publishes to hubs and subscribes to none: it has no callback, takes no ping and answers no challenge, and a POST gets "
    "405 (I7). A hub is named by the configuration alone, and all that is heard of it is a status (docs/websub.md).",
}
#: Files whose ids look like rows and are none: control characters are called C0 and C1.
OTHERS = {"test_text.py"}

_ROW = r"[A-I]\d{1,2}"
_NAME = re.compile(rf"test_((?:(?:{_ROW}|to)_)+)")
_ID = re.compile(rf"(?:{_ROW}(?:[ ,:-]+|\Z))+")


def rows_of(nodeid: str) -> set[str]:
    """The rows that a test carries, in its name or at the beginning of its parameters' ids."""
    path, _, rest = nodeid.partition("::")
    if path.rpartition("/")[2] in OTHERS:
        return set()
    name, _, parameters = rest.rpartition("::")[2].partition("[")
    words = found[1].rstrip("_").split("_") if (found := _NAME.match(name)) else []
    rows = {word for word in words if word != "to"}
    for before, word, after in zip(words, words[1:], words[2:], strict=False):
        if word == "to" and before[0] == after[0]:
            rows |= {f"{before[0]}{number}" for number in range(int(before[1:]), int(after[1:]) + 1)}
    if at := _ID.match(parameters.removesuffix("]")):
        rows |= set(re.findall(_ROW, at[0]))
    return rows & ROWS.keys()


def function_of(nodeid: str) -> str:
    """A test without its parameters."""
    return nodeid.partition("[")[0]


def digest(paths: Iterable[Path]) -> str:
    """The fingerprint of files."""
    state = blake2b(digest_size=12)
    for path in sorted(paths):
        state.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return state.hexdigest()


def sources() -> str:
    """The fingerprint of what is tested."""
    return digest((ROOT / "src").rglob("*.py"))


@dataclass
class Result:
    """How a test ended: "passed", "failed" or "skipped", why, and what it measured."""

    outcome: str
    reason: str = ""
    figures: dict[str, str] = field(default_factory=dict)
    #: Fingerprints of what was tested and of the test's file.
    of: tuple[str, str] = ("", "")
    #: When that was.
    at: str = ""


class Recorder:
    """Notes how the tests of a run end. With pytest-xdist only the process that hands them out does."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._results: dict[str, Result] = {}
        self._sources = sources()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        result = self._results.setdefault(report.nodeid, Result("not run"))
        result.figures |= {key.removeprefix(FIGURE): str(value) for key, value in report.user_properties if key.startswith(FIGURE)}
        if report.failed or hasattr(report, "wasxfail"):
            result.outcome = "failed"
        elif result.outcome != "failed" and report.skipped:
            result.outcome, result.reason = "skipped", reason_of(report)
        elif result.outcome == "not run" and report.when == "call":
            result.outcome = "passed"

    def pytest_sessionfinish(self) -> None:
        known = read_results([self._file]) if self._file.exists() else {}
        now = f"{datetime.now(UTC):%Y-%m-%d}"
        for nodeid, result in self._results.items():
            path = ROOT / nodeid.partition("::")[0]
            if path.is_file() and result.outcome != "not run":
                result.of, result.at = (self._sources, digest([path])), now
                known[nodeid] = result
        document = {nodeid: vars(result) for nodeid, result in sorted(known.items())}
        self._file.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")


def reason_of(report: pytest.TestReport) -> str:
    """Why a test was skipped, without absolute paths: those are of the machine that it ran on."""
    said = report.longrepr[2] if isinstance(report.longrepr, tuple | list) else str(report.longrepr)
    return re.sub(r"(?<![\w.:/])/(?:[\w.+-]+/)+[\w.+-]*", "…", " ".join(said.removeprefix("Skipped: ").split()))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reliability-results", metavar="FILE", help="note in FILE how every test ended")


def pytest_configure(config: pytest.Config) -> None:
    file = config.getoption("--reliability-results")
    if file and not hasattr(config, "workerinput") and not config.option.collectonly:
        config.pluginmanager.register(Recorder(Path(file).resolve()))


def read_results(files: Iterable[Path]) -> dict[str, Result]:
    """What was noted, by the tests' ids; of two results of a test the later file's."""
    results: dict[str, Result] = {}
    for file in files:
        for nodeid, said in json.loads(file.read_text(encoding="utf-8")).items():
            results[nodeid] = Result(**said | {"of": tuple(said["of"])})
    return results


def functions_in(folder: Path) -> Iterator[str]:
    """The tests that there are, by file and name, as pytest calls them."""
    for path in sorted(folder.rglob("test_*.py")):
        place = path.relative_to(folder.parent).as_posix()
        for node in ast.parse(path.read_bytes()).body:
            if isinstance(node, ast.ClassDef):
                yield from (f"{place}::{node.name}::{one.name}" for one in node.body if is_test(one))
            elif is_test(node):
                yield f"{place}::{node.name}"  # type: ignore[attr-defined]


def is_test(node: ast.stmt) -> bool:
    """Whether pytest runs this."""
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")


def current(results: Mapping[str, Result]) -> dict[str, Result]:
    """The results that still hold: of these sources, of test files as they are."""
    ours, files = sources(), {}
    for nodeid in results:
        path = ROOT / nodeid.partition("::")[0]
        if path not in files:
            files[path] = digest([path]) if path.is_file() else ""
    return {nodeid: result for nodeid, result in results.items() if result.of == (ours, files[ROOT / nodeid.partition("::")[0]])}


@dataclass
class Shown:
    """A test function on the page, in a row: what became of its cases that carry the row."""

    function: str
    outcomes: Counter[str]
    reasons: tuple[str, ...] = ()

    @property
    def result(self) -> str:
        """In words: the worst first, and never more than what happened."""
        if not self.outcomes:
            return "not run"
        words = {"failed": "FAILED", "skipped": "skipped", "passed": "passed"}
        total = self.outcomes.total()
        said = [f"{words[one]}{f' ({self.outcomes[one]})' if total > 1 else ''}" for one in words if self.outcomes[one]]
        return ", ".join(said) + (": " + "; ".join(self.reasons) if self.reasons else "")


def rows_shown(results: Mapping[str, Result], functions: Iterable[str]) -> dict[str, list[Shown]]:
    """The tests of every row: those with results, and those that exist (functions, or single cases) and have none."""
    found: dict[str, dict[str, list[Result]]] = {row: {} for row in ROWS}
    for function in functions:
        for row in rows_of(function):
            found[row].setdefault(function_of(function), [])
    for nodeid, result in results.items():
        for row in rows_of(nodeid):
            found[row].setdefault(function_of(nodeid), []).append(result)
    return {
        row: [
            Shown(function, Counter(one.outcome for one in ended), tuple(sorted({one.reason for one in ended if one.reason})))
            for function, ended in sorted(tests.items())
        ]
        for row, tests in found.items()
    }


def state_of(row: str, tests: Sequence[Shown]) -> str:
    """What can be said of a row."""
    outcomes = sum((one.outcomes for one in tests), Counter())
    if not tests:
        return "does not apply" if row in NOT_APPLICABLE else "MISSING"
    if outcomes["failed"]:
        return "FAILED"
    if not outcomes["passed"]:
        return "skipped" if outcomes["skipped"] else "not run"
    return "passed in part" if outcomes["skipped"] or any(not one.outcomes for one in tests) else "passed"


STATES = ("passed", "passed in part", "skipped", "not run", "FAILED", "MISSING", "does not apply")


def cell(text: str) -> str:
    """Text as it may stand in a table."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def summary(shown: Mapping[str, Sequence[Shown]]) -> Iterator[str]:
    """How many rows of each section ended how."""
    states = {row: state_of(row, tests) for row, tests in shown.items()}
    used = [state for state in STATES if state in states.values() or state in ("passed", "MISSING")]
    yield "| | rows | " + " | ".join(used) + " |"
    yield "|---|---|" + "---|" * len(used)
    for letter, title in TITLES.items():
        ours = Counter(state for row, state in states.items() if row[0] == letter)
        yield f"| {letter}: {title} | {ours.total()} | " + " | ".join(str(ours[state]) for state in used) + " |"
    every = Counter(states.values())
    yield f"| all | {every.total()} | " + " | ".join(str(every[state]) for state in used) + " |"


def table(letter: str, shown: Mapping[str, Sequence[Shown]]) -> Iterator[str]:
    """The rows of a section: a line for each test."""
    yield f"### {letter}: {TITLES[letter]}"
    yield ""
    yield "| row | what must be survived | test | result |"
    yield "|---|---|---|---|"
    for row in (row for row in ROWS if row[0] == letter):
        first = f"| {row} | {cell(ROWS[row])} |"
        if row in NOT_APPLICABLE:
            yield f"{first} | does not apply: {cell(NOT_APPLICABLE[row])} |"
        elif not shown[row]:
            yield f"{first} | MISSING |"
        for test in shown[row]:
            yield f"{first} `{test.function.removeprefix('tests/')}` | {cell(test.result)} |"
            first = "| | |"


def figures(results: Mapping[str, Result]) -> Iterator[str]:
    """What tests measured."""
    said = [(key, value, function_of(nodeid)) for nodeid, result in results.items() for key, value in result.figures.items()]
    if said:
        yield from ("### Figures", "", "| measured | value | by |", "|---|---|---|")
        yield from (f"| {cell(key)} | {cell(value)} | `{by.removeprefix('tests/')}` |" for key, value, by in sorted(said))
        yield ""


def render(results: Mapping[str, Result], functions: Iterable[str]) -> str:
    """The part of the page that is made."""
    shown = rows_shown(results, functions)
    days = sorted({result.at for result in results.values()})
    when = f"on {days[0]}" if len(days) == 1 else f"from {days[0]} to {days[-1]}" if days else "of nothing"
    outcomes = Counter(result.outcome for result in results.values())
    lines = [
        BEGIN,
        "",
        f"From a run {when} with Python {platform.python_version()} on {platform.system()} {platform.machine()}: {len(results):,} tests, "
        f"{outcomes['passed']:,} passed, {outcomes['skipped']:,} skipped, {outcomes['failed']:,} failed.",
        "",
        *summary(shown),
        "",
        *figures(results),
    ]
    for letter in TITLES:
        lines += [*table(letter, shown), ""]
    return "\n".join([*lines, END])


def replace_made(page: str, made: str) -> str:
    """Return a page with this in the place of what was made before."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no place between {BEGIN} and {END}")
    return before + made + after


def main(files: Sequence[str]) -> None:
    """Write the table of these results into the page. What is out of date counts as not run."""
    known, there = read_results(map(Path, files)), list(functions_in(ROOT / "tests"))
    results = current(known)
    tests = [*there, *(nodeid for nodeid in known if function_of(nodeid) in there)]
    PAGE.write_text(replace_made(PAGE.read_text(encoding="utf-8"), render(results, tests)), encoding="utf-8")
    bad = [row for row, shown in rows_shown(results, tests).items() if state_of(row, shown) in ("MISSING", "FAILED")]
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: {len(results):,} results" + (f"; MISSING or FAILED: {' '.join(bad)}\n" if bad else "\n"))


def known_rows(page: str) -> dict[str, list[tuple[str, str]]]:
    """What a page says of every row: (test, result), ("", reason) where there is no test."""
    said: dict[str, list[tuple[str, str]]] = {}
    row = ""
    for line in page.partition(BEGIN)[2].partition(END)[0].splitlines():
        cells = [part.strip() for part in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 4 and (re.fullmatch(_ROW, cells[0]) or not cells[0]):
            row = cells[0] or row
            said.setdefault(row, []).append((cells[2].strip("`"), cells[3]))
    return said


if __name__ == "__main__":
    main(sys.argv[1:])
