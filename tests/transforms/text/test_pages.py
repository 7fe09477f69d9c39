"""From a page's answer to its page record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from transforms.hashing import body_hash, digest
from transforms.records import Extraction, HttpFailure, PageTask, Response, TopicMatch, Unreadable
from transforms.text.pages import article_page, failed_page
from transforms.urls import canonical
from transforms.web.attempts import MAX_ATTEMPTS

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
EARLIER, BEFORE = NOW - timedelta(minutes=5), NOW - timedelta(days=1)
LISTED = "https://news.example/a?utm_source=rss"
TASK = PageTask(digest(canonical(LISTED)), LISTED, "https://news.example/rss", 3, "Gazette", "GB",
                "en", "As listed", "The feed", BEFORE, EARLIER, 1)  # fmt: skip
FOUND = Extraction(
    "As printed", "Ann Mole", NOW, "de", None, "Zwei Wörter, 制裁!", "trafilatura 2",
    title_source="json-ld", byline_source="meta", published_source="page",
)  # fmt: skip


def answer(url: str = LISTED, body: bytes = b"<html>", *redirects: str) -> Response:
    return Response(url, 200, {}, body, redirects, NOW, 7, 3)


def page_record(task, result, extraction, tag):
    """What the pool and the step behind it make of an answer and what was extracted."""
    if isinstance(extraction, Extraction):
        return article_page(task, result, extraction, tag)
    return failed_page(task, result, extraction)


def no_topics(title: str | None, text: str, language: str | None) -> tuple[TopicMatch, ...]:
    return ()


def article(task: PageTask = TASK, response: Response | None = None, **found: object):
    page = page_record(task, response or answer(), FOUND._replace(**found), no_topics)
    assert page.article is not None
    return page.article


def test_a_fetched_page():
    match = TopicMatch("sanctions", 0.25, ())
    page = page_record(
        TASK, answer(), FOUND, lambda title, text, language: (match,) if text else ()
    )
    assert (page.state, page.attempts, page.next_attempt_at) == ("fetched", 2, None)
    assert (page.stage, page.error_type, page.error) == (None, None, None)
    assert (page.url_id, page.url, page.feed_url) == (TASK.url_id, LISTED, TASK.feed_url)
    assert (page.http_status, page.milliseconds) == (200, 7)
    assert page.topics == (match,)


def test_an_article_explains_itself():
    found = article()
    assert found.canonical_url == "https://news.example/a"
    assert found.article_id == digest(found.canonical_url)
    assert (found.url, found.feed_url, found.outlet, found.country) == (
        LISTED, TASK.feed_url, "Gazette", "GB",
    )  # fmt: skip
    assert (found.listed_at, found.fetched_at) == (EARLIER, NOW)
    assert (found.body_hash, found.bytes) == (body_hash(b"<html>"), 6)
    assert found.text_hash == body_hash("Zwei Wörter, 制裁!".encode())
    assert found.extractor == "trafilatura 2"


def test_topics_are_looked_for_in_what_the_row_shows():
    seen = []
    page_record(
        TASK, answer(), FOUND, lambda title, text, language: seen.append((title, text)) or ()
    )
    assert seen == [("As listed", FOUND.text)]


@pytest.mark.parametrize(
    ("changed", "found", "expected"),
    [
        pytest.param({}, {}, {"title": "As listed", "byline": "Ann Mole", "language": "de",
                              "published_at": BEFORE, "published_source": "feed"}, id="both say"),
        pytest.param({"title": None, "published_at": None}, {},
                     {"title": "As printed", "title_source": "json-ld", "published_at": NOW,
                          "published_source": "page"},
                     id="the page says"),
        pytest.param({}, {"byline": None, "language": None},
                     {"byline": "The feed", "byline_source": "feed", "language": "en"},
                         id="the feed says"),
        pytest.param({"title": None, "published_at": None, "byline": None, "language": None},
                     {"title": None, "published_at": None, "published_source": None,
                      "byline": None, "language": None},
                     {"title": None, "byline": None, "language": None, "published_at": None,
                      "published_source": None}, id="nobody says"),
    ],
)  # fmt: skip
def test_who_is_believed(changed, found, expected):
    row = article(TASK._replace(**changed), **found)._asdict()
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("One, two — three!", 3),
        ("制裁措施", 4),
        ("G7の制裁", 4),
        ("1 2 3\nfour", 4),
        ("Москва, Київ", 2),
        ("...", 0),
    ],
)
def test_words_are_counted_in_all_scripts(text, words):
    assert article(text=text).word_count == words


def test_a_redirect_gives_the_article_the_identity_of_where_it_led():
    found = article(TASK, answer("https://news.example/final#x", b"", LISTED))
    assert found.canonical_url == "https://news.example/final"
    assert found.redirects == (LISTED,)
    assert (found.url, found.url_id) == (LISTED, TASK.url_id)


def test_a_page_may_declare_its_own_address():
    assert article(canonical_link="/story").canonical_url == "https://news.example/story"
    assert (
        article(canonical_link="https://thief.example/x").canonical_url == "https://news.example/a"
    )


def test_a_text_that_stands_for_a_page_of_several_entries_is_an_article_of_its_own():
    url = "https://news.example/live#post-3"
    task = TASK._replace(url_id=digest("a post"), url=url, text_span=(0, 9))
    found = article(task, answer(url))
    assert (found.article_id, found.canonical_url) == (task.url_id, url)
    assert (found.text_source, found.title) == ("feed", "As listed")
    plain = article(task._replace(url="https://news.example/live"), answer(url))
    assert (plain.article_id, plain.canonical_url) == (task.url_id, "https://news.example/live")


def test_what_the_answer_and_the_page_ask_of_robots_is_kept():
    response = answer()._replace(headers={"x-robots-tag": "noai, otherbot: noindex"})
    assert article(response=response, robots=("noarchive", "noai")).robots == ("noai", "noarchive")
    assert article().robots == ()


TEMPORARY = HttpFailure("Http503", "the server answered 503", NOW, 9, 503, True)


def test_a_temporary_failure_stays_pending():
    page = page_record(TASK, TEMPORARY, None, no_topics)
    assert (page.state, page.attempts) == ("pending", 2)
    assert page.next_attempt_at == NOW + timedelta(hours=4)
    assert (page.stage, page.error_type, page.http_status) == ("fetch", "Http503", 503)
    assert page.error == "the server answered 503"
    assert (page.article, page.topics) == (None, ())


@pytest.mark.parametrize("lost", ["ParserLost", "ParserTimeout"])
def test_a_page_whose_parser_was_ended_is_tried_again(lost):
    page = page_record(TASK, answer(), Unreadable(lost, "its process was ended"), no_topics)
    assert (page.state, page.attempts) == ("pending", 2)
    assert (page.stage, page.error_type) == ("extract", lost)
    assert page.next_attempt_at == NOW + timedelta(hours=4)


def test_a_page_that_was_not_asked_for_has_no_attempt_more():
    resting = HttpFailure("HostResting", "left alone", NOW, 0, None, True, 600.0, asked=False)
    page = page_record(TASK._replace(attempts=MAX_ATTEMPTS), resting, None, no_topics)
    assert (page.state, page.attempts) == ("pending", MAX_ATTEMPTS)
    assert page.next_attempt_at == NOW + timedelta(seconds=600)


def test_the_server_may_ask_for_more_time():
    page = page_record(TASK, TEMPORARY._replace(retry_after=20_000.0), None, no_topics)
    assert page.next_attempt_at == NOW + timedelta(seconds=20_000)


@pytest.mark.parametrize(
    ("task", "result", "extraction", "told"),
    [
        pytest.param(TASK, TEMPORARY._replace(status=404, temporary=False, error_type="Http404"),
                     None, ("fetch", "Http404", 404), id="not found"),
        pytest.param(TASK._replace(attempts=MAX_ATTEMPTS - 1), TEMPORARY, None,
                     ("fetch", "Http503", 503), id="temporary for the last time"),
        pytest.param(TASK, answer(), Unreadable("NotAPage", "a picture"),
                     ("extract", "NotAPage", 200), id="no page"),
        pytest.param(TASK, answer(), None, ("extract", "NoText", 200), id="nothing extracted"),
    ],
)  # fmt: skip
def test_permanent_failures(task, result, extraction, told):
    page = page_record(task, result, extraction, no_topics)
    assert (page.state, page.next_attempt_at) == ("failed", None)
    assert (page.stage, page.error_type, page.http_status) == told
    assert page.error
    assert page.article is None
