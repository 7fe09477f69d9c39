"""Which entries of a document are one, which are known already, and how new ones are named.

An entry is named by its feed and its page. Where one document holds several entries of one page,
marks enter the name: headline and date, and where these are the same, fragment, guid and summary.
What its name does not tell may still be known, by its guid.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urldefrag

from transforms.hashing import digest, sql_digest
from transforms.records import Entry
from transforms.urls import page_id

Known = Callable[[str], bool]
"""Whether the database has an id."""
EntryOf = Callable[[str], "str | None"]
"""The id of the entry of the database that has a mark: of `headline_mark` or `address_marks`."""
LASTING = re.compile(r"[^?#;]*")
"""What of an address stays where session ids change."""
MARKS = 4


class Identified(NamedTuple):
    """An entry of a document, and which one it is."""

    entry: Entry
    entry_id: str
    url_id: str | None
    has_own_text: bool = False
    """Whether the text of the feed stands for its page, which is that of others, too."""


class _Candidate(NamedTuple):
    """An entry whose id is looked for."""

    entry: Entry
    page: str | None
    name: str
    """Its id, if it alone has its page."""
    marks: tuple[str, ...] = ()
    guid: str | None = None
    """Its guid, where no other entry has it, and it is not the address."""
    shares: bool = False
    """Whether its page has other entries in this document."""
    shared: bool = False
    """Whether its page has other entries in the database."""

    def marked(self, marks: int) -> str:
        """Its id with so many marks."""
        return digest(self.name, *self.marks[:marks]) if marks else self.name


def as_pages(feed_url: str, entries: Iterable[Entry]) -> list[Identified]:
    """The entries of a list of pages, such as a sitemap: one for each page."""
    found: dict[str, Identified] = {}
    for entry in entries:
        page = page_id(entry.url) if entry.url else None
        name = _name(feed_url, page, entry)
        found.setdefault(name, Identified(entry, name, page))
    return list(found.values())


def identified(
    feed_url: str, entries: Iterable[Entry], known: Known, entry_of: EntryOf
) -> list[Identified]:
    """The entries of a feed's document, each once, in their order.

    Names tell first, of the oldest before the others: it is the one whose name has no marks if it
    was once alone. Then other marks tell, but never of an entry that is there by its name.
    """
    candidates = _candidates(feed_url, entries, known)
    ids: dict[int, str] = {}
    claimed: set[str] = set()

    def claim(place: int, found: Iterator[str]) -> None:
        if free := next((id_ for id_ in found if id_ not in claimed), None):
            ids[place] = free
            claimed.add(free)

    for place in _oldest_first(candidates):
        claim(place, _by_name(feed_url, candidates[place], known, entry_of))
    for place, one in enumerate(candidates):
        if place not in ids:
            marks = address_marks(feed_url, one.guid, one.entry)
            claim(place, filter(None, map(entry_of, marks)))
    needed = _marks_needed(candidates)
    identities: dict[str, Identified] = {}
    for place, one in enumerate(candidates):
        entry_id = ids.get(place) or one.marked(needed[place])
        identities.setdefault(entry_id, _identified(one, entry_id, needed[place]))
    return list(identities.values())


def listing_id(entry_id: str, entry: Entry) -> str:
    """Another one for each headline and date of change."""
    return digest(entry_id, f"{entry.title}\n{entry.updated_raw}")


def name_of(feed_url: str, entry: Entry) -> str:
    """The id of an entry that alone has its page."""
    return _name(feed_url, page_id(entry.url) if entry.url else None, entry)


def marks_of(feed_url: str, entry: Entry, shares: bool) -> Iterator[str]:
    """All by what an entry of the database is known beside its id."""
    guid = None if _is_address(entry) else entry.guid
    yield from address_marks(feed_url, guid, entry)
    if guid:
        yield from address_marks(feed_url, None, entry)
    if shares and entry.url:
        yield headline_mark(feed_url, entry)


def shared_mark(feed_url: str, entry: Entry) -> str:
    """That a feed has listed several entries of a page; the plan's query SHARED makes the same."""
    return sql_digest(feed_url, (entry.url or "").partition("#")[0])


def headline_mark(feed_url: str, entry: Entry) -> str:
    """By what an entry of a shared page is known; the plan's query MARKS makes the same."""
    page = (entry.url or "").partition("#")[0]
    return sql_digest(feed_url, page, entry.title or "", entry.published_raw or "")


