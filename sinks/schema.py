"""The tables and views of a newsbeam database, each column with its meaning.

No primary keys: uniqueness holds by construction (anti-joins on stable ids, in one transaction)
and is checked, because keys make large loads fifty times slower.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

SCHEMA_VERSION = 1


class Column(NamedTuple):
    """A column, its SQL type and its meaning."""

    name: str
    type: str
    meaning: str


class Table(NamedTuple):
    """A table, what one row of it is, and which columns name a row."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]


class View(NamedTuple):
    """A view, what it answers, and its query."""

    name: str
    meaning: str
    columns: tuple[tuple[str, str], ...]
    """(name, meaning)"""
    query: str


def _table(name: str, meaning: str, key: str, columns: str) -> Table:
    rows = (line.split(maxsplit=2) for line in columns.strip().splitlines())
    return Table(name, meaning, tuple(key.split()), tuple(Column(*row) for row in rows))


def _view(name: str, meaning: str, columns: str, query: str) -> View:
    rows = (line.split(maxsplit=1) for line in columns.strip().splitlines())
    return View(name, meaning, tuple((column, text) for column, text in rows), query)


TABLES = (
    _table("articles", "One article, as it was first fetched.", "article_id", """
        article_id        VARCHAR      Stable hash of canonical_url.
        url               VARCHAR      Address as the feed listed it.
        canonical_url     VARCHAR      Normal form of what the page says its address is, or of where redirects led.
        feed_url          VARCHAR      Feed that listed it first.
        outlet            VARCHAR      Outlet of that feed.
        country           VARCHAR      Country of the outlet, ISO 3166-1 alpha-2.
        title             VARCHAR      Headline, as listed; the page's own where the feed has none.
        byline            VARCHAR      Authors, as the page says, or else the feed.
        published_at      TIMESTAMPTZ  Publication as the feed says, or else the page (then midnight UTC of the day).
        published_source  VARCHAR      Who says so: feed or page.
        listed_at         TIMESTAMPTZ  When a feed first showed it to us.
        fetched_at        TIMESTAMPTZ  When the page was asked for.
        language          VARCHAR      Language of the text, BCP 47.
        text              VARCHAR      Article text, a paragraph a line; navigation, comments and the like left out.
        word_count        INTEGER      Words of the text; in scripts without spaces, characters.
        text_hash         VARCHAR      SHA-256 of the text.
        body_hash         VARCHAR      SHA-256 of the page's bytes, unpacked.
        bytes             BIGINT       Size of the page, unpacked.
        redirects         VARCHAR[]    Addresses that led to the page, first the one asked for.
        extractor         VARCHAR      Tool and version that found the text.
        url_id            VARCHAR      Stable hash of the listed address in its normal form.
        run_id            VARCHAR      Run that brought it.
    """),
    _table("article_topics", "One topic of an article.", "article_id topic", """
        article_id        VARCHAR      Article.
        topic             VARCHAR      Topic id.
        score             DOUBLE       w / (w + 3), where w counts the matches, those in the title three times.
        taxonomy_version  VARCHAR      Version of the topics that decided.
    """),
    _table("topic_evidence", "One place in an article that speaks for a topic.", "article_id topic field start", """
        article_id        VARCHAR      Article.
        topic             VARCHAR      Topic id.
        field             VARCHAR      Where: title or text.
        start             INTEGER      Offset of the first character, in code points, from 0; in SQL: text[start + 1 : "end"].
        end               INTEGER      Offset after the last character; a reserved word, to be quoted in SQL.
        matched           VARCHAR      The words that matched, as they stand there.
        phrase            VARCHAR      The phrase of the topic that they matched.
    """),
    _table("topics", "One topic in one version of the taxonomy.", "topic taxonomy_version", """
        topic             VARCHAR      Topic id.
        name              VARCHAR      Name for people.
        taxonomy_version  VARCHAR      Hash of all topics of the file.
        definition        VARCHAR[]    Its phrases; a trailing * stands for any word ending.
    """),
    _table("feeds", "One feed that was ever configured, and its state.", "feed_url", """
        feed_url          VARCHAR      Address of the feed.
        outlet            VARCHAR      Name of the outlet.
        country           VARCHAR      Country of the outlet, ISO 3166-1 alpha-2.
        language          VARCHAR      Language as configured, BCP 47.
        tags              VARCHAR[]    Tags as configured.
        interval_seconds  INTEGER      Time between polls, in seconds.
        position          INTEGER      Place in the feeds file, from 0.
        listed            BOOLEAN      Whether the feeds file of the last run lists it.
        state             VARCHAR      active, or retired by the server (410).
        etag              VARCHAR      Validator of the last good answer.
        last_modified     VARCHAR      Validator of the last good answer.
        body_hash         VARCHAR      SHA-256 of the last good body.
        last_polled_at    TIMESTAMPTZ  Last poll.
        last_ok_at        TIMESTAMPTZ  Last poll that went well, unchanged ones included.
        failures          INTEGER      Polls that failed in a row.
        last_error        VARCHAR      Why the last poll failed.
        next_poll_at      TIMESTAMPTZ  When it is due again; NULL for never.
    """),
    _table("feed_polls", "One poll of a feed.", "run_id feed_url", """
        run_id            VARCHAR      Run that polled.
        feed_url          VARCHAR      Feed.
        polled_at         TIMESTAMPTZ  When.
        status            VARCHAR      ok, unchanged or failed.
        http_status       INTEGER      Status of the answer; NULL without one.
        entries           INTEGER      Entries in the feed; NULL where it was not read.
        new_entries       INTEGER      Entries seen for the first time.
        bytes             BIGINT       Bytes received.
        milliseconds      INTEGER      Duration, in milliseconds.
        error_type        VARCHAR      Kind of failure.
        error             VARCHAR      What went wrong; for a good poll, what the parser stumbled over.
    """),
    _table("entries", "One page that one feed listed.", "entry_id", """
        entry_id          VARCHAR      Stable hash of feed and page.
        feed_url          VARCHAR      Feed.
        url_id            VARCHAR      Stable hash of the address in its normal form; entries of several feeds share it.
        url               VARCHAR      Address as listed, made absolute.
        guid              VARCHAR      The feed's own id for it.
        title             VARCHAR      Headline as listed.
        byline            VARCHAR      Authors as listed.
        summary           VARCHAR      Summary as listed, without markup.
        published_at      TIMESTAMPTZ  Publication as listed.
        published_raw     VARCHAR      Publication, as it is written in the feed.
        listed_at         TIMESTAMPTZ  Poll that first brought it.
        run_id            VARCHAR      Run of that poll.
        state             VARCHAR      pending, fetched, failed or skipped.
        reason            VARCHAR      Why it is not fetched.
        attempts          INTEGER      Runs that tried to fetch the page.
        next_attempt_at   TIMESTAMPTZ  When a pending page is tried again.
        article_id        VARCHAR      The article that it led to.
    """),
    _table("failures", "One thing that went wrong with a feed or a page.", "failure_id", """
        failure_id        VARCHAR      Stable hash of run, stage and input.
        run_id            VARCHAR      Run.
        stage             VARCHAR      poll, read feed, fetch or extract.
        input             VARCHAR      Address of the feed or page.
        feed_url          VARCHAR      Feed that it belongs to.
        error_type        VARCHAR      Kind of failure, such as Http404, Timeout or NoText.
        message           VARCHAR      What happened.
        failed_at         TIMESTAMPTZ  When.
        attempts          INTEGER      Failures in a row of this feed or page, this one included.
    """),
    _table("runs", "One run.", "run_id", """
        run_id            VARCHAR      Begins with its start in UTC, so that runs sort.
        started_at        TIMESTAMPTZ  Start.
        finished_at       TIMESTAMPTZ  End of the work; NULL for a run that died.
        state             VARCHAR      done, stopped (on request), failed or died; what was fetched is there in each case.
        message           VARCHAR      Why it failed.
        newsbeam_version  VARCHAR      Version of the program.
        runner            VARCHAR      Beam runner.
        taxonomy_version  VARCHAR      Version of the topics.
        feeds_due         INTEGER      Feeds that were to be polled.
        feeds_polled      INTEGER      Feeds that were.
        feeds_unchanged   INTEGER      … and had nothing new to say.
        feeds_failed      INTEGER      … and failed.
        entries_new       INTEGER      Entries seen for the first time.
        pages             INTEGER      Pages tried.
        pages_failed      INTEGER      … and failed for good.
        pages_pending     INTEGER      … and failed for now; a later run tries them again.
        articles_new      INTEGER      Articles added.
        plan_seconds      DOUBLE       Time to find out what is due, in seconds.
        poll_seconds      DOUBLE       Time to poll and read feeds.
        page_seconds      DOUBLE       Time to fetch, extract, tag and stage pages.
        commit_seconds    DOUBLE       Time that the commit held the database, up to the writing of this row.
        lock_seconds      DOUBLE       Time that the commit waited for the database.
    """),
    _table("staged_shards", "One staged file that was committed.", "shard", """
        shard             VARCHAR      Run and name of the file; its name is a hash of its content.
        run_id            VARCHAR      Run that wrote it.
        rows              BIGINT       Rows in it.
        bytes             BIGINT       Size of the file.
        committed_at      TIMESTAMPTZ  When its rows were committed.
    """),
    _table("newsbeam_schema", "The version of this schema.", "version", """
        version           INTEGER      Version of the tables.
        newsbeam_version  VARCHAR      Program that made them.
        created_at        TIMESTAMPTZ  When.
    """),
)  # fmt: skip

