"""The words are true: every command and option is in README.md, and every link and example leads to something."""

from __future__ import annotations

import json
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest
from click.testing import CliRunner

from feedmill.cli.commands import feedmill, publish_alone
from feedmill.configfile import read_config

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

#: Folders whose Markdown is no documentation of this project: posts are content, the rest is made or installed.
NOT_OURS = {"posts", "feeds", "build", "dist", "node_modules"}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")


def find_documents() -> Iterator[Path]:
    """Every Markdown file of the project itself."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if name not in NOT_OURS and not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(files) if name.endswith(".md"))


def prose(document: str) -> str:
    """A document without its fenced and inline code, in which brackets are no links."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", document))


def links(document: str) -> list[str]:
    """The targets of links that stay within the project."""
    return [target for target in LINK.findall(prose(document)) if not urlsplit(target).scheme]


def anchors(document: str) -> set[str]:
    """The names that a forge gives to headings: lower case, punctuation gone, spaces as hyphens."""
    headings = re.findall(r"^#{1,6} +(.+?) *$", FENCE.sub("", document), re.MULTILINE)
    kept = ("".join(c for c in text.lower() if c in " -_" or unicodedata.category(c)[0] in "LN") for text in headings)
    return {text.replace(" ", "-") for text in kept}


def broken(link: str, document: Path) -> str:
    """Why a link leads nowhere; "" when it leads somewhere."""
    path, _, anchor = unquote(link).partition("#")
    target = document.parent / path if path else document
    if not target.exists():
        return f"{link}: there is no {path}"
    if not target.resolve().is_relative_to(ROOT):
        return f"{link}: it leads out of the project"
    if anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
        return f"{link}: {target.name} has no heading #{anchor}"
    return ""


def section(title: str) -> str:
    """The part of README.md below the heading that begins with `title`, down to the next of its level or above."""
    found = re.search(rf"^(#+) {re.escape(title)}.*?$(.*?)(?=^#{{1,3}} |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"README.md has no heading that begins with: {title}"
    return found[2]


def options(command: click.Command) -> list[str]:
    """The long names of a command's options."""
    return [name for parameter in command.params for name in parameter.opts if name.startswith("--")]


DOCUMENTS = [path.relative_to(ROOT).as_posix() for path in find_documents()]
COMMANDS = sorted(feedmill.commands)
OPTIONS = [(name, option) for name in COMMANDS for option in options(feedmill.commands[name])]


@pytest.mark.parametrize("command", ["make run", "make test"])
def test_the_first_screen_shows_the_two_commands(command: str) -> None:
    assert f"\n$ {command} " in README[:3000]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_part_of_the_readme(name: str) -> None:
    assert section(f"`feedmill {name}").strip()


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_every_option_is_in_the_part_of_its_command(name: str, option: str) -> None:
    row = rf"^\| `{re.escape(option)}(?: [A-Z]+)?` \| \S"
    assert re.search(row, section(f"`feedmill {name}"), re.MULTILINE), f"README.md, feedmill {name}: add a row for `{option}`"


@pytest.mark.parametrize("option", [*options(feedmill), "--help"])
def test_every_option_of_the_program_is_in_the_readme(option: str) -> None:
    assert re.search(rf"`[^`\n]*{re.escape(option)}\b", section("Commands")), f"README.md, Commands: name `{option}`"


def test_publish_feed_has_the_options_of_both() -> None:
    assert set(options(publish_alone)) == {"--config", "--version", *options(feedmill.commands["publish"])}
    assert "`publish-feed" in section("Commands")


def test_every_command_has_help_and_so_has_every_option() -> None:
    for command in (feedmill, publish_alone, *feedmill.commands.values()):
        assert command.help
        assert not [parameter.name for parameter in command.params if isinstance(parameter, click.Option) and not parameter.help]


def test_the_readme_promises_no_command_that_does_not_exist() -> None:
    code = [block for _, block in FENCE.findall(README)] + re.findall(r"`([^`\n]+)`", FENCE.sub("", README))
    named = {name for part in code for name in re.findall(r"^(?:\$ )?(?:\S*bin/)?feedmill ([a-z]+)", part, re.MULTILINE)}
    assert named == set(COMMANDS)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_relative_link_leads_somewhere(document: str) -> None:
    path = ROOT / document
    found = links(path.read_text(encoding="utf-8"))
    assert [fault for link in found if (fault := broken(link, path))] == []


def test_the_link_check_sees_what_it_is_for(tmp_path: Path) -> None:
    assert links('[a](x.md) ![b](y.png "t") `[c](z.md)`\n```\n[d](w.md)\n```\n[e](https://e.org/)') == ["x.md", "y.png"]
    assert broken("docs/nowhere.md", ROOT / "README.md")
    assert broken("LICENSE#nowhere", ROOT / "README.md")
    assert broken("../", ROOT / "README.md")
    assert not broken("README.md#quick-start", ROOT / "CONTRIBUTING.md")
    assert anchors("# `feedmill init [DIR]`\n## Ids, dates\n```\n# no heading\n```\n") == {"feedmill-init-dir", "ids-dates"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_json_example_is_json(document: str) -> None:
    for language, block in FENCE.findall((ROOT / document).read_text(encoding="utf-8")):
        if language == "json":
            json.loads(block)


def test_the_configuration_in_the_readme_loads() -> None:
    (example,) = [block for language, block in FENCE.findall(README) if language == "yaml"]
    config = read_config(example, root=ROOT, environ={})
    assert config.feeds.overrides["新媒体/人人都是产品经理"].slug == "pm"


def said(command: click.Command, *arguments: str) -> str:
    """What a command prints on standard output."""
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_readme_shows_what_make_run_prints(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "posts", tmp_path / "posts")
    config = str(shutil.copy(ROOT / "config.yaml", tmp_path))
    assert f"\n$ make run\n{said(publish_alone, '--config', config)}```\n" in README
    first = re.search(r"^\$ make run  .*\n(.*\n)", README, re.MULTILINE)
    assert first
    assert said(publish_alone, "--config", config) == first[1]


def test_the_readme_shows_what_the_quick_start_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = said(feedmill, "init", "mysite")
    monkeypatch.chdir("mysite")
    transcript = f"$ feedmill init mysite\n{printed}$ cd mysite\n$ publish-feed\n{said(publish_alone)}"
    assert without_days(transcript) in without_days(README)


def without_days(text: str) -> str:
    """A text in which every day is the same."""
    return re.sub(r"\d{4}-\d\d-\d\d", "DAY", text)
