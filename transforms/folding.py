"""Texts made comparable, character by character, so that matches lead back to the original.

What is folded: case, width and how characters are composed (NFKC, Unicode's case folding), accents,
hyphens and line ends (to a space, a run of them to one), apostrophes (to one kind). What carries no
meaning is skipped: soft hyphens, zero-width characters, marks of direction, Arabic vowel signs.
An empty line stays a line end, and a dash between clauses becomes one, so that no phrase runs
across them.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Scripts written without spaces between words, or with endings that stick to the word.
UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
    r"\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
# In scripts without spaces each character counts as a word, elsewhere each run of letters.
WORDS = re.compile(rf"{UNSPACED.pattern}|(?:(?!{UNSPACED.pattern})\w)+")

HYPHENS = frozenset("-\u058a\u05be\u2010\u2011\u2012\u2013\u2212\u2e17\ufe58\ufe63\uff0d")
"""One with white space on both sides is a dash: it parts what it stands between."""
APOSTROPHES = frozenset("'\u2018\u2019\u201b\u02b9\u02bb\u02bc\u02bd\u02c8\u2032\u0060\u00b4\uff07")
LINE_ENDS = frozenset("\n\r\u0085\u2028\u2029")
# Beside Unicode's format characters: variation selectors, fillers, Arabic tatweel and vowel signs.
SKIPPED = frozenset(
    "\u034f\u115f\u1160\u3164\uffa0\u0640\u0670"
    + "".join(map(chr, (*range(0x064B, 0x0653), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
# What joins the character before it: accents, Arabic hamza, Korean vowels and finals, kana marks.
# At most thirty of them, as Unicode's stream-safe format has it (UAX 15, section 13).
_JOINING = (
    r"[\u0300-\u034e\u0350-\u036f\u0483-\u0487\u0653-\u0655\u1161-\u11ff\u1ab0-\u1aff\u1dc0-\u1dff"
    r"\u20d0-\u20ff\u3099\u309a\ufe20-\ufe2f\uff9e\uff9f]"
)
CLUSTERS = re.compile(f"(?s).{_JOINING}{{0,30}}")
MARKED = re.compile(f"(?s).?{_JOINING}{{1,30}}")
MARKS = re.compile(_JOINING)
RUNS = re.compile(r"[ \n]+")
# Between clauses: with white space on both sides.
DASHES = re.compile(rf"(?<=\s)[{re.escape(''.join(sorted(HYPHENS)))}]+(?=\s)")
# Letters with a stroke, which Unicode does not take apart.
STROKES = str.maketrans("łøđħŧıŁØĐĦŦ", "lodhtiLODHT")

Codes = NDArray[np.uint32]
Places = NDArray[np.int64]

_LAST = 0x110000
_MARK = 0xFFFFFFFF
_SPACE, _LINE_END = 0x20, 0x0A
_MOST_KEPT = 200_000
"""Folded forms that are remembered; a text may hold as many as it likes."""


class Folded(NamedTuple):
    """A folded text, and for each of its characters the span it came from (None: its own)."""

    text: str
    starts: Places | None = None
    ends: Places | None = None
    accents: bytes | None = None
    """For each of its characters whether accents are folded in it; None where in none."""

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text behind a span of the folded one."""
        if self.starts is None or self.ends is None:
            return start, end
        return int(self.starts[start]), int(self.ends[end - 1])


def folded(text: str, *, accents: bool = True, case: bool = True) -> str:
    """A short text in folded form; where `accents` or `case` is false, these stay as they are."""
    text = DASHES.sub("\n\n", text)
    if text.isascii():
        pieces = (text.lower() if case else text).translate(_ASCII)
    else:
        forms = _FORMS[accents, case]
        pieces = "".join([forms[cluster] for cluster in CLUSTERS.findall(text)])
    return RUNS.sub(lambda run: "\n" if run[0].count("\n") > 1 else " ", pieces)


def fold(text: str) -> Folded:
    """A text of any length in folded form, case and accents too, with the way back."""
    if text.isascii():
        line = text.lower().translate(_ASCII).replace("\n", " ")
        if "  " not in line:
            return Folded(line)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    traits = _TRAITS.take(codes)
    every = int(np.bitwise_or.reduce(traits, initial=0))
    if every & _NEW:
        _learn(np.unique(codes[traits & _NEW > 0]).tolist())
        traits = _TRAITS.take(codes)
        every = int(np.bitwise_or.reduce(traits, initial=0))
    found = _TABLE.take(codes)
    if every & _HYPHENS:
        for dash in DASHES.finditer(text):
            found[dash.start() - 1 : dash.end()] = _LINE_END  # two of them, as before an empty line
            every |= _ENDS_LINES
    starts: Places | None = None
    ends: Places | None = None
    accented = traits & _ACCENTED > 0 if every & _ACCENTED else None
    if every & _SPECIAL:
        found, starts, ends = _spread(text, found, accented)
    line = found.tobytes().decode("utf-32-le")
    if every & _ENDS_LINES or "  " in line:
        spaced = line.replace("\n", " ")
        if "  " in spaced:
            found, starts, ends = _joined(found, starts, ends)
            line = found.tobytes().decode("utf-32-le")
        else:
            line = spaced
    if accented is None:
        return Folded(line, starts, ends)
    accents = accented if starts is None else accented[starts]
    return Folded(line, starts, ends, accents.tobytes())


def is_word(char: str) -> bool:
    """Whether a character belongs to a word that spaces would end."""
    letter = char.isalnum() or char == "_" or unicodedata.category(char) in ("Mn", "Mc")
    return letter and not UNSPACED.match(char)


