"""The rules of hygiene.yaml and flags.yaml over the lines of a text: one automaton for all phrases.

Rules see a line without its bullets, brackets and arrows, folded as phrases are (config/rules.py
says what they may ask). Built once in each process.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from config.rules import LONGEST, LONGEST_LINE, Rule
from transforms.folding import Folded, fold
from transforms.matching.phrases import Phrases

LEAD = re.compile(r"(?:[^\w\s\"'“”„‟‘’‚«»‹›#@©ⓒ.…¿¡]|[»›](?=\s)|[_\s])+")
"""What stands before a line's first word and says nothing: bullets, brackets, arrows, emoji."""
TAIL = re.compile(r"[\s\])】）」|»›→>]+$")
AFTER_LABEL = re.compile(r"\s*(?:[:：;|>»›→–—…/・]|-(?=\s)|-$|\.\.\.|$)\s*")
SENTENCE = re.compile(r"[.。．]['\"”»’)\]]*$")
WORD = re.compile(r"\w")
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


class Rules:
    """Finds which rules fire on which lines."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        uses: dict[str, list[_Use]] = defaultdict(list)
        for number, rule in enumerate(self.rules):
            for phrase, use in _uses(number, rule):
                uses[phrase].append(use)
        self._uses = list(uses.values())
        self._phrases = Phrases(uses)
        self._like = [rule for rule in self.rules if rule.like and not rule.all]
        self._shapes = _any_of(p for rule in self._like for p in rule.like)
        self._numbers = {rule.id: number for number, rule in enumerate(self.rules)}

    def read(self, lines: Sequence[str]) -> list[list[Hit]]:
        """For each line the rules that fire, in the order of the file."""
        read = [_bare(line) for line in lines]
        starts, position = [], 0
        for line in read:
            starts.append(position)
            position += len(line.folded.text) + 1 if line else 0
        whole = Folded("\n".join(line.folded.text for line in read if line), None)
        found: list[dict[int, list[tuple[_Use, int, int]]]] = [{} for _ in read]
        matches = sorted(self._phrases.find(whole))
        at, ends = 0, [*starts[1:], position]
        for start, end, phrase in matches:
            while start >= ends[at]:
                at += 1
            line, begin = read[at], starts[at]
            if line is None:
                continue
            for use in self._uses[phrase]:
                if _plays(use.role, line.folded.text, start - begin, end - begin):
                    found[at].setdefault(use.rule, []).append((use, start - begin, end - begin))
        return [self._fired(line, spots) for line, spots in zip(read, found, strict=True)]

    def _fired(
        self, line: _Line | None, spots: dict[int, list[tuple[_Use, int, int]]]
    ) -> list[Hit]:
        if line is None:
            return []
        hits = []
        for number in sorted({*spots, *self._shaped(line)}):
            rule = self.rules[number]
            if len(line.text) <= rule.longest and (span := _fires(rule, line, spots.get(number))):
                hits.append(Hit(rule, line.offset + span[0], line.offset + span[1]))
        return hits

    def _shaped(self, line: _Line) -> Iterator[int]:
        """Rules of shape alone, which no phrase leads to."""
        if not self._shapes.match(line.text):
            return
        for rule in self._like:
            if len(line.text) <= rule.longest:
                yield self._numbers[rule.id]


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


def _uses(number: int, rule: Rule) -> Iterator[tuple[str, _Use]]:
    for role in ROLES:
        for phrase in getattr(rule, role):
            yield phrase, _Use(number, role)
    for group, phrases in enumerate(rule.all):
        for phrase in phrases:
            yield phrase, _Use(number, "all", group)
    for phrase in rule.none:
        yield phrase, _Use(number, "none")


def _plays(role: str, text: str, start: int, end: int) -> bool:
    """Whether a phrase stands where its role wants it in a folded line."""
    if role in ("all", "none", "holds"):
        return True
    if role == "ends":
        return not WORD.search(text, end)
    if start:
        return False
    if role == "whole":
        return not WORD.search(text, end)
    if role == "labels":
        after = AFTER_LABEL.match(text, end)
        return after is not None and (after.end() == len(text) or not SENTENCE.search(text))
    return True


def _fires(
    rule: Rule, line: _Line, spots: list[tuple[_Use, int, int]] | None
) -> tuple[int, int] | None:
    """The span of the line, as given to `_Line`, that made a rule fire."""
    spots = spots or []
    if any(use.role == "none" for use, _, _ in spots):
        return None
    within = rule.within or len(line.text)
    groups = {
        use.group for use, start, _ in spots if use.role == "all" and (use.group or start <= within)
    }
    if len(groups) < len(rule.all):
        return None
    spans = [line.folded.origin(a, b) for use, a, b in spots if use.role not in ("none", "all")]
    if not spans and rule.like:
        spans = [m.span() for pattern in rule.like if (m := pattern.match(line.text))][:1]
    asked = rule.like or any(getattr(rule, role) for role in ROLES)
    if asked and not spans:
        return None
    spans += [line.folded.origin(a, b) for use, a, b in spots if use.role == "all"]
    return min(span[0] for span in spans), max(span[1] for span in spans)
