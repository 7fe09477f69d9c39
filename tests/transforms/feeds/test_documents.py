"""Feed documents as they are written out there."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.models import LONGEST_ADDRESS
from tests.kit.examples import examples
from transforms.bounds import LONGEST_DATE, LONGEST_ID, LONGEST_LINE, LONGEST_SUMMARY
from transforms.feeds.dates import parse_date
from transforms.feeds.documents import LARGEST, LONGEST_CONTENT, parse_feed
from transforms.feeds.texts import LONGEST_NAME
from transforms.records import Entry, FeedDocument, Hints, Unreadable
from transforms.urls import TOO_LONG
from transforms.workers import pool

URL = "https://news.example/world/feed.xml"

RSS = """\
<?xml version="1.0"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"><channel>
<title>Harbour Gazette</title><link>https://news.example/</link><language>en-GB</language>
<item>
  <title>Port &amp;amp; pier: <![CDATA[<b>all</b> quiet]]></title>
  <link>https://news.example/1</link>
  <guid isPermaLink="false">g-1</guid>
  <dc:creator>Ann Mole</dc:creator>
  <description>&lt;p&gt;Nothing   moved.&lt;/p&gt;&lt;p&gt;Nothing will.&lt;/p&gt;</description>
  <pubDate>Mon, 05 Jan 2026 10:00:00 +0100</pubDate>
</item>
<item><title>Second</title><link>/2?a=1&amp;b=2</link></item>
</channel></rss>"""
ATOM = """\
<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de" xml:base="https://base.example/x/">
<title>Hafenblatt</title>
<entry><title type="html">Eins &amp;lt;b&amp;gt;</title><id>tag:1</id>
  <link rel="self" href="self"/><link href="1.html"/><author><name>Bo Deich</name></author>
  <updated>2026-01-05T11:00:00Z</updated><published>2026-01-05T10:00:00Z</published>
  <summary>Kurz</summary></entry>
<entry xml:base="sub/"><title>Zwei</title><id>tag:2</id><link rel="alternate" href="2.html"/>
  <updated>2026-01-05T12:00:00+02:00</updated></entry>
