"""Every kind of failure stands in one list, and nowhere else in the code that makes them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from config import failures
from config.failures import NOT_THE_HOSTS, PASSING, Kind, http_kind

ROOT = Path(__file__).parents[2]
PLACES = {"HttpFailure": 0, "Unreadable": 0, "_failed": 3}
"""Which argument of what makes a failure is its kind."""
MODULES = sorted((ROOT / "transforms").rglob("*.py"))


def spelt(tree: ast.AST) -> Iterator[str]:
    """Texts that stand where a kind of failure belongs."""
    for node in ast.walk(tree):
        for place in kinds(node):
            for part in ast.walk(place):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


def kinds(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions of a node that are kinds of failure."""
    if isinstance(node, ast.Call):
        yield from (word.value for word in node.keywords if word.arg == "error_type")
        place = PLACES.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if place is not None:
            yield from node.args[place : place + 1]
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        if any(isinstance(side, ast.Attribute) and side.attr == "error_type" for side in sides):
            yield from sides


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
    assert list(spelt(tree)) == []


@pytest.mark.parametrize(
    "code",
    [
        "HttpFailure('Odd', 'it is odd', at, 0)",
        "Unreadable(error_type='Odd', message='it is odd')",
        "Unreadable('Odd' if odd else Kind.NO_TEXT, 'it is odd')",
        "_failed(task, answer, 'poll', 'Odd', 'it is odd')",
        "failure._replace(error_type='Odd')",
        "HttpFailure(f'Odd{status}', 'it is odd', at, 0)",
        "failure.error_type == 'Odd'",
        "failure.error_type in ('Odd', Kind.NO_TEXT)",
    ],
)
def test_a_kind_that_is_not_in_the_list_is_found(code: str) -> None:
    assert "Odd" in list(spelt(ast.parse(code)))


def test_a_kind_of_the_list_is_left() -> None:
    code = "HttpFailure(Kind.TIMEOUT, 'x', at, 0); f(error_type=http_kind(404)); g(error_type=None)"
    assert list(spelt(ast.parse(code))) == []


def test_every_kind_says_what_it_means() -> None:
    tree = ast.parse(Path(failures.__file__).read_text(encoding="utf-8"))
    (listed,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    pairs = list(pairwise([*listed.body[1:], ast.Pass()]))
    silent = [ast.unparse(a) for a, b in pairs if isinstance(a, ast.Assign) and not said(b)]
    assert silent == []


def said(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
