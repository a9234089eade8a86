"""Which upstream entry is which article: a set of aliases, tried from the surest to the weakest. Pure.

A false pair overwrites an article, a missed pair shows one twice; so every alias must point to one article from one entry
alone, and the weak ones are asked only where an entry has nothing better, or where a whole feed seems to be new at once.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from feedmill.consumer.fingerprints import digest
from feedmill.consumer.links import fold_title, is_page, normal_link, slug
from feedmill.posts.ids import name_based
from feedmill.state.ledger import DELETED, PRUNED, Article
from feedmill.upstream import Entry

#: Shorter texts (in characters) are no alias: they repeat ("Comments", a picture without words).
LEAST_TEXT = 200
#: From so many entries of unknown guid on, if they are more than half of the document, the feed may have been made anew.
FLOOD = 3
#: From so many entries on, one guid and link on all of them are a broken generator's, not editions of one article.
_CONSTANT = 3
#: None of these alone tells an article from the next week's, or from the same chapter of another book.
_WEAK_PAIRS = (("title", "text"), ("slug", "text"), ("slug", "date"), ("text", "date"))
#: Dates of whole half hours are what a feed without a clock gives to everything of a day.
_ROUND = 1800
#: A name of so many characters is one article's own.
_OWN_SLUG = 30

# What clean HTML has beside words: tags, whose attributes hold no `>`, and white space.
_NO_WORDS = re.compile(r"<[^>]*>|\s+")


def epoch(moment: datetime | None) -> int | None:
    """Return whole seconds since 1970, None for no moment."""
    return None if moment is None else int(moment.timestamp())


@dataclass(frozen=True, slots=True)
class Aliases:
    """By what an entry may be recognised; "" and None where it has nothing of the kind."""

    guid: str
    #: Normalised; `page` is the link as it stands.
    link: str
    page: str
    title: str
    date: int | None
    #: Digest of the text, where it is long enough to be told from others.
    text: str
    #: The last part of the link's path, which survives a move of the site.
    slug: str
    #: Digest of the body, where nothing better names the entry; "" elsewhere.
    body: str

    @classmethod
    def of(cls, entry: Entry) -> Aliases:
        """Return the aliases of an entry."""
        link = normal_link(entry.link)
        date = epoch(entry.published or entry.updated)
        # As the post will carry it: in front matter a brace's reference is the brace.
        guid = entry.guid.replace("&#123;", "{").replace("&#125;", "}")
        body = "" if guid or is_page(link) else digest(entry.body)
        return cls(guid, link, entry.link, fold_title(entry.title), date, text_alias(entry.body), slug(link), body)


def text_alias(body: str) -> str:
    """Return the digest of the words of an HTML body; "" where they are too few to tell it from others."""
    words = _NO_WORDS.sub("", body)
    return digest(words) if len(words) >= LEAST_TEXT else ""


@dataclass(slots=True)
class Pairing:
    """What became of a document's entries, by their index."""

    #: By what each entry may be recognised.
    aliases: Sequence[Aliases]
    #: The article that an entry is.
    known: dict[int, Article] = field(default_factory=dict)
    #: The key of an article that was never seen.
    new: dict[int, str] = field(default_factory=dict)
    #: Another entry of the same document that is the same article, in a newer edition.
    double_of: dict[int, int] = field(default_factory=dict)


def pair(
    entries: Sequence[Entry], articles: Sequence[Article], *, source: str, marks: Mapping[str, int], cut: Collection[str] = ()
) -> Pairing:
    """Say for every entry which article it is.

    `articles` are all that are known of the source, `marks` the article numbers of marks, `cut` the marks of entries that the
    document also holds and that were not read: their articles are taken.
    """
    return _Pairing(entries, articles, source, marks, cut).run()


