"""Named queries: files of SQL whose first comment says what they answer, and their parameters.

    -- Articles of a topic, the newest first.
    -- :topic  Topic id.
    -- :since TIME = 30d  Only what was published since.
    -- :limit INTEGER = 20  Rows at most.
    SELECT … WHERE topic = $topic AND published_at >= $since … LIMIT $limit

A parameter without `=` is obligatory; one with nothing after it is NULL unless given. Two spaces
stand before its meaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb

from config.errors import QueryError
from config.moments import moment
from sinks.ask.selection import guess

SHIPPED = Path(__file__).parent / "queries"
RESERVED = "database format help json lock_timeout plot queries show unsafe".split()
"""Options of `newsbeam sql` itself."""
PARAMETER = re.compile(
    r":(?P<name>[a-z][a-z0-9_]*)(?: (?P<type>[A-Z]+))?(?: (?P<equals>=)(?: (?P<default>\S.*?))?)?"
    r" {2,}(?P<meaning>\S.*)"
)


class Parameter(NamedTuple):
    """A parameter, as the file's header declares it."""

    name: str
    type: str
    """TEXT, INTEGER or TIME."""
    required: bool
    default: str | None
    meaning: str

    @property
    def option(self) -> str:
        """How it is given on a command line."""
        return _option(self.name)


class Named(NamedTuple):
    """A named query."""

    path: Path
    sql: str
    meaning: str
    parameters: tuple[Parameter, ...]

    @property
    def title(self) -> str:
        """Its name, as it is asked for."""
        return f"@{self.path.stem}"


def files(folders: Sequence[Path]) -> dict[str, Path]:
    """The files of all named queries by name; those of earlier folders win."""
    found = {path.stem: path for folder in reversed([*folders, SHIPPED])
             for path in folder.glob("*.sql")}  # fmt: skip
    return dict(sorted(found.items()))


def load(name: str, folders: Sequence[Path]) -> Named:
    """Find a named query and read it.

    Raises:
        QueryError: there is none of this name, or its file is wrong; says where.
    """
    known = files(folders)
    if name not in known:
        raise QueryError(f"no query @{name}{guess(name, known, '@{}')} (@ alone lists all)")
    found = read(known[name])
    _compare(found)
    return found


def read(path: Path) -> Named:
    """Read a file and its header; whether the query agrees with it is not looked at yet.

    Raises:
        QueryError: it cannot be read, or its header is wrong; names file and line.
    """
    try:
        sql = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise QueryError(f"{path}: {error}") from None
    meaning, parameters = _header(path, sql)
    return Named(path, sql, meaning, parameters)


def values(
    query: Named, given: Mapping[str, str], now: datetime | None = None
) -> dict[str, str | int | datetime | None]:
    """The values of all parameters, from the texts that were given for some.

    Raises:
        QueryError: one is missing or unknown, or a text is not of its type.
    """
    known = {parameter.name: parameter for parameter in query.parameters}
    for name in given:
        if name not in known:
            has = ", ".join(parameter.option for parameter in query.parameters) or "none"
            meant = guess(_option(name), map(_option, known))
            raise QueryError(
                f"{query.title} has no parameter {_option(name)}{meant} (it has {has})"
            )
    for parameter in query.parameters:
        if parameter.required and parameter.name not in given:
            raise QueryError(f"{query.title} needs {parameter.option}: {parameter.meaning}")
    return {
        name: _value(parameter, given.get(name, parameter.default), now)
        for name, parameter in known.items()
    }


def _header(path: Path, sql: str) -> tuple[str, tuple[Parameter, ...]]:
    """Meaning and parameters, from the comment that a file begins with."""
    meaning: list[str] = []
    parameters: dict[str, Parameter] = {}
    for number, line in enumerate(sql.splitlines(), 1):
        if not line.startswith("--"):
            break
        text = line[2:].strip()
        if text.startswith(":"):
            parameter = _parameter(text, f"{path}:{number}")
            if parameter.name in parameters:
                raise QueryError(f"{path}:{number}: :{parameter.name} is declared twice")
            parameters[parameter.name] = parameter
        elif text:
            meaning.append(text)
    if not meaning:
        raise QueryError(f"{path}:1: the file must begin with a comment that says what it answers")
    return " ".join(meaning), tuple(parameters.values())


def _parameter(text: str, place: str) -> Parameter:
    found = PARAMETER.fullmatch(text)
    if not found:
        raise QueryError(
            f"{place}: {text!r} is no parameter; write it as "
            "':name [TYPE] [= default]  Meaning.', two spaces before the meaning"
        )
    if found["name"] in RESERVED:
        raise QueryError(f"{place}: --{found['name']} is an option of newsbeam sql; rename it")
    kind = found["type"] or "TEXT"
    if kind not in TYPES:
        raise QueryError(f"{place}: unknown type {kind}; valid: {', '.join(TYPES)}")
    parameter = Parameter(
        found["name"], kind, not found["equals"], found["default"], found["meaning"]
    )
    try:
        _value(parameter, parameter.default)
    except QueryError as error:
        raise QueryError(f"{place}: the default of {error}") from None
    return parameter


def _compare(query: Named) -> None:
    """Header and query must speak of the same parameters."""
    path, declared = query.path, {parameter.name for parameter in query.parameters}
    try:
        with duckdb.connect(config={"enable_external_access": False}) as connection:
            statements = connection.extract_statements(query.sql)
    except duckdb.Error as error:
        raise QueryError(f"{path}: {error}") from None
    used = set().union(*(statement.named_parameters for statement in statements))
    for name in sorted(declared - used):
        raise QueryError(f"{path}: the header declares :{name}, but the query has no ${name}")
    for name in sorted(used - declared):
        raise QueryError(f"{path}: the query has ${name}, but the header declares no :{name}")


def _value(
    parameter: Parameter, text: str | None, now: datetime | None = None
) -> str | int | datetime | None:
    if text is None:
        return None
    convert, expected = TYPES[parameter.type]
    try:
        return convert(text, now or datetime.now(UTC))
    except ValueError:
        raise QueryError(f"{parameter.option} must be {expected}, not {text!r}") from None


TYPES: dict[str, tuple[Callable[[str, datetime], str | int | datetime], str]] = {
    "TEXT": (lambda text, now: text, "a text"),
    "INTEGER": (lambda text, now: int(text), "a whole number"),
    "TIME": (moment, "a date or time of ISO 8601, or how long ago (24h, 7d, 2w)"),
}
"""How a text becomes a value of each type, and what is expected."""


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
