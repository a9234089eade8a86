"""The use case `check --write-ids`: ids that hang on paths and on what this machine remembers go into the posts themselves."""

from __future__ import annotations

import contextlib
import os

from feedmill.config import Config
from feedmill.crew import Crew
from feedmill.durable import replace
from feedmill.errors import PostError
from feedmill.model import Problem
from feedmill.posts.catalog import DRAFT, PUBLISHED, Catalog
from feedmill.posts.difference import compare
from feedmill.posts.format import MAX_POST_BYTES
from feedmill.posts.refresh import refresh
from feedmill.posts.store import list_posts, read_post
from feedmill.posts.writing import revise
from feedmill.state.lock import writing
from feedmill.state.memory import DatabaseMemory


def write_ids(config: Config) -> tuple[int, list[Problem]]:
    """Write the id of every readable post without guid into its file, as `guid`.

    Returns how many files were changed, and those that could not be (every other byte of a file stays, links are left alone).
    Raises StorageError.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(writing(config.lock_path))
        catalog = stack.enter_context(contextlib.closing(Catalog(config.catalog_path)))
        memory = stack.enter_context(contextlib.closing(DatabaseMemory(config.state_path)))
        crew = stack.enter_context(Crew())
        difference = compare(catalog.stamps(), list_posts(config.posts_dir))
        catalog.begin()
        zone = config.site.timezone
        refresh(catalog, memory, config.posts_dir, difference, zone=zone, crew=crew, progress=lambda *_: None)
        rows = catalog.rows([file for file, _ in catalog.stamps().values()])
        wanted = sorted((row.path, row.id) for row in rows if row.claim is None and row.status in (PUBLISHED, DRAFT))
        memory.commit()
        catalog.rollback()  # the next publish reads the changed files and finds the same ids in them
        problems = [problem for path, entry_id in wanted if (problem := _write_id(config, path, entry_id))]
    return len(wanted) - len(problems), problems


def _write_id(config: Config, path: str, entry_id: str) -> Problem | None:
    shown = f"{config.posts.dir}/{path}"
    file = config.posts_dir / path
    if os.path.islink(file):
        return Problem(shown, 0, "link", "a link gets no id of its own; put a copy here, or remove it")
    try:
        data = read_post(os.fspath(config.posts_dir), path, limit=MAX_POST_BYTES)
        revised = revise(data, {"guid": entry_id})
    except PostError as exc:
        return Problem(shown, exc.line, "guid", f"its id cannot be written: {exc.reason}")
    except FileNotFoundError:
        return Problem(shown, 0, "guid", "it vanished meanwhile")
    replace(file, revised)
    return None
