"""Sources go into config.yaml and come out of it, and nothing else in the file moves."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from feedmill.configfile import load_config, read_config
from feedmill.errors import ConfigError
from feedmill.scaffold import scaffold
from feedmill.sourceediting import NewSource, add_sources, edit_config, remove_source
from feedmill.sourcenames import source_name
from feedmill.yamlstrict import read_mapping

SITE = "site:\n  title: x\n  url: https://e.org/\n"
NEW = NewSource(name="new", url="https://n.org/feed")
FULL = NewSource(name="woshipm", title="产品: 经理", url="https://n.org/?a=1#b", categories=("新媒体", "a, b"))

LAYOUTS = {
    "no sources": (SITE, SITE + "\nsources:\n  - name: new\n    url: https://n.org/feed\n"),
    "no sources and no last line end": (SITE.rstrip(), SITE + "\nsources:\n  - name: new\n    url: https://n.org/feed"),
    "no sources behind a blank line": (SITE + "\n", SITE + "\nsources:\n  - name: new\n    url: https://n.org/feed\n"),
    "a document's end": (SITE + "...\n# end\n", SITE + "\nsources:\n  - name: new\n    url: https://n.org/feed\n...\n# end\n"),
    "an indented root": (
        "  site:\n      title: x\n      url: https://e.org/\n",
        "  site:\n      title: x\n      url: https://e.org/\n\n  sources:\n      - name: new\n        url: https://n.org/feed\n",
    ),
    "sources commented out": (
        SITE + "\n# sources:\n#   - name: a  # b\n",
        SITE + "\n# sources:\n#   - name: a  # b\n\nsources:\n  - name: new\n    url: https://n.org/feed\n",
    ),
    "nothing there": (SITE + "sources:\nserver: {}\n", SITE + "sources:\n  - name: new\n    url: https://n.org/feed\nserver: {}\n"),
    "nothing but comments there": (
        SITE + "sources:  # mine\n  # none yet\n\n# the server\nserver: {}\n",
        SITE + "sources:  # mine\n  # none yet\n  - name: new\n    url: https://n.org/feed\n\n# the server\nserver: {}\n",
    ),
    "an empty list": (SITE + "sources: []  # c\n", SITE + "sources:  # c\n  - name: new\n    url: https://n.org/feed\n"),
    "an empty text": (SITE + "sources: ''\n", SITE + "sources:\n  - name: new\n    url: https://n.org/feed\n"),
    "an empty list over two lines": (SITE + "sources: [\n]\n", SITE + "sources: [{name: new, url: 'https://n.org/feed'}\n]\n"),
    "a block list": (
        SITE + "sources:\n  - name: a\n    url: https://a.org/\nserver: {}\n",
        SITE + "sources:\n  - name: a\n    url: https://a.org/\n  - name: new\n    url: https://n.org/feed\nserver: {}\n",
    ),
    "a block list without indentation": (
        SITE + "sources:\n- url: https://a.org/\n  name: a  # c\n# the server\nserver: {}\n",
        SITE + "sources:\n- url: https://a.org/\n  name: a  # c\n- name: new\n  url: https://n.org/feed\n# the server\nserver: {}\n",
    ),
    "a block list far to the right": (
        SITE + "sources:\n      -   name: a\n          url: https://a.org/\n",
        SITE + "sources:\n      -   name: a\n          url: https://a.org/\n      -   name: new\n          url: https://n.org/feed\n",
    ),
    "a dash on its own line": (
        SITE + "sources:\n  -\n    name: a\n    url: https://a.org/\n",
        SITE + "sources:\n  -\n    name: a\n    url: https://a.org/\n  - name: new\n    url: https://n.org/feed\n",
    ),
    "blank lines between": (
        SITE + "sources:\n  - name: a\n    url: https://a.org/\n\n  - name: b\n    url: https://b.org/\n    # every: 1d\n\nserver: {}\n",
        SITE + "sources:\n  - name: a\n    url: https://a.org/\n\n  - name: b\n    url: https://b.org/\n    # every: 1d\n\n"
        "  - name: new\n    url: https://n.org/feed\n\nserver: {}\n",
    ),
    "no last line end": (
        SITE + "sources:\n  - name: a\n    url: https://a.org/  # c",
        SITE + "sources:\n  - name: a\n    url: https://a.org/  # c\n  - name: new\n    url: https://n.org/feed",
    ),
    "braces in a block list": (
        SITE + "sources:\n  - {name: a, url: 'https://a.org/'}\n",
        SITE + "sources:\n  - {name: a, url: 'https://a.org/'}\n  - {name: new, url: 'https://n.org/feed'}\n",
    ),
    "a list in brackets": (
        SITE + "sources: [{name: a, url: 'https://a.org/'}]  # c\n",
        SITE + "sources: [{name: a, url: 'https://a.org/'}, {name: new, url: 'https://n.org/feed'}]  # c\n",
    ),
    "a list in brackets with a last comma": (
        SITE + "sources: [ {name: a, url: 'https://a.org/'}, ]\n",
        SITE + "sources: [ {name: a, url: 'https://a.org/'}, {name: new, url: 'https://n.org/feed'}, ]\n",
    ),
    "an item a line": (
        SITE + "sources: [\n  {name: a, url: 'https://a.org/'}  # c\n]\n",
        SITE + "sources: [\n  {name: a, url: 'https://a.org/'},  # c\n  {name: new, url: 'https://n.org/feed'}\n]\n",
    ),
    "an item a line with a last comma": (
        SITE + "sources: [\n  {name: a, url: 'https://a.org/'},  # c\n]\n",
        SITE + "sources: [\n  {name: a, url: 'https://a.org/'},  # c\n  {name: new, url: 'https://n.org/feed'},\n]\n",
    ),
    "a bracket behind the last item": (
        SITE + "sources:\n  [{name: a, url: 'https://a.org/'},\n   {name: b, url: 'https://b.org/'}]\n",
        SITE
        + "sources:\n  [{name: a, url: 'https://a.org/'},\n   {name: b, url: 'https://b.org/'},\n   {name: new, url: 'https://n.org/feed'}]\n",
    ),
    "JSON": (
        '{"site": {"title": "x", "url": "https://e.org/"}, "sources": [{"name": "a", "url": "https://a.org/"}]}',
        '{"site": {"title": "x", "url": "https://e.org/"}, "sources": [{"name": "a", "url": "https://a.org/"}, '
        '{"name": "new", "url": "https://n.org/feed"}]}',
    ),
    "JSON without a source": (
        '{"sources": [], "site": {"title": "x", "url": "https://e.org/"}}',
        '{"sources": [{"name": "new", "url": "https://n.org/feed"}], "site": {"title": "x", "url": "https://e.org/"}}',
    ),
}
#: Those that do not come back byte for byte: the list stays, empty.
STAY_EMPTY = {name for name in LAYOUTS if name.startswith(("no sources", "nothing", "a document", "an indented root", "sources comm"))}


@pytest.fixture(params=["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def newline(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_source_is_added_in_the_style_of_the_file(name: str, newline: str) -> None:
    before, after = (text.replace("\n", newline) for text in LAYOUTS[name])
    assert add_sources(before, [NEW]) == after


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_source_that_was_added_can_be_taken_out_without_a_trace(name: str, newline: str) -> None:
    before, after = (text.replace("\n", newline) for text in LAYOUTS[name])
    left = remove_source(after, "new")
    if name in STAY_EMPTY | {"an empty text"}:
        assert "sources: []" in left
        assert _config(left) == _config(before)
    else:
        assert left == before


def test_several_sources_are_added_at_once_with_all_that_is_known_of_them() -> None:
    assert add_sources(SITE, [FULL, NEW]) == (
        SITE + "\nsources:\n  - name: woshipm\n    title: '产品: 经理'\n    url: https://n.org/?a=1#b\n    categories: [新媒体, 'a, b']\n"
        "  - name: new\n    url: https://n.org/feed\n"
    )
    flow = add_sources(SITE + "sources: [\n  {name: a, url: 'https://a.org/'}\n]\n", [FULL, NEW])
    assert flow.endswith(
        "\n  {name: woshipm, title: '产品: 经理', url: 'https://n.org/?a=1#b', categories: [新媒体, 'a, b']},\n"
        "  {name: new, url: 'https://n.org/feed'}\n]\n"
    )
    spaced = add_sources(SITE + "sources:\n- {name: a, url: 'https://a.org/'}\n\n- {name: b, url: 'https://b.org/'}\n", [FULL, NEW])
    assert spaced.count("\n\n- {") == 3


def test_nothing_to_add_changes_nothing() -> None:
    assert add_sources("not: [yaml", []) == "not: [yaml"


@pytest.mark.parametrize(
    "text", ["no", "1.10", "1_000", "2024-01-01", "null", "~", "a: b", "a #b", "'", '"', "- a", "[", "é😀", "*/5 * * * *"]
)
def test_every_text_is_read_back_as_that_text_by_a_typed_reader(text: str) -> None:
    source = NewSource(name="123", url="https://n.org/", title=text, categories=(text,))
    for before in (SITE, SITE + "sources: [{name: a, url: 'https://a.org/'}]\n"):
        added = yaml.safe_load(add_sources(before, [source]))["sources"][-1]
        assert added == {"name": "123", "title": text, "url": "https://n.org/", "categories": [text]}


def test_control_characters_never_reach_the_file() -> None:
    added = add_sources(SITE, [NewSource(name="a", url="https://n.org/", title="a\x00\nb\u2028c\ud800", categories=("x\ty",))])
    assert _config(added).sources[0].title == "a b c"
    assert _config(added).sources[0].categories == ("x y",)


BLOCK = """site:
  title: x
  url: https://e.org/
