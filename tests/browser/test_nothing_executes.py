"""All payloads in a real browser: as pages of the real server, in the lists, and as a feed reader without any policy shows them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from browser.chromium import Tab, tab
from browser.serving import serving
from faultorigin import Reply
from feedmill.model import Post
from feedmill.posts.format import decode
from payloads import FAMILIES, canary_of, numbered, payloads, rss_document
from service.daemonrun import make_project, running
from sites import CONFIG, NOW, Project, make_post
from syncing import synced

pytestmark = pytest.mark.long

FEEDS = "feeds:\n  formats: [atom, rss, json]\n  tags: true\n  limit: 20\n"
#: Hosts that only a tracker's picture names, of the reader's own machine or of one pixel.
PRIVATE = {"127.0.0.1", "127.1", "localhost", "[::1]", "10.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "t.example", "0x7f.1"}
CANARIES = "Object.keys(window).filter(name => /^pwned/.test(name))"
#: What a page has that may run, lead, or send: nothing. The browser's own reading of every address.
FOUND = """
(() => {
  const odd = [];
  for (const element of document.querySelectorAll('*')) {
    for (const {name, value} of element.attributes) {
      if (/^on|^style$|^srcdoc$|^form/.test(name)) odd.push(`${element.tagName} ${name}=${value.slice(0, 80)}`);
    }
    for (const name of ['href', 'src', 'action', 'data', 'poster', 'cite', 'background']) {
      const value = element[name] && (element[name].baseVal ?? element[name]);
      if (typeof value !== 'string' || !value || (element.tagName === 'LINK' && element.rel === 'icon')) continue;
      const scheme = new URL(value, document.baseURI).protocol;
      if (!['http:', 'https:', 'mailto:', OWN].includes(scheme)) odd.push(`${element.tagName} ${name}=${value}`);
    }
  }
  const banned = 'iframe, frame, object, embed, applet, form, base, svg, math, video, audio, portal, template, meta[http-equiv=refresh]';
  for (const element of document.querySelectorAll(banned)) odd.push(element.outerHTML.slice(0, 80));
  return {odd, canaries: CANARIES, scripts: document.scripts.length, path: decodeURIComponent(location.pathname)};
})()
""".replace("CANARIES", CANARIES)
#: A feed reader that trusts what it is given: each text in a document of its own, then twice through innerHTML; odd links are clicked.
READER = """<!DOCTYPE html><meta charset="utf-8"><title>reader</title><body><script>
async function read(texts, patience) {
  const odd = [];
  const look = (root, number) => {
    for (const element of root.querySelectorAll('*')) {
      for (const name of Element.prototype.getAttributeNames.call(element)) {
        if (/^on/.test(name)) odd.push([number, `${element.tagName} ${name}`]);
      }
      if (!element.namespaceURI.endsWith('xhtml')) odd.push([number, element.namespaceURI]);
    }
    for (const link of root.querySelectorAll('a, area')) {
      const address = typeof link.href === 'string' ? link.href : link.href.baseVal;
      if (!/^\\s*javascript:/i.test(link.protocol || address)) continue;
      odd.push([number, address]);
      link.dispatchEvent(new MouseEvent('click', {cancelable: true, bubbles: true, view: link.ownerDocument.defaultView}));
    }
  };
  for (let start = 0; start < texts.length; start += 40) {
    const frames = await Promise.all(texts.slice(start, start + 40).map(([number, text]) => new Promise(done => {
      const frame = document.createElement('iframe');
      frame.srcdoc = '<!DOCTYPE html><meta charset="utf-8"><title>x</title><body>' + text;
      frame.onload = () => done([number, text, frame]);
      setTimeout(() => done([number, text, frame]), patience);
      document.body.append(frame);
    })));
    for (const [number, text, frame] of frames) {
      const inner = frame.contentDocument;
      if (!inner || !inner.body) { odd.push([number, 'went away']); continue; }
      look(inner, number);
      const place = Document.prototype.createElement.call(inner, 'div');  // a form may have taken the name
      inner.body.append(place);
      place.innerHTML = text;
      place.innerHTML = place.innerHTML;
      look(place, number);
    }
    await new Promise(done => setTimeout(done, 60));
    for (const [, , frame] of frames) frame.remove();
  }
  return {odd, canaries: CANARIES};
}
</script>""".replace("CANARIES", CANARIES)
#: Everything is allowed: nothing but the cleaning keeps a script from running.
NO_POLICY = "default-src * 'unsafe-inline' 'unsafe-eval' data: blob:"


#: Bodies on one page: they are balanced, and what is clean is not changed by being cleaned again.
TOGETHER = 12


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> list[Post]:
    """A post for each payload, in every field of which it stood upstream, as a sync wrote it."""
    with synced(tmp_path_factory.mktemp("synced") / "site") as up:
        up.others = "".join(
            f"  - {{name: {family.lower()}, url: '{up.origin.url(f'/{family}')}', categories: [{family}], tags: true}}\n"
            for family in FAMILIES
        )
        for family in FAMILIES:
            up.origin.add(f"/{family}", Reply(body=rss_document(numbered(family))))
        up.run(*(family.lower() for family in FAMILIES), is_forced=True)
        zone = up.project.config.site.zone
        found = [decode(text.encode(), name=name, zone=zone).post for name, text in up.files.items()]
    assert len(found) == len(payloads())
    return found


def together(posts: list[Post]) -> str:
    """The bodies of some posts as one."""
    return "\n".join(f"<div>{post.body}</div>" for post in posts)


def on_disk(folder: Path, more: str, *, base: str = CONFIG) -> Project:
    """A project with its configuration in a file, for a server of its own."""
    make_project(folder, more, base=base)
    return Project(folder / "site", base=base, extra=more)


@pytest.fixture(scope="module")
def site(posts: list[Post], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A site that shows all of these bodies, some together on a page, under the titles, authors and tags of some."""
    project = on_disk(tmp_path_factory.mktemp("site"), FEEDS)
    for number, start in enumerate(range(0, len(posts), TOGETHER)):
        some = posts[start : start + TOGETHER]
        first, body = some[0], together(some)
        keys = {"title": " ".join(post.title for post in some)[:500], "author": first.author, "link": first.link, "headimg": first.headimg}
        tags = json.dumps([tag for post in some for tag in post.tags])
        project.post(f"{number}.md", body=body, tags=tags, **{key: json.dumps(value) for key, value in keys.items()})
    assert project.publish().skipped == ()
    return project


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Feeds and posts whose every name is a payload."""
    markups = [" ".join(markup.replace("\0", "").split())[:300] for markup in numbered(every=9).values()]
    names = ["".join(filter(str.isprintable, markup)) for markup in markups if markup]
    quoted = [json.dumps(name) for name in names]
    folders = [json.dumps(name.replace("/", "|")) for name in names]
    base = f"site: {{title: {quoted[3]}, author: {quoted[4]}, url: 'https://news.example.org/', language: en}}\n"
    titled = dict(list(zip(folders, quoted, strict=True))[::4])
    overrides = "".join(f"    {folder}: {{title: {text}, description: {text}}}\n" for folder, text in titled.items())
    project = on_disk(tmp_path_factory.mktemp("named"), f"{FEEDS}  overrides:\n{overrides}", base=base)
    for number, (text, folder) in enumerate(zip(quoted, folders, strict=True)):
        keys = dict.fromkeys(("title", "author", "excerpt", "headimg", "lang", "link"), text)
        project.write(f"{number}.md", make_post("x", **keys, categories=f"[[{text}, {quoted[0]}], {folder}]", tags=f"[{text}]"))
    assert project.publish().skipped == ()
    return project


def browse(chromium: str, walk: Callable[[Tab], Awaitable[None]]) -> Tab:
    async def walking() -> Tab:
        async with tab(chromium) as page:
            await walk(page)
            return page

    return asyncio.run(walking())


def assert_only_pictures(page: Tab, origin: str) -> None:
    """What was asked of others is pictures, and none of the reader's own machine."""
    off = [(url, kind) for url, kind in page.requests if not url.startswith((origin, "data:", "about:"))]
    assert [one for one in off if one[1] != "Image"] == []
    assert {urlsplit(url).netloc for url, _ in off} & PRIVATE == set()