class _Pairing:
    def __init__(
        self, entries: Sequence[Entry], articles: Sequence[Article], source: str, marks: Mapping[str, int], cut: Collection[str]
    ) -> None:
        self._entries, self._source, self._marks = entries, source, marks
        self._aliases = [Aliases.of(entry) for entry in entries]
        taken = {marks[mark] for mark in cut if mark in marks}
        self._left = {article.article: article for article in articles if article.article not in taken}
        self._articles = articles
        self._total = len(entries) + len(cut)
        self._result = Pairing(self._aliases)

    def run(self) -> Pairing:
        """Ask the surest aliases first; what is left in the end is new."""
        members = self._editions()
        waiting = self._by_names(self._take_marked(list(members), members))
        rest = self._by_pages(waiting)
        if len(waiting) >= FLOOD and len(waiting) * 2 > self._total:
            rest = self._by_two_things(rest, among=len(waiting))
        self._name(rest)
        return self._result

    def _by_names(self, waiting: list[int]) -> list[int]:
        """By guid and link together, then by a guid that no other article of the source has, alone or with a link."""
        guids = Counter(article.guid for article in self._articles if article.guid)
        guids.update(article.guid.partition(" ")[0] for article in self._articles if " " in article.guid)
        waiting = self._settle(waiting, self._named, _article_names)
        return self._settle(
            waiting, lambda alias: [alias.guid] if alias.guid else [], lambda article: [article.guid] if guids[article.guid] == 1 else []
        )

    def _by_pages(self, waiting: list[int]) -> list[int]:
        """By the page that an entry leads to, with something that agrees or alone, then by what stands over it."""
        waiting = self._settle(waiting, _guid_address, lambda article: _address(article.guid))
        for also in ("title", "date", "text"):
            waiting = self._settle(waiting, _with_link(also), _with_link(also))
        ours, theirs = Counter(article.link for article in self._articles), Counter(alias.link for alias in self._aliases)
        waiting = self._settle(
            waiting,
            lambda alias: _page_without_guid(alias) if theirs[alias.link] == 1 else [],
            lambda article: _own_page(article) if ours[article.link] == 1 else [],
            agree=_is_one_page,
        )
        waiting = self._settle(waiting, _heading, _heading, agree=_is_one_heading)
        return self._settle(waiting, _nameless, _of_nameless)

    def _by_two_things(self, waiting: list[int], *, among: int) -> list[int]:
        """Most of a known feed, `among` entries, has no known guid: it was made anew, and then any two things that agree are enough."""
        for two in _WEAK_PAIRS:
            waiting = self._settle(waiting, _both(*two), _both(*two), agree=_is_there)
        # A title may come again every day under the same name; not a long name, nor where most of the others were recognised.
        is_made_anew = len(waiting) * 2 <= among
        named = _both("title", "slug")
        return self._settle(
            waiting, named, named, agree=lambda alias, known: _is_there(alias, known) and (is_made_anew or len(alias.slug) >= _OWN_SLUG)
        )

    # Entries beside each other

    def _editions(self) -> dict[int, list[int]]:
        """Return the entries to be placed, each with all its editions in the document; the newest edition stands for them."""
        groups: dict[Hashable, list[int]] = defaultdict(list)
        for index, alias in enumerate(self._aliases):
            groups[self._same(alias, index)].append(index)
        members: dict[int, list[int]] = {}
        for group in groups.values():
            for editions in self._parted(group):
                newest = max(editions, key=lambda index: (self._moment(index), -index))
                members[newest] = editions
                self._result.double_of.update((index, newest) for index in editions if index != newest)
        return dict(sorted(members.items()))

    def _same(self, alias: Aliases, index: int) -> Hashable:
        """Return what two entries of one document share when they are editions of one article."""
        if alias.guid:
            return (alias.guid, alias.link)
        if is_page(alias.link):
            return (alias.link, alias.title, alias.date)
        if alias.title and alias.date is not None:
            return (alias.title, alias.date, alias.link)
        return (alias.title, alias.link, alias.text or self._entries[index].body)

    def _parted(self, group: list[int]) -> list[list[int]]:
        """A guid and a link that stand on many entries of different titles name none of them."""
        titles = {self._aliases[index].title for index in group}
        if len(group) < _CONSTANT or len(titles) < len(group):
            return [group]
        return [[index] for index in group]

    def _moment(self, index: int) -> int:
        entry = self._entries[index]
        return epoch(entry.updated or entry.published) or 0

    # Entries beside articles

    def _take_marked(self, waiting: list[int], members: Mapping[int, Sequence[int]]) -> list[int]:
        """An entry, or an older edition of it, that is word for word what it was."""
        rest = []
        for index in waiting:
            found = [self._marks.get(self._entries[edition].mark) for edition in (index, *members[index])]
            article = next((number for number in found if number in self._left), None)
            if article is None:
                rest.append(index)
            else:
                self._result.known[index] = self._left.pop(article)
        return rest

    def _settle(
        self,
        waiting: list[int],
        of_entry: Callable[[Aliases], Iterable[Hashable]],
        of_article: Callable[[Article], Iterable[Hashable]],
        *,
        agree: Callable[[Aliases, Article], bool] = lambda *_: True,
    ) -> list[int]:
        """Pair the entries and articles that an alias joins one to one and that `agree`; return the entries that are left."""
        if not waiting or not self._left:
            return waiting
        entries: dict[Hashable, set[int]] = defaultdict(set)
        articles: dict[Hashable, set[int]] = defaultdict(set)
        for index in waiting:
            for alias in of_entry(self._aliases[index]):
                entries[alias].add(index)
        for number, article in self._left.items():
            for alias in of_article(article):
                if alias in entries:
                    articles[alias].add(number)
        for alias, found in entries.items():
            if len(found) == len(articles[alias]) == 1:
                (index,), (number,) = found, articles[alias]
                if index in self._result.known or number not in self._left:
                    continue
                if agree(self._aliases[index], self._left[number]):
                    self._result.known[index] = self._left.pop(number)
        return [index for index in waiting if index not in self._result.known]

    def _named(self, alias: Aliases) -> Iterable[Hashable]:
        """Guid and link together, and the keys that stand for what has no guid of its own."""
        keys = self._keys(alias)
        if alias.guid:
            yield (alias.guid, alias.link)
        # A guid or a link alone is a weaker alias, which comes later.
        yield from keys[1:] if alias.guid or is_page(alias.link) else keys

    def _keys(self, alias: Aliases) -> list[str]:
        """Return the keys that an article of these aliases may get, the plainest first."""
        if alias.guid:
            page = f"{alias.guid} {alias.page}".rstrip()
            return [alias.guid, page, f"{page} {digest(alias.title, str(alias.date))[:8]}"]
        if is_page(alias.link):
            page = alias.page
            return [page, f"{page} {digest(alias.title)[:8]}", f"{page} {digest(alias.title, str(alias.date), alias.text)[:8]}"]
        heading = [alias.title, str(alias.date)] if alias.title and alias.date is not None else [alias.title, alias.body]
        return [name_based("entry", self._source, *heading), name_based("entry", self._source, *heading, alias.link, alias.body)]

    def _name(self, waiting: Iterable[int]) -> None:
        """Give every new article the plainest key that no other article of the source has."""
        taken = {article.key for article in self._articles}
        for index in waiting:
            keys = self._keys(self._aliases[index])
            plain = next((key for key in keys if key not in taken), None)
            count = 2
            while plain is None or plain in taken:
                plain, count = f"{keys[-1]} {count}", count + 1
            taken.add(plain)
            self._result.new[index] = plain


