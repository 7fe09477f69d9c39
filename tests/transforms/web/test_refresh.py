"""Which pages only send on, and where: what browsers follow before a reader has read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.records import Response
from transforms.web.refresh import LEAST_TEXT, SEARCHED, refresh_target

URL = "https://news.example/go/1?a=b"
STORY = "https://news.example/story"
TEXT = "<p>" + "The ferry waits for the last of the cyclists. " * 40 + "</p>"


def leads(page: str = "", kind: str | None = "text/html", **headers: str) -> str | None:
    told = {"content-type": kind, **headers} if kind else headers
    answer = Response(URL, 200, told, page.encode(), (), datetime.now(UTC), 0, 0)
    return refresh_target(answer)


def meta(content: str, more: str = "") -> str:
    head = f'<head><meta http-equiv="refresh" content="{content}">{more}</head>'
    return f"<html>{head}<p>Wait</p></html>"


@pytest.mark.parametrize(
    "page",
    [
        meta("0;url=/story"),
        meta("0; URL=/story"),
        meta("0; url='/story'"),
        meta("0;url=&quot;/story&quot;"),
        meta("0;url='/story' and what follows"),
        meta(" 0 ; Url = /story "),
        meta("0, url=/story"),
        meta("0;/story"),
        meta("0 /story"),
        meta("0.5;url=/story"),
        meta(".5;url=/story"),
        meta("00;url=/story"),
        meta("5; url=/story"),
        meta("30; url=/story"),
        meta("0;url=https://news.example/story"),
        meta("0;url=//news.example/story"),
        meta("0;url=../story"),
        meta("0;url=/s&#116;ory"),
        meta("0;url=/story", '<meta http-equiv="refresh" content="0;url=/other">'),
        meta("0;url=story", '<base href="/">'),
        "<META CONTENT='0;URL=/story' HTTP-EQUIV='Refresh'>",
        "<meta http-equiv=refresh content=0;url=/story>",
        "<meta\n\thttp-equiv = refresh\n\tcontent = '0;url=/story' />",
        "<meta content='it\\'s'><meta http-equiv=refresh content='0;url=/story'>",
        "<noscript><meta http-equiv=refresh content='0;url=/story'></noscript>",
        "<noscript><meta http-equiv=refresh content='0;url=/unscripted'></noscript>"
        "<meta http-equiv=refresh content='0;url=/story'>",
        "<!-- <meta http-equiv=refresh content='0;url=/old'> -->" + meta("0;url=/story"),
        "<script>'<meta http-equiv=refresh content=0;url=/old>'</script>" + meta("0;url=/story"),
        meta("1;url=/story", TEXT),
    ],
)
@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/xhtml+xml", None])
def test_pages_that_only_send_on(page, kind):
    assert leads(page, kind) == STORY


@pytest.mark.parametrize("value", ["0;url=/story", "0; URL='/story'", "2;/story", "20; url=/story"])
def test_the_header_does_as_much(value):
    assert leads("<p>Wait</p>", refresh=value) == STORY
    assert leads("", "application/octet-stream", refresh=value) == STORY


@pytest.mark.parametrize(
    "page",
    [
        meta("0"),
        meta("0;"),
        meta("0;url="),
        meta("0;url=#top"),
        meta("0;url=/go/1?a=b"),
        meta("0;url=https://news.example:443/go/1?a=b&amp;utm_source=self"),
        meta("0;url=javascript:next()"),
        meta("0;url=ftp://news.example/story"),
        meta("0;url=http://me:secret@news.example/story"),
        meta("0;url=http://[::1"),
        meta("31;url=/story"),
        meta("300; url=/story"),
        meta("9" * 5_000 + ";url=/story"),
        meta("soon;url=/story"),
        meta("-1;url=/story"),
        meta("url=/story"),
        meta("5;url=/next", TEXT),
        "<noscript><meta http-equiv=refresh content='0;url=/unscripted'></noscript>" + TEXT,
        "<meta name=refresh content='0;url=/story'>",
        "<meta http-equiv=refresh-not content='0;url=/story'>",
        "<metadata http-equiv=refresh content='0;url=/story'>",
        "<!-- <meta http-equiv=refresh content='0;url=/story'>",
        "<script>var a = \"<meta http-equiv=refresh content='0;url=/story'>\"</script>",
        "<textarea><meta http-equiv=refresh content='0;url=/story'></textarea>",
        "<p>&lt;meta http-equiv=refresh content='0;url=/story'&gt;</p>",
        " " * SEARCHED + meta("0;url=/story"),
    ],
)
def test_pages_that_are_to_be_read(page):
    assert leads(page) is None


@pytest.mark.parametrize("value", ["300", "0", "5;url=/story", "60; url=/story", "9" * 5_000])
def test_a_header_that_reloads_or_waits_leaves_a_text_to_be_read(value):
    assert leads(TEXT, refresh=value) is None
    assert len(TEXT) > LEAST_TEXT


def test_what_is_no_page_sends_nobody_on():
    assert leads(meta("0;url=/story"), "text/plain") is None
    feed = f"<?xml version='1.0'?><rss><description><![CDATA[{meta('0;url=/x')}]]></description>"
    assert leads(feed) is None


@given(st.text(), st.text(alphabet="<>\"'=;0 meturlhpqivfscon-/!"))
def test_any_page_can_be_read(value, markup):
    leads(f"{meta(value)}{markup}<meta http-equiv=refresh content={markup}", refresh=value)


@pytest.mark.parametrize(
    "part",
    ["<meta ", "<meta a=\"", "<!--", "<script>", "<noscript>", "<", "<meta =", "a", " ", "=\"'",
     "<meta http-equiv=refresh content=", "&#", "<base href=\"", "1", "<meta\t", "<meta a=' "],
)  # fmt: skip
def test_what_is_made_to_be_slow_is_not(part):
    """What grows with the square of a page would take minutes, and this test with it."""
    page = "refresh" + part * (SEARCHED // len(part))
    assert leads(page, refresh=part * 20_000) is None
    assert leads(meta(part * (SEARCHED // len(part)))) is None
    leads(meta("0;url=/story", part * (SEARCHED // len(part))))
