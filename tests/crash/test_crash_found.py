"""What the enumeration of crash points has found, each by itself."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest
from crashworld import Scene, scene, tree
from faultlayer import Call, Fault, Layer

from feedmill.errors import StorageError


def _once(holds: Callable[[Call], bool], fault: Fault, *, skip: int = 0) -> Callable[[int, Call], Fault | None]:
    """A watch that lets one call fail: the first of which something holds, after so many others."""
    left = [skip + 1]

    def watch(_: int, call: Call) -> Fault | None:
        left[0] -= holds(call)
        return fault if holds(call) and left[0] == 0 else None

    return watch


def _run(one: Scene, watch: Callable[[int, Call], Fault | None], *, has_reads: bool = False) -> Layer:
    root = one.copy("failing")
    with Layer(root, watch, has_reads=has_reads) as layer:
        one.run(root)
    return layer


@pytest.mark.parametrize("stage", [0, 1], ids=["when it is indexed", "when it is rendered"])
def test_H5_a_post_that_cannot_be_read_for_a_moment_is_published_by_the_next_run(stage: int) -> None:
    with scene("first publish") as one:
        watch = _once(lambda call: call == Call("open to read", "posts/3.md"), Fault("errno", errno.EMFILE), skip=stage)
        layer = _run(one, watch, has_reads=True)
        assert "feeds/B/atom.xml" not in tree(layer.root)
        one.run(layer.root)
        one.judge_read(layer.root)


@pytest.mark.parametrize("name", ["mkdir", "open", "write", "close"])
def test_H1_the_spool_of_rendered_entries_has_no_room(name: str) -> None:
    with scene("first publish") as one:
        watch = _once(lambda call: call.name == name and call.place.startswith(".feedmill/.feedmill-"), Fault("errno", errno.ENOSPC))
        with pytest.raises(StorageError, match="free some space"):
            _run(one, watch)


@pytest.mark.parametrize("name", ["unlink", "rmdir"])
def test_H4_a_spool_that_cannot_be_removed_is_swept_by_the_next_run(name: str) -> None:
    with scene("first publish") as one:
        watch = _once(lambda call: call.name == name and ".feedmill/.feedmill-" in call.place, Fault("errno", errno.EIO))
        layer = _run(one, watch)
        one.run(layer.root)
        one.judge(layer.root)


def test_H7_a_new_post_written_just_before_a_crash_is_not_called_updated() -> None:
    with scene("first sync") as one:
        has_linked = False

        def watch(_: int, call: Call) -> Fault | None:
            nonlocal has_linked
            has_linked = has_linked or call.name == "link"
            return Fault("sqlite", 10) if has_linked and call.name == "sql begin" else None  # nothing is noted any more

        with pytest.raises(StorageError):
            _run(one, watch)
        root = one.home / "failing"
        assert any(file.endswith(".md") for file in tree(root))
        one.run(root)
        one.judge(root)


def test_H8_the_folder_of_the_state_is_durable_before_anything_in_it_is() -> None:
    with scene("first publish") as one:
        calls = _run(one, lambda *_: None).calls
        made = calls.index(Call("mkdir", ".feedmill"))
        assert [call.name for call in calls[made + 1 : made + 3]] == ["open folder", "fsync"]
        assert calls[made + 2].place == "."


def test_the_layer_sees_a_rename_before_the_fsync_as_what_it_is() -> None:
    """The instrument itself: without fsync a power cut empties the file, and one that was only half written is torn."""
    import os

    from faultlayer import Photographer

    with scene("first publish") as one:
        root = one.copy("careless")
        stash = one.home / "stash"
        stash.mkdir()
        photographer = Photographer(one.home / "pictures", has_power_cuts=True, start=one.start)
        with Layer(root, photographer, stash=stash) as layer:
            photographer.layer = layer
            with open(root / "posts" / "x.tmp", "wb") as file:
                file.write(b"all of it")
            os.replace(root / "posts" / "x.tmp", root / "posts" / "x.md")
            photographer.take("at the end")
        last = {what: image for what, image in photographer.pictures if what.endswith("at the end")}
        contents = {what.partition(",")[1] and what.split(",")[1].strip(): image for what, image in last.items() if "power" in what}
        assert (contents["contents lost"] / "posts" / "x.md").read_bytes() == b""
        assert not (contents["names lost"] / "posts" / "x.md").exists()
        halves = [image / "posts" / "x.tmp" for what, image in photographer.pictures if what.startswith("killed")]
        assert b"all " in [half.read_bytes() for half in halves if half.exists()]
