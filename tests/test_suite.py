"""The suite keeps its own rules: files say what they prove, builders stand in tests/kit alone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
MODULES = sorted(TESTS.rglob("test_*.py"))
IMPORT = re.compile(r"^\s*(?:from|import) (tests\.[\w.]+)", re.MULTILINE)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(TESTS)))
def test_a_file_says_what_it_proves_and_borrows_from_the_kit_alone(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert [name for name in IMPORT.findall(text) if not name.startswith("tests.kit.")] == []


def test_fixtures_stand_with_tests_and_builders_in_the_kit() -> None:
    for path in TESTS.rglob("*.py"):
        if path.parent.name == "kit":
            assert "@pytest.fixture" not in path.read_text(encoding="utf-8"), path
        elif not path.name.startswith("test_"):
            assert path.name in ("conftest.py", "__init__.py"), path
