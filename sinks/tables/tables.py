"""The tables of a newsbeam database, each column with its meaning.

No primary keys: uniqueness holds by construction (anti-joins on stable ids, in one transaction)
and is checked, because keys make large loads fifty times slower.
"""

from __future__ import annotations

from sinks.tables.columns import table

SCHEMA_VERSION = 7

DECLARED = (
    table("articles", "One article, as it was last read; `article_versions` keeps what it said before.", "article_id", """
        article_id        VARCHAR      Stable hash of canonical_url; where a page has several entries, and the feed the text of this one, of the address and what tells it from the others.
        url               VARCHAR      Address as the feed listed it.
        canonical_url     VARCHAR      Normal form of what the page says its address is, where that can be true, or of where redirects led; with a fragment of the text's hash where another article has that address.
        feed_url          VARCHAR      Feed that listed it first. ->feeds.feed_url
        outlet            VARCHAR      Outlet of that feed.
        country           VARCHAR      Country of the outlet, ISO 3166-1 alpha-2.
        title             VARCHAR      Headline, as listed; the page's own where the feed has none, or several entries of the page.
        title_source      VARCHAR      (feed|json-ld|meta|page) Who says so: the feed, or the page, by its JSON-LD, by a meta element, or as it shows it.
        subtitle          VARCHAR      Standfirst or second headline, as the page says.
        subtitle_source   VARCHAR      (json-ld|meta|page) What of the page says so.
        byline            VARCHAR      Authors, as the page says, or else the feed.
        byline_source     VARCHAR      (feed|json-ld|meta|page) Who says so.
        authors           VARCHAR[]    Persons of the byline, in their order.
        organisations     VARCHAR[]    Organisations of the byline, such as an agency.
        published_at      TIMESTAMPTZ  Publication as the feed says, or else the page; midnight UTC where only the day is told.
        published_source  VARCHAR      (feed|json-ld|meta|page) Who says so.
        modified_at       TIMESTAMPTZ  Last change, as the page says.
        modified_source   VARCHAR      (json-ld|meta|page) What of the page says so.
        listed_at         TIMESTAMPTZ  When a feed first showed it to us.
        fetched_at        TIMESTAMPTZ  When the page was asked for.
        language          VARCHAR      Language of the text, BCP 47.
        text              VARCHAR      Article text, a paragraph a line; navigation, comments and the like left out.
        section           VARCHAR      Section of the outlet, as the page says.
        section_source    VARCHAR      (json-ld|meta|page) What of the page says so.
        keywords          VARCHAR[]    Keywords, as the page says.
        keywords_source   VARCHAR      (json-ld|meta|page) What of the page says so.
        image             VARCHAR      Address of the image that stands for it, as the page says.
        image_source      VARCHAR      (json-ld|meta|page) What of the page says so.
        disclosure        VARCHAR      What the page discloses of the part that a language model had in it, such as made, assisted or translated; article_flags has the words.
        wire              VARCHAR      Agency whose copy it is, in whole or in part.
        dateline          VARCHAR      Place of its dateline, as written.
        paywall           VARCHAR      Degree to which it is behind a paywall, as of article_flags.
        flagged           VARCHAR[]    All its flags, each once; article_flags has what speaks for them.
        text_source       VARCHAR      (page|feed) Where the text comes from: the page, or, where that could not be had or has several entries, the feed; then hashes and size are those of the feed's text.
        word_count        INTEGER      Words of the text; in scripts without spaces, characters.
        text_hash         VARCHAR      SHA-256 of the text.
        body_hash         VARCHAR      SHA-256 of the page's bytes, unpacked.
        bytes             BIGINT       Size of the page, unpacked.
        redirects         VARCHAR[]    Addresses that led to the page, first the one asked for.
        extractor         VARCHAR      Tool and version that found the text.
        robots            VARCHAR[]    What page and answer ask of robots (meta elements, X-Robots-Tag), such as noarchive or noai; NULL where nobody looked.
        etag              VARCHAR      Validator of the page, by which it is asked whether it has changed.
        last_modified     VARCHAR      Validator of the page.
        url_id            VARCHAR      Stable hash of the listed address in its normal form, or that of the entry whose text it is.
        run_id            VARCHAR      Run that brought it. ->runs.run_id
        version           INTEGER      1, and one more for each change of headline or text that was seen.
        cause             VARCHAR      (first|edit|extractor) What made this version: that the page was first read; an edit of headline or page; or another extractor, by which the page reads otherwise though no edit was seen.
        story_id          VARCHAR      Hash of the letters and digits of the first paragraph of 40 characters or more; articles that print one text share it.
        sequence          BIGINT       Number of the commit that wrote this row; grows, so that readers can ask for what is new.
    """),
    table("article_versions", "One earlier version of an article: what it said before a change was seen.", "article_id version", """
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
        cause             VARCHAR      (first|edit|extractor) What made this version; as in articles.
        run_id            VARCHAR      Run that brought it. ->runs.run_id
        replaced_run_id   VARCHAR      Run that brought the next version. ->runs.run_id
    """),
    table("article_blocks", "One line of an article's text, and its kind.", "article_id position", """
        article_id        VARCHAR      Article. ->articles.article_id
        position          INTEGER      Place among all lines that were found, those removed counted, from 0.
        kind              VARCHAR      (paragraph|subhead|list|quote|table) What it is.
        start             INTEGER      Offset of its first character in the text, in code points, from 0.
        end               INTEGER      Offset after its last character.
    """, rows="blocks"),
    table("article_removals", "One line that was found with an article's text, and is none of it.", "article_id position kind text", """
        article_id        VARCHAR      Article. ->articles.article_id
        kind              VARCHAR      Such as read_also, newsletter or caption; docs/analyst/extraction.md has all.
        text              VARCHAR      The line.
        position          INTEGER      Place among all lines that were found; -1 where it was taken out of the page before.
        rule              VARCHAR      The rule that decided.
    """, rows="removals"),
    table("article_flags", "One thing to know of an article before it is trusted, and what speaks for it.", "article_id flag value field evidence", """
        article_id        VARCHAR      Article. ->articles.article_id
        flag              VARCHAR      Such as disclosure, wire, dateline, paywall or opinion; docs/analyst/extraction.md has all.
        value             VARCHAR      What was found: tool, agency, place or degree.
        field             VARCHAR      (title|text|removed|byline|json-ld|meta|page|url) Where.
        evidence          VARCHAR      The words that say so, as they stand there.
        start             INTEGER      Offset of the first character of the first place in title or text, in code points, from 0; NULL elsewhere.
        end               INTEGER      Offset after the last character.
    """, rows="flags"),
    table("article_looks", "One time that the page of an article was asked for again.", "article_id looked_at", """
        article_id        VARCHAR      Article. ->articles.article_id
        looked_at         TIMESTAMPTZ  When.
        run_id            VARCHAR      Run that looked. ->runs.run_id
        cause             VARCHAR      (listing|revisit) Why: a feed listed it with another headline or date of change; or it was time to look for edits that no feed tells of.
        status            VARCHAR      (unchanged|changed|failed) What came of it; changed where headline or text are others than before.
        http_status       INTEGER      Status of the answer, such as 304 for not modified; NULL without one.
        version           INTEGER      The version that came of it, whose cause is in articles or article_versions; NULL without one.
        body_hash         VARCHAR      SHA-256 of the page's bytes, unpacked; NULL where it was not read, or is as before.
        etag              VARCHAR      Validator of the page as it was read.
        last_modified     VARCHAR      Validator of the page as it was read.
        bytes             BIGINT       Bytes received.
        milliseconds      INTEGER      Duration, in milliseconds.
        error_type        VARCHAR      Kind of failure; the article stays as it was.
        error             VARCHAR      What went wrong.
    """),
    table("kept_pages", "One page that was kept, so that its text can be extracted anew.", "file at_byte", """
        file              VARCHAR      Name of the WARC file, in the folder NAME.pages beside the database.
        at_byte           BIGINT       First byte of its record there.
        length            BIGINT       Bytes of its record, packed.
        article_id        VARCHAR      Article. ->articles.article_id
        url               VARCHAR      Address that answered.
        body_hash         VARCHAR      SHA-256 of the page's bytes, unpacked; the same as that of the version of the article that is from it.
        fetched_at        TIMESTAMPTZ  When the page was asked for.
        until             TIMESTAMPTZ  It is removed some time after this.
        run_id            VARCHAR      Run that kept it. ->runs.run_id
    """),
    table("article_topics", "One topic of an article.", "article_id topic", """
        article_id        VARCHAR      Article. ->articles.article_id
        topic             VARCHAR      Topic id. ->topics.topic
        score             DOUBLE       w / (w + 3), where w adds up the weight of its topic_evidence.
        taxonomy_version  VARCHAR      Version of the topics that decided. ->topics.taxonomy_version
        matches           INTEGER      Places that speak for it, all of them; topic_evidence keeps the first 1,000, those in the title before those in the text. NULL where nobody counted.
    """, rows="topics"),
    table("topic_evidence", "One place in an article that speaks for a topic.", "article_id topic field start", """
        article_id        VARCHAR      Article. ->articles.article_id
        topic             VARCHAR      Topic id. ->topics.topic
        field             VARCHAR      (title|text) Where.
        start             INTEGER      Offset of the first character, in code points, from 0; in SQL: text[start + 1 : "end"].
        end               INTEGER      Offset after the last character; a reserved word, to be quoted in SQL.
        matched           VARCHAR      The words that matched, as they stand there.
        phrase            VARCHAR      The rule of the topic that they matched: a phrase, or such as near: export*, chip*.
        weight            DOUBLE       What the place counts: its rule's weight times that of the part. NULL where an earlier version did not say: then 3 in the title, 1 in the text.
        part              VARCHAR      (title|lead|text|dateline|last) Part of the article in which it begins.
        child             VARCHAR      Topic whose rule it is, where it counts for a parent; NULL for the topic's own.
    """, rows="topics.evidence"),
    table("topics", "One topic in one version of the taxonomy.", "topic taxonomy_version", """
        topic             VARCHAR      Topic id.
        name              VARCHAR      Name for people.
        taxonomy_version  VARCHAR      Hash of all topics of the file.
        definition        VARCHAR[]    What its evidence may name: its phrases and other rules, those of its children too.
        rules             VARCHAR      All that it says, as a topics file has it, in JSON; NULL where earlier versions knew phrases alone.
    """),
    table("feeds", "One feed that was ever configured, and its state.", "feed_url", """
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
        revisit_seconds   INTEGER[]    How long after they were first read its articles are looked at again, in seconds; empty for never.
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
    table("feed_polls", "One poll of a feed.", "run_id feed_url", """
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
    table("entries", "One page that one feed listed, or one of several entries of a page.", "entry_id", """
        entry_id          VARCHAR      Stable hash of feed and page, and where a feed lists several entries of a page, of headline, date and the like.
        feed_url          VARCHAR      Feed. ->feeds.feed_url
        url_id            VARCHAR      Stable hash of the address in its normal form; entries of several feeds share it. Where a page has several entries, and the feed the text of this one, another one for each.
        url               VARCHAR      Address as listed, made absolute.
        guid              VARCHAR      The feed's own id for it as last listed.
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
        reason            VARCHAR      Why it is not fetched; of a fetched page that is the article of another one, merged with which, and by what.
        attempts          INTEGER      Runs that tried to fetch the page.
        next_attempt_at   TIMESTAMPTZ  When a pending page is tried again.
        feed_text_at      TIMESTAMPTZ  When a failed page, or one of several entries, gave way to the text of the feed, which the next run reads; NULL for not.
        recheck_at        TIMESTAMPTZ  When a fetched page is read again, because its listing changed; NULL for not.
        rechecks          INTEGER      How often it was read again.
        article_id        VARCHAR      The article that it led to; where pruned, one of pruned_articles. ->articles.article_id
    """),
    table("failures", "One thing that went wrong with a feed or a page.", "failure_id", """
        failure_id        VARCHAR      Stable hash of run, stage and input.
        run_id            VARCHAR      Run. ->runs.run_id
        stage             VARCHAR      (poll|read feed|fetch|extract|stage) Where; stage: the row did not fit its table.
        input             VARCHAR      Address of the feed or page; of a staged file that was set aside, its name.
        feed_url          VARCHAR      Feed that it belongs to. ->feeds.feed_url
        error_type        VARCHAR      Kind of failure, such as Http404, Timeout or NoText.
        message           VARCHAR      What happened.
        failed_at         TIMESTAMPTZ  When.
        attempts          INTEGER      Failures in a row of this feed or page, this one included.
    """),
    table("runs", "One run.", "run_id", """
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
        articles_changed  INTEGER      Articles that got another version, whatever its cause.
        looks             INTEGER      Articles that were looked at again, though no listing told of an edit; pages does not count them.
        looks_changed     INTEGER      … and say something else now.
        looks_failed      INTEGER      … and could not be had or read.
        look_bytes        BIGINT       Bytes received for them.
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
    table("staged_shards", "One staged file that was committed.", "shard", """
        shard             VARCHAR      Run and name of the file; its name is a hash of its content.
        run_id            VARCHAR      Run that wrote it; of a table of the user's own, the pipeline that did (duckdb-…). ->runs.run_id
        rows              BIGINT       Rows in it.
        bytes             BIGINT       Size of the file.
        committed_at      TIMESTAMPTZ  When its rows were committed.
        added             BIGINT       Rows of it that were new, of a table of the user's own; NULL for a run's, which become rows of several tables.
    """),
    table("robots", "The robots.txt of one site, as last read.", "origin", """
        origin            VARCHAR      Scheme, host and port.
        fetched_at        TIMESTAMPTZ  When it was asked for.
        http_status       INTEGER      Status of the answer; NULL without one.
        body              VARCHAR      What it says; empty where there is none, which allows all; NULL where it could not be had, which allows nothing.
        error             VARCHAR      Why it could not be had.
        expires_at        TIMESTAMPTZ  It is asked for again after this.
        run_id            VARCHAR      Run that asked. ->runs.run_id
    """),
    table("hosts", "One host that was left alone, as last noted.", "host", """
        host              VARCHAR      Registered domain, or address.
        noted_at          TIMESTAMPTZ  When that began.
        resting_until     TIMESTAMPTZ  Until then its feeds and pages come out as HostResting.
        failures          INTEGER      Requests that had failed in a row.
        last_error        VARCHAR      What the last of them came to.
        run_id            VARCHAR      Run that noted it. ->runs.run_id
    """),
    table("pruned_articles", "One article that was removed on request; it is not fetched again.", "article_id", """
        article_id        VARCHAR      Stable hash of its canonical address.
        url_id            VARCHAR      Stable hash of its listed address in normal form.
        outlet            VARCHAR      Outlet.
        published_at      TIMESTAMPTZ  Publication.
        text_hash         VARCHAR      SHA-256 of its text.
        pruned_at         TIMESTAMPTZ  When it was removed.
        sequence          BIGINT       Number of the commit that removed it.
    """),
    table("newsbeam_schema", "The version of this schema.", "version", """
        version           INTEGER      Version of the tables.
        newsbeam_version  VARCHAR      Program that made them.
        created_at        TIMESTAMPTZ  When.
        database_id       VARCHAR      Drawn when the database was made; what is derived from it, such as the search index, names it.
    """),
)  # fmt: skip

ARTICLE_TABLES = tuple(one for one in DECLARED if one.rows)
"""Tables that belong to an article: a commit fills them from its page and keeps their history."""
TABLES = tuple(
    relation for one in DECLARED for relation in ((one, one.history) if one.rows else (one,))
)
(VERSIONS,) = (one for one in DECLARED if one.name == "article_versions")
OF_PAGES = ("article_looks", "kept_pages")
"""What is known of the pages of articles."""
OF_ARTICLES = ("articles", VERSIONS.name, *OF_PAGES, *(
    name for one in ARTICLE_TABLES for name in (one.name, one.history.name)))  # fmt: skip
"""All that goes with an article."""
