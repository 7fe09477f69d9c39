"""What is to be known of an article before it is trusted, each with the words that say so.

From its headline, text, byline and what was removed, by the rules of config/catalogue/flags.yaml;
and from what only the HTML tells (`signals`). No flag is set on the word of a name or an address of
one site.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from transforms.records import Flag, Removal
from transforms.text import sorts
from transforms.text.notes import PART, quoted
from transforms.text.signals import Signals
from transforms.text.told import Found, Spot, lines_of, of, spots_of, told_in
from transforms.text.wire import Line, wire_flags

NO_SIGNALS = Signals()
DOTS = re.compile(r"(?:\.\.\.|…|……|\[…\]|\[\.\.\.\])\s*$")
EDITOR = re.compile(
    r"(?:[Ee]dited|[Rr]eviewed|[Cc]hecked|[Ff]act-checked|[Vv]erified|[Rr]edigiert|[Gg]eprüft"
    r"|[Bb]earbeitet|[Rr]elu|[Éé]dité|[Vv]érifié"
    r"|[Ee]ditado|[Rr]evisado|[Rr]ivisto)(?:,? (?:and|und|et|y|e) \w+)? (?:by|von|par|por"
    r"|da)\s+(?:(?:the|our) )?(?:(?:human )?(?:editor|redacteur|Redakteur(?:in)?) )?"
    r"(?P<who>[A-ZÀ-Ý][\w’'.-]+(?: [A-ZÀ-Ý][\w’'.-]+){1,3})|(?:[Ee]ditor|Redaktion|Human editor"
    r"|Editor in charge|Редактор|Redakcja|編集|编辑|編輯)\s*[:：]\s*(?P<named>[^\n,;.]{2,60})"
)
DOTTED = 2_500
"""Characters of a text under which dots at its end say so; longer ones end in dots for effect."""
CUT_TEXT = 1_500
"""Characters of a text under which an offer to read on says that it was cut."""


def flags(
    title: str | None,
    text: str,
    removals: Sequence[Removal] = (),
    byline: str | None = None,
    signals: Signals = NO_SIGNALS,
    url: str = "",
) -> tuple[Flag, ...]:
    """The flags of an article, in the order of their names' importance, each value once."""
    lines = list(lines_of(text))
    spots = list(spots_of(title or "", lines, removals, byline, signals))
    found = list(told_in(spots))
    parts = _parts(url)
    bylines = [one for one in (byline, *signals.bylines[:3], *signals.around) if one]
    disclosed = list(_disclosures(found, spots, signals))
    wired = list(wire_flags(title or "", lines, removals, bylines, bool(disclosed)))
    every = [
        *disclosed,
        *wired,
        *_walls(found, signals),
        *_truncated(found, lines, text),
        *sorts.live(found, signals, lines, title or ""),
        *sorts.opinion(found, signals, parts),
        *sorts.sponsored(found, signals, parts),
        *sorts.release(found, wired),
        *(one.flag for one in found if one.flag.flag == "corrected"),
        *sorts.shape(found, signals, lines, parts),
    ]
    return tuple({(flag.flag, flag.value): flag for flag in reversed(every)}.values())[::-1]


def _parts(url: str) -> list[str]:
    """The folders of an address, in lower case."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return []
    return [part.lower() for part in path.split("/")[:-1] if part]


def _disclosures(found: list[Found], spots: Sequence[Spot], signals: Signals) -> Iterator[Flag]:
    """That a machine made the text; with which tool; who edited it."""
    told = [one for one in of(found, "disclosure") if one.spot.kind in ("", "disclosure")]
    for one in told:
        yield one.flag
    if signals.machine:
        yield Flag("disclosure", "made", "meta", "true")
        return
    if not told:
        return
    near = {id(one.spot) for one in told} | {id(one.spot) for one in of(found, PART)}
    for one in of(found, "disclosure_tool"):
        if id(one.spot) in near or one.spot.kind == "disclosure":
            yield one.flag._replace(value=one.flag.evidence)
    for spot in spots:
        if id(spot) in near or spot.kind == "disclosure":
            for match in EDITOR.finditer(spot.text):
                group = "who" if match["who"] else "named"
                start = None if spot.start is None else spot.start + match.start()
                end = None if spot.start is None else spot.start + match.end()
                yield Flag(
                    "disclosure_editor",
                    match[group].strip(" ."),
                    spot.field,
                    match.group(),
                    start,
                    end,
                )


def _walls(found: list[Found], signals: Signals) -> Iterator[Flag]:
    """A wall: `cut` where the page says that the text ends, `offer` where it asks, `declared`."""
    told = sorted(of(found, "paywall"), key=lambda one: one.flag.value)
    walls = [one for one in told if one.spot.field != "page" or signals.free is not True]
    if walls:
        yield walls[0].flag
    elif signals.free is False:
        yield Flag("paywall", "declared", "json-ld", "isAccessibleForFree: false")
    elif signals.tier == "locked" and signals.free is None:
        yield Flag("paywall", "declared", "meta", "article:content_tier: locked")


def _truncated(found: list[Found], lines: Sequence[Line], text: str) -> Iterator[Flag]:
    """That the text stops before the article does."""
    told = of(found, "truncated")
    cut = [one for one in of(found, "paywall") if one.flag.value == "cut"]
    last = lines[-1] if lines else None
    dots = DOTS.search(last.text) if last and len(text) < DOTTED else None
    if last and dots and not quoted(last.text, dots.start()):
        start = last.start + dots.start()
        yield Flag(
            "truncated", "dots", "text", dots.group().strip(), start, last.start + dots.end()
        )
    elif cut and (not last or len(text) < CUT_TEXT):
        yield cut[0].flag._replace(flag="truncated", value="wall")
    elif told and len(text) < CUT_TEXT:
        yield told[0].flag
