"""Which articles an export is about, in which portions they are read, and what names are known."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import duckdb

from config.errors import ConfigError
from sinks.tables.ddl import quoted

PORTION = 20_000
"""Articles that are read at once; one day is never split."""


class Selection(NamedTuple):
    """Articles that fit all that is given; of several topics, outlets or languages any."""

    since: datetime | None = None
    """Published at this moment or later; where nobody said, listed."""
    until: datetime | None = None
    """… before this moment."""
    topics: tuple[str, ...] = ()
    outlets: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    """BCP 47; zh stands for zh-Hans and zh-Hant too."""

    @property
    def given(self) -> dict[str, Any]:
        """What is given, for JSON."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else list(value)
            for name, value in self._asdict().items()
            if value
        }


class Portion(NamedTuple):
    """Articles of some days: a condition in SQL, and how many there are."""

    condition: str
    articles: int


def condition(connection: duckdb.DuckDBPyConnection, selection: Selection) -> str:
    """The selection as a condition in SQL on rows of `articles`.

    Raises:
        ConfigError: the database knows no such topic, outlet or language.
    """
    parts = ["true"]
    moment = "coalesce(published_at, listed_at)"
    for sign, at in ((">=", selection.since), ("<", selection.until)):
        if at:
            parts.append(f"{moment} {sign} {quoted(at.isoformat())}::TIMESTAMPTZ")
    if selection.topics:
        check("topic", selection.topics, known(connection, "topic", "topics"))
        tagged = f"SELECT article_id FROM article_topics WHERE topic IN ({_list(selection.topics)})"
        parts.append(f"article_id IN ({tagged})")
    if selection.outlets:
        check("outlet", selection.outlets, known(connection, "outlet", "articles", "feeds"))
        parts.append(f"outlet IN ({_list(selection.outlets)})")
    if selection.languages:
        found = known(connection, "language", "articles")
        check("language", selection.languages, found, is_of_language)
        fitting = [
            tag for tag in found for name in selection.languages if is_of_language(tag, name)
        ]
        parts.append(f"language IN ({_list(fitting)})")
    return " AND ".join(parts)


def portions(connection: duckdb.DuckDBPyConnection, where: str) -> list[Portion]:
    """The articles of a condition, in portions of whole days of publication; the undated last."""
    days = connection.execute(
        "SELECT day::VARCHAR, (day + 1)::VARCHAR, count(*) FROM ("
        f"SELECT (published_at AT TIME ZONE 'UTC')::DATE AS day FROM articles WHERE {where}"
        ") WHERE day IS NOT NULL GROUP BY day ORDER BY day"
    ).fetchall()
    ((undated,),) = connection.execute(
        f"SELECT count(*) FROM articles WHERE published_at IS NULL AND {where}"
    ).fetchall()
    found: list[Portion] = []
    start, gathered = "", 0
    for number, (day, next_day, articles) in enumerate(days, 1):
        start, gathered = start or day, gathered + articles
        if gathered >= PORTION or number == len(days):
            of_days = f"published_at >= '{start}' AND published_at < '{next_day}'"
            found.append(Portion(f"{of_days} AND {where}", gathered))
            start, gathered = "", 0
    if undated:
        found.append(Portion(f"published_at IS NULL AND {where}", undated))
    return found


def check(
    what: str,
    names: Sequence[str],
    known: Sequence[str],
    fits: Callable[[str, str], bool] = operator.eq,
) -> None:
    """Refuse a name that fits none of those that are known.

    Raises:
        ConfigError: naming it, and what may have been meant.
    """
    for name in names:
        if not any(fits(one, name) for one in known):
            raise unknown(what, name, known)


def unknown(what: str, name: str, known: Sequence[str]) -> ConfigError:
    """The complaint about a name that is not there, with what may have been meant."""
    some = ", ".join(known[:10]) + (", …" if len(known) > 10 else "")
    meant = guess(name, known, "{!r}") or f"; there is {some or 'none'}"
    return ConfigError(f"no {what} {name!r}{meant}")


def guess(name: str, known: Iterable[str], form: str = "{}") -> str:
    """The end of a complaint: which name may have been meant; empty where none is near."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {form.format(close[0])}?" if close else ""


def known(connection: duckdb.DuckDBPyConnection, column: str, *tables: str) -> list[str]:
    """The values of a column of some tables, sorted."""
    values = " UNION ".join(f"SELECT {column} FROM {table}" for table in tables)
    found = connection.execute(f"FROM ({values}) WHERE {column} IS NOT NULL ORDER BY 1")
    return [name for (name,) in dict.fromkeys(found.fetchall())]


def is_of_language(tag: str, name: str) -> bool:
    """Whether a language tag is of a language: zh-Hans is of zh."""
    return f"{tag}-".lower().startswith(f"{name}-".lower())


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(quoted, names))
