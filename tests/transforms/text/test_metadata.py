"""What a page says of itself, each value with its source, however it is written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.kit.pages import TITLES, URL, article
from transforms.text.metadata import Metadata, metadata
from transforms.text.parsing import parse


def told(head: str = "", url: str = URL, **page) -> Metadata:
    return metadata(parse(article(head=head, **page)), url)


def news(**fields):
    return {"@context": "https://schema.org", "@type": "NewsArticle"} | fields


def meta(name: str, content: str, key: str = "property") -> str:
    return f'<meta {key}="{name}" content="{content}">'


def at(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)


# -- titles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", TITLES)
@pytest.mark.parametrize("divider", [" | ", " - ", " – ", " — ", " · ", " » "])
def test_a_title_goes_without_the_sites_name(language, divider):
    title = TITLES[language]
    whole = f"{title}{divider}The Harbour Echo"
    found = told(meta("og:title", whole) + meta("og:site_name", "The Harbour Echo"))
    assert (found.title, found.title_source) == (title, "meta")
    first = f"The Harbour Echo{divider}{title}"
    page = f"<html><head><title>{first}</title>{meta('og:site_name', 'The Harbour Echo')}</head>"
    found = metadata(parse(f"{page}<body><p>a</p></body></html>"), URL)
    assert (found.title, found.title_source) == (title, "page")


def test_a_title_keeps_a_dash_of_its_own():
    found = told(
        meta("og:title", "Late - but not lost"), things=news(headline="Late - but not lost")
    )
    assert (found.title, found.title_source) == ("Late - but not lost", "json-ld")


def test_a_name_of_the_site_alone_is_no_title():
    head = meta("og:title", "The Harbour Echo") + meta("og:site_name", "The Harbour Echo")
    assert told(head).title == TITLES["en"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Fish &amp;amp; chips are late", "Fish & chips are late"),
        ("Fish\n  are   late", "Fish are late"),
        ("Fi\u00adsh \u200eare\u200f late\u200b", "Fish are late"),
    ],
)
def test_a_title_is_one_clean_line(written, read):
    assert told(meta("og:title", written)).title == read


def test_the_article_is_told_from_others_that_the_page_describes():
    others = [news(headline="Owls are back"), news(headline=TITLES["en"], articleSection="Harbour")]
    found = told(things={"@graph": others})
    assert (found.title, found.section, found.section_source) == (
        TITLES["en"],
        "Harbour",
        "json-ld",
    )


def test_a_second_headline_is_the_subtitle():
    found = told(things=news(headline="Late", alternativeHeadline="Three ships wait"))
    assert (found.subtitle, found.subtitle_source) == ("Three ships wait", "json-ld")
    assert told(things=news(headline="Late", alternativeHeadline="Late")).subtitle is None


# -- authors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("author", "persons", "organisations"),
    [
        ({"@type": "Person", "name": "Ann Mole"}, ["Ann Mole"], []),
        ([{"@type": "Person", "name": "Ann Mole"}, {"@type": "Person", "name": "Ivo Brandt"}],
         ["Ann Mole", "Ivo Brandt"], []),
        (["Ann Mole", {"@type": "Organization", "name": "Meridian Wire"}],
         ["Ann Mole"], ["Meridian Wire"]),
        ("By Ann Mole and Ivo Brandt", ["Ann Mole", "Ivo Brandt"], []),
        (["Ann Mole", "Ivo Brandt"], ["Ann Mole", "Ivo Brandt"], []),
        ({"@type": "Person", "name": ["Ann Mole", "Ivo Brandt"]}, ["Ann Mole", "Ivo Brandt"], []),
        ({"@id": "#ann"}, ["Ann Mole"], []),
        ({"@type": "Person", "name": "The Harbour Echo"}, [], ["The Harbour Echo"]),
        ({"@type": "Person", "name": "AFP"}, [], ["AFP"]),
        ([{"name": "Ann Mole"}, {"name": "Ann Mole"}], ["Ann Mole"], []),
        (7, [], []),
        ({"name": {}}, [], []),
    ],
)  # fmt: skip
def test_authors_of_json_ld(author, persons, organisations):
    graph = [
        news(author=author, headline="Late"),
        {"@id": "#ann", "@type": "Person", "name": "Ann Mole"},
    ]
    found = told(meta("og:site_name", "The Harbour Echo"), things={"@graph": graph})
    assert (list(found.authors), list(found.organisations)) == (persons, organisations)
    assert found.byline == (", ".join([*persons, *organisations]) or None)
    assert found.byline_source == ("json-ld" if persons or organisations else None)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("Ann Mole", ["Ann Mole"]),
        ("By Ann Mole, Ivo Brandt and Zoë Vale", ["Ann Mole", "Ivo Brandt", "Zoë Vale"]),
        ("Von Ann Mole und Ivo Brandt", ["Ann Mole", "Ivo Brandt"]),
        ("Par Ann Mole et Ivo Brandt", ["Ann Mole", "Ivo Brandt"]),
        ("Por Ann Mole; Ivo Brandt", ["Ann Mole", "Ivo Brandt"]),
        ("Автор: Анна Крот и Иво Брандт", ["Анна Крот", "Иво Брандт"]),
        ("山田花子、鈴木一郎", ["山田花子", "鈴木一郎"]),
        ("Mole, Ann", ["Mole, Ann"]),
        ("Ann Mole, Oldwick", ["Ann Mole"]),
        ("Ann Mole / Ivo Brandt", ["Ann Mole", "Ivo Brandt"]),
        ("Dr. Ann Mole-Brandt", ["Dr. Ann Mole-Brandt"]),
        ("https://www.pages.example/harbour.echo", []),
        ("ann@echo.example", []),
    ],
)
def test_authors_of_a_line(line, names):
    found = told(meta("author", line, "name"))
    assert list(found.authors) == names
    assert found.byline_source == ("meta" if names else None)


def test_each_meta_names_one_author():
    found = told(meta("author", "Ann Mole", "name") + meta("author", "Ivo Brandt", "name"))
    assert found.authors == ("Ann Mole", "Ivo Brandt")


@pytest.mark.parametrize(
    ("shown", "names"),
    [
        ('<p class="byline">By Ann Mole</p>', ["Ann Mole"]),
        ('<div class="article-authors"><a href="/a">Ann Mole</a><a href="/i">Ivo Brandt</a></div>',
         ["Ann Mole", "Ivo Brandt"]),
        ('<a rel="author" href="/a">Ann Mole</a>', ["Ann Mole"]),
        ('<span itemprop="author">Ann Mole</span>', ["Ann Mole"]),
        ('<aside><p class="author">Ann Mole</p></aside>', []),
        (f'<div class="author-box">{"Ann Mole has kept bees for years. " * 9}</div>', []),
    ],
)  # fmt: skip
def test_authors_that_the_page_shows(shown, names):
    found = told(above=shown)
    assert list(found.authors) == names
    assert found.byline_source == ("page" if names else None)


def test_persons_go_before_a_site_that_names_itself():
    site = {"@type": "Organization", "name": "The Harbour Echo"}
    found = told(meta("author", "Ann Mole", "name"), things=news(author=site))
    assert (found.authors, found.byline_source) == (("Ann Mole",), "meta")


# -- dates -----------------------------------------------------------------------------------------

PUBLISHED = "2026-01-05T10:00:00+01:00"


@pytest.mark.parametrize(
    "name",
    ["article:published_time", "article.published", "article_published_time", "datePublished",
     "date", "DC.date.issued", "parsely-pub-date", "sailthru.date", "pubdate"],
)  # fmt: skip
@pytest.mark.parametrize("key", ["property", "name", "itemprop"])
def test_publication_by_metas(name, key):
    found = told(meta(name, PUBLISHED, key))
    assert (found.published_at, found.published_source) == (at(2026, 1, 5, 9), "meta")


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        (PUBLISHED, at(2026, 1, 5, 9)),
        ("2026-01-05T09:00:00Z", at(2026, 1, 5, 9)),
        ("2026-01-05 10:00:00 +0100", at(2026, 1, 5, 9)),
        ("2026-01-05", at(2026, 1, 5)),
        ("5 January 2026, 9:00 UTC", at(2026, 1, 5, 9)),
        ("0001-01-01T00:00:00Z", None),
        ("soon", None),
        (7, None),
        ({"a": 1}, None),
    ],
)
def test_publication_by_json_ld(written, moment):
    found = told(things=news(datePublished=written))
    assert (found.published_at, found.published_source) == (moment, moment and "json-ld")


def test_what_is_declared_comes_before_dates_in_the_text():
    text = "<p>On 3 February 2024 the old crane had broken, and nobody came to mend it.</p>"
    shown = '<time datetime="2025-12-01">1 December</time>'
    found = told(meta("article:published_time", PUBLISHED), above=shown, middle=text)
    assert found.published_at == at(2026, 1, 5, 9)
    assert told(things=news(datePublished=PUBLISHED), above=shown, middle=text).published_at == at(
        2026, 1, 5, 9
    )
    found = told(above=shown, middle=text)
    assert (found.published_at, found.published_source) == (at(2025, 12, 1), "page")


@pytest.mark.parametrize(
    "head",
    [
        meta("article:modified_time", PUBLISHED),
        meta("og:updated_time", PUBLISHED),
        meta("dateModified", PUBLISHED, "itemprop"),
        meta("last-modified", PUBLISHED, "name"),
    ],
)
def test_a_change_is_never_publication(head):
    shown = f'<time itemprop="dateModified" datetime="{PUBLISHED}">5 January</time>'
    found = told(head, above=shown)
    assert (found.published_at, found.modified_at) == (None, at(2026, 1, 5, 9))
    assert found.modified_source == "meta"
    both = told(head, things=news(datePublished="2026-01-02T00:00:00Z", dateModified="2026-01-04"))
    assert (both.published_at, both.modified_at) == (at(2026, 1, 2), at(2026, 1, 4))
    assert both.modified_source == "json-ld"


# -- the rest --------------------------------------------------------------------------------------


def test_section_keywords_and_image_by_their_sources():
    found = told(
        things=news(articleSection=["Harbour", "Town"], keywords="cranes, ships ,cranes",
                    image={"@type": "ImageObject", "url": "/crane.jpg"})
    )  # fmt: skip
    assert (found.section, found.keywords) == ("Harbour", ("cranes", "ships"))
    assert found.image == "https://news.example/crane.jpg"
    assert {found.section_source, found.keywords_source, found.image_source} == {"json-ld"}
    found = told(
        meta("article:section", "Harbour") + meta("article:tag", "cranes")
        + meta("article:tag", "ships, large") + meta("og:image", "/crane.jpg")
    )  # fmt: skip
    assert (found.section, found.keywords) == ("Harbour", ("cranes", "ships, large"))
    assert found.image == "https://news.example/crane.jpg"
    assert {found.section_source, found.keywords_source, found.image_source} == {"meta"}


def test_nothing_is_said_where_nothing_is():
    found = metadata(parse("<html><body><p>The crane is late.</p></body></html>"), URL)
    assert found == Metadata()


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(meta("author", "Ann Mole and Bo", "name") * 50_000, id="metas"),
        pytest.param(f"<title>{'a | ' * 500_000}</title>", id="a title"),
        pytest.param('<link rel=canonical href="/a">' * 50_000, id="links"),
        pytest.param('<time datetime="2026">x</time>' * 50_000, id="times"),
    ],
)
def test_a_head_made_to_be_a_burden_is_read_within_bounds(head):
    found = told(head)
    assert len(found.byline or "") <= 1_000
    assert len(found.title or "") <= 1_000