async def assert_quiet(page: Tab, path: str, *, scripts: int, own: str = "http:") -> None:
    """Nothing has run in the page, and it is still the one that was opened."""
    found = await page.run(FOUND.replace("OWN", f"'{own}'"))
    assert found["odd"] == [], path
    assert found["canaries"] == [], path
    assert found["scripts"] == scripts, path
    assert quote(found["path"]) == path


def test_F1_to_F10_nothing_runs_on_the_pages_of_the_real_server(chromium: str, site: Project) -> None:
    with running(site.root, command="serve") as server:
        origin = server.url.rstrip("/")

        async def walk(page: Tab) -> None:
            await page.open(f"{origin}/")
            await assert_quiet(page, "/", scripts=1)
            for file in sorted((site.root / "posts").iterdir()):
                path = f"/posts/{file.stem}/"
                await page.open(origin + path)
                await assert_quiet(page, path, scripts=0)
            for name in ("atom.xml", "rss.xml", "feed.json", "opml.xml"):
                await page.open(f"{origin}/feeds/{name}")
                assert await page.run(CANARIES) == []

        page = browse(chromium, walk)
    assert page.complaints == []
    assert_only_pictures(page, origin)


def test_F9_nothing_runs_in_the_lists_of_hostile_names(chromium: str, named: Project) -> None:
    file = (named.root / "feeds" / "index.html").as_uri()

    async def open_all(page: Tab) -> None:
        await page.run("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
        await page.run("document.querySelectorAll('button').forEach(button => button.click())")
        await page.run("document.querySelector('input:not([readonly])')?.focus()")
        await page.type("<img src=x onerror=top.pwned=1>")

    with running(named.root, command="serve") as server:
        origin = server.url.rstrip("/")

        async def walk(page: Tab) -> None:
            for address, path, own in ((f"{origin}/", "/", "http:"), (file, urlsplit(file).path, "file:")):
                await page.open(address)
                await open_all(page)
                await assert_quiet(page, path, scripts=1, own=own)

        page = browse(chromium, walk)
    assert page.complaints == []
    assert [url for url, _ in page.requests if not url.startswith((origin, "file:", "data:"))] == []


def read_in(chromium: str, project: Project, texts: dict[int, str], *, patience: int) -> tuple[dict[str, list[list[object]]], Tab]:
    """Show these texts in the reader; what it found, and the tab. `patience`: milliseconds for a text that never comes to its end."""
    more = {"/reader": ("text/html; charset=utf-8", READER.encode(), NO_POLICY)}
    found: dict[str, list[list[object]]] = {}

    async def walking() -> Tab:
        async with serving(project.config, clock=NOW.timestamp(), more=more) as address, tab(chromium) as page:
            await page.open(f"{address}/reader")
            numbers = list(texts)
            for start in range(0, len(numbers), 120):
                part = json.dumps([[number, texts[number]] for number in numbers[start : start + 120]])
                for name, values in (await page.run(f"read({part}, {patience})")).items():
                    found.setdefault(name, []).extend(values)
            assert await page.run("location.pathname") == "/reader"
            page.requests = [(url, kind) for url, kind in page.requests if not url.startswith(address)]
            return page

    page = asyncio.run(walking())
    return found, page


def test_F1_to_F10_nothing_runs_in_a_reader_that_has_no_policy(chromium: str, site: Project, posts: list[Post]) -> None:
    """The bodies as feeds carry them, trusted: no header, no sandbox but that of the players."""
    texts = {start: together(posts[start : start + TOGETHER]) for start in range(0, len(posts), TOGETHER)}
    found, page = read_in(chromium, site, texts, patience=20_000)
    assert found == {"odd": [], "canaries": []}
    assert {kind for _, kind in page.requests} <= {"Image", "Media", "TextTrack", "Document"}
    frames = {urlsplit(url).netloc for url, kind in page.requests if kind == "Document" and not url.startswith("about:")}
    assert frames <= set(site.config.html.embeds)


def test_the_payloads_run_where_nobody_cleans_them(chromium: str, site: Project) -> None:
    """As they come in: in every family some that run by themselves or at a click, and in all far too many."""
    ran: dict[str, int] = {}
    for family in FAMILIES:
        texts = {number: markup for number, markup in numbered(family, every=5).items() if len(markup) < 20_000 and "_top" not in markup}
        found, _ = read_in(chromium, site, texts, patience=2_000)
        canaries = {canary_of(number) for number in texts}
        ran[family] = len(canaries & {str(name) for name in found["canaries"]})
    assert all(count for family, count in ran.items() if family != "F10"), ran
    assert sum(ran.values()) > 50, ran
