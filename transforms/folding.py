"""Texts made comparable, character by character, so that matches lead back to the original."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

SPACES = re.compile(r"[^\S\n]")
DASHES = dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-")
QUOTES = dict.fromkeys("\u2018\u2019\u201b\u02bc", "'")
# Soft hyphen, zero-width characters, variation selectors, Arabic tatweel and vowel signs carry no
# meaning here.
DROPPED = dict.fromkeys(
    "\u00ad\u200b\u200c\u200d\u2060\ufe0e\ufe0f\ufeff\u0640\u0670"
    + "".join(map(chr, range(0x064B, 0x0653))),
    "",
)
# What joins the character before it: accents, Arabic hamza, Korean vowels and finals, kana marks.
MARKS = re.compile(
    r"[\u0300-\u036f\u0483-\u0487\u0653-\u0655\u1160-\u11ff\u1dc0-\u1dff\u3099\u309a"
    r"\ufe20-\ufe2f\uff9e\uff9f]"
)
CLUSTERS = re.compile(f"(?s).{MARKS.pattern}*")
# Scripts written without spaces between words, or with endings that stick to the word.
UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
    r"\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)

# In scripts without spaces each character counts as a word, elsewhere each run of letters.
WORDS = re.compile(rf"{UNSPACED.pattern}|(?:(?!{UNSPACED.pattern})\w)+")


class Folded(NamedTuple):
    """A folded text, and for each of its characters the span it came from (None: its own)."""

    text: str
    spans: list[tuple[int, int]] | None

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text behind a span of the folded one."""
        if self.spans is None:
            return start, end
        return self.spans[start][0], self.spans[end - 1][1]


def fold(text: str) -> Folded:
    """Make texts comparable; lines stay apart, so that no phrase runs across paragraphs."""
    if text.isascii():
        return Folded(SPACES.sub(" ", text.lower()), None)
    if not MARKS.search(text):
        pieces = [_FOLDS[char] for char in text]
        folded = "".join(pieces)
        if len(folded) == len(text) and "" not in pieces:
            return Folded(folded, None)
        ends = range(1, len(text) + 1)
        return Folded(
            folded, [(end - 1, end) for end, piece in zip(ends, pieces, strict=True) for _ in piece]
        )
    spans: list[tuple[int, int]] = []
    parts: list[str] = []
    for cluster in CLUSTERS.finditer(text):
        part = _FOLDS[cluster.group()]
        parts.append(part)
        spans.extend([cluster.span()] * len(part))
    return Folded("".join(parts), spans)


class _Folds(dict[str, str]):
    """Folded forms of characters with their marks, worked out once each."""

    def __missing__(self, cluster: str) -> str:
        valid = cluster.encode("utf-8", "replace").decode()  # the automaton takes no surrogates
        char = unicodedata.normalize("NFKC", valid).casefold()
        char = unicodedata.normalize("NFKC", char)
        char = "".join(DASHES.get(c) or QUOTES.get(c) or DROPPED.get(c, c) for c in char)
        if len(self) < 100_000:
            self[cluster] = char = SPACES.sub(" ", char)
        return char


_FOLDS = _Folds()
