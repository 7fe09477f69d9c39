"""The parts of an article, which may weigh differently: title, lead, text, dateline, last."""

from __future__ import annotations

from typing import NamedTuple

SHORTEST_PARAGRAPH = 40
"""Characters; what is shorter before the first such paragraph (a place, a byline) goes with it."""
LONGEST_LEAD = 600
"""Characters; nine leads of ten are shorter, and a text without paragraphs has a lead too."""
LAST_PARAGRAPHS = 2
FEWEST_PARAGRAPHS = 6
"""A shorter text has no last paragraphs: they would be a good part of it."""


class Parts(NamedTuple):
    """Where the parts of a text end and begin, in characters."""

    dateline: tuple[int, int]
    lead_end: int
    last_start: int

    def of(self, field: str, start: int) -> str:
        """The part in which a place begins."""
        if field == "title":
            return "title"
        if self.dateline[0] <= start < self.dateline[1]:
            return "dateline"
        if start < self.lead_end:
            return "lead"
        return "last" if start >= self.last_start else "text"


def parts(text: str, dateline: tuple[int, int] | None) -> Parts:
    """The parts of a text, a paragraph a line; the dateline, if it has one, is known."""
    lead_end = 0
    while lead_end < min(len(text), LONGEST_LEAD):
        end = text.find("\n", lead_end)
        end = len(text) if end < 0 else end + 1
        long_enough = end - lead_end > SHORTEST_PARAGRAPH
        lead_end = end
        if long_enough:
            break
    last_start = len(text)
    if text.count("\n") + 1 >= FEWEST_PARAGRAPHS:
        for _ in range(LAST_PARAGRAPHS):
            last_start = text.rfind("\n", 0, last_start)
        last_start += 1
    return Parts(dateline or (0, 0), min(lead_end, LONGEST_LEAD), last_start)