def address_marks(feed_url: str, guid: str | None, entry: Entry) -> Iterator[str]:
    """By what an entry is known that is at another address: by its guid, if two of headline, date
    and page are as they were, for some guids are no more than a place in the feed; without a guid
    by all three.

    The plan's query MARKS makes the same.
    """
    found, date = LASTING.match(entry.url or ""), entry.published_raw
    page = found[0] if found else ""
    if not guid:
        if entry.title and date and page != entry.url:
            yield sql_digest(feed_url, "headline, date, page", entry.title, date, page)
        return
    if entry.title:
        yield sql_digest(feed_url, guid, "headline, date", entry.title, date or "")
        yield sql_digest(feed_url, guid, "headline, page", entry.title, page)
    if date:
        yield sql_digest(feed_url, guid, "date, page", date, page)


def _candidates(feed_url: str, entries: Iterable[Entry], known: Known) -> list[_Candidate]:
    """The entries of a document without those that stand there twice."""
    pages = [(entry, page_id(entry.url) if entry.url else None) for entry in entries]
    telling = _telling_guids(pages)
    found: dict[tuple[str, ...], _Candidate] = {}
    texts = set()
    for entry, page in pages:
        name = _name(feed_url, page, entry)
        guid = entry.guid if entry.guid in telling and not _is_address(entry) else None
        one = _Candidate(entry, page, name, _marks(entry, guid), guid)
        text = name, *one.marks[:2], entry.summary, entry.post
        if text not in texts or not _is_dated(entry):
            found.setdefault((name, *one.marks), one)
        texts.add(text)
    of_page = Counter(one.name for one in found.values())
    return [
        one._replace(
            shares=of_page[one.name] > 1,
            shared=one.page is not None and known(shared_mark(feed_url, one.entry)),
        )
        for one in found.values()
    ]


def _telling_guids(pages: Iterable[tuple[Entry, str | None]]) -> set[str]:
    """Guids that are not those of several entries: such ones tell nothing."""
    told: defaultdict[str, set[tuple[str | None, str]]] = defaultdict(set)
    for entry, page in pages:
        if entry.guid:
            told[entry.guid].add((page, _headline_and_date(entry)))
    return {guid for guid, entries in told.items() if len(entries) == 1}


def _name(feed_url: str, page: str | None, entry: Entry) -> str:
    """That a feed listed a page; without a page, headline and date stand for it."""
    dated = _headline_and_date(entry)
    told = dated if _is_dated(entry) else entry.guid or f"{dated}\n{entry.summary}"
    return digest(feed_url, page or told)


def _is_address(entry: Entry) -> bool:
    """Whether the guid is the address, and changes with it; but the fragment is no session's."""
    return entry.guid == entry.url and "#" not in (entry.url or "")


def _is_dated(entry: Entry) -> bool:
    return bool(entry.title and entry.published_raw)


def _headline_and_date(entry: Entry) -> str:
    return f"{entry.title}\n{entry.published_raw}"


def _marks(entry: Entry, guid: str | None) -> tuple[str, ...]:
    """What tells entries of one page apart: guids, which may be new at each poll, late."""
    dated = _headline_and_date(entry)
    if not entry.url:
        return dated, "", "", ""
    text = "" if _is_dated(entry) else entry.summary or entry.post or ""
    return dated, urldefrag(entry.url).fragment, guid or "", text


def _oldest_first(candidates: Sequence[_Candidate]) -> list[int]:
    """Places in the document; feeds that do not date their entries begin with the newest."""

    def age(place: int) -> tuple[float, int]:
        at = candidates[place].entry.published_at
        return at.timestamp() if at else math.inf, -place

    return sorted(range(len(candidates)), key=age)


def _by_name(feed_url: str, one: _Candidate, known: Known, entry_of: EntryOf) -> Iterator[str]:
    """The ids of a known entry that this one may be."""
    is_alone = not (one.shares or one.shared)
    if is_alone and known(one.name):
        yield one.name
    yield from (id_ for marks in range(MARKS, 0, -1) if known(id_ := one.marked(marks)))
    if one.shared and (found := entry_of(headline_mark(feed_url, one.entry))):
        yield found
    if one.shares and not one.shared and known(listing_id(one.name, one.entry)):
        yield one.name


def _marks_needed(candidates: Sequence[_Candidate]) -> list[int]:
    """How many marks tell each entry from all others."""
    needed = [int(one.shares or one.shared) for one in candidates]
    for marks in range(1, MARKS):
        names = Counter(one.marked(marks) for one in candidates if one.shares)
        for place, one in enumerate(candidates):
            if needed[place] == marks and names[one.marked(marks)] > 1:
                needed[place] += 1
    return needed


def _identified(one: _Candidate, entry_id: str, marks: int) -> Identified:
    if one.page and marks and one.entry.post is not None:
        return Identified(one.entry, entry_id, digest(one.page, *one.marks[:marks]), True)
    return Identified(one.entry, entry_id, one.page)
