"""Searching: what the index finds, shown with the texts of the database."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor
from typing import NamedTuple

import duckdb
import tantivy
from tantivy import FieldType, Occur, Query

from config.errors import SearchIndexBusy, SearchIndexError
from sinks.ask.search.index import (
    Tell,
    folder_of,
    has_index,
    is_current,
    lacks_space,
    languages,
    naming,
    open_index,
    reading,
    update_index,
)
from sinks.ask.search.query import All, Node, Text, parse, texts
from sinks.ask.search.snippet import Passage, passage, snippet
from sinks.ask.search.words import GROUPS, group_of, terms
from sinks.ask.selection import check, is_of_language, known
from sinks.database.where import Where

WEIGHTS = {"title": 3.0, "text": 1.0}
"""A match in the headline counts as much as for topics."""
# By rowid, or the texts of all articles would be read.
ROWS = """
SELECT article_id, coalesce(published_at, listed_at), outlet, country, language,
       coalesce(title, ''), coalesce(text, ''), url
FROM articles WHERE rowid IN (
    SELECT rowid FROM articles WHERE article_id IN (SELECT unnest(?))
)
"""


@dataclass(frozen=True)
class Filters:
    """What an article must be besides; of several values of one kind it must have one."""

    topics: Sequence[str] = ()
    outlets: Sequence[str] = ()
    """In any case, as are countries and languages."""
    countries: Sequence[str] = ()
    languages: Sequence[str] = ()
    """`zh` is zh-Hans and zh-Hant."""
    since: datetime | None = None
    until: datetime | None = None
    """The first moment that is too late."""


class Hit(NamedTuple):
    """An article that was found."""

    score: float
    published_at: datetime | None
    """When a feed first listed it, where nobody says."""
    outlet: str | None
    country: str | None
    language: str | None
    title: Passage
    snippet: Passage
    url: str
    article_id: str
    topics: list[str]


class _Match(NamedTuple):
    """What the index says of an article."""

    score: float
    topics: list[str]


class Found(NamedTuple):
    """The best hits, how many articles matched in all, and what was wrong with the index."""

    hits: list[Hit]
    total: int
    warning: str | None


def search(
    database: Where,
    query: str,
    filters: Filters = Filters(),
    *,
    limit: int = 10,
    lock_timeout: float = 10.0,
    tell: Tell = lambda done, total: None,
) -> Found:
    """Bring the index up to date, or make it, and ask it; the best match comes first.

    The rank is that of BM25. Where another process writes the index, what it held before is asked.

    Raises:
        QueryError: the query cannot be understood.
        ConfigError: a filter names what the database does not know.
        SearchIndexBusy: another process makes the first index, and did so for `lock_timeout`.
        SearchIndexError: the index can neither be used nor made.
        DatabaseLocked, DatabaseError: the database cannot be read.
    """
    asked = parse(query)
    try:
        with reading(database, lock_timeout) as connection:
            _check(connection, filters)
            if is_current(connection, database):
                return _answer(connection, database, asked, filters, limit)
    except SearchIndexError:
        pass  # it was replaced while it was being opened, or it is damaged; this will show
    warning = _catch_up(database, lock_timeout, tell)
    try:
        with reading(database, lock_timeout) as connection:
            found = _answer(connection, database, asked, filters, limit)
    except SearchIndexError:
        update_index(database, lock_timeout, patience=lock_timeout, anew=True, tell=tell)
        with reading(database, lock_timeout) as connection:
            found = _answer(connection, database, asked, filters, limit)
    return found._replace(warning=warning)


def _catch_up(database: Where, lock_timeout: float, tell: Tell) -> str | None:
    """Update the index; what to tell the user, if another process is at it."""
    patience = 0 if has_index(database) else lock_timeout
    try:
        update_index(database, lock_timeout, patience=patience, tell=tell)
    except SearchIndexBusy as error:
        if not has_index(database):
            raise
        return f"{error}; the newest articles may be missing"
    except SearchIndexError as error:
        if lacks_space(error):
            raise
        # damaged where only a writer looks
        update_index(database, lock_timeout, patience=lock_timeout, anew=True, tell=tell)
    return None


def _check(connection: duckdb.DuckDBPyConnection, filters: Filters) -> None:
    """Refuse names that are not known: nothing found would look like no news."""
    fits: Callable[[str, str], bool]
    for what, names, tables, fits in (
        ("topic", filters.topics, ["topics"], operator.eq),
        ("outlet", filters.outlets, ["articles", "feeds"], _is_same),
        ("country", filters.countries, ["articles", "feeds"], _is_same),
        ("language", filters.languages, ["articles"], is_of_language),
    ):
        if names:
            check(what, names, known(connection, what, *tables), fits)


def _is_same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _answer(
    connection: duckdb.DuckDBPyConnection,
    database: Where,
    asked: All,
    filters: Filters,
    limit: int,
) -> Found:
    best, total = _ask(database, asked, filters, limit)
    return Found(_hits(connection, best, list(texts(asked))), total, None)


def _ask(
    database: Where, asked: Node, filters: Filters, limit: int
) -> tuple[dict[str, _Match], int]:
    """The best matches by article id, and the number of all."""
    index = open_index(database)
    with naming(folder_of(database)):
        searcher = index.searcher()
        query = Query.boolean_query(
            [(Occur.Must, _compiled(index.schema, asked)), *_conditions(index.schema, filters)]
        )
        found = searcher.search(query, limit)
        best = {}
        for score, address in found.hits:
            document = searcher.doc(address)
            best[str(document.get_first("article_id"))] = _Match(score, document.get_all("topic"))
    return best, found.count  # type: ignore[attr-defined]  # its stub lacks it


def _compiled(schema: tantivy.Schema, node: Node) -> Query:
    if isinstance(node, Text):
        return _any(_in_fields(schema, node.text))
    if isinstance(node, All):
        parts = [(Occur.Must, _compiled(schema, part)) for part in node.parts]
        parts += [(Occur.MustNot, _compiled(schema, part)) for part in node.without]
        return Query.boolean_query(parts)
    return _any(_compiled(schema, part) for part in node.parts)


def _in_fields(schema: tantivy.Schema, text: str) -> Iterable[Query]:
    """A text as each group of languages would have indexed it."""
    for group in GROUPS:
        if sequence := terms(text, group):
            for part, weight in WEIGHTS.items():
                field = f"{part}_{group}"
                query = (
                    Query.phrase_query(schema, field, list(sequence))
                    if len(sequence) > 1
                    else Query.term_query(schema, field, sequence[0])
                )
                yield Query.boost_query(query, weight)


def _any(queries: Iterable[Query]) -> Query:
    return Query.boolean_query([(Occur.Should, query) for query in queries])


def _conditions(schema: tantivy.Schema, filters: Filters) -> Iterable[tuple[Occur, Query]]:
    """Filters as parts of the query: the best are the best of those. The rank is not changed."""
    wanted = {
        "topic": filters.topics,
        "outlet": [name.casefold() for name in filters.outlets],
        "country": [name.casefold() for name in filters.countries],
        "language": [languages(tag)[-1] for tag in filters.languages],
    }
    for field, values in wanted.items():
        if values:
            query = _any(Query.term_query(schema, field, value, "basic") for value in values)
            yield Occur.Must, Query.const_score_query(query, 0.0)
    if filters.since or filters.until:
        first = floor(filters.since.timestamp()) if filters.since else None
        last = ceil(filters.until.timestamp()) - 1 if filters.until else None
        between = Query.range_query(schema, "published", FieldType.Integer, first, last)
        yield Occur.Must, Query.const_score_query(between, 0.0)


def _hits(
    connection: duckdb.DuckDBPyConnection, best: dict[str, _Match], wanted: list[str]
) -> list[Hit]:
    """The articles, best first; one that was pruned since it was indexed is left out."""
    hits = []
    rows = connection.execute(ROWS, [list(best)]).fetchall()
    for article_id, published, outlet, country, language, title, text, url in rows:
        score, topics = best[article_id]
        group = group_of(language)
        hits.append(
            Hit(
                round(score, 3),
                published,
                outlet,
                country,
                language,
                passage(title, wanted, group),
                snippet(text, wanted, group),
                url,
                article_id,
                sorted(topics),
            )
        )
    return sorted(hits, key=lambda hit: (-hit.score, hit.article_id))