def _article_names(article: Article) -> Iterable[Hashable]:
    if article.guid:
        yield (article.guid, article.link)
    yield article.key


def _address(guid: str) -> list[str]:
    link = normal_link(guid)
    return [link] if is_page(link) else []


def _guid_address(alias: Aliases) -> list[str]:
    return _address(alias.guid)


def _page_without_guid(alias: Aliases) -> list[str]:
    return [alias.link] if is_page(alias.link) else []


def _own_page(article: Article) -> list[str]:
    """An article's link names it where its guid is that link, or where it has none."""
    has_guid = article.guid and normal_link(article.guid) != article.link
    return [article.link] if is_page(article.link) and not has_guid else []


def _with_link(also: str) -> Callable[[Aliases | Article], list[Hashable]]:
    def alias(item: Aliases | Article) -> list[Hashable]:
        value = getattr(item, also)
        return [(item.link, value)] if item.link and value not in ("", None) else []

    return alias


def _heading(item: Aliases | Article) -> list[Hashable]:
    return [(item.title, item.date)] if item.title and item.date is not None else []


def _is_there(_: Aliases, article: Article) -> bool:
    """A post that was removed for good takes no other article with it on weak evidence."""
    return article.status not in (DELETED, PRUNED)


def _is_one_page(alias: Aliases, article: Article) -> bool:
    """A page that shows another title and another date every time is no article's own."""
    return alias.title == article.title or alias.date is None or article.date is None or alias.date == article.date


def _is_one_heading(alias: Aliases, article: Article) -> bool:
    """Two articles of one title and one day are told apart by their names, where both have them and nothing else agrees."""
    if alias.date is not None and alias.date % _ROUND:
        return True
    has_names = (alias.guid or is_page(alias.link)) and (article.guid or is_page(article.link))
    is_same = (alias.slug and alias.slug == slug(article.link)) or (alias.text and alias.text == article.text)
    return bool(not has_names or is_same)


def _nameless(alias: Aliases) -> list[Hashable]:
    """Where there is neither guid nor link, a title or a text must do."""
    if alias.guid or is_page(alias.link):
        return []
    return [value for value in (alias.date is None and f"title {alias.title}" if alias.title else "", alias.text) if value]


def _of_nameless(article: Article) -> list[Hashable]:
    if is_page(article.link):
        return []
    return [value for value in (article.date is None and f"title {article.title}" if article.title else "", article.text) if value]


def _both(one: str, other: str) -> Callable[[Aliases | Article], list[Hashable]]:
    def alias(item: Aliases | Article) -> list[Hashable]:
        values = [_weak(item, one), _weak(item, other)]
        return [] if "" in values or None in values else [tuple(values)]

    return alias


def _weak(item: Aliases | Article, name: str) -> Hashable:
    if name == "slug" and isinstance(item, Article):
        return slug(item.link)
    value: Hashable = getattr(item, name)
    return value
