"""Functions that fail with whatever comes from one host."""

from __future__ import annotations

from typing import Any

from transforms.feeds import documents
from transforms.workers import judging

BAD_HOST = "127.0.0.2"


def of_our_making(*given: object) -> None:
    """Raise where what is given speaks of that host."""
    if BAD_HOST in repr(given):
        raise RuntimeError("of our making")


def parse_feed(*given: Any) -> Any:
    of_our_making(*given)
    return documents.parse_feed(*given)


def judge_page(*given: Any) -> Any:
    of_our_making(*given)
    return judging.judge_page(*given)
