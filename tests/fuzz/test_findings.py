"""Every seed, and every input that fuzzing ever found, through its target: nothing that was mended comes back, no atheris needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from targets import HERE, SLOW, TARGETS, Target, replay


def inputs() -> Iterator[object]:
    """Every kept input with its target."""
    for target in TARGETS:
        for folder in (target.seeds, target.findings):
            for file in sorted(folder.glob("*")):
                yield pytest.param(target, file, id=file.relative_to(HERE).as_posix())


@pytest.mark.parametrize(("target", "file"), list(inputs()))
def test_an_input_keeps_the_promise_of_its_target(target: Target, file: Path) -> None:
    assert replay(target, file.read_bytes()) < SLOW


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_target_has_seeds(target: Target) -> None:
    assert any(target.seeds.glob("*"))


def test_what_is_kept_belongs_to_a_target() -> None:
    kept = {folder.name for place in ("seeds", "findings") for folder in (HERE / place).glob("*/")}
    assert kept == {target.name for target in TARGETS}
