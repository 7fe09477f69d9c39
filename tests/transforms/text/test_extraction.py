"""From a page's bytes to its text and what it says of itself."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest

from transforms.bounds import LONGEST_LINE, LONGEST_TEXT
from transforms.decoding import decode
from transforms.records import Extraction, Unreadable
from transforms.text.extraction import LARGEST, extract_page
from transforms.text.language import language_of

URL = "https://news.example/a"
TEXTS = {
    "en": "The harbour board said on Tuesday that the new crane would not be delivered before the "
          "autumn, and that three ships would have to unload at the old pier until then.",
    "ru": "Портовая служба сообщила во вторник, что новый кран не будет доставлен раньше осени, "
          "а три судна до тех пор будут разгружаться у старого причала.",
    "fr": "La régie du port a annoncé mardi que la nouvelle grue ne serait pas livrée avant "
          "l’automne, et que trois navires déchargeraient d’ici là à l’ancien quai.",
    "ja": "港湾局は火曜日、新しいクレーンの納入は秋以降になると発表した。"
          "それまでの間、三隻の船は古い桟橋で荷を降ろすことになる。担当者は利用者に理解を求めた。",
    "zh-Hans": "港务局星期二表示，新的起重机要到秋天才能交付，"
               "在此之前三艘船只能在旧码头卸货。负责人请各家公司谅解，并说费用不会上涨。",
    "zh-Hant": "港務局星期二表示，新的起重機要到秋天才能交付，"
               "在此之前三艘船隻只能在舊碼頭卸貨。負責人請各家公司諒解，並說費用不會上漲。",
}  # fmt: skip


def page(text: str, head: str = "", lang: str = "", title: str = "A Crane Is Late") -> str:
    paragraphs = f"<p>{text}</p>" * 3
    return (
        f"<!DOCTYPE html><html{lang}><head>{head}<title>{title}</title></head><body>"
        f"<nav><a href='/'>Home</a> <a href='/w'>Weather report</a></nav>"
        f"<article><h1>{title}</h1>{paragraphs}</article>"
        f"<div id='comments'><p>First! What a bad crane, says one reader.</p></div>"
        f"<footer>All rights reserved, Harbour Gazette</footer></body></html>"
    )


def extract(html: str | bytes, content_type: str | None = "text/html") -> Extraction:
    body = html.encode() if isinstance(html, str) else html
    result = extract_page(body, content_type, URL)
    assert isinstance(result, Extraction), result
    return result


def test_the_article_and_nothing_else():
    found = extract(page(TEXTS["en"]))
    assert TEXTS["en"] in found.text
    assert "Weather report" not in found.text
    assert "says one reader" not in found.text
    assert found.title == "A Crane Is Late"
    assert found.extractor.startswith("trafilatura ")


def test_what_a_page_asks_of_robots():
    head = '<meta name="Robots" content="NoArchive, max-snippet:50"><meta name=robots content=noai>'
    assert extract(page(TEXTS["en"], head)).robots == ("noarchive", "max-snippet:50", "noai")
    assert extract(page(TEXTS["en"])).robots == ()


def test_what_a_page_says_of_itself():
    head = (
        '<meta name="author" content="Ann Mole">'
        '<meta property="article:published_time" content="2026-01-05T10:00:00+01:00">'
        '<link rel="stylesheet" href="/s.css"><link rel="nofollow  canonical" href="/crane">'
    )
    found = extract(page(TEXTS["en"], head, ' lang="en-GB"'))
    assert found.byline == "Ann Mole"
    assert found.published_at == datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert (found.byline_source, found.published_source) == ("meta", "meta")
    assert (found.canonical_link, found.language) == ("https://news.example/crane", "en")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ('<BASE HREF="/town/"><LINK REL="CANONICAL" HREF="crane">', "https://news.example/town/crane"),
        ('<base target="_top"><base href="//m.news.example/"><link rel=Canonical href=/crane>',
         "https://m.news.example/crane"),
        ('<base href="data:,x"><link rel=canonical href=crane>', "https://news.example/crane"),
        ('<link rel=canonical href=""><link rel=canonical href="/b">', "https://news.example/b"),
        ('<link rel=canonical href="/b"><link rel=canonical href="https://news.example/b">',
         "https://news.example/b"),
        ('<link rel=canonical href="/b"><link rel=canonical href="/c">', None),
        ('<link rel="not-canonical" href="/b">', None),
        ('<link rel=canonical>', None),
    ],
)  # fmt: skip
def test_a_canonical_address_is_read_as_html_says(head, expected):
    assert extract(page(TEXTS["en"], head)).canonical_link == expected


def test_texts_of_a_page_have_a_bound_and_show_their_cut():
    words = "The crane is late again. " * 400
    head = f"<title>{words}</title><meta name='author' content='{'Ann Mole ' * 400}'>"
    paragraphs = "".join(f"<p>{n} {words}</p>" for n in range(110))
    page = f"<html><head>{head}</head><body><article>{paragraphs}</article></body></html>"
    found = extract_page(page.encode(), "text/html", URL)
    assert isinstance(found, Extraction)
    for text, most in ((found.text, LONGEST_TEXT), (found.title, LONGEST_LINE)):
        assert (len(text), text[-1]) == (most, "…")
    assert len(found.byline or "") <= LONGEST_LINE


def test_what_a_page_does_not_say():
    found = extract(page(TEXTS["en"]))
    assert (found.byline, found.published_at, found.canonical_link) == (None, None, None)


@pytest.mark.parametrize(
    ("language", "codec", "head", "content_type"),
    [
        pytest.param("ru", "cp1251", "", "text/html; charset=windows-1251", id="by header"),
        pytest.param("ru", "cp1251", '<meta charset="windows-1251">', "text/html", id="by meta"),
        pytest.param("ru", "cp1251", '<meta http-equiv="Content-Type" content="text/html; '
                     'charset=windows-1251">', None, id="by meta of the old kind"),
        pytest.param("ru", "cp1251", '<meta charset="utf-8">', "text/html; charset=windows-1251",
                     id="header against meta"),
        pytest.param("ru", "utf-8-sig", "", "text/html; charset=windows-1251",
                     id="byte order mark against header"),
        pytest.param("ru", "utf-16", "", "text/html", id="UTF-16 by its mark"),
        pytest.param("ru", "cp1251", "", "text/html", id="windows-1251 without a word"),
        pytest.param("ru", "utf-8", "", None, id="UTF-8 without a word"),
        pytest.param("ja", "shift_jis", '<meta charset="Shift_JIS">', "text/html", id="Shift_JIS"),
        pytest.param("ja", "euc-jp", "", "text/html; charset=EUC-JP", id="EUC-JP"),
        pytest.param("zh-Hans", "gbk", '<meta charset="gb2312">', "text/html",
                     id="GBK called GB2312"),
        pytest.param("zh-Hant", "big5", '<meta charset="big5">', "text/html", id="Big5"),
        pytest.param("fr", "cp1252", "", "text/html; charset=iso-8859-1",
                     id="Windows called Latin-1"),
        pytest.param("fr", "utf-8", "", "text/html; charset=no-such-thing", id="unknown charset"),
        pytest.param("en", "utf-8", "", "text/html; charset=hex", id="a codec that is no charset"),
        pytest.param("fr", "utf-8", "", "text/html; charset=idna", id="a codec for hosts"),
        pytest.param("en", "utf-8", "", "; charset=utf-8", id="no type"),
        pytest.param("fr", "utf-8", '<meta charset="iso-8859-1">', "text/html",
                     id="UTF-8 called Latin-1 by meta"),
        pytest.param("zh-Hans", "utf-8", '<meta http-equiv="Content-Type" content="text/html; '
                     'charset=gb2312">', "text/html", id="UTF-8 called GB2312 by meta"),
        pytest.param("ru", "utf-8", "", "text/html; charset=windows-1251",
                     id="UTF-8 called windows-1251 by header"),
        pytest.param("ja", "utf-8", '<meta charset="Shift_JIS">', "text/html; charset=EUC-JP",
                     id="UTF-8 called two things"),
        pytest.param("ru", "utf-8", '<meta charset="utf-16">', "text/html; charset=UTF-16",
                     id="UTF-8 called UTF-16"),
        pytest.param("en", "ascii", '<meta charset="utf-16">', "text/html",
                     id="ASCII called UTF-16 by meta"),
        pytest.param("en", "ascii", "", "text/html; charset=utf-32le",
                     id="ASCII called UTF-32 by header"),
        pytest.param("ru", "cp1251", "", "text/html; charset=utf-16",
                     id="windows-1251 called UTF-16"),
        pytest.param("ru", "utf-16-le", "", "text/html; charset=utf-16le", id="UTF-16 by header"),
        pytest.param("ja", "iso2022_jp", "", "text/html; charset=iso-2022-jp", id="ISO-2022-JP"),
        pytest.param("zh-Hans", "hz", '<meta charset="hz-gb-2312">', "text/html", id="HZ"),
    ],
)  # fmt: skip
def test_encodings(language, codec, head, content_type):
    text = TEXTS[language]
    found = extract(page(text, head, title=text[:12]).encode(codec), content_type)
    assert text in found.text
    assert found.title == text[:12].strip()
    assert found.language == language


def test_a_page_that_is_a_packed_file_is_unpacked():
    whole = page(TEXTS["en"]).encode()
    body = gzip.compress(whole[:200]) + gzip.compress(whole[200:])
    assert TEXTS["en"] in extract(body).text
    for refused, reason in (
        (body[:-9], "the packed file ends early"),
        (b"\x1f\x8bnonsense", "not gzip"),
        (gzip.compress(b" " * (LARGEST + 1)), "the packed file is too large"),
        (gzip.compress(b"") * 2_000, "it is packed in more than 1,000 parts"),
    ):
        told = extract_page(refused, "text/html", URL)
        assert isinstance(told, Unreadable)
        assert told.error_type == "NotAPage"
        assert told.message.startswith(reason)


def test_bytes_that_fit_no_encoding_cost_themselves_alone():
    html = page(TEXTS["en"]).encode().replace(b"crane", b"cr\xff\x00ane", 1)
    assert "three ships would have to unload" in decode(html, "text/html; charset=utf-8")
    assert "three ships would have to unload" in extract(html, "text/html; charset=utf-8").text


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/html", "TEXT/HTML;charset=UTF-8", "application/xhtml+xml", "text/plain"],
)
def test_types_under_which_pages_come(content_type):
    assert TEXTS["en"] in extract(page(TEXTS["en"]), content_type).text


@pytest.mark.parametrize(
    ("body", "content_type", "error_type", "part"),
    [
        pytest.param(page(TEXTS["en"]).encode(), "application/pdf", "NotAPage", "application/pdf",
                     id="PDF"),
        pytest.param(b"GIF89a", "image/gif", "NotAPage", "image/gif", id="picture"),
        pytest.param(b'{"a": 1}', "application/json", "NotAPage", "application/json", id="JSON"),
        pytest.param(b"", "text/html", "NotAPage", "no HTML", id="empty"),
        pytest.param(b"   \n", "text/html", "NotAPage", "no HTML", id="blank"),
        pytest.param(b"%PDF-1.7 \xff\xd8", "text/html", "NotAPage", "no HTML",
                     id="PDF called HTML"),
        pytest.param(b"<html><body></body></html>", "text/html", "NoText", "no article text",
                     id="empty page"),
        pytest.param(b"<html><body><script>var a = 'x';</script></body></html>", "text/html",
                     "NoText", "no article text", id="script alone"),
    ],
)  # fmt: skip
def test_what_is_no_article(body, content_type, error_type, part):
    result = extract_page(body, content_type, URL)
    assert isinstance(result, Unreadable)
    assert result.error_type == error_type
    assert part in result.message


@pytest.mark.parametrize(
    ("text", "declared", "language"),
    [
        pytest.param(TEXTS["ru"], "en", "ru", id="a template that lies"),
        pytest.param(TEXTS["fr"], None, "fr", id="nothing declared"),
        pytest.param(TEXTS["en"], "en-GB", "en", id="regions are left out"),
        pytest.param(TEXTS["en"], "english", "en", id="nonsense declared"),
        pytest.param(TEXTS["zh-Hant"] * 2, "zh-CN", "zh-Hant", id="script by the text"),
        pytest.param(TEXTS["zh-Hans"], None, "zh-Hans", id="script, nothing declared"),
        pytest.param("Tak.", "cs", "cs", id="too short to tell"),
        pytest.param("1 2 3", "fr_FR", "fr", id="no letters"),
        pytest.param("1 2 3", None, None, id="no letters, nothing declared"),
    ],
)
def test_languages(text, declared, language):
    assert language_of(text, declared) == language
