"""`feedmill init`: what it writes, what it leaves alone, what it says."""

from __future__ import annotations

import os
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.config import Config, FeedOverride, SourceConfig, SyncConfig
from feedmill.configfile import load_config, read_config
from feedmill.configproblems import keys_of
from feedmill.errors import ConfigError, StorageError
from feedmill.posts.format import decode
from feedmill.scaffold import render_config, scaffold, yaml_text
from feedmill.sitegenerators import FoundSite
from test_sitegenerators import HEXO, HUGO, JEKYLL

NOW = datetime(2025, 3, 4, 23, 6, 7, 890, tzinfo=timezone(timedelta(hours=-8)))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_an_empty_folder_becomes_a_project(tmp_path: Path) -> None:
    target = tmp_path / "new" / "site"
    done = scaffold(target, source=None, now=NOW)
    assert done.root == target
    assert done.written == ("posts/2025-03-05-welcome.md", "feeds/", ".gitignore", "config.yaml")
    assert done.kept == ()
    assert done.notes == (
        "config.yaml: set site.title and site.url to your own",
        "config.yaml: dates that name no zone are read as UTC; set site.timezone",
    )
    assert sorted(files(target)) == [".gitignore", "config.yaml", "posts/2025-03-05-welcome.md"]
    assert (target / "feeds").is_dir()
    assert (target / ".gitignore").read_text() == ".feedmill/\n"
    config = load_config(target / "config.yaml", environ={})
    assert config == Config(site={"title": "My site", "url": "https://example.org/"}, root=target)


def test_what_is_told(tmp_path: Path) -> None:
    (tmp_path / "posts").mkdir()
    assert scaffold(tmp_path, source=None, now=NOW).lines() == [
        f"wrote {tmp_path}/feeds/",
        f"wrote {tmp_path}/.gitignore",
        f"wrote {tmp_path}/config.yaml",
        f"left {tmp_path}/posts/ as it is",
        "note: config.yaml: set site.title and site.url to your own",
        "note: config.yaml: dates that name no zone are read as UTC; set site.timezone",
    ]


def test_the_welcome_post_has_the_house_format(tmp_path: Path) -> None:
    scaffold(tmp_path, source=None, now=NOW)
    [post] = (tmp_path / "posts").iterdir()
    text = post.read_text(encoding="utf-8")
    head, body = re.fullmatch(r"---\n(.*?)\n---\n\n(<div>\n.*\n</div>\n)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    assert head.split("\n") == [
        "title: 'Welcome'",
        "categories: ",
        " - Getting started",
        "headimg: ''",
        "author: My site",
        "comments: false",
        "date: Wed, 05 Mar 2025 07:06:07 GMT",
        "thumbnail: ''",
    ]
    assert body.count("<div>") == body.count("</div>") == 1
    post_read = decode(post.read_bytes(), name=post.name, zone=UTC).post
    assert (post_read.title, post_read.categories, post_read.author) == ("Welcome", (("Getting started",),), "My site")
    assert post_read.date == datetime(2025, 3, 5, 7, 6, 7, tzinfo=UTC)
    assert (post_read.markup, post_read.headimg, post_read.extra) == ("html", "", ())


def test_the_same_moment_gives_the_same_bytes(tmp_path: Path) -> None:
    scaffold(tmp_path / "a", source=None, now=NOW)
    scaffold(tmp_path / "b", source=None, now=NOW.astimezone(UTC))
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_what_exists_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "posts").mkdir()
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / "mine.xml").write_text("mine")
    (tmp_path / ".gitignore").write_text("*.log\n")
    done = scaffold(tmp_path, source=None, now=NOW)
    assert done.written == ("config.yaml",)
    assert done.kept == ("posts/", "feeds/", ".gitignore")
    assert "add the line `.feedmill/` to .gitignore: it holds what feedmill remembers" in done.notes
    assert {name: data for name, data in files(tmp_path).items() if name != "config.yaml"} == {
        "feeds/mine.xml": b"mine",
        ".gitignore": b"*.log\n",
    }


@pytest.mark.parametrize("line", [".feedmill/", "/.feedmill", ".feedmill"])
def test_a_gitignore_that_has_the_line_needs_no_note(tmp_path: Path, line: str) -> None:
    (tmp_path / ".gitignore").write_text(f"*.log\n{line}\n")
    assert not any(".gitignore" in note for note in scaffold(tmp_path, source=None, now=NOW).notes)


@pytest.mark.parametrize("kind", ["file", "dangling link", "folder"])
def test_an_existing_config_stops_it_before_anything_is_written(tmp_path: Path, kind: str) -> None:
    config = tmp_path / "config.yaml"
    if kind == "file":
        config.write_text("mine")
    elif kind == "folder":
        config.mkdir()
    else:
        config.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"config\.yaml exists and is left as it is; edit it, or name another folder"):
        scaffold(tmp_path, source=None, now=NOW)
    assert os.listdir(tmp_path) == ["config.yaml"]


