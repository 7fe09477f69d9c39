"""What a process of the pool makes of pages and texts, by topics that it reads once.

A taxonomy may be large, and every page is judged by it: it goes to the pool as a file, and a
process keeps the taggers that it built.
"""

from __future__ import annotations

import atexit
import pickle
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from config.failures import Kind
from config.models import FetchSettings, Taxonomy
from transforms.hashing import body_hash, text_hash
from transforms.records import (
    REEXTRACT,
    Extraction,
    Page,
    PageTask,
    Reread,
    Response,
    RetaggedArticle,
    Unreadable,
)
from transforms.text.pages import extract, failed_page, judge
from transforms.topics.tagger import Tagger
from transforms.web.archive import Archive
from transforms.web.kept import read_kept

_handing = threading.Lock()
_folder: tempfile.TemporaryDirectory[str] | None = None


def hand_over(taxonomy: Taxonomy) -> str:
    """Put a taxonomy where the processes of the pool find it; its path.

    Several threads may do so at once, and a stream lives longer than some systems keep a folder.
    """
    global _folder
    with _handing:
        if _folder is None or not Path(_folder.name).is_dir():
            _folder = tempfile.TemporaryDirectory(
                prefix="newsbeam-topics-", ignore_cleanup_errors=True
            )
            atexit.register(_folder.cleanup)
        path = Path(_folder.name, taxonomy.version)
        if not path.exists():
            part = path.with_suffix(".part")
            part.write_bytes(pickle.dumps(taxonomy))
            part.replace(path)  # whole or not at all
        return str(path)


@lru_cache(maxsize=2)
def tagger_at(path: str) -> Tagger:
    """The tagger of a taxonomy that was handed over; two, while a stream takes another file."""
    taxonomy: Taxonomy = pickle.loads(Path(path).read_bytes())
    return Tagger(taxonomy)


def judge_page(task: PageTask, answer: Response, taxonomy: str) -> Page:
    """From a page's bytes to its judged article, by the taxonomy at a path.

    Where another extractor has found what the article said before, the page that this was from, if
    it was kept, tells what today's one finds in it.
    """
    page = judge(task, answer, tagger_at(taxonomy).tag)
    look, article = task.look, page.article
    if look is None or article is None or look.kept is None or look.cause == REEXTRACT:
        return page
    if look.extractor == article.extractor or look.text_hash == article.text_hash:
        return page
    return page._replace(text_before=_text_before(task, read_kept(look.kept, look.kept_at)))


def _text_before(task: PageTask, kept: Response | None) -> str | None:
    """SHA-256 of the text that is found in a kept page; None where it is gone, or has none.

    It is read as the page of today is, by the headline of its listing too: a line that repeats it
    is no edit.
    """
    found = extract(task, kept) if kept else None
    return text_hash(found.text) if isinstance(found, Extraction) else None


def reread_page(reread: Reread, taxonomy: str) -> Page:
    """The page that an article's text is from, judged anew; what is not there fails.

    Its bytes must be those that the article names: of an edit made since, the text is another.
    """
    task, look = reread.task, reread.task.look
    assert look is not None
    for answer in _answers(reread):
        if body_hash(answer.body) == look.body_hash:
            known = answer._replace(redirects=reread.redirects)
            return judge(task, known, tagger_at(taxonomy).tag)
    gone = "the page that its text is from is not there any more, or cannot be read"
    return failed_page(task, not_read(task), Unreadable(Kind.NOT_KEPT, gone))


def not_read(task: PageTask) -> Response:
    """In the place of the answer to a task that nobody asked the web for."""
    return Response(task.url, 200, {}, b"", (), datetime.now(UTC), 0, 0)


def _answers(reread: Reread) -> Iterator[Response]:
    look = reread.task.look
    if look and look.kept and (kept := read_kept(look.kept, look.kept_at)):
        yield kept
    if reread.archive:
        yield from _archive_at(reread.archive).captures(reread.task.url, FetchSettings.page_bytes)


@lru_cache(maxsize=1)
def _archive_at(path: str) -> Archive:
    return Archive(path)


def retag(articles: list[dict[str, str]], taxonomy: str) -> list[RetaggedArticle]:
    """The topics of articles of the database (article_id, title, text, language)."""
    tag = tagger_at(taxonomy).tag
    return [
        RetaggedArticle(
            article["article_id"], tag(article["title"], article["text"], article["language"])
        )
        for article in articles
    ]
