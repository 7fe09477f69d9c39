"""Every kind of failure stands in one list, and nowhere else in the code that makes them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from config.failures import NOT_THE_HOSTS, PASSING, Kind, http_kind

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "transforms").rglob("*.py"))


def test_kinds_are_texts_as_they_stand_in_the_database() -> None:
    assert f"{Kind.TIMEOUT}: {Kind.NOT_A_FEED}" == "Timeout: NotAFeed"
    assert http_kind(404) == "Http404"
    assert len({*Kind}) == len(list(Kind))
    assert {*Kind} > PASSING | NOT_THE_HOSTS


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_kind_is_spelt_where_it_is_made(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert texts & {str(kind) for kind in Kind} == set()
