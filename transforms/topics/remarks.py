"""What is odd about a topics file that can be read: rules that never count, shadow or contradict.

An error is a rule that can do nothing, or undoes another, or an example that fails; a warning is
one that is likely to mean something else than it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from config.models import Topic
from config.rules import Example, Phrase, Rule, phrases_of
from config.topics import TopicsFile
from transforms.folding import UNSPACED, folded, is_word
from transforms.topics.tagger import Tagger

SHORTEST_WORD = 3
"""Letters; two are a word of some language (us, it, en), or a part of many names."""


class Remark(NamedTuple):
    """Something odd, and where."""

    line: int
    level: str
    """error or warning."""
    text: str


def remarks(file: TopicsFile) -> list[Remark]:
    """All that is odd about a topics file, by line."""
    found = [Remark(line, "warning", f"no topic uses list {name!r}") for line, name in file.unused]
    parents = {topic.id: topic for topic in file.taxonomy.topics}
    for topic in file.taxonomy.topics:
        found.extend(_Topic(file, topic, parents.get(topic.parent or "")).remarks())
    found.extend(failed_examples(file))
    return sorted(set(found))


def failed_examples(file: TopicsFile) -> Iterator[Remark]:
    """Examples that do not get the topic that they are for, or get one that they are not for."""
    topics = [one for one in file.taxonomy.topics if one.examples_yes or one.examples_no]
    if not topics:
        return
    tagger = Tagger(file.taxonomy)
    for topic in topics:
        for key, examples in (("yes", topic.examples_yes), ("no", topic.examples_no)):
            for place, example in enumerate(examples):
                said = tagger.explain(example.title, example.text, example.language)
                verdict = next((one for one in said if one.topic == topic.id), None)
                applies = verdict is not None and verdict.applies
                if applies == (key == "yes"):
                    continue
                line = file.lines[topic.id, key, place]
                why = "nothing found"
                if verdict is not None:
                    matched = (f"{one.phrase!r} found {one.matched!r}" for one in verdict.evidence)
                    why = "; ".join(dict.fromkeys((*matched, *verdict.misses))) or why
                is_not = "is no" if key == "yes" else "is an"
                text = f"{is_not} example of {topic.id!r} by its rules: {why}"
                yield Remark(line, "error", f"{_shown(example)!r} {text}")


def _shown(example: Example) -> str:
    text = " ".join((example.title or example.text).split())
    return text if len(text) <= 60 else f"{text[:59]}…"


class _Reach(NamedTuple):
    """What a phrase finds: its words, whatever ends them, and how exact they have to be."""

    key: str
    open_end: bool
    case: bool
    fold_accents: bool

    def covers(self, other: _Reach) -> bool:
        """Whether wherever the other is found, this is, at the same beginning."""
        if self.case or (other.fold_accents and not self.fold_accents):
            return self == other
        key = other.key if not self.fold_accents else folded(other.key)
        if not self.open_end:
            return key == self.key and not other.open_end
        rest = key.removeprefix(self.key)
        return key.startswith(self.key) and all(map(is_word, rest))


def _reach(phrase: Phrase) -> _Reach:
    stem = phrase.phrase.removesuffix("*")
    key = folded(stem, accents=phrase.fold_accents).strip(" \n")
    return _Reach(key, stem != phrase.phrase, phrase.case, phrase.fold_accents)


class _Covers:
    """Phrases by what they find, asked for one that covers another."""

    def __init__(self, phrases: list[tuple[int, Phrase]]) -> None:
        self._known: dict[str, list[tuple[int, Phrase, _Reach]]] = {}
        for line, phrase in phrases:
            reach = _reach(phrase)
            self._known.setdefault(reach.key, []).append((line, phrase, reach))

    def of(self, phrase: Phrase) -> Iterator[tuple[int, Phrase]]:
        """Those that cover a phrase, with their lines; itself among them."""
        reach = _reach(phrase)
        forms = dict.fromkeys((reach.key, folded(reach.key)))
        for key in dict.fromkeys(form[:end] for form in forms for end in range(1, len(form) + 1)):
            for line, other, own in self._known.get(key, ()):
                if own.covers(reach):
                    yield line, other


class _Topic:
    """One topic of a file, looked at."""

    def __init__(self, file: TopicsFile, topic: Topic, parent: Topic | None) -> None:
        self.file, self.topic, self.parent = file, topic, parent

    def remarks(self) -> Iterator[Remark]:
        """All about it."""
        topic = self.topic
        if not any(topic.weights):
            yield self._at(("", 0), "error", f"{topic.id!r}: no part of an article weighs anything")
        rules = [(("any", n), rule) for n, rule in enumerate(topic.rules)]
        rules += [(("all", n), rule) for n, group in enumerate(topic.all) for rule in group]
        own = [(self._line(at), rule) for at, rule in rules if isinstance(rule, Phrase)]
        free = _Covers([(line, rule) for line, rule in own if _is_free(rule)])
        mask = _Covers(self._phrases("mask", topic.mask))
        none = _Covers(self._phrases("none", topic.none))
        above = _Covers(self._phrases("any", self.parent.rules) if self.parent else [])
        for at, rule in rules:
            yield from self._undone(at, rule, mask, none)
            if isinstance(rule, Phrase):
                yield from self._doubled(at, rule, free, above)
                yield from self._short(at, rule)

    def _undone(
        self, at: tuple[str, int], rule: Rule, mask: _Covers, none: _Covers
    ) -> Iterator[Remark]:
        """Rules that can never count."""
        for phrase in phrases_of(rule):
            for line, other in mask.of(phrase):
                yield self._at(at, "error", f"{phrase.phrase!r} never counts: the mask "
                               f"{other.phrase!r} in line {line} is wherever it is")  # fmt: skip
            for line, other in none.of(phrase):
                if at[0] == "all" and len(self.topic.all[at[1]]) > 1:
                    continue
                text = f"{phrase.phrase!r} contradicts {other.phrase!r} of 'none' in line {line}"
                yield self._at(at, "error", f"{text}: where it stands the topic never applies")
        if not isinstance(rule, Phrase):
            return
        for company in (rule.not_near, self.topic.not_near):
            if company and (others := list(_Covers([(0, x) for x in company.phrases]).of(rule))):
                yield self._at(at, "error", f"{rule.phrase!r} never counts: it is not to stand "
                               f"near {others[0][1].phrase!r}, which finds it too")  # fmt: skip
        if list(_Covers([(0, one) for one in rule.company]).of(rule)):
            yield self._at(at, "warning", f"{rule.phrase!r} keeps itself company: 'with' lists it")

    def _doubled(
        self, at: tuple[str, int], rule: Phrase, free: _Covers, above: _Covers
    ) -> Iterator[Remark]:
        """Phrases that another one finds as well."""
        line = self._line(at)
        for other_line, other in free.of(rule):
            if other == rule or other.weight != rule.weight or (
                _reach(other) == _reach(rule) and (other_line, other.phrase) > (line, rule.phrase)
            ):  # fmt: skip
                continue
            same = "finds the same" if _reach(other) == _reach(rule) else "finds that too"
            yield self._at(at, "warning", f"{rule.phrase!r} adds nothing: {other.phrase!r} in "
                           f"line {other_line} {same}")  # fmt: skip
            break
        if self.parent and any(_is_free(other) for _, other in above.of(rule)):
            yield self._at(at, "warning", f"{rule.phrase!r} counts for {self.parent.id!r} anyway: "
                           "its parent has it too")  # fmt: skip

    def _short(self, at: tuple[str, int], rule: Phrase) -> Iterator[Remark]:
        key = _reach(rule).key
        if rule.case or rule.company or len(key) >= SHORTEST_WORD or not key.isalnum():
            return
        if not UNSPACED.match(key):
            if not key.isdecimal() and not any(map(str.isdigit, key)):
                text = f"{rule.phrase!r} is short, and a word of some language"
                yield self._at(at, "warning", f"{text}; say case: exact, or with: [company]")
        elif len(key) == 1:
            yield self._at(at, "warning", f"{rule.phrase!r} stands inside many longer words")

    def _phrases(self, section: str, rules: Iterable[Rule]) -> list[tuple[int, Phrase]]:
        return [
            (self._line((section, n)), rule)
            for n, rule in enumerate(rules)
            if isinstance(rule, Phrase)
        ]

    def _line(self, at: tuple[str, int]) -> int:
        return self.file.lines.get((self.topic.id, *at), 1)

    def _at(self, at: tuple[str, int], level: str, text: str) -> Remark:
        return Remark(self._line(at), level, text)


def _is_free(phrase: Phrase) -> bool:
    """Whether it counts wherever it is found."""
    return not (phrase.languages or phrase.company or phrase.not_near)
