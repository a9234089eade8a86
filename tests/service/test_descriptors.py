"""How many files the process may have open."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LIMITS = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from feedmill.service.descriptors import raise_descriptor_limit
print(raise_descriptor_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(("soft", "hard", "raised"), [(100, 300, 300), (300, 300, 300), (100, 10_000, 8192), (9000, 10_000, 9000)], ids=str)
def test_the_limit_is_raised_as_far_as_it_is_of_use(soft, hard, raised):
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = LIMITS.format(soft=soft, hard=hard)
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.split() == [str(raised), str(raised)]
