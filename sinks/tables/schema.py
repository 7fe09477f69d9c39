"""The tables and views of a newsbeam database, each column with its meaning.

No primary keys: uniqueness holds by construction (anti-joins on stable ids, in one transaction)
and is checked, because keys make large loads fifty times slower.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

SCHEMA_VERSION = 4


class Column(NamedTuple):
    """A column, its SQL type and its meaning."""

    name: str
    type: str
    meaning: str
    values: tuple[str, ...] = ()
    """All values that it may have, where they are few; the table checks them."""
    references: str = ""
    """TABLE.COLUMN that holds each of its values; `newsbeam db check` verifies that."""

    @property
    def comment(self) -> str:
        """The meaning, with what may stand there, and where it leads."""
        values = f"{', '.join(self.values)}. " if self.values else ""
        target = f" References {self.references}." if self.references else ""
        return f"{values}{self.meaning}{target}"


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
    return Table(name, meaning, tuple(key.split()), tuple(_column(*row) for row in rows))


def _column(name: str, kind: str, meaning: str) -> Column:
    """NAME TYPE meaning, with `(one|two)` first where values are few, `->TABLE.COLUMN` last."""
    values = re.match(r"\(([^)]+)\) ", meaning)
    target = re.search(r" ->(\S+)$", meaning)
    text = meaning[values.end() if values else 0 : target.start() if target else None]
    return Column(
        name, kind, text, tuple(values[1].split("|")) if values else (), target[1] if target else ""
    )


def _view(name: str, meaning: str, columns: str, query: str) -> View:
    rows = (line.split(maxsplit=1) for line in columns.strip().splitlines())
    return View(name, meaning, tuple((column, text) for column, text in rows), query)


TABLES = (
    _table("articles", "One article, as it was last read; `article_versions` keeps what it said before.", "article_id", """
        article_id        VARCHAR      Stable hash of canonical_url.
        url               VARCHAR      Address as the feed listed it.
        canonical_url     VARCHAR      Normal form of what the page says its address is, or of where redirects led.
        feed_url          VARCHAR      Feed that listed it first. ->feeds.feed_url
        outlet            VARCHAR      Outlet of that feed.
        country           VARCHAR      Country of the outlet, ISO 3166-1 alpha-2.
        title             VARCHAR      Headline, as listed; the page's own where the feed has none.
        byline            VARCHAR      Authors, as the page says, or else the feed.
        published_at      TIMESTAMPTZ  Publication as the feed says, or else the page (then midnight UTC of the day).
        published_source  VARCHAR      (feed|page) Who says so.
        listed_at         TIMESTAMPTZ  When a feed first showed it to us.
        fetched_at        TIMESTAMPTZ  When the page was asked for.
        language          VARCHAR      Language of the text, BCP 47.
        text              VARCHAR      Article text, a paragraph a line; navigation, comments and the like left out.
        text_source       VARCHAR      (page|feed) Where the text comes from: the page, or, where that could not be had, the feed; then hashes and size are those of the feed's text.
        word_count        INTEGER      Words of the text; in scripts without spaces, characters.
        text_hash         VARCHAR      SHA-256 of the text.
        body_hash         VARCHAR      SHA-256 of the page's bytes, unpacked.
        bytes             BIGINT       Size of the page, unpacked.
        redirects         VARCHAR[]    Addresses that led to the page, first the one asked for.
        extractor         VARCHAR      Tool and version that found the text.
        robots            VARCHAR[]    What page and answer ask of robots (meta elements, X-Robots-Tag), such as noarchive or noai; NULL where nobody looked.
        url_id            VARCHAR      Stable hash of the listed address in its normal form.
        run_id            VARCHAR      Run that brought it. ->runs.run_id
        version           INTEGER      1, and one more for each change of headline or text that was seen.
        story_id          VARCHAR      Hash of the letters and digits of the first paragraph of 40 characters or more; articles that print one text share it.
        sequence          BIGINT       Number of the commit that wrote this row; grows, so that readers can ask for what is new.
    """),
    _table("article_versions", "One earlier version of an article: what it said before a change was seen.", "article_id version", """
        article_id        VARCHAR      Article. ->articles.article_id
        version           INTEGER      1 for the first.
        title             VARCHAR      Headline.
        byline            VARCHAR      Authors.
        published_at      TIMESTAMPTZ  Publication, as it was said then.
        fetched_at        TIMESTAMPTZ  When the page was asked for.
        language          VARCHAR      Language of the text, BCP 47.
        text              VARCHAR      Article text.
        word_count        INTEGER      Words of the text.
        text_hash         VARCHAR      SHA-256 of the text.
        body_hash         VARCHAR      SHA-256 of the page's bytes, unpacked.
        bytes             BIGINT       Size of the page, unpacked.
        extractor         VARCHAR      Tool and version that found the text.
        run_id            VARCHAR      Run that brought it. ->runs.run_id
        topics            JSON         Its topics with their evidence, as in article_topics and topic_evidence.
        replaced_run_id   VARCHAR      Run that brought the next version. ->runs.run_id
    """),
    _table("article_topics", "One topic of an article.", "article_id topic", """
        article_id        VARCHAR      Article. ->articles.article_id
        topic             VARCHAR      Topic id. ->topics.topic
        score             DOUBLE       w / (w + 3), where w counts the matches, those in the title three times.
        taxonomy_version  VARCHAR      Version of the topics that decided. ->topics.taxonomy_version
    """),
    _table("topic_evidence", "One place in an article that speaks for a topic.", "article_id topic field start", """
        article_id        VARCHAR      Article. ->articles.article_id
        topic             VARCHAR      Topic id. ->topics.topic
        field             VARCHAR      (title|text) Where.
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
        kind              VARCHAR      (feed|sitemap|warc) What it is read as; warc for the pages of one site in one WARC file.
        robots            VARCHAR      (obey|ignore) Whether robots.txt must allow its pages.
        interval_seconds  INTEGER      Time between polls as configured, in seconds; NULL where the feed's own rhythm decides.
        expect_entries    INTEGER      New entries that it should bring in each expect_seconds; NULL without an expectation.
        expect_seconds    INTEGER      Time in which it should bring them, in seconds.
        position          INTEGER      Place in the feeds file, from 0.
        listed            BOOLEAN      Whether the feeds file of the last run lists it.
        state             VARCHAR      (active|broken|retired) Retired by the server (410); broken (failed for ten days, and not for a passing reason); or active.
        address           VARCHAR      Where it is polled, since permanent redirects moved it; NULL: at feed_url.
        moving_to         VARCHAR      Where permanent redirects led at the last good polls; after three of them over a day the feed moves there.
        moves_seen        INTEGER      Good polls in a row that were led there.
        moving_since      TIMESTAMPTZ  First of these.
        etag              VARCHAR      Validator of the last good answer.
        last_modified     VARCHAR      Validator of the last good answer.
        body_hash         VARCHAR      SHA-256 of the last good body.
        last_polled_at    TIMESTAMPTZ  Last poll.
        last_ok_at        TIMESTAMPTZ  Last poll that went well, unchanged ones included.
        last_body_at      TIMESTAMPTZ  Last poll that brought a body; after a day of answers 304 they are put to the test.
        false_304         BOOLEAN      It said 304 though it had changed; since then it is asked without validators.
        gap_seconds       INTEGER      Median time between its entries, in seconds; NULL where too few have a date.
        newest_entry_at   TIMESTAMPTZ  Publication of the newest entry in it.
        hints             JSON         What it says about when to ask again: ttl and update_seconds in seconds, skip_hours, skip_days (0 for Monday).
        failures          INTEGER      Polls that failed in a row.
        failing_since     TIMESTAMPTZ  First of these.
        lasting_since     TIMESTAMPTZ  First of the failures in a row that were of the kind that does not pass by itself (404, 401, 403, no feed); NULL where the last one may. Ten days of them break the feed.
        last_error        VARCHAR      Why the last poll failed.
        next_poll_at      TIMESTAMPTZ  When it is due again; NULL for never.
    """),
    _table("feed_polls", "One poll of a feed.", "run_id feed_url", """
        run_id            VARCHAR      Run that polled. ->runs.run_id
        feed_url          VARCHAR      Feed. ->feeds.feed_url
        polled_at         TIMESTAMPTZ  When.
        status            VARCHAR      (ok|unchanged|failed) How it went.
        http_status       INTEGER      Status of the answer; NULL without one.
        entries           INTEGER      Entries in the feed; NULL where it was not read.
        new_entries       INTEGER      Entries seen for the first time.
        changed_entries   INTEGER      Entries known before, whose headline or date of change is another now.
        overflow          BOOLEAN      Every entry was new, though the feed was read before: some between may never have been seen.
        bytes             BIGINT       Bytes received.
        milliseconds      INTEGER      Duration, in milliseconds.
        redirected_to     VARCHAR      Where redirects led; NULL without one.
        next_poll_at      TIMESTAMPTZ  When it was due again after this poll; NULL for never.
        schedule          JSON         Why then: the rule that decided, and all that it had to go by; times in seconds.
        error_type        VARCHAR      Kind of failure.
        error             VARCHAR      What went wrong; for a good poll, what the parser stumbled over, or that it was cut: it held more entries than one poll may bring, and the next one reads the others.
    """),
    _table("entries", "One page that one feed listed.", "entry_id", """
        entry_id          VARCHAR      Stable hash of feed and page.
        feed_url          VARCHAR      Feed. ->feeds.feed_url
        url_id            VARCHAR      Stable hash of the address in its normal form; entries of several feeds share it.
        url               VARCHAR      Address as listed, made absolute.
        guid              VARCHAR      The feed's own id for it.
        title             VARCHAR      Headline as last listed.
        byline            VARCHAR      Authors as last listed.
        summary           VARCHAR      Summary as last listed, without markup.
        content           VARCHAR      The whole text as last listed, as HTML; NULL where the feed carries a summary at most.
        published_at      TIMESTAMPTZ  Publication as last listed; NULL where the feed says none that can be read, or one more than a day after the poll.
        published_raw     VARCHAR      Publication, as it is written in the feed.
        listing_id        VARCHAR      Stable hash of entry, headline and date of change as last listed; another one tells of an edit.
        listed_at         TIMESTAMPTZ  Poll that first brought it.
        changed_at        TIMESTAMPTZ  Last poll that showed it changed; NULL for never.
        run_id            VARCHAR      Run of the first poll. ->runs.run_id
        state             VARCHAR      (pending|fetched|failed|skipped|pruned) What became of its page.
        reason            VARCHAR      Why it is not fetched.
        attempts          INTEGER      Runs that tried to fetch the page.
        next_attempt_at   TIMESTAMPTZ  When a pending page is tried again.
        feed_text_at      TIMESTAMPTZ  When a failed page gave way to the text of the feed, which the next run reads; NULL for not.
        recheck_at        TIMESTAMPTZ  When a fetched page is read again, because its listing changed; NULL for not.
        rechecks          INTEGER      How often it was read again.
        article_id        VARCHAR      The article that it led to; where pruned, one of pruned_articles. ->articles.article_id
    """),
    _table("failures", "One thing that went wrong with a feed or a page.", "failure_id", """
        failure_id        VARCHAR      Stable hash of run, stage and input.
        run_id            VARCHAR      Run. ->runs.run_id
        stage             VARCHAR      (poll|read feed|fetch|extract|stage) Where; stage: the row did not fit its table.
        input             VARCHAR      Address of the feed or page.
        feed_url          VARCHAR      Feed that it belongs to. ->feeds.feed_url
        error_type        VARCHAR      Kind of failure, such as Http404, Timeout or NoText.
        message           VARCHAR      What happened.
        failed_at         TIMESTAMPTZ  When.
        attempts          INTEGER      Failures in a row of this feed or page, this one included.
    """),
    _table("runs", "One run.", "run_id", """
        run_id            VARCHAR      Begins with its start in UTC, so that runs sort.
        started_at        TIMESTAMPTZ  Start.
        finished_at       TIMESTAMPTZ  End of the work; NULL for a run that died.
        state             VARCHAR      (done|stopped|failed|died) Stopped is on request; what was fetched is there in each case.
        message           VARCHAR      Why it failed, or was stopped: SIGINT, SIGTERM, or time limit.
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
        articles_changed  INTEGER      Articles that got another version.
        plan_seconds      DOUBLE       Time to find out what is due, in seconds.
        poll_seconds      DOUBLE       Time to poll and read feeds.
        page_seconds      DOUBLE       Time to fetch, extract, tag and stage pages.
        commit_seconds    DOUBLE       Time that the commit held the database to itself, from its opening until all rows were in the file; to note this and to close takes a moment more.
        lock_seconds      DOUBLE       Time that the commit waited for the database.
        cpu_seconds       DOUBLE       CPU time of the run's processes on this machine, before the commit; NULL for a run that did not come to its end.
        committed_at      TIMESTAMPTZ  When its rows were committed; other processes see them as soon as the file is free.
        listed_lag_seconds  DOUBLE     Median time from a feed's first showing of its new articles to committed_at, in seconds; NULL without new articles.
        published_lag_seconds  DOUBLE  Median time from publication to committed_at, of its new articles whose publication the feed tells, and which were listed within a day of it; older ones tell how far back a feed reaches, not how late they were seen. NULL where there are none.
    """),
    _table("staged_shards", "One staged file that was committed.", "shard", """
        shard             VARCHAR      Run and name of the file; its name is a hash of its content.
        run_id            VARCHAR      Run that wrote it; of a table of the user's own, the pipeline that did (duckdb-…). ->runs.run_id
        rows              BIGINT       Rows in it.
        bytes             BIGINT       Size of the file.
        committed_at      TIMESTAMPTZ  When its rows were committed.
        added             BIGINT       Rows of it that were new, of a table of the user's own; NULL for a run's, which become rows of several tables.
    """),
    _table("robots", "The robots.txt of one site, as last read.", "origin", """
        origin            VARCHAR      Scheme, host and port.
        fetched_at        TIMESTAMPTZ  When it was asked for.
        http_status       INTEGER      Status of the answer; NULL without one.
        body              VARCHAR      What it says; empty where there is none, which allows all; NULL where it could not be had, which allows nothing.
        error             VARCHAR      Why it could not be had.
        expires_at        TIMESTAMPTZ  It is asked for again after this.
        run_id            VARCHAR      Run that asked. ->runs.run_id
    """),
    _table("hosts", "One host that was left alone, as last noted.", "host", """
        host              VARCHAR      Registered domain, or address.
        noted_at          TIMESTAMPTZ  When that began.
        resting_until     TIMESTAMPTZ  Until then its feeds and pages come out as HostResting.
        failures          INTEGER      Requests that had failed in a row.
        last_error        VARCHAR      What the last of them came to.
        run_id            VARCHAR      Run that noted it. ->runs.run_id
    """),
    _table("pruned_articles", "One article that was removed on request; it is not fetched again.", "article_id", """
        article_id        VARCHAR      Stable hash of its canonical address.
        url_id            VARCHAR      Stable hash of its listed address in normal form.
        outlet            VARCHAR      Outlet.
        published_at      TIMESTAMPTZ  Publication.
        text_hash         VARCHAR      SHA-256 of its text.
        pruned_at         TIMESTAMPTZ  When it was removed.
        sequence          BIGINT       Number of the commit that removed it.
    """),
    _table("newsbeam_schema", "The version of this schema.", "version", """
        version           INTEGER      Version of the tables.
        newsbeam_version  VARCHAR      Program that made them.
        created_at        TIMESTAMPTZ  When.
        database_id       VARCHAR      Drawn when the database was made; what is derived from it, such as the search index, names it.
    """),
)  # fmt: skip

VIEWS = (
    _view("topics_per_day", "Articles by topic and day of publication, with all articles of the day.", """
        day               Day of publication, in UTC; NULL where nobody said.
        topic             Topic id.
        articles          Articles with the topic.
        mean_score        Mean of their scores.
        day_articles      All articles of the day.
        share             The first by the last, 0 to 1.
    """, """
        WITH days AS (SELECT (published_at AT TIME ZONE 'UTC')::DATE AS day, article_id FROM articles),
             totals AS (SELECT day, count(*) AS day_articles FROM days GROUP BY day)
        SELECT d.day, topic, count(*) AS articles, round(avg(score), 3) AS mean_score,
               day_articles, round(count(*) / day_articles, 4) AS share
        FROM article_topics JOIN days d USING (article_id)
        JOIN totals t ON t.day IS NOT DISTINCT FROM d.day
        GROUP BY d.day, topic, day_articles ORDER BY d.day, topic
    """),
    _view("topics_per_outlet", "Articles by outlet and topic, with the outlet's total.", """
        outlet            Outlet.
        topic             Topic id.
        articles          Its articles with the topic.
        outlet_articles   All of its articles.
        share             The first by the second, 0 to 1.
    """, """
        WITH totals AS (SELECT outlet, count(*) AS outlet_articles FROM articles GROUP BY outlet)
        SELECT outlet, topic, count(*) AS articles, outlet_articles,
               round(count(*) / outlet_articles, 4) AS share
        FROM article_topics JOIN articles USING (article_id) JOIN totals USING (outlet)
        GROUP BY outlet, topic, outlet_articles ORDER BY outlet, topic
    """),
    _view("expectations", "Each feed of which so many entries are expected: did they come? Those that fell short come first.", """
        outlet            Outlet.
        met               Whether enough came; NULL until it has been polled for as long as the expectation spans.
        entries           New entries in the last expect_seconds before the last poll of any feed.
        expect_entries    How many should have come.
        expect_seconds    In how long a time, in seconds.
        feed_url          Feed.
    """, """
        WITH latest AS (SELECT max(last_polled_at) AS latest_at FROM feeds), expected AS (
            SELECT outlet, feed_url, expect_entries, expect_seconds,
                   latest_at - to_seconds(expect_seconds) AS since,
                   (SELECT min(polled_at) FROM feed_polls p WHERE p.feed_url = f.feed_url) AS first_at
            FROM feeds f, latest WHERE listed AND expect_entries IS NOT NULL
        ), came AS (
            SELECT feed_url, count(*) AS entries FROM entries JOIN expected x USING (feed_url)
            WHERE listed_at > x.since GROUP BY ALL
        )
        SELECT outlet,
               CASE WHEN first_at <= since THEN coalesce(entries, 0) >= expect_entries END AS met,
               coalesce(entries, 0) AS entries, expect_entries, expect_seconds, feed_url
        FROM expected LEFT JOIN came USING (feed_url)
        ORDER BY met NULLS LAST, outlet, feed_url
    """),
    _view("feed_health", "Each feed: is it alive, and what did it bring? The worst come first.", """
        outlet            Outlet.
        health            broken (failed for ten days), failing (the last poll failed), retired (410), below expectation (it brought less than it should), silent (polled, never an entry), never polled, not listed (no longer in the feeds file), or ok.
        failures          Polls that failed in a row.
        failing_since     First of these.
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
                           WHEN state <> 'active' THEN state
                           WHEN last_polled_at IS NULL THEN 'never polled'
                           WHEN failures > 0 THEN 'failing'
                           WHEN feed_url IN (SELECT feed_url FROM expectations WHERE NOT met)
                               THEN 'below expectation'
                           WHEN coalesce(new_entries, 0) = 0 THEN 'silent'
                           ELSE 'ok' END AS health
            FROM feeds LEFT JOIN polled USING (feed_url) LEFT JOIN brought USING (feed_url)
        )
        SELECT outlet, health, failures, failing_since, last_error, feed_url,
               last_polled_at, last_ok_at, last_entry_at,
               coalesce(polls, 0) AS polls, coalesce(failed_polls, 0) AS failed_polls,
               coalesce(new_entries, 0) AS new_entries, coalesce(fetched, 0) AS fetched,
               coalesce(pending, 0) AS pending, coalesce(failed, 0) AS failed, next_poll_at
        FROM judged
        ORDER BY list_position(
            ['broken', 'failing', 'retired', 'below expectation', 'silent', 'never polled', 'ok',
             'not listed'], health
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
    _view("topic_share", "Each topic's share of what an outlet published on a day, and how much of the outlet was looked at. A row for each topic where the outlet was polled or has an article, also if no article has the topic; articles without a date are left out.", """
        day               Day of publication, in UTC.
        outlet            Outlet, by the name that its feeds have now.
        topic             Topic id, of every taxonomy that ever decided; a day before a topic was defined has 0 of it.
        articles          Its articles of the day with the topic.
        outlet_articles   All of its articles of the day: the denominator.
        share             The first by the second, 0 to 1; NULL where there was no article.
        feeds             Its feeds that were polled on the day.
        feeds_up          … and answered well at least once.
    """, """
        WITH published AS (
            SELECT (published_at AT TIME ZONE 'UTC')::DATE AS day,
                   coalesce(f.outlet, a.outlet) AS outlet, article_id
            FROM articles a LEFT JOIN feeds f USING (feed_url) WHERE published_at IS NOT NULL
        ), totals AS (
            SELECT day, outlet, count(*) AS outlet_articles FROM published GROUP BY ALL
        ), feed_days AS (
            SELECT (polled_at AT TIME ZONE 'UTC')::DATE AS day, feed_url,
                   bool_or(status <> 'failed') AS up
            FROM feed_polls GROUP BY ALL
        ), polled AS (
            SELECT day, outlet, count(*) AS feeds, count(*) FILTER (up) AS feeds_up
            FROM feed_days JOIN feeds USING (feed_url) GROUP BY ALL
        ), days AS (
            SELECT day, outlet, coalesce(outlet_articles, 0) AS outlet_articles,
                   coalesce(feeds, 0) AS feeds, coalesce(feeds_up, 0) AS feeds_up
            FROM totals FULL JOIN polled USING (day, outlet)
        ), tagged AS (
            SELECT day, outlet, topic, count(*) AS articles
            FROM published JOIN article_topics USING (article_id) GROUP BY ALL
        )
        SELECT day, outlet, topic, coalesce(articles, 0) AS articles, outlet_articles,
               round(coalesce(articles, 0) / nullif(outlet_articles, 0), 4) AS share,
               feeds, feeds_up
        FROM days CROSS JOIN (SELECT DISTINCT topic FROM topics)
        LEFT JOIN tagged USING (day, outlet, topic)
        ORDER BY day, outlet, topic
    """),
    _view("first_to_report", "Each text that several outlets printed, and who had it first. What most outlets printed comes first.", """
        story_id          Hash of the text's first paragraph.
        outlet            Outlet that had it first; of several at one moment the first by name.
        title             Its headline.
        published_at      When, at the latest: its publication, or the end of the day where the page names but a day; never after a feed listed it to us.
        article_id        That article.
        outlets           Outlets that printed it.
        articles          Articles that print it; an outlet may do so twice.
        followers         The other outlets in their order, each with the seconds that it came later; 0 is a tie.
    """, """
        WITH printed AS (
            SELECT story_id, outlet, title, article_id,
                   least(CASE WHEN published_source = 'page' THEN published_at + INTERVAL 24 HOUR
                              ELSE published_at END, listed_at) AS printed_at
            FROM articles WHERE story_id IN (
                SELECT story_id FROM articles GROUP BY story_id HAVING min(outlet) <> max(outlet))
        ), earliest AS (
            SELECT *, count(*) OVER (PARTITION BY story_id, outlet) AS articles
            FROM printed
            QUALIFY row_number() OVER (PARTITION BY story_id, outlet ORDER BY printed_at, article_id) = 1
        ), ranked AS (
            SELECT *, row_number() OVER (PARTITION BY story_id ORDER BY printed_at, outlet) AS place,
                   epoch(printed_at - min(printed_at) OVER (PARTITION BY story_id))::BIGINT AS seconds
            FROM earliest
        )
        SELECT story_id,
               any_value(outlet) FILTER (place = 1) AS outlet,
               any_value(title) FILTER (place = 1) AS title,
               min(printed_at) AS published_at,
               any_value(article_id) FILTER (place = 1) AS article_id,
               count(*) AS outlets, sum(articles)::BIGINT AS articles,
               list({'outlet': outlet, 'seconds': seconds} ORDER BY place) FILTER (place > 1) AS followers
        FROM ranked GROUP BY story_id
        ORDER BY outlets DESC, published_at, story_id
    """),
    _view("coverage", "Each feed and hour, from the feed's first poll to the last poll of any (of feeds that were retired or taken out of the feeds file: to their own last): can an entry of that hour have been missed?", """
        feed_url          Feed.
        outlet            Its outlet.
        hour              Start of the hour; hours begin as in UTC.
        polls             Polls in the hour.
        good_polls        Those that went well.
        new_entries       Entries that they brought.
        overflow          Whether one of them found new entries only, so that older ones may have left the feed unseen.
        coverage          polled (a good poll in the hour), caught up (none, but the next good one still saw what had been listed before), overflow (a poll of the hour, or the next good one after it, found new entries only: some of this hour may be missing), or open (no good poll in the hour or since).
    """, """
        WITH polled AS (
            SELECT feed_url, time_bucket(INTERVAL 1 HOUR, polled_at) AS hour, count(*) AS polls,
                   count(*) FILTER (status <> 'failed') AS good_polls,
                   coalesce(sum(new_entries), 0)::BIGINT AS new_entries,
                   coalesce(bool_or(overflow), false) AS overflow,
                   arg_min(coalesce(overflow, false), polled_at) FILTER (status <> 'failed')
                       AS first_overflow
            FROM feed_polls GROUP BY ALL
        ), hours AS (
            SELECT feed_url, unnest(generate_series(
                       min(hour),
                       CASE WHEN any_value(listed AND state <> 'retired')
                            THEN (SELECT max(hour) FROM polled) ELSE max(hour) END,
                       INTERVAL 1 HOUR)) AS hour
            FROM polled JOIN feeds USING (feed_url) GROUP BY feed_url
        ), judged AS (
            SELECT feed_url, hour, coalesce(polls, 0) AS polls, coalesce(good_polls, 0) AS good_polls,
                   coalesce(new_entries, 0) AS new_entries, coalesce(overflow, false) AS overflow,
                   lead(first_overflow IGNORE NULLS) OVER (PARTITION BY feed_url ORDER BY hour)
                       AS next_overflow
            FROM hours LEFT JOIN polled USING (feed_url, hour)
        )
        SELECT feed_url, outlet, hour, polls, good_polls, new_entries, overflow,
               CASE WHEN overflow OR next_overflow THEN 'overflow'
                    WHEN good_polls > 0 THEN 'polled'
                    WHEN next_overflow IS NULL THEN 'open' ELSE 'caught up' END AS coverage
        FROM judged JOIN feeds USING (feed_url)
        ORDER BY feed_url, hour
    """),
    _view("topic_articles", "Articles by topic, the newest first, each with its evidence in context.", """
        topic             Topic id.
        published_at      Publication.
        outlet            Outlet.
        language          Language of the text, BCP 47.
        title             Headline.
        score             Score of the topic.
        evidence          The places that speak for it, the title's first, each as: up to 60 characters before [match] up to 60 after.
        url               Address as listed.
        article_id        Article.
    """, """
        SELECT topic, published_at, outlet, language, title, score,
               list_transform(list_sort(places), lambda p: trim(
                   substring(CASE WHEN p.in_text THEN text ELSE title END,
                             greatest(p.start - 59, 1), least(p.start, 60))
                   || '[' || p.matched || ']' ||
                   substring(CASE WHEN p.in_text THEN text ELSE title END, p.end + 1, 60)
               )) AS evidence,
               url, article_id
        FROM (  -- ordered inside, so that a LIMIT spares the rest its contexts
            SELECT * FROM article_topics JOIN articles USING (article_id) LEFT JOIN (
                SELECT article_id, topic, list({'in_text': field = 'text', 'start': start,
                                                'end': "end", 'matched': matched}) AS places
                FROM topic_evidence GROUP BY ALL) USING (article_id, topic)
            ORDER BY published_at DESC NULLS LAST, article_id, topic
        )
    """),
    _view("article_history", "Every version of every article, earlier ones and the one of today.", """
        article_id        Article.
        version           1 for the first.
        current           Whether it is the one of today.
        outlet            Outlet.
        url               Address as listed.
        title             Headline.
        byline            Authors.
        published_at      Publication, as it was said then.
        fetched_at        When the page was asked for.
        language          Language of the text, BCP 47.
        text              Article text.
        topics            Topic ids.
        text_hash         SHA-256 of the text.
        body_hash         SHA-256 of the page's bytes, unpacked.
        bytes             Size of the page, unpacked.
        run_id            Run that brought it.
    """, """
        SELECT article_id, version, true AS current, outlet, url, title, byline, published_at,
               fetched_at, language, text, coalesce(topics, []) AS topics, text_hash, body_hash,
               bytes, run_id
        FROM articles LEFT JOIN (
            SELECT article_id, list_sort(list(topic)) AS topics FROM article_topics GROUP BY ALL
        ) USING (article_id)
        UNION ALL
        SELECT article_id, v.version, false, outlet, url, v.title, v.byline, v.published_at,
               v.fetched_at, v.language, v.text,
               coalesce(json_extract_string(topics, '$[*].topic'), []), v.text_hash, v.body_hash,
               v.bytes, v.run_id
        FROM article_versions v JOIN articles USING (article_id)
    """),
    _view("article_changes", "What changed in an article: each change that was seen, the newest first.", """
        article_id        Article.
        version           Version after the change.
        changed_at        When the changed page was fetched.
        unchanged_at      When the version before was fetched: the change came between the two.
        outlet            Outlet.
        title_before      Headline before.
        title             Headline after.
        removed           Paragraphs that are gone, in their order; empty where only the headline changed.
        added             Paragraphs that are new, in their order.
        topics_before     Topic ids before.
        topics            Topic ids after.
        url               Address as listed.
    """, """
        WITH versions AS (
            SELECT *, string_split(text, chr(10)) AS paragraphs
            FROM article_history SEMI JOIN article_versions USING (article_id)
        )
        SELECT after.article_id, after.version, after.fetched_at AS changed_at,
               before.fetched_at AS unchanged_at, after.outlet,
               before.title AS title_before, after.title,
               list_filter(before.paragraphs, lambda p: NOT list_contains(after.paragraphs, p)) AS removed,
               list_filter(after.paragraphs, lambda p: NOT list_contains(before.paragraphs, p)) AS added,
               before.topics AS topics_before, after.topics, after.url
        FROM versions after
        JOIN versions before ON before.article_id = after.article_id AND before.version = after.version - 1
        ORDER BY changed_at DESC, after.article_id, after.version DESC
    """),
    _view("failure_causes", "Dead letters by cause: what keeps going wrong, where, and since when. The most frequent come first.", """
        stage             poll, read feed, fetch, extract or stage.
        error_type        Kind of failure.
        outlet            Outlet of the feed.
        failures          How often.
        inputs            Feeds or pages that it befell.
        unsolved          … of which this befell last, and which fail still: feeds that are polled in vain, pages that are owed or given up.
        first_at          First time.
        last_at           Last time.
        message           What happened last.
        last_input        To which address.
    """, """
        WITH open AS (
            SELECT feed_url AS input FROM feeds WHERE failures > 0 AND listed
            UNION SELECT url FROM entries WHERE state IN ('pending', 'failed')
        ), judged AS (
            SELECT *, input IN (FROM open) AND row_number() OVER (
                          PARTITION BY input ORDER BY failed_at DESC, failure_id DESC) = 1 AS unsolved
            FROM failures
        )
        SELECT stage, error_type, outlet, count(*) AS failures, count(DISTINCT input) AS inputs,
               count(*) FILTER (unsolved) AS unsolved,
               min(failed_at) AS first_at, max(failed_at) AS last_at,
               arg_max(message, (failed_at, failure_id)) AS message,
               arg_max(input, (failed_at, failure_id)) AS last_input
        FROM judged LEFT JOIN (SELECT feed_url, outlet FROM feeds) USING (feed_url)
        GROUP BY ALL ORDER BY failures DESC, last_at DESC, stage, error_type, outlet
    """),
    _view("run_costs", "What each run cost and brought, the newest first.", """
        run_id            Run.
        started_at        Start.
        state             How it ended.
        seconds           Time of its work, of waiting for the database, and of its commit; NULL for a run that died.
        plan_seconds      … of which for finding out what is due.
        poll_seconds      … for polling and reading feeds.
        page_seconds      … for fetching, extracting and tagging pages.
        lock_seconds      … for waiting until the database was free.
        commit_seconds    … for the commit, when no one else can use the database; see runs.commit_seconds.
        cpu_seconds       CPU time of its processes, before the commit.
        feeds_polled      Feeds polled.
        pages             Pages tried.
        articles          Articles added or changed.
        cpu_seconds_per_page  CPU seconds by pages, polling included; NULL without pages.
        feed_bytes        Bytes received for feeds.
        page_bytes        Size of the pages of its articles, unpacked.
        staged_bytes      Size of its staged files.
        failures          Failures of feeds and pages.
    """, """
        WITH polls AS (SELECT run_id, sum(bytes)::BIGINT AS feed_bytes FROM feed_polls GROUP BY ALL),
             brought AS (
                 SELECT run_id, sum(bytes)::BIGINT AS page_bytes
                 FROM (SELECT run_id, bytes FROM articles
                       UNION ALL SELECT run_id, bytes FROM article_versions)
                 GROUP BY ALL),
             staged AS (SELECT run_id, sum(bytes)::BIGINT AS staged_bytes FROM staged_shards GROUP BY ALL),
             wrong AS (SELECT run_id, count(*) AS failures FROM failures GROUP BY ALL)
        SELECT run_id, started_at, state,
               round(epoch(finished_at - started_at) + lock_seconds + commit_seconds, 3) AS seconds,
               plan_seconds, poll_seconds, page_seconds, lock_seconds, commit_seconds, cpu_seconds,
               feeds_polled, pages, articles_new + coalesce(articles_changed, 0) AS articles,
               round(cpu_seconds / nullif(pages, 0), 4) AS cpu_seconds_per_page,
               coalesce(feed_bytes, 0) AS feed_bytes, coalesce(page_bytes, 0) AS page_bytes,
               coalesce(staged_bytes, 0) AS staged_bytes, coalesce(failures, 0) AS failures
        FROM runs LEFT JOIN polls USING (run_id) LEFT JOIN brought USING (run_id)
        LEFT JOIN staged USING (run_id) LEFT JOIN wrong USING (run_id)
        ORDER BY run_id DESC
    """),
)  # fmt: skip


