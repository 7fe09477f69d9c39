"""Dates as feeds of all languages write them, and those that cannot be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from babel.dates import format_date
from babel.dates import format_datetime as in_words
from hypothesis import given
from hypothesis import strategies as st

from config.load import load_feeds, shipped
from transforms.feeds.calendars import locale_of
from transforms.feeds.dates import _as_people_write, _as_standards_write, first_believed, parse_date
from transforms.workers import pool

ZONES = st.timezones() | st.integers(-839, 839).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
MOMENTS = st.datetimes(datetime(1900, 1, 2), datetime(2100, 1, 1), timezones=ZONES)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]


# Standards


@given(MOMENTS)
def test_standard_dates(moment):
    moment = moment.replace(tzinfo=timezone(_whole_minutes(moment)))
    for text, exact in (
        (format_datetime(moment), moment.replace(microsecond=0)),
        (moment.isoformat(timespec="microseconds"), moment),
        (moment.isoformat(timespec="milliseconds"), None),
    ):
        found = _as_standards_write(text)
        assert found == _as_people_write(text), text
        assert exact is None or found == exact


def _whole_minutes(moment: datetime) -> timedelta:
    offset = moment.utcoffset() or timedelta()
    return timedelta(minutes=offset // timedelta(minutes=1))


TIME = "[0-9]{2}:[0-9]{2}:[0-9]{2}"
INTERNET = rf"[0-9]{{1,2}} (Jan|Feb|Abc) [0-9]{{4}} {TIME} (GMT|[+-][0-9]{{4}})"
ISO = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{TIME}(Z|[+-][0-9]{{2}}:[0-9]{{2}})"


@given(st.from_regex(INTERNET, fullmatch=True) | st.from_regex(ISO, fullmatch=True))
def test_dates_that_may_not_exist(text):
    found = _as_standards_write(text)
    assert found is None or found == _as_people_write(text)


# Zones


@pytest.mark.parametrize(
    ("zone", "hour"),
    [
        ("GMT+0100", 9), ("GMT+01:00", 9), ("GMT+1", 9), ("GMT +0100", 9), ("UTC-3", 13),
        ("UTC+5:30", 4.5), ("gmt-0330", 13.5), ("GMT", 10), ("+01", 9), ("+0000", 10),
        ("GMT+0100 (Central European Standard Time)", 9), ("+0100 (CET)", 9), ("(CET)", 9),
        ("CET", 9), ("CEST", 8), ("MEZ", 9), ("IST", 4.5), ("EST", 15), ("PDT", 17), ("MSK", 7),
        ("JST", 1), ("AEDT", -1), ("NZST", -2), ("Europe/Berlin", 9), ("America/New_York", 15),
        ("+01:00[Europe/Berlin]", 9), ("Nowhere/Atall", 10), ("QQQ", 10),
    ],
)  # fmt: skip
def test_zones(zone, hour):
    wanted = utc(2024, 11, 20) + timedelta(hours=hour)
    assert parse_date(f"Wed, 20 Nov 2024 10:00:00 {zone}") == wanted
    assert parse_date(f"2024-11-20 10:00 {zone}") == wanted
    assert parse_date(f"20.11.2024 10:00 {zone}") == wanted


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("Wed Nov 20 10:00:00 CET 2024", 9),
        ("Wed Nov 20 10:00:00 +0200 2024", 8),
        ("Wed Nov 20 2024 10:00:00 GMT-0500 (Eastern Standard Time)", 15),
        ("20241120T100000Z", 10),
        ("2024-11-20+14:00", -14),
    ],
)
def test_zones_elsewhere(written, hour):
    assert parse_date(written) == utc(2024, 11, 20) + timedelta(hours=hour)


# Order and language


@pytest.mark.parametrize("locale", ["en-US", "en", "de", "ru", "ja"])
@pytest.mark.parametrize(
    "written", ["05.11.2024 09:30", "5.11.2024, 9:30 Uhr", "05.11.24 09:30", "05. 11. 2024 9h30"]
)
def test_dots_put_the_day_first(written, locale):
    assert parse_date(written, locale) == utc(2024, 11, 5, 9, 30)


@pytest.mark.parametrize(
    ("locale", "month", "day"),
    [
        ("en", 5, 11), ("en-US", 5, 11), ("en_US", 5, 11), ("en-us", 5, 11), ("nonsense!", 5, 11),
        ("en-GB", 11, 5), ("en-AU", 11, 5), ("fr", 11, 5), ("es-MX", 11, 5), ("ar", 11, 5),
        ("uk-XX", 11, 5), ("xx", 5, 11), ("und-FR", 11, 5), ("en-FR", 11, 5), ("und-US", 5, 11),
    ],
)  # fmt: skip
@pytest.mark.parametrize("sign", "/-")
def test_others_follow_the_language(locale, month, day, sign):
    assert parse_date(f"05{sign}11{sign}2024", locale) == utc(2024, month, day)
    assert parse_date(f"25{sign}11{sign}2024", locale) == utc(2024, 11, 25), "whatever they say"
    assert parse_date(f"11{sign}25{sign}2024", locale) == utc(2024, 11, 25)


@pytest.mark.parametrize(
    ("listed", "country", "declared", "locale"),
    [
        ("en", "GB", "en-us", "en-GB"), ("en", None, "en-GB", "en-GB"), ("de", None, "en-us", "de"),
        ("de", "AT", None, "de-AT"), (None, None, "fr", "fr"), (None, "CA", "fr", "fr-CA"),
        (None, "DE", "en-us", "en-us"), ("zh-Hant", "TW", "en", "zh-Hant"),
        (None, None, None, "en"), (None, "FR", None, "und-FR"), (None, "FR", "en", "en-FR"),
    ],
)  # fmt: skip
def test_whose_customs_count(listed, country, declared, locale):
    assert locale_of(listed, country, declared) == locale


DAYS = st.datetimes(datetime(1991, 1, 1), datetime(2068, 12, 31)).map(
    lambda at: at.replace(second=0, microsecond=0)
)
CATALOGUE = {feed.language for feed in load_feeds(shipped("feeds.yaml")) if feed.language}
OTHERS = {"en-GB", "pt", "nl", "pl", "cs", "sv", "tr", "el", "ar-LB"}


@pytest.mark.parametrize("language", sorted(CATALOGUE | OTHERS))
@given(at=DAYS)
def test_days_and_months_in_words(language, at):
    """As CLDR writes them: with weekdays, months long and short, and in digits."""
    locale = language.replace("-", "_")
    day = at.replace(hour=0, minute=0, tzinfo=UTC)
    for form in ("full", "long", "medium", "short"):
        assert parse_date(format_date(at, form, locale=locale), language) == day
    assert parse_date(format_date(at, "full", locale=locale)) == day, "no language is said"
    assert parse_date(in_words(at, "medium", locale=locale), language) == at.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("Montag, 5. Januar 2026", utc(2026, 1, 5)),
        ("Mo, 02 Mär 2026 10:00:00 +0100", utc(2026, 3, 2, 9)),
        ("02 Mrz 2026", utc(2026, 3, 2)),
        ("mar., 20 janv. 2026 10:00", utc(2026, 1, 20, 10)),
        ("20 AOÛT 2026 à 18h05", utc(2026, 8, 20, 18, 5)),
        ("20 aout 2026", utc(2026, 8, 20)),
        ("mar, 05 ene 2026 10:00:00 GMT", utc(2026, 1, 5, 10)),
        ("5 de septiembre de 2026", utc(2026, 9, 5)),
        ("Lunedì 5 Gennaio 2026 - 10:15", utc(2026, 1, 5, 10, 15)),
        ("Пн, 05 янв 2026 10:00:00 +0300", utc(2026, 1, 5, 7)),
        ("5 мая 2026 г., 9:30", utc(2026, 5, 5, 9, 30)),
        ("5 січня 2026 р. о 10:00", utc(2026, 1, 5, 10)),
        ("5 يناير 2026، 10:30 م", utc(2026, 1, 5, 22, 30)),
        ("٥ مارس ٢٠٢٦", utc(2026, 3, 5)),
        ("20 كانون الثاني 2026", utc(2026, 1, 20)),
        ("2026年1月5日 09:30", utc(2026, 1, 5, 9, 30)),
        ("2026年01月05日(月) 午後3時15分", utc(2026, 1, 5, 15, 15)),
        ("2026 年 1 月 5 日", utc(2026, 1, 5)),
        ("2026/1/5 下午3:15", utc(2026, 1, 5, 15, 15)),
        ("２０２６年１月５日", utc(2026, 1, 5)),
        ("2026. 1. 5. 오후 3:15", utc(2026, 1, 5, 15, 15)),
        ("5th of January 2026 at 3pm EST", utc(2026, 1, 5, 20)),
        ("12:05 a.m. January 5, 2026", utc(2026, 1, 5, 0, 5)),
        ("5. januar 2026 kl. 10.30", utc(2026, 1, 5, 10, 30)),
    ],
)
def test_a_feed_that_says_no_language(written, date):
    assert parse_date(written) == date


# Numbers and edges


@pytest.mark.parametrize(
    "written",
    ["1732091400", "1732091400.0", "1732091400000", "1732091400000000", "20241120083000",
     "202411200830", "20241120T083000Z", "2024-11-20T08:30Z"],
)  # fmt: skip
def test_digits(written):
    assert parse_date(written) == utc(2024, 11, 20, 8, 30)


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("Wed, 31 Dec 2025 24:00:00 GMT", utc(2026, 1, 1)),
        ("2025-12-31T24:00:00+01:00", utc(2025, 12, 31, 23)),
        ("2025-12-31 24:00", utc(2026, 1, 1)),
        ("2016-12-31T23:59:60Z", utc(2017, 1, 1)),
        ("Wed, 31 Dec 2025 9:5:7 GMT", utc(2025, 12, 31, 9, 5, 7)),
        ("2025-12-31 24:01", None),
        ("2025-12-31 25:00", None),
        ("2025-12-31 10:61", None),
        ("31 Apr 2026", None),
        ("31.04.2026", None),
        ("January 2026", None),
        ("2026", None),
        ("5 January", None),
        ("yesterday at 10:00", None),
        ("3 hours ago", None),
        ("12", None),
        ("٠٠", None),
    ],
)
def test_edges(written, date):
    assert parse_date(written) == date


@pytest.mark.parametrize("number", ["9" * 40 + "h 2026", "10:" + "9" * 40 + " 2026", "9" * 5_000])
def test_numbers_that_are_too_large_are_no_dates(number):
    assert parse_date(number) is None


MEGABYTE = ["1" * 10**6, "5 January 2026 " * 70_000, "( " * 500_000, ":1" * 500_000, " " * 10**6]


def test_a_date_of_a_megabyte_takes_no_time():
    """In a process that ends after some seconds; each of them, thousands of times."""
    future = pool.submit(1, 20, _read_often, MEGABYTE)
    assert pool.outcome(future, 20) == 0


def _read_often(texts: list[str]) -> int:
    return sum(parse_date(text) is not None for _ in range(2_000) for text in texts)


# What is not believed

IMPOSSIBLE = [
    "0001-01-01T00:00:00Z", "Mon, 01 Jan 0001 00:00:00 +0000", "1601-01-01", "30 Dec 1899",
    "1900-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 01:00:00 +0100",
    "1969-12-31T19:00:00-05:00", "1970-01-21 01:08:11", "0", "-1", "0000-00-00 00:00:00",
    "1403/08/30", "30-08-1403", "20 พ.ย. 2567", "2567-11-20", "9999-12-31T23:59:59Z",
]  # fmt: skip


@pytest.mark.parametrize("written", IMPOSSIBLE)
def test_dates_that_cannot_be_are_not_believed(written):
    assert first_believed([written]) is None
    assert first_believed([written, None, "soon", "2024-11-20"]) == utc(2024, 11, 20)


@given(st.text(alphabet="0123456789 -+:./TZ年月日hpmaJnFebMrAyuSOctNvDec", max_size=60))
def test_what_is_believed_can_be(text):
    date = first_believed([text])
    assert date is None or utc(1990, 1, 1) <= date < utc(2200, 1, 1)
