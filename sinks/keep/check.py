"""Whether a database holds together: keys, references, evidence, counts, and the bytes themselves.

Each check is a query for the rows that break a rule, by table; what it selects names such a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import duckdb

from sinks.connector.tables import identifier
from sinks.database.lake import is_lake
from sinks.database.migrations import definition_of
from sinks.database.opening import open_database
from sinks.database.where import Where
from sinks.tables.columns import Table
from sinks.tables.ddl import quoted, statements
from sinks.tables.rules import FILE_NAME, SCORE, WEIGHT
from sinks.tables.tables import ARTICLE_TABLES, TABLES
from sinks.tables.views import VIEWS
from transforms.topics.score import MOST_EVIDENCE


class Check(NamedTuple):
    """A rule: its name, the table, what it says, and a query for keys of rows that break it."""

    name: str
    table: str
    rule: str
    query: str
    warning: bool = False


class Finding(NamedTuple):
    """A rule that is broken: by how many rows, and by which, for example."""

    check: str
    table: str
    rule: str
    rows: int
    example: str
    warning: bool
    """It tells of something odd, such as a clock that jumped; nothing is wrong with the rows."""


# Rules beyond keys and references, which the schema knows.
RULES = (
    ("reference", "article_topics", "topic and taxonomy_version are a row of topics", """
        SELECT article_id, topic, taxonomy_version FROM article_topics
        ANTI JOIN topics USING (topic, taxonomy_version)"""),
    ("reference", "entries", "a fetched entry leads to one of articles", """
        SELECT entry_id, article_id FROM (FROM entries WHERE state = 'fetched')
        ANTI JOIN articles USING (article_id)"""),
    ("reference", "entries", "a pruned entry leads to one of pruned_articles", """
        SELECT entry_id, article_id FROM (FROM entries WHERE state = 'pruned')
        ANTI JOIN pruned_articles USING (article_id)"""),
    ("reference", "articles", "a pruned article is gone", """
        SELECT article_id FROM articles SEMI JOIN pruned_articles USING (article_id)"""),
    ("reference", "staged_shards", "run_id is in runs.run_id, or names a user's pipeline", """
        SELECT shard, run_id FROM (FROM staged_shards WHERE NOT starts_with(run_id, 'duckdb-'))
        ANTI JOIN runs USING (run_id)"""),
    ("state", "entries", "only a fetched or pruned entry leads to an article", """
        SELECT entry_id, state, article_id FROM entries
        WHERE state NOT IN ('fetched', 'pruned') AND article_id IS NOT NULL"""),
    ("state", "entries", "a pending entry, and no other, has a next attempt", """
        SELECT entry_id, state, next_attempt_at FROM entries
        WHERE (state = 'pending') <> (next_attempt_at IS NOT NULL)"""),
    ("state", "entries", "the text of the feed is read for an entry that has one, and no page", """
        SELECT entry_id, state, feed_text_at FROM entries
        WHERE feed_text_at IS NOT NULL
          AND (state NOT IN ('failed', 'skipped') OR content IS NULL)"""),
    ("state", "entries", "a pruned entry says nothing of its page", """
        SELECT entry_id FROM entries
        WHERE state = 'pruned' AND coalesce(title, byline, summary, content) IS NOT NULL"""),
    ("evidence", "topic_evidence", "the phrase is the topic's, in the version that decided", """
        SELECT article_id, topic, phrase FROM topic_evidence
        JOIN article_topics USING (article_id, topic) JOIN topics USING (topic, taxonomy_version)
        WHERE NOT list_contains(definition, phrase)"""),
    ("evidence", "article_topics", f"of more than {MOST_EVIDENCE} places so many are kept", f"""
        SELECT article_id, topic, matches FROM article_topics JOIN (
            SELECT article_id, topic, count(*) AS kept FROM topic_evidence GROUP BY ALL
        ) USING (article_id, topic)
        WHERE matches <> kept AND NOT (kept = {MOST_EVIDENCE} AND matches > kept)"""),
    ("score", "article_topics", f"the score is {SCORE}, w the weights of its evidence", f"""
        WITH weights AS (
            SELECT article_id, topic, {WEIGHT} AS kept, count(*) AS places,
                   count(weight) = 0 AS earlier
            FROM topic_evidence GROUP BY ALL
        )
        SELECT article_id, topic, score FROM (
            -- Earlier versions counted those in the text that were not kept, too.
            SELECT *, kept + if(earlier, coalesce(matches - places, 0), 0) AS w
            FROM article_topics LEFT JOIN weights USING (article_id, topic)
        )
        WHERE w IS NULL OR score IS NULL OR abs(score - {SCORE}) > 0.0001"""),
    ("text", "articles", "text_hash is the SHA-256 of the text", """
        SELECT article_id FROM articles
        WHERE text IS NULL OR text_hash IS DISTINCT FROM sha256(text)"""),
    ("text", "article_versions", "text_hash is the SHA-256 of the text", """
        SELECT article_id, version FROM article_versions
        WHERE text IS NULL OR text_hash IS DISTINCT FROM sha256(text)"""),
    ("text", "articles", "there are no more words than characters", """
        SELECT article_id, word_count FROM articles
        WHERE word_count IS NULL OR word_count NOT BETWEEN 0 AND length(text)"""),
    ("version", "articles", "version counts the earlier versions, and this one", """
        SELECT a.article_id, any_value(a.version) AS version
        FROM articles a LEFT JOIN article_versions v USING (article_id) GROUP BY ALL
        HAVING any_value(a.version) IS DISTINCT FROM count(v.version) + 1
            OR max(v.version) >= any_value(a.version) OR min(v.version) < 1"""),
    ("sequence", "articles", "sequence is there", """
        SELECT article_id FROM articles WHERE sequence IS NULL OR sequence < 1"""),
    ("sequence", "pruned_articles", "sequence is there", """
        SELECT article_id FROM pruned_articles WHERE sequence IS NULL OR sequence < 1"""),
    ("count", "runs", "feeds polled, unchanged and failed count its feed_polls", """
        SELECT run_id, feeds_polled FROM runs LEFT JOIN (
            SELECT run_id, count(*) AS polled, count(*) FILTER (status = 'unchanged') AS unchanged,
                   count(*) FILTER (status = 'failed') AS failed
            FROM feed_polls GROUP BY run_id
        ) USING (run_id)
        WHERE (feeds_polled, feeds_unchanged, feeds_failed)
            IS DISTINCT FROM (coalesce(polled, 0), coalesce(unchanged, 0), coalesce(failed, 0))"""),
    ("count", "runs", "entries_new counts the run's entries", """
        SELECT run_id, entries_new FROM runs LEFT JOIN (
            SELECT run_id, count(*) AS brought FROM entries GROUP BY run_id
        ) USING (run_id)
        WHERE entries_new IS DISTINCT FROM coalesce(brought, 0)"""),
    ("count", "runs", "articles_new is no less than the run's articles that are there", """
        SELECT run_id, articles_new FROM runs JOIN (
            SELECT run_id, count(*) AS brought FROM articles WHERE version = 1 GROUP BY run_id
        ) USING (run_id)
        WHERE articles_new IS NULL OR articles_new < brought"""),
    ("count", "runs", "pages are no fewer than those that failed or are pending", """
        SELECT run_id, pages FROM runs
        WHERE pages IS NULL OR pages < coalesce(pages_failed, 0) + coalesce(pages_pending, 0)"""),
    ("count", "staged_shards", "a run's shards have rows for all of its feed_polls and pages", """
        WITH staged AS (
            SELECT run_id,
                   coalesce(sum(rows) FILTER (shard LIKE '%/polls-%'), 0) AS polls,
                   coalesce(sum(rows) FILTER (shard LIKE '%/pages-%'), 0) AS pages
            FROM staged_shards GROUP BY run_id
        )
        SELECT r.run_id, feeds_polled, polls AS staged_polls, r.pages, s.pages AS staged_pages
        FROM runs r LEFT JOIN staged s USING (run_id)
        WHERE feeds_polled > coalesce(polls, 0) OR r.pages > coalesce(s.pages, 0)"""),
    ("form", "topics", "taxonomy_version can name a file", f"""
        SELECT topic, taxonomy_version FROM topics
        WHERE NOT coalesce(regexp_full_match(taxonomy_version, '{FILE_NAME}'), false)"""),
    ("form", "newsbeam_schema", "database_id can name a folder", f"""
        SELECT version, database_id FROM newsbeam_schema
        WHERE NOT coalesce(regexp_full_match(database_id, '{FILE_NAME}'), false)"""),
    ("version", "newsbeam_schema", "the database has one id", """
        SELECT version, database_id FROM newsbeam_schema
        WHERE database_id IS DISTINCT FROM (SELECT min(database_id) FROM newsbeam_schema)
           OR database_id IS NULL"""),
)  # fmt: skip
MATCHED = "{} stands in the title or text from start to end"
OWN_RULE = {("articles", "article_id"), ("entries", "article_id"), ("staged_shards", "run_id")}
"""References that a rule above holds to, because the schema's word for them is too simple."""
VIEW_COLUMNS = """
SELECT view_name, concat_ws(', ', any_value(v.comment), string_agg(
    concat_ws(' ', column_name, data_type, c.comment), ', ' ORDER BY column_index))
FROM duckdb_views() v JOIN duckdb_columns() c
    ON c.table_oid = view_oid AND c.database_oid = v.database_oid
WHERE NOT v.internal AND v.schema_name = 'main' AND v.database_name = current_database()
GROUP BY view_name
"""
OUR_CLOCK = (
    "listed_at", "changed_at", "fetched_at", "polled_at", "last_polled_at", "last_ok_at",
    "started_at", "finished_at", "failed_at", "committed_at", "pruned_at", "created_at",
    "looked_at",
)  # fmt: skip
"""Columns that hold what this machine's clock said."""