VIEWS = (
    _view("topics_per_day", "Articles by topic and day of publication.", """
        day               Day of publication, in UTC; NULL where nobody said.
        topic             Topic id.
        articles          Articles with the topic.
        mean_score        Mean of their scores.
    """, """
        SELECT (published_at AT TIME ZONE 'UTC')::DATE AS day, topic, count(*) AS articles,
               round(avg(score), 3) AS mean_score
        FROM article_topics JOIN articles USING (article_id)
        GROUP BY ALL ORDER BY day, topic
    """),
    _view("topics_per_outlet", "Articles by outlet and topic, with the outlet's total.", """
        outlet            Outlet.
        topic             Topic id.
        articles          Its articles with the topic.
        outlet_articles   All of its articles.
        share             The first by the second.
    """, """
        WITH totals AS (SELECT outlet, count(*) AS outlet_articles FROM articles GROUP BY outlet)
        SELECT outlet, topic, count(*) AS articles, outlet_articles,
               round(count(*) / outlet_articles, 3) AS share
        FROM article_topics JOIN articles USING (article_id) JOIN totals USING (outlet)
        GROUP BY outlet, topic, outlet_articles ORDER BY outlet, topic
    """),
    _view("feed_health", "Each feed: is it alive, and what did it bring? The worst come first.", """
        outlet            Outlet.
        health            failing (the last poll failed), retired (410), silent (polled, never an entry), never polled, not listed (no longer in the feeds file), or ok.
        failures          Polls that failed in a row.
        last_error        Why the last poll failed.
        feed_url          Feed.
        last_polled_at    Last poll.
        last_ok_at        Last poll that went well.
        last_entry_at     Last poll that brought a new entry.
        polls             Polls so far.
        failed_polls      Those that failed.
        new_entries       Entries that it brought.
        fetched           Those that led to an article.
        pending           Those still owed.
        failed            Those given up.
        next_poll_at      When it is due again.
    """, """
        WITH polled AS (
            SELECT feed_url, count(*) AS polls,
                   count(*) FILTER (status = 'failed') AS failed_polls,
                   sum(new_entries)::BIGINT AS new_entries
            FROM feed_polls GROUP BY feed_url
        ), brought AS (
            SELECT feed_url, count(*) FILTER (state = 'fetched') AS fetched,
                   count(*) FILTER (state = 'pending') AS pending,
                   count(*) FILTER (state = 'failed') AS failed,
                   max(listed_at) AS last_entry_at
            FROM entries GROUP BY feed_url
        ), judged AS (
            SELECT *, CASE WHEN NOT listed THEN 'not listed'
                           WHEN state = 'retired' THEN 'retired'
                           WHEN last_polled_at IS NULL THEN 'never polled'
                           WHEN failures > 0 THEN 'failing'
                           WHEN coalesce(new_entries, 0) = 0 THEN 'silent'
                           ELSE 'ok' END AS health
            FROM feeds LEFT JOIN polled USING (feed_url) LEFT JOIN brought USING (feed_url)
        )
        SELECT outlet, health, failures, last_error, feed_url,
               last_polled_at, last_ok_at, last_entry_at,
               coalesce(polls, 0) AS polls, coalesce(failed_polls, 0) AS failed_polls,
               coalesce(new_entries, 0) AS new_entries, coalesce(fetched, 0) AS fetched,
               coalesce(pending, 0) AS pending, coalesce(failed, 0) AS failed, next_poll_at
        FROM judged
        ORDER BY list_position(
            ['failing', 'retired', 'silent', 'never polled', 'ok', 'not listed'], health
        ), failures DESC, outlet, feed_url
    """),
    _view("evidence_in_context", "Each match with the words around it.", """
        article_id        Article.
        topic             Topic id.
        field             Where: title or text.
        phrase            The phrase of the topic.
        start             Offset of the match in code points, from 0.
        end               Offset after it.
        before            Up to 60 characters before.
        matched           The words that matched.
        after             Up to 60 characters after.
    """, """
        SELECT article_id, topic, field, phrase, start, "end",
               substring(body, greatest(start - 59, 1), least(start, 60)) AS before,
               matched,
               substring(body, "end" + 1, 60) AS after
        FROM (SELECT e.*, CASE field WHEN 'title' THEN a.title ELSE a.text END AS body
              FROM topic_evidence e JOIN articles a USING (article_id))
    """),
)  # fmt: skip


def statements() -> Iterator[str]:
    """The SQL that makes an empty database, comments included."""
    for table in TABLES:
        columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
        yield f'CREATE TABLE "{table.name}" ({columns})'
        yield f'COMMENT ON TABLE "{table.name}" IS {quoted(table.meaning)}'
        for column in table.columns:
            place = f'"{table.name}"."{column.name}"'
            yield f"COMMENT ON COLUMN {place} IS {quoted(column.meaning)}"
    for view in VIEWS:
        yield f'CREATE VIEW "{view.name}" AS {view.query}'
        yield f'COMMENT ON VIEW "{view.name}" IS {quoted(view.meaning)}'
        for name, meaning in view.columns:
            yield f'COMMENT ON COLUMN "{view.name}"."{name}" IS {quoted(meaning)}'


def quoted(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
