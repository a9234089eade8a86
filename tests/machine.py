"""What tests ask of the machine: a disk that is small, a user who may do little. Where that is not to be had, they skip and say so."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

NOBODY = 65534


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A file system in memory at `folder`; skips where this user may not mount."""
    if shutil.which("mount") is None:
        pytest.skip("no mount: no small disk to fill")
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this user cannot mount a small disk: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@contextmanager
def without_root_rights() -> Iterator[None]:
    """Be nobody for the block, where this process is root and may be somebody else."""
    mine = os.geteuid()
    if mine == 0:
        with suppress(OSError):
            os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(mine)
