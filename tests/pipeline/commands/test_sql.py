"""`newsbeam sql` beyond single queries: named ones, plots, writing."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

import click
import pytest

from pipeline.commands.sql import sql
from sinks.ask import named
from tests.kit.newsrooms import Newsroom, run_over
from tests.kit.program import PROGRAM, newsbeam
from tests.kit.rows import rows
from tests.kit.samples import FEED, commit, listed, page, poll


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sql") / "news.duckdb"
    commit(path, [poll(FEED, 0, [listed(FEED, 1)])], [page(1)])
    return path


def ask(database: Path, *arguments: object, expect: int = 0) -> str:
    result = newsbeam("sql", "--database", database, *arguments, expect=expect)
    assert "Traceback" not in result.stderr
    return result.stderr if expect else result.stdout


# Named queries


def test_a_named_query_takes_its_parameters_as_options(database: Path) -> None:
    for how in (["--topic", "taiwan"], ["--topic=taiwan"]):
        (row,) = json.loads(ask(database, "@newest", *how, "--limit", 1, "--json"))
        assert row["title"] == "Headline 1"
    assert json.loads(ask(database, "--json", "@newest", "--topic", "cyber")) == []


def test_all_are_listed(database: Path) -> None:
    text = ask(database, "@")
    assert all(f"@{name} " in text for name in named.files([]))
    assert "--since --limit" in text


def test_a_named_query_can_be_read(database: Path) -> None:
    assert ask(database, "@newest", "--show") == (named.SHIPPED / "newest.sql").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["@newst"], "no query @newst; did you mean @newest? (@ alone lists all)"),
        (["@topic-share"], "@topic-share needs --topic: Topic id"),
        (["@newest", "--topik", "x"], "no parameter --topik; did you mean --topic?"),
        (["@newest", "--limit", "x"], "--limit must be a whole number, not 'x'"),
        (["@newest", "taiwan"], "'taiwan' is no option"),
        (["SELECT 1", "--fromat", "csv"], "No such option '--fromat'. Did you mean '--format'?"),
        (["--topic", "x", "@newest"], "No such option '--topic'"),
        (["SELECT", "1"], "one QUERY is enough; what is '1'?"),
        (["SELECT 1", "--show"], "name one as @NAME"),
        (["SELECT 1", "--plot", "--json"], "leave out --format and --json"),
        (["SELECT 1", "--plot"], "the result has no column of dates or times"),
        (["@newest", "--queries", "absent"], "'absent' does not exist"),
        ([], "the shell needs a terminal; give a QUERY, or - to read it from standard input"),
    ],
)  # fmt: skip
def test_wrong_usage_is_said_and_2(database: Path, arguments: list[str], words: str) -> None:
    assert words in " ".join(ask(database, *arguments, expect=2).split())


def test_a_query_may_begin_with_a_comment(database: Path) -> None:
    assert ask(database, "--", "-- the answer\nSELECT 42 AS n").split()[-1] == "42"


def test_ones_own_queries_stand_beside_the_database(tmp_path: Path) -> None:
    path = tmp_path / "news.duckdb"
    commit(path)
    for folder in ("queries", "others"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.sql").write_text(f"-- Mine.\nSELECT '{folder}' AS folder")
    (tmp_path / "queries" / "wrong.sql").write_text("-- Wrong.\n-- :a FLOAT  A.\nSELECT $a")
    assert ask(path, "@mine").split()[-1] == "queries"
    assert ask(path, "@mine", "--queries", tmp_path / "others").split()[-1] == "others"
    by_environment = newsbeam(
        "sql", "@mine", "--database", path, NEWSBEAM_QUERIES=str(tmp_path / "others")
    )
    assert by_environment.stdout.split()[-1] == "others"
    wrong = f"{tmp_path / 'queries' / 'wrong.sql'}:2: unknown type FLOAT"
    assert wrong in ask(path, "@wrong", expect=2)
    names = ask(path, "@")
    assert "@wrong" in names
    assert "@newest" in names, "a wrong file keeps nothing else from the list"


def test_a_query_that_disagrees_with_its_header_is_listed_as_wrong(tmp_path: Path) -> None:
    path = tmp_path / "news.duckdb"
    commit(path)
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "mine.sql").write_text("-- Mine.\nSELECT $x")
    assert "the query has $x, but the header declares no :x" in ask(path, "@")


def test_no_parameter_may_have_the_name_of_an_option() -> None:
    options = [item.name for item in sql.params if isinstance(item, click.Option)]
    names = {"form": "format", "as_json": "json"}
    assert sorted([*(names.get(str(name), name) for name in options), "help"]) == sorted(
        named.RESERVED
    )


# Writing


def test_without_unsafe_nothing_is_written(database: Path, tmp_path: Path) -> None:
    before = database.read_bytes()
    for text in ("DELETE FROM articles", f"COPY articles TO '{tmp_path}/out.csv'"):
        assert "read-only" in ask(database, text, expect=2)
    assert database.read_bytes() == before
    assert list(tmp_path.iterdir()) == []


def test_unsafe_writes(tmp_path: Path) -> None:
    path = tmp_path / "news.duckdb"
    commit(path, [poll(FEED, 0, [listed(FEED, 1)])], [page(1)])
    out = tmp_path / "out.csv"
    ask(path, "--unsafe", f"DELETE FROM failures; COPY (SELECT title FROM articles) TO '{out}'")
    assert out.read_text().split("\n")[:2] == ["title", "Headline 1"]


def test_unsafe_is_lifted_by_no_variable(database: Path) -> None:
    result = newsbeam(
        "sql", "--database", database, "DELETE FROM articles", NEWSBEAM_UNSAFE="1", expect=2
    )
    assert "read-only" in result.stderr


def test_values_without_a_form_of_their_own_are_written_whole(database: Path) -> None:
    value = "SELECT MAP {DATE '2020-01-01': 1} AS m"
    assert json.loads(ask(database, value, "--json")) == [{"m": {"2020-01-01": 1}}]
    assert list(csv.reader(io.StringIO(ask(database, value, "--format", "csv"))))[1] == [
        '{"2020-01-01": 1}'
    ]
    for form in ("table", "csv", "json", "markdown"):
        said = ask(database, "SELECT INTERVAL 3000000 YEAR", "--format", form, expect=2)
        assert "make it a text" in said


def test_unsafe_makes_no_database(tmp_path: Path) -> None:
    assert "no such database" in ask(tmp_path / "absent.duckdb", "--unsafe", "SELECT 1", expect=1)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_of_a_table_does_not_hold_the_database(database: Path) -> None:
    """The answer is larger than a pipe holds, and nobody reads it; yet another may write."""
    process = subprocess.Popen(
        [*PROGRAM, "sql", "--database", str(database), "SELECT repeat('x', 90) FROM range(9000)"],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.read(1)
    ask(database, "--unsafe", "--lock-timeout", 0, "DELETE FROM failures")
    assert process.stdout.read().count(b"x" * 90) == 9_000
    assert process.wait(60) == 0


# On the newsroom's news


@pytest.fixture(scope="module")
def news(newsroom: Newsroom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("news") / "news.duckdb"
    run_over(newsroom, path)
    return path


def found(database: Path, *arguments: object) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(ask(database, *arguments, "--format", "csv"))))


def test_named_queries_add_up_to_what_the_tables_say(news: Path) -> None:
    since = ["--since", "2000-01-01"]
    ((articles, outlets),) = rows(news, "SELECT count(*), count(DISTINCT outlet) FROM articles")
    ((about,),) = rows(news, "SELECT count(*) FROM article_topics WHERE topic = 'taiwan'")
    by_outlet = found(news, "@outlets", *since)
    assert len(by_outlet) == outlets
    assert sum(int(row["articles"]) for row in by_outlet) == articles
    for name in ("@languages", "@articles-per-day"):
        assert sum(int(row["articles"]) for row in found(news, name, *since)) == articles
    for name in ("@topic-trend", "@topic-share"):
        rows_of = found(news, name, "--topic", "taiwan", *since)
        assert sum(int(row["articles"]) for row in rows_of) == about
    ((failures,),) = rows(news, "SELECT count(*) FROM failures")
    assert sum(int(row["failures"]) for row in found(news, "@dead-letters", *since)) == failures


def test_a_plot_has_every_day_of_its_table(news: Path) -> None:
    how = ["@topic-trend", "--topic", "taiwan,energy", "--since", "2000-01-01"]
    days = sorted({row["day"] for row in found(news, *how)})
    lines = ask(news, *how, "--plot").splitlines()
    assert lines[0] == f"• energy   o taiwan   by day, {days[0]} to {days[-1]} in UTC"
    assert lines[-1].split()[0] == days[0]
    assert all(day in days for day in lines[-1].split())
