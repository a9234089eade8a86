"""Sources as OPML, the format in which feed readers exchange their subscriptions: a file's feeds, and the file of ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from feedmill.config import Config, SourceConfig
from feedmill.configaddresses import parse_url
from feedmill.consumer.discover import without_feed_scheme
from feedmill.errors import ConfigError, ConfigProblem
from feedmill.sourceediting import NewSource
from feedmill.sourcenames import source_name
from feedmill.text import clean_text, one_line, shorten
from feedmill.urls import encode_url

MAX_BYTES = 10_000_000
#: Folders within folders that become categories; deeper ones are left out of the path.
MAX_FOLDERS = 10

_MAX_TITLE = 200
_MAX_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFeed:
    """A feed in an OPML file: an address that config.yaml takes, a title ("" where there is none), the folders it is in."""

    url: str
    title: str = ""
    categories: tuple[str, ...] = ()


def read_opml(data: bytes) -> tuple[list[ListedFeed], list[str]]:
    """Return the feeds of an OPML file, 1.0 or 2.0, in its order, and a line on each outline whose address cannot be used.

    Every outline with an `xmlUrl` is a feed, however it is nested; outlines around it are its folders. Raises ConfigError, with the
    line, for what is not OPML and for more than 10 MB.
    """
    body = next((child for child in _parsed(data) if _name(child) == "body"), None)
    feeds: list[ListedFeed] = []
    problems: list[str] = []
    for outline, folders in _outlines(body) if body is not None else ():
        address = _attribute(outline, "xmlurl")
        if not address:
            continue
        try:
            url = _usable(address)
        except ValueError as exc:
            reason = str(exc) or "it cannot be used"
            problems.append(f'line {outline.sourceline}: the address "{shorten(one_line(address), _MAX_SHOWN)}" is left out: {reason}')
        else:
            feeds.append(ListedFeed(url=url, title=_title(outline), categories=folders[:MAX_FOLDERS]))
    return feeds, problems


def _parsed(data: bytes) -> etree._Element:
    if len(data) > MAX_BYTES:
        raise ConfigError(f"the OPML file is larger than {MAX_BYTES // 1_000_000} MB; split it")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as exc:
        line = getattr(exc, "lineno", None) or 0
        problem = ConfigProblem("", line, one_line(getattr(exc, "msg", None) or str(exc)) or "it is empty")
        raise ConfigError("the OPML file cannot be read:", (problem,)) from None
    if _name(root) != "opml":
        found = shorten(_name(root), _MAX_SHOWN)
        raise ConfigError(f"the file is no OPML: it begins with <{found}>; export your subscriptions as OPML and name that file")
    return root


def _outlines(body: etree._Element) -> Iterator[tuple[etree._Element, tuple[str, ...]]]:
    """Yield every outline with the names of the folders around it; a feed that holds outlines is no folder."""
    held: list[tuple[etree._Element, tuple[str, ...]]] = [(outline, ()) for outline in reversed(body)]
    while held:
        outline, folders = held.pop()
        if _name(outline) != "outline":
            continue
        yield outline, folders
        name = "" if _attribute(outline, "xmlurl") else _title(outline)
        inside = (*folders, name) if name else folders
        held.extend((child, inside) for child in reversed(outline))


def _name(element: etree._Element) -> str:
    """Return an element's name in small letters, without its namespace; "" for what is no element."""
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _attribute(outline: etree._Element, name: str) -> str:
    """Return an attribute whatever its capitals (`xmlUrl`, `xmlURL` and `xmlurl` are all in use); "" where it is absent."""
    return next((str(value).strip() for key, value in outline.attrib.items() if str(key).lower() == name), "")


def _title(outline: etree._Element) -> str:
    """Return the name of an outline as it stands: `<antirez>` is a name too."""
    names = (one_line(_attribute(outline, name)[: 8 * _MAX_TITLE].replace("\x7f", "")) for name in ("title", "text"))
    return shorten(next(filter(None, names), ""), _MAX_TITLE)


def _usable(address: str) -> str:
    """Return an address as config.yaml takes it. Raises ValueError with the reason where there is none.

    `${…}` in a file from elsewhere is no variable of ours: it is percent-encoded, never filled in.
    """
    address = without_feed_scheme(address)
    try:
        return parse_url(address)
    except ValueError as exc:
        encoded = encode_url(address)
        if not encoded:
            raise
        try:
            return parse_url(encoded)
        except ValueError:
            raise exc from None


def import_sources(config: Config, data: bytes) -> tuple[list[NewSource], list[str]]:
    """Return the feeds of an OPML file that `config` does not have yet, each with a name of its own, and a line on each that is left out.

    Raises ConfigError as `read_opml` does.
    """
    feeds, problems = read_opml(data)
    names = {source.name for source in config.sources}
    known = {_same(source.url): source.name for source in config.sources}
    sources: list[NewSource] = []
    for feed in feeds:
        key = _same(feed.url)
        if key in known:
            problems.append(f"{_told(feed)} is left out: it is the source {known[key]} already")
            continue
        name = source_name(feed.title, feed.url, taken=names)
        names.add(name)
        known[key] = name
        sources.append(NewSource(name=name, url=feed.url, title=feed.title, categories=feed.categories))
    return sources, problems


def _same(url: str) -> str:
    """Return what two addresses of one feed share: not the scheme, the fragment or a final slash."""
    return (encode_url(url) or url).partition("#")[0].partition("://")[2].rstrip("/")


def _told(feed: ListedFeed) -> str:
    return f'"{feed.title}"' if feed.title else shorten(feed.url, _MAX_SHOWN)


@dataclass(slots=True)
class _Folder:
    """An outline that holds others, in the order of their first appearance."""

    inside: dict[tuple[str, str], _Folder | SourceConfig] = field(default_factory=dict)


def write_opml(config: Config) -> tuple[bytes, list[str]]:
    """Return the sources as OPML 2.0, nested by their categories, and the names of those left out because their address holds a secret.

    A password and a value from the environment are secrets; a plain query is not, in a file that a person asks for. The same
    configuration gives the same bytes.
    """
    top = _Folder()
    left_out: list[str] = []
    for source in config.sources:
        if "@" in source.url.partition("://")[2].partition("/")[0] or "${" in source.url_as_written:
            left_out.append(source.name)
            continue
        folder = top
        for category in source.categories:
            inner = folder.inside.setdefault(("folder", category), _Folder())
            assert isinstance(inner, _Folder), "the key says so"
            folder = inner
        folder.inside["source", source.name] = source
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = clean_text(config.site.title)
    _write(etree.SubElement(root, "body"), top)
    etree.indent(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n", left_out


def _write(parent: etree._Element, folder: _Folder) -> None:
    for (_, name), held in folder.inside.items():
        if isinstance(held, _Folder):
            _write(etree.SubElement(parent, "outline", text=clean_text(name)), held)
        else:
            title = clean_text(held.title or held.name)
            address = held.url_as_written.strip() or held.url
            etree.SubElement(parent, "outline", type="rss", text=title, title=title, xmlUrl=clean_text(address))
