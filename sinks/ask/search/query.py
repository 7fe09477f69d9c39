"""The language of queries: words, "phrases", -without, either OR other, (groups).

    dual-use "export controls" (China OR Taiwan) -football

All parts must match. OR binds its two neighbours only. Words that are written together, such as
dual-use or 台湾海峡, must stand together.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple, Union

from config.errors import QueryError
from sinks.ask.search.words import has_words

PIECE = re.compile(r'-?"[^"]*"|-?\(|\)|[^\s"()]+')
QUOTES = str.maketrans(dict.fromkeys("“”„«»", '"'))
DEEPEST = 20


class Text(NamedTuple):
    """Words that must stand together; often it is one."""

    text: str


class All(NamedTuple):
    """All parts must match, and none of `without`."""

    parts: tuple[Node, ...]
    without: tuple[Node, ...]


class Either(NamedTuple):
    """One part must match."""

    parts: tuple[Node, ...]


Node = Union[Text, All, Either]


def parse(query: str) -> All:
    """What a query asks for.

    Raises:
        QueryError: it cannot be understood, or names nothing to be found.
    """
    try:
        query.encode()
    except UnicodeEncodeError as error:
        raise QueryError(f"the query is not UTF-8: {error}") from None
    query = query.translate(QUOTES)
    if query.count('"') % 2:
        raise QueryError(f"a quotation mark is missing in: {query}")
    pieces = deque(_pieces(query))
    found = _all(pieces, query, 0)
    if pieces:
        raise QueryError(f"a parenthesis is closed that was not opened in: {query}")
    return found


def texts(node: Node) -> Iterator[str]:
    """All texts that a query asks for, without those that must not match."""
    if isinstance(node, Text):
        yield node.text
    else:
        for part in node.parts:
            yield from texts(part)


def _pieces(query: str) -> Iterator[str]:
    """Words, phrases and signs, without those that say nothing, such as a lone dash."""
    for piece in PIECE.findall(query):
        if piece == "NOT":
            raise QueryError(f"for NOT write - before the word, in: {query}")
        if piece.rstrip('"').endswith("*") and has_words(piece):
            raise QueryError(f"leave out the *: word endings do not matter, in: {query}")
        if piece in ("(", "-(", ")") or (piece != "AND" and has_words(piece)):
            yield piece


def _all(pieces: deque[str], query: str, depth: int) -> All:
    if depth > DEEPEST:
        raise QueryError(f"more than {DEEPEST} parentheses inside each other")
    parts: list[Node] = []
    without: list[Node] = []
    while pieces and pieces[0] != ")":
        negative = pieces[0].startswith("-")
        part = _item(pieces, query, depth)
        if pieces and pieces[0] == "OR" and not negative:
            part = _either(part, pieces, query, depth)
        (without if negative else parts).append(part)
    if not parts:
        raise QueryError(f"there is nothing to be found in: {query}")
    return All(tuple(parts), tuple(without))


def _either(first: Node, pieces: deque[str], query: str, depth: int) -> Either:
    parts = [first]
    while pieces and pieces[0] == "OR":
        pieces.popleft()
        if not pieces or pieces[0] == ")" or pieces[0].startswith("-"):
            raise QueryError(f"OR needs a word on both sides in: {query}")
        parts.append(_item(pieces, query, depth))
    return Either(tuple(parts))


def _item(pieces: deque[str], query: str, depth: int) -> Node:
    piece = pieces.popleft().removeprefix("-")
    if piece == "OR":
        raise QueryError(f"OR needs a word on both sides in: {query}")
    if piece != "(":
        return Text(piece.strip('"'))
    group = _all(pieces, query, depth + 1)
    if not pieces:
        raise QueryError(f"a parenthesis is not closed in: {query}")
    pieces.popleft()
    return group
