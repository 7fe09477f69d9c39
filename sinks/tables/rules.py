"""Rules that several queries follow, as SQL."""

from __future__ import annotations

from transforms.topics.score import HALF_WEIGHT, TITLE_WEIGHT

HEALTH = """CASE WHEN state <> 'active' THEN state WHEN failures > 0 THEN 'failing' ELSE 'ok' END"""
"""How a listed feed is by its own state; the view feed_health looks at what it brought, too."""
TELLS_LAG = "published_source = 'feed' AND epoch(published_at) > epoch(listed_at) - 86400"
"""Whether the time since publication tells how late an article was seen: older ones tell how far
back a feed reaches."""
FILE_NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""The form of what names a file or folder elsewhere: versions of topics, ids of databases."""
WEIGHT = f"sum(coalesce(weight, if(field = 'title', {TITLE_WEIGHT}, 1)))"
SCORE = f"w / (w + {HALF_WEIGHT})"
"""The score of a topic (`transforms.topics.score`), w the WEIGHT of its evidence."""


def lag(since: str, until: str) -> str:
    """Seconds from one moment to another.

    By epoch: to reckon with moments themselves goes through calendars, and is twenty times as slow.
    """
    return f"epoch({until}) - epoch({since})"
