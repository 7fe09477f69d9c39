"""Passages of an article with the words that matched."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sinks.ask.search.words import Word, normal, terms, words

WIDTH = 240
"""Characters of a snippet."""
BEFORE = 60
"""Characters of it that may stand before the first match."""
EDGE = 20
"""Characters that may be given up to begin and end at a word."""


class Mark(NamedTuple):
    """A match: its place in a passage, and which of the texts asked for it is."""

    start: int
    end: int
    of: int


class Passage(NamedTuple):
    """A text, and the places in it that matched."""

    text: str
    marks: tuple[Mark, ...]

    def marked(self) -> str:
        """The text with its matches in brackets."""
        pieces, at = [], 0
        for start, end, _ in self.marks:
            pieces += [self.text[at:start], "[", self.text[start:end], "]"]
            at = end
        return "".join([*pieces, self.text[at:]])


def passage(text: str, wanted: Iterable[str], group: str) -> Passage:
    """A text of a group of languages, whole, with its matches."""
    text = normal(text)
    return Passage(text, tuple(_marks(text, wanted, group)))


def snippet(text: str, wanted: Iterable[str], group: str) -> Passage:
    """The part of a text that shows most of what was asked for, or else its beginning."""
    whole = passage(text.replace("\n", " "), wanted, group)
    if len(whole.text) <= WIDTH:
        return whole
    start, end = _window(whole)
    inside = [mark for mark in whole.marks if start <= mark.start and mark.end <= end]
    head, tail = "… " if start else "", " …" if end < len(whole.text) else ""
    moved = (Mark(m.start - start + len(head), m.end - start + len(head), m.of) for m in inside)
    return Passage(head + whole.text[start:end] + tail, tuple(moved))


def _marks(text: str, wanted: Iterable[str], group: str) -> Iterator[Mark]:
    """Matches in order, none inside another."""
    by_first: dict[str, list[tuple[int, tuple[str, ...]]]] = defaultdict(list)
    for number, asked in enumerate(wanted):
        if sequence := terms(asked, group):
            by_first[sequence[0]].append((number, sequence))
    for sequences in by_first.values():
        sequences.sort(key=lambda item: -len(item[1]))  # the longest match counts
    found: list[Word] = list(words(text, group))
    at = 0
    while at < len(found):
        length = 1
        for number, sequence in by_first.get(found[at].term, ()):
            if tuple(word.term for word in found[at : at + len(sequence)]) == sequence:
                length = len(sequence)
                yield Mark(found[at].start, found[at + length - 1].end, number)
                break
        at += length


def _window(whole: Passage) -> tuple[int, int]:
    """Where the best part starts and ends."""
    best, first = (0, 0), 0
    starts = [mark.start for mark in whole.marks]
    for number, mark in enumerate(whole.marks):
        last = bisect_left(starts, mark.start + WIDTH - BEFORE)
        inside = whole.marks[number:last]
        if (worth := (len({m.of for m in inside}), len(inside))) > best:
            best, first = worth, mark.start
    start = min(max(first - BEFORE, 0), len(whole.text) - WIDTH)
    end = start + WIDTH
    if start:
        space = whole.text.find(" ", start, min(start + EDGE, first))
        start = space + 1 if space >= 0 else start
    if end < len(whole.text):
        space = whole.text.rfind(" ", end - EDGE, end)
        end = space if space >= 0 else end
    return start, end
