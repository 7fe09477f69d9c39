"""The main job, held against what the newsroom knows, article by article."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.kit.newsrooms import Newsroom, StartNewsroom, run_over
from tests.kit.rows import content, rows
from tests.kit.soak import fold, own

KIND_OF_ERROR = {
    "not_a_feed": {"NotAFeed", "MalformedFeed"},
    "too_large": {"TooLarge"},
    "http_500": {"Http500"},
    "http_503": {"Http503"},
    "http_404": {"Http404"},
    "gone": {"Http410"},
    "retry_later": {"Http429"},
    "redirect_loop": {"RedirectLoop"},
    "truncated": {"ProtocolError"},
    "connect": {"ConnectError"},
    "not_html": {"NotAPage"},
}


class Ingested:
    """One run over a newsroom, and what both sides say of it."""

    def __init__(self, room: Newsroom, folder: Path) -> None:
        self.room, self.database = room, folder / "news.duckdb"
        self.summary = run_over(room, self.database)
        self.truth = room.truth()
        self.log = [row for row in room.log() if not row["path"].startswith("/_control")]

    def table(self, query: str) -> list[tuple[Any, ...]]:
        return rows(self.database, query)


@pytest.fixture(scope="module")
def ingested(start_newsroom: StartNewsroom, tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    return Ingested(start_newsroom(), tmp_path_factory.mktemp("e2e"))


def articles(ingested: Ingested, expect: str) -> list[dict[str, Any]]:
    return [item for item in ingested.truth["articles"] if item["expect"] == expect]


def test_every_article_is_there_and_no_other(ingested: Ingested) -> None:
    expected = sorted(item["canonical_url"] for item in articles(ingested, "article"))
    found = sorted(url for (url,) in ingested.table("SELECT canonical_url FROM articles"))
    assert found == expected
    assert len(found) > 140


def test_text_is_the_articles_own(ingested: Ingested) -> None:
    """Every paragraph, in order; else only lines that stand inside the article's body."""
    texts = dict(ingested.table("SELECT canonical_url, text FROM articles"))
    wrong = {}
    for item in articles(ingested, "article"):
        found, told = own(texts[item["canonical_url"]], item), list(map(fold, item["paragraphs"]))
        if found != told:
            wrong[item["canonical_url"]] = (item["kind"], found, told)
    assert not wrong


@pytest.mark.parametrize("field", ["outlet", "country", "title", "language"])
def test_metadata_is_right(ingested: Ingested, field: str) -> None:
    found = dict(ingested.table(f"SELECT canonical_url, {field} FROM articles"))
    wrong = {
        item["canonical_url"]: (found[item["canonical_url"]], item[field])
        for item in articles(ingested, "article")
        if found[item["canonical_url"]] != item[field]
    }
    assert not wrong


def test_dates_are_right(ingested: Ingested) -> None:
    found = dict(ingested.table("SELECT canonical_url, published_at FROM articles"))
    for item in articles(ingested, "article"):
        at = found[item["canonical_url"]]
        if item["published_precision"] == "second":
            assert at == moment(item["published_at"]), item
        elif item["published_precision"] == "day":
            assert at.date() == moment(item["published_at"]).date(), item


def moment(text: str) -> datetime:
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def test_topics_are_right(ingested: Ingested) -> None:
    found = dict(
        ingested.table(
            "SELECT canonical_url, list(topic ORDER BY topic) FILTER (topic IS NOT NULL) "
            "FROM articles LEFT JOIN article_topics USING (article_id) GROUP BY 1"
        )
    )
    wrong = {
        item["canonical_url"]: (found[item["canonical_url"]], item["topics"])
        for item in articles(ingested, "article")
        if (found[item["canonical_url"]] or []) != item["topics"]
    }
    assert not wrong


