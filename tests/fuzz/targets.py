"""What is fuzzed, with which seeds; the promises are the modules `fuzz_*.py` here, each with one function `TestOneInput(data)`.

It returns where feedmill keeps its promise for these bytes, and raises where it does not. It needs nothing but feedmill:
what was found is replayed by the ordinary tests, which have no atheris.
"""

from __future__ import annotations

import importlib
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORPUS = Path(os.environ.get("FEEDMILL_CORPUS", HERE.parents[2] / "shared" / "corpus"))
#: Seconds of processor time that one input may take.
SLOW = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """One promise with inputs of one kind to begin from."""

    name: str
    #: The promise's module, where it is not `fuzz_` and the name.
    module: str = ""
    #: Folders of real input below the corpus.
    corpus: tuple[str, ...] = ()
    #: Longer inputs are cut, in bytes: small ones run often, and what is quadratic shows at this size.
    max_length: int = 16_384

    def load(self) -> Callable[[bytes], None]:
        """Return the function that is called with every input."""
        test_one_input: Callable[[bytes], None] = importlib.import_module(self.module or f"fuzz_{self.name}").TestOneInput
        return test_one_input

    @property
    def findings(self) -> Path:
        """Inputs that once broke the promise."""
        return HERE / "findings" / self.name

    @property
    def seeds(self) -> Path:
        """Small inputs that reach much."""
        return HERE / "seeds" / self.name

    @property
    def real_seeds(self) -> list[Path]:
        """Folders of the corpus; none where there is no corpus."""
        return [folder for name in self.corpus if (folder := CORPUS / name).is_dir()]


TARGETS = (
    Target("config", max_length=4_096),
    Target("date", max_length=200),
    Target("feed", corpus=("feeds",), max_length=8_192),
    Target("html", corpus=("posts",)),
    Target("jsonfeed", module="fuzz_feed"),
    Target("post", corpus=("posts",), max_length=8_192),
    Target("request", max_length=4_096),
)


def replay(target: Target, data: bytes) -> float:
    """Run one input and return the seconds of processor time it took. Raises what the target raises; warnings are errors."""
    test_one_input = target.load()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        start = time.process_time()
        test_one_input(data)
        return time.process_time() - start