def _spread(
    text: str, found: Codes, accented: NDArray[np.bool_] | None
) -> tuple[Codes, Places, Places]:
    """Characters that become none or several, and marks joined to what they stand on."""
    ends = np.arange(1, len(found) + 1)
    pieces = list(_PIECES)
    if (found == _MARK).any():
        for cluster in MARKED.finditer(text):
            piece = _FORMS[True, True][cluster[0]]
            first = cluster.start()
            found[first : cluster.end()] = _LAST  # none, but for the first
            if len(piece) == 1:
                found[first] = ord(piece)
            elif piece:
                found[first] = _LAST + len(pieces)
                pieces.append(piece)
            ends[first] = cluster.end()
            if accented is not None:
                accented[first] = True
    special = np.flatnonzero(found >= _LAST)
    numbers, which = np.unique(found[special] - _LAST, return_inverse=True)
    chosen = [pieces[number] for number in numbers.tolist()]
    lengths = np.ones(len(found), np.int64)
    lengths[special] = np.array([len(piece) for piece in chosen], np.int64)[which]
    begins = np.cumsum(lengths) - lengths
    origins = np.repeat(np.arange(len(found)), lengths)
    spread = found[origins]
    order = np.argsort(which, kind="stable")  # those of one form together
    bounds = np.searchsorted(which[order], np.arange(len(chosen) + 1))
    for number, piece in enumerate(chosen):
        places = begins[special[order[bounds[number] : bounds[number + 1]]]]
        for offset, char in enumerate(piece):
            spread[places + offset] = ord(char)
    return spread, origins, ends[origins]


def _joined(
    found: Codes, starts: Places | None, ends: Places | None
) -> tuple[Codes, Places | None, Places | None]:
    """Each run of spaces and line ends as one: a space, or where a line is empty a line end."""
    line_ends = found == _LINE_END
    spaces = line_ends | (found == _SPACE)
    kept = np.append(True, ~(spaces[1:] & spaces[:-1]))
    firsts = np.flatnonzero(kept)
    lines = np.add.reduceat(line_ends, firsts, dtype=np.int64)
    joined = found[firsts]
    joined[spaces[firsts]] = _SPACE
    joined[lines > 1] = _LINE_END
    lasts = np.append(firsts[1:], len(found)) - 1
    if starts is None or ends is None:
        return joined, firsts, lasts + 1
    return joined, starts[firsts], ends[lasts]


class _Forms(dict[str, str]):
    """Folded forms of characters with their marks, worked out once each."""

    def __init__(self, accents: bool, case: bool) -> None:
        super().__init__()
        self.accents, self.case = accents, case

    def __missing__(self, cluster: str) -> str:
        valid = cluster.encode("utf-8", "replace").decode()  # the automaton takes no surrogates
        form = unicodedata.normalize("NFKC", "".join(map(_sign, valid)))
        if self.case:
            form = unicodedata.normalize("NFKC", form.casefold())
        form = "".join(map(_sign, form))
        if self.accents:
            form = _unaccented(form)
        if len(self) < _MOST_KEPT:
            self[cluster] = form
        return form


def _sign(char: str) -> str:
    """Hyphens, apostrophes, spaces and what is skipped, each in its one form."""
    if char in LINE_ENDS:
        return "\n"
    if char in HYPHENS or char.isspace():
        return " "
    if char in APOSTROPHES:
        return "'"
    return "" if char in SKIPPED or unicodedata.category(char) == "Cf" else char


def _unaccented(text: str) -> str:
    """Without the accents that are left out at times; ガ and й are letters of their own."""
    if text.isascii():
        return text
    kept: list[str] = []
    letter = ""
    for char in unicodedata.normalize("NFD", text):
        if not MARKS.match(char):
            letter = char
        elif _left_out(letter, char):
            continue
        kept.append(char)
    return unicodedata.normalize("NFC", "".join(kept)).translate(STROKES)


def _left_out(letter: str, mark: str) -> bool:
    if "\u0653" <= mark <= "\u0655":
        return letter == "ا"
    if "\u0400" <= letter <= "\u04ff":  # stress, and ё
        return mark in "\u0300\u0301" or (mark == "\u0308" and letter in "еЕ")
    return mark <= "\u036f" and unicodedata.name(letter or " ", "").startswith(("LATIN", "GREEK"))


_FORMS = {
    (accents, case): _Forms(accents, case) for accents in (True, False) for case in (True, False)
}
_ASCII = {code: _sign(chr(code)) for code in range(128)}
_TABLE = np.zeros(_LAST, np.uint32)
"""The folded form of each code point; from `_LAST` on numbers of `_PIECES`."""
_NEW, _SPECIAL, _ENDS_LINES, _ACCENTED, _HYPHENS = 1, 2, 4, 8, 16
_TRAITS = np.full(_LAST, _NEW, np.uint8)
"""Of each code point: whether it was never met, is no one character folded, ends a line, or has
accents that are folded, or may join one that has, or is a hyphen."""
_PIECES = [""]
_NUMBERS = {"": 0}


def _learn(codes: list[int]) -> None:
    for code in codes:
        char = chr(code)
        piece = _FORMS[True, True][char]
        mark = MARKS.match(char) is not None
        if mark:
            _TABLE[code] = _MARK
        elif len(piece) == 1:
            _TABLE[code] = ord(piece)
        else:
            if piece not in _NUMBERS:
                _NUMBERS[piece] = len(_PIECES)
                _PIECES.append(piece)
            _TABLE[code] = _LAST + _NUMBERS[piece]
        accents = mark or piece != _FORMS[False, True][char]
        _TRAITS[code] = (
            (_SPECIAL if mark or len(piece) != 1 else 0)
            | (_ENDS_LINES if piece == "\n" else 0)
            | (_ACCENTED if accents else 0)
            | (_HYPHENS if char in HYPHENS else 0)
        )
