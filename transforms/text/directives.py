"""What pages and answers ask of robots: meta elements and X-Robots-Tag."""

from __future__ import annotations

from config.models import NAME
from transforms.bounds import cut

VALUED = frozenset({"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"})
"""Directives of robots that have a value after a colon."""
MOST_DIRECTIVES, LONGEST_DIRECTIVE = 50, 100
"""Those of a page or of an answer; there are some twenty, the longest of them a date."""


def directives(text: str | None) -> tuple[str, ...]:
    """Directives of a robots meta element or an X-Robots-Tag header, in lower case, each once.

    Those for one robot by name (``otherbot: noindex``) are left out, but for ours.
    """
    found: dict[str, None] = {}
    ours = True
    for part in (text or "").lower().split(","):
        name, colon, value = map(str.strip, part.partition(":"))
        directive = part if not colon or name in VALUED else value
        if colon and name not in VALUED:
            ours = name == NAME
        if ours and directive.strip():
            found[cut(" ".join(directive.split()), LONGEST_DIRECTIVE)] = None
        if len(found) > MOST_DIRECTIVES:
            return (*list(found)[: MOST_DIRECTIVES - 1], "…")
    return tuple(found)
