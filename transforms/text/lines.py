"""The lines of what trafilatura found, each with its kind, from its tree rather than its text."""

from __future__ import annotations

import unicodedata
from html import unescape
from typing import Any

from transforms.bounds import LONGEST_TEXT, cut
from transforms.records import Block, Line
from transforms.text.titles import INVISIBLE

KINDS = {"head": "subhead", "list": "list", "item": "list", "quote": "quote", "table": "table",
         "row": "table", "cell": "table"}  # fmt: skip
BREAKS = frozenset({"p", "head", "list", "item", "quote", "table", "row", "lb", "code", "div"})
CELLS = " | "
DEEPEST = 200
MOST_LINES = 50_000
DUMPED = 10
"""Line breaks in the one paragraph of a body, which is then a page's text without its elements."""


def lines_of(body: Any) -> list[Line]:
    """The lines of a body of trafilatura (https://trafilatura.readthedocs.io, TEI-like tags)."""
    if len(body) == 1 and (body[0].text or "").count("\n") >= DUMPED:
        return [Line(line) for line in map(tidy, body[0].text.split("\n")) if _says(line)]
    found: list[Line] = []
    words: list[str] = []

    def end(kind: str) -> None:
        text = tidy("".join(words))
        words.clear()
        if _says(text) and len(found) < MOST_LINES:
            found.append(Line(text, kind))

    def read(element: Any, kind: str, cell: bool, depth: int) -> None:
        tag = element.tag
        breaks = tag in BREAKS and not cell
        if breaks:
            end(kind)
        elif tag == "cell":
            words.append(CELLS if words else "")
        elif tag in BREAKS:
            words.append(" ")
        inner = KINDS.get(tag, kind) if not cell else kind
        words.append(element.text or "")
        if depth:
            for child in element:
                read(child, inner, cell or tag == "cell", depth - 1)
                words.append(child.tail or "")
        if breaks:
            end(inner)

    read(body, "paragraph", False, DEEPEST)
    end("paragraph")
    return found


def _says(text: str) -> bool:
    """Whether a line has a letter or a digit; a row of asterisks has none."""
    return any(map(str.isalnum, text))


def tidy(text: str) -> str:
    """A line in NFC: white space folded, entities read that were escaped twice, nothing unseen."""
    if text.isascii() and "&" not in text:
        return " ".join(text.split()).strip(" |")
    if "&" in text and ";" in text:
        text = unescape(text)
    text = unicodedata.normalize("NFC", INVISIBLE.sub("", text))
    return " ".join(text.split()).strip(" |")


def laid(kept: list[tuple[int, Line]]) -> tuple[str, tuple[Block, ...]]:
    """The text of lines, one below the other, and where each stands in it."""
    blocks, at = [], 0
    for position, line in kept:
        blocks.append(Block(position, line.kind, at, at + len(line.text)))
        at += len(line.text) + 1
    text = cut("\n".join(line.text for _, line in kept), LONGEST_TEXT)
    if at - 1 > len(text):
        size = len(text)
        blocks = [one._replace(end=min(one.end, size)) for one in blocks if one.start < size]
    return text, tuple(blocks)
