"""Small projects and what is done in them, for crashes: publishes and syncs whose every result is known byte for byte.

    with scene("first publish") as scene: ...
    scene.run(root)      # the work, in a copy of the start
    scene.judge(root)    # everything is as after a work that nothing disturbed

A sync here is the product's own round, desk and deliverer, in this process; what answers is a table of documents, and documents are
read without a cage, which takes a hundredth of the time. Real processes are in `test_crash_strace`.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import feedparser
from faultlayer import FAULTS, Call, Fault, Layer, Photographer, clone

from feedmill.config import Config
from feedmill.consumer import remember
from feedmill.consumer.desk import Desk
from feedmill.consumer.fetching import Means, Round
from feedmill.consumer.hosts import HostGate
from feedmill.consumer.reading import read_task
from feedmill.consumer.surroundings import Surroundings
from feedmill.durable import is_temporary
from feedmill.errors import StorageError
from feedmill.posts.record import to_epoch
from feedmill.producer.publish import Request, publish
from feedmill.state.ledger import SourceState
from feedmill.state.lock import writing
from feedmill.upstream import Fetched, NotModified, Validators
from sites import CONFIG, NOW, Project, make_post

T = TypeVar("T")
Tree = dict[str, bytes]

FEEDS = "feeds:\n  formats: [atom, rss, json]\n  history: true\n  limit: 2\n  hub: https://hub.example.org/\n"
A, B = "https://a.example.org/feed", "https://b.example.org/feed"
SOURCES = f"""\
sources:
  - {{name: a, url: "{A}", categories: [新闻]}}
  - {{name: b, url: "{B}", categories: [随笔/读书], keep: 3}}