</feed>"""
RDF = """\
<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel rdf:about="https://news.example/"><title>R</title></channel>
<item rdf:about="https://news.example/r1"><title>One</title><link>https://news.example/r1</link>
<dc:date>2026-01-05T10:00+09:00</dc:date></item></rdf:RDF>"""
JSON = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "J",
    "language": "en",
    "items": [
        {"id": 1, "url": "/j1", "title": "One <i>more</i>", "summary": "S",
         "date_published": "2026-01-05T10:00:00-05:00",
         "authors": [{"name": "Ann Mole"}, {"name": "Bo Deich"}]},
    ],
}  # fmt: skip


def rss_item(elements: str) -> str:
    """RSS whose first entry has these elements."""
    spaces = 'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc='
    return f"""<rss version="2.0" {spaces}"http://purl.org/dc/elements/1.1/"><channel><title>T</title>
        <item><title>One</title>{elements}</item></channel></rss>"""


def json_item(**values: object) -> str:
    return json.dumps({**JSON, "items": [{**JSON["items"][0], **values}]})


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]


def read(body: bytes | str, content_type: str | None = None, url: str = URL) -> FeedDocument:
    body = body.encode() if isinstance(body, str) else body
    document = parse_feed(body, {"content-type": content_type} if content_type else {}, url)
    assert isinstance(document, FeedDocument), document
    return document


def refuse(body: bytes | str, content_type: str | None = None) -> Unreadable:
    body = body.encode() if isinstance(body, str) else body
    document = parse_feed(body, {"content-type": content_type} if content_type else {}, URL)
    assert isinstance(document, Unreadable), document
    return document


def item(*elements: str, head: str = "") -> Entry:
    """The one entry of an RSS document."""
    text = "".join(elements)
    (entry,) = read(
        f'{head}<rss version="2.0"><channel><item>{text}</item></channel></rss>'
    ).entries
    return entry


# Formats


def test_rss():
    document = read(RSS, "application/rss+xml")
    assert document[:3] == ("rss20", "Harbour Gazette", "en-GB")
    assert document.warning is None
    assert document.entries == (
        Entry("https://news.example/1", "g-1", "Port & pier: all quiet", "Ann Mole",
              "Nothing moved. Nothing will.", utc(2026, 1, 5, 9),
              "Mon, 05 Jan 2026 10:00:00 +0100"),
        Entry("https://news.example/2?a=1&b=2", None, "Second", None, None, None, None),
    )  # fmt: skip


def test_atom_with_bases():
    document = read(ATOM)
    assert document[:3] == ("atom10", "Hafenblatt", "de")
    first, second = document.entries
    assert first.url == "https://base.example/x/1.html"
    assert (first.guid, first.byline, first.summary) == ("tag:1", "Bo Deich", "Kurz")
    assert first.published_at == utc(2026, 1, 5, 10), "published goes before updated"
    assert second.url == "https://base.example/x/sub/2.html"
    assert second.published_at == utc(2026, 1, 5, 10), "updated, where there is nothing else"


def test_rdf():
    document = read(RDF)
    assert document.format == "rss10"
    assert document.entries[0].url == "https://news.example/r1"
    assert document.entries[0].published_at == utc(2026, 1, 5, 1)


def test_json_feed():
    document = read(json.dumps(JSON), "application/feed+json")
    assert document[:3] == ("json11", "J", "en")
    assert document.entries == (
        Entry("https://news.example/j1", "1", "One more", "Ann Mole, Bo Deich", "S",
              utc(2026, 1, 5, 15), "2026-01-05T10:00:00-05:00"),
    )  # fmt: skip


def test_json_feed_of_the_first_version():
    old = {"version": "https://jsonfeed.org/version/1", "title": "J", "items": [
        {"id": "a", "external_url": "http://x.example/", "author": {"name": "Ann"},
         "date_modified": "2026-01-05"}]}  # fmt: skip
    document = read("\ufeff \n" + json.dumps(old), "text/plain")
    assert document.format == "json1"
    assert document.entries[0] == Entry(
        "http://x.example/", "a", None, "Ann", None, utc(2026, 1, 5), "2026-01-05", "2026-01-05"
    )


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"id": None, "title": 7, "summary": [], "authors": "Ann"}, id="wrong types"),
        pytest.param({"url": {"a": 1}, "author": ["Ann"], "date_published": 20260105}, id="others"),
        pytest.param({"authors": [None, {"name": 1}, {}], "url": "http://["}, id="empty authors"),
        pytest.param({"id": "\ud800", "url": "http://x.example/\ud800"}, id="half characters"),
        pytest.param({"title": "<" * 500 + "x", "date_published": "9" * 500}, id="nonsense"),
    ],
)
def test_json_feeds_with_odd_items_lose_only_what_is_odd(odd):
    document = read(json.dumps({**JSON, "items": [odd, None, "x", *JSON["items"]]}))
    assert len(document.entries) == 2
    assert document.entries[0].published_at is None
    assert document.entries[1].title == "One more"


ATOM_DATE = '<x:updated xmlns:x="http://www.w3.org/2005/Atom">2026-01-06T08:00:00Z</x:updated>'


@pytest.mark.parametrize(
    ("body", "updated"),
    [
        pytest.param(RSS, [None, None], id="RSS has none"),
        pytest.param(RSS.replace("<pubDate>", ATOM_DATE + "<pubDate>"),
                     ["2026-01-06T08:00:00Z", None], id="RSS with Atom's"),
        pytest.param(RDF, ["2026-01-05T10:00+09:00"], id="RDF has one date for all"),
        pytest.param(ATOM, ["2026-01-05T11:00:00Z", "2026-01-05T12:00:00+02:00"], id="Atom"),
        pytest.param(json.dumps(JSON), [None], id="JSON Feed without"),
        pytest.param(json.dumps(JSON).replace('"summary"', '"date_modified": "today", "summary"'),
                     ["today"], id="JSON Feed"),
        pytest.param(json.dumps(JSON).replace('"summary"', '"date_modified": 7, "summary"'),
                     [None], id="JSON Feed with a number"),
    ],
)  # fmt: skip
def test_dates_of_change_are_kept_as_they_are_written(body, updated):
    assert [entry.updated_raw for entry in read(body).entries] == updated


# Entries that lack something


@pytest.mark.parametrize(
    ("elements", "url", "guid"),
    [
        pytest.param("<guid>https://news.example/g</guid>", "https://news.example/g",
                     "https://news.example/g", id="guid is the link"),
        pytest.param('<guid isPermaLink="false">https://news.example/g</guid>',
                     "https://news.example/g", "https://news.example/g",
                     id="guid is a web address though it denies it"),
        pytest.param("<guid isPermaLink='false'>g7</guid>", None, "g7", id="guid is none"),
        pytest.param("<link>http://news.example/a</link><guid>http://other.example/</guid>",
                     "http://news.example/a", "http://other.example/", id="both"),
        pytest.param("<link/>", None, None, id="empty link"),
        pytest.param("<link>   \n </link>", None, None, id="blank link"),
        pytest.param("<link>\n http://news.example/a\n</link>", "http://news.example/a", None,
                     id="link with white space"),
        pytest.param("<link><![CDATA[http://news.example/a?b=1&c=2]]></link>",
                     "http://news.example/a?b=1&c=2", None, id="link in CDATA"),
        pytest.param("<link>mailto:desk@news.example</link>", None, None, id="no web address"),
        pytest.param("<link>news.html</link>", "https://news.example/world/news.html", None,
                     id="relative to the feed"),
    ],
)  # fmt: skip
def test_links_and_guids(elements, url, guid):
    entry = item("<title>T</title>", elements)
    assert (entry.url, entry.guid) == (url, guid)


ENDLESS = "/" + "a" * LONGEST_ADDRESS


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(rss_item(f"<title>T</title><link>{ENDLESS}</link>"), id="RSS"),
        pytest.param(ATOM.replace('href="', f'href="{ENDLESS}'), id="Atom"),
        pytest.param(json_item(title="T", url=ENDLESS), id="JSON"),
    ],
)
def test_an_endless_link_is_refused_with_a_reason(body):
    entry = read(body).entries[0]
    assert (entry.url, entry.refused) == (None, TOO_LONG)


def test_an_entry_of_nothing():
    assert item() == Entry(None, None, None, None, None, None, None)


LONG = "<p>" + "The crane is late, and so are the ships. " * 30 + "</p>"


LINES = "Three barges wait outside of the lock, with a choir. " * 2 + "It sings on the quay."


@pytest.mark.parametrize(
    ("body", "content"),
    [
        pytest.param(rss_item(f"<description>Short</description><content:encoded><![CDATA[{LONG}]]>"
                          "</content:encoded>"), LONG, id="content:encoded"),
        pytest.param(rss_item("<content:encoded>A teaser of one line</content:encoded>"), None,
                     id="a teaser"),
        pytest.param(rss_item(f"<content:encoded><![CDATA[{LONG}]]></content:encoded>"), LONG,
                     id="without a summary"),
        pytest.param(ATOM.replace("<summary>Kurz</summary>",
                                  f"<content type='html'><![CDATA[{LONG}]]></content>"
                                  "<summary>Kurz</summary>"), LONG, id="Atom"),
        pytest.param(json_item(content_html=LONG), LONG, id="JSON, html"),
        pytest.param(json_item(content_text="One & two. " * 60 + "\n\nThree."),
                     "<p>" + "One &amp; two. " * 60 + "</p><p>Three.</p>", id="JSON, text"),
        pytest.param(json_item(content_html=5, content_text=[LONG]), None, id="JSON, nonsense"),
    ],
)  # fmt: skip
def test_the_whole_text_of_an_entry_is_kept(body, content):
    assert read(body).entries[0].content == content


@pytest.mark.parametrize(
    ("body", "post"),
    [
        pytest.param(rss_item(f"<content:encoded>{LINES}</content:encoded>"), LINES, id="content"),
        pytest.param(rss_item("<content:encoded>Goal!</content:encoded>"), None, id="a teaser"),
        pytest.param(rss_item(f"<description>{LINES}</description>"), None, id="a summary"),
        pytest.param(rss_item(f"<description>{LINES * 5}</description>"), LINES * 5,
                     id="a summary as long as a text"),
        pytest.param(json_item(content_html=LINES), LINES, id="JSON"),
    ],
)  # fmt: skip
def test_a_short_text_may_be_the_whole_one_of_an_entry_that_shares_its_page(body, post):
    (entry,) = read(body).entries
    assert (entry.content, entry.post) == (None, post)


def test_endless_content_is_cut():
    endless = f"<content:encoded><![CDATA[{LONG * 1_000}]]></content:encoded>"
    assert len(read(rss_item(endless)).entries[0].content) == LONGEST_CONTENT


@pytest.mark.parametrize(
    ("elements", "hints"),
    [
        ("", Hints()),
        ("<ttl> 60 </ttl>", Hints(ttl=3_600)),
        ("<ttl>soon</ttl>", Hints()),
        ("<ttl>-5</ttl>", Hints()),
        ("<ttl>99999999999</ttl>", Hints()),
        ("<ttl>9999999</ttl>", Hints(ttl=30 * 86_400)),
        ("<sy:updatePeriod> hourly </sy:updatePeriod>", Hints(update_seconds=3_600)),
        ("<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>",
         Hints(update_seconds=21_600)),
        ("<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>",
         Hints(update_seconds=86_400)),
        ("<sy:updatePeriod>sometimes</sy:updatePeriod>", Hints()),
        ("<skipHours><hour>1</hour><hour> 22 </hour><hour>24</hour><hour>77</hour></skipHours>",
         Hints(skip_hours=(0, 1, 22))),
        ("<skipdays><day>Sunday</day><day>monday</day><day>Noday</day></skipdays>",
         Hints(skip_days=(0, 6))),
    ],
)  # fmt: skip
def test_when_a_feed_wants_to_be_asked(elements, hints):
    assert read(RSS.replace("<language>", elements + "<language>")).hints == hints


OLD_FORMATS = {
    "rss091u": """<rss version="0.91"><channel><title>Old</title><item><title>One</title>
        <link>https://news.example/1</link></item></channel></rss>""",
    "atom03": """<feed version="0.3" xmlns="http://purl.org/atom/ns#"><title>Old</title><entry>
        <title>One</title><link rel="alternate" href="https://news.example/1"/>
        <issued>2026-01-05T10:00:00Z</issued></entry></feed>""",
    "unknown": """<CHANNEL HREF="https://news.example/"><TITLE>Old</TITLE>
        <ITEM HREF="https://news.example/1"><TITLE>One</TITLE></ITEM></CHANNEL>""",
    "rss090": """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
        xmlns="http://my.netscape.com/rdf/Simple/0.9/"><channel><title>Old</title></channel>
        <item><title>One</title><link>https://news.example/1</link></item></rdf:RDF>""",
}


