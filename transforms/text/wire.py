"""Whether a text is an agency's: by its byline, its first words, its credit, or its own words.

An agency that a story is about, or that took a picture, makes no wire copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from transforms.records import Flag, Removal
from transforms.text.agencies import agencies, in_byline
from transforms.text.datelines import BRACKETS, LONGEST, Dateline, cities, dateline_of

HEAD = 4
"""Lines in which a dateline may stand: headline, kicker and teaser come before it."""
SHORTEST = 60
"""Characters of a line that a dateline begins; in scripts without spaces a third."""
CREDIT = re.compile(
    r"[(\[]?(?:source|sources|quelle|quellen|fuente|fonte|źródło|zdroj|bron|kaynak|källa|kilde"
    r"|lähde"
    r"|источник|джерело|المصدر|sumber|स्रोत|출처|出典|来源|來源|credit|agency"
    r"|agentur)s?\s*[:：]\s*(?P<by>.{2,60})$"
    r"|(?:\(c\)|©|copyright)\s*(?:\d{4}\s*)?(?:by\s+|the\s+)?(?P<owner>.{2,60})",
    re.IGNORECASE,
)
WITH = re.compile(
    r"[(\[]?(?:with(?:\s+(?:files|material|reports?|reporting|information|inputs?|contributions?))?"
    r"(?:\s+(?:from|by))?|mit(?:\s+(?:material|informationen|agenturmaterial))?(?:\s+(?:von|der"
    r"|des))?"
    r"|avec|con información de|con|com informações d[aeo]|com|z wykorzystaniem|za|met|med"
    r"|по материалам|по данным|за матеріалами|با)\s+(?P<by>.{2,60})$",
    re.IGNORECASE,
)
CONTRIBUTED = re.compile(
    r".{2,80}?\b(?:contributed to this|writers?\b|reporters?\b|journalists?\b|correspondents?\b)"
)
DESK = re.compile(
    r"^\(?(?:Reporting|Additional reporting|Writing|Text) by .*\b[Ee]dit(?:ing|ed) by\b"
)
"""The form in which Reuters names those who wrote and edited."""
END = re.compile(r"[(/\[]\s*(?P<by>[^()/\[\]]{2,30}?)\s*[)/\]]?\.?$")
NAMED = re.compile(r"[^\W\d_][\w’'. -]+(?:, [\w. ]+)?")
SIGNED = re.compile(r"[.!?”\"’)]\s+/?(?P<by>[A-Z]{2,6}|dpa|epd|sda|apa)/?$")
"""Letters of an agency after the last sentence."""
NUMBER = re.compile(r"\bdpa[:-]\d{6}-\d")
CITED = re.compile(
    r"(?:\b(?:reported|reports|according to|told|via|berichtete?t?|meldete?|laut|selon|rapporte"
    r"|según|informó|secondo|riferisce"
    r"|segundo|volgens|podaje|uvedl[ao]?|сообщает|сообщил[ао]?|передает|передаёт"
    r"|повідомляє)\s+(?:the\s+|the news agency\s+|die\s+|der\s+|l['’]|агентство\s+)?)$",
    re.IGNORECASE,
)
SAYS = re.compile(
    r"^\s+(?:news agency\s+)?(?:reported|reports|said|berichtete?|meldete?|rapporte|informó"
    r"|riferisce|сообщает|报道|報導)\b",
    re.IGNORECASE,
)
APART = 8
"""Positions of the first lines, of which some are removed though they tell the place."""
PICTURES = frozenset({"image_credit", "caption", "video_chrome"})


class Line(NamedTuple):
    """A line of the text, and where it begins there."""

    text: str
    start: int


def wire_flags(
    title: str,
    lines: Sequence[Line],
    removals: Sequence[Removal],
    bylines: Sequence[str],
    machine_made: bool,
) -> Iterator[Flag]:
    """Flags for the agency, how much of the text is its own, and the place of the dateline.

    `machine_made`: the page says that a machine wrote the text; then what the text reports by an
    agency's name is that agency's.
    """
    found = _leading(title, lines)
    apart = [gone.text for gone in removals if 0 <= gone.position < APART and len(gone.text) <= 30]
    dateline = found is not None and found[0].place != ""
    if found and dateline:
        yield Flag("dateline", found[0].place, "text", *_slice(found[1], found[0]))
    elif place := next((one for text in apart if (one := _alone(text))), None):
        yield Flag("dateline", place.place, "removed", place.place)
        dateline = True
    wire = (
        _by_dateline(found)
        or _by_byline(bylines)
        or _by_credit(lines, removals)
        or (_by_citation(lines) if machine_made else None)
    )
    if wire:
        told, full = wire
        yield told
        yield told._replace(flag="wire_level", value="full" if full else "partial")
    if not dateline and (flag := _place_in_byline(bylines)):
        yield flag


def _slice(line: Line, found: Dateline) -> tuple[str, int, int]:
    evidence = line.text[found.start : found.end].rstrip()
    return evidence, line.start + found.start, line.start + found.start + len(evidence)


def _leading(title: str, lines: Sequence[Line]) -> tuple[Dateline, Line] | None:
    """The dateline in one of the first lines, or a line that is but a place."""
    head = lines[:HEAD]
    for number, line in enumerate(head):
        text = line.text
        if text.casefold() == title.casefold():
            continue
        following = lines[number + 1].text if number + 1 < len(lines) else ""
        led = len(following) >= SHORTEST or text.rstrip().endswith((":", "-", "–", "—"))
        if len(text) <= 30 and led and (alone := _alone(text)):
            return alone, line
        if len(text) < SHORTEST and text[:1] < "\u0e00":
            continue
        if dateline := dateline_of(text, lambda one=line: _elsewhere(title, lines, one)):  # type: ignore[misc]
            return dateline, line
        if agency := _leading_agency(text):
            return agency, line
    return None


def _elsewhere(title: str, lines: Sequence[Line], but: Line) -> str:
    """What is said beside the beginning of a line."""
    return "\n".join([title, *(one.text[LONGEST:] if one is but else one.text for one in lines)])


def _alone(text: str) -> Dateline | None:
    """A line that is a known place, with a dash or a date after it at most."""
    bare = re.sub(r"[\s\-–—:.,/\d]+(?:h|Uhr)?$", "", text)  # Madrid-29/05/2026 20:00
    found = dateline_of(f"{bare} – X", str) if bare else None
    if found and found.place.split(",")[0].casefold() in cities():
        return found._replace(start=0, end=len(text))
    return None


def _leading_agency(text: str) -> Dateline | None:
    """``(Reuters) - …``: an agency without a place."""
    lead = BRACKETS.match(text)
    if not lead:
        return None
    name = agencies().names.get(lead[1].strip().casefold())
    return Dateline("", name, 0, lead.end()) if name else None


def _by_dateline(found: tuple[Dateline, Line] | None) -> tuple[Flag, bool] | None:
    if not found or not found[0].agency:
        return None
    return Flag("wire", found[0].agency, "text", *_slice(found[1], found[0])), True


def _by_byline(bylines: Sequence[str]) -> tuple[Flag, bool] | None:
    for byline in bylines:
        if len(byline) <= 200 and (found := in_byline(byline)):
            return Flag("wire", found[0], "byline", byline[:200]), found[2]
    return None


def _by_credit(lines: Sequence[Line], removals: Sequence[Removal]) -> tuple[Flag, bool] | None:
    gone = [Line(gone.text, -1) for gone in removals if gone.kind not in PICTURES]
    legal = [one.text for one in removals if one.kind == "legal_tail"]
    short = [line for line in lines[:HEAD] if len(line.text) <= 20]
    for line in (*reversed(lines[-5:]), *short, *gone):
        if found := _credited(line.text):
            name, full = found
            if line.start < 0:
                return Flag("wire", name, "removed", line.text[:200]), full
            end = line.start + len(line.text)
            start = max(line.start, end - 200)
            return Flag("wire", name, "text", line.text[-200:], start, end), full
    for text in legal:
        if owner := agencies().named.search(text):
            return Flag("wire", agencies().of(owner.group()), "removed", text[:200]), True
    return None


def _credited(text: str) -> tuple[str, bool] | None:
    """The agency that a line credits, and whether with the whole."""
    known = agencies()
    if len(text) <= 400 and DESK.match(text):
        return "Reuters", True
    if NUMBER.search(text):
        return "dpa", True
    if (signed := SIGNED.search(text)) and (name := known.names.get(signed["by"].casefold())):
        return name, True
    if (end := END.search(text)) and (name := known.names.get(end["by"].strip().casefold())):
        return name, True
    if len(text) > 300:
        return None
    if name := known.names.get(text.strip(" .()[]—–-/").casefold()):
        return name, True
    for pattern, full in ((CREDIT, True), (WITH, False)):
        if match := pattern.match(text):
            by = next(value for value in match.groupdict().values() if value)
            if written := known.signed.search(by):
                return known.of(written.group()), full
    if (match := CONTRIBUTED.match(text)) and (written := known.named.match(text, 0, match.end())):
        return known.of(written.group()), False
    return None


def _by_citation(lines: Sequence[Line]) -> tuple[Flag, bool] | None:
    """What a text written by a machine reports by an agency's name: ``reported Reuters``."""
    for line in lines:
        for written in agencies().named.finditer(line.text):
            before = CITED.search(line.text[: written.start()])
            after = SAYS.match(line.text[written.end() :])
            if before or after:
                start = before.start() if before else written.start()
                end = written.end() + (after.end() if after and not before else 0)
                evidence, name = line.text[start:end], agencies().of(written.group())
                flag = Flag("wire", name, "text", evidence, line.start + start, line.start + end)
                return flag, False
    return None


def _place_in_byline(bylines: Sequence[str]) -> Flag | None:
    """``AFP, MANILA`` or ``Associated Press in Valencia``."""
    for byline in bylines:
        if len(byline) > 80 or not (found := in_byline(byline)):
            continue
        rest = byline[byline.find(found[1]) + len(found[1]) :].strip(" ,.-–—|")
        place = re.sub(r"^(?:in|aus|à|en|a|da|w|v|в)\s+", "", rest)
        sure = place[:1].isupper() and (place != rest or rest.isupper() or _alone(place))
        if sure and 2 < len(place) <= 30 and NAMED.fullmatch(place):
            return Flag("dateline", place, "byline", byline[:200])
    return None