def test_evidence_stands_where_it_says(ingested: Ingested) -> None:
    found = ingested.table(
        "SELECT CASE field WHEN 'title' THEN title ELSE text END, start, \"end\", matched "
        "FROM topic_evidence JOIN articles USING (article_id)"
    )
    assert len(found) > 1000
    assert [row for row in found if row[0][row[1] : row[2]] != row[3]] == []
    topics = ingested.table("SELECT article_id, topic FROM article_topics ORDER BY ALL")
    proven = ingested.table("SELECT DISTINCT article_id, topic FROM topic_evidence ORDER BY ALL")
    assert topics == proven


def test_every_topic_is_defined(ingested: Ingested) -> None:
    undefined = ingested.table(
        "SELECT * FROM article_topics ANTI JOIN topics USING (topic, taxonomy_version)"
    )
    assert undefined == []


def test_every_listed_page_has_its_state(ingested: Ingested) -> None:
    """Fetched, failed, pending or skipped, for each feed that lists it, and with its reason."""
    entries = ingested.table("SELECT feed_url, title, url, state, reason FROM entries")
    by_page: dict[tuple[str, str], tuple[str, str | None]] = {
        (feed, urlsplit(url).path if url else title): (state, reason)
        for feed, title, url, state, reason in entries
    }
    states = {"article": "fetched", "failed": "failed", "pending": "pending", "skipped": "skipped"}
    listed = 0
    for item in ingested.truth["articles"]:
        keys = [urlsplit(url).path for url in item["urls"]] or [item["title"]]
        for feed in item["feed_urls"]:
            found = [by_page[feed, key] for key in keys if (feed, key) in by_page]
            assert found, (item["kind"], feed)
            for state, reason in found:
                assert state == states[item["expect"]], item
                assert state == "fetched" or reason
                if item["reason"] in KIND_OF_ERROR:
                    assert str(reason).split(":")[0] in KIND_OF_ERROR[item["reason"]]
            listed += len(found)
    assert len(entries) == sum(feed["entries"] for feed in ingested.truth["feeds"])


def test_every_failure_is_a_row(ingested: Ingested) -> None:
    failures = ingested.table("SELECT input, stage, error_type, message FROM failures")
    by_input = {input_: error_type for input_, _, error_type, _ in failures}
    for feed in ingested.truth["feeds"]:
        if feed["expect"] == "failed":
            assert by_input[feed["url"]] in KIND_OF_ERROR[feed["kind"]], feed
        else:
            assert feed["url"] not in by_input
    pages = [row for row in failures if row[1] in ("fetch", "extract")]
    assert len(pages) == len(articles(ingested, "failed")) + len(articles(ingested, "pending"))
    assert all(message for *_, message in failures)


def test_polls_and_feeds_tell_what_happened(ingested: Ingested) -> None:
    polls = dict(ingested.table("SELECT feed_url, status FROM feed_polls"))
    expected = {
        feed["url"]: "ok" if feed["expect"] == "ok" else "failed"
        for feed in ingested.truth["feeds"]
    }
    assert polls == expected
    counted = dict(ingested.table("SELECT feed_url, entries FROM feed_polls WHERE status = 'ok'"))
    assert counted == {
        f["url"]: f["entries"] for f in ingested.truth["feeds"] if f["expect"] == "ok"
    }
    retired = ingested.table("SELECT feed_url FROM feeds WHERE state = 'retired'")
    assert retired == [(f["url"],) for f in ingested.truth["feeds"] if f["kind"] == "gone"]
    due = ingested.table(
        "SELECT count(*) FROM feeds WHERE state = 'active' AND next_poll_at IS NULL"
    )
    assert due == [(0,)]


def test_a_page_in_two_feeds_is_one_article_with_two_entries(ingested: Ingested) -> None:
    doubled = ingested.table("SELECT article_id FROM articles GROUP BY ALL HAVING count(*) > 1")
    assert doubled == []
    for item in articles(ingested, "article"):
        if item["kind"] in ("two_feeds", "two_urls"):
            (count,) = ingested.table(
                "SELECT count(*) FROM entries JOIN articles USING (article_id) "
                f"WHERE canonical_url = '{item['canonical_url']}'"
            )[0]
            assert count == 2, item


