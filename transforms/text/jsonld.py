"""What a page says of itself in JSON-LD (https://www.w3.org/TR/json-ld11/, schema.org)."""

from __future__ import annotations

import json
import re
from typing import Any

MOST_READ = 2_000_000
"""Characters of all blocks of a page. Live blogs have half a million; a page has five million."""
MOST_MENDED = 200_000
"""Characters of a block that is mended where it is malformed: mending costs more than reading."""
MOST_BLOCKS, MOST_OBJECTS = 200, 500
WITHIN = ("@graph", "mainEntity", "mainEntityOfPage", "subjectOf")
"""Where an object holds others that are said of the page too, and not of what it leads to."""
DEPTH = 8
AROUND = re.compile(r"^\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/)+")
COMMAS = re.compile(r",(?=\s*[}\]])")
DECODER = json.JSONDecoder(strict=False)  # line breaks within strings are common


def objects(tree: Any) -> list[dict[str, Any]]:
    """The objects that a parsed page says of itself, in their order; malformed blocks give none.

    Those of lists, of ``@graph`` and of `WITHIN` stand for themselves after what holds them;
    others, such as authors or related articles, only in what they belong to.
    """
    found: list[dict[str, Any]] = []
    room = MOST_READ
    for number, script in enumerate(scripts(tree)):
        text = script.text or ""
        room -= len(text)
        if room < 0 or number >= MOST_BLOCKS or len(found) >= MOST_OBJECTS:
            break
        _collect(_read(text), found, DEPTH)
    return found[:MOST_OBJECTS]


def scripts(tree: Any) -> list[Any]:
    """The elements that hold JSON-LD."""
    return [
        script for script in tree.iter("script") if "ld+json" in (script.get("type") or "").lower()
    ]


def types_of(thing: Any) -> tuple[str, ...]:
    """The types of an object, without their vocabulary: ``schema:Person`` is ``Person``."""
    named = thing.get("@type") if isinstance(thing, dict) else None
    several = named if isinstance(named, list) else [named]
    return tuple(re.split(r"[/#:]", one)[-1] for one in several if isinstance(one, str))


def _read(text: str) -> Any:
    """What a block says, mended where that is easy; None where it cannot be read."""
    try:
        return DECODER.decode(text)
    except (ValueError, RecursionError):  # also numbers of more digits than Python reads
        pass
    if len(text) > MOST_MENDED:
        return None
    mended = COMMAS.sub("", AROUND.sub("", text)).lstrip("\ufeff \t\r\n")
    try:
        return DECODER.raw_decode(mended)[0]  # and nothing of what follows: a semicolon, -->
    except (ValueError, RecursionError):
        return None


def _collect(value: Any, found: list[dict[str, Any]], depth: int) -> None:
    if isinstance(value, list) and depth:
        for one in value[:MOST_OBJECTS]:
            _collect(one, found, depth - 1)
    elif isinstance(value, dict) and len(found) < MOST_OBJECTS:
        found.append(value)
        for name in WITHIN if depth else ():
            _collect(value.get(name), found, depth - 1)