def test_a_run_that_was_cut_short_can_be_repeated(tmp_path: Path) -> None:
    scaffold(tmp_path, source=None, now=NOW)
    (tmp_path / "config.yaml").unlink()
    done = scaffold(tmp_path, source=None, now=NOW)
    assert done.written == ("config.yaml",)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("")
    with pytest.raises(ConfigError, match="site is no folder; name another"):
        scaffold(tmp_path / "site", source=None, now=NOW)
    with pytest.raises(StorageError, match="a file stands where a folder is needed"):
        scaffold(tmp_path / "site" / "inner", source=None, now=NOW)


def test_a_source_that_cannot_be_read_stops_it_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no"):
        scaffold(tmp_path / "new", source=tmp_path / "_config.yml", now=NOW)
    assert not (tmp_path / "new").exists()


def test_beside_a_hexo_site(tmp_path: Path) -> None:
    (tmp_path / "source" / "_posts").mkdir(parents=True)
    (tmp_path / "_config.yml").write_text(HEXO, encoding="utf-8")
    done = scaffold(tmp_path, source=tmp_path / "_config.yml", now=NOW)
    assert done.written == ("source/feeds/", ".gitignore", "config.yaml")
    assert (done.kept, done.notes) == (("source/_posts/",), ())
    config = load_config(tmp_path / "config.yaml", environ={})
    assert asdict(config.site) == {
        "title": "小站",
        "url": "https://example.org/blog/",
        "author": "张三",
        "language": "zh-CN",
        "timezone": "Asia/Shanghai",
    }
    assert config.posts_dir == tmp_path / "source" / "_posts"
    assert config.feeds_dir == tmp_path / "source" / "feeds", "where Hexo copies them to the site from"
    assert (config.posts.categories, config.posts.permalink) == ("nested", "{url}{year}/{month}/{day}/{path}/")


def test_a_jekyll_site_from_another_folder(tmp_path: Path) -> None:
    (tmp_path / "blog").mkdir()
    (tmp_path / "blog" / "_config.yml").write_text(JEKYLL, encoding="utf-8")
    done = scaffold(tmp_path / "mill", source=tmp_path / "blog" / "_config.yml", now=NOW)
    config = load_config(tmp_path / "mill" / "config.yaml", environ={})
    assert config.posts.dir == "../blog/_posts"
    assert config.posts.categories == "flat"
    assert "there is no folder ../blog/_posts yet; set posts.dir in config.yaml if the posts are elsewhere" in done.notes
    assert not (tmp_path / "blog" / "_posts").exists(), "nothing is made in somebody else's folder"


def test_a_hugo_site(tmp_path: Path) -> None:
    (tmp_path / "content" / "posts").mkdir(parents=True)
    (tmp_path / "hugo.toml").write_text(HUGO, encoding="utf-8")
    scaffold(tmp_path, source=tmp_path / "hugo.toml", now=NOW)
    config = load_config(tmp_path / "config.yaml", environ={})
    assert (config.posts.dir, config.posts.permalink) == ("content/posts", "{url}posts/{path}/")


def test_a_site_whose_folders_do_not_fit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "_config.yml").write_text("title: T\nsource: feeds\nmarkdown: kramdown\n")
    with pytest.raises(ConfigError, match="give the feeds a folder of their own"):
        scaffold(tmp_path, source=tmp_path / "_config.yml", now=NOW)
    assert os.listdir(tmp_path) == ["_config.yml"]


def uncommented(text: str) -> str:
    """The template with every key taken out of its comment."""
    return re.sub(r"(?m)^( *)# (?=( *)(- )?[\w/]+:( |$))", r"\1", text)


def test_every_key_that_is_commented_out_works(tmp_path: Path) -> None:
    text = uncommented(render_config(FoundSite(), posts="posts"))
    config = read_config(text, root=tmp_path, environ={"TOKEN": "t"})
    held = yaml.safe_load(text)
    for section in ("site", "posts", "feeds", "sync", "html", "server"):
        assert set(held[section]) == set(keys_of(type(getattr(config, section)))), section
    assert set(held["sources"][0]) == set(keys_of(SourceConfig))
    assert set(held["feeds"]["overrides"]["News/World"]) == set(keys_of(FeedOverride))
    assert config.sync == SyncConfig()


@pytest.mark.parametrize("name", ["config.yaml", "rendered"])
def test_every_line_of_the_config_is_explained(root: Path, name: str) -> None:
    text = render_config(FoundSite(), posts="posts") if name == "rendered" else (root / name).read_text("utf-8")
    for line in text.splitlines():
        key = re.match(r" *(?:# )? *(?:- )?([a-z_]+):(.*)$", line)
        if key and key[2]:
            assert " # " in line.lstrip(" #"), line


@given(
    text=st.text(max_size=30)
    | st.sampled_from(["no", "1.10", "a: b", "a #b", "'", '"', "- x", "{a}", "*a", "&a", "!a", "[", "%", "@", "`", "#", "a:", "null", "~"])
)
@settings(max_examples=200, deadline=None)
def test_any_title_survives(text: str) -> None:
    title = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]", " ", text).split())
    config = read_config(render_config(FoundSite(title=title), posts="p"), root=Path("/srv"), environ={})
    assert config.site.title == (title or "My site")
    assert yaml.safe_load(yaml_text(title)) == title, "and every other YAML reader takes it for that text"