def statements(in_lake: bool = False) -> Iterator[str]:
    """The SQL that makes an empty database, or the tables of a DuckLake, comments included."""
    for table in TABLES:
        yield create_table(table, in_lake)
    yield from describe(in_lake)


def create_table(table: Table, in_lake: bool = False) -> str:
    """Its key must not be NULL, and columns of few values are checked: not by a DuckLake."""
    parts = [
        f'"{column.name}" {column.type}' + (" NOT NULL" if column.name in table.key else "")
        for column in table.columns
    ]
    parts += [
        f'CHECK ("{column.name}" IN ({", ".join(map(quoted, column.values))}))'
        for column in table.columns
        if column.values and not in_lake
    ]
    return f'CREATE TABLE "{table.name}" ({", ".join(parts)})'


def describe(in_lake: bool = False) -> Iterator[str]:
    """The SQL that makes the views anew, and all comments; a DuckLake has none on their columns."""
    for table in TABLES:
        yield f'COMMENT ON TABLE "{table.name}" IS {quoted(table.meaning)}'
        for column in table.columns:
            place = f'"{table.name}"."{column.name}"'
            yield f"COMMENT ON COLUMN {place} IS {quoted(column.comment)}"
    for view in VIEWS:
        yield f'CREATE OR REPLACE VIEW "{view.name}" AS {view.query}'
        yield f'COMMENT ON VIEW "{view.name}" IS {quoted(view.meaning)}'
        for name, meaning in view.columns if not in_lake else ():
            yield f'COMMENT ON COLUMN "{view.name}"."{name}" IS {quoted(meaning)}'


def quoted(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
