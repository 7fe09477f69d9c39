"""Lines that are no text of the article by where they stand and what else the page says.

The headline again, dates and authors, what stands alone above and below the text, and what the
text that JSON-LD carries lacks. No phrase of a language decides here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from html import unescape
from itertools import groupby
from operator import itemgetter

from transforms.feeds.dates import first_believed
from transforms.folding import UNSPACED
from transforms.records import Line, Removal
from transforms.text.authors import BY
from transforms.text.metadata import Metadata
from transforms.text.standfirst import END
from transforms.text.titles import key

Kept = list[tuple[int, Line]]

LONG, LONG_DENSE = 90, 40
"""Characters of a line that is a paragraph for sure; in scripts without spaces."""
SENTENCE = 50
"""Characters of a line that ends as a sentence does, and has nothing of a label."""
NEAR = 10
"""Lines from the start, among which a headline may stand again."""
BESIDE_TITLE = 45
"""Letters beside the headline in its line: a kicker, a section."""
BESIDE_NAMES = 18
"""Letters beside the names of authors in theirs."""
LONGEST_DATE, LONGEST_BYLINE = 80, 120
HEAD, TAIL = 60, 30
"""Characters of lines without an end mark, above the first and below the last long line."""
MOST_TAIL = 6
"""Lines below the last long one, from where on they are a list of the article's own."""
BEGUN = re.compile(r"…|\.\.\.")
"""A second headline that goes on with the first one."""
COVERED = 0.7
"""Share of the text that a witness must hold to be believed."""
MOST_UNWITNESSED = 2
"""Lines in a row that it may lack; more are a part that it leaves out, such as a box."""
MARKUP = re.compile(r"<[^<>]{0,500}>")
OPEN_END = re.compile(r"(?:…|\.\.\.|\[…\])\s*$")
PROBE = 24
"""Letters of a line that are looked for in the witness: at its start, its middle, its end."""


def clean(kept: Kept, told: Metadata, known: Sequence[str] = ()) -> tuple[Kept, list[Removal]]:
    """The lines that are left, and those that go; `known` are headlines from elsewhere."""
    removals: list[Removal] = []
    for step in (
        partial(headlines, titles=[*known, *told.titles]),
        partial(bylines, names=[*told.authors, *told.organisations]),
        unmarked,
        partial(unwitnessed, body=told.body),
    ):
        reasons: Reasons = step(kept)
        removals += [
            Removal(reasons[at][0], line.text, at, reasons[at][1])
            for at, line in kept
            if at in reasons
        ]
        kept = [(at, line) for at, line in kept if at not in reasons]
    return kept, removals


Reasons = dict[int, tuple[str, str]]
"""Kind and rule by position."""


def headlines(kept: Kept, titles: Sequence[str]) -> Reasons:
    """Lines near the start that are the headline again, or hold it and little more."""
    keys = list(dict.fromkeys(filter(None, map(key, titles))))
    found: Reasons = {}
    for at, line in kept[:NEAR]:
        own = key(line.text)
        shortest, beside = (6, BESIDE_TITLE // 2) if is_dense(line.text) else (12, BESIDE_TITLE)
        if own in keys:
            found[at] = "headline", "repeats_headline"
        elif any(
            len(one) >= shortest and one in own and len(own) - len(one) < beside for one in keys
        ):
            found[at] = "headline", "holds_headline"
    return found


def bylines(kept: Kept, names: Sequence[str]) -> Reasons:
    """Dates and authors above the first long line and below the last."""
    first, last = _long(kept)
    found: Reasons = {}
    for index, (at, line) in enumerate(kept):
        if first <= index <= last or len(line.text) > LONGEST_BYLINE:
            continue
        short = len(line.text) <= LONGEST_DATE and not END.search(line.text)
        if short and first_believed([line.text]):
            found[at] = "byline_meta", "date"
        elif names and _names_only(line.text, names):
            found[at] = "byline_meta", "authors"
    return found


def _names_only(text: str, names: Sequence[str]) -> bool:
    rest = key(BY.sub("", text, count=1))
    before = len(rest)
    for name in sorted(map(key, names), key=len, reverse=True):
        rest = rest.replace(name, "") if len(name) > 2 else rest
    return len(rest) < before and len(rest) <= BESIDE_NAMES


def unmarked(kept: Kept) -> Reasons:
    """Short lines without an end mark at the head and the tail; lists and tables stay."""
    first, last = _long(kept)
    tail = len(kept) - 1 - last
    found: Reasons = {}
    for index, (at, line) in enumerate(kept):
        if first <= index <= last or line.kind in ("list", "table") or END.search(line.text):
            continue
        size = 2 * len(line.text) if is_dense(line.text) else len(line.text)
        if line.text.endswith((":", "：")):  # it leads to what follows
            continue
        if index < first and size <= HEAD and not BEGUN.match(line.text):
            found[at] = "ui_label", "unmarked_head"
        elif index > last and size <= TAIL and tail <= MOST_TAIL:
            found[at] = "ui_label", "unmarked_tail"
    return found


def unwitnessed(kept: Kept, body: str | None) -> Reasons:
    """Lines that the text of JSON-LD lacks, where it holds most of the others.

    A text that JSON-LD cuts is no witness of what comes after. Leading lines stay, for it often
    leaves the standfirst out, and so do subheads, lists and tables.
    """
    if not body or len(body) < 200 or OPEN_END.search(body):
        return {}
    witness = key(unescape(MARKUP.sub(" ", unescape(body))))
    seen = [_is_held(key(line.text), witness) for _, line in kept]
    whole = sum(len(line.text) for _, line in kept)
    held = sum(len(line.text) for (_, line), one in zip(kept, seen, strict=True) if one)
    if held < COVERED * whole or not any(seen):
        return {}
    found: Reasons = {}
    start = seen.index(True)
    for held_too, run in groupby(zip(kept[start:], seen[start:], strict=True), key=itemgetter(1)):
        lines = [line for line, _ in run]
        if not held_too and len(lines) <= MOST_UNWITNESSED:
            found |= {
                at: ("unwitnessed", "json_ld_body")
                for at, line in lines
                if line.kind in ("paragraph", "quote")
            }
    return found


def _is_held(own: str, witness: str) -> bool:
    if len(own) <= 2 * PROBE:
        return own in witness
    middle = (len(own) - PROBE) // 2
    return any(own[at : at + PROBE] in witness for at in (0, middle, len(own) - PROBE))


def _long(kept: Kept) -> tuple[int, int]:
    """The indexes of the first and the last line that is text for sure; of all where none is."""
    found = [index for index, (_, line) in enumerate(kept) if is_long(line) or is_ended(line)]
    return (found[0], found[-1]) if found else (0, len(kept) - 1)


def is_long(line: Line) -> bool:
    """Whether a line is a paragraph for sure."""
    long = len(line.text) >= (LONG_DENSE if is_dense(line.text) else LONG)
    return long and line.kind in ("paragraph", "quote", "list")


def is_ended(line: Line) -> bool:
    """Whether a line is a sentence of some length."""
    size = 2 * len(line.text) if is_dense(line.text) else len(line.text)
    return size >= SENTENCE and END.search(line.text) is not None


def is_dense(text: str) -> bool:
    """Whether a text is of a script without spaces, which says as much with half the letters."""
    return bool(UNSPACED.search(text, len(text) // 2, len(text) // 2 + 3))
