"""Large work leaves the loop to others; small work costs no thread."""

from __future__ import annotations

import asyncio
import threading

import pytest

from feedmill.consumer.aside import LARGE, aside


@pytest.mark.parametrize(("size", "is_here"), [(0, True), (LARGE - 1, True), (LARGE, False)])
def test_the_size_says_where_work_is_done(size: int, is_here: bool) -> None:
    where = asyncio.run(aside(threading.get_ident, size=size))
    assert (where == threading.get_ident()) is is_here


@pytest.mark.parametrize("size", [0, LARGE])
def test_what_work_raises_comes_back(size: int) -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(aside(lambda: 1 // 0, size=size))
