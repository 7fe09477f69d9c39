"""What the rules of topics find in a text, marked in it, and what they nearly found."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Group
from rich.text import Text

from config.errors import ConfigError
from config.models import Taxonomy
from pipeline.show.words import console, safe
from transforms.records import Unreadable
from transforms.topics.score import HALF_WEIGHT
from transforms.topics.tagger import Tagger, Verdict

COLOURS = ("green", "cyan", "magenta", "yellow", "blue", "red")
LARGEST = 20_000_000
"""Bytes of a text that is looked at."""


class Source(NamedTuple):
    """A text to be tested."""

    title: str | None
    text: str
    language: str | None


def read_source(source: str, title: str | None, language: str | None) -> Source:
    """The text of a file, of an HTML file, or of standard input.

    Raises:
        ConfigError: it cannot be read, or holds no text.
    """
    body = _bytes(source)
    if Path(source).suffix.lower() in (".html", ".htm"):
        from transforms.text.extraction import extract_page

        found = extract_page(body, None, "https://localhost/")
        if isinstance(found, Unreadable):
            raise ConfigError(f"{source}: {found.message}")
        return Source(title or found.title, found.text, language or found.language)
    text = body.decode("utf-8-sig", "replace").strip()
    if title is None and len(parts := text.split("\n\n", 1)) == 2 and "\n" not in parts[0]:
        title, text = parts
    if not text:
        raise ConfigError(f"{source}: holds no text")
    if language is None:
        from transforms.text.language import language_of

        language = language_of(text, None)
    return Source(title, text, language)


def _bytes(source: str) -> bytes:
    if "://" in source:
        raise ConfigError(f"{source}: an address; save the page, and test the file")
    try:
        with sys.stdin.buffer if source == "-" else open(source, "rb") as file:
            body = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{source}: {error.strerror or error}") from None
    if len(body) > LARGEST:
        raise ConfigError(f"{source}: larger than {LARGEST:,} bytes")
    return body


def explained(taxonomy: Taxonomy, source: Source, only: Sequence[str] = ()) -> list[Verdict]:
    """What each topic says of a text, those that apply first.

    Raises:
        ConfigError: there is no such topic.
    """
    ids = [topic.id for topic in taxonomy.topics]
    for topic in only:
        if topic not in ids:
            from sinks.ask.selection import unknown

            raise unknown("topic", topic, ids)
    found = Tagger(taxonomy).explain(*source)
    silent = [one for one in only if one not in {verdict.topic for verdict in found}]
    nothing = [Verdict(one, False, 0.0, 0.0, (), ("no phrase of it is there",)) for one in silent]
    return [one for one in found if not only or one.topic in only] + nothing


def show(source: Source, verdicts: Sequence[Verdict]) -> None:
    """Print the text with its matches in colour and in brackets, and the reasons below."""
    applied = [one for one in verdicts if one.applies]
    colours = {one.topic: COLOURS[n % len(COLOURS)] for n, one in enumerate(applied)}
    if source.title:
        console().print(_marked("title", source.title, applied, colours), style="bold")
    console().print(_marked("text", source.text, applied, colours))
    console().print()
    for one in applied:
        console().print(_sum(one, colours[one.topic]))
    for one in verdicts:
        if not one.applies:
            why = "; ".join(one.misses) or "no part of it counts"
            console().print(safe(f"not {one.topic}: {why}"), markup=False)
    if not verdicts:
        console().print("no phrase of any topic is there", markup=False)


def _marked(field: str, content: str, verdicts: Sequence[Verdict], colours: dict[str, str]) -> Text:
    """A text with each place in brackets, and behind it whose it is."""
    places = sorted(
        (place.start, -place.end, verdict.topic, place)
        for verdict in verdicts
        for place in verdict.evidence
        if place.field == field
    )
    text, reached = Text(), 0
    for start, end, topic, _ in places:
        if start < reached:  # another topic's, of the same words
            text.append(f"{{{topic}}}", colours[topic])
            continue
        text.append(safe(content[reached:start]))
        text.append(f"[{safe(content[start:-end])}]", f"bold {colours[topic]}")
        text.append(f"{{{topic}}}", colours[topic])
        reached = -end
    text.append(safe(content[reached:]))
    return text


def _sum(verdict: Verdict, colour: str) -> Group:
    """How a score came about."""
    weight = sum(place.weight or 0 for place in verdict.evidence)
    head = Text(verdict.topic, f"bold {colour}")
    head.append(f"  {verdict.score:g} = {weight:g} / ({weight:g} + {HALF_WEIGHT})", "default")
    lines = [head]
    counted: dict[tuple[str, str, float, str | None], int] = {}
    for place in verdict.evidence:
        key = (place.phrase, place.part or place.field, place.weight or 0, place.child)
        counted[key] = counted.get(key, 0) + 1
    for (phrase, part, each, child), count in counted.items():
        of = f" of {child}" if child else ""
        lines.append(Text(safe(f"  {count} × {each:g}  {phrase}{of}, {part}")))
    return Group(*lines)
