"""WARC files in the place of the web: an index of their pages, and answers from them.

The pages of one site in one file are what that file lists for the site: a feed of the kind
``warc``, whose entries are the addresses of its pages. Of several captures of a page the newest
counts; feeds, robots.txt and all else that is no page is passed over.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from config.errors import ArchiveError
from transforms.records import ARCHIVED, Entry, FeedDocument, HttpFailure, Response, Unreadable
from transforms.urls import absolute, host_of, page_id
from transforms.web.redirects import REDIRECTS
from transforms.web.refresh import refresh_target
from transforms.web.warc import captures, read_capture

SCHEME = f"{ARCHIVED}:"
PAGE_TYPES = frozenset({"", "text/html", "application/xhtml+xml"})
FOUND = frozenset({200, 201, 202, 203})
MOST_HOPS = 10
MOST_CAPTURES = 20
"""Captures of a page that are looked through for the one that a text is from."""
TABLES = """
PRAGMA synchronous = OFF;
CREATE TABLE file (path TEXT, name TEXT);
CREATE TABLE capture (
    page TEXT, url TEXT, site TEXT, file INTEGER, at TEXT, status INTEGER, location TEXT,
    position INTEGER
);
"""
KEYS = """
CREATE INDEX by_page ON capture (page, at);
CREATE INDEX by_site ON capture (site, file);
"""


class Site(NamedTuple):
    """What a WARC file has of a site."""

    file: str
    """Name of the WARC file, without its folder."""
    site: str
    """Registered domain, or address."""

    @property
    def feed_url(self) -> str:
        """The name under which it stands among the feeds."""
        return f"{SCHEME}{self.file}/{self.site}"


def write_index(files: Sequence[Path], feeds: Iterable[str], path: Path) -> list[str]:
    """Index the pages of WARC files in a new file at `path`; what could not be read is returned.

    What stands at the address of one of `feeds` is no page, whatever it looks like.

    Raises:
        ArchiveError: a file has no record that could be read, or two have one name.
    """
    damage: list[str] = []
    names = [file.name for file in files]
    no_pages = {_page(feed) for feed in feeds}
    for name in names:
        if names.count(name) > 1:
            raise ArchiveError(f"two files are named {name}, which is to name what they list")
    with sqlite3.connect(path) as index:
        index.executescript(TABLES)
        for number, file in enumerate(files):
            index.execute("INSERT INTO file VALUES (?, ?)", (str(file.resolve()), file.name))
            found = 0
            for row in _rows(number, file, damage):
                found += 1
                if row is not None and row[0] not in no_pages:
                    index.execute("INSERT INTO capture VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            if not found:
                reason = damage[-1] if damage else f"{file}: no answer of a web server"
                raise ArchiveError(f"nothing can be read from a WARC file: {reason}")
        index.executescript(KEYS)
    index.close()
    return damage


def _rows(number: int, file: Path, damage: list[str]) -> Iterator[tuple[object, ...] | None]:
    """A row for each answer; None for what is no page, such as the feeds of a file of them."""
    for capture in captures(file, damage):
        url = absolute(capture.url, capture.url)
        if url is None:
            continue
        is_page = capture.status in FOUND and capture.media_type in PAGE_TYPES
        if not is_page and capture.status not in REDIRECTS:
            yield None
            continue
        yield (
            _page(url),
            url,
            host_of(url),
            number,
            capture.at.isoformat(),
            200 if is_page else capture.status,
            absolute(capture.location, url) if not is_page else None,
            capture.offset,
        )


def _page(url: str) -> str:
    return page_id(url)


class Archive:
    """The pages of an index."""

    def __init__(self, path: str | Path) -> None:
        self._index = sqlite3.connect(
            f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False
        )

    def close(self) -> None:
        """Let go of the file."""
        self._index.close()

    def sites(self) -> list[Site]:
        """All sites of all files."""
        rows = self._index.execute(
            "SELECT DISTINCT f.name, c.site FROM capture c JOIN file f ON f.rowid = c.file + 1 "
            "WHERE c.status = 200 ORDER BY c.file, c.site"
        )
        return [Site(*row) for row in rows]

    def listing(self, feed_url: str) -> Response:
        """What a file lists of a site, for `parse_listing`, as of the first capture."""
        file, _, site = feed_url.removeprefix(SCHEME).rpartition("/")
        rows = self._index.execute(
            "SELECT min(c.url), min(c.at) FROM capture c JOIN file f ON f.rowid = c.file + 1 "
            "WHERE f.name = ? AND c.site = ? AND c.status = 200 GROUP BY c.page ORDER BY 1",
            (file, site),
        ).fetchall()
        body = json.dumps([url for url, _ in rows]).encode()
        first = datetime.fromisoformat(min(at for _, at in rows))
        return Response(feed_url, 200, {}, body, (), first, 0, 0)

    def has(self, url: str) -> bool:
        """Whether a page is there, also by way of redirects that are."""
        return self._find(url)[1] is not None

    def answer(self, url: str, limit: int) -> Response | HttpFailure:
        """The newest capture of a page that `has` finds; `limit` bounds its body in bytes."""
        led: tuple[str, ...] = ()
        while True:
            chain, found = self._find(url)
            if found is None:
                raise KeyError(url)
            answer = read_capture(*found, limit)
            if isinstance(answer, HttpFailure):
                return answer
            answer, target = answer._replace(redirects=led + chain), refresh_target(answer)
            led += (*chain, answer.url)
            if not target or target in led or len(led) > MOST_HOPS or not self.has(target):
                return answer
            url = target

    def captures(self, url: str, limit: int) -> Iterator[Response]:
        """What captures of a page have, the newest first, also where redirects lead."""
        chain, found = self._find(url)
        if found is None:
            return
        led = (self._target(chain[-1]) or url) if chain else url
        rows = self._index.execute(
            "SELECT f.path, c.position FROM capture c JOIN file f ON f.rowid = c.file + 1 "
            "WHERE c.page = ? AND c.status = 200 ORDER BY c.at DESC LIMIT ?",
            (_page(led), MOST_CAPTURES),
        ).fetchall()
        for path, position in rows:
            answer = read_capture(path, position, limit)
            if isinstance(answer, Response):
                yield answer

    def _target(self, url: str) -> str | None:
        """Where a redirect leads."""
        row = self._index.execute(
            "SELECT location FROM capture WHERE page = ? AND location IS NOT NULL "
            "ORDER BY at DESC LIMIT 1",
            (_page(url),),
        ).fetchone()
        return row[0] if row else None

    def _find(self, url: str) -> tuple[tuple[str, ...], tuple[str, int] | None]:
        """The redirects that lead to a page, and its file and place; None where it is not there."""
        chain: list[str] = []
        while len(chain) <= MOST_HOPS:
            row = self._index.execute(
                "SELECT c.status, c.location, f.path, c.position "
                "FROM capture c JOIN file f ON f.rowid = c.file + 1 "
                "WHERE c.page = ? ORDER BY c.status = 200 DESC, c.at DESC LIMIT 1",
                (_page(url),),
            ).fetchone()
            if row is None:
                return (), None
            status, location, path, position = row
            if status == 200:
                return tuple(chain), (path, position)
            if not location or location in chain:
                return (), None
            chain.append(url)
            url = location
        return (), None


def parse_listing(body: bytes, headers: dict[str, str], url: str) -> FeedDocument | Unreadable:
    """What an archive lists, as a feed."""
    entries = tuple(
        Entry(address, None, None, None, None, None, None) for address in json.loads(body)
    )
    return FeedDocument(ARCHIVED, None, None, entries, None)
