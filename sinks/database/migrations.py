"""Bringing a database of an earlier schema up to date: numbered steps, inside one transaction.

A step is written once and never changed. What no step needs to say, such as checks of values and
the texts of comments and views, is brought in line at the end.
"""

from __future__ import annotations

import duckdb

from sinks.connector.tables import described, identifier
from sinks.database.lake import is_lake
from sinks.tables.columns import Table
from sinks.tables.ddl import create_table, describe
from sinks.tables.tables import SCHEMA_VERSION, TABLES
from sinks.tables.views import VIEWS

SAID_BEFORE = """
    SELECT article_id, version, replaced_run_id, unnest(from_json(topics, '[{
        "topic": "VARCHAR", "score": "DOUBLE", "taxonomy_version": "VARCHAR", "evidence": [{
            "field": "VARCHAR", "start": "INTEGER", "end": "INTEGER", "matched": "VARCHAR",
            "phrase": "VARCHAR"}]
    }]')) AS said FROM article_versions
"""
"""Topics and evidence of earlier versions, which were a document each until version 4."""
WITH_CAUSE = """
    SELECT v.*, CASE WHEN v.version = 1 THEN 'first' WHEN v.extractor = b.extractor THEN 'edit'
                     ELSE 'extractor' END AS cause
    FROM {} v LEFT JOIN article_versions b
        ON b.article_id = v.article_id AND b.version + 1 = v.version
"""
"""What made a version, as far as the extractors tell; until version 6 nobody noted it."""
STEPS: dict[int, dict[str, str]] = {
    2: {
        "articles": r"""SELECT *, 1 AS version, 1::BIGINT AS sequence, md5(regexp_replace(lower(
            list_filter(string_split(text, chr(10)), lambda p: length(p) >= 40)[1]),
            '[^\p{L}\p{N}]', '', 'g')) AS story_id FROM articles""",
        "entries": "SELECT *, 0 AS rechecks FROM entries",
        "runs": "SELECT *, 0 AS articles_changed FROM runs",
        "newsbeam_schema": "SELECT *, uuid()::VARCHAR AS database_id FROM newsbeam_schema",
    },
    3: {
        "articles": "SELECT *, 'page' AS text_source FROM articles",
        "feeds": """SELECT *, 'feed' AS kind, 'obey' AS robots, 0 AS moves_seen, false AS false_304,
            last_ok_at AS last_body_at,
            (SELECT min(failed_at) FROM failures x
             WHERE x.feed_url = f.feed_url AND f.failures > 0 AND stage IN ('poll', 'read feed')
               AND failed_at > coalesce(f.last_ok_at, '-infinity'::TIMESTAMPTZ)) AS failing_since
            FROM feeds f""",
    },
    4: {
        "runs": """SELECT *, (SELECT max(committed_at) FROM staged_shards s
                              WHERE s.run_id = r.run_id) AS committed_at FROM runs r""",
    },
    5: {
        "article_topics_history": f"""SELECT article_id, said.topic, said.score,
            said.taxonomy_version, version, replaced_run_id FROM ({SAID_BEFORE})""",
        "topic_evidence_history": f"""SELECT article_id, topic, place.*, version, replaced_run_id
            FROM (SELECT article_id, said.topic AS topic, unnest(said.evidence) AS place, version,
                         replaced_run_id FROM ({SAID_BEFORE}))""",
        "article_versions": "SELECT * EXCLUDE topics FROM article_versions",
    },
    6: {
        "article_topics": """SELECT * FROM article_topics LEFT JOIN (
            SELECT article_id, topic, count(*) AS matches FROM topic_evidence GROUP BY ALL
        ) USING (article_id, topic)""",
    },
    7: {name: WITH_CAUSE.format(name) for name in ("articles", "article_versions")},
}
"""What leads from the version before to each version: tables, and their rows from the old ones.

Columns that no step fills become NULL; a version that only adds columns or tables needs no step.
"""
SINCE = {5: "article_versions", 7: "article_versions"}
"""A table that a step starts from, though the first versions did not have it."""
WITHOUT = {7: {"articles": "SELECT *, 'first' AS cause FROM articles"}}
"""What such a step does where that table is absent."""


def migrate(connection: duckdb.DuckDBPyConnection, version: int) -> None:
    """Bring the tables from `version` to this program's; the caller owns the transaction."""
    for view in VIEWS:
        connection.execute(f'DROP VIEW IF EXISTS "{view.name}"')
    for step in range(version + 1, SCHEMA_VERSION + 1):
        absent = step in SINCE and definition_of(connection, SINCE[step]) is None
        for name, query in (WITHOUT if absent else STEPS).get(step, {}).items():
            connection.execute(f"CREATE OR REPLACE TEMP TABLE earlier AS {query}")
            connection.execute(f'DROP TABLE IF EXISTS "{name}"')
            connection.execute(f'CREATE TABLE "{name}" AS FROM earlier')
    for table in TABLES:
        _conform(connection, table)
    for statement in describe(is_lake(connection)):
        connection.execute(statement)


def _conform(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Make a table that is absent, and anew one whose columns or checks differ.

    Columns that a user added stay, after ours: no migration takes what it does not know.
    """
    creation = create_table(table, is_lake(connection))
    with duckdb.connect() as memory:
        memory.execute(creation)
        wanted = definition_of(memory, table.name)
    found = definition_of(connection, table.name)
    if found == wanted:
        return
    if found:
        connection.execute(f'CREATE OR REPLACE TEMP TABLE earlier AS FROM "{table.name}"')
        connection.execute(f'DROP TABLE "{table.name}"')
    connection.execute(creation)
    if found:
        known = {column.name.lower() for column in table.columns}
        for name, kind in described(connection, "earlier").items():
            if name.lower() not in known:
                connection.execute(
                    f'ALTER TABLE "{table.name}" ADD COLUMN {identifier(name)} {kind}'
                )
        connection.execute(f'INSERT INTO "{table.name}" BY NAME FROM earlier')
        connection.execute("DROP TABLE earlier")


def definition_of(connection: duckdb.DuckDBPyConnection, name: str) -> str | None:
    """A table's columns and checks, as DuckDB words them; None where it is absent."""
    found = connection.execute(
        "SELECT sql FROM duckdb_tables() WHERE table_name = ? AND schema_name = 'main' "
        "AND database_name = current_database()", [name]
    ).fetchone()  # fmt: skip
    # A DuckLake says of each column that it has no default.
    return str(found[0]).replace(" DEFAULT(NULL)", "") if found else None
