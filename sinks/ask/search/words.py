"""How texts become terms: a pair of fields for each language, one way for texts and for queries.

A word is a run of letters, digits and marks; in scripts without spaces, one character. Case and
Latin accents are folded, and in the languages of STEMMERS endings are cut, so that `sanctions`
finds `sanctioned`, and `санкции` finds `санкциями`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import regex
import tantivy

STEMMERS = {
    "ar": "arabic", "de": "german", "en": "english", "es": "spanish", "fr": "french",
    "it": "italian", "pt": "portuguese", "ru": "russian",
}  # fmt: skip
OTHER = "other"
"""All other languages; no endings are cut."""
GROUPS = (*STEMMERS, OTHER)
ALONE = r"\p{Han}\p{Hiragana}\p{Katakana}ー\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""Characters that are a word each: where a word ends, only a dictionary would know."""
MIXED = rf"[{ALONE}]|[[\p{{L}}\p{{N}}\p{{M}}]--[{ALONE}]]+"
"""What is a word in OTHER: the same expression for tantivy and for Python."""
SPACED = r"[\p{L}\p{N}\p{M}]+"
"""What is a word elsewhere; tantivy's simple tokenizer takes half the time of an expression."""
LONGEST = 255
"""Bytes of a word; longer ones are none."""


class Word(NamedTuple):
    """A place in a text, and the term that stands there in the index."""

    start: int
    end: int
    term: str


def group_of(language: str | None) -> str:
    """The group that an article belongs to, by its language (BCP 47)."""
    primary = (language or "").split("-")[0].lower()
    return primary if primary in STEMMERS else OTHER


def normal(text: str) -> str:
    """The form in which texts are searched and shown: accents joined to their letters."""
    return unicodedata.normalize("NFC", text)


@cache
def analyzer(group: str) -> tantivy.TextAnalyzer:
    """What turns a text of a group into terms."""
    tokenizer = tantivy.Tokenizer
    chain = tantivy.TextAnalyzerBuilder(
        tokenizer.regex(MIXED) if group == OTHER else tokenizer.simple()
    )
    chain = chain.filter(tantivy.Filter.remove_long(LONGEST))
    chain = chain.filter(tantivy.Filter.lowercase()).filter(tantivy.Filter.ascii_fold())
    if group in STEMMERS:
        chain = chain.filter(tantivy.Filter.stemmer(STEMMERS[group]))
    return chain.build()


def folded(text: str) -> str:
    """A text as the analyzers get it; they do not all know that ё is often written е."""
    return normal(text).replace("ё", "е").replace("Ё", "Е")


def terms(text: str, group: str) -> tuple[str, ...]:
    """The terms of a text, in order."""
    return tuple(analyzer(group).analyze(folded(text)))


def words(text: str, group: str) -> Iterator[Word]:
    """The words of a text in normal form, each with its place, in characters."""
    known: dict[str, str | None] = {}
    for match in regex.finditer(MIXED if group == OTHER else SPACED, text, regex.V1):
        word = match[0]
        if word not in known:
            known[word] = next(iter(terms(word, group)), None)
        if (term := known[word]) is not None:
            yield Word(match.start(), match.end(), term)


def has_words(text: str) -> bool:
    """Whether there is anything to search for in a text."""
    return regex.search(SPACED, text) is not None