def checks() -> Iterator[Check]:
    """All rules, table by table."""
    for table in TABLES:
        yield from _of_schema(table)
    for table in ARTICLE_TABLES:
        yield from _of_article(table, "articles", ("article_id",))
        yield from _of_article(table.history, "article_history", ("article_id", "version"))
    for name, table_name, rule, query in RULES:
        yield Check(name, table_name, rule, query)
    for table in TABLES:
        for column in table.columns:
            if column.name in OUR_CLOCK:
                yield Check("clock", table.name, f"{column.name} is not in the future", (
                    f'SELECT {_key(table)}, {column.name} FROM "{table.name}" '
                    f"WHERE {column.name} > now() + INTERVAL 1 HOUR"), warning=True)  # fmt: skip


def _of_schema(table: Table) -> Iterator[Check]:
    """What the table itself cannot enforce, as it does NOT NULL and, in a file, its few values."""
    name, key = table.name, _key(table)
    yield Check("key", name, f"{' and '.join(table.key)} together are there once", (
        f'SELECT {key}, count(*) AS rows FROM "{name}" GROUP BY {key} HAVING count(*) > 1'
    ))  # fmt: skip
    for column in table.columns:
        if column.values:
            values = ", ".join(map(quoted, column.values))
            yield Check("value", name, f"{column.name} is one of {values}", (
                f'SELECT {key}, {column.name} FROM "{name}" WHERE {column.name} NOT IN ({values})'
            ))  # fmt: skip
        if column.references and (name, column.name) not in OWN_RULE:
            target, _, other = column.references.partition(".")
            yield Check("reference", name, f"{column.name} is in {column.references}", (
                f'SELECT {key}, {column.name} FROM "{name}" t WHERE {column.name} IS NOT NULL AND '
                f'NOT EXISTS (FROM "{target}" o WHERE o.{other} = t.{column.name})'
            ))  # fmt: skip


