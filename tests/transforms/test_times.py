"""The fast way and the patient way to read a date agree."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.times import _as_people_write, _as_standards_write, parse_date

ZONES = st.timezones() | st.integers(-839, 839).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
MOMENTS = st.datetimes(datetime(1900, 1, 2), datetime(2100, 1, 1), timezones=ZONES)


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


@pytest.mark.parametrize("number", ["9" * 40 + "h 2026", "10:" + "9" * 40 + " 2026", "9" * 5_000])
def test_numbers_that_are_too_large_are_no_dates(number):
    assert parse_date(number) is None
