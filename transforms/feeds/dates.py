"""Dates as feeds write them, and which of them are believed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import islice, pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from transforms.feeds.calendars import folded, month_first, months

LONGEST = 120
"""Characters; what is longer is no date. (That of a browser with its zone in words has 70.)"""
EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""What no page of the web can be: older than the web (year 1, 1601, 1970 and the like stand for
nothing; 1403 is Jalali), or of another calendar (2569 is Buddhist)."""

MONTHS = {name: number for number, name in enumerate(
    "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}  # fmt: skip
INTERNET = re.compile(
    r"(?:[A-Z][a-z]{2}, )?(\d{1,2}) ([A-Z][a-z]{2}) ([1-9]\d{3}) "
    r"(\d\d):(\d\d):(\d\d) (GMT|[+-]\d{4})",
    re.ASCII,
)
ISO = re.compile(
    r"([1-9]\d{3})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d:\d\d)", re.ASCII
)

ZONES = {"z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "west": 60, "bst": 60, "wat": 60,
         "cet": 60, "mez": 60, "met": 60, "cest": 120, "mesz": 120, "mest": 120, "cat": 120,
         "sast": 120, "eet": 120, "eest": 180, "idt": 180, "msk": 180, "eat": 180, "trt": 180,
         "gst": 240, "pkt": 300, "ist": 330, "wib": 420, "hkt": 480, "sgt": 480, "pht": 480,
         "myt": 480, "wita": 480, "awst": 480, "jst": 540, "kst": 540, "wit": 540, "acst": 570,
         "aest": 600, "acdt": 630, "aedt": 660, "nzst": 720, "nzdt": 780, "brt": -180,
         "art": -180, "ndt": -150, "nst": -210, "adt": -180, "ast": -240, "edt": -240,
         "est": -300, "cdt": -300, "cst": -360, "mdt": -360, "mst": -420, "pdt": -420,
         "pst": -480, "akdt": -480, "akst": -540, "hst": -600}  # fmt: skip
"""Abbreviations of zones to minutes, as news agencies mean them: CST is America's, IST India's."""
REGION = re.compile(r"[A-Z][A-Za-z]+(?:/[A-Z][A-Za-z_-]+){1,2}")
HALVES = r"a\.?\s?m\b\.?|p\.?\s?m\b\.?|π\.?\s?μ\b\.?|μ\.?\s?μ\b\.?|ص\b|م\b"
HALVES_BEFORE = r"\bam|\bpm|午前|午後|凌晨|清晨|早上|上午|下午|傍晚|晚上|午夜|오전|오후"
AFTERNOON = ("p", "μ", "م", "午後", "下午", "傍晚", "晚上", "오후")
CLOCK = re.compile(
    rf"(?:(?P<before>{HALVES_BEFORE})\s?)?(?<![\d:.,+-])(?P<hour>\d{{1,2}})"
    r"(?:\s?[:h時时点點시]\s?(?P<minute>\d\d?)(?!\d)"
    r"(?:\s?[:分분]\s?(?P<second>\d\d?)(?!\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    rf"|\s?(?:h|uhr)\b|\s?[時时点點시]|\s?(?={HALVES}))"
    rf"\s?[分분秒초]?\s?(?:uhr\b|hrs?\b)?\s?(?P<after>{HALVES})?"
)
DOTTED = re.compile(
    r"(?<![\d.])(?P<hour>\d{1,2})\.(?P<minute>\d\d)(?:\.(?P<second>\d\d))?(?![\d.])"
)
OFFSET = re.compile(r"\s?(?:gmt|utc?|z)?\s?([+-])(\d\d?)(?::?(\d\d))?(?![\d./-])")
OFFSET_OF_DAY = re.compile(r"([+-])(\d\d):(\d\d)$")
ABBREVIATION = re.compile(r"\s?\(?([a-z]{1,5})\b")
PARENTHESES = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})\s?[-/.年년]\s?(\d{1,2})\s?[-/.月월]\s?(\d{1,2})(?!\d)")
YEAR_LAST = re.compile(r"(?<!\d)(\d{1,2})\s?([-/.])\s?(\d{1,2})\s?\2\s?(\d{4}|\d\d)(?!\d)")
DIGITS = re.compile(
    r"(\d{4})(\d\d)(\d\d)(?:\s?t?(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?)?(?!\d)"
)
SINCE_1970 = re.compile(r"(\d{9,10})(?:\.\d{1,9})?|(\d{13})|(\d{16})")
"""Seconds, milliseconds or microseconds."""
NUMBER = re.compile(r"\d+")
WORD = re.compile(r"[^\s\d.,:;/()+-]+(?:\.[^\s\d.,:;/()+-]+)*")
"""With dots inside, as Thai shortens."""


class Day(NamedTuple):
    """A day, which there may not be."""

    year: int
    month: int
    day: int


def first_believed(texts: Iterable[str | None], locale: str = "en") -> datetime | None:
    """The first date among some that can be that of a page."""
    dates = (parse_date(text, locale) for text in texts)
    return next((date for date in dates if date and EARLIEST <= date < LATEST), None)


def parse_date(text: str | None, locale: str = "en") -> datetime | None:
    """A date in any form that people write, in UTC (taken as UTC without a zone); or None.

    Nothing is filled in from today's date: what lacks a day, a month or a year is no date.
    """
    text = text.strip() if text else ""
    if not text or len(text) > LONGEST:
        return None
    try:
        return _as_standards_write(text) or _as_people_write(text, locale)
    except (ValueError, OverflowError, OSError):  # no such day, hour or zone
        return None