def _of_article(table: Table, articles: str, version: tuple[str, ...]) -> Iterator[Check]:
    """That the rows of a table of an article are of an article, or of one of its versions; that
    those of a list in a list are of a row of the outer one; that what matched stands where it
    should.
    """
    key, columns = _key(table), {column.name for column in table.columns}
    owners = {one.rows: one for one in ARTICLE_TABLES}
    outer = owners.get(table.rows[:-1])
    target, names = (outer.name, outer.key) if outer else (articles, version)
    if outer or articles != "articles":
        told = f"a row of {target}" if outer else "a version of an article"
        yield Check("reference", table.name, f"{' and '.join(names)} are {told}", (
            f"SELECT {key} FROM {table.name} ANTI JOIN {target} USING ({', '.join(names)})"
        ))  # fmt: skip
    if {"start", "end"} <= columns:
        joined = f"SELECT {key} FROM {table.name} JOIN {articles} USING ({', '.join(version)}) "
        for words in columns & {"matched", "evidence"}:
            yield Check("evidence", table.name, MATCHED.format(words), (
                f'{joined} WHERE "end" <= start OR start IS NOT NULL AND {words} IS DISTINCT FROM '
                """substring(if(field = 'title', title, text), start + 1, "end" - start)"""
            ))  # fmt: skip
        if "field" not in columns:
            yield Check("evidence", table.name, "start and end are offsets in the text", (
                f'{joined} WHERE start < 0 OR "end" <= start OR "end" > length(text)'
            ))  # fmt: skip


