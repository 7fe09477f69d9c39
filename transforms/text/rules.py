"""The rules of hygiene.yaml and flags.yaml over the lines of a text: one automaton for all phrases.

Rules see a line without its bullets, brackets and arrows, folded as phrases are; what they may ask
says config/line_rules.py. Built once in each process.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from config.line_rules import LONGEST, LONGEST_LINE, Rule
from config.rules import Phrase
from transforms.folding import Folded, fold
from transforms.matching.phrases import Phrases

LEAD = re.compile(r"(?:[^\w\s\"'“”„‟‘’‚«»‹›#@©ⓒ.…¿¡]|[»›](?=\s)|[_\s])+")
"""What stands before a line's first word and says nothing: bullets, brackets, arrows, emoji."""
TAIL = re.compile(r"[\s\])】）」|»›→>]+$")
AFTER_LABEL = re.compile(r"\s*(?:[:：;|>»›→–—…/・]|-(?=\s)|-$|\.\.\.|$)\s*")
SENTENCE = re.compile(r"[.。．]['\"”»’)\]]*$")
WORD = re.compile(r"\w")
SHORT = 200
"""Characters up to which most shapes are looked for: paragraphs are longer, and many."""
ROLES = ("begins", "labels", "whole", "ends", "holds")


class Hit(NamedTuple):
    """A rule that fires on a line, with the part of the line that made it."""

    rule: Rule
    start: int
    """Offset in the line as given, in code points."""
    end: int


class _Use(NamedTuple):
    """What a phrase is to a rule."""

    rule: int
    role: str
    group: int = 0


class _Line(NamedTuple):
    text: str
    offset: int
    """Where in the line as given it begins."""
    folded: Folded


_Spots = dict[int, list[tuple[_Use, int, int]]]
"""Of a line: by number of a rule, what its phrases are to it and where they stand."""


class Rules:
    """Finds which rules fire on which lines."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        uses: dict[str, list[_Use]] = defaultdict(list)
        for number, rule in enumerate(self.rules):
            for phrase, use in _uses(number, rule):
                uses[phrase].append(use)
        self._uses = list(uses.values())
        self._phrases = Phrases(Phrase(phrase, fold_accents=True) for phrase in uses)
        self._least = [len(rule.all) + (_asks(rule) and not rule.like) for rule in self.rules]
        self._like = [
            number for number, rule in enumerate(self.rules) if rule.like and not rule.all
        ]
        self._shapes = {
            most: _any_of(
                pattern
                for number in self._like
                if self.rules[number].longest > least
                for pattern in self.rules[number].like
            )
            for least, most in pairwise((0, SHORT, LONGEST))
        }

    def read(self, lines: Sequence[str]) -> list[list[Hit]]:
        """For each line the rules that fire, in the order of the file."""
        read = [_bare(line) for line in lines]
        starts, position = [], 0
        for line in read:
            starts.append(position)
            position += len(line.folded.text) + 1 if line else 0
        whole = "\n".join(line.folded.text for line in read if line)
        places = sorted(
            (start, end, phrase)
            for phrase, spans in self._phrases.find(whole, Folded(whole)).items()
            for start, end in spans
        )
        found: list[_Spots] = [{} for _ in read]
        at, ends = 0, [*starts[1:], position]
        for start, end, phrase in places:
            while start >= ends[at]:
                at += 1
            line, begin = read[at], starts[at]
            if line is None:
                continue
            spots = found[at]
            for use in self._uses[phrase]:
                if _plays(use.role, line, start - begin, end - begin):
                    spots.setdefault(use.rule, []).append((use, start - begin, end - begin))
        return [self._fired(line, spots) for line, spots in zip(read, found, strict=True)]

    def _fired(self, line: _Line | None, spots: _Spots) -> list[Hit]:
        if line is None:
            return []
        numbers = {number for number, spot in spots.items() if len(spot) >= self._least[number]}
        if self._shapes[SHORT if len(line.text) <= SHORT else LONGEST].match(line.text):
            numbers.update(self._like)
        hits = []
        for number in sorted(numbers):
            rule = self.rules[number]
            if len(line.text) <= rule.longest and (span := _fires(rule, line, spots.get(number))):
                hits.append(Hit(rule, line.offset + span[0], line.offset + span[1]))
        return hits


@lru_cache(maxsize=2_000)  # the lines of a page are read for hygiene, for notes and for flags
def _bare(line: str) -> _Line | None:
    """A line as rules see it; None where it is too long."""
    if len(line) > LONGEST:
        return None
    lead = LEAD.match(line)
    offset = lead.end() if lead and lead.end() < len(line) else 0
    text = TAIL.sub("", line[offset:]) or line[offset:]
    folded = fold(text.replace("\n", " ")) if len(text) <= LONGEST_LINE else Folded("", None)
    return _Line(text, offset, folded)


def _any_of(patterns: Iterable[re.Pattern[str]]) -> re.Pattern[str]:
    """One pattern that matches where any of these does."""
    several = (
        f"(?i:{pattern.pattern.removeprefix('(?i)')})"
        if pattern.flags & re.IGNORECASE
        else f"(?:{pattern.pattern})"
        for pattern in patterns
    )
    return re.compile("|".join(several) or r"(?!)")


def _asks(rule: Rule) -> bool:
    """Whether a rule has phrases of which one must be there."""
    return any(getattr(rule, role) for role in ROLES)


def _uses(number: int, rule: Rule) -> Iterator[tuple[str, _Use]]:
    for role in ROLES:
        for phrase in getattr(rule, role):
            yield phrase, _Use(number, role)
    for group, phrases in enumerate(rule.all):
        for phrase in phrases:
            yield phrase, _Use(number, "all", group)
    for phrase in rule.none:
        yield phrase, _Use(number, "none")


def _plays(role: str, line: _Line, start: int, end: int) -> bool:
    """Whether a phrase stands where its role wants it in a line; the span is of its folded form."""
    text = line.folded.text
    if role in ("all", "none", "holds"):
        return True
    if role == "ends":
        return not WORD.search(text, end)
    if start:
        return False
    if role == "whole":
        return not WORD.search(text, end)
    if role == "labels":
        after = AFTER_LABEL.match(line.text, line.folded.origin(start, end)[1])
        ended = after is not None and after.end() == len(line.text)
        return after is not None and (ended or not SENTENCE.search(line.text))
    return True


def _fires(
    rule: Rule, line: _Line, spots: list[tuple[_Use, int, int]] | None
) -> tuple[int, int] | None:
    """The span of the line, as given to `_Line`, that made a rule fire."""
    groups, spans, marks = set(), [], []
    for use, start, end in spots or ():
        if use.role == "none":
            return None
        if use.role != "all":
            spans.append((start, end))
        elif use.group or start <= (rule.within or end):
            groups.add(use.group)
            marks.append((start, end))
    if len(groups) < len(rule.all):
        return None
    shaped = None
    if not spans and rule.like:
        shaped = next((m for pattern in rule.like if (m := pattern.match(line.text))), None)
    if not (spans or shaped) and (rule.like or _asks(rule)):
        return None
    places = [line.folded.origin(*span) for span in spans + marks]
    places += [shaped.span()] if shaped else []
    return min(place[0] for place in places), max(place[1] for place in places)
