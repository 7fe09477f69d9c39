"""Header fields are read as browsers read them, and no value of theirs is too much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.headers import by_name, media_type, whole_number


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ("text/html", "text/html"),
        ("text/html;charset=UTF-8", "text/html;charset=UTF-8"),
        ("text/html, text/html; charset=utf-8", "text/html; charset=utf-8"),
        ("text/html; charset=utf-8, text/html", "text/html; charset=utf-8"),
        ("text/html; charset=utf-8, text/html; charset=koi8-r", "text/html; charset=koi8-r"),
        ("text/plain, text/html", "text/html"),
        ("text/html, */*", "text/html"),
        ("text/html, charset=utf-8", "text/html; charset=utf-8"),
        ('text/html; title="a, b"; charset="utf-8"', 'text/html; title="a, b"; charset="utf-8"'),
        ("html; charset=utf-8", "; charset=utf-8"),
        ("text/; charset=koi8-r", "; charset=koi8-r"),
        ("/html", ""),
        ("text/html charset=utf-8", "; charset=utf-8"),
        ("unknown/unknown", ""),
        (",,,", ""),
        ("", ""),
        ('"', ""),
    ],
)
def test_a_type_that_is_given_twice_or_is_none(value, taken):
    assert media_type(value) == taken


def test_fields_that_come_more_than_once():
    fields = [
        ("Content-Type", "text/html"), ("content-type", "text/html; charset=utf-8"),
        ("ETag", '"1"'), ("ETag", '"2"'),
        ("Location", "/a"), ("location", "/a"),
        ("Cache-Control", "private"), ("Cache-Control", "max-age=60"),
        ("Set-Cookie", "a=1; Expires=Mon, 05 Jan 2026 12:00:00 GMT"), ("Set-Cookie", "b=2"),
    ]  # fmt: skip
    assert by_name(fields) == {
        "content-type": "text/html; charset=utf-8",
        "etag": '"1"',
        "location": "/a",
        "cache-control": "private, max-age=60",
        "set-cookie": "a=1; Expires=Mon, 05 Jan 2026 12:00:00 GMT\nb=2",
    }


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (None, None), ("", None), (" ", None), ("-1", None), ("+1", None), ("1.5", None),
        ("ten", None), ("5, 5", None), ("²", None), ("٣", None),
        ("0", 0), (" 7 ", 7), ("007", 7), ("1000", 1000), ("1001", 1000),
        ("9" * 5_000, 1000), ("0" * 5_000 + "5", 5),
    ],
)  # fmt: skip
def test_whole_numbers(text, number):
    assert whole_number(text, 1000) == number


@given(st.lists(st.tuples(st.text() | st.sampled_from(["Content-Type", "Set-Cookie"]), st.text())))
def test_any_fields_can_be_read(fields):
    by_name(fields)
