"""Fuzzes the targets one after the other with a fixed seed, and keeps what it finds in findings/ for test_findings.py.

    python tests/fuzz/run.py [--seconds N] [--seed N] [TARGET ...]

Needs atheris (Linux; `make fuzz` installs it). Exit status 1 when something was found.
"""

# ruff: noqa: T201 - a command: what it prints is its result

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from targets import HERE, SLOW, TARGETS, Target, replay

#: Under instrumentation an input takes up to ten times as long: slow ones are timed again without it.
_HANG = 20


def options(target: Target, *, seconds: int, seed: int) -> list[str]:
    """libFuzzer's options for one target."""
    dictionary = HERE / "seeds" / f"{target.name}.dict"
    return [
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-max_len={target.max_length}",
        f"-timeout={_HANG}",
        f"-report_slow_units={SLOW:.0f}",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        f"-artifact_prefix={target.findings}/",
        *([f"-dict={dictionary}"] if dictionary.is_file() else []),
    ]


def fuzz(target: Target, *, seconds: int, seed: int) -> list[Path]:
    """Fuzz one target, print a line on it, and return the new files in its findings."""
    target.findings.mkdir(parents=True, exist_ok=True)
    before = set(target.findings.iterdir())
    with tempfile.TemporaryDirectory(prefix="feedmill-fuzz-") as scratch:
        grown = Path(scratch, "grown")
        grown.mkdir()
        command = [sys.executable, str(HERE / "drive.py"), target.name, *options(target, seconds=seconds, seed=seed)]
        folders = [grown, target.seeds, *target.real_seeds]
        # atheris tells of a Python exception on one stream, libFuzzer of everything else on the other.
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        # libFuzzer ends without Python's exit: what a target has in temporary files goes with this folder.
        environ = {**os.environ, "TMPDIR": scratch}
        done = subprocess.run([*command, *map(str, folders)], **streams, env=environ, text=True, errors="replace", check=False)
    found = sorted(set(target.findings.iterdir()) - before)
    kept = [file for file in found if not is_false_alarm(target, file)]
    executed = re.search(r"stat::number_of_executed_units: (\d+)", done.stdout)
    print(f"{target.name:<10}{int(executed[1]) if executed else 0:>10,} inputs, {len(kept)} finding(s)", flush=True)
    if kept or done.returncode:
        print(tail(done.stdout))
    if done.returncode and not found:
        sys.exit(f"{target.name} ended with status {done.returncode} and left no input")
    if not any(target.findings.iterdir()):
        target.findings.rmdir()
    return kept


def is_false_alarm(target: Target, file: Path) -> bool:
    """Remove an input that was slow under instrumentation alone, and say that it was none."""
    if not file.name.startswith("slow-unit-") or replay(target, file.read_bytes()) > SLOW:
        return False
    file.unlink()
    return True


def tail(log: str) -> str:
    """The end of what the fuzzer said: a Python traceback where there is one, without libFuzzer's own numbers."""
    lines = [line for line in log.splitlines() if not line.startswith(("stat::", "#", "INFO:", "MS: ", "0x", "WARNING: Failed to find"))]
    return "\n".join(f"    {line[:300]}" for line in lines[-25:])


def main(arguments: Sequence[str] | None = None) -> None:
    """Fuzz and report."""
    names = [target.name for target in TARGETS]
    parser = argparse.ArgumentParser(description="Fuzz what reads from strangers.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(names)}; all of them when none is named")
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("--seed", type=int, default=1, help="of libFuzzer's random numbers")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.targets) - set(names)):
        parser.error(f"there is no target {', '.join(unknown)}")
    if importlib.util.find_spec("atheris") is None:
        sys.exit("atheris is not installed here: run `make fuzz`")
    chosen = [target for target in TARGETS if not given.targets or target.name in given.targets]
    found = [file for target in chosen for file in fuzz(target, seconds=given.seconds, seed=given.seed)]
    for file in found:
        print(f"kept {os.path.relpath(file)}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
