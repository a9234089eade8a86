"""What the config file of a Hexo, Jekyll or Hugo site says that feedmill can use: `feedmill init --from`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from feedmill import configaddresses as addresses
from feedmill.configfile import read_text
from feedmill.errors import ConfigError, ConfigProblem
from feedmill.model import FALSE_WORDS
from feedmill.permalinkstyles import HEXO_DEFAULT, JEKYLL_DEFAULT, Permalink, from_hexo, from_jekyll
from feedmill.yamlstrict import YamlRefused, read_mapping

_NO_PERMALINK = Permalink("")
_ADVICE = "name the config file of a Hexo, Jekyll or Hugo site: `--from _config.yml`"

#: Keys that only one of the two has, and what stands beside its config file.
_HEXO_KEYS = frozenset(
    {"source_dir", "public_dir", "new_post_name", "post_asset_folder", "skip_render", "archive_dir", "category_dir", "i18n_dir"}
    | {"default_layout", "render_drafts", "titlecase", "per_page", "theme_config", "pretty_urls", "permalink_defaults", "index_generator"}
)
_HEXO_NEIGHBOURS = ("source/_posts", "scaffolds")
_JEKYLL_KEYS = frozenset(
    {"collections", "collections_dir", "plugins", "gems", "markdown", "kramdown", "baseurl", "sass", "remote_theme", "paginate"}
    | {"defaults", "highlighter", "liquid"}
)
_JEKYLL_NEIGHBOURS = ("_posts", "_layouts", "_includes", "Gemfile")
_HUGO_SECTIONS = ("posts", "post", "blog")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSite:
    """A site as its generator's config describes it; "" where it says nothing that can be used."""

    title: str = ""
    url: str = ""
    author: str = ""
    language: str = ""
    timezone: str = ""
    #: The generator's folder of posts; None when it is not known.
    posts_dir: Path | None = None
    #: The folder that the generator copies to {url}feeds/; None where it is the site's own `feeds`.
    feeds_dir: Path | None = None
    categories: str = "nested"
    permalink: str = ""
    #: What a person should know or do.
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Reading:
    """The keys of the file (Hugo's in lower case), its folder, and the notes made on the way."""

    keys: Mapping[str, Any]
    folder: Path
    notes: list[str] = field(default_factory=list)

    def text(self, *names: str) -> str:
        """Return the first of `names` that has a text: itself, the `name` in it, or the first of its list."""
        return next((found for name in names if (found := _text(self.keys.get(name)))), "")

    def checked(self, key: str, value: str, parse: Callable[[object], str]) -> str:
        """Return `value` as `parse` has it; "" and a note when it does not do."""
        try:
            return parse(value) if value else ""
        except ValueError as exc:
            self.notes.append(f'{key}: "{value}" was left out{f": {exc}" if str(exc) else ""}')
            return ""


def _text(value: Any) -> str:
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, Mapping):
        return _text(value.get("name"))
    return _text(value[0]) if isinstance(value, list) and value else ""


def read_site(path: Path) -> FoundSite:
    """Return what the config file `path` says of its site.

    Raises ConfigError when it cannot be read, or is no config file of Hexo, Jekyll or Hugo.
    """
    text = read_text(path, advice=_ADVICE)
    folder = path.parent
    if path.suffix == ".toml":
        return _hugo(_Reading(_toml(text, name=str(path)), folder))
    reading = _yaml(text, path)
    if "baseURL" in reading.keys or "languageCode" in reading.keys:
        return _hugo(_Reading({key.lower(): value for key, value in reading.keys.items()}, folder, reading.notes))
    hexo = _score(reading, keys=_HEXO_KEYS, neighbours=_HEXO_NEIGHBOURS)
    jekyll = _score(reading, keys=_JEKYLL_KEYS, neighbours=_JEKYLL_NEIGHBOURS)
    if not hexo and not jekyll and not reading.text("title", "url"):
        raise ConfigError(f"{path} has nothing that a Hexo, Jekyll or Hugo site has; {_ADVICE}")
    if hexo == jekyll:
        reading.notes.append(f"{path.name} may be Hexo's or Jekyll's: set posts.dir, posts.categories and posts.permalink yourself")
        return _site(reading, url=_joined(reading.text("url"), reading.text("root", "baseurl")))
    return _hexo(reading) if hexo > jekyll else _jekyll(reading)


def _score(reading: _Reading, *, keys: frozenset[str], neighbours: tuple[str, ...]) -> int:
    return len(keys.intersection(reading.keys)) + 2 * sum((reading.folder / name).exists() for name in neighbours)


def _toml(text: str, *, name: str) -> dict[str, Any]:
    try:
        return {key.lower(): value for key, value in tomllib.loads(text).items()}
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{name} cannot be read:", (ConfigProblem("", 0, f"not TOML: {exc}"),)) from None


def _yaml(text: str, path: Path) -> _Reading:
    """Read YAML strictly; a file that uses more of YAML than that is skimmed for plain lines."""
    try:
        return _Reading(read_mapping(text).value, path.parent)
    except YamlRefused as exc:
        note = f"{path.name}, line {exc.line}: {exc.reason}; only its plain `key: value` lines were read, look config.yaml over"
        return _Reading(skim(text), path.parent, [note])


