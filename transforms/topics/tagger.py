"""Topics of a text, each with the places that speak for it.

Text and phrases are folded alike (NFKC, case, spaces, dashes, quotes), matched by one automaton,
and every match is led back to the original text. Word boundaries count where the script has them.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick

from config.models import Taxonomy
from transforms.folding import UNSPACED, fold
from transforms.records import Evidence, TopicMatch

TITLE_WEIGHT = 3
HALF_WEIGHT = 3


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
