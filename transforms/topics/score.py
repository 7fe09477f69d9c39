"""How sure a topic is: w / (w + half), where w counts its matches, those in the title more.

A single mention scores 0.25, a title and two more 0.63.
"""

from __future__ import annotations

from collections.abc import Iterable

TITLE_WEIGHT = 3
HALF_WEIGHT = 3
"""So many matches in the text score a half."""
MOST_EVIDENCE = 1_000
"""Places that are kept for each article and topic; all are counted. A page of one word made a
million, and its first thousand say as much."""


def score(fields: Iterable[str]) -> float:
    """The score of matches in these fields (title or text), 0 to 1."""
    weight = sum(TITLE_WEIGHT if field == "title" else 1 for field in fields)
    return round(weight / (weight + HALF_WEIGHT), 4)
