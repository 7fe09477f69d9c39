"""An article as rules see it: its texts, what was found in them, and what that comes to."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from config.rules import Near
from transforms.matching.nearness import Spans, Text, windows
from transforms.matching.phrases import Found, Phrases, Span
from transforms.topics.compiled import Compiled, Counted, Distance, Numbers
from transforms.topics.parts import Parts, parts

Misses = list[str]
"""Why places did not count, in words for people."""


class Article:
    """Title and text, searched once for all phrases of all topics."""

    def __init__(
        self,
        finder: Phrases,
        title: str | None,
        text: str,
        language: str | None,
        dateline: tuple[int, int] | None,
    ) -> None:
        self.texts = {"title": Text(title or ""), "text": Text(text)}
        self.language = language.split("-")[0].lower() if language else None
        self.dateline = dateline
        self.found: dict[str, Found] = {
            field: finder.find(one.original, one.folded) for field, one in self.texts.items()
        }
        self.fields = [field for field, found in self.found.items() if found]
        self.numbers = {number for found in self.found.values() for number in found}
        self._masks: dict[tuple[str, str], Spans] = {}

    @cached_property
    def parts(self) -> Parts:
        """Where the parts of the text are."""
        return parts(self.texts["text"].original, self.dateline)

    def has(self, phrases: Numbers) -> bool:
        """Whether one of the phrases stands anywhere."""
        return not self.numbers.isdisjoint(phrases)

    def spans(self, field: str, phrases: Numbers) -> list[Span]:
        """Where any of the phrases stands."""
        found = self.found[field]
        if len(phrases) == 1:
            return found.get(phrases[0], [])
        return [span for one in phrases for span in found.get(one, ())]

    def about(self, field: str, phrases: Numbers) -> Spans:
        """Where any of the phrases stands, to be asked about other places."""
        return Spans(self.spans(field, phrases))

    def holds(self, topic: Compiled, rules: Iterable[Counted]) -> bool:
        """Whether one of the rules has a place that counts."""
        return any(self.places(topic, rule, field) for rule in rules for field in self.fields)

    def places(
        self, topic: Compiled, rule: Counted, field: str, misses: Misses | None = None
    ) -> list[Span]:
        """The places of a rule that count for a topic."""
        if rule.is_near:
            spans = self._windows(topic, rule, field, misses)
        else:
            spans = self.found[field].get(rule.groups[0][0], [])
        if not spans:
            return []
        if not rule.is_free:
            if rule.languages and self.language and self.language not in rule.languages:
                some = ", ".join(sorted(rule.languages))
                _miss(misses, f"{rule.label!r} counts in {some}, the text is in {self.language}")
                return []
            if rule.company and not self.has(rule.company):
                _miss(misses, f"{rule.label!r} stands there without its company")
                return []
        if topic.mask and not rule.is_near:
            spans = self._unmasked(topic, field, spans, misses)
        for distance in (topic.not_near, rule.not_near):
            if distance is not None and spans:
                spans = self._apart(field, spans, distance, misses)
        return spans

    def _windows(
        self, topic: Compiled, rule: Counted, field: str, misses: Misses | None
    ) -> list[Span]:
        groups = [self.spans(field, group) for group in rule.groups]
        if topic.mask and any(groups):
            groups = [self._unmasked(topic, field, spans, misses) for spans in groups]
        near = rule.rule
        assert isinstance(near, Near)
        found, least = windows(self.texts[field], groups, near.words, near.sentence)
        if not found and misses is not None and any(groups):
            misses.append(_no_window(near, groups, field, least))
        return found

    def _unmasked(
        self, topic: Compiled, field: str, spans: list[Span], misses: Misses | None
    ) -> list[Span]:
        key = (topic.id, field)
        if key not in self._masks:
            self._masks[key] = self.about(field, topic.mask)
        masks = self._masks[key]
        if not masks.spans:
            return spans
        kept = [span for span in spans if not masks.hold(span)]
        if misses is not None and len(kept) < len(spans):
            span = next(span for span in spans if masks.hold(span))
            mask = next(one for one in masks.spans if one[0] <= span[0] and one[1] >= span[1])
            by = self.written(field, mask)
            misses.append(f"{self.written(field, span)!r} is masked by {by!r}")
        return kept

    def _apart(
        self, field: str, spans: list[Span], distance: Distance, misses: Misses | None
    ) -> list[Span]:
        others = self.about(field, distance.phrases)
        if not others.spans:
            return spans
        text, reach = self.texts[field], distance[1:]
        kept = [span for span in spans if not others.any_near(text, span, *reach)]
        if misses is not None and len(kept) < len(spans):
            gone = next(span for span in spans if span not in kept)
            other = next(one for one in others.spans if text.near(gone, one, *reach))
            by = self.written(field, other)
            misses.append(f"{self.written(field, gone)!r} stands near {by!r}")
        return kept

    def written(self, field: str, span: Span) -> str:
        """What stands at a place."""
        text = self.texts[field]
        return text.original[slice(*text.folded.origin(*span))]


def _no_window(near: Near, groups: list[list[Span]], field: str, least: int | None) -> str:
    if least is not None:
        needs = "one sentence" if near.sentence else f"{near.words} words"
        return f"{near.label!r} needs {needs}, found {least} words between in the {field}"
    lacking = (
        "|".join(phrase.phrase for phrase in group)
        for group, spans in zip(near.groups, groups, strict=True)
        if not spans
    )
    return f"{near.label!r} lacks {' and '.join(lacking)} in the {field}"


def _miss(misses: Misses | None, text: str) -> None:
    if misses is not None:
        misses.append(text)
