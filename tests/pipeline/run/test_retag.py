"""Tagging anew: the rows that a run with these topics would have made."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import apache_beam as beam
import pytest

from pipeline.run.again import failure_of
from pipeline.run.runners import engine
from sinks.connector.connection import open_file
from sinks.connector.errors import DatabaseLocked
from sinks.staging.folder import Staging
from tests.kit.newsrooms import Newsroom, run_over
from tests.kit.program import PROGRAM, newsbeam
from tests.kit.rows import rows
from tests.kit.samples import FEED, commit, held, listed, page, poll, sound

TOPICS = """topics:
  - id: ports
    name: Ports
    any: [port*, harbour*, Hafen, 港]
  - id: trade
    name: Trade
    any: [tariff*, export*, trade, Zölle]
"""
MODES = pytest.mark.parametrize(
    "mode",
    [[], ["--", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]],
    ids=["memory", "processes"],
)
READER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
print("open", flush=True)
sys.stdin.read()
"""
TAGS = "SELECT * FROM article_topics ORDER BY ALL"
EVIDENCE = "SELECT * FROM topic_evidence ORDER BY ALL"


@pytest.fixture(scope="module")
def topics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("topics") / "topics.yaml"
    path.write_text(TOPICS, encoding="utf-8")
    return path


@MODES
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


def test_what_other_topics_said_is_kept_and_the_same_ones_leave_no_trace(
    database: Path, topics: Path
) -> None:
    tagged, places = rows(database, TAGS), rows(database, EVIDENCE)
    for _ in range(2):
        newsbeam("retag", "--topics", topics, "--database", database)
        kept = "SELECT * EXCLUDE (version, replaced_run_id) FROM {}_history ORDER BY ALL"
        assert rows(database, kept.format("article_topics")) == tagged
        assert rows(database, kept.format("topic_evidence")) == places
        replaced = "SELECT DISTINCT version, replaced_run_id FROM {}_history"
        by = rows(database, replaced.format("article_topics"))
        assert by == rows(database, replaced.format("topic_evidence"))
        assert by == rows(database, "SELECT 1, run_id FROM runs ORDER BY run_id LIMIT 1 OFFSET 1")
        newsbeam("db", "check", "--database", database)


def test_only_articles_whose_topics_changed_are_news(newsroom: Newsroom, tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    run_over(newsroom, database)
    newsbeam("retag", "--database", database)
    assert rows(database, "SELECT DISTINCT sequence FROM articles") == [(1,)]


def test_an_absent_database_is_not_made(topics: Path, tmp_path: Path) -> None:
    result = newsbeam("retag", "--topics", topics, "--database", tmp_path / "no.duckdb", expect=1)
    assert "no such database" in result.stderr
    assert list(tmp_path.glob("no.duckdb")) == []


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Articles that speak of trade, tagged with another topic."""
    path = tmp_path / "news.duckdb"
    found = [sound(number, "Taiwan held talks on trade.") for number in range(40)]
    entries = [listed(FEED, number) for number in range(40)]
    commit(path, [poll(FEED, 0, entries)], [page(n, article) for n, article in enumerate(found)])
    return path


@MODES
def test_a_retag_that_fails_in_a_worker_says_why_and_changes_nothing(
    database: Path, topics: Path, mode: list[str]
) -> None:
    """Its files may not grow as large as what a process of the pool unpacks."""
    before = database.read_bytes()
    result = subprocess.run(
        [*PROGRAM, "retag", "--topics", topics, "--database", database, *mode],
        capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000)),
    )  # fmt: skip
    assert result.returncode == 1, result.stderr
    *causes, said = (x for x in result.stderr.splitlines() if x.startswith("newsbeam: "))
    assert said.startswith("newsbeam: not retagged, nothing is changed: ")
    assert any("File too large" in cause for cause in causes)
    assert database.read_bytes() == before
    assert Staging(database).runs() == []


@MODES
def test_a_lock_that_a_worker_met_is_known_as_such(database: Path, mode: list[str]) -> None:
    chosen = engine("DirectRunner", mode[1:])
    pipeline = beam.Pipeline(runner=chosen.runner, options=chosen.options)
    pipeline | beam.Create([str(database)]) | beam.Map(_open)
    with held(database), pytest.raises(Exception, match="locked") as raised:
        pipeline.run().wait_until_finish()
    failure = failure_of(raised.value, "retagged")
    assert isinstance(failure, DatabaseLocked)
    assert str(failure).startswith(f"{database}: the database is locked by ")


def _open(path: str) -> None:
    with open_file(path, read_only=True, lock_timeout=0):
        pass


def test_a_reader_keeps_the_tags_staged(database: Path, topics: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", READER, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline()
        text = newsbeam(
            "retag", "--topics", topics, "--database", database, "--lock-timeout", "0.1", expect=75
        ).stderr
        assert "what was fetched waits staged in" in text
        assert reader.stdin is not None
        reader.stdin.close()
    assert "Took over 1 staged files" in newsbeam("commit", "--database", database).stdout
    assert rows(database, "SELECT topic, count(*) FROM article_topics GROUP BY ALL") == [
        ("trade", 40)
    ]


def test_json(database: Path, topics: Path) -> None:
    result = newsbeam("retag", "--topics", topics, "--database", database, "--json")
    found = json.loads(result.stdout)
    assert found["topics"] == {"trade": 40}
    assert found["run"]["state"] == "done"
