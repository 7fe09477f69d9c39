"""Where rules on flags look, and what they find there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from config.line_rules import LONGEST_LINE
from transforms.records import Flag, Removal
from transforms.text.notes import flag_rules, places, quoted
from transforms.text.rules import Hit, Rules
from transforms.text.signals import Signals
from transforms.text.wire import Line

READ = 250
"""Characters of lines that are read where they stand between head and tail."""


class Spot(NamedTuple):
    """A line that rules look at."""

    text: str
    field: str
    start: int | None
    places: set[str]
    kind: str = ""
    """Of a line that was removed."""


class Found(NamedTuple):
    """A flag that a rule sets."""

    flag: Flag
    rule: str
    spot: Spot


@cache
def rules() -> Rules:
    """The rules as shipped, read once in a process."""
    return Rules(flag_rules())


def lines_of(text: str) -> Iterator[Line]:
    """The lines of a text that hold anything, with their offsets."""
    start = 0
    for line in text.split("\n"):
        if line.strip():
            yield Line(line, start)
        start += len(line) + 1


def spots_of(
    title: str,
    lines: Sequence[Line],
    removals: Sequence[Removal],
    byline: str | None,
    signals: Signals,
) -> Iterator[Spot]:
    """All that rules look at: headline, byline, lines, removals, what only the HTML holds."""
    if title:
        yield Spot(title, "title", 0, {"title"})
    if byline:
        yield Spot(byline, "byline", None, {"byline"})
    count = len(lines)
    for at, line in enumerate(lines):
        where = places(at, count)
        if len(where) > 1 or len(line.text) <= READ:
            yield Spot(line.text[:LONGEST_LINE], "text", line.start, where)
    for gone in removals:
        for part in gone.text.split("\n"):
            where = {"removed", "tail"} if gone.kind == "disclosure" else {"removed"}
            yield Spot(part, "removed", None, where, gone.kind)
    for note in (*signals.notes, *signals.walls):
        yield Spot(note, "page", None, {"page"})
    for near in signals.around:
        yield Spot(near, "page", None, {"around"})


def told_in(spots: Sequence[Spot]) -> Iterator[Found]:
    """What rules find in the lines, but within quotation marks."""
    for spot, hits in zip(spots, rules().read([spot.text for spot in spots]), strict=True):
        for hit in hits:
            if not spot.places.isdisjoint(hit.rule.where) and not _spoken(spot, hit):
                yield Found(_flag(spot, hit), hit.rule.id, spot)


def _spoken(spot: Spot, hit: Hit) -> bool:
    return spot.field == "text" and quoted(spot.text, hit.start)


def _flag(spot: Spot, hit: Hit) -> Flag:
    start = None if spot.start is None else spot.start + hit.start
    end = None if spot.start is None else spot.start + hit.end
    evidence = spot.text[hit.start : hit.end]
    return Flag(hit.rule.kind, hit.rule.value, spot.field, evidence, start, end)


def of(found: Iterable[Found], flag: str) -> list[Found]:
    """Those of a flag."""
    return [one for one in found if one.flag.flag == flag]
