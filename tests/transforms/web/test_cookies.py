"""Who gets a cookie that was set on the way: the host that set it, and nobody after its end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.web.cookies import LONGEST, MOST, Cookies

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
DOOR = "https://www.news.example.co.uk/doors/1"


def sent(line: str, url: str = DOOR, door: str = DOOR) -> str | None:
    cookies = Cookies()
    cookies.take(line, door, NOW)
    return cookies.header(url)


@pytest.mark.parametrize(
    ("line", "header"),
    [
        ("seen=yes; Path=/", "seen=yes"),
        ("seen=yes", "seen=yes"),
        (" seen = yes ;HttpOnly; SameSite=Lax", "seen=yes"),
        ("seen=", "seen="),
        ("seen=a=b", "seen=a=b"),
        ('seen="a b"', 'seen="a b"'),
        ("seen=caf\u00e9", "seen=caf\u00e9"),
        ("seen=yes; Max-Age=60", "seen=yes"),
        (f"seen=yes; Max-Age={'9' * 5_000}", "seen=yes"),
        ("seen=yes; Max-Age=soon", "seen=yes"),
        ("seen=yes; Expires=Tue, 06-Jan-2026 12:00:00 GMT", "seen=yes"),
        ("seen=yes; Expires=Fri, 31 Dec 99999 23:59:59 GMT", "seen=yes"),
        ("seen=yes; Path=story", "seen=yes"),
        ("a=1\nb=2\na=3", "b=2; a=3"),
        ("a=1; Path=/\nb=2; Path=/doors", "b=2; a=1"),
        ("seen=yes; Max-Age=0", None),
        ("seen=yes; Max-Age=-1", None),
        ("seen=yes; Expires=Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("seen=yes; Expires=Mon, 01 Jan 0001 00:00:00 +1400", None),
        ("a=1\na=1; Max-Age=0", None),
        ("seen", None),
        ("=yes", None),
        ("", None),
        (None, None),
        ("seen=a\x01b", None),
        ("seen=" + "x" * LONGEST, None),
    ],
)
def test_what_is_kept(line, header):
    assert sent(line) == header


@pytest.mark.parametrize(
    ("line", "url", "gets"),
    [
        ("a=1", "https://www.news.example.co.uk/doors", True),
        ("a=1", "https://www.news.example.co.uk/doors/2/x", True),
        ("a=1", "https://www.news.example.co.uk/doorstep", False),
        ("a=1; Path=/", "https://www.news.example.co.uk/story", True),
        ("a=1; Path=/", "https://www.news.example.co.uk:8443", True),
        ("a=1; Path=/", "http://www.news.example.co.uk/", True),
        ("a=1; Path=/; Secure", "http://www.news.example.co.uk/", False),
        ("a=1; Path=/; Secure", DOOR, True),
        ("a=1; Path=/", "https://news.example.co.uk/", False),
        ("a=1; Path=/", "https://m.www.news.example.co.uk/", False),
        ("a=1; Path=/; Domain=.Example.co.uk", "https://m.example.co.uk/", True),
        ("a=1; Path=/; Domain=example.co.uk", "https://example.co.uk/", True),
        ("a=1; Path=/; Domain=example.co.uk", "https://notexample.co.uk/", False),
        ("a=1; Path=/; Domain=co.uk", "https://other.co.uk/", False),
        ("a=1; Path=/; Domain=co.uk", DOOR, False),
        ("a=1; Path=/; Domain=other.co.uk", "https://other.co.uk/", False),
    ],
)
def test_who_gets_it(line, url, gets):
    assert sent(line, url) == ("a=1" if gets else None)


def test_an_address_is_no_domain():
    assert sent("a=1; Path=/; Domain=0.0.1", "http://127.0.0.1/", "http://127.0.0.1/") is None
    assert sent("a=1; Path=/; Domain=127.0.0.1", "http://127.0.0.1/x", "http://127.0.0.1/") == "a=1"


def test_no_more_than_browsers_keep():
    header = sent("\n".join(f"c{n}=1" for n in range(MOST + 9)))
    assert len(header.split("; ")) == MOST


@given(st.text(), st.sampled_from([DOOR, "http://[::1]/", "http://x/"]))
def test_any_line_can_be_read(line, door):
    sent(line, door, door)
    sent(f"a=1; Max-Age={line}; Expires={line}; Domain={line}; Path={line}", door, door)