@pytest.mark.parametrize("version", OLD_FORMATS)
def test_formats_of_old(version):
    document = read(OLD_FORMATS[version])
    assert (document.format, document.title) == (version, "Old")
    (entry,) = document.entries
    assert (entry.url, entry.title) == ("https://news.example/1", "One")


@pytest.mark.parametrize("name", ["a", "longer"])
def test_entities_that_swell_without_measure_are_refused(name):
    body = f"""<!DOCTYPE rss [<!ENTITY {name} "{"x" * 10_000}">]>
        <rss version="2.0"><channel><title>{f"&{name};" * 1_000}</title></channel></rss>"""
    assert parse_feed(body.encode(), {}, URL) == Unreadable(
        "MalformedFeed", "its entities would swell without measure"
    )


ENTITIES = "".join(f'<!ENTITY e{n} "x">\n' for n in range(60_000))


@pytest.mark.parametrize(
    ("beginning", "reason"),
    [
        pytest.param(f"<!DOCTYPE rss [{ENTITIES}]>", "before its first element", id="entities"),
        pytest.param("<!ENTITY \n" * 9_000, "declarations do not end", id="open entities"),
        pytest.param("<!DOCTYPE \n" * 9_000, "declarations do not end", id="open doctypes"),
        pytest.param("<?xml " + "encoding='" * 9_000, "XML declaration does not", id="encodings"),
    ],
)
def test_a_beginning_that_is_a_burden_is_refused(beginning, reason):
    problem = refuse(beginning + RSS.partition("\n")[2])
    assert (problem.error_type, reason in problem.message) == ("MalformedFeed", True)


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("blanks", ["\n" * 1_000_001, "\r\n \t" * 300_001], ids=["lines", "mixed"])
def test_blanks_before_the_first_element_are_nothing(blanks, codec):
    body = f"\ufeff{blanks}<!-- old --> {blanks}{RSS.partition(chr(10))[2]}".encode(codec)
    assert [entry.url for entry in read(body).entries] == [
        "https://news.example/1", "https://news.example/2?a=1&b=2"]  # fmt: skip


