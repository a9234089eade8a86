"""Every row A1-F10 of the fault list has a test that bears its name, or a reason why none can have it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

LAST = {"A": 19, "B": 21, "C": 12, "D": 10, "E": 11, "F": 10}
ROWS = [f"{letter}{number}" for letter, last in LAST.items() for number in range(1, last + 1)]
#: Rows that do not apply, each with its reason.
NOT_APPLICABLE: dict[str, str] = {}
#: Files whose ids look like rows and are none: control characters are called C0 and C1.
OTHERS = {"test_text.py"}

_NAME = re.compile(r"test_((?:(?:[A-Fa-f]\d{1,2}|to)_)+)")
_ID = re.compile(r"([A-F]\d{1,2})(?=[-: ]|\Z)")


def rows_of_name(name: str) -> set[str]:
    """The rows in a test's name: `test_A3_A4_…`, `test_F1_to_F10_…`."""
    found = _NAME.match(name)
    words = found[1].upper().rstrip("_").split("_") if found else []
    rows = {word for word in words if word != "TO"}
    for before, word, after in zip(words, words[1:], words[2:], strict=False):
        if word == "TO" and before[0] == after[0]:
            rows |= {f"{before[0]}{number}" for number in range(int(before[1:]), int(after[1:]) + 1)}
    return rows


def ids_in(tree: ast.AST) -> Iterator[str]:
    """The texts that may be ids of parameters: keys of tables, `id=`, and what stands in `ids=`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            yield from (key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str))
        elif isinstance(node, ast.keyword) and node.arg in ("id", "ids"):
            yield from (part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant) and isinstance(part.value, str))


def tables_of(tree: ast.AST) -> set[str]:
    """The names that tests' decorators mention: a table that no test is parametrized with says nothing."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))
    return {part.id for function in functions for part in ast.walk(function) if isinstance(part, ast.Name)}


def rows_of(source: str, *, imported: dict[str, set[str]]) -> set[str]:
    """The rows that the tests of a file name; `imported`: rows in tables that it may import, by the tables' names."""
    tree = ast.parse(source)
    rows = {row for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for row in rows_of_name(node.name)}
    rows |= {found[1] for text in ids_in(tree) if (found := _ID.match(text))}
    return rows | {row for name in tables_of(tree) for row in imported.get(name, ())}


def rows_of_tables(source: str) -> dict[str, set[str]]:
    """The rows in the tables of a module that has no tests, by the tables' names."""
    tables: dict[str, set[str]] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            tables[node.targets[0].id] = {found[1] for text in ids_in(node) if (found := _ID.match(text))}
    return tables


def test_every_row_of_the_fault_list_has_a_test_of_its_name(root: Path) -> None:
    imported = rows_of_tables((root / "tests" / "hostile.py").read_text(encoding="utf-8"))
    files = [path for path in (root / "tests").rglob("test_*.py") if path.name not in OTHERS and path.name != Path(__file__).name]
    named = {row for path in files for row in rows_of(path.read_text(encoding="utf-8"), imported=imported)}
    missing = [row for row in ROWS if row not in named and row not in NOT_APPLICABLE]
    assert missing == []
    assert [row for row in NOT_APPLICABLE if row in named] == []
    assert all(NOT_APPLICABLE.values())


def test_the_check_finds_what_is_there_and_nothing_else() -> None:
    source = (
        "T = {'A9: x': 1, 'A10x': 2}\n"
        "@mark.parametrize('a', T, ids=['B1 x', 'E44'])\ndef test_C1_to_C3_C5_x(): ...\n"
        "def test_a7_small(): ...\ndef test_Add_x(): ...\ndef test_x_D1_y(): ...\n@mark.parametrize('a', U)\ndef test_u(): ..."
    )
    assert rows_of(source, imported={"U": {"F1"}, "V": {"F2"}}) == {"A9", "B1", "E44", "C1", "C2", "C3", "C5", "A7", "F1"}
    assert rows_of_tables("U = {'F1-x': 1}\nx: int = 2\n") == {"U": {"F1"}}