def _as_standards_write(text: str) -> datetime | None:
    """RFC 5322 and RFC 3339, as most feeds have them: ten times as fast as any form."""
    try:
        if found := INTERNET.fullmatch(text):
            day, month, year, hour, minute, second, zone = found.groups()
            date = int(year), MONTHS.get(month, 0), int(day)
            time = int(hour), int(minute), int(second), 0
            return datetime(*date, *time, tzinfo=UTC) - _difference(zone)
        if found := ISO.fullmatch(text):
            year, month, day, hour, minute, second, fraction, zone = found.groups()
            micro = int((fraction or "").ljust(6, "0"))
            date = int(year), int(month), int(day)
            time = int(hour), int(minute), int(second), micro
            return datetime(*date, *time, tzinfo=UTC) - _difference(zone)
    except (ValueError, OverflowError):
        pass
    return None


def _difference(zone: str) -> timedelta:
    return timedelta() if zone in ("GMT", "Z") else _offset(zone[0], zone[1:3], zone[-2:])


def _offset(sign: str, hours: str, minutes: str | None) -> timedelta:
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return -offset if sign == "-" else offset


def _as_people_write(text: str, locale: str = "en") -> datetime | None:
    written, text = text, folded(text)
    if found := SINCE_1970.fullmatch(text):
        return _since_1970(*found.groups())
    if found := DIGITS.match(text):
        clocks = [found]
    else:  # a clock with dots may be a day: the last one that leaves a day is none
        clocks = [*islice(CLOCK.finditer(text), 1)] or [*DOTTED.finditer(text)][:-3:-1]
    for clock in (*clocks, None):
        if moment := _with_clock(text, clock, locale, _region(written)):
            return moment.astimezone(UTC)
    return None


def _with_clock(
    text: str, clock: re.Match[str] | None, locale: str, region: tzinfo
) -> datetime | None:
    """First the clock is taken out, then the zone behind it; the day is in what is left."""
    if clock is None:
        before, zone, after = text, _zone_of_day(text), ""
    else:
        zone, after = _zone(text[clock.end() :])
        before = text[: 8 if clock.re is DIGITS else clock.start()]
    day = _day(PARENTHESES.sub(" ", f"{before} {after}"), locale)
    if day is None:
        return None
    time = _since_midnight(**clock.groupdict()) if clock else timedelta()
    return datetime(*day, tzinfo=zone or region) + time


def _since_1970(seconds: str | None, milli: str | None, micro: str | None) -> datetime:
    count = int(seconds or milli or micro or 0)
    return datetime.fromtimestamp(count / (1 if seconds else 10**3 if milli else 10**6), UTC)


def _since_midnight(
    hour: str | None,
    minute: str | None = None,
    second: str | None = None,
    fraction: str | None = None,
    before: str | None = None,
    after: str | None = None,
) -> timedelta:
    """A time of day; 24:00 is the midnight that ends it."""
    hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
    half = before or after
    if half and hours <= 12:
        hours = hours % 12 + 12 * half.startswith(AFTERNOON)
    if hours * 60 + minutes > 24 * 60 or minutes > 59 or seconds > 60:
        raise ValueError(hour)
    micro = int((fraction or "")[:6].ljust(6, "0"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=micro)


def _zone(rest: str) -> tuple[tzinfo | None, str]:
    """The zone that follows the clock, if one does, and what follows that."""
    if found := OFFSET.match(rest):
        return timezone(_offset(*found.groups())), rest[found.end() :]
    found = ABBREVIATION.match(rest)
    if found and found[1] in ZONES:
        return timezone(timedelta(minutes=ZONES[found[1]])), rest[found.end() :]
    return None, rest


def _zone_of_day(text: str) -> tzinfo | None:
    """That of a day without a clock, as XML Schema writes it: 2026-01-05+01:00."""
    found = OFFSET_OF_DAY.search(text)
    return timezone(_offset(*found.groups())) if found else None


def _region(text: str) -> tzinfo:
    """A zone by its name, such as Europe/Berlin; or else UTC."""
    found = REGION.search(text)
    try:
        return ZoneInfo(found[0]) if found else UTC
    except (KeyError, ValueError, OSError):  # no such place
        return UTC


def _day(text: str, locale: str) -> Day | None:
    if found := DIGITS.match(text) or YEAR_FIRST.search(text):
        year, month, day, *_ = map(int, found.groups(default="0"))
        return Day(year, month, day)
    if found := YEAR_LAST.search(text):
        first, sign, second, end = found.groups()
        return _day_by_custom(int(first), int(second), _year(end), sign, locale)
    return _day_in_words(text, months(locale))


def _day_by_custom(first: int, second: int, year: int, sign: str, locale: str) -> Day:
    """Dots put the day first; with others the locale decides, where both numbers can be months."""
    if second > 12 or (sign != "." and first <= 12 and month_first(locale)):
        return Day(year, first, second)
    return Day(year, second, first)


def _day_in_words(text: str, names: dict[str, int]) -> Day | None:
    """The last name that is a month's counts: before it, `mar` is Tuesday."""
    words = WORD.findall(text)
    found = [name for name in (*map(" ".join, pairwise(words)), *words) if name in names]
    numbers = NUMBER.findall(text)
    days = [number for number in numbers if len(number) <= 2]
    years = [number for number in numbers if len(number) == 4] or days[1:]
    if not found or not days or not years:
        return None
    return Day(_year(years[0]), names[found[-1]], int(days[0]))


def _year(digits: str) -> int:
    year = int(digits)
    return year if len(digits) == 4 else year + (2000 if year < 70 else 1900)
