"""One Chromium for all the tests of this folder that a worker runs in a row; other tests count the children of their process."""

from __future__ import annotations

import pytest

from browser.chromium import NAMES, program, running


@pytest.fixture(scope="package")
def chromium(tmp_path_factory):
    """The address of a running Chromium's debugger."""
    if program() is None:
        pytest.skip(f"no Chromium: install one of {', '.join(NAMES)}")
    with running(tmp_path_factory.mktemp("chromium")) as debugger:
        yield debugger
