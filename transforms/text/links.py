"""Blocks of an article that are only a link elsewhere: related stories, read also."""

from __future__ import annotations

import re
from typing import Any

from transforms.records import Removal
from transforms.text.containers import drop
from transforms.text.lines import tidy

BLOCKS = ("p", "h2", "h3", "h4", "h5", "li", "div")
SHORTEST = 20
"""Characters of a link that may be a headline; shorter ones are names in a list."""
REST, REST_SHARE = 3, 0.1
"""Characters beside the link, or their share of it: 3,064 blocks of 438 pages so, 50 wrongly."""
LONGEST_LABEL = 40
"""Characters of what stands before a link, and is no sentence."""
LONGEST = 400
MOST = 200
"""Blocks that are told of."""
ARTICLES = ("article", "main")
"""What is outside of these is the site's, and no part of the article that was taken out."""
ADDRESS = re.compile(r"^(?:https?://|www\.)?\S+\.\S+$|^@\S+$")
"""A link that shows where it leads is a source, and a name is who says so."""
LABEL = re.compile(r"[^.!?;,…]*[:：>»›|]+\s*")


def drop_links(tree: Any) -> list[Removal]:
    """Take the blocks out that are only a link; what was taken out, in its order."""
    removals: list[Removal] = []
    for block in [*tree.iter(*BLOCKS)]:
        links = [link for link in block.iter("a") if link.get("href")]
        if not links or next(block.iterdescendants(*BLOCKS), None) is not None:
            continue
        if (label := _only_link(block, links)) and (text := tidy(" ".join(block.itertext()))):
            kind, rule = label
            if len(removals) < MOST and next(block.iterancestors(*ARTICLES), None) is not None:
                removals.append(Removal(kind, text, -1, rule))
            drop(block)
    return removals


def _only_link(block: Any, links: list[Any]) -> tuple[str, str] | None:
    whole = "".join(block.itertext())
    if len(whole) > 3 * LONGEST:
        return None
    text = tidy(whole)
    linked = [tidy("".join(link.itertext())) for link in links]
    size = sum(map(len, linked))
    if size < SHORTEST or len(text) > LONGEST or any(map(ADDRESS.match, linked)):
        return None
    rest = len(text) - size
    if rest <= max(REST, REST_SHARE * size):
        return "related_links", "only_link"
    before = text.find(linked[0])
    labelled = len(links) == 1 and 0 < before <= LONGEST_LABEL and rest - before <= REST
    if labelled and LABEL.fullmatch(text[:before]):
        return "read_also", "label_and_link"
    return None
