"""Place and agency that a text begins with: ``BERLIN, 3 May (dpa) – …``, ``【東京共同】…``.

Places that no list has are taken where something else speaks for them: an agency or a date beside
them, capitals before a dash, or a preposition before them elsewhere in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from config.line_rules import load_cities
from config.load import shipped
from transforms.text.agencies import agencies

LONGEST = 90
"""Characters of a text in which a dateline ends."""
SEPARATOR = re.compile(
    r"\s*(?:\.\s?[-–—]+|\s[-–—]{1,2}|(?<=\w)[–—]|-(?=\s)|[:·•|]|--|\.(?=\s)|=)\s*", re.UNICODE
)
BY = re.compile(r"(?:By|Von|Par|Por) [A-Z].*?\s(?P<place>[A-ZÀ-Ý]{3,}(?: [A-ZÀ-Ý]{3,})*)$")
BRACKETS = re.compile(r"\s*[(/\[«]\s*([^()/\[\]]{1,60}?)\s*[)/\]»]\s*")
DATE = re.compile(
    r"[,.]?\s*(?:\b(?:mon|tues|wednes|thurs|fri|satur|sun)day,? |\ble )?"
    r"(?:\d{1,2}[./]\s?\d{1,2}[./](?:\s?\d{2,4})?|\d{1,2}\.?(?:º"
    r"|er)?\s(?:de\s)?[^\W\d_]{3,12}\.?(?:,?\s(?:de\s)?\d{4})?"
    r"|[^\W\d_]{3,12}\.?\s\d{1,2}(?:,?\s\d{4})?|\d{4}-\d{2}-\d{2})\s*[,.]?\s*$",
    re.IGNORECASE,
)
WORD = re.compile(r"[^\W\d_][\w’'.-]*")
SMALL = frozenset(
    "de la le las los el del da do dos di am an der im ob der den a of on upon sur en aux bei les"
    " and ten op na nad pod".split()
)
NO_PLACES = frozenset(
    "exclusive update updated breaking watch video opinion analysis comment editorial live photos"
    " explainer correction advertisement sponsored interview review preview note summary facts"
    " factbox timeline podcast newsletter when where who what why how news sport sports latest"
    " alert developing report special feature profile recap highlights exklusiv kommentar analyse"
    " meinung anzeige eilmeldung interview hintergrund fakten porträt vidéo exclusif analyse"
    " tribune enquête récit reportage entretien direct editorial opinión análisis entrevista"
    " reportaje exclusiva esclusivo intervista commento срочно видео фото мнение интервью внимание"
    " wichtig achtung tipp info fazit quelle warning important tip".split()
)
PREPOSITIONS = frozenset(
    "in at near from to aus bei nach für von à en de a di da em no na te naar uit w we z ze do v ve"
    " в во из у з із під под i på till til fra från".split()
)
UNSPACED = (
    # 新华社北京1月1日电 · 中新网上海5月3日电 · （中央社記者王台北1日電） · （竹溪訊）
    re.compile(
        r"[（(【［\[]?(?:(?P<agency>新华社|新華社|新华网|中新社|中新网|中国新闻社|中央社|人民网)"
        r"(?:(?:记者|記者)[^\d，。]{2,12}?)?)?(?P<place>[\u4e00-\u9fff]{2,5}?)"
        r"(?:\d{1,2}月)?(?:\d{1,2}日)?(?:[综綜]合)?(?:专|專|外)?[电電訊讯][）)】］\]]?"
    ),
    # 【ワシントン共同】 · 【ロンドン時事】 · ［東京　３日　ロイター］
    re.compile(
        r"[【［\[](?P<place>[\u30a0-\u30ff\u4e00-\u9fffA-Za-z・]{2,14}?)[\s＝=,、]*(?:[\d０-９]{1,2}日)?\s*[-]?\s*"
        r"(?P<agency>共同|時事|ロイター|AP|ＡＰ|AFP|ＡＦＰ|AFP時事|ＡＦＰ時事|AP共同)[^】］\]]{0,12}[】］\]]"
    ),
    re.compile(r"【(?P<place>[\u30a0-\u30ff\u4e00-\u9fff・]{2,10})(?:＝?[^】]{2,12})?】"),
    # (서울=연합뉴스) · [서울=뉴시스]
    re.compile(r"[(\[](?P<place>[가-힣·]{2,8})=(?P<agency>[가-힣\d]{2,6})[)\]]"),
)
WIDE = {"共同": "Kyodo", "時事": "Jiji", "AFP時事": "AFP", "ＡＦＰ時事": "AFP", "ＡＦＰ": "AFP",
        "ＡＰ": "AP", "AP共同": "AP", "人民网": ""}  # fmt: skip
SURE = 2
"""The pattern of `UNSPACED` from which a place must be one that the list of cities has."""


class Dateline(NamedTuple):
    """What a text begins with."""

    place: str
    agency: str
    """Empty where none is named."""
    start: int
    end: int


@cache
def cities() -> frozenset[str]:
    """The cities as shipped, with case folded."""
    listed = load_cities(str(shipped("cities.yaml")))
    return frozenset(name.casefold() for country in listed for name in country.names)


def dateline_of(line: str, elsewhere: Callable[[], str]) -> Dateline | None:
    """The dateline that a line begins with; `elsewhere` gives headline and text beside it."""
    return _unspaced(line) or _spaced(line, elsewhere)


def _unspaced(line: str) -> Dateline | None:
    if not line or (line[0] < "\u1100" and line[0] not in "(["):
        return None
    for number, pattern in enumerate(UNSPACED):
        match = pattern.match(line)
        if not match:
            continue
        place = match["place"]
        written = match.groupdict().get("agency") or ""
        if number == SURE and place.casefold() not in cities():
            continue
        agency = WIDE.get(written) or agencies().names.get(written.casefold(), "")
        return Dateline(place, agency, match.start(), match.end())
    return None


def _spaced(line: str, elsewhere: Callable[[], str]) -> Dateline | None:
    """``(ANSA) - ROMA, 03 MAG - …``, ``Madrid, 3 may (EFE).- …``, ``МОСКВА, 3 мая. /ТАСС/. …``."""
    head = line[:LONGEST]
    begin, agency = 0, ""
    if (lead := BRACKETS.match(head)) and (agency := _agency(lead[1])):
        begin = lead.end()
        if gap := SEPARATOR.match(head, begin):
            begin = gap.end()
    for gap in SEPARATOR.finditer(head, begin + 2):
        sign = gap.group().strip()
        found = _place(head[begin : gap.start()], sign, line[gap.end() :], agency, elsewhere)
        if found:
            after = agencies().named.match(line, gap.end())  # МОСКВА, 3 мая — РИА Новости. …
            by = found[1] or (agencies().of(after.group()) if after else "")
            return Dateline(found[0], by, begin, gap.end())
    if not agency and (inner := BRACKETS.search(head)) and inner.start() > 2:
        found = _place(head[: inner.end()], "", line[inner.end() :], "", elsewhere)
        if found and found[1]:
            return Dateline(found[0], found[1], 0, inner.end())
    return None


def _agency(written: str) -> str:
    """The agency that brackets name, alone or with others: ``dpa/lby``, ``AP Photo`` is none."""
    known = agencies()
    for part in re.split(r"[/,;&-]| and | und | et ", written):
        if name := known.names.get(part.strip().casefold(), ""):
            return name
    return ""


def _place(
    head: str, sign: str, rest: str, agency: str, elsewhere: Callable[[], str]
) -> tuple[str, str] | None:
    """Place and agency of what stands before a separator, where it is a dateline at all."""
    named = False
    if inner := BRACKETS.search(head):
        agency = _agency(inner[1]) or agency
        if not _agency(inner[1]) or head[inner.end() :].strip(" .,"):
            return None
        named = True
        head = head[: inner.start()]
    elif "-" in head and (parts := re.split(r"\s[-–—]\s", head)) and _agency(parts[-1]):
        agency, head, named = _agency(parts[-1]), parts[0], True
    dated = DATE.search(head)
    place = (head[: dated.start()] if dated else head).strip(" ,.-–—")
    if written_by := BY.match(place):  # By Ada Vole GENEVA, 17 Feb (Reuters) - …
        place = written_by["place"]
    if not rest[:1] or not (2 <= len(place) <= 45) or re.search(r"\d", place):
        return None
    pieces = [piece.strip() for piece in re.split(r"[,/]", place) if piece.strip()]
    if not pieces or len(pieces) > 4 or not all(_named(piece) for piece in pieces):
        return None
    first = pieces[0].casefold()
    if first in NO_PLACES or first.split()[0] in NO_PLACES:
        return None
    known = any(piece.casefold() in cities() for piece in pieces)
    if not rest[0].isalnum() and rest[0] not in "\"'“”„«‘¿¡「":
        return None
    if named or (agency and (known or dated)):
        return place, agency
    if rest[0].islower():
        return None
    capitals = pieces[0].isupper() and len(pieces[0].split()) <= 3 and len(pieces[0]) > 2
    told = known or _told(pieces[0], elsewhere())
    if sign.startswith(".") and len(sign) == 1:
        fits = told and len(pieces) == 1 and len(place.split()) <= 2
    elif sign[:1] in ":|·•=":
        fits = known or (told and capitals)
    else:
        fits = told or bool(dated) or (capitals and len(sign) > 0)
    return (place, agency) if fits else None


def _named(piece: str) -> bool:
    """Whether words may be the name of a place."""
    words = piece.split()
    if len(words) > 5 or not all(WORD.fullmatch(word) for word in words):
        return False
    return (
        all(not word[0].islower() or word in SMALL for word in words) and not words[0][0].islower()
    )


def _told(place: str, elsewhere: str) -> bool:
    """Whether a place is named elsewhere, after a preposition."""
    for form in {place, place.title()}:
        at = elsewhere.find(form)
        while at > 0:
            before = elsewhere[max(0, at - 6) : at].split()
            follows = elsewhere[at + len(form) : at + len(form) + 1]
            apart = before and elsewhere[at - 1].isspace() and not follows.isalnum()
            if apart and before[-1].strip('(„“"').lower() in PREPOSITIONS:
                return True
            at = elsewhere.find(form, at + 1)
    return False
