"""The part of a page that holds its article: one tree is changed in place, step by step."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice, pairwise
from typing import Any

from lxml import etree

from transforms.folding import UNSPACED
from transforms.text.parsing import PARSER

NEVER_TEXT = (
    "script", "style", "svg", "iframe", "nav", "button", "input", "select", "textarea", "option",
    "optgroup", "datalist", "template", "video", "audio", "canvas", "object", "embed", "applet",
    "map", "picture", "source", "track", "dialog", "progress", "meter", "frameset",
)  # fmt: skip
READINGS = ("rt", "rp", "rtc")
"""What stands above the characters of a word in East Asia, and would split it."""
WITHIN_WORDS = (
    "ruby", "rb", "wbr", "b", "strong", "i", "em", "u", "font", "mark", "small", "big", "abbr",
    "acronym", "bdi", "bdo", "ins", "cite", "dfn", "data", "nobr", "time", "kbd", "samp", "var",
    "tt",
)  # fmt: skip
"""Elements that make words look otherwise, and neither begin nor end one."""
MOST_MERGED = 100
"""Such elements in a block, from where on what is left of them is merged."""
BLOCKS = ("p", "li", "blockquote", "td", "th", "h2", "h3", "h4", "h5", "h6", "dd", "dt")
BESIDE = ("footer", "aside", "noscript")
NAMES = (
    r"(?:article|art|story|post|entry|news)[-_]{0,2}(?:body|text|content|copy)|"
    r"body[-_]?(?:text|copy)|rich-?text|text-?body|content[-_]?body|post[-_]entry"
)
BODY = re.compile(rf"(?:^|\s)(?:{NAMES})(?:\s|$)", re.IGNORECASE)
LIKE_BODY = re.compile(rf"(?:^|[\s_-])(?:{NAMES})", re.IGNORECASE)
"""Names of the element that holds the body, as systems give them; and longer ones."""
NO_BODY = re.compile(
    r"comment|related|promo|teaser|recommend|newsletter|footer|header|sidebar", re.IGNORECASE
)
LONGEST_NAME = 300
"""Characters of classes or an id that are looked at."""
CONTAINERS = ("div", "section", "article", "main")
MOST_BODIES = 100
PLACE = "articleplace"
"""The element that stands in a page where its article was taken out."""
MOST_BETWEEN, LONGEST_BETWEEN = 20, 600
"""Elements between two parts of an article, and characters of one."""

PARTS_SHARE = 0.8
"""The share of several parts: what is between them belongs to them more often than not."""
BESIDE_TEXT, BESIDE_SHARE = 400, 0.5
"""What stands beside is the article, by markup that is not closed, where it holds so much of p."""
FIGURE_TEXT = 400
PART_TEXT = 150
"""Characters of p in one of several parts of an article."""
ENOUGH, ENOUGH_SHARE = 200, 0.6
"""Characters of p, and their share of the page's, from where on a container is all there is."""
SAMPLE = 100
"""Characters in the middle of an element that tell its script."""
DENSE = 0.4
"""Characters of Chinese or Japanese that say what one of others does."""
PLAIN_TEXT, PLAIN_SHARE = 1_200, 0.3
"""Characters of a container without p, whose paragraphs are other elements."""


def strip(tree: Any) -> None:
    """Take out of a tree what is no text of the page, whatever page it is."""
    etree.strip_elements(tree, *NEVER_TEXT, *READINGS, with_tail=False)
    for block in dict.fromkeys(map(_block_of, tree.iter(*WITHIN_WORDS))):
        if block is not None:
            many = len(block) > MOST_MERGED
            etree.strip_tags(block, *WITHIN_WORDS)
            if many:  # what was apart becomes one node, because XPath looks back at each
                block.text = block.text
                for child in block:
                    child.tail = child.tail
    whole = length(tree)
    for element in [*tree.iter(*BESIDE)]:
        if element.getparent() is not None:
            held = length(element)
            if not (held > BESIDE_TEXT and held > BESIDE_SHARE * whole):
                drop(element)
    for figure in [*tree.iter("figure")]:
        if figure.find(".//table") is None and length(figure) < FIGURE_TEXT:
            drop(figure)


def _block_of(element: Any) -> Any | None:
    """The block that an element is within."""
    while element is not None and element.tag not in BLOCKS:
        element = element.getparent()
    return element


