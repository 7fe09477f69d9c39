"""Loading and checking the story files, one per language."""

from __future__ import annotations

import functools
import string
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from config.errors import NewsbeamError

STORIES = Path(__file__).parent / "stories"
_LISTS = (
    "promos",
    "others",
    "disclosures",
    "attributions",
    "nav",
    "cookie_buttons",
    "comments",
    "captions",
    "bylines",
)
_LINES = (
    "cookie",
    "related",
    "comments_heading",
    "paywall",
    "live",
    "updated",
    "by",
    "footer",
    "newsletter",
)
_FURNITURE_FIELDS = {"other", "outlet", "agency", "name"}


class Story(NamedTuple):
    """One story: every part in variants, and the topics that each telling of it names."""

    id: str
    topics: tuple[str, ...]
    titles: tuple[str, ...]
    lead: tuple[str, ...]
    body: tuple[tuple[str, ...], ...]


class Furniture(NamedTuple):
    """What stands around and between the paragraphs in one language."""

    promos: tuple[str, ...]
    others: tuple[str, ...]
    disclosures: tuple[str, ...]
    attributions: tuple[str, ...]
    nav: tuple[str, ...]
    cookie_buttons: tuple[str, ...]
    comments: tuple[str, ...]
    captions: tuple[str, ...]
    bylines: tuple[str, ...]
    cookie: str
    related: str
    comments_heading: str
    paywall: str
    live: str
    updated: str
    by: str
    footer: str
    newsletter: str


class Book(NamedTuple):
    """All stories of one language."""

    language: str
    slots: dict[str, tuple[str, ...]]
    stories: tuple[Story, ...]
    furniture: Furniture


@functools.lru_cache(maxsize=32)
def load(language: str, folder: Path = STORIES) -> Book:
    """Read the story file of a language; an error names the file and what is wrong in it."""
    path = folder / f"{language}.yaml"
    # The C loader is some ten times faster, but not everywhere compiled in.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except FileNotFoundError:
        raise NewsbeamError(f"{path}: the newsroom has no stories in {language!r}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise NewsbeamError(f"{path}: not a readable story file: {error}") from error
    try:
        return _book(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NewsbeamError(f"{path}: not a story file: {_say(error)}") from error


def _say(error: Exception) -> str:
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)


def _book(data: Any) -> Book:
    slots = {name: _texts(values, name, set()) for name, values in data["slots"].items()}
    names = set(slots)
    stories = tuple(_story(raw, names) for raw in data["stories"])
    if not stories:
        raise ValueError("no stories")
    if len({story.id for story in stories}) < len(stories):
        raise ValueError("a story id occurs twice")
    return Book(str(data["language"]), slots, stories, _furniture(data["furniture"]))


def _story(raw: Any, slots: set[str]) -> Story:
    where = str(raw["id"])
    return Story(
        where,
        tuple(sorted(str(topic) for topic in raw["topics"])),
        _texts(raw["titles"], where, slots),
        _texts(raw["lead"], where, slots),
        tuple(_texts(variants, where, slots) for variants in raw["body"]),
    )


def _furniture(raw: Any) -> Furniture:
    parts: dict[str, Any] = {n: _texts(raw[n], n, _FURNITURE_FIELDS) for n in _LISTS}
    parts |= {n: _texts([raw[n]], n, _FURNITURE_FIELDS)[0] for n in _LINES}
    return Furniture(**parts)


def _texts(values: Any, where: str, fields: set[str]) -> tuple[str, ...]:
    if not isinstance(values, list) or not values:
        raise ValueError(f"{where}: expected a list of texts, found {values!r}")
    for value in values:
        _check(value, where, fields)
    return tuple(" ".join(value.split()) for value in values)


def _check(value: Any, where: str, fields: set[str]) -> None:
    """See that a text is one, and that `format` will find every field it names."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where}: expected a text, found {value!r}")
    unknown = {name for _, name, _, _ in string.Formatter().parse(value) if name is not None}
    if unknown - fields:
        raise ValueError(f"{where}: unknown slot {sorted(unknown - fields)} in {value[:60]!r}")
