"""How near phrases stand: words between them, sentences, and the smallest windows of several."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np

from config.rules import MOST_WORDS_NEAR
from transforms.folding import UNSPACED, Folded, Places, fold, is_word
from transforms.matching.phrases import Span

# A full stop, a line end; what Chinese, Arabic and Hindi have for it needs no space after it.
SENTENCE_ENDS = re.compile(r"[.!?…][\"'”’»)\]]*(?=\s)|[。！？｡؟۔।]|[\n\r\u2028\u2029]")
# A full stop after these ends no sentence, nor after one letter: J. Doe, U.S., z. B.
SHORTENED = frozenset("""
    mr mrs ms dr prof gen sen rep gov lt col sgt capt adm pres st no vs etc inc ltd co corp jr sr
    jan feb mar apr jun jul aug sep sept oct nov dec bzw ca nr hr fr str usw vgl mio mrd sra sr ud
    av mme mlle им г гг тыс млн млрд руб ул др
    """.split())  # fmt: skip
LAST_WORD = re.compile(r"(?:^|[\s(])([^\s(]{1,12})$")


class Text:
    """A text and what is worked out of it where a rule asks."""

    def __init__(self, original: str) -> None:
        self.original = original
        self.folded: Folded = fold(original)

    @cached_property
    def words(self) -> Places:
        """How many words begin before or at each character of the folded text."""
        codes = np.frombuffer(self.folded.text.encode("utf-32-le"), np.uint32)
        kinds = _KINDS[codes]
        if (kinds == _UNKNOWN).any():
            for code in np.unique(codes[kinds == _UNKNOWN]).tolist():
                _KINDS[code] = _kind(chr(code))
            kinds = _KINDS[codes]
        begins = kinds == _ALONE
        begins |= (kinds == _LETTER) & np.append(True, kinds[:-1] != _LETTER)[: len(kinds)]
        return np.cumsum(begins)

    @cached_property
    def sentences(self) -> list[int]:
        """Where sentences end in the original, ascending."""
        return [
            found.end()
            for found in SENTENCE_ENDS.finditer(self.original)
            if found[0][0] != "." or _is_full_stop(self.original, found.start())
        ]

    @property
    def word_count(self) -> int:
        """Words of the text; in scripts without spaces, characters."""
        return int(self.words[-1]) if len(self.words) else 0

    def between(self, one: Span, other: Span) -> int:
        """How many words stand between two places; none where they overlap."""
        first, last = (one, other) if one <= other else (other, one)
        return max(int(self.words[last[0]]) - int(self.words[first[1] - 1]) - 1, 0)

    def together(self, one: Span, other: Span) -> bool:
        """Whether two places stand in one sentence."""
        first, last = min(one[0], other[0]), max(one[1], other[1])
        start, end = self.folded.origin(first, last)
        place = bisect_right(self.sentences, start)
        return place == len(self.sentences) or self.sentences[place] >= end

    def near(self, one: Span, other: Span, words: int, sentence: bool) -> bool:
        """Whether two places are near enough."""
        if sentence:
            return self.between(one, other) <= MOST_WORDS_NEAR and self.together(one, other)
        return self.between(one, other) <= words


class Spans:
    """Places that may overlap, asked for what lies about another place."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = sorted(spans)
        self._starts = [start for start, _ in self.spans]
        self._reach = list(accumulate((end for _, end in self.spans), max))

    def hold(self, span: Span) -> bool:
        """Whether one of them covers the span."""
        before = bisect_right(self._starts, span[0])
        return before > 0 and self._reach[before - 1] >= span[1]

    def any_near(self, text: Text, span: Span, words: int, sentence: bool) -> bool:
        """Whether one of them is near: of those on either side the nearest decides."""
        after = bisect_left(self._starts, span[0])
        about = self.spans[max(after - 1, 0) : after + 1]
        if after > 0 and self._reach[after - 1] > self.spans[after - 1][1]:
            about.append((span[0] - 1, self._reach[after - 1]))  # an earlier one reaches further
        return any(text.near(span, other, words, sentence) for other in about)


def windows(
    text: Text, groups: Sequence[Sequence[Span]], words: int, sentence: bool
) -> tuple[list[Span], int | None]:
    """The smallest places that hold one of each group, near enough, from left to right.

    And where there is none, how many words stood between at the least; None without one of each.
    """
    if not all(groups):
        return [], None
    marks = sorted((span, group) for group, spans in enumerate(groups) for span in spans)
    last: list[Span | None] = [None] * len(groups)
    found: list[Span] = []
    least: int | None = None
    for span, group in marks:
        last[group] = span
        chosen = sorted(one for one in last if one is not None)
        if len(chosen) < len(groups) or _overlap(chosen):
            continue
        between = text.between(chosen[0], chosen[-1])
        if text.near(chosen[0], chosen[-1], words, sentence):
            found.append((chosen[0][0], chosen[-1][1]))
        elif least is None or between < least:
            least = between
    return _smallest(found), least


def _smallest(found: list[Span]) -> list[Span]:
    """Those that do not overlap one before them; of those with one beginning the shortest."""
    kept: list[Span] = []
    for start, end in found:
        if kept and kept[-1][0] <= start < kept[-1][1]:
            if end <= kept[-1][1]:
                kept[-1] = (start, end)
            continue
        kept.append((start, end))
    return kept


def _overlap(spans: Sequence[Span]) -> bool:
    return any(one[1] > other[0] for one, other in pairwise(spans))


_UNKNOWN, _NONE, _LETTER, _ALONE = range(4)
_KINDS = np.zeros(0x110000, np.uint8)


def _kind(char: str) -> int:
    if UNSPACED.match(char):
        return _ALONE if char.isalnum() else _NONE
    return _LETTER if is_word(char) else _NONE


def _is_full_stop(text: str, dot: int) -> bool:
    """Whether a dot ends a sentence: no number follows in lower case, and no shortened word."""
    after = text[dot + 1 : dot + 40].lstrip()
    if after[:1].islower():
        return False
    word = LAST_WORD.search(text, max(dot - 13, 0), dot)
    if word is None:
        return True
    return not (len(word[1]) == 1 and word[1].isalpha()) and "." not in word[1] \
        and word[1].lower() not in SHORTENED  # fmt: skip