def test_each_page_is_asked_for_once(ingested: Ingested) -> None:
    """But for what failed for the moment, and for two addresses that lead to one page."""
    paths = [urlsplit(row["path"]).path for row in ingested.log if row["status"] == 200]
    again = {path for path in paths if "/2026/" in path and paths.count(path) > 1}
    allowed = {
        urlsplit(url).path
        for item in ingested.truth["articles"]
        if item["expect"] == "pending" or item["kind"] == "two_urls"
        for url in [*item["urls"], item["canonical_url"]]
    }
    assert again <= allowed


def test_summary_says_what_the_tables_say(ingested: Ingested) -> None:
    run = ingested.summary["run"]
    assert run["state"] == "done"
    assert run["feeds_polled"] == run["feeds_due"] == len(ingested.truth["feeds"])
    assert run["feeds_failed"] == sum(f["expect"] == "failed" for f in ingested.truth["feeds"])
    assert run["articles_new"] == len(articles(ingested, "article"))
    assert run["entries_new"] == ingested.table("SELECT count(*) FROM entries")[0][0]
    assert run["pages_failed"] == len(articles(ingested, "failed"))
    assert run["pages_pending"] == len(articles(ingested, "pending"))
    counts = dict(ingested.table("SELECT topic, count(*) FROM article_topics GROUP BY 1"))
    assert ingested.summary["topics"] == counts
    failures = sum(item["count"] for item in ingested.summary["failures"])
    assert failures == ingested.table("SELECT count(*) FROM failures")[0][0]


def test_views_answer(ingested: Ingested) -> None:
    per_day = ingested.table("SELECT sum(articles) FROM topics_per_day")
    per_outlet = ingested.table("SELECT sum(articles) FROM topics_per_outlet")
    tagged = ingested.table("SELECT count(*) FROM article_topics")
    assert per_day == per_outlet == tagged
    health = dict(ingested.table("SELECT feed_url, health FROM feed_health"))
    for feed in ingested.truth["feeds"]:
        if feed["expect"] == "failed":
            assert health[feed["url"]] in ("failing", "retired")
        else:
            assert health[feed["url"]] == ("ok" if feed["entries"] else "silent")
    cut = ingested.table("SELECT DISTINCT matched = '' FROM evidence_in_context")
    assert cut == [(False,)]


def test_nothing_is_left_staged(ingested: Ingested) -> None:
    staging = Path(f"{ingested.database}.staging")
    assert [path.name for path in staging.iterdir()] == ["VERSION"]


@pytest.mark.parametrize("now", [[], ["--now"]], ids=["nothing-due", "all-polled-again"])
def test_a_second_run_adds_nothing(
    start_newsroom: StartNewsroom, tmp_path: Path, now: list[str]
) -> None:
    room = start_newsroom("--articles", "60")
    database = tmp_path / "news.duckdb"
    run_over(room, database)
    before = content(database)
    room.post("reset-log")
    second = run_over(room, database, *now)["run"]
    asked = [row for row in room.log() if not row["path"].startswith("/_control")]
    assert (second["articles_new"], second["entries_new"], second["pages"]) == (0, 0, 0)
    assert not [row for row in asked if "/2026/" in row["path"]]
    if now:
        assert second["feeds_unchanged"] == sum(
            feed["expect"] == "ok" for feed in room.truth()["feeds"]
        )
        assert [row for row in asked if row["status"] == 304]
        del before["feeds"]  # failures in a row went up
    else:
        assert asked == []
    after = content(database)
    assert {table: after[table] for table in before} == before


