"""What is to be done about a document: which entries become posts, which posts are rewritten, which are left alone. Pure.

Nothing here touches a file: that a person has edited a post is found by `deliver`, which compares what stands on disk.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from feedmill.configvalues import Keep
from feedmill.consumer.fingerprints import digest
from feedmill.consumer.identity import Aliases, epoch, pair
from feedmill.consumer.links import normal_link
from feedmill.consumer.plan import Step, SyncPlan
from feedmill.state.ledger import DELETED, PLANNED, PRUNED, STORED, Article
from feedmill.upstream import Entry, FeedDocument

#: A content that changes more often than this without a week's rest (a clock or a counter in its body) is rewritten no more.
CHANGE_LIMIT = 24
_REST = 7 * 86400
#: Earlier dates are what a broken clock or an empty field gives: 1970-01-02 in epoch seconds.
_EARLIEST = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a source before its document is looked at."""

    #: Its number in the ledger, and its name.
    number: int
    name: str
    #: All that the ledger knows of it: articles, and the article of every mark.
    articles: Sequence[Article]
    marks: Mapping[str, int]
    keep: Keep | None = None
    #: Keys of posts that were removed for good.
    tombstones: Collection[str] = ()


def decide(document: FeedDocument, known: Known, *, now: int) -> SyncPlan:
    """Return what `document` asks for; `now` in epoch seconds."""
    return _Deciding(document, known, now).run()


class _Deciding:
    def __init__(self, document: FeedDocument, known: Known, now: int) -> None:
        self._document, self._known, self._now = document, known, now
        #: Marks of editions that are to be read again.
        self._waiting: set[str] = set()
        self._plan = SyncPlan(entries=len(document.entries) + len(document.known))

    def run(self) -> SyncPlan:
        entries, plan = self._document.entries, self._plan
        pairing = pair(entries, self._known.articles, source=self._known.name, marks=self._known.marks, cut=self._document.known)
        keys = {index: article.key for index, article in pairing.known.items()} | pairing.new
        for index, article in pairing.known.items():
            self._take(entries[index], pairing.aliases[index], article)
        for index, key in pairing.new.items():
            self._new(entries[index], pairing.aliases[index], key)
        for index, entry in enumerate(entries):
            if entry.mark in self._waiting:
                continue
            key = keys[pairing.double_of.get(index, index)]
            plan.marks[entry.mark] = "" if entry.mark in self._known.marks else key
        plan.marks.update((mark, "") for mark in self._document.known)
        if self._document.dropped:
            plan.skipped.append(
                (self._document.title or self._known.name, f"{self._document.dropped:,} older entries of the document were not read")
            )
        self._keep_within()
        plan.new.sort(key=lambda step: (step.article.posted, step.article.key))
        has_posts = any(article.status != PLANNED for article in self._known.articles)
        plan.has_known = bool(pairing.known or self._document.known)
        plan.is_gap = has_posts and plan.entries > 1 and not plan.has_known
        return plan

    def _take(self, entry: Entry, alias: Aliases, article: Article) -> None:
        seen = _as_seen(article, alias)
        content = content_digest(entry)
        same = ("", content, content_digest_before_enclosures(entry))
        if article.status in (DELETED, PRUNED) or article.key in self._known.tombstones:
            self._note(article, seen)
        elif article.status == PLANNED:
            self._plan.new.append(Step(entry, seen._replace(content=content), article))
        elif article.content in same and not article.planned:  # planned: a crash came between two editions
            self._note(article, seen._replace(content=content))
        else:
            self._changed(entry, article, seen._replace(content=content))

    def _changed(self, entry: Entry, article: Article, seen: Article) -> None:
        has_rested = self._now - article.changed_at > _REST
        changes = 1 if has_rested and article.changes < CHANGE_LIMIT else article.changes + 1
        if changes > CHANGE_LIMIT and not has_rested:
            # It stays unknown, so that it is read again, and the edition of then is written.
            self._waiting.add(entry.mark)
            self._plan.is_waiting = True
            self._skip(entry, f"it changed {article.changes} times without a week's rest and is rewritten once a week now")
            return
        self._plan.updated.append(Step(entry, seen._replace(changes=changes, changed_at=self._now), article))

    def _new(self, entry: Entry, alias: Aliases, key: str) -> None:
        upstream = usable_date(entry, self._now)
        article = Article(
            article=0,
            source=self._known.number,
            key=key,
            guid=alias.guid,
            link=alias.link,
            title=alias.title,
            date=alias.date,
            text=alias.text,
            content=content_digest(entry),
            status=PLANNED,
            path="",
            digest="",
            planned="",
            first_seen=self._now,
            posted=self._now if upstream is None else upstream,
            changes=0,
            changed_at=0,
        )
        if key in self._known.tombstones:
            self._plan.noted.append(article._replace(status=DELETED))
        else:
            self._plan.new.append(Step(entry, article))

    def _keep_within(self) -> None:
        """Leave out new entries that the source's `keep` would remove at once."""
        if self._known.keep is None or not self._plan.new:
            return
        stored = [article for article in self._known.articles if article.status == STORED]
        wanted = [step.article for step in self._plan.new]
        late = {article.key for article in beyond_keep([*stored, *wanted], self._known.keep, now=self._now)}
        for step in self._plan.new:
            if step.article.key in late:
                self._plan.noted.append(step.article._replace(status=PRUNED))
                self._skip(step.entry, "it is older than the source's `keep`")
        self._plan.new = [step for step in self._plan.new if step.article.key not in late]

    def _note(self, article: Article, seen: Article) -> None:
        if seen != article:
            self._plan.noted.append(seen)

    def _skip(self, entry: Entry, reason: str) -> None:
        self._plan.skipped.append((entry.title or entry.guid or entry.link, reason))


