"""The lines of a page's article: trafilatura's fast path on its container, more where it fails."""

from __future__ import annotations

import logging
from copy import deepcopy
from typing import Any, NamedTuple

import trafilatura
from trafilatura.settings import DEFAULT_CONFIG

from transforms.records import Line, Removal
from transforms.text import containers
from transforms.text.lines import lines_of, tidy
from transforms.text.links import drop_links
from transforms.text.metadata import Metadata
from transforms.text.parsing import parse
from transforms.text.standfirst import END, standfirst

SHORTEST = 250
"""Characters of a text that may be all; less is looked at again."""
LITTLE = 0.35
"""Share of the container's words (links left out) that a text must hold."""
SHORT_LINE, SHORT_LINES, MANY_LINES = 40, 0.45, 60
"""Characters of a line that may be furniture; too large a share of them; too many lines."""
GAIN, FALL, ENOUGH_KEPT = 1.3, 0.15, 0.7
"""What the full path must bring: so much more in long lines; or so many fewer short ones."""
MOST_ELEMENTS, MOST_LOOKED_AT_AGAIN = 30_000, 15_000
"""Of what trafilatura reads, or reads once more the full way: some five seconds of CPU."""
SURE = deepcopy(DEFAULT_CONFIG)
SURE.set("DEFAULT", "MIN_EXTRACTED_SIZE", "80")
"""For a container that is the article's. Of a page, trafilatura thinks less than 250 too little,
and takes its words without its paragraphs: that is a whole story of an agency in Japanese."""
PLAIN = 40
"""Characters of a paragraph on the cheap path."""

logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what fails is said by a value
logging.getLogger("htmldate").setLevel(logging.CRITICAL)


class Found(NamedTuple):
    """What a page has of text, before any line is removed."""

    lines: list[Line]
    removals: list[Removal]
    """Blocks that were taken out before."""
    standfirst: str | None


def article(tree: Any, source: str, told: Metadata) -> Found:
    """The lines of a page; its tree is used up, and made again of its source where that must be."""
    elements = tree.xpath("count(//*)")
    containers.strip(tree)
    page = containers.box(tree)
    whole = tree if page is None else page
    removals = drop_links(whole)
    if whole.xpath("count(//*)") > MOST_ELEMENTS:
        return Found(plain(whole), removals, None)
    lines = _lines(whole, fast=True, sure=page is not None)
    if elements <= MOST_LOOKED_AT_AGAIN and _doubtful(lines, whole):
        full = _lines(parse(source), fast=False)
        if _better(full, lines):
            lines, removals = full, []
    if not lines and page is not None:
        lines = plain(page)
    trees = [tree] if page is None else [tree, page]
    lead = standfirst(trees, lines, told.descriptions, told.titles)
    return Found([Line(lead), *lines] if lead else lines, removals, lead)


def plain(tree: Any) -> list[Line]:
    """The paragraphs of a tree, without a look at anything else: the cheap path."""
    texts = ("".join(p.itertext()) for p in tree.iter("p"))
    found = [tidy(text) for text in texts if len(text) >= PLAIN]
    found = found or [tidy(text) for text in tree.itertext() if len(text) >= PLAIN]
    return [Line(text) for text in found if len(text) >= PLAIN]


def _lines(tree: Any, fast: bool, sure: bool = False) -> list[Line]:
    config = SURE if sure else DEFAULT_CONFIG
    try:
        found: Any = trafilatura.bare_extraction(
            tree, fast=fast, with_metadata=False, include_comments=False, config=config,
            output_format="xml",  # the tree alone; its text would be a twentieth of the cost
        )  # fmt: skip
    except RecursionError:
        return plain(tree)
    return lines_of(found.body) if found else []


def _doubtful(lines: list[Line], container: Any) -> bool:
    size = _size(lines)
    if not lines and containers.plain_length(container) < PLAIN:
        return False  # there was nothing but links
    if not containers.reaches(size, SHORTEST, container):
        return True
    little = size < LITTLE * len("".join(container.itertext()))  # which costs less, and is no less
    if little and size < LITTLE * containers.plain_length(container):
        return True
    if _short(lines) <= SHORT_LINES:
        return False
    return len(lines) > MANY_LINES or _long(lines) < containers.length(container) / 2


def _better(full: list[Line], fast: list[Line]) -> bool:
    if _long(full) > GAIN * _long(fast):
        return True
    return _short(fast) - _short(full) >= FALL and _size(full) >= ENOUGH_KEPT * _size(fast)


def _size(lines: list[Line]) -> int:
    return sum(len(line.text) for line in lines)


def _is_short(line: Line) -> bool:
    return len(line.text) < SHORT_LINE and not END.search(line.text)


def _short(lines: list[Line]) -> float:
    return sum(map(_is_short, lines)) / len(lines) if lines else 0.0


def _long(lines: list[Line]) -> int:
    return sum(len(line.text) for line in lines if not _is_short(line))
