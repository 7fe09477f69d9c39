"""Each way in which a database may not hold together is found and named."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from config.models import Taxonomy, Topic
from sinks.connector import Table
from sinks.connector.errors import DatabaseError
from sinks.keep.check import Finding, check_database, checks, hold
from tests.kit.rows import rows
from tests.kit.samples import (
    FEED,
    article,
    commit,
    fill,
    listed,
    page,
    poll,
)
from tests.kit.shop import put
from transforms.topics.score import MOST_EVIDENCE
from transforms.topics.tagger import Tagger

HEADLINE = "Taiwan, Taiwan"
NOTES = Table("notes", "note", {"note": "VARCHAR"})


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return fill(tmp_path_factory.mktemp("check") / "news.duckdb").read_bytes()


@pytest.fixture
def database(filled: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "news.duckdb"
    path.write_bytes(filled)
    return path


def damage(database: Path, *statements: str) -> list[Finding]:
    with duckdb.connect(str(database)) as connection:
        for statement in statements:
            connection.execute(statement)
    return check_database(database, 0)


def test_a_database_that_runs_made_is_sound(database: Path) -> None:
    assert check_database(database, 0) == []


DUPLICATE = "INSERT INTO {0} SELECT * FROM {0} LIMIT 1"
DAMAGES = {
    "an article twice": (DUPLICATE.format("articles"), "key", "articles"),
    "an entry twice": (DUPLICATE.format("entries"), "key", "entries"),
    "evidence twice": (DUPLICATE.format("topic_evidence"), "key", "topic_evidence"),
    "a run twice": (DUPLICATE.format("runs"), "key", "runs"),
    "an article of an unknown feed": (
        "UPDATE articles SET feed_url = 'https://nobody.example/'", "reference", "articles"),
    "an article of an unknown run": (
        "UPDATE articles SET run_id = 'x'", "reference", "articles"),
    "a version of no article": (
        "UPDATE article_versions SET article_id = 'x'", "reference", "article_versions"),
    "a topic of no article": (
        "UPDATE article_topics SET article_id = 'x'", "reference", "article_topics"),
    "a topic of another taxonomy": (
        "UPDATE article_topics SET taxonomy_version = 'v0'", "reference", "article_topics"),
    "evidence of no topic": (
        "DELETE FROM article_topics", "reference", "topic_evidence"),
    "a fetched entry without its article": (
        "UPDATE entries SET article_id = NULL WHERE state = 'fetched'", "reference", "entries"),
    "a pruned entry that is not remembered": (
        "DELETE FROM pruned_articles", "reference", "entries"),
    "a pruned article that is there": (
        "INSERT INTO pruned_articles BY NAME SELECT article_id, 1 AS sequence FROM articles",
        "reference", "articles"),
    "a shard of no run": ("UPDATE staged_shards SET run_id = 'x'", "reference", "staged_shards"),
    "a failed entry with an article": (
        "UPDATE entries SET article_id = 'x' WHERE state = 'failed'", "state", "entries"),
    "a pending entry that is never tried": (
        "UPDATE entries SET next_attempt_at = NULL", "state", "entries"),
    "evidence elsewhere": (
        'UPDATE topic_evidence SET start = start + 1, "end" = "end" + 1',
        "evidence", "topic_evidence"),
    "evidence of other words": (
        "UPDATE topic_evidence SET matched = 'taiwan'", "evidence", "topic_evidence"),
    "evidence after the end": (
        "UPDATE topic_evidence SET start = 900, \"end\" = 906", "evidence", "topic_evidence"),
    "evidence of a phrase that the topic lacks": (
        "UPDATE topic_evidence SET phrase = 'Formosa'", "evidence", "topic_evidence"),
    "matches that nobody can see": (
        "UPDATE article_topics SET matches = 7", "evidence", "article_topics"),
    "a score of nothing": ("UPDATE article_topics SET score = 0.9", "score", "article_topics"),
    "a topic without evidence": ("DELETE FROM topic_evidence", "score", "article_topics"),
    "a text that was edited": ("UPDATE articles SET text = text || '!'", "text", "articles"),
    "an earlier text that was edited": (
        "UPDATE article_versions SET text = NULL", "text", "article_versions"),
    "more words than characters": (
        "UPDATE articles SET word_count = 5000", "text", "articles"),
    "a version that is not kept": ("DELETE FROM article_versions", "version", "articles"),
    "a version too many": (
        "UPDATE article_versions SET version = 2", "version", "articles"),
    "an article without a sequence": (
        "UPDATE articles SET sequence = NULL", "sequence", "articles"),
    "a removal without a sequence": (
        "UPDATE pruned_articles SET sequence = NULL", "sequence", "pruned_articles"),
    "a poll that is gone": ("DELETE FROM feed_polls", "count", "runs"),
    "an entry that is gone": ("DELETE FROM entries WHERE state = 'failed'", "count", "runs"),
    "more articles than were new": ("UPDATE runs SET articles_new = 0", "count", "runs"),
    "fewer pages than failed": ("UPDATE runs SET pages = 0", "count", "runs"),
    "a shard that is forgotten": ("DELETE FROM staged_shards", "count", "staged_shards"),
    "topics whose version leads elsewhere": (
        "UPDATE topics SET taxonomy_version = '../../x'", "form", "topics"),
    "an id that leads elsewhere": (
        "UPDATE newsbeam_schema SET database_id = '/x'", "form", "newsbeam_schema"),
    "two ids": (
        "INSERT INTO newsbeam_schema SELECT 1, 'x', now(), 'another'",
        "version", "newsbeam_schema"),
}  # fmt: skip


SCHEMA_DAMAGES = {
    "a table that is gone": ("DROP TABLE failures", "schema", "failures"),
    "a column that is gone": ("ALTER TABLE failures DROP COLUMN message", "schema", "failures"),
    "a check that is gone": (
        "CREATE TABLE o AS FROM runs; DROP TABLE runs; ALTER TABLE o RENAME TO runs",
        "schema", "runs"),
    "a view that is gone": ("DROP VIEW feed_health", "schema", "feed_health"),
    "a view that is another": (
        "CREATE OR REPLACE VIEW feed_health AS SELECT 1 AS x", "schema", "feed_health"),
    "a view of other rows": (
        "CREATE TABLE o AS FROM feed_health; CREATE OR REPLACE VIEW feed_health AS FROM o",
        "schema", "feed_health"),
}  # fmt: skip


def test_evidence_that_was_cut_is_sound(tmp_path: Path) -> None:
    text = "Taiwan " * (MOST_EVIDENCE + 500)
    (match,) = Tagger(Taxonomy((Topic("taiwan", "Taiwan", ("Taiwan",)),))).tag(HEADLINE, text)
    found = article(1, title=HEADLINE, text=text)
    database = tmp_path / "cut.duckdb"
    commit(database, [poll(FEED, 0, [listed(FEED, 1)])], [page(1, found, topics=(match,))])
    assert rows(database, "SELECT matches FROM article_topics") == [(match.matches,)]
    assert rows(database, "SELECT count(*) FROM topic_evidence") == [(MOST_EVIDENCE,)]
    broken = {(item.check, item.table) for item in check_database(database, 0)}
    assert broken.isdisjoint({("evidence", "topic_evidence"), ("evidence", "article_topics"),
                              ("score", "article_topics")})  # fmt: skip
    with duckdb.connect(str(database)) as connection:
        connection.execute("UPDATE article_topics SET matches = matches - 300, score = 0.9")
    broken = {(item.check, item.table) for item in check_database(database, 0)}
    assert ("score", "article_topics") in broken


def test_a_table_of_the_users_own_breaks_nothing(database: Path) -> None:
    """Written with the connector, whose shards stand in the same ledger."""
    put(database, NOTES, [{"note": "call them"}])
    assert rows(database, "SELECT added FROM staged_shards WHERE added IS NOT NULL") == [(1,)]
    assert [item for item in check_database(database, 0) if not item.warning] == []
    commit(database, [poll(FEED, 200, [])], run_id="20260302T110000000000Z-eeeeee")
    assert [item for item in check_database(database, 0) if not item.warning] == []


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_breaks_its_rule(database: Path, name: str) -> None:
    statement, kind, table = DAMAGES[name]
    rules = [check for check in checks() if (check.name, check.table) == (kind, table)]
    with duckdb.connect(str(database)) as connection:
        assert [item for rule in rules for item in hold(connection, rule)] == []
        connection.execute(statement)
        found = [item for rule in rules for item in hold(connection, rule)]
    assert found
    assert all(item.rows >= 1 and item.example and not item.warning for item in found)


@pytest.mark.parametrize("name", SCHEMA_DAMAGES)
def test_what_is_not_as_the_schema_has_it_is_named(database: Path, name: str) -> None:
    statement, kind, table = SCHEMA_DAMAGES[name]
    assert [(item.check, item.table) for item in damage(database, statement)] == [(kind, table)]


def test_all_damages_are_named_at_once(database: Path) -> None:
    found = damage(
        database,
        "UPDATE articles SET text = text || '!'",
        "DELETE FROM feed_polls",
        "UPDATE article_topics SET score = 0.9",
    )
    assert {("text", "articles"), ("count", "runs"), ("score", "article_topics")} == {
        (item.check, item.table) for item in found
    }


def test_an_example_names_a_row(database: Path) -> None:
    found = damage(database, "UPDATE topic_evidence SET phrase = 'Formosa'")
    (item,) = (item for item in found if item.check == "evidence")
    assert "topic taiwan" in item.example
    assert "phrase Formosa" in item.example
    assert item.rows == 2


def test_a_clock_that_jumped_is_a_warning(database: Path) -> None:
    found = damage(database, "UPDATE articles SET fetched_at = now() + INTERVAL 3 DAY")
    assert [(item.check, item.table, item.warning) for item in found] == [
        ("clock", "articles", True)
    ]


def test_tables_and_views_of_the_user_are_no_findings(database: Path) -> None:
    assert not damage(
        database,
        "CREATE TABLE notes (article_id VARCHAR, note VARCHAR)",
        "CREATE SCHEMA mine",
        "CREATE TABLE mine.articles (x INTEGER)",
        "CREATE VIEW mine.feed_health AS FROM articles",
    )


def test_garbled_bytes_are_found_wherever_they_are(database: Path) -> None:
    """Each block is read, those too that no check needs."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE bulk AS SELECT hash(i) AS h FROM range(300000) t(i)")
    whole = database.read_bytes()
    middle = len(whole) // 2
    database.write_bytes(whole[:middle] + b"garbled!" + whole[middle + 8 :])
    with pytest.raises(DatabaseError, match=r"news\.duckdb: .*the file is damaged: put a copy"):
        check_database(database, 0)


def test_a_file_that_is_cut_is_refused(database: Path) -> None:
    whole = database.read_bytes()
    database.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(DatabaseError, match=r"news\.duckdb: .*the file is damaged: put a copy"):
        check_database(database, 0)
