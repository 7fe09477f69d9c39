"""Who wrote it: persons and organisations, in the order of the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

from transforms.text.jsonld import types_of
from transforms.text.titles import key, line

MOST = 30
LONGEST = 100
"""Characters of a name; what is longer is a sentence about somebody."""
BY = re.compile(
    r"^(?:(?:written|reported|words|story|text)\s+)?(?:by|von|vom|par|por|di|da|door|av|af|przez|"
    r"autor(?:a|in|en|es)?|author|auteur|автор|текст|著者|作者|記者|記者/|文)(?:\s*[:：]\s*|\s+)",
    re.IGNORECASE,
)
BETWEEN = re.compile(
    r"\s*(?:[;；、|·•/]|\s&\s|,\s+(?:and|und|et|y|e|en|och|og|i)\s|\s(?:and|und|et|och|og|и|та)\s|\n)\s*",
    re.IGNORECASE,
)
COMMA = re.compile(r"\s*[,，]\s*")
NOT_A_NAME = re.compile(r"@|[<>{}=()\"\\]|^\W*$|^\d+$")
ADDRESS = re.compile(r"^(?:https?:|//|www\.)|^\S+/\S+$")
SHOWN = re.compile(r"[^\W\d]\S*(?: [^\W\d]\S*){1,4}|[^\x00-\u024f\s]{2,20}")
"""A name as pages show them: two words, or a few letters of a script without spaces."""
BODIES = frozenset({"Organization", "NewsMediaOrganization", "Corporation", "Brand"})
SHORT = re.compile(r"[A-ZÄÖÜ]{2,6}|[a-z]{3}")
"""As agencies and desks sign: AFP, dpa."""
PLACES = ("a", "span", "div", "p", "address", "li", "strong", "em", "b", "cite", "h3", "h4", "td")
CALLED = re.compile(r"author|byline", re.IGNORECASE)
APART = ("aside", "footer", "nav")


class Author(NamedTuple):
    """A name, and whether it is that of a person."""

    name: str
    person: bool


def of_objects(
    article: dict[str, Any], by_id: dict[str, Any], sites: Iterable[str]
) -> list[Author]:
    """The authors that an article of JSON-LD names; `by_id` finds those it refers to."""
    found: list[Author] = []
    for field in ("author", "creator"):
        value = article.get(field)
        for one in value[:MOST] if isinstance(value, list) else [value]:
            found.extend(_of_object(one, by_id, sites))
        if found:
            break
    return once(found)


def _of_object(thing: Any, by_id: dict[str, Any], sites: Iterable[str]) -> Iterator[Author]:
    if isinstance(thing, str):
        yield from of_text(thing, sites)
    elif isinstance(thing, dict):
        told = thing if thing.get("name") else by_id.get(str(thing.get("@id")), thing)
        names = told.get("name")
        for name in names[:MOST] if isinstance(names, list) else [names]:
            body = not BODIES.isdisjoint(types_of(told))
            for author in of_text(name, sites):
                yield author._replace(person=author.person and not body)


def of_text(text: object, sites: Iterable[str]) -> list[Author]:
    """The authors that a line names, such as ``By Ann Mole and Ivo Brandt``."""
    told = line(text)
    if told is None or ADDRESS.search(told):
        return []
    names = [name for part in BETWEEN.split(BY.sub("", told, count=1)) for name in _by_comma(part)]
    own = {key(site) for site in sites}
    found = []
    for name in names[:MOST]:
        name = BY.sub("", name, count=1).strip(" ,.;:-–—|")
        if name and len(name) <= LONGEST and not NOT_A_NAME.search(name):
            found.append(Author(name, key(name) not in own and not SHORT.fullmatch(name)))
    return once(found)


def _by_comma(part: str) -> list[str]:
    """Names between commas: those of two words, because ``Mole, Ann`` is one.

    What stands after a name of two words in one word is a place or an office.
    """
    first, *others = COMMA.split(part)
    return [first, *(one for one in others if " " in one)] if " " in first else [part]


def of_page(tree: Any, sites: Iterable[str]) -> list[Author]:
    """The authors that a page shows, by what its elements are called."""
    called = (
        element
        for element in tree.iter(*PLACES)
        if element.attrib
        and CALLED.search(" ".join(filter(None, map(element.get, ("class", "rel", "itemprop")))))
        and next(element.iterancestors(*APART), None) is None
    )
    for element in islice(called, MOST):
        links = [" ".join(link.itertext()) for link in islice(element.iter("a"), MOST)]
        texts = links if len(links) > 1 else [" ".join(element.itertext())]
        told = chain.from_iterable(of_text(one, sites) for one in texts if len(one) <= 2 * LONGEST)
        if found := [one for one in once(told) if SHOWN.fullmatch(one.name)]:
            return found
    return []


def once(authors: Iterable[Author]) -> list[Author]:
    """Authors, each once, the first time they are named."""
    return list({key(author.name): author for author in reversed(list(authors))}.values())[::-1]