sources:   # three of them
  # the first
  - name: a
    url: https://a.org/
    # every: 1d

    # keep: 10

  # the second
  - name: b     # b
    url: 'https://b.org/?t=${T}'
    headers:
      X: "${T}"
  - {name: c, url: 'https://c.org/'}
# the server
server: {}
"""

REMOVED = {
    "the first": (
        BLOCK,
        "a",
        BLOCK.replace("  - name: a\n    url: https://a.org/\n    # every: 1d\n\n    # keep: 10\n\n", ""),
    ),
    "one in the middle": (
        BLOCK,
        "b",
        BLOCK.replace("  - name: b     # b\n    url: 'https://b.org/?t=${T}'\n    headers:\n      X: \"${T}\"\n", ""),
    ),
    "the last": (BLOCK, "c", BLOCK.replace("  - {name: c, url: 'https://c.org/'}\n", "")),
    "the only one": (
        SITE + "sources: # c\n  # above\n  - name: a\n    url: https://a.org/\n  # below\n",
        "a",
        SITE + "sources: [] # c\n  # above\n  # below\n",
    ),
    "the last of a text without a last line end": (
        SITE + "sources:\n- name: a\n  url: https://a.org/\n- name: b\n  url: https://b.org/",
        "b",
        SITE + "sources:\n- name: a\n  url: https://a.org/",
    ),
    "one between blank lines": (
        SITE + "sources:\n\n- {name: a, url: u}\n\n- {name: b, url: u}\n\n- {name: c, url: u}\n",
        "b",
        SITE + "sources:\n\n- {name: a, url: u}\n\n- {name: c, url: u}\n",
    ),
    "the first of a list in brackets": (
        SITE + "sources: [{name: a, url: u}, {name: b, url: u}]\n",
        "a",
        SITE + "sources: [{name: b, url: u}]\n",
    ),
    "one in the middle of a list in brackets": (
        SITE + "sources: [{name: a, url: u}, {name: b, url: u}, {name: c, url: u}]\n",
        "b",
        SITE + "sources: [{name: a, url: u}, {name: c, url: u}]\n",
    ),
    "the only one in brackets": (SITE + "sources: [{name: a, url: u}]\n", "a", SITE + "sources: []\n"),
    "a line of a list in brackets": (
        SITE + "sources: [\n  {name: a, url: u},  # a\n  {name: b, url: u},  # b\n  # c\n  {name: c, url: u}\n]\n",
        "b",
        SITE + "sources: [\n  {name: a, url: u},  # a\n  # c\n  {name: c, url: u}\n]\n",
    ),
    "the last line of a list in brackets": (
        SITE + "sources: [\n  {name: a, url: u},  # a\n  {name: b, url: u}  # b\n]\n",
        "b",
        SITE + "sources: [\n  {name: a, url: u}  # a\n]\n",
    ),
}


@pytest.mark.parametrize("case", REMOVED)
def test_a_source_is_taken_out_with_its_own_comments_and_no_others(case: str, newline: str) -> None:
    text, name, left = REMOVED[case]
    assert remove_source(text.replace("\n", newline), name) == left.replace("\n", newline)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (BLOCK, "cc", "there is no source named cc; did you mean c?"),
        (BLOCK, "zzz", "there is no source named zzz; known: a, b, c"),
        (SITE, "a", "there is no source named a; there are none"),
        ("site: [", "a", "cannot be read"),
        (SITE + "sources: {a: b}\n", "a", "`sources` is no list"),
        (SITE + "sources: [a]\n", "a", "`sources` is no list"),
        (SITE + "sources: []\nsources: []\n", "a", "line 5: sources: this key stands twice"),
    ],
    ids=["near", "far", "none", "no YAML", "a mapping", "texts", "twice"],
)
def test_what_cannot_be_taken_out_is_told(text: str, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        remove_source(text, name)


@pytest.mark.parametrize(
    "text",
    ["{site: {title: x, url: 'https://e.org/'}}", SITE + "? sources\n: - name: a\n    url: u\n", SITE + "sources: null\n"],
    ids=["a root in braces without sources", "a dash behind a colon", "a word"],
)
def test_a_list_in_an_unusual_form_is_left_to_its_owner(text: str) -> None:
    with pytest.raises(ConfigError):
        add_sources(text, [NEW])


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(ConfigError, match="named a already"):
        add_sources(BLOCK, [NewSource(name="a", url="https://x.org/")])
    with pytest.raises(ConfigError, match="named new already"):
        add_sources(BLOCK, [NEW, NEW])


def _config(text: str) -> Any:
    return read_config(text, root=Path("/"), environ={"T": "secret"})


# Layouts at random: what stands above, in and below the list, and how its items are written.

_COMMENTS = st.sampled_from(["", "", "\n", "# note: [x\n", "  # - name: gone\n", "\n# a\n\n", "      # deep\n"])
_OTHER = st.sampled_from(["", "server: {port: 1}\n", "html:\n  embeds: []   # none\n", "\n\nfeeds:\n      limit: 5\n# end\n"])
_VALUES = st.sampled_from(
    ["https://a.org/", "'https://a.org/?t=${T}'  # c", '"https://a.org/"', "https://a.org/\n{i}# own", ">-\n{i}  https://a.org/"]
)


@st.composite
def _lists(draw: st.DrawFn) -> str:
    count = draw(st.integers(0, 3))
    if not count:
        return draw(st.sampled_from(["", "sources:\n", "sources: []\n", "sources:   [ ]  # c\n", "sources:\n  # c\n"]))
    if draw(st.booleans()):
        parting = draw(st.sampled_from([", ", ",", ",\n   ", " ,  # c\n  ", "\n  , "]))
        items = parting.join(f"{{name: s{number}, url: 'https://a.org/'}}" for number in range(count))
        return (
            f"sources: [{draw(st.sampled_from(['', ' ', chr(10) + '   ']))}{items}{draw(st.sampled_from(['', ',', ' ', chr(10) + ' ']))}]\n"
        )
    indent, gap = " " * draw(st.integers(0, 5)), " " * draw(st.integers(1, 4))
    inner = indent + " " + gap
    blank = draw(st.sampled_from(["", "", "\n", f"{inner}# own\n", f"{indent}# above\n"]))
    items = blank.join(f"{indent}-{gap}name: s{number}\n{inner}url: {draw(_VALUES).replace('{i}', inner)}\n" for number in range(count))
    return f"sources:{draw(st.sampled_from(['', '  # c']))}\n{items}"


@st.composite
def _texts(draw: st.DrawFn) -> str:
    text = "".join(draw(part) for part in (_COMMENTS, st.just(SITE), _OTHER, _COMMENTS, _lists(), _COMMENTS))
    below = draw(_OTHER)
    text += below if below.partition(":")[0].strip() not in text else ""
    assume("  https://a.org/\n      # deep" not in text)  # a comment to the eye, part of the folded address to YAML
    return (text.rstrip("\n") if draw(st.booleans()) else text).replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


@given(_texts(), st.lists(st.sampled_from([NEW, FULL]), min_size=1, max_size=2, unique=True))
def test_what_was_added_reads_back_and_goes_again_leaving_every_line(text: str, sources: list[NewSource]) -> None:
    before = _config(text)
    added = add_sources(text, sources)
    assert [(source.name, source.url, source.title, source.categories) for source in _config(added).sources[len(before.sources) :]] == [
        (source.name, source.url, source.title, source.categories) for source in sources
    ]
    left = added
    for source in reversed(sources):
        left = remove_source(left, source.name)
    assert _config(left) == before
    if before.sources:
        assert left == text
    else:
        assert [line for line in text.splitlines() if line.strip() and "sources:" not in line] == [
            line for line in left.splitlines() if line.strip() and "sources:" not in line
        ]


@given(_texts(), st.data())
def test_any_source_can_be_taken_out_and_the_others_stay(text: str, data: st.DataObject) -> None:
    names = [source["name"] for source in read_mapping(text).value.get("sources") or []]
    while names:
        name = data.draw(st.sampled_from(names))
        names.remove(name)
        text = remove_source(text, name)
        assert [source["name"] for source in read_mapping(text).value["sources"]] == names


# The file.


def test_the_file_that_init_writes_takes_a_source_and_keeps_every_line(tmp_path: Path) -> None:
    scaffold(tmp_path, source=None, now=datetime(2024, 1, 1, tzinfo=UTC))
    path = tmp_path / "config.yaml"
    before = path.read_text()
    config = edit_config(path, lambda text: add_sources(text, [FULL]), environ={})
    assert [source.name for source in config.sources] == ["woshipm"]
    assert path.read_text().startswith(before)
    assert load_config(path, environ={}) == config


def test_the_sample_configuration_takes_a_source(root: Path) -> None:
    text = (root / "config.yaml").read_text()
    assert add_sources(text, [NEW]) == text + "\nsources:\n  - name: new\n    url: https://n.org/feed\n"


def test_a_file_behind_a_link_is_written_where_it_is(tmp_path: Path) -> None:
    real = tmp_path / "real" / "site.yaml"
    real.parent.mkdir()
    real.write_bytes(b"\xef\xbb\xbf" + SITE.encode())
    real.chmod(0o640)
    link = tmp_path / "config.yaml"
    link.symlink_to("real/site.yaml")
    config = edit_config(link, lambda text: add_sources(text, [NEW]), environ={})
    assert link.is_symlink()
    assert real.read_bytes() == b"\xef\xbb\xbf" + add_sources(SITE, [NEW]).encode()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert config.root == tmp_path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: add_sources(text, [NewSource(name="Bad Name", url="https://n.org/")]), r"left as it is(.|\n)*sources\[3\].name"),
        (lambda text: add_sources(text, [NewSource(name="new", url="ftp://n.org/")]), r"left as it is(.|\n)*sources\[3\].url"),
        (lambda text: text.replace("title: x", "title: y"), "changed by hand|change it by hand"),
        (lambda text: text.replace("https://a.org/", "https://z.org/"), "change it by hand"),
        (lambda text: text.replace("sources:", "sources: ["), "cannot be read"),
        (lambda text: add_sources(text, [NewSource(name="new", url="https://n.org/" + "x" * 1_000_000)]), "beyond 1 MB"),
    ],
    ids=["a bad name", "a bad address", "another section", "another source", "no YAML", "too long"],
)
def test_a_change_that_would_do_harm_is_never_written(tmp_path: Path, change: Any, message: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(BLOCK)
    with pytest.raises(ConfigError, match=message):
        edit_config(path, change, environ={"T": "t"})
    assert path.read_text() == BLOCK
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.yaml"]


def test_a_file_that_was_wrong_before_is_told_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(SITE + "sources:\n  - name: a\n    url: https://a.org/\nfoo: 1\n")
    with pytest.raises(ConfigError, match="line 7: foo: unknown key"):
        edit_config(path, lambda text: add_sources(text, [NEW]), environ={})


def test_a_source_goes_although_its_secret_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(BLOCK)
    assert [source.name for source in edit_config(path, lambda text: remove_source(text, "b"), environ={}).sources] == ["a", "c"]


def test_a_file_that_somebody_changes_meanwhile_is_left_to_them(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(BLOCK)

    def change(text: str) -> str:
        path.write_text(BLOCK + "# theirs\n")
        return add_sources(text, [NEW])

    with pytest.raises(ConfigError, match="changed by somebody else"):
        edit_config(path, change, environ={"T": "t"})
    assert path.read_text() == BLOCK + "# theirs\n"


def test_a_change_of_nothing_does_not_touch_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(BLOCK)
    before = path.stat()
    edit_config(path, str, environ={"T": "t"})
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


# Names.


@pytest.mark.parametrize(
    ("title", "url", "name"),
    [
        ("人人都是产品经理", "https://x.org/", "ren-ren-du-shi-chan-pin-jing-li"),
        ("The Verge – All Posts!", "https://x.org/", "the-verge-all-posts"),
        ("😀 ?", "https://www.Example.org:80/feed", "example-org"),
        ("", "https://例子.cn/", "li-zi-cn"),
        ("", "http://[", "source"),
        ("word " * 100, "", "-".join(["word"] * 12)),
        ("x" * 500, "", "x" * 63),
    ],
    ids=["Chinese", "signs", "no letters", "no title", "no host", "many words", "one long word"],
)
def test_a_source_is_named_after_its_title_else_its_host(title: str, url: str, name: str) -> None:
    assert source_name(title, url, taken=()) == name


def test_a_name_that_is_taken_gets_a_number_and_stays_short_enough() -> None:
    assert source_name("News", "", taken={"news", "news-2"}) == "news-3"
    assert source_name("x" * 63, "", taken={"x" * 63}) == "x" * 61 + "-2"
    taken: set[str] = set()
    for _ in range(20):
        taken.add(source_name("News", "", taken=taken))
    assert taken == {"news", *(f"news-{number}" for number in range(2, 21))}


@given(st.text(), st.text())
def test_any_title_gives_a_name_that_the_configuration_takes(title: str, host: str) -> None:
    name = source_name(title, f"https://{host}/", taken={"a", "source"})
    assert _config(add_sources(SITE, [NewSource(name=name, url="https://n.org/", title=title)])).sources[0].name == name
