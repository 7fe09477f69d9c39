"""What pages and answers ask of robots: meta elements and X-Robots-Tag."""

from __future__ import annotations

from config.models import NAME

VALUED = frozenset({"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"})
"""Directives of robots that have a value after a colon."""


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
            found[" ".join(directive.split())] = None
    return tuple(found)