def skim(text: str) -> dict[str, Any]:
    """Return what the plain lines of a YAML text say: top-level texts, lists of texts and mappings of texts, nothing deeper."""
    found: dict[str, Any] = {}
    key = ""
    for line in text.splitlines():
        if match := re.match(r"([A-Za-z_][\w-]*)[ \t]*:(?:[ \t]+(.*))?$", line):
            key = match[1]
            found[key] = _plain(match[2] or "")
        elif key and (match := re.match(r"[ \t]*-[ \t]+(.*)$", line)):
            held = found[key] if isinstance(found[key], list) else []
            found[key] = [*held, _plain(match[1])]
        elif key and (match := re.match(r"[ \t]+([A-Za-z_][\w-]*)[ \t]*:(?:[ \t]+(.*))?$", line)):
            inner = found[key] if isinstance(found[key], dict) else {}
            found[key] = {match[1]: _plain(match[2] or "")} | inner
        elif key and line[:1].isspace() and isinstance(found[key], str) and not line.lstrip().startswith("#"):
            found[key] = f"{found[key]} {line.strip()}".strip()
    return found


def _plain(value: str) -> str:
    """Return a value without its anchor, tag, block mark, quotes and comment; "" for an alias."""
    value = re.sub(r"^(?:[&!]\S*\s*)+", "", value.strip())
    if quoted := re.match(r"'((?:[^']|'')*)'|\"((?:[^\"\\]|\\.)*)\"", value):
        return quoted[1].replace("''", "'") if quoted[1] is not None else re.sub(r"\\(.)", r"\1", quoted[2])
    return re.sub(r"^[>|][+-]?\d*$|^\*\S+|(?:^|\s+)#.*$", "", value)


def _hexo(reading: _Reading) -> FoundSite:
    pretty = reading.keys.get("pretty_urls")
    answers = {key: _text(value).lower() for key, value in pretty.items()} if isinstance(pretty, Mapping) else {}
    endings = (("trailing_index", "index.html"), ("trailing_html", ".html"))
    permalink = from_hexo(
        reading.text("permalink") or HEXO_DEFAULT,
        new_post_name=reading.text("new_post_name"),
        trimmed=tuple(ending for key, ending in endings if answers.get(key) in FALSE_WORDS),
    )
    site = _site(reading, url=_joined(reading.text("url"), reading.text("root")), permalink=permalink)
    source = reading.folder / (reading.text("source_dir") or "source")
    return replace(site, posts_dir=source / "_posts", feeds_dir=source / "feeds")


def _jekyll(reading: _Reading) -> FoundSite:
    permalink = from_jekyll(_jekyll_own_permalink(reading) or reading.text("permalink") or JEKYLL_DEFAULT)
    folder = reading.folder / reading.text("source") / reading.text("collections_dir") / "_posts"
    site = _site(reading, url=_joined(reading.text("url"), reading.text("baseurl")), permalink=permalink)
    return replace(site, posts_dir=folder, categories="flat")


def _jekyll_own_permalink(reading: _Reading) -> str:
    """Return the permalink that posts have instead of the site's: from `defaults`, else from `collections.posts`."""
    defaults = reading.keys.get("defaults")
    for item in defaults if isinstance(defaults, list) else ():
        scope, values = (item.get("scope"), item.get("values")) if isinstance(item, Mapping) else (None, None)
        is_for_posts = isinstance(scope, Mapping) and not _text(scope.get("path")) and _text(scope.get("type")) in ("", "posts")
        if is_for_posts and isinstance(values, Mapping) and (own := _text(values.get("permalink"))):
            return own
    collections = reading.keys.get("collections")
    posts = collections.get("posts") if isinstance(collections, Mapping) else None
    return _text(posts.get("permalink")) if isinstance(posts, Mapping) else ""


def _hugo(reading: _Reading) -> FoundSite:
    content = reading.folder / (reading.text("contentdir") or "content")
    section = next((name for name in _HUGO_SECTIONS if (content / name).is_dir()), "")
    params = reading.keys.get("params")
    if isinstance(params, Mapping) and not reading.text("author"):
        reading.keys = {**reading.keys, "author": next((value for key, value in params.items() if key.lower() == "author"), "")}
    site = _site(reading, url=reading.text("baseurl"), permalink=_hugo_permalink(reading, section))
    static = reading.folder / (reading.text("staticdir") or "static")
    return replace(site, posts_dir=content / section, feeds_dir=static / "feeds", categories="flat")


def _hugo_permalink(reading: _Reading, section: str) -> Permalink:
    """Return Hugo's default address of a page below content/ (gohugo.io/content-management/urls)."""
    if reading.keys.get("permalinks"):
        return Permalink("", ("the `permalinks` of Hugo are not translated: set posts.permalink",))
    ending = ".html" if str(reading.keys.get("uglyurls", "")).lower() == "true" else "/"
    note = "posts.permalink is Hugo's default; a post with a `slug`, and one in a page bundle (index.md), needs a `permalink` key"
    return Permalink("{url}" + (f"{section}/" if section else "") + "{path}" + ending, (note,))


def _joined(url: str, root: str) -> str:
    """Return the site's address with the folder that it lives in, unless the address already ends with that."""
    inner = root.strip("/")
    _, _, place = url.partition("://")
    if not url or not inner or place.rstrip("/").endswith(f"/{inner}"):
        return url
    return f"{url.rstrip('/')}/{inner}/"


def _site(reading: _Reading, *, url: str, permalink: Permalink = _NO_PERMALINK) -> FoundSite:
    language = reading.text("language", "lang", "locale", "languagecode", "defaultcontentlanguage")
    return FoundSite(
        title=reading.checked("site.title", reading.text("title", "name"), addresses.parse_line),
        url=reading.checked("site.url", url, addresses.parse_base_url),
        author=reading.checked("site.author", reading.text("author", "social"), addresses.parse_line),
        language=reading.checked("site.language", "" if language == "default" else language, addresses.parse_language),
        timezone=reading.checked("site.timezone", reading.text("timezone"), addresses.parse_zone_name),
        permalink=permalink.template,
        notes=(*reading.notes, *permalink.notes),
    )
