"""How sure a topic is: w / (w + half), where w adds up the weights of its evidence.

A place weighs what its rule weighs, times what its part of the article weighs: by default 3 in the
title, 1 in the text, nothing in the dateline. A single mention scores 0.25, a title and two more
0.63. `topic_evidence` holds every weight, so that a sum in SQL gives the score again.
"""

from __future__ import annotations

from collections.abc import Iterable

TITLE_WEIGHT = 3
HALF_WEIGHT = 3
"""So many matches in the text score a half."""
MOST_EVIDENCE = 1_000
"""Places that are kept for each article and topic, and that score; all are counted. A page of one
word made a million, and its first thousand say as much."""


def score(weights: Iterable[float]) -> float:
    """The score of places of these weights, 0 to 1."""
    weight = sum(weights)
    return round(weight / (weight + HALF_WEIGHT), 4)


def least_score(steps: tuple[tuple[int, float], ...], words: int) -> float:
    """What a topic must score in a text of so many words; the steps ascend."""
    return max((least for start, least in steps if start <= words), default=0.0)
