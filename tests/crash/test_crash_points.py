"""Every crash point and every error point of the write phases of publish and sync, enumerated; see `faultlayer` and `crashworld`.

The ordinary run takes a share of them at a fixed stride, the long one all crashes and a larger share of the errors, and with
FEEDMILL_CRASH_ALL=1 all of these too. How many there were stands in the log and among the properties of each test.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

import pytest
from crashworld import SCENES, crashes, errors, scene

#: One of so many points is tried: in the ordinary run, and of the errors in the long one.
CRASH_STRIDE, ERROR_STRIDE, LONG_ERROR_STRIDE = 17, 43, 11

logger = logging.getLogger(__name__)

Record = Callable[[str, object], None]


def _report(what: str, points: int, wrong: list[str], record_property: Record) -> None:
    record_property("crash points", points)
    logger.warning("%s: %d points", what, points)
    assert not wrong, f"{len(wrong)} of {points} points:\n" + "\n".join(wrong[:10])
    assert points > 5, "nothing was tried"


@pytest.mark.parametrize("name", SCENES)
def test_H7_G7_killed_at_a_share_of_its_points_it_is_made_whole_by_the_next_run(name: str, record_property: Record) -> None:
    with scene(name) as one:
        _report(name, *crashes(one, stride=CRASH_STRIDE, offset=3), record_property)


@pytest.mark.parametrize("name", SCENES)
def test_H1_H3_H4_H5_H6_a_share_of_errors_leaves_nothing_torn_and_the_next_run_makes_it_whole(name: str, record_property: Record) -> None:
    with scene(name) as one:
        _report(name, *errors(one, stride=ERROR_STRIDE, offset=5), record_property)


@pytest.mark.long
@pytest.mark.parametrize("name", SCENES)
def test_H7_H8_G7_killed_or_without_power_at_every_point_it_is_made_whole_by_the_next_run(name: str, record_property: Record) -> None:
    with scene(name) as one:
        _report(name, *crashes(one), record_property)


@pytest.mark.long
@pytest.mark.parametrize("name", SCENES)
def test_H1_H3_H4_H5_H6_every_call_fails_in_its_ways_and_the_next_run_makes_it_whole(name: str, record_property: Record) -> None:
    stride = 1 if os.environ.get("FEEDMILL_CRASH_ALL") else LONG_ERROR_STRIDE
    with scene(name) as one:
        _report(name, *errors(one, stride=stride), record_property)