def box(tree: Any) -> Any | None:
    """The article's container in a page of its own, taken out of the tree; None: all may be it."""
    parts = _parts(tree)
    if not parts:
        return None
    held, whole = sum(map(length, parts)), length(tree)
    share = ENOUGH_SHARE if len(parts) == 1 else PARTS_SHARE
    enough = reaches(held, ENOUGH, parts[0]) and held >= share * whole
    if not enough:
        plain = sum(map(plain_length, parts))
        enough = reaches(plain, PLAIN_TEXT, parts[0]) and held < PLAIN_SHARE * plain
    if not enough:
        return None
    page = PARSER.makeelement("html")
    article = etree.SubElement(etree.SubElement(page, "body"), "article", itemprop="articleBody")
    between = _between(parts)
    place = PARSER.makeelement(PLACE)
    parts[0].addprevious(place)
    place.tail = None
    for part in between:
        part.tail = None
        article.append(part)
    return page


def _between(parts: list[Any]) -> list[Any]:
    """Parts with what stands between them and is text too: subheads, lists, paragraphs."""
    found = parts[:1]
    for before, part in pairwise(parts):
        above = set(before.iterancestors())
        own = next((one for one in part.iterancestors() if one in above), None)
        if own is not None:
            last, first = _below(own, before), _below(own, part)
            for one in islice(last.itersiblings(), MOST_BETWEEN):
                if one is first:
                    break
                if _is_text(one):
                    found.append(one)
        found.append(part)
    return found


def _below(above: Any, element: Any) -> Any:
    """The child of one element that holds another one, or is it."""
    while element.getparent() is not above:
        element = element.getparent()
    return element


def _is_text(element: Any) -> bool:
    headed = element.tag in BLOCKS or next(element.iter("h2", "h3", "h4"), None) is not None
    if (not headed and element.tag not in ("ul", "ol")) or NO_BODY.search(
        element.get("class") or ""
    ):
        return False
    text = visible(element)
    return 0 < len(text) <= LONGEST_BETWEEN and 2 * plain_length(element) > len(text)


def _parts(tree: Any) -> list[Any]:
    """The elements that are named as the body, the outermost of them; or else the first article.

    What is marked as the body goes before what is called so, and that before longer names.
    """
    ranked: tuple[list[Any], ...] = ([], [], [])
    for element in tree.iter(*CONTAINERS):
        rank = _rank(element)
        if rank is not None and len(ranked[rank]) < MOST_BODIES:
            ranked[rank].append(element)
    for elements in ranked:
        seen = set(elements)
        outer = [one for one in elements if seen.isdisjoint(one.iterancestors())]
        if found := [one for one in outer if reaches(length(one), PART_TEXT, one)]:
            about = _article_of(found[0])
            return [found[0], *(one for one in found[1:] if _goes_on(one, found[0], about))]
    article = next(tree.iter("article"), None)
    if article is not None:
        return [article]
    return [one for elements in ranked for one in elements][:1]


def _rank(element: Any) -> int | None:
    if element.get("itemprop") == "articleBody":
        return 0
    for name in (element.get("class"), element.get("id")):
        if name and (rank := _rank_of_name(name[:LONGEST_NAME])):
            return rank
    return None


@lru_cache(maxsize=10_000)  # pages of an outlet share theirs
def _rank_of_name(name: str) -> int:
    if LIKE_BODY.search(name) and not NO_BODY.search(name):
        return 1 if BODY.search(name) else 2
    return 0


def _goes_on(part: Any, first: Any, about: Any | None) -> bool:
    """Whether one container goes on where the first one ended, and is no other story."""
    same = (part.tag, part.get("class")) == (first.tag, first.get("class"))
    return same and _article_of(part) is about and next(part.iter("h1"), None) is None


def _article_of(element: Any) -> Any | None:
    return next(element.iterancestors("article"), None)


def length(element: Any) -> int:
    """Characters in the paragraphs of an element."""
    return sum(len("".join(p.itertext())) for p in element.iter("p"))


def plain_length(element: Any) -> int:
    """Characters of an element but for its links; white space once."""
    text = visible(element)
    linked = sum(len(" ".join("".join(link.itertext()).split())) for link in element.iter("a"))
    return len(text) - linked


def visible(element: Any) -> str:
    """All words of an element, with one space between."""
    return " ".join(" ".join(element.itertext()).split())


def reaches(held: int, size: int, element: Any) -> bool:
    """Whether characters are so many; in scripts without spaces, which say more, fewer do."""
    if held >= size or held < DENSE * size:
        return held >= size
    text = "".join(element.itertext())
    middle = len(text) // 2
    return bool(UNSPACED.search(text[middle : middle + SAMPLE]))


def drop(element: Any) -> None:
    """Take an element out of its tree; what follows it stays."""
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        before = element.getprevious()
        if before is None:
            parent.text = f"{parent.text or ''} {element.tail}"
        else:
            before.tail = f"{before.tail or ''} {element.tail}"
    parent.remove(element)
