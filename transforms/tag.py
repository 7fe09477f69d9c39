"""Topics of a text, each with the places that speak for it.

Text and phrases are folded alike (NFKC, case, spaces, dashes, quotes), matched by one automaton,
and every match is led back to the original text. Word boundaries count where the script has them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick

from config.models import Taxonomy
from transforms.records import Evidence, TopicMatch

TITLE_WEIGHT = 3
HALF_WEIGHT = 3
SPACES = re.compile(r"[^\S\n]")
DASHES = dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-")
QUOTES = dict.fromkeys("\u2018\u2019\u201b\u02bc", "'")
# Soft hyphen, zero-width characters, variation selectors, Arabic tatweel and vowel signs carry no
# meaning here.
DROPPED = dict.fromkeys(
    "\u00ad\u200b\u200c\u200d\u2060\ufe0e\ufe0f\ufeff\u0640\u0670"
    + "".join(map(chr, range(0x064B, 0x0653))),
    "",
)
# What joins the character before it: accents, Arabic hamza, Korean vowels and finals, kana marks.
MARKS = re.compile(
    r"[\u0300-\u036f\u0483-\u0487\u0653-\u0655\u1160-\u11ff\u1dc0-\u1dff\u3099\u309a"
    r"\ufe20-\ufe2f\uff9e\uff9f]"
)
CLUSTERS = re.compile(f"(?s).{MARKS.pattern}*")
# Scripts written without spaces between words, or with endings that stick to the word.
UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
    r"\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)


class Folded(NamedTuple):
    """A folded text, and for each of its characters the span it came from (None: its own)."""

    text: str
    spans: list[tuple[int, int]] | None

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text behind a span of the folded one."""
        if self.spans is None:
            return start, end
        return self.spans[start][0], self.spans[end - 1][1]


def fold(text: str) -> Folded:
    """Make texts comparable; lines stay apart, so that no phrase runs across paragraphs."""
    if text.isascii():
        return Folded(SPACES.sub(" ", text.lower()), None)
    if not MARKS.search(text):
        pieces = [_FOLDS[char] for char in text]
        folded = "".join(pieces)
        if len(folded) == len(text) and "" not in pieces:
            return Folded(folded, None)
        ends = range(1, len(text) + 1)
        return Folded(
            folded, [(end - 1, end) for end, piece in zip(ends, pieces, strict=True) for _ in piece]
        )
    spans: list[tuple[int, int]] = []
    parts: list[str] = []
    for cluster in CLUSTERS.finditer(text):
        part = _FOLDS[cluster.group()]
        parts.append(part)
        spans.extend([cluster.span()] * len(part))
    return Folded("".join(parts), spans)


class _Folds(dict[str, str]):
    """Folded forms of characters with their marks, worked out once each."""

    def __missing__(self, cluster: str) -> str:
        valid = cluster.encode("utf-8", "replace").decode()  # the automaton takes no surrogates
        char = unicodedata.normalize("NFKC", valid).casefold()
        char = unicodedata.normalize("NFKC", char)
        char = "".join(DASHES.get(c) or QUOTES.get(c) or DROPPED.get(c, c) for c in char)
        if len(self) < 100_000:
            self[cluster] = char = SPACES.sub(" ", char)
        return char


_FOLDS = _Folds()


class _Pattern(NamedTuple):
    phrase: str
    open_end: bool
    topics: tuple[str, ...]


class Tagger:
    """Finds the topics of a taxonomy; built once, used for every text."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.version = taxonomy.version
        owners: dict[tuple[str, str], list[str]] = defaultdict(list)
        for topic in taxonomy.topics:
            for phrase in topic.any:
                stem = fold(phrase.removesuffix("*")).text.strip()
                owners[stem, phrase].append(topic.id)
        self.patterns = [
            _Pattern(phrase, phrase.endswith("*"), tuple(topics))
            for (_, phrase), topics in owners.items()
        ]
        self.automaton = AhoCorasick([stem for stem, _ in owners])

    def tag(self, title: str | None, text: str) -> tuple[TopicMatch, ...]:
        """Topics of an article, by id, with their evidence in reading order.

        The score is w / (w + 3), where w counts matches, one in the title three times: a single
        mention scores 0.25, a title and two more 0.63.
        """
        found: dict[str, list[Evidence]] = defaultdict(list)
        for field, content in (("title", title or ""), ("text", text)):
            for topic, evidence in self._matches(field, content):
                found[topic].append(evidence)
        return tuple(
            TopicMatch(topic, _score(evidence), tuple(evidence))
            for topic, evidence in sorted(found.items())
        )

    def _matches(self, field: str, content: str) -> Iterator[tuple[str, Evidence]]:
        folded = fold(content)
        hits = [
            (start, _word_end(folded.text, end) if self.patterns[i].open_end else end, i)
            for i, start, end in self.automaton.find_matches_as_indexes(
                folded.text, overlapping=True
            )
            if _bounded(folded.text, start, end, self.patterns[i].open_end)
        ]
        hits.sort(key=lambda hit: (hit[0], -hit[1], hit[2]))
        reached: dict[str, int] = defaultdict(int)  # leftmost, longest, once per place and topic
        for start, end, i in hits:
            pattern = self.patterns[i]
            first, last = folded.origin(start, end)
            for topic in pattern.topics:
                if start >= reached[topic]:
                    reached[topic] = end
                    matched = content[first:last]
                    yield topic, Evidence(field, first, last, matched, pattern.phrase)


def _score(evidence: list[Evidence]) -> float:
    weight = sum(TITLE_WEIGHT if item.field == "title" else 1 for item in evidence)
    return round(weight / (weight + HALF_WEIGHT), 4)


def _is_word(char: str) -> bool:
    """Whether a character belongs to a word that spaces would end."""
    letter = char.isalnum() or char == "_" or unicodedata.category(char) in ("Mn", "Mc")
    return letter and not UNSPACED.match(char)


def _bounded(text: str, start: int, end: int, open_end: bool) -> bool:
    if start and _is_word(text[start]) and _is_word(text[start - 1]):
        return False
    return open_end or end == len(text) or not (_is_word(text[end - 1]) and _is_word(text[end]))


def _word_end(text: str, end: int) -> int:
    while end < len(text) and _is_word(text[end]):
        end += 1
    return end
