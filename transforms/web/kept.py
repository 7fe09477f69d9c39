"""Pages that are kept for a while, so that their texts can be extracted anew.

They stand in WARC files as answers in an archive do, but alone: what belongs to an article, and
does not ask to be forgotten (noarchive). Where each lies is noted with its row.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from config.models import FetchSettings, KeepSettings
from transforms.records import REVISIT, HttpFailure, Kept, Page, Response
from transforms.web.warc import (
    DAMAGE,
    OPEN,
    ArchiveWriter,
    Exchange,
    read_capture,
)

NOT_KEPT = frozenset({"noarchive"})
"""What a page or an answer says that is not to be kept."""
LARGEST = 200_000_000
"""Bytes of a file; a file goes when none of its pages is kept any more."""
LONGEST = 86_400.0
"""Seconds that a stream writes one file."""


class PageKeeper:
    """Keeps pages in a folder; any thread may use it."""

    def __init__(self, settings: KeepSettings) -> None:
        self._for = timedelta(seconds=settings.seconds)
        self._writer = ArchiveWriter(settings.folder, LARGEST, LONGEST)

    def keep(self, page: Page, answer: Response) -> Page:
        """A page with the place where its answer was kept, if it was.

        Raises:
            ArchiveError: the folder cannot be written.
        """
        if not is_worth(page):
            return page
        exchange = Exchange(
            url=answer.url,
            asked_at=answer.fetched_at,
            path="",
            request_headers=[],
            address=None,
            protocol="HTTP/1.1",
            status_line=f"{answer.status} OK",
            headers=list(answer.headers.items()),
            body=answer.body,
        )
        place = self._writer.write_answer(exchange)
        return page._replace(kept=Kept(*place, answer.fetched_at + self._for)) if place else page

    def close(self) -> None:
        """Give the file that is being written its name."""
        self._writer.close()


def is_worth(page: Page) -> bool:
    """Whether a page is kept: it has an article, whose text is not that of a page kept before."""
    article, look = page.article, page.look
    if article is None or article.text_source != "page" or NOT_KEPT & set(article.robots):
        return False
    again = look is not None and look.cause == REVISIT and look.text_hash == article.text_hash
    return not again


def path_of(folder: str | Path, file: str) -> Path:
    """Where a file of kept pages is, also while it is written, or its writer was killed."""
    path = Path(folder, file)
    return path if path.exists() else path.with_name(f"{file}{OPEN}")


def read_kept(path: str, at_byte: int) -> Response | None:
    """A page that was kept; None where it is gone, or cannot be read."""
    try:
        found = read_capture(path, at_byte, FetchSettings.page_bytes)
    except (*DAMAGE, StopIteration):
        return None
    return None if isinstance(found, HttpFailure) else found
