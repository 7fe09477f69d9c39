"""The views: a file of SQL each, whose first comment says what it answers, and its columns."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

FILES = Path(__file__).parent / "views"
NAMES = (
    "topics_per_day",
    "topics_per_outlet",
    "expectations",
    "feed_health",
    "evidence_in_context",
    "topic_share",
    "first_to_report",
    "coverage",
    "topic_articles",
    "article_history",
    "article_changes",
    "failure_causes",
    "run_costs",
)
"""In the order of the dictionary; a view may use those before it."""


class View(NamedTuple):
    """A view, what it answers, and its query."""

    name: str
    meaning: str
    columns: tuple[tuple[str, str], ...]
    """(name, meaning)"""
    query: str


def _view(name: str) -> View:
    """A view from its file: its meaning, a blank line, a line for each column, and the query."""
    text = (FILES / f"{name}.sql").read_text(encoding="utf-8")
    comment, _, query = text.partition("\n\n")
    meaning, _, *columns = (line.removeprefix("--").strip() for line in comment.splitlines())
    rows = (line.split(maxsplit=1) for line in columns)
    return View(name, meaning, tuple((column, told) for column, told in rows), query)


VIEWS = tuple(map(_view, NAMES))
