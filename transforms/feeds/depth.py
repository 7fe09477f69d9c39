"""How deep the elements of a document lie in each other, found without parsing it.

Parsers need time and memory for each level, some of them without measure; what people write lies
a few levels deep.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

DEEPEST = 1_000
"""Levels; no feed needs a hundred."""
TOO_DEEP = f"its elements lie more than {DEEPEST:,} levels deep"
TAG = re.compile(rb"<(?:(!--|!\[CDATA\[|\?)|(/?)([A-Za-z_:\x80-\xff][^\s<>/]*)[^<>]*>?)")
ENDS = {b"!--": b"-->", b"![CDATA[": b"]]>", b"?": b"?>"}
LETTER = np.zeros(256, bool)
LETTER[[*b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_:", *range(0x80, 0x100)]] = True


def is_too_deep(body: bytes) -> bool:
    """Whether elements lie more than `DEEPEST` levels deep.

    Nearly every document is let pass by counting bytes, at a thousandth of the cost of parsing it.
    """
    if b"\0" in body[:4]:  # UTF-16 or UTF-32, whose tags are ASCII among zeros
        body = body.replace(b"\0", b"")
    return _at_most(body) > DEEPEST and _exceeds(body)


def _at_most(body: bytes) -> int:
    """Levels that there cannot be more of: tags in comments and the like count, too."""
    codes = np.frombuffer(body, np.uint8)
    after = codes[np.flatnonzero(codes[:-1] == ord("<")) + 1]
    steps = LETTER[after].astype(np.int32)
    if int(steps.sum()) <= DEEPEST:
        return 0
    levels = np.cumsum(steps - (after == ord("/")))
    lowest = np.minimum(np.minimum.accumulate(levels), 0)  # more ends than beginnings lift none
    return int((levels - lowest).max(initial=0))


def _exceeds(body: bytes) -> bool:
    """Tag by tag: an end closes all that was left open within it."""
    stack: list[bytes] = []
    is_open: Counter[bytes] = Counter()
    at = 0
    while found := TAG.search(body, at):
        at = found.end()
        special, slash, name = found.groups()
        if special:
            at = body.find(ENDS[special], at)
            if at < 0:
                return False
        elif not slash:
            if not found[0].endswith(b"/>"):
                stack.append(name)
                is_open[name] += 1
                if len(stack) > DEEPEST:
                    return True
        elif is_open[name]:
            while (last := stack.pop()) != name:
                is_open[last] -= 1
            is_open[name] -= 1
    return False
