"""Rules on lines of text, and agencies: the files hygiene.yaml, flags.yaml and agencies.yaml.

A rule looks at one line. It fires where

- one of `begins`, `labels`, `whole`, `ends`, `holds` or `like` is there, if it has any of these,
- each group of `all` is there with one phrase at least,
- no phrase of `none` is there, and the line is not longer than `longest`.

Phrases are folded as those of topics are; one that ends in * stands for any word ending. `labels`
stand alone or before a colon, a dash or the like. `like` are regular expressions from the start of
the line. The examples under `yes` and `no`, by language, are the rules' tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, cast

import yaml

from config.checked import Document, load_list

RULE_FILES = ("hygiene", "flags")
PLACES = ("anywhere", "head", "tail", "last", "title", "byline", "removed", "page", "around")
"""Where a rule looks: in each line; in those before, or after, all that is surely article; in the
last one; in the headline; in the byline; in lines that were removed; in what only the HTML holds;
in the short texts beside the headline."""
TAKES = ("title", "titles", "lines")
"""What goes with a line that is but a label: the title after it, all titles, all short lines."""
LONGEST_LINE = 400
"""Characters of a line that a rule looks at where it does not say; phrases are looked for in none
that is longer."""
LONGEST = 1_000
"""Characters of a line that the shapes of rules may ask for."""
NAME = re.compile(r"[a-z][a-z0-9_-]*")
LANGUAGE = re.compile(r"[a-z]{2,3}")
ASKS = ("where", "longest", "takes", "run", "of", "within", "like", "all", "none")
SHOWS = ("yes", "no")
PHRASES = ("begins", "labels", "whole", "ends", "holds")


class Rule(NamedTuple):
    """What a line looks like that is of one kind."""

    id: str
    kind: str
    """Of what is removed, or the flag that is set."""
    value: str
    """Of the flag; empty where the rule is one of hygiene."""
    where: tuple[str, ...]
    longest: int
    """Characters of a line that it looks at."""
    takes: str
    run: int
    """Lines in succession that it must fire on, to count on any of them."""
    of: tuple[str, ...]
    """Kinds of lines (`transforms.records.Line`) that it looks at; empty: all."""
    within: int
    """Characters in which a phrase of the first group of `all` must begin; 0: anywhere."""
    begins: tuple[str, ...]
    labels: tuple[str, ...]
    whole: tuple[str, ...]
    ends: tuple[str, ...]
    holds: tuple[str, ...]
    like: tuple[re.Pattern[str], ...]
    all: tuple[tuple[str, ...], ...]
    none: tuple[str, ...]
    yes: tuple[tuple[str, str], ...]
    """Language and line."""
    no: tuple[tuple[str, str], ...]


class Agency(NamedTuple):
    """A news agency."""

    name: str
    """What flags call it."""
    names: tuple[str, ...]
    """How bylines and credits write it, in any script; case counts."""
    signs: tuple[str, ...] = ()
    """Abbreviations that stand for it only beside a place, in brackets or in a byline."""


class City(NamedTuple):
    """The cities of a country, in all the ways of writing them."""

    country: str
    names: tuple[str, ...]


def load_rules(path: str, key: str) -> tuple[Rule, ...]:
    """The rules of a file, in its order; `key` is one of `RULE_FILES`.

    Raises:
        ConfigError: naming file and line of every problem.
    """
    read = _removal if key == "hygiene" else _flag
    return load_list(path, key, RULE_FILES, read, lambda rule: rule.id)


def load_agencies(path: str) -> tuple[Agency, ...]:
    """The agencies of a file, in its order.

    Raises:
        ConfigError: naming file and line of every problem.
    """
    return load_list(path, "agencies", ("agencies",), _agency, lambda agency: agency.name)


def load_cities(path: str) -> tuple[City, ...]:
    """The countries of a file of cities, in its order.

    Raises:
        ConfigError: naming file and line of every problem.
    """
    return load_list(path, "cities", ("cities",), _city, lambda city: city.country)


def _removal(document: Document, node: yaml.Node) -> Rule | None:
    return _rule(document, node, "kind", ())


def _flag(document: Document, node: yaml.Node) -> Rule | None:
    return _rule(document, node, "flag", ("value",))


def _rule(document: Document, node: yaml.Node, kind: str, more: tuple[str, ...]) -> Rule | None:
    keys = ("id", kind, *more, *ASKS, *PHRASES, *SHOWS)
    values = document.mapping(node, "a rule", keys, ("id", kind, *SHOWS))
    name = document.parsed(values.get("id"), "'id'", _name)
    of = document.parsed(values.get(kind), f"'{kind}'", _name)
    where = tuple(
        cast(str, place)
        for item in document.sequence(values.get("where"), "'where'")
        if (place := document.parsed(item, "a place", _choice(PLACES)))
    )
    longest = document.parsed(values.get("longest"), "'longest'", _count)
    takes = document.parsed(values.get("takes"), "'takes'", _choice(TAKES))
    run = document.parsed(values.get("run"), "'run'", _count)
    within = document.parsed(values.get("within"), "'within'", _count)
    phrases = {key: _texts(document, values.get(key), key) for key in PHRASES}
    groups = [
        _texts(document, group, "a group of 'all'")
        for group in document.sequence(values.get("all"), "'all'")
    ]
    like = tuple(
        cast("re.Pattern[str]", pattern)
        for item in document.sequence(values.get("like"), "'like'")
        if (pattern := document.parsed(item, "a pattern", _pattern))
    )
    if name is None or of is None:
        return None
    if not any((*phrases.values(), groups, like)):
        document.complain(node, f"rule {name} looks for nothing")
    return Rule(
        id=cast(str, name),
        kind=cast(str, of),
        value=document.text(values.get("value"), "'value'") or "",
        where=where or PLACES[:1],
        longest=cast("int | None", longest) or LONGEST_LINE,
        takes=cast("str | None", takes) or "",
        run=cast("int | None", run) or 1,
        of=_texts(document, values.get("of"), "of"),
        within=cast("int | None", within) or 0,
        like=like,
        all=tuple(groups),
        none=_texts(document, values.get("none"), "none"),
        yes=_examples(document, values.get("yes"), "yes"),
        no=_examples(document, values.get("no"), "no"),
        **phrases,
    )


def _agency(document: Document, node: yaml.Node) -> Agency | None:
    values = document.mapping(node, "an agency", ("name", "names", "signs"), ("name", "names"))
    name = document.text(values.get("name"), "'name'")
    names = _texts(document, values.get("names"), "names")
    signs = _texts(document, values.get("signs"), "signs")
    return Agency(name, names, signs) if name else None


def _city(document: Document, node: yaml.Node) -> City | None:
    values = document.mapping(node, "a country", ("country", "names"), ("country", "names"))
    country = document.text(values.get("country"), "'country'")
    names = _texts(document, values.get("names"), "names")
    return City(country, names) if country else None


def _texts(document: Document, node: yaml.Node | None, what: str) -> tuple[str, ...]:
    found = (document.text(item, "a phrase") for item in document.sequence(node, f"'{what}'"))
    return tuple(text for text in found if text)


def _examples(document: Document, node: yaml.Node | None, what: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(node, yaml.MappingNode):
        document.complain(node, f"'{what}' must be examples by language")
        return ()
    return tuple(
        (cast(str, language), text)
        for key, listed in node.value
        if (language := document.parsed(key, "a language", _language))
        for text in _texts(document, listed, f"{what}.{language}")
    )


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no name; valid: small letters, digits, - and _")
    return text


def _language(text: str) -> str:
    if not LANGUAGE.fullmatch(text):
        raise ValueError(f"{text!r} is no code of a language, such as de")
    return text


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= LONGEST):
        raise ValueError(f"{text!r} is no number from 1 to {LONGEST}")
    return int(text)


def _choice(choices: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text!r} is none of {', '.join(choices)}")
        return text

    return parse


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from None
