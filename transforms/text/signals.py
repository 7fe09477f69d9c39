"""What only the HTML of a page tells: metas, JSON-LD, elements that are named for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from transforms.text.jsonld import objects, types_of

METAS = {
    "article:opinion": "opinion",
    "article:content_tier": "tier",
    "article:section": "section",
    "og:type": "og_type",
    "og:site_name": "site",
    "isaccessibleforfree": "free",
    "article:ai_generated": "machine",
    "article:author": "author",
    "author": "author",
    "byl": "author",
}
ARTICLES = ("Article", "BlogPosting", "Report")
"""What the types of articles end with."""
MARKS = {
    "walls": ("paywall", "regwall", "subscriber-only", "subscribers-only", "premium-content",
              "metered", "paid-content"),
    "notes": ("disclos", "disclaimer", "ai-generated", "ai-notice", "ai-label", "transparen"),
    "bylines": ("byline", "author", "agency", "credit-line", "source-name"),
}  # fmt: skip
"""What classes of elements are named that tell something; the names are those of many systems."""
WATCHED = ("div", "p", "section", "span", "address")
MOST_WATCHED = 20_000
MOST_MARKED, LONGEST_MARKED = 8, 300
"""Elements of a kind that are looked at, and characters of their texts."""
APART = frozenset(
    "nav footer aside script style noscript form template figure figcaption picture".split()
)
PICTURED = re.compile(
    r"image|photo|foto|media|picture|caption|gallery|related|teaser|recirc", re.IGNORECASE
)
"""What classes of elements are named in which names are those of photographers, or of others."""
LEVELS, BESIDE, SHORT = 3, 4, 120
"""How far from the headline labels and bylines are looked for: up, aside, and their characters."""


class Signals(NamedTuple):
    """What the HTML says beside the text."""

    types: tuple[str, ...] = ()
    """Of the JSON-LD, each once."""
    free: bool | None = None
    """isAccessibleForFree of the article."""
    tier: str = ""
    """article:content_tier: free, metered or locked."""
    opinion: bool | None = None
    """article:opinion."""
    section: str = ""
    og_type: str = ""
    site: str = ""
    machine: bool | None = None
    """Whether a meta or JSON-LD says that a machine made the text."""
    walls: tuple[str, ...] = ()
    """Texts of elements that are named as a paywall."""
    bylines: tuple[str, ...] = ()
    """Of a meta, and of elements that are named so."""
    around: tuple[str, ...] = ()
    """Short texts beside the headline: kicker, labels, byline."""
    notes: tuple[str, ...] = ()
    """Texts of elements that are named as disclosures, also of those that are not shown."""
    articles: int = 0
    """Elements of the name."""


def signals_of(tree: Any, things: list[dict[str, Any]] | None = None) -> Signals:
    """The signals of a parsed page, which is not changed; `things` are its JSON-LD, if at hand."""
    metas: dict[str, str] = {}
    for meta in tree.iter("meta"):
        name = (meta.get("property") or meta.get("name") or meta.get("itemprop") or "").lower()
        if name in METAS:
            metas.setdefault(METAS[name], (meta.get("content") or "").strip()[:100])
    things = objects(tree) if things is None else things
    mains = [thing for thing in things if _is_article(types_of(thing))]
    types = tuple(dict.fromkeys(kind for thing in things for kind in types_of(thing)))
    free = _truth(metas.get("free"))
    for thing in mains:
        if free is None:
            free = _truth(thing.get("isAccessibleForFree"))
    section = metas.get("section") or next(_sections(mains), "")
    marked = _marked(tree)
    return Signals(
        types,
        free,
        metas.get("tier", "").lower(),
        _truth(metas.get("opinion")),
        section,
        metas.get("og_type", "").lower(),
        metas.get("site", ""),
        _truth(metas.get("machine")),
        tuple(_texts(marked["walls"])),
        tuple(dict.fromkeys([*_author(metas), *_texts(marked["bylines"])])),
        tuple(_around(tree)),
        tuple(_texts(marked["notes"])),
        sum(1 for _ in islice(tree.iter("article"), MOST_WATCHED)),
    )


def _marked(tree: Any) -> dict[str, list[Any]]:
    """Elements by what their classes are named."""
    marked: dict[str, list[Any]] = {name: [] for name in MARKS}
    known: dict[str, str] = {}  # classes of a page repeat
    for element in islice(tree.iter(*WATCHED), MOST_WATCHED):
        named = element.get("class")
        if not named:
            continue
        kind = known.get(named)
        if kind is None:
            kind = known[named] = _kind(named[:300].lower())
        if kind and len(marked[kind]) < 3 * MOST_MARKED:
            marked[kind].append(element)
    return marked


def _kind(named: str) -> str:
    for kind, parts in MARKS.items():
        for part in parts:
            if part in named:
                return kind
    return ""


def _is_article(types: Iterable[str]) -> bool:
    return any(kind.endswith(ARTICLES) or kind == "LiveBlogPosting" for kind in types)


def _truth(value: Any) -> bool | None:
    """Yes or no, as pages write it."""
    if isinstance(value, bool):
        return value
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
        str(value).strip().lower().rsplit("/", 1)[-1]
    )


def _sections(things: list[dict[str, Any]]) -> Iterator[str]:
    for thing in things:
        section = thing.get("articleSection")
        named = section if isinstance(section, list) else [section]
        yield from (one[:100] for one in named[:3] if isinstance(one, str))


def _author(metas: dict[str, str]) -> list[str]:
    author = metas.get("author", "")
    return [author] if author and "://" not in author else []


def _around(tree: Any) -> Iterator[str]:
    """The short texts beside the headline, and beside what holds it."""
    node = next(tree.iter("h1"), None)
    for _ in range(LEVELS):
        parent = None if node is None else node.getparent()
        if node is None or parent is None or parent.tag in ("body", "html"):
            return
        beside = [
            *islice(node.itersiblings(preceding=True), BESIDE),
            *islice(node.itersiblings(), BESIDE),
        ]
        for element in beside:
            if isinstance(element.tag, str) and element.tag not in APART:
                pieces = list(islice(element.itertext(), 12))
                text = " ".join(" ".join(pieces).split())
                if 2 < len(text) <= SHORT:
                    yield text
        node = parent


def _texts(elements: list[Any]) -> Iterator[str]:
    """The texts of the first elements that are no part of menus and the like, each once."""
    seen: set[str] = set()
    for element in elements:
        if len(seen) >= MOST_MARKED:
            return
        if any(_is_apart(one) for one in (element, *islice(element.iterancestors(), 5))):
            continue
        pieces, size = [], 0
        for piece in element.itertext():
            pieces.append(piece)
            size += len(piece)
            if size > 4 * LONGEST_MARKED:
                break
        text = " ".join(" ".join(pieces).split())[:LONGEST_MARKED]
        if len(text) > 2 and text not in seen:
            seen.add(text)
            yield text


def _is_apart(element: Any) -> bool:
    return element.tag in APART or PICTURED.search(element.get("class") or "") is not None
