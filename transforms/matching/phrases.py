"""Phrases in a text: found by one automaton, each led back to the original text.

Text and phrases are folded alike (`transforms.folding`), accents and case too; where a phrase wants
these exact, the place is looked at again. Word boundaries count where the script has them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick

from config.rules import ANY_PREFIX, Phrase
from transforms.folding import Folded, fold, folded, is_word
from transforms.matching.han import forms

LONGEST_ENDING = 60
"""Characters that a * stands for; what goes on longer is no word of any language."""

Span = tuple[int, int]
Found = dict[int, list[Span]]
"""Places in the folded text, by the number of the phrase, from left to right."""


class _Owner(NamedTuple):
    """A phrase behind a string of the automaton."""

    phrase: int
    open_end: bool
    accents: str | None
    """Folded with its accents, where these have to be looked at."""
    case: str | None
    """As it is written, where capitals count."""
    prefixes: frozenset[str]


class _Word(dict[str, bool]):
    """Whether characters belong to words, worked out once each."""

    def __missing__(self, char: str) -> bool:
        self[char] = known = is_word(char)
        return known


_WORD = _Word()


class Phrases:
    """Finds phrases; built once, used for every text."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        owners: dict[str, list[_Owner]] = {}
        for number, phrase in enumerate(phrases):
            for key, owner in _keys(number, phrase):
                owners.setdefault(key, []).append(owner)
        self._owners = list(owners.values())
        # The number of the phrase where nothing is to be looked at but where words end.
        self._plain = [
            one[0].phrase if len(one) == 1 and _is_plain(key, one[0]) else -1
            for key, one in owners.items()
        ]
        self._exact = [one[0].accents is not None for one in self._owners]
        self._automaton = AhoCorasick(list(owners))

    def find(self, original: str, text: Folded) -> Found:
        """Where the phrases stand in a text and its folded form."""
        found: Found = {}
        content, plain, word = text.text, self._plain, _WORD
        length = len(content)
        accents, exact = text.accents, self._exact
        for key, start, end in self._automaton.find_matches_as_indexes(content, overlapping=True):
            phrase = plain[key]
            if phrase >= 0 and (
                accents is None or not exact[key] or accents.find(1, start, end) < 0
            ):
                if (
                    (not start or not word[content[start - 1]] or not word[content[start]])
                    and (end == length or not word[content[end]] or not word[content[end - 1]])
                ):  # fmt: skip
                    if phrase in found:
                        found[phrase].append((start, end))
                    else:
                        found[phrase] = [(start, end)]
                continue
            self._look(found, original, text, key, start, end)
        for spans in found.values():
            spans.sort()
        return found

    def _look(
        self, found: Found, original: str, text: Folded, key: int, start: int, end: int
    ) -> None:
        """A place with what its phrases want to be exact, may begin and may end with."""
        content = text.text
        begins = not start or not (_WORD[content[start - 1]] and _WORD[content[start]])
        ends = end == len(content) or not (_WORD[content[end]] and _WORD[content[end - 1]])
        written: str | None = None
        for owner in self._owners[key]:
            if not (ends or owner.open_end) or not (begins or owner.prefixes):
                continue
            first, last = start, end
            if not begins and (first := _prefixed(content, start, owner.prefixes)) < 0:
                continue
            if not ends and (last := _word_end(content, end)) < 0:
                continue
            if owner.accents is not None or owner.case is not None:
                if written is None:
                    written = original[slice(*text.origin(start, end))]
                if owner.accents is not None and not (
                    (written.isascii() and owner.accents.isascii())
                    or folded(written, accents=False) == owner.accents
                ):  # fmt: skip
                    continue
                if owner.case is not None and folded(written, case=False) != owner.case:
                    continue
            spans = found.setdefault(owner.phrase, [])
            if (first, last) not in spans[-2:]:  # several forms of one phrase
                spans.append((first, last))


def _keys(number: int, phrase: Phrase) -> Iterable[tuple[str, _Owner]]:
    stem = phrase.phrase.removesuffix("*")
    open_end = stem != phrase.phrase
    prefixes = frozenset(one if one == ANY_PREFIX else folded(one).strip() for one in phrase.prefix)
    for form in forms(stem) if phrase.han else (stem,):
        key = folded(form).strip(" \n")
        if not key:
            continue
        accents = None if phrase.fold_accents else folded(form, accents=False).strip(" \n")
        case = folded(form, case=False).strip(" \n") if phrase.case else None
        yield key, _Owner(number, open_end, accents, case, prefixes)


def _is_plain(key: str, owner: _Owner) -> bool:
    exact = owner.accents is None or owner.accents == key
    return exact and not owner.open_end and owner.case is None and not owner.prefixes


def _prefixed(text: str, start: int, prefixes: frozenset[str]) -> int:
    """Where a word begins whose first letters are one of the prefixes; -1 where it does not."""
    first = start
    while first and start - first <= LONGEST_ENDING and _WORD[text[first - 1]]:
        first -= 1
    if first and _WORD[text[first - 1]]:
        return -1
    return first if ANY_PREFIX in prefixes or text[first:start] in prefixes else -1


def _word_end(text: str, end: int) -> int:
    """Where a word ends; -1 where it goes on for too long."""
    last = end
    while last < len(text) and last - end <= LONGEST_ENDING and _WORD[text[last]]:
        last += 1
    return -1 if last < len(text) and last - end > LONGEST_ENDING else last


def find(phrases: Iterable[Phrase], text: str) -> Found:
    """Where phrases stand in one text, for few of both."""
    return Phrases(phrases).find(text, fold(text))
