"""The rules of a taxonomy made ready: each phrase once, by its number among all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from config.models import Taxonomy, Topic
from config.rules import Company, Near, Phrase, Rule, Weights

Numbers = tuple[int, ...]


class Distance(NamedTuple):
    """Phrases, and how near they must not stand."""

    phrases: Numbers
    words: int
    sentence: bool


class Counted(NamedTuple):
    """A rule: a phrase (one group of one), or several near one another."""

    groups: tuple[Numbers, ...]
    rule: Rule
    label: str
    weight: float
    languages: frozenset[str]
    company: Numbers
    not_near: Distance | None
    is_near: bool
    """Whether it is of phrases near one another."""
    is_free: bool
    """Whether it is a phrase that counts wherever it is found, but for what its topic says."""


class Compiled(NamedTuple):
    """A topic's rules."""

    id: str
    topic: Topic
    any: tuple[Counted, ...]
    all: tuple[tuple[Counted, ...], ...]
    none: tuple[Counted, ...]
    mask: Numbers
    not_near: Distance | None
    weights: Weights
    watched: frozenset[int]
    """Phrases of none, mask and not_near: without them a rule that is free counts where it is."""

    @property
    def counting(self) -> Iterable[Counted]:
        """The rules whose places are evidence."""
        yield from self.any
        for group in self.all:
            yield from group


class Rules:
    """All topics of a taxonomy, and the phrases that they are made of."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._numbers: dict[Phrase, int] = {}
        self.topics = [self._topic(topic) for topic in taxonomy.topics]
        self.phrases = tuple(self._numbers)
        self.uses: list[list[tuple[int, Counted]]] = [[] for _ in self.phrases]
        """By phrase: the topics and rules for which it counts."""
        for place, topic in enumerate(self.topics):
            for counted in topic.counting:
                for number in dict.fromkeys(n for group in counted.groups for n in group):
                    self.uses[number].append((place, counted))

    def _topic(self, topic: Topic) -> Compiled:
        any_of = tuple(map(self._counted, topic.rules))
        not_near = self._distance(topic.not_near)
        none = tuple(map(self._counted, topic.none))
        mask = self._all(topic.mask)
        watched = {number for one in none for group in one.groups for number in group}
        watched |= {*mask, *(not_near.phrases if not_near else ())}
        return Compiled(
            topic.id,
            topic,
            any_of,
            tuple(tuple(map(self._counted, group)) for group in topic.all),
            none,
            mask,
            not_near,
            topic.weights,
            frozenset(watched),
        )

    def _counted(self, rule: Rule) -> Counted:
        languages = frozenset(rule.languages)
        if isinstance(rule, Near):
            groups = tuple(map(self._all, rule.groups))
            return Counted(groups, rule, rule.label, rule.weight, languages, (), None, True, False)
        free = not (languages or rule.company or rule.not_near)
        return Counted(
            ((self._number(rule),),), rule, rule.label, rule.weight, languages,
            self._all(rule.company), self._distance(rule.not_near), False, free,
        )  # fmt: skip

    def _distance(self, company: Company | None) -> Distance | None:
        if company is None:
            return None
        return Distance(self._all(company.phrases), company.words, company.sentence)

    def _all(self, phrases: Iterable[Phrase]) -> Numbers:
        return tuple(map(self._number, phrases))

    def _number(self, phrase: Phrase) -> int:
        """The number of what is to be found, whatever it weighs and wherever it counts."""
        bare = Phrase(*phrase[:5])
        return self._numbers.setdefault(bare, len(self._numbers))