def _as_seen(article: Article, alias: Aliases) -> Article:
    """Return `article` with what upstream says of it now; what it no longer says stays."""
    date = article.date if alias.date is None else alias.date
    return article._replace(
        guid=alias.guid or article.guid, link=alias.link or article.link, title=alias.title, date=date, text=alias.text or article.text
    )


def content_digest(entry: Entry) -> str:
    """Return the fingerprint of all that would change a post: not the dates, which a post keeps, nor the spelling of its link."""
    file = entry.enclosure
    # "2-": of the time since enclosures are read; digests without it are older.
    return f"2-{digest(*_content(entry), *((file.url, file.type, str(file.length or '')) if file else ()))}"


def content_digest_before_enclosures(entry: Entry) -> str:
    """Return what ledgers have of an entry that was stored when enclosures were not read: its post stays until upstream changes it."""
    return digest(*_content(entry))


def _content(entry: Entry) -> tuple[str, ...]:
    return entry.title, entry.author, entry.body, "\n".join(entry.tags), entry.picture, normal_link(entry.link)


def usable_date(entry: Entry, now: int) -> int | None:
    """Return when an entry was published (epoch seconds); None where upstream does not say, or says what cannot be.

    A date to come is none: the post would wait for it, and clocks that are ahead are more common than news from the future.
    """
    moment = epoch(entry.published or entry.updated)
    return moment if moment is not None and _EARLIEST <= moment <= now else None


def updated_date(entry: Entry, posted: int, now: int) -> int | None:
    """Return when upstream changed an entry (epoch seconds), None unless that is after `posted` and not to come."""
    moment = epoch(entry.updated)
    return moment if moment is not None and posted < moment <= now else None


def beyond_keep(articles: Sequence[Article], keep: Keep, *, now: int) -> list[Article]:
    """Return the articles that a source's `keep` has no room for: all but the newest so many, or those of such an age."""
    if isinstance(keep, timedelta):
        oldest = now - int(keep.total_seconds())
        return [article for article in articles if article.posted < oldest]
    return sorted(articles, key=lambda article: (article.posted, article.key), reverse=True)[keep:]
