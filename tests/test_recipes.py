"""The recipes of docs/engineer/recipes.md work, and cost no more places than they say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.kit.newsrooms import Newsroom, StartNewsroom
from tests.kit.program import KIND_TO_LOOPBACK

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "engineer" / "recipes.md").read_text(encoding="utf-8")
COLUMN, TABLE = re.findall(r"```diff\n(.*?)```", PAGE, re.DOTALL)
CODE = ("config", "transforms", "sinks", "pipeline")


def program(folder: Path, *diffs: str) -> Path:
    """A copy of the program, changed."""
    for name in CODE:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "newsbeam.py", folder)
    for diff in diffs:
        done = subprocess.run(
            ["git", "apply", "--recount", "-"], cwd=folder, input=diff, text=True,
            capture_output=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return folder


def call(folder: Path, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "newsbeam", *map(str, arguments)],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def ask(folder: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(folder / "news.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def room(start_newsroom: StartNewsroom) -> Newsroom:
    return start_newsroom("--articles", "12", "--outlets", "3", "--kind")


@pytest.mark.parametrize(("diff", "places"), [(COLUMN, 6), (TABLE, 7)], ids=["column", "table"])
def test_a_recipe_costs_no_more_places_than_it_says(diff: str, places: int) -> None:
    assert len(re.findall(r"^@@", diff, re.MULTILINE)) <= places


def test_a_column_comes_from_the_page_into_an_old_database(tmp_path: Path, room: Newsroom) -> None:
    run = ("run", "--feeds", room.feeds, *KIND_TO_LOOPBACK, "--database")
    old, new = tmp_path / "old", program(tmp_path / "new", COLUMN)
    program(old)
    call(old, *run, old / "news.duckdb")
    (old / "news.duckdb").rename(new / "news.duckdb")
    call(new, "db", "migrate", "--database", "news.duckdb")
    assert ask(new, "SELECT DISTINCT page_title FROM articles") == [(None,)]
    (new / "news.duckdb").unlink()
    call(new, *run, "news.duckdb")
    assert ask(new, "SELECT count(*), count(page_title) FROM articles") == [(12, 12)]
    call(new, "db", "check", "--database", "news.duckdb")


def test_a_table_of_an_article_is_filled_kept_checked_pruned_and_given(
    tmp_path: Path, start_newsroom: StartNewsroom
) -> None:
    room = start_newsroom("--articles", "24", "--outlets", "4")
    folder = program(tmp_path / "program", TABLE)
    run = ("run", "--feeds", room.feeds, "--database", "news.duckdb", *KIND_TO_LOOPBACK)

    def found(table: str, articles: str, key: str) -> tuple[object, ...]:
        """How many rows there are, and whether each stands where it says."""
        ((rows, right),) = ask(folder, (
            f'SELECT count(*), bool_and(matched = text[start + 1 : "end"]) '
            f"FROM {table} JOIN {articles} USING ({key})"
        ))  # fmt: skip
        return rows > 0, right  # type: ignore[operator]

    call(folder, *run)
    assert found("article_numbers", "articles", "article_id") == (True, True)
    assert found("article_numbers_history", "articles", "article_id") == (False, None)
    room.post("edit")
    call(folder, *run, "--now")
    call(folder, *run)
    history = ("article_numbers_history", "article_history", "article_id, version")
    assert found(*history) == (True, True)
    call(folder, "db", "check", "--database", "news.duckdb")

    ((outlet,), *_) = ask(
        folder, "SELECT outlet FROM articles JOIN article_numbers USING (article_id)"
    )
    call(folder, "export", "--database", "news.duckdb", "--snapshot", "snap",
         "--outlet", outlet)  # fmt: skip
    given = f"(FROM '{folder}/snap/tables/article_numbers.parquet')"
    of_outlet = f"SELECT DISTINCT outlet FROM {given} JOIN articles USING (article_id)"
    assert ask(folder, of_outlet) == [(outlet,)]

    call(folder, "prune", "--database", "news.duckdb", "--older-than", "1s")
    for table in ("articles", "article_numbers", "article_numbers_history"):
        assert ask(folder, f"SELECT count(*) FROM {table}") == [(0,)]
