"""From a page's answer to its page record: pure functions, no clock, no I/O."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urldefrag

from config.failures import Kind
from transforms.folding import WORDS
from transforms.hashing import body_hash, digest, text_hash
from transforms.records import (
    LISTING,
    LONGEST_ERROR,
    REVISIT,
    Article,
    Extraction,
    HttpFailure,
    Page,
    PageTask,
    Response,
    TopicMatch,
    Unreadable,
)
from transforms.shapes import shared
from transforms.text.directives import directives
from transforms.text.extraction import extract_content, extract_page
from transforms.text.walls import in_its_place, tells
from transforms.urls import canonical, page_id, page_identity
from transforms.web.attempts import Next, next_attempt

Tag = Callable[["str | None", str, "str | None"], "tuple[TopicMatch, ...]"]
"""Title, text and language to topics."""
LONGEST_VALIDATOR = 1_000
"""Characters; a longer one is not kept, and the page asked for without it."""


def judge(task: PageTask, answer: Response, tag: Tag) -> Page:
    """What a page that was fetched comes to: its article with its topics, or why there is none.

    Of a page that was looked at, and is to the byte what it was, there is nothing to read.
    """
    if is_unchanged(task, answer):
        return unchanged_page(task, answer)
    extraction = extract(task, answer)
    if isinstance(extraction, Extraction) and not task.text_span:
        problem = in_its_place(answer.redirects, answer.url, task.title, extraction)
        extraction = problem or extraction
    if isinstance(extraction, Unreadable):
        return failed_page(task, answer, extraction)
    return article_page(task, answer, extraction, tag)


def extract(task: PageTask, answer: Response) -> Extraction | Unreadable:
    """What an answer says: the page that the task is of, or its text in the feed."""
    if task.text_span:
        return extract_content(answer.body, answer.url, task.title)
    kind = answer.headers.get("content-type")
    return extract_page(answer.body, kind, answer.url, task.title)


def is_unchanged(task: PageTask, answer: Response) -> bool:
    """Whether a look found the page that it found the last time."""
    if answer.status == 304:
        return True
    look = task.look
    return look is not None and look.cause == REVISIT and look.body_hash == body_hash(answer.body)


def unchanged_page(task: PageTask, answer: Response) -> Page:
    """A page of which nothing new is to be had."""
    return _page(task, answer, "unchanged")


def article_page(task: PageTask, answer: Response, extraction: Extraction, tag: Tag) -> Page:
    """A page with its article, and what belongs to it."""
    article = _article(task, answer, extraction)
    return _page(task, answer, "fetched")._replace(
        own_url=canonical(answer.url),
        told=article.title is None or tells(article.title, article.text),
        article=article,
        topics=tag(article.title, article.text, article.language),
        blocks=extraction.blocks,
        removals=tuple({gone[:3]: gone for gone in extraction.removals}.values()),
        flags=extraction.flags,
    )


def failed_page(
    task: PageTask, answer: Response | HttpFailure, problem: Unreadable | None = None
) -> Page:
    """A page that could not be fetched, or (with the problem) not be read."""
    if isinstance(answer, HttpFailure):
        return _failed(task, answer, "fetch", answer.error_type, answer.message, answer.temporary)
    problem = problem or Unreadable(Kind.NO_TEXT, "nothing extracted")
    temporary = problem.temporary and not task.text_span
    return _failed(task, answer, "extract", problem.error_type, problem.message, temporary)


def _article(task: PageTask, answer: Response, extraction: Extraction) -> Article:
    identity = page_identity(answer.url, extraction.canonical_link)
    article_id = digest(identity)
    if task.text_span and task.url_id != page_id(task.url):  # it shares its page with others
        identity, article_id = _with_fragment(identity, task.url), task.url_id
    flagged = {flag.flag: flag.value for flag in reversed(extraction.flags)}
    return Article(
        **shared(_believed(task, answer, extraction), Article),
        article_id=article_id,
        url_id=task.url_id,
        url=task.url,
        canonical_url=identity,
        feed_url=task.feed_url,
        outlet=task.outlet,
        country=task.country,
        listed_at=task.listed_at,
        fetched_at=answer.fetched_at,
        word_count=sum(1 for _ in WORDS.finditer(extraction.text)),
        text_hash=text_hash(extraction.text),
        body_hash=body_hash(answer.body),
        bytes=len(answer.body),
        redirects=answer.redirects,
        text_source="feed" if task.text_span else "page",
        disclosure=flagged.get("disclosure"),
        wire=flagged.get("wire"),
        dateline=flagged.get("dateline"),
        paywall=flagged.get("paywall"),
        flagged=tuple(dict.fromkeys(flag.flag for flag in extraction.flags)),
        etag=_validator(answer, "etag"),
        last_modified=_validator(answer, "last-modified"),
    )


def _believed(task: PageTask, answer: Response, extraction: Extraction) -> Extraction:
    """What is said of an article: headline and publication by its feed before its page, the rest
    by its page before its feed.
    """
    in_header = directives(answer.headers.get("x-robots-tag"))
    return extraction._replace(
        title=task.title or extraction.title,
        title_source="feed" if task.title else extraction.title_source,
        byline=extraction.byline or task.byline,
        byline_source=extraction.byline_source if extraction.byline else task.byline and "feed",
        published_at=task.published_at or extraction.published_at,
        published_source="feed" if task.published_at else extraction.published_source,
        language=extraction.language or task.language,
        robots=tuple(dict.fromkeys((*in_header, *extraction.robots))),
    )


def _validator(answer: Response, name: str) -> str | None:
    value = answer.headers.get(name)
    return value if value and len(value) <= LONGEST_VALIDATOR else None


def _with_fragment(identity: str, url: str) -> str:
    fragment = urldefrag(url).fragment
    return f"{identity}#{fragment}" if fragment else identity


def refused_page(page: Page, reason: str) -> Page:
    """A failure in the place of a page whose row does not fit, and would not the next time."""
    return Page(
        url_id=page.url_id,
        url=page.url,
        feed_url=page.feed_url,
        feed_position=page.feed_position,
        fetched_at=page.fetched_at,
        state="failed",
        attempts=1,
        next_attempt_at=None,
        stage="stage",
        error_type=Kind.MISFIT,
        error=reason[:LONGEST_ERROR],
        http_status=None,
        milliseconds=0,
    )


def _failed(
    task: PageTask,
    answer: Response | HttpFailure,
    stage: str,
    error_type: str,
    error: str,
    temporary: bool,
) -> Page:
    wait = answer.retry_after if isinstance(answer, HttpFailure) else None
    if task.look and task.look.cause != LISTING:  # nothing is owed: the article is there
        due, attempts = Next("failed", None), 1
    elif isinstance(answer, HttpFailure) and not answer.asked:
        at = answer.fetched_at + timedelta(seconds=wait or 0)
        due, attempts = Next("pending", at), task.attempts
    else:
        attempts = task.attempts + 1
        due = next_attempt(answer.fetched_at, attempts, temporary, wait)
    return _page(task, answer, due.state)._replace(
        attempts=attempts,
        next_attempt_at=due.at,
        stage=stage,
        error_type=error_type,
        error=error[:LONGEST_ERROR],
    )


def _page(task: PageTask, answer: Response | HttpFailure, state: str) -> Page:
    """What every try of a page leaves, whatever came of it."""
    return Page(
        url_id=task.url_id,
        url=task.url,
        feed_url=task.feed_url,
        feed_position=task.feed_position,
        fetched_at=answer.fetched_at,
        state=state,
        attempts=task.attempts + 1,
        next_attempt_at=None,
        stage=None,
        error_type=None,
        error=None,
        http_status=answer.status,
        milliseconds=answer.milliseconds,
        look=task.look,
        received=answer.received,
    )