def test_a_feed_of_one_line_may_speak_of_encodings():
    talk = "&lt;?xml encoding='utf-8' " * 5_000
    (entry,) = read(
        f"<?xml version='1.0'?>{rss_item(f'<description>{talk}</description>')}"
    ).entries
    assert entry.title == "One"


def test_entities_among_the_text_cost_no_more_than_their_length():
    (entry,) = read(rss_item(f"<description><![CDATA[{ENTITIES}]]></description>")).entries
    assert entry.title == "One"


def test_small_entities_are_read():
    body = RSS.replace("<rss ", '<!DOCTYPE rss [\n<!ENTITY pier "Old Pier">]>\n<rss ', 1)
    assert read(body.replace("Second", "The &pier;")).entries[1].title == "The Old Pier"


def test_a_long_summary_is_cut():
    summary = item(f"<description>{'word ' * 5_000}</description>").summary
    assert (len(summary), summary[-1]) == (LONGEST_SUMMARY, "…")


ENDLESS_TEXTS = {
    "RSS": rss_item("<title>{0}</title><author>{0}</author><guid>{0}</guid><pubDate>{0}</pubDate>"
                    "<description>{0}</description>").replace("<title>One</title>", ""),
    "JSON": json_item(title="{0}", authors=[{"name": "{0}"}], id="{0}", date_published="{0}",
                      date_modified="{0}", summary="{0}").replace("{", "{{").replace("}", "}}")
            .replace("{{0}}", "{0}"),
}  # fmt: skip


