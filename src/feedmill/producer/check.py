"""The use case `check`: everything a person might want to mend in the configuration, the posts and the published feeds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from feedmill.config import Config
from feedmill.crew import Crew
from feedmill.errors import ConfigError, PostError
from feedmill.model import Post, Problem
from feedmill.posts.body import unrun_tags
from feedmill.posts.catalog import DUPLICATE
from feedmill.posts.format import MAX_POST_BYTES, decode
from feedmill.posts.ids import Claimant, copy_message, id_from_guid, settle_claim
from feedmill.posts.record import from_epoch, to_epoch
from feedmill.posts.store import list_posts, read_post
from feedmill.producer.categories import MAX_CATEGORIES, MAX_DEPTH, feeds_of
from feedmill.producer.checkfeeds import check_feeds
from feedmill.producer.enclosing import enclosure_of
from feedmill.producer.permalink import lacking, permalink
from feedmill.producer.site import Site
from feedmill.urls import absolute_url

TASK = "feedmill.producer.check:check_posts"


def config_problems(error: ConfigError, path: str) -> list[Problem]:
    """Return what is wrong with the configuration as problems."""
    return [Problem(path, problem.line, "config", f"{problem.place}: {problem.message}".lstrip(": ")) for problem in error.problems]


def check(config: Config, *, config_path: str, now: datetime) -> list[Problem]:
    """Return every problem, by path and line. Reads all posts and feeds, writes nothing. Raises StorageError."""
    problems = list(_posts(config, config_path, now))
    problems.extend(check_feeds(config, now=now))
    return sorted(problems, key=lambda problem: (problem.path, problem.line, problem.rule, problem.message))


def check_posts(common: dict[str, Any], items: list[Any]) -> list[Any]:
    """The task: [path, guid and source or None, names of feeds, [[line, rule, message], …]] for every path of `items`."""
    zone = ZoneInfo(common["zone"])
    return [_check_post(common["folder"], path, zone, common) for path in items]


def _check_post(folder: str, path: str, zone: ZoneInfo, common: dict[str, Any]) -> list[Any]:
    try:
        decoded = decode(read_post(folder, path, limit=MAX_POST_BYTES), name=path.rpartition("/")[2], zone=zone)
    except FileNotFoundError:
        return [path, None, [], []]
    except PostError as exc:
        return [path, None, [], [[exc.line, "refused", exc.reason]]]
    post, notes = decoded.post, [list(note) for note in decoded.problems]
    tags = unrun_tags(post.body)
    if tags:
        message = f"template tags are shown as they stand, never run: {', '.join(tags[:5])}"
        notes.append([decoded.body_line, "template", message])
    if post.date is not None and to_epoch(post.date) > common["now"]:
        notes.append([0, "future", f"dated {post.date:%Y-%m-%d %H:%M} UTC: it is published when that time has come"])
    if not post.is_published:  # may be unfinished
        return [path, None, [], [note for note in notes if note[1] not in {"date", "title"}]]
    if len(post.categories) > MAX_CATEGORIES or len(post.tags) > MAX_CATEGORIES or any(len(names) > MAX_DEPTH for names in post.categories):
        notes.append([0, "categories", f"only {MAX_CATEGORIES} categories and tags count, and {MAX_DEPTH} names of each path"])
    if missing := lacking(post, common["permalink"]):
        notes.append([0, "permalink", f"posts.permalink wants {', '.join(missing)}, which this post does not have"])
    if post.enclosure and not post.source and not _is_measured(post, Site.from_json(common["site"]), path=path):
        reason = "no feed names this enclosure: its type or length is not known; write both, or put the file where its address leads"
        notes.append([0, "enclosure", reason])
    keys = feeds_of(post.categories, post.tags, mode=common["mode"])
    return [path, [post.guid, post.source] if post.guid else None, [key.name for key in keys], notes]


def _is_measured(post: Post, site: Site, *, path: str) -> bool:
    """Whether the enclosure that a person's post names can stand in feeds."""
    date = post.date or from_epoch(0)
    base = absolute_url(site.url, post.link) if post.link else permalink(post, site, path=path, entry_id="", date=date)
    found = enclosure_of(post, "", site, path=path, base=base)
    return found is not None and found.length is not None


def _posts(config: Config, config_path: str, now: datetime) -> Iterator[Problem]:
    listing = list_posts(config.posts_dir)
    folder = config.posts.dir
    for problem in listing.problems:
        yield Problem(f"{folder}/{problem.path}", problem.line, problem.rule, problem.message)
    common = {
        "folder": str(config.posts_dir),
        "zone": config.site.timezone,
        "now": to_epoch(now),
        "mode": config.posts.categories,
        "permalink": config.posts.permalink,
        "site": Site.of(config).to_json(),
    }
    claims: dict[str, list[Claimant]] = {}
    names: set[str] = set()
    with Crew() as crew:
        results = [result for chunk in crew.run(TASK, common, sorted(listing.stamps)) for result in chunk]
    for path, identity, feeds, notes in sorted(results, key=lambda result: str(result[0])):
        names.update(feeds)
        for line, rule, message in notes:
            yield Problem(f"{folder}/{path}", line, rule, message)
        if any(rule == "date" for _, rule, _ in notes) and listing.stamps[path].mtime_ns > now.timestamp() * 1e9:
            yield Problem(f"{folder}/{path}", 0, "future", "without a date it counts from its modification time, which is still to come")
        if identity is not None:
            claims.setdefault(id_from_guid(*identity), []).append(Claimant(path, identity[1], bears=False))
    for claim, claimants in claims.items():
        for path, original in settle_claim(claim, claimants, None).copy_of.items():
            yield Problem(f"{folder}/{path}", 0, DUPLICATE, copy_message(original))
    for name in config.feeds.overrides:
        if name not in names:
            yield Problem(config_path, 0, "override", f"feeds.overrides.{name}: no post stands in a category or tag of this name")