"""


# What is done


def publish_once(config: Config) -> None:
    """One publish at the time of the tests."""
    publish(config, Request(), now=NOW)


def sync_once(config: Config, documents: Mapping[str, bytes]) -> None:
    """One sync of all sources, due or not, and the publish after it. Raises StorageError."""
    with writing(config.sync_lock_path, patience=0):
        asyncio.run(_sync(config, _Upstream(documents)))
    publish_once(config)


async def _sync(config: Config, upstream: _Upstream) -> None:
    around = Surroundings(now=lambda: NOW, chance=lambda: 0.5)
    desk = Desk(config, config.state_path, is_dry=False)
    try:
        states = desk.open()
        means = Means(
            config=config,
            around=around,
            client=cast(Any, upstream),
            gate=HostGate(per_host=2, spacing=timedelta(0)),
            cage=cast(Any, upstream),
            desk=desk,
            at_desk=_here,
        )
        round_ = Round(means)
        await round_.run([(source, remember.for_source(states.get(source.name, SourceState()), source)) for source in config.sources])
        desk.prune(config.sources, now=to_epoch(NOW))
    finally:
        desk.close()
    if round_.trouble:
        raise round_.trouble


def _here(work: Callable[[], T], /) -> Awaitable[T]:
    async def done() -> T:
        return work()

    return done()


class _Upstream:
    """Client and cage in one: a document for each address, each with an ETag of its own, read at once."""

    def __init__(self, documents: Mapping[str, bytes]) -> None:
        self._documents = documents

    async def fetch(self, request: Any) -> Fetched | NotModified:
        body = self._documents[request.url]
        validators = Validators(request.url, f'"{hash(body)}"')
        if request.validators == validators:
            return NotModified(url=request.url, headers={}, validators=validators)
        return Fetched(url=request.url, status=200, body=body, headers={"content-type": "application/rss+xml"}, validators=validators)

    async def run(self, task: str, arguments: Mapping[str, Any], body: bytes) -> Any:
        assert task.endswith("read_task")
        return json.loads(json.dumps(read_task(arguments, body)))


def feed_of(*entries: tuple[int, str]) -> bytes:
    """An RSS document: for each entry a number, which gives id, address, date and title, and its text."""
    items = "".join(
        f"<item><guid isPermaLink='false'>id-{number}</guid><link>https://up.example.org/{number}</link><title>Entry {number}</title>"
        f"<pubDate>{number:02d} May 2026 10:00:00 GMT</pubDate><description>&lt;p&gt;{text}&lt;/p&gt;</description></item>"
        for number, text in entries
    )
    return f'<rss version="2.0"><channel><title>Up</title><link>https://up.example.org/</link>{items}</channel></rss>'.encode()


# Scenes


@dataclass
class Scene:
    """A start, the work that is interrupted, and what it comes to. All trees lie in `home`, on one file system."""

    name: str
    home: Path
    config_text: str
    work: Callable[[Config], None]
    start: Path = field(init=False)
    #: Posts and feeds at the start and after the work, and what the databases hold that lasts.
    before: Tree = field(init=False)
    after: Tree = field(init=False)
    facts: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.start = self.home / "start"
        self.start.mkdir()
        self._configs: dict[Path, Config] = {}

    def settle(self) -> None:
        """See what undisturbed work comes to."""
        self.before = tree(self.start)
        root = self.copy("undisturbed")
        self.run(root)
        self.after, self.facts = tree(root), lasting(root)
        parse_all(self.before | self.after)
        shutil.rmtree(root)

    def copy(self, name: str, source: Path | None = None) -> Path:
        """Return a project that stands as `source` (the start) does."""
        root = self.home / name
        if root.exists():
            shutil.rmtree(root)
        clone(source or self.start, root)
        return root

    def run(self, root: Path) -> None:
        """Do the work in a project. Raises StorageError."""
        if root not in self._configs:
            self._configs[root] = Project(root, base=CONFIG, extra=self.config_text).config
        self.work(self._configs[root])

    def judge_torn(self, root: Path) -> None:
        """What a crash or an error left: every post and every feed is whole, the old one or the new one."""
        for file, data in tree(root).items():
            if not is_temporary(file.rpartition("/")[2]):
                assert data in (self.before.get(file), self.after.get(file)), f"{file} is torn, or nobody's"

    def judge_read(self, root: Path) -> None:
        """After a run in which a post could not be read, and the next: no post is lost.

        That it was published later than its neighbours may show in the order of archives, and in where a feed is said to have moved.
        """
        now = tree(root)
        parse_all(now)
        wanted, found = ({entry for file, data in files.items() for entry in _ids(file, data)} for files in (self.after, now))
        assert found == wanted, sorted(found ^ wanted)
        posts, others = ({file for file in files if file.startswith("posts/")} for files in (self.after, now))
        assert posts == others
        assert all(now[file] == self.after[file] for file in posts)

    def judge(self, root: Path) -> None:
        """After the next run: as if nothing had happened."""
        now = tree(root)
        assert now.keys() == self.after.keys(), sorted(now.keys() ^ self.after.keys())
        other = [file for file, data in now.items() if data != self.after[file]]
        assert not other, f"other bytes: {other}"
        left = [path.name for path in root.rglob("*") if is_temporary(path.name) or ".unreadable" in path.name]
        assert not left, f"left behind: {left}"
        for name in ("state.db", "catalog.db"):
            with contextlib.closing(sqlite3.connect(root / ".feedmill" / name)) as database:
                assert database.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        found = lasting(root)
        assert found == self.facts, [(name, found[name], facts) for name, facts in self.facts.items() if found[name] != facts]


def tree(root: Path) -> Tree:
    """Everything below posts/ and feeds/ by its path."""
    return {
        file.relative_to(root).as_posix(): file.read_bytes()
        for folder in ("posts", "feeds")
        for file in (root / folder).rglob("*")
        if file.is_file()
    }


def lasting(root: Path) -> dict[str, Any]:
    """What the databases hold that has to be the same however often the work was interrupted."""
    ledger = "SELECT name, key, status, path, digest, planned FROM articles JOIN sources USING (source) ORDER BY 1, 2"
    queries = {
        "memory": "SELECT kind, key, value FROM memory WHERE kind NOT IN ('ping', 'moved', 'ledger') ORDER BY 1, 2",
        "pings": "SELECT key FROM memory WHERE kind='ping' ORDER BY 1",
        "moved": "SELECT key, value FROM memory WHERE kind='moved' ORDER BY 1",
        "articles": ledger,
        "chained": "SELECT feed, post, position FROM chained JOIN chains USING (chain) ORDER BY 1, 3",
        "marks": "SELECT name, mark FROM marks JOIN sources USING (source) ORDER BY 1, 2",
    }
    with contextlib.closing(sqlite3.connect(root / ".feedmill" / "state.db")) as database:
        found = {name: database.execute(query).fetchall() for name, query in queries.items()}
        states = database.execute("SELECT name, state FROM sources ORDER BY 1").fetchall()
    found["validators"] = [(name, json.loads(state).get("etag"), json.loads(state).get("body")) for name, state in states]
    return found


def parse_all(files: Tree) -> None:
    """Every feed is one that a reader takes."""
    for name, data in files.items():
        if name.startswith("feeds/") and name.endswith(".xml") and not name.endswith("opml.xml"):
            assert not feedparser.parse(io.BytesIO(data)).bozo, name
        elif name.startswith("feeds/") and name.endswith(".json"):
            assert json.loads(data)["version"].startswith("https://jsonfeed.org/")


def _ids(file: str, data: bytes) -> set[tuple[str, str]]:
    """The entries of a feed's document, archives too, each with that feed's folder."""
    folder, _, name = file.rpartition("/")
    if name.startswith("atom") and name.endswith(".xml"):
        return {(folder, found.id) for found in feedparser.parse(io.BytesIO(data)).entries}
    return set()


def _posts(root: Path, posts: Mapping[str, str]) -> None:
    for path, text in posts.items():
        file = root / "posts" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


POSTS = {
    f"{number}.md": make_post(f"<p>text {number}</p>", title=f"Post {number}", categories=categories, date=f"2026-01-0{number} 00:00:00")
    for number, categories in enumerate(("[A]", "[A]", "[B]"), start=1)
}


def _first_publish(scene: Scene) -> None:
    _posts(scene.start, POSTS)


def _changed_posts(scene: Scene) -> None:
    """An edit, a removal, a category that is renamed, a post that is new."""
    _first_publish(scene)
    scene.run(scene.start)
    (scene.start / "posts" / "2.md").unlink()
    text = POSTS["1.md"]
    _posts(scene.start, {"1.md": text.replace("text 1", "another text"), "3.md": POSTS["3.md"].replace("[B]", "[Bee]")})
    _posts(scene.start, {"5.md": make_post("<p>new</p>", title="Post 5", categories="[A]", date="2026-01-05 00:00:00")})


def _cut_short(scene: Scene) -> None:
    """The start is what a publish leaves that is killed in the middle of its renames."""
    _changed_posts(scene)
    home = scene.home / "before"
    scene.start.rename(home)
    renames = 0

    def watch(_: int, call: Call) -> Fault | None:
        nonlocal renames
        renames += call.name == "replace"
        if renames == 5:
            clone(home, scene.start)
            renames += 1
        return None

    with Layer(home) as layer:
        layer.watch = lambda number, call: _paused(layer, watch, number, call)
        scene.run(home)
    assert scene.start.exists()


def _paused(layer: Layer, watch: Callable[[int, Call], Fault | None], number: int, call: Call) -> Fault | None:
    layer.is_paused = True
    try:
        return watch(number, call)
    finally:
        layer.is_paused = False


FIRST = {A: feed_of((1, "one"), (2, "two"), (3, "three")), B: feed_of((4, "four"), (5, "five"), (6, "six"))}
#: a: one is new, one is changed, one is gone; b: two are new, so that `keep` has no room for the two oldest.
SECOND = {
    A: feed_of((2, "two, edited"), (3, "three"), (7, "seven")),
    B: feed_of((5, "five"), (6, "six, edited"), (8, "eight"), (9, "nine")),
}


def _first_sync(scene: Scene) -> None:
    (scene.start / "posts").mkdir()


def _later_sync(scene: Scene) -> None:
    """Synced and published once; then a person deletes a post and moves another."""
    _first_sync(scene)
    root = scene.start
    config = Project(root, base=CONFIG, extra=scene.config_text).config
    sync_once(config, FIRST)
    posts = {file.read_text().partition("Entry ")[2][0]: file for file in (root / "posts").rglob("*.md")}
    posts["3"].unlink()
    posts["5"].rename(root / "posts" / "moved.md")


#: By name: what prepares the start, the configuration beside the site, the work.
SCENES: dict[str, tuple[Callable[[Scene], None], str, Callable[[Config], None]]] = {
    "first publish": (_first_publish, FEEDS, publish_once),
    "changed posts": (_changed_posts, FEEDS, publish_once),
    "publish that was killed": (_cut_short, FEEDS, publish_once),
    "first sync": (_first_sync, SOURCES, lambda config: sync_once(config, FIRST)),
    "later sync": (_later_sync, SOURCES, lambda config: sync_once(config, SECOND)),
}


@contextlib.contextmanager
def scene(name: str) -> Iterator[Scene]:
    """A scene in a folder of its own, in memory where there is room."""
    prepare, text, work = SCENES[name]
    with tempfile.TemporaryDirectory(dir=_roomy()) as home:
        made = Scene(name, Path(home), text, work)
        prepare(made)
        made.settle()
        yield made


def _roomy() -> str | None:
    with contextlib.suppress(OSError):
        if shutil.disk_usage("/dev/shm").free > 2**30:
            return "/dev/shm"
    return None


# Crashes and errors, enumerated


def crashes(scene: Scene, *, stride: int = 1, offset: int = 0) -> tuple[int, list[str]]:
    """Kill the work at every `stride`-th point, and let it run again. Returns how many points these were, and what went wrong."""
    root, stash = scene.copy("photographed"), scene.home / "stash"
    stash.mkdir()
    photographer = Photographer(
        scene.home / "pictures", wanted=lambda number: number % stride == offset, has_power_cuts=True, start=scene.start
    )
    with Layer(root, photographer, stash=stash) as layer:
        photographer.layer = layer
        scene.run(root)
        photographer.take("at the end")
    scene.judge(root)
    wrong = []
    for what, image in photographer.pictures:
        try:
            scene.judge_torn(image)
            _again(scene, image)
        except Exception as exc:
            wrong.append(f"{what}: {type(exc).__name__}: {exc}"[:600])
        shutil.rmtree(image)
    return len(photographer.pictures), wrong


def _again(scene: Scene, image: Path, judge: Callable[[Path], None] | None = None) -> None:
    with Layer(image):  # for fsync, which is not waited for
        scene.run(image)
    (judge or scene.judge)(image)


def errors(scene: Scene, *, stride: int = 1, offset: int = 0) -> tuple[int, list[str]]:
    """Let every `stride`-th pair of a call and an error happen, and let the work run again. Returns how many, and what went wrong."""
    root = scene.copy("counted")
    with Layer(root, has_reads=True) as layer:
        scene.run(root)
    cases = [(number, index) for number, call in enumerate(layer.calls) for index in range(len(FAULTS[call.name]))]
    done, wrong = 0, []
    for number, index in cases[offset::stride]:
        met = _one_error(scene, number, index, wrong)
        done += met
    return done, wrong


def _one_error(scene: Scene, number: int, index: int, wrong: list[str]) -> bool:
    met: list[tuple[Call, Fault]] = []

    def watch(count: int, call: Call) -> Fault | None:
        faults = FAULTS[call.name]
        if count < number or met or not faults:
            return None
        met.append((call, faults[index % len(faults)]))
        return met[0][1]

    root = scene.copy("failing")
    try:
        with contextlib.suppress(StorageError), Layer(root, watch, has_reads=True):
            scene.run(root)
        if met and not _is_of_reading(met[0][0]):
            scene.judge_torn(root)
        if met and _is_of_sweeping(met[0][0]):
            _forget_leftovers(root)
        _again(scene, root, scene.judge_read if met and _is_of_reading(met[0][0]) else scene.judge)
    except Exception as exc:
        wrong.append(f"{met}: {type(exc).__name__}: {exc}"[:600])
    return bool(met)


def _is_of_reading(call: Call) -> bool:
    """What cannot be read, a post or a folder with new ones, is left out, and said: feeds are whole, neither the old nor the new ones."""
    return call.name == "open to read"


def _is_of_sweeping(call: Call) -> bool:
    return call.name == "unlink" and is_temporary(call.place.rpartition("/")[2])


def _forget_leftovers(root: Path) -> None:
    """A temporary file that the disk would not let go lies there, hidden, until the run after another crash looks for such."""
    for file in (root / "feeds").rglob("*"):
        if is_temporary(file.name):
            file.unlink()