@pytest.fixture(scope="module")
def edited(start_newsroom: StartNewsroom, tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    """A newsroom before its edits; one run that sees them announced, one that reads them."""
    room = start_newsroom("--articles", "60", "--kind")
    ingested = Ingested(room, tmp_path_factory.mktemp("edited"))
    room.post("edit")
    noted = run_over(room, ingested.database, "--now")["run"]
    assert (noted["entries_new"], noted["pages"]) == (0, 0)
    ingested.summary = run_over(room, ingested.database)
    return ingested


def edits(ingested: Ingested) -> list[dict[str, Any]]:
    return [item for item in articles(ingested, "article") if item["edited"]]


def test_an_edit_becomes_a_version_and_what_was_said_before_is_kept(edited: Ingested) -> None:
    found = edited.table(
        "SELECT canonical_url, list(h.text ORDER BY h.version) "
        "FROM article_history h JOIN articles USING (article_id) GROUP BY 1"
    )
    assert len(found) == len(articles(edited, "article"))
    said = {url: texts for url, texts in found if len(texts) > 1}
    told = edits(edited)
    assert len(told) >= 3
    assert said.keys() == {item["canonical_url"] for item in told}
    for item in told:
        versions = [item, item["edited"]]
        assert [own(*pair) for pair in zip(said[item["canonical_url"]], versions, strict=True)] == [
            list(map(fold, version["paragraphs"])) for version in versions
        ]


def test_what_an_edit_changed_is_shown_by_paragraph(edited: Ingested) -> None:
    changes = {
        url: (version, *rest)
        for url, version, *rest in edited.table(
            "SELECT canonical_url, c.version, removed, added, topics_before, topics, c.title "
            "FROM article_changes c JOIN articles USING (article_id)"
        )
    }
    assert len(changes) == len(edits(edited))
    for item in edits(edited):
        before, after = ({*map(fold, said["paragraphs"])} for said in (item, item["edited"]))
        version, removed, added, topics_before, topics, title = changes[item["canonical_url"]]
        assert (version, title) == (2, item["title"])
        assert {*map(fold, removed)} == before - after
        assert {*map(fold, added)} == after - before
        assert topics_before == topics == item["topics"]


def test_evidence_stands_in_the_text_of_today(edited: Ingested) -> None:
    found = edited.table(
        "SELECT CASE field WHEN 'title' THEN title ELSE text END, start, \"end\", matched, version "
        "FROM topic_evidence JOIN articles USING (article_id)"
    )
    assert {row[4] for row in found} == {1, 2}
    assert [row for row in found if row[0][row[1] : row[2]] != row[3]] == []


def test_edits_are_counted_and_read_once(edited: Ingested) -> None:
    run = edited.summary["run"]
    assert (run["articles_new"], run["articles_changed"]) == (0, len(edits(edited)))
    assert run["pages"] == len(edits(edited))
    seen = edited.table("SELECT sum(changed_entries), sum(new_entries) FROM feed_polls")
    listings = edited.table("SELECT count(*), count(changed_at), count(recheck_at) FROM entries")
    ((changed, new),), ((all_entries, noted, owed),) = seen, listings
    assert (new, changed, owed) == (all_entries, noted, 0)
    again = run_over(edited.room, edited.database, "--now")["run"]
    assert (again["pages"], again["articles_changed"], again["entries_new"]) == (0, 0, 0)


MODES = {
    "threads": ["--direct_running_mode=multi_threading", "--direct_num_workers=2"],
    "processes": ["--direct_running_mode=multi_processing", "--direct_num_workers=2"],
    "five-groups": ["--direct_running_mode=multi_threading", "--direct_num_workers=5"],
}


@pytest.mark.parametrize("mode", MODES)
def test_same_rows_in_every_mode(ingested: Ingested, tmp_path: Path, mode: str) -> None:
    database = tmp_path / "news.duckdb"
    run_over(ingested.room, database, "--", *MODES[mode])
    assert content(database) == content(ingested.database)
