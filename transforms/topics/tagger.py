"""Topics of a text, each with the places that speak for it.

A place counts once for a topic: of those that overlap the leftmost, then the longest. A topic that
applies counts for its parent too, whose evidence then holds that of its children.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from config.models import Taxonomy
from transforms.matching.phrases import Phrases, Span
from transforms.records import Evidence, TopicMatch
from transforms.topics.article import Article, Misses
from transforms.topics.compiled import Compiled, Counted, Rules
from transforms.topics.score import MOST_EVIDENCE, least_score, score


class Verdict(NamedTuple):
    """What a topic's rules say of an article, and why."""

    topic: str
    applies: bool
    score: float
    least: float
    """What it must score, in a text of this length."""
    evidence: tuple[Evidence, ...]
    misses: tuple[str, ...]
    """What nearly counted, and why it did not."""
    matches: int = 0


class Tagger:
    """Finds the topics of a taxonomy; built once, used for every text."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.version = taxonomy.version
        self._rules = Rules(taxonomy)
        self._finder = Phrases(self._rules.phrases)
        self._family = any(topic.parent for topic in taxonomy.topics)
        self._order = _children_first(self._rules.topics)

    def tag(
        self,
        title: str | None,
        text: str,
        language: str | None = None,
        dateline: tuple[int, int] | None = None,
    ) -> tuple[TopicMatch, ...]:
        """Topics of an article, by id, with their evidence in reading order.

        Args:
            language: BCP 47; where it is not known, rules of all languages count.
            dateline: where the dateline stands in the text, in characters.
        """
        article = Article(self._finder, title, text, language, dateline)
        verdicts = self._verdicts(article, None)
        return tuple(
            TopicMatch(one.topic, one.score, one.evidence, one.matches)
            for one in sorted(verdicts, key=lambda one: one.topic)
            if one.applies
        )

    def explain(
        self,
        title: str | None,
        text: str,
        language: str | None = None,
        dateline: tuple[int, int] | None = None,
    ) -> tuple[Verdict, ...]:
        """What `tag` would say, of all topics that something speaks for, with the misses."""
        article = Article(self._finder, title, text, language, dateline)
        verdicts = self._verdicts(article, {})
        return tuple(sorted(verdicts, key=lambda one: (-one.applies, -one.score, one.topic)))

    def _verdicts(self, article: Article, misses: dict[str, Misses] | None) -> list[Verdict]:
        touched: dict[int, list[Counted]] = {}
        uses = self._rules.uses
        for number in article.numbers:
            for place, rule in uses[number]:
                if place not in touched:
                    touched[place] = [rule]
                elif not rule.is_near or not any(one is rule for one in touched[place]):
                    touched[place].append(rule)
        topics = self._rules.topics
        if not self._family:
            return [
                self._verdict(article, topics[place], rules, (), misses)
                for place, rules in touched.items()
            ]
        done: dict[str, Verdict] = {}
        below: dict[str, list[Verdict]] = {}
        for place in self._order:
            topic = topics[place]
            children = below.get(topic.id, ())
            if place not in touched and not children:
                continue
            rules = touched.get(place, [])
            done[topic.id] = verdict = self._verdict(article, topic, rules, children, misses)
            if verdict.applies and topic.topic.parent:
                below.setdefault(topic.topic.parent, []).append(verdict)
        return list(done.values())

    def _verdict(
        self,
        article: Article,
        topic: Compiled,
        rules: list[Counted],
        children: Iterable[Verdict],
        misses: dict[str, Misses] | None,
    ) -> Verdict:
        missed = None if misses is None else misses.setdefault(topic.id, [])
        simple = not topic.all and (topic.watched.isdisjoint(article.numbers) or not topic.watched)
        allowed = simple or _allowed(article, topic, missed)
        evidence: list[Evidence] = []
        matches = 0
        for field in article.fields:
            places: list[tuple[Span, Counted]] = []
            for rule in rules if allowed else ():
                if simple and rule.is_free:
                    spans = article.found[field].get(rule.groups[0][0], ())
                else:
                    spans = article.places(topic, rule, field, missed)
                for span in spans:
                    places.append((span, rule))
            if places or children:
                kept, count = _evidence(article, topic, field, places, children)
                evidence += kept[: MOST_EVIDENCE - len(evidence)]
                matches += count
        total = score([one.weight or 0 for one in evidence])
        steps = topic.topic.min_score
        words = article.texts["text"].word_count if steps and steps[-1][0] else 0
        least = least_score(steps, words)
        applies = bool(children) or (total > 0 and total >= least)
        if missed is not None and not applies and evidence:
            missed.append(
                f"score {total:g} below {least:g}" if total else "found in the dateline alone"
            )
        return Verdict(
            topic.id, applies, total, least, tuple(evidence), tuple(missed or ()), matches
        )


def _allowed(article: Article, topic: Compiled, misses: Misses | None) -> bool:
    """Whether nothing forbids the topic, and all that it needs is there."""
    for rule in topic.none:
        if article.holds(topic, (rule,)):
            if misses is not None:
                misses.append(f"{rule.label!r} of 'none' stands there")
            return False
    for group in topic.all:
        if not article.holds(topic, group):
            if misses is not None:
                names = " or ".join(repr(rule.label) for rule in group)
                misses.append(f"lacks {names} of 'all'")
            return False
    return True


def _evidence(
    article: Article,
    topic: Compiled,
    field: str,
    places: list[tuple[Span, Counted]],
    children: Iterable[Verdict],
) -> tuple[list[Evidence], int]:
    """What the places come to, each once, and how many there are."""
    if len(places) > 1:
        places.sort(key=lambda one: (one[0][0], -one[0][1]))
    text, weights = article.texts[field], topic.weights
    origin, original = text.folded.origin, text.original
    found: list[Evidence] = []
    reached = count = 0
    for (first, last), rule in places:
        if first < reached:
            continue
        reached = last
        count += 1
        if len(found) < MOST_EVIDENCE:
            start, end = origin(first, last)
            if found and start < found[-1].end:  # two places within one character, such as ½
                count -= 1
                continue
            part = article.parts.of(field, start)
            weight = rule.weight * getattr(weights, part)
            found.append(Evidence(field, start, end, original[start:end], rule.label, weight, part))
    if not children:
        return found, count
    return _merged(found, field, children)


def _merged(
    own: list[Evidence], field: str, children: Iterable[Verdict]
) -> tuple[list[Evidence], int]:
    """A parent's places and its children's, each once: its own before a child's."""
    ranked = [(one.start, -one.end, 0, "", one) for one in own]
    for child in children:
        for one in child.evidence:
            if one.field == field:
                of_child = one._replace(child=one.child or child.topic)
                ranked.append((one.start, -one.end, 1, child.topic, of_child))
    ranked.sort(key=lambda one: one[:4])
    kept: list[Evidence] = []
    for *_, one in ranked:
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept[:MOST_EVIDENCE], len(kept)


def _children_first(topics: list[Compiled]) -> list[int]:
    """The order in which topics are judged: each before its parent."""
    places = {topic.id: place for place, topic in enumerate(topics)}

    def depth(place: int) -> int:
        steps = 0
        parent = topics[place].topic.parent
        while parent in places and steps <= len(topics):
            steps += 1
            parent = topics[places[parent]].topic.parent
        return steps

    return sorted(range(len(topics)), key=depth, reverse=True)