def _key(table: Table) -> str:
    return ", ".join(map(identifier, table.key))


def check_database(path: Where, lock_timeout: float) -> list[Finding]:
    """Hold a database against all rules; it is only read, each of its blocks.

    Raises:
        DatabaseError: it cannot be read to its end, because its bytes are damaged.
        DatabaseLocked, SchemaMismatch: as of `open_database`.
    """
    with open_database(path, read_only=True, lock_timeout=lock_timeout) as opened:
        connection = opened.connection
        _read_all(connection)
        findings = list(_definitions(connection))
        if not findings:  # the rules know these tables only
            for check in checks():
                findings += hold(connection, check)
    return findings


def _read_all(connection: duckdb.DuckDBPyConnection) -> None:
    """Read every block of every table; DuckDB holds them against their checksums."""
    tables = connection.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
    for names in tables:
        name = ".".join(map(identifier, names))
        connection.execute(f"SELECT bit_xor(hash(t)) FROM {name} AS t").fetchall()


def _definitions(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    """Tables and views as the schema has them; a user's own do not count."""
    with duckdb.connect() as memory:
        for statement in statements(is_lake(connection)):
            memory.execute(statement)
        for table in TABLES:
            found = definition_of(connection, table.name)
            if found != definition_of(memory, table.name):
                rule = "the table is as the schema has it"
                yield Finding("schema", table.name, rule, 1, found or "absent", False)
        wanted, views = _views(memory), _views(connection)
    for view in VIEWS:
        if views.get(view.name) != wanted[view.name]:
            rule, found = "the view is as the schema has it", views.get(view.name, "absent")
            yield Finding("schema", view.name, rule, 1, found, False)


def _views(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Comments and columns of views by name: a view that is replaced loses its comments.

    Their SQL is worded in another way by each version of DuckDB, and once it was stored.
    """
    return dict(connection.execute(VIEW_COLUMNS).fetchall())


def hold(connection: duckdb.DuckDBPyConnection, check: Check) -> Iterator[Finding]:
    """Hold the rows against a rule; nothing where all are as they should be."""
    result = connection.execute(
        f"SELECT count(*), any_value(row) FROM (SELECT row FROM ({check.query}) AS row)"
    )
    rows, example = result.fetchall()[0]
    if rows:
        told = ", ".join(f"{name} {value}" for name, value in example.items())
        yield Finding(check.name, check.table, check.rule, rows, told, check.warning)
