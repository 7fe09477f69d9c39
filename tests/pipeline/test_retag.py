"""Tagging anew: the rows that a run with these topics would have made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Newsroom, newsbeam, rows, run_over

TOPICS = """topics:
  - id: ports
    name: Ports
    any: [port*, harbour*, Hafen, 港]
  - id: trade
    name: Trade
    any: [tariff*, export*, trade, Zölle]
"""
TAGS = "SELECT * FROM article_topics ORDER BY ALL"
EVIDENCE = "SELECT * FROM topic_evidence ORDER BY ALL"


@pytest.fixture(scope="module")
def topics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("topics") / "topics.yaml"
    path.write_text(TOPICS, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "mode",
    [[], ["--", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]],
    ids=["memory", "processes"],
)
def test_retagged_is_as_if_tagged_so_at_first(
    newsroom: Newsroom, topics: Path, tmp_path: Path, mode: list[str]
) -> None:
    first, again = tmp_path / "first.duckdb", tmp_path / "again.duckdb"
    run_over(newsroom, first, "--topics", topics)
    run_over(newsroom, again)
    feeds = rows(again, "FROM feeds ORDER BY ALL")
    result = newsbeam("retag", "--topics", topics, "--database", again, *mode)
    assert "ports" in result.stdout
    assert rows(again, TAGS) == rows(first, TAGS) != []
    assert rows(again, EVIDENCE) == rows(first, EVIDENCE) != []
    assert rows(again, "FROM feeds ORDER BY ALL") == feeds
    versions = rows(again, "SELECT count(DISTINCT taxonomy_version) FROM topics")
    assert versions == [(2,)], "the definitions of before stay"
    newsbeam("db", "check", "--database", again)


def test_only_articles_whose_topics_changed_are_news(newsroom: Newsroom, tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    run_over(newsroom, database)
    newsbeam("retag", "--database", database)
    assert rows(database, "SELECT DISTINCT sequence FROM articles") == [(1,)]


def test_an_absent_database_is_not_made(topics: Path, tmp_path: Path) -> None:
    result = newsbeam("retag", "--topics", topics, "--database", tmp_path / "no.duckdb", expect=1)
    assert "no such database" in result.stderr
    assert list(tmp_path.glob("no.duckdb")) == []
