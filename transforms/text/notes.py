"""Notes that an article carries of itself: disclosures, corrections, who paid.

They stay in the text, and become flags with their place there; but for a colophon, several lines
after the end that say how a machine made the text: it goes as one removal and becomes flags too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from config.line_rules import Rule, load_rules
from config.load import shipped
from transforms.text.rules import Hit

NOTES = frozenset({"disclosure", "corrected", "sponsored"})
PART = "colophon"
"""The flag of rules for lines that belong to a disclosure and are none by themselves."""
HEAD, TAIL = 5, 6
"""Lines at the beginning and at the end in which notes stand."""


@cache
def flag_rules() -> tuple[Rule, ...]:
    """The rules of flags.yaml as shipped, read once in a process."""
    return load_rules(str(shipped("flags.yaml")), "flags")


@cache
def note_rules() -> tuple[Rule, ...]:
    """Those of them that find notes."""
    return tuple(rule for rule in flag_rules() if rule.kind in NOTES or rule.kind == PART)


def places(at: int, count: int) -> set[str]:
    """Where among the lines of a text one is, as rules name it."""
    found = {"anywhere"}
    if at < HEAD:
        found.add("head")
    if at >= count - TAIL:
        found.add("tail")
    if at == count - 1:
        found.add("last")
    return found


def quoted(text: str, start: int) -> bool:
    """Whether a place in a line stands within quotation marks."""
    before = text[:start]
    if before.count('"') % 2:
        return True
    opened = max((before.rfind(mark) for mark in "“„«「『"), default=-1)
    return opened >= 0 and max((before.rfind(mark) for mark in "”»」』"), default=-1) < opened


def noted(texts: Sequence[str], hits: Sequence[Sequence[Hit]]) -> tuple[set[int], range]:
    """Which lines are notes, and which after the end make up a colophon, by the hits of rules."""
    count = len(texts)
    kinds: dict[int, set[str]] = {}
    for at, found in enumerate(hits):
        told = {hit.rule.kind for hit in found if _holds(hit, texts[at], at, count)}
        if told & (NOTES | {PART}):
            kinds[at] = told
    notes = {at for at, told in kinds.items() if told & NOTES}
    return notes, _colophon(kinds, count)


def _holds(hit: Hit, text: str, at: int, count: int) -> bool:
    return not places(at, count).isdisjoint(hit.rule.where) and not quoted(text, hit.start)


def _colophon(kinds: dict[int, set[str]], count: int) -> range:
    """The longest run of lines after the first that tells of a machine in one of them."""
    best = range(0)
    at = 1
    while at < count:
        end = at
        while end in kinds and kinds[end] & {"disclosure", PART}:
            end += 1
        run = range(at, end)
        if len(run) > max(1, len(best)) and any("disclosure" in kinds[line] for line in run):
            best = run
        at = max(end, at + 1)
    return best
