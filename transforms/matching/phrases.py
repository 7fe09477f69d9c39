"""Phrases in a text: found by one automaton, each led back to the original text.

Text and phrases are folded alike (NFKC, case, spaces, dashes, quotes). Word boundaries count where
the script has them; a phrase that ends in * stands for any word ending.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick

from transforms.folding import UNSPACED, Folded, fold


class Match(NamedTuple):
    """A phrase in a folded text; its offsets there are in code points."""

    start: int
    end: int
    phrase: int
    """Its place among those of the automaton."""


class Phrases:
    """Finds phrases; built once, used for every text."""

    def __init__(self, phrases: Iterable[str]) -> None:
        listed = list(phrases)
        self._open_ends = [phrase.endswith("*") for phrase in listed]
        stems = (phrase.removesuffix("*") for phrase in listed)
        self._automaton = AhoCorasick([fold(stem).text.strip() for stem in stems])

    def find(self, text: Folded) -> list[Match]:
        """All matches: from left to right, of those at one place the longest first."""
        found = list(self._bounded(text.text))
        found.sort(key=lambda match: (match.start, -match.end, match.phrase))
        return found

    def _bounded(self, text: str) -> Iterator[Match]:
        for phrase, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            open_end = self._open_ends[phrase]
            if _begins_a_word(text, start) and (open_end or _ends_a_word(text, end)):
                yield Match(start, _word_end(text, end) if open_end else end, phrase)


def _is_word(char: str) -> bool:
    """Whether a character belongs to a word that spaces would end."""
    letter = char.isalnum() or char == "_" or unicodedata.category(char) in ("Mn", "Mc")
    return letter and not UNSPACED.match(char)


def _begins_a_word(text: str, start: int) -> bool:
    return not start or not (_is_word(text[start]) and _is_word(text[start - 1]))


def _ends_a_word(text: str, end: int) -> bool:
    return end == len(text) or not (_is_word(text[end - 1]) and _is_word(text[end]))


def _word_end(text: str, end: int) -> int:
    while end < len(text) and _is_word(text[end]):
        end += 1
    return end
