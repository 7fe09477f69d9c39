"""The standfirst of an article, which stands above its text and often outside of its container."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from transforms.records import Line
from transforms.text.containers import LONGEST_NAME, NO_BODY, PLACE
from transforms.text.lines import tidy
from transforms.text.titles import key

SHORTEST, LONGEST = 35, 900
"""Characters."""
BEGINNING = 30
"""Letters that tell a standfirst; what begins like a description may be longer than that."""
LOOKED_AT = 3_000
"""Characters of a text, at whose start it may stand already."""
MOST_WITHIN = 20
"""Elements in one that may be a standfirst."""
FIRST = 6
"""Letters that are looked for as they are, before letters are compared without their case."""
NEAR = 4
"""Elements around one, whose names are looked at."""
LEAVES = ("p", "div", "h2", "h3", "span", "strong", "li")
NAMED = re.compile(
    r"(?:^|[\s_-])(?:lead|lede|dek|deck|standfirst|stand-first|sub-?title|sub-?head(?:line|ing)?|intro|"
    r"introduction|summary|excerpt|vorspann|chapo|chapeau|ingress|preamble|bajada|entradilla|"
    r"sottotitolo|sommario|abstract|strapline|tagline)(?:$|[\s_-])",
    re.IGNORECASE,
)
"""What systems for publishing call it, in their languages."""
END = re.compile(r"[.!?…。！？؟।॥։۔][\"”»’'\)\]」』）】]*$")


def standfirst(
    trees: Sequence[Any], lines: Sequence[Line], descriptions: Sequence[str], titles: Sequence[str]
) -> str | None:
    """The standfirst that the lines lack, as it stands in one of the trees.

    That is what begins as a description of the page does; or else what is named so between the
    headline and the first paragraph.
    """
    held = key(" ".join(line.text for line in lines)[:LOOKED_AT])
    known = {key(title) for title in titles}
    told = {key(one)[:BEGINNING]: one for one in descriptions if len(one) >= SHORTEST}
    for beginning, description in told.items():
        if len(beginning) < BEGINNING // 2:
            continue
        if beginning in held:
            return None
        if any(title.startswith(beginning) for title in known):
            continue
        word = description.split()[0][:FIRST]
        for tree in trees:
            if text := next(_beginning(tree, word, beginning), ""):
                return text
    return _named(trees, lines, held)


def _beginning(tree: Any, word: str, beginning: str) -> Iterator[str]:
    """The texts of elements that begin so; the word is looked for first, which costs less."""
    if word not in "".join(tree.itertext()):
        return
    for element in tree.iter(*LEAVES):
        raw = "".join(element.itertext()) if len(element) <= MOST_WITHIN else ""
        if word in raw and key(raw[: 6 * BEGINNING]).startswith(beginning):
            yield from filter(None, [_text(element)])


def _named(trees: Sequence[Any], lines: Sequence[Line], held: str) -> str | None:
    first = next((key(line.text)[:BEGINNING] for line in lines if END.search(line.text)), "")
    for tree in trees:
        below = next(tree.iter("h1"), None) is None
        for element in tree.iter("h1", PLACE, *LEAVES):
            if element.tag == "h1":
                below = True
            elif element.tag == PLACE:
                break
            elif below and element.tag == "p" and first and _begins(element, first):
                return None
            if below and _is_named((element.get("class") or "")[:LONGEST_NAME]):
                text = _text(element)
                if END.search(text) and key(text)[:BEGINNING] not in held and _is_own(element):
                    return text
    return None


@lru_cache(maxsize=10_000)  # pages of an outlet share theirs
def _is_named(name: str) -> bool:
    return bool(NAMED.search(name))


def _begins(element: Any, beginning: str) -> bool:
    return key("".join(element.itertext())[: 3 * BEGINNING]).startswith(beginning)


def _is_own(element: Any) -> bool:
    """Whether nothing around an element says that it is of another story."""
    return not any(
        one.tag in ("a", "li", "aside", "footer") or NO_BODY.search(one.get("class") or "")
        for one in islice(element.iterancestors(), NEAR)
    )


def _text(element: Any) -> str:
    """That of an element without blocks in it, and of the length of a standfirst; or else none."""
    if len(element) > MOST_WITHIN or any(
        child.tag in ("p", "div", "ul", "h1") for child in element
    ):
        return ""
    text = tidy("".join(element.itertext()))
    return text if SHORTEST <= len(text) <= LONGEST else ""