@pytest.mark.parametrize("form", ENDLESS_TEXTS)
def test_every_text_of_an_entry_has_a_bound_and_shows_its_cut(form):
    entry = read(ENDLESS_TEXTS[form].format("word" * 100_000)).entries[0]
    bounds = {"title": LONGEST_LINE, "byline": LONGEST_NAME, "summary": LONGEST_SUMMARY,
              "published_raw": LONGEST_DATE}  # fmt: skip
    for name, most in bounds.items():
        assert getattr(entry, name) in (None, "word" * (most // 4 - 1) + "wor…"), name
    assert entry.title


def test_endless_ids_are_cut_and_still_tell_entries_apart():
    first, second = (item(f"<guid>{'g' * 50_000}{n}</guid>") for n in range(2))
    assert len(first.guid) == len(second.guid) == LONGEST_ID
    assert first.guid != second.guid
    assert first.guid == item(f"<guid>{'g' * 50_000}0</guid>").guid
    assert "g…" in first.guid


def test_less_than_is_no_markup():
    assert item("<title>Yields &amp;lt; 3 % as prices rise</title>").title == (
        "Yields < 3 % as prices rise"
    )


@pytest.mark.parametrize("reference", ["&#xD800;", "&#1114112;", "&#99999999999999999999;"])
def test_a_reference_to_no_character_costs_that_character_alone(reference):
    entry = item(f"<title>left {reference} right &#8364;</title><link>http://x.example/</link>")
    assert entry.title == "left \ufffd right €"
    assert entry.url == "http://x.example/"


def test_entities_of_html():
    assert item("<title>caf&eacute;&nbsp;bar</title>").title == "café bar"


# Dates


@pytest.mark.parametrize(
    ("written", "date"),
    [
        pytest.param("Mon, 05 Jan 2026 10:00:00 GMT", utc(2026, 1, 5, 10), id="RFC 822"),
        pytest.param("Mon, 5 Jan 2026 10:00:00 EST", utc(2026, 1, 5, 15), id="American zone"),
        pytest.param("Tue, 6 Jan 2026 01:00:00 MSK", utc(2026, 1, 5, 22), id="Moscow"),
        pytest.param("05 Jan 2026 10:00 +0530", utc(2026, 1, 5, 4, 30), id="half an hour"),
        pytest.param(
            "Wednesday, 05 Jan 2026 10:00:00 GMT", utc(2026, 1, 5, 10), id="wrong weekday"
        ),
        pytest.param("2026-01-05T10:00:00.123Z", utc(2026, 1, 5, 10), id="fraction"),
        pytest.param("2026-01-05 10:00:00", utc(2026, 1, 5, 10), id="no zone"),
        pytest.param("2026-01-05", utc(2026, 1, 5), id="day alone"),
        pytest.param("January 5, 2026 3:04 PM", utc(2026, 1, 5, 15, 4), id="American form"),
        pytest.param("Mon, 05 Jan 26 10:00:00 GMT", utc(2026, 1, 5, 10), id="year of two digits"),
        pytest.param("Mon, 05 Jan 2026 10:00:00 AST", utc(2026, 1, 5, 14), id="Atlantic zone"),
        pytest.param("Mon, 5 Jan 2026 19:00:00 JST", utc(2026, 1, 5, 10), id="Tokyo"),
        pytest.param("Δευ, 05 Ιαν 2026 12:00:00 +0200", utc(2026, 1, 5, 10), id="Greek"),
        pytest.param("Mon, 30 Feb 2026 10:00:00 GMT", None, id="no such day, in words"),
        pytest.param("2026-13-01", None, id="no such month"),
        pytest.param("soon", None, id="a word"),
        pytest.param("10:00", None, id="a time alone"),
        pytest.param("2026-02-30T10:00:00Z", None, id="no such day"),
        pytest.param("0000-00-00 00:00:00", None, id="zeros"),
    ],
)
def test_dates(written, date):
    entry = item(f"<pubDate>{written}</pubDate>")
    assert (entry.published_at and entry.published_at.replace(microsecond=0)) == date
    assert entry.published_raw == written


@pytest.mark.parametrize(
    ("declared", "language", "country", "day"),
    [
        pytest.param("en-us", None, None, utc(2026, 11, 5), id="as the feed says"),
        pytest.param("fr", None, None, utc(2026, 5, 11), id="as another feed says"),
        pytest.param("en-us", "fr", None, utc(2026, 5, 11), id="as the feeds file says"),
        pytest.param("en-us", "en", "GB", utc(2026, 5, 11), id="as its country writes"),
        pytest.param("", None, None, utc(2026, 11, 5), id="nobody says"),
    ],
)
def test_dates_in_digits_follow_the_language(declared, language, country, day):
    body = rss_item("<pubDate>11/05/2026</pubDate>").replace(
        "<title>T", f"<language>{declared}</language><title>T"
    )
    xml = parse_feed(body.encode(), {}, URL, language, country)
    told = {**json.loads(json_item(date_published="11/05/2026")), "language": declared}
    same = parse_feed(json.dumps(told).encode(), {}, URL, language, country)
    assert [document.entries[0].published_at for document in (xml, same)] == [day, day]


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00Z", "1970-01-01", "1404/10/15", "soon"])
@pytest.mark.parametrize("changed", ["2026-01-06T08:00:00Z", "1970-01-01T00:00:00Z"])
def test_what_is_no_publication_gives_way_to_the_change(written, changed):
    at = utc(2026, 1, 6, 8) if changed.startswith("2026") else None
    atom = ATOM.replace("2026-01-05T10:00:00Z", written).replace("2026-01-05T11:00:00Z", changed)
    feed = json_item(date_published=written, date_modified=changed)
    for body in (atom, feed):
        entry = read(body).entries[0]
        assert (entry.published_at, entry.published_raw) == (at, written)


def test_json_feeds_may_count_seconds():
    entry = read(json_item(date_published=1767607200)).entries[0]
    assert (entry.published_at, entry.published_raw) == (utc(2026, 1, 5, 10), "1767607200")


@pytest.mark.parametrize(
    ("elements", "names"),
    [
        ("<dc:creator>Nell Tarrow</dc:creator><dc:creator>Ivo Brandt</dc:creator>",
         "Nell Tarrow, Ivo Brandt"),
        ("<author>desk@news.example (Nell Tarrow)</author>", "Nell Tarrow"),
        ("<author>desk@news.example (Nell Tarrow)</author><dc:creator>Nell Tarrow</dc:creator>",
         "Nell Tarrow"),
        ("<author>Nell Tarrow &lt;nell@news.museum&gt;</author>", "Nell Tarrow"),
        ("<author>Nell (nell@news.example)</author>", "Nell"),
        ("<author>nell@news.com (nell)</author>", "nell"),
        ("<author>nell@news.example</author>", None),
        ("<author>nell@news.example (Nell Tarrow), ivo@news.example (Ivo Brandt)</author>",
         "Nell Tarrow, Ivo Brandt"),
        ("<dc:creator><![CDATA[By Nell Tarrow &amp; Ivo Brandt]]></dc:creator>",
         "Nell Tarrow & Ivo Brandt"),
    ],
)  # fmt: skip
def test_authors_of_rss(elements, names):
    assert read(rss_item(elements)).entries[0].byline == names


def test_authors_of_atom():
    names = "<author><name>{}</name><email>a@news.example</email></author>".format
    more = ATOM.replace("<author><name>Bo Deich</name></author>", names("Bo") + names("By Ann"))
    assert read(more).entries[0].byline == "Bo, Ann"


DATE_LIKE = st.lists(
    st.sampled_from(["2026", "01", "5", "Jan", "Mon", ",", ":", "-", "+", "T", "Z", "GMT", ".", " ",
                     "99999999999", "10", "AM", "e5", "1e9999", "(", "/", "\u0663", "EST"]),
    max_size=12,
).map("".join)  # fmt: skip


@given(st.text() | DATE_LIKE)
def test_any_text_is_a_date_in_utc_or_none(text):
    date = parse_date(text)
    assert date is None or date.utcoffset().total_seconds() == 0


# Encodings

RUSSIAN, JAPANESE, CHINESE, FRENCH = (
    "Новости порта",
    "港のニュース",
    "港口新闻与海运",
    "L’été à Liège",
)


def document(title: str, declared: str | None) -> str:
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    return f'{head}<rss version="2.0"><channel><title>{title}</title></channel></rss>'


@pytest.mark.parametrize(
    ("title", "codec", "declared", "content_type"),
    [
        pytest.param(RUSSIAN, "cp1251", "windows-1251", None, id="declared windows-1251"),
        pytest.param(RUSSIAN, "cp1251", None, "text/xml; charset=windows-1251", id="by header"),
        pytest.param(RUSSIAN, "cp1251", "utf-8", "application/xml; charset=windows-1251",
                     id="header against declaration"),
        pytest.param(RUSSIAN, "cp1251", "windows-1251", "application/xml; charset=utf-8",
                     id="wrong header against declaration"),
        pytest.param(RUSSIAN, "koi8-r", "koi8-r", "text/xml", id="KOI8-R"),
        pytest.param(RUSSIAN, "utf-8", None, "text/xml", id="UTF-8 without a word"),
        pytest.param(RUSSIAN, "utf-8-sig", "windows-1251", None, id="byte order mark against all"),
        pytest.param(RUSSIAN, "utf-16", "utf-16", None, id="UTF-16"),
        pytest.param(JAPANESE, "shift_jis", "Shift_JIS", "text/xml", id="Shift_JIS"),
        pytest.param(JAPANESE, "euc-jp", "EUC-JP", None, id="EUC-JP"),
        pytest.param(CHINESE, "gb2312", "gb2312", None, id="GB2312"),
        pytest.param("港口新聞", "big5", "big5", "text/xml; charset=big5", id="Big5"),
        pytest.param(FRENCH, "cp1252", "iso-8859-1", None, id="Windows called Latin-1"),
        pytest.param(FRENCH, "utf-8", "no-such-thing", None, id="unknown encoding"),
        pytest.param(FRENCH, "utf-8", "iso-8859-1", None, id="UTF-8 called Latin-1"),
        pytest.param(FRENCH, "utf-8", None, "text/xml; charset=iso-8859-1",
                     id="UTF-8 called Latin-1 by header"),
        pytest.param(CHINESE, "utf-8", "gb2312", "application/rss+xml; charset=gbk",
                     id="UTF-8 called GB2312 and GBK"),
        pytest.param(RUSSIAN, "utf-8", "utf-16", None, id="UTF-8 called UTF-16"),
        pytest.param("Harbour", "ascii", "utf-16", "text/xml; charset=utf-16",
                     id="ASCII called UTF-16"),
        pytest.param(JAPANESE, "iso2022_jp", "iso-2022-jp", None, id="ISO-2022-JP"),
    ],
)  # fmt: skip
def test_encodings(title, codec, declared, content_type):
    assert read(document(title, declared).encode(codec), content_type).title == title


def test_a_feed_that_is_a_packed_file_is_unpacked():
    packed = gzip.compress(document(RUSSIAN, "utf-8").encode())
    assert read(packed).title == RUSSIAN
    assert "ends early" in refuse(packed[:-9]).message
    assert "too large" in refuse(gzip.compress(b" " * (LARGEST + 1))).message


# What is no feed


@pytest.mark.parametrize(
    ("body", "error_type", "part"),
    [
        pytest.param("", "NotAFeed", "is empty", id="empty body"),
        pytest.param(" \n", "NotAFeed", "no feed", id="blank body"),
        pytest.param("<!DOCTYPE html><html><head><title>Log in</title></head><body>x</body></html>",
                     "NotAFeed", "an HTML page", id="HTML"),
        pytest.param("<html><body><p>unclosed<br></html>", "NotAFeed", "an HTML page",
                     id="HTML of the old kind"),
        pytest.param("Service unavailable", "NotAFeed", "no feed", id="plain text"),
        pytest.param("<sitemap><loc>http://x.example/</loc></sitemap>", "NotAFeed", "no feed",
                     id="other XML"),
        pytest.param("\x00\x01\x02\x03", "NotAFeed", "no feed", id="binary"),
        pytest.param('<rss version="2.0"><channel><title>T', "MalformedFeed", "", id="cut off"),
        pytest.param(RSS.replace("http://purl", "http://\u00a0purl"), "MalformedFeed", "",
                     id="a space in a namespace"),
        pytest.param("{}", "NotAFeed", "no JSON Feed", id="JSON"),
        pytest.param('{"version": "https://jsonfeed.org/version/1.1"}', "NotAFeed", "no JSON Feed",
                     id="JSON Feed without items"),
        pytest.param('{"version": 7, "items": []}', "NotAFeed", "no JSON Feed", id="other JSON"),
        pytest.param('{"version": ', "MalformedFeed", "no JSON", id="JSON cut off"),
        pytest.param('{"a":' * 100_000, "MalformedFeed", "no JSON", id="bottomless JSON"),
        pytest.param(b'{"a": "\xff"}', "MalformedFeed", "no JSON", id="JSON not in UTF-8"),
    ],
)  # fmt: skip
def test_what_is_no_feed(body, error_type, part):
    problem = refuse(body)
    assert problem.error_type == error_type
    assert part in problem.message
    assert problem.message


@pytest.mark.parametrize(
    "body",
    [document("Quiet", None), json.dumps({**JSON, "title": "Quiet", "items": []})],
    ids=["RSS", "JSON Feed"],
)
def test_a_feed_without_entries_is_a_feed(body):
    assert (read(body).title, read(body).entries) == ("Quiet", ())


def test_a_feed_cut_off_keeps_its_whole_entries_and_says_so():
    feed = read(RSS[: RSS.index("Second") + 3])
    assert feed.entries[0].url == "https://news.example/1"
    assert feed.warning


def test_bytes_that_name_a_file_are_not_opened(tmp_path):
    path = tmp_path / "secret.xml"
    path.write_text(RSS)
    assert refuse(os.fsencode(path)).error_type == "NotAFeed"
    assert refuse(path.as_uri()).error_type == "NotAFeed"


def test_external_entities_are_not_read(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2")
    doctype = f'<!DOCTYPE rss [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    entry = item("<title>a &x; b</title><link>http://x.example/</link>", head=doctype)
    assert "hunter2" not in repr(entry)


def test_a_bomb_of_entities_stays_small():
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE rss [<!ENTITY e0 "boom">{levels}]>{document("&e9;", None)}'
    result = parse_feed(bomb.encode(), {}, URL)
    assert len(repr(result)) < 10_000


@pytest.mark.parametrize(
    "title",
    [
        pytest.param("<![CDATA[" + "<" * 1_000_000 + "]]>", id="a row of brackets"),
        pytest.param("<![CDATA[" + "<a " * 300_000 + "]]>", id="a row of open tags"),
        pytest.param("&lt;!--" * 100_000, id="a row of open comments"),
    ],
)
def test_patterns_that_make_parsers_slow(title):
    """In a process that ends after some seconds; a quadratic reader would need hours."""
    future = pool.submit(1, 20, parse_feed, document(title, None).encode(), {}, URL)
    assert isinstance(pool.outcome(future, 20), FeedDocument)


SEEDS = [RSS.encode(), ATOM.encode(), RDF.encode(), json.dumps(JSON).encode()]
BITS = st.binary(max_size=8) | st.sampled_from(
    [b"<![CDATA[", b"]]>", b"<!--", b"&#xD800;", b"&#x110000;", b"<!DOCTYPE a [", b"<?xml ?>",
     b"\0",     b"<item>", b"</channel>", b'encoding="utf-16"',
     b"<html>", b"&x;", b"\xff\xfe", b"{", b"<a:b>"]
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good document with some bytes cut out and others put in."""
    body = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 30)))
        body = body[:start] + draw(BITS) + body[end:]
    return body


@settings(max_examples=examples(800), deadline=None)
@given(mutated() | st.binary(max_size=200))
def test_spoilt_documents_are_read_or_refused_but_never_raise(body):
    result = parse_feed(body, {"content-type": "text/xml"}, URL)
    assert isinstance(result, (FeedDocument, Unreadable))
    if isinstance(result, FeedDocument):
        for entry in result.entries:
            assert entry.url is None or entry.url.startswith(("http://", "https://"))
            assert entry.published_at is None or entry.published_at.tzinfo is not None
