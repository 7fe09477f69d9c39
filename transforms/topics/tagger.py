"""Topics of a text, each with the places that speak for it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from config.models import Taxonomy
from transforms.folding import fold
from transforms.matching.phrases import Phrases
from transforms.records import Evidence, TopicMatch
from transforms.topics.score import MOST_EVIDENCE, score


class Tagger:
    """Finds the topics of a taxonomy; built once, used for every text."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.version = taxonomy.version
        owners: dict[str, list[str]] = defaultdict(list)
        for topic in taxonomy.topics:
            for phrase in topic.any:
                owners[phrase].append(topic.id)
        self._phrases, self._topics = list(owners), list(owners.values())
        self._finder = Phrases(self._phrases)

    def tag(self, title: str | None, text: str) -> tuple[TopicMatch, ...]:
        """Topics of an article, by id, with their evidence in reading order."""
        found: dict[str, list[Evidence]] = defaultdict(list)
        fields: dict[str, Counter[str]] = defaultdict(Counter)
        for field, content in (("title", title or ""), ("text", text)):
            for topic, evidence in self._matches(field, content):
                fields[topic][field] += 1
                if len(found[topic]) < MOST_EVIDENCE:
                    found[topic].append(evidence)
        return tuple(
            TopicMatch(topic, score(every.elements()), tuple(found[topic]), every.total())
            for topic, every in sorted(fields.items())
        )

    def _matches(self, field: str, content: str) -> Iterator[tuple[str, Evidence]]:
        """Leftmost and longest, once per place and topic."""
        folded = fold(content)
        reached: dict[str, int] = defaultdict(int)
        for start, end, phrase in self._finder.find(folded):
            first, last = folded.origin(start, end)
            for topic in self._topics[phrase]:
                if start >= reached[topic]:
                    reached[topic] = end
                    matched = content[first:last]
                    yield topic, Evidence(field, first, last, matched, self._phrases[phrase])
