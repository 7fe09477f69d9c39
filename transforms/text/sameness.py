"""Whether two texts are one story, such as a page and its form for print."""

from __future__ import annotations

from functools import lru_cache

from transforms.folding import WORDS

COMPARED = 5_000
"""Characters of a text that are compared."""
SHINGLE = 3
"""Words in a row. Of 216 real pages no two share a third of the shorter one's threes."""


def same_story(one: str, other: str) -> bool:
    """Whether half of the shorter text, by three words in a row, stands in the other."""
    if one == other:
        return True
    ones, others = _shingles(one), _shingles(other)
    return 2 * len(ones & others) >= min(len(ones), len(others)) > 0


@lru_cache(maxsize=2)  # many pages are held against one
def _shingles(text: str) -> set[tuple[str, ...]]:
    words = WORDS.findall(text[:COMPARED].casefold())
    return {tuple(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1)}
