"""What can be chosen about a newsroom."""

from __future__ import annotations

from dataclasses import dataclass

from config.errors import NewsbeamError

# 200 addresses in each of 254 networks, less those of the misbehaving outlets.
_LIMITS = {
    "outlets": (1, 50_000),
    "articles": (1, 1_000_000),
    "page_kilobytes": (1, 10_000),
    "latency_ms": (0, 60_000),
}


@dataclass(frozen=True)
class NewsroomSettings:
    """How large, how slow and how unkind a newsroom is. Equal settings give equal bytes.

    `articles` counts the pages of the good outlets. With `unkind`, dead links and misbehaving
    outlets with a few articles of their own come on top.
    """

    outlets: int = 12
    articles: int = 150
    page_kilobytes: int = 40
    latency_ms: int = 0
    seed: int = 7
    unkind: bool = True
    held: bool = False
    """Whether feeds list nothing until it is published."""
    interval: str = "15m"
    """Between two polls, as its feeds file says."""

    def __post_init__(self) -> None:
        """Refuse what cannot be served."""
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise NewsbeamError(
                    f"newsroom: {name} is {value}, but must lie between {low} and {high}"
                )
