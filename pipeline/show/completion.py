"""What may stand at the cursor of the SQL shell: words of SQL, tables, columns, named queries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from config.errors import QueryError
from sinks.ask import named
from sinks.ask.relations import Relation

WORDS = """
all and any array as asc avg between by case cast coalesce count cross date date_trunc desc describe
distinct else end except exclude exists explain false filter first from full group having ilike in
inner intersect interval is join last lateral left like limit list max median min not null nulls
offset on or order outer over partition pivot qualify regexp_matches replace right round sample
select string_agg sum summarize table then timestamp true union unnest unpivot using values view
when where window with
""".split()
BEFORE_RELATION = re.compile(r"\b(?:from|join|describe|summarize|table)\s+\w*$", re.IGNORECASE)
USED = re.compile(r"\b(\w+)\b(?=(?:\s+(?:as\s+)?(\w+))?)", re.IGNORECASE)
"""A word, and the one that would be its alias."""
PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


class Suggestion(NamedTuple):
    """A text that may replace the last `length` characters before the cursor."""

    text: str
    length: int
    meaning: str


class Command(NamedTuple):
    """A command of the shell, such as .help."""

    name: str
    argument: str
    meaning: str


COMMANDS = (
    Command(".help", "", "Say what can be asked."),
    Command(".tables", "", "List tables and views with their meanings."),
    Command(".schema", "NAME", "List the columns of a table or view with their meanings."),
    Command(".queries", "[NAME]", "List the named queries, or show one."),
    Command(".format", "table|csv|json|markdown", "Choose how results are written."),
    Command(".plot", "on|off", "Draw results over time instead."),
    Command(".quit", "", "Leave; Ctrl-D does the same."),
)


def suggest(
    before: str, after: str, relations: Sequence[Relation], folders: Sequence[Path]
) -> list[Suggestion]:
    """What may stand between two texts, the likeliest first."""
    if before.startswith("."):
        return _matching(before, _commands(before, relations, folders), r"\S*$")
    if before.startswith("@"):
        return _matching(before, _queries(before, folders), r"\S*$")
    return _matching(before, _sql(before, before + after, relations), r"\w*$")


def _matching(before: str, words: Iterable[tuple[str, str]], pattern: str) -> list[Suggestion]:
    """Those of (word, meaning) that begin as the word before the cursor does."""
    found = re.search(pattern, before)
    typed = found[0] if found else ""
    fitting = {word: meaning for word, meaning in words
               if word.strip('"').lower().startswith(typed.lower())}  # fmt: skip
    return [Suggestion(word, len(typed), meaning) for word, meaning in fitting.items()]


def _commands(
    before: str, relations: Sequence[Relation], folders: Sequence[Path]
) -> Iterator[tuple[str, str]]:
    command, space, _ = before.partition(" ")
    if not space:
        yield from ((item.name, item.meaning) for item in COMMANDS)
    elif command == ".schema":
        yield from ((relation.name, relation.meaning) for relation in relations)
    elif command == ".queries":
        yield from ((name, "") for name in named.files(folders))
    elif command in (".format", ".plot"):
        (choices,) = (item.argument for item in COMMANDS if item.name == command)
        yield from ((choice, "") for choice in choices.split("|"))


def _queries(before: str, folders: Sequence[Path]) -> Iterator[tuple[str, str]]:
    name, space, options = before[1:].partition(" ")
    for known, path in named.files(folders).items():
        try:
            found = named.read(path)
        except QueryError:
            continue  # said when it is asked for
        if not space:
            yield f"@{known}", found.meaning
        elif known == name:
            given = options.split()[:-1]
            yield from ((p.option, p.meaning) for p in found.parameters if p.option not in given)


def _sql(before: str, whole: str, relations: Sequence[Relation]) -> Iterator[tuple[str, str]]:
    by_name = {relation.name: relation for relation in relations}
    aliases = {
        alias.lower(): by_name[name]
        for name, second in USED.findall(whole)
        if name in by_name
        for alias in (name, second)
    }
    qualifier = re.search(r"(\w+)\.\w*$", before)
    if qualifier:
        relation = aliases.get(qualifier[1].lower()) or by_name.get(qualifier[1])
        yield from _columns([relation] if relation else [])
        return
    names = [(relation.name, relation.meaning) for relation in relations]
    if BEFORE_RELATION.search(before):
        yield from names
        return
    yield from _columns(aliases.values() or relations)
    yield from names
    yield from _words(before)


def _columns(relations: Iterable[Relation]) -> Iterator[tuple[str, str]]:
    for relation in relations:
        for column in relation.columns:
            plain = PLAIN.fullmatch(column.name) and column.name not in WORDS
            name = column.name if plain else f'"{column.name}"'
            yield name, f"{column.type}  {column.meaning}"


def _words(before: str) -> Iterator[tuple[str, str]]:
    """The words of SQL, in capitals where the first letter that was typed is one."""
    typed = re.search(r"\w+$", before)
    if typed:
        yield from ((word.upper() if typed[0][0].isupper() else word, "") for word in WORDS)
