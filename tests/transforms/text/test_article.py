"""Of a page the article is left, all of it and nothing else, in any language and markup."""

from __future__ import annotations

import unicodedata

import pytest

from tests.kit.pages import LANGUAGES, PARAGRAPHS, TITLES, article, read, text_of
from transforms.records import Extraction, Unreadable
from transforms.text.extraction import extract_page

LINK = '<a href="/other">The puppet theatre has found its lost moon</a>'


def kinds(found: Extraction) -> list[str]:
    return [block.kind for block in found.blocks]


def removed(found: Extraction) -> list[tuple[str, str]]:
    return [(one.kind, one.text) for one in found.removals]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_text_is_that_of_the_article(language):
    found = read(article(language))
    assert found.text == text_of(language)
    assert found.language == language
    assert removed(found) in ([], [("headline", TITLES[language])])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param('<div itemprop="articleBody">', id="marked"),
        pytest.param('<div class="c-entry-content wide">', id="named"),
        pytest.param('<section id="story-body">', id="named by its id"),
        pytest.param('<div class="x7">', id="an article alone"),
    ],
)
def test_the_container_is_found_as_it_is_marked_or_named(language, body):
    page = article(language, body=body, beside=f"<div><p>{'Owls are back. ' * 6}</p></div>")
    assert read(page).text == text_of(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_blocks_tell_where_each_line_stands(language):
    found = read(article(language, middle="<h2>Timber and bricks, 2026</h2><ul><li>One two</ul>"))
    first, *others = PARAGRAPHS[language]
    lines = [first, "Timber and bricks, 2026", "One two", *others]
    assert [found.text[block.start : block.end] for block in found.blocks] == lines
    assert kinds(found) == ["paragraph", "subhead", "list", "paragraph", "paragraph"]
    assert found.text == "\n".join(lines)


@pytest.mark.parametrize(
    ("markup", "lines", "kind"),
    [
        ("<blockquote>We wait for the crane, and so do they.</blockquote>",
         ["We wait for the crane, and so do they."], "quote"),
        ("<ul><li>Timber: 40 loads</li><li>Bricks: 9 loads</li></ul>",
         ["Timber: 40 loads", "Bricks: 9 loads"], "list"),
        ("<table><tr><th>Ship</th><th>Load</th></tr><tr><td>Anna</td><td>Timber</td></tr></table>",
         ["Ship | Load", "Anna | Timber"], "table"),
        ("<figure><table><tr><td>Anna</td><td>Timber</td></tr></table></figure>",
         ["Anna | Timber"], "table"),
        ("<h3>What comes next</h3>", ["What comes next"], "subhead"),
    ],
)  # fmt: skip
def test_parts_of_an_article_keep_their_kind(markup, lines, kind):
    found = read(article(middle=markup))
    told = [(found.text[block.start : block.end], block.kind) for block in found.blocks]
    assert [one for one in told if one[1] != "paragraph"] == [(line, kind) for line in lines]


@pytest.mark.parametrize(
    "between",
    [
        "",
        '<div class="ad"><span>Advertisement</span></div>',
        f'<aside class="related"><ul><li>{LINK}</li></ul></aside>',
    ],
)
def test_an_article_in_several_containers_comes_whole(between):
    first, second, third = PARAGRAPHS["de"]
    parts = between.join(
        f'<div class="text-part article-body"><p>{one}</p></div>' for one in (first, second, third)
    )
    page = f"<html><body><article><h1>{TITLES['de']}</h1>{parts}</article></body></html>"
    assert read(page).text == text_of("de")


def test_subheads_between_containers_stay():
    first, second, third = PARAGRAPHS["en"]
    parts = "<div><h2>The builder speaks</h2></div>".join(
        f'<div class="article-body"><p>{one}</p></div>' for one in (first, second + third)
    )
    page = f"<html><body><article><h1>{TITLES['en']}</h1>{parts}</article></body></html>"
    assert "The builder speaks" in read(page).text.split("\n")


def test_a_second_article_below_is_another_one():
    other = "".join(f"<p>{one}</p>" for one in PARAGRAPHS["es"])
    second = f'<article><h1>Otra</h1><div class="article-body">{other}</div></article>'
    assert "junta" not in read(article("en", beside=second)).text


@pytest.mark.parametrize("tag", ["aside", "footer", "noscript"])
def test_an_article_within_what_stands_beside_is_still_one(tag):
    body = "".join(f"<p>{one}</p>" for one in PARAGRAPHS["en"])
    page = f"<html><body><{tag}><article>{body}</article></{tag}></body></html>"
    assert read(page).text == text_of("en")


def test_captions_of_pictures_are_no_text():
    figure = "<figure><img src=a.jpg><figcaption>The pier at low tide</figcaption></figure>"
    assert read(article(middle=figure)).text == text_of()


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<ruby>台<rt>たい</rt></ruby><ruby>湾<rt>わん</rt></ruby>の港", "台湾の港"),
        ("<ruby>台湾<rp>(</rp><rt>たいわん</rt><rp>)</rp></ruby>の港", "台湾の港"),
        (
            "<ruby><rb>台</rb><rb>湾</rb><rtc><rt>たい</rt><rt>わん</rt></rtc></ruby>の港",
            "台湾の港",
        ),
        ("<ruby>台<rt>tái</rt>湾<rt>wān</rt></ruby>の港", "台湾の港"),
        ("Tai<wbr>wan and the ha&shy;rbour", "Taiwan and the harbour"),
        ("<b>Tai</b>wan and <em>the</em> harbour", "Taiwan and the harbour"),
        ("<span>T</span>aiwan and the harbour", "Taiwan and the harbour"),
        ("Tai\u200bwan \u202aand\u202c the\u2060 harbour", "Taiwan and the harbour"),
        ("نمی\u200cدانم چه شد", "نمی\u200cدانم چه شد"),
        ("Cafe\u0301 am Hafen", "Café am Hafen"),
        ("On <time datetime=2026-01-05>Monday</time> the crane", "On Monday the crane"),
        ("R&amp;amp;D for cranes", "R&D for cranes"),
        ("The crane\n   is   late", "The crane is late"),
    ],
)
def test_words_are_not_split(markup, text):
    found = read(article("ja", middle=f"<p>{markup}。</p>"))
    assert f"{text}。" in found.text.split("\n")
    assert unicodedata.is_normalized("NFC", found.text)


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        (f"<p>{LINK}</p>", "related_links"),
        (f"<p><strong>{LINK}</strong></p>", "related_links"),
        (f"<ul><li>{LINK}</li></ul>", "related_links"),
        (f"<h3>{LINK}</h3>", "related_links"),
        (f"<div>{LINK}</div>", "related_links"),
        (f"<p>Read also: {LINK}</p>", "read_also"),
        (f"<p>Lesen Sie auch: {LINK}</p>", "read_also"),
        (f"<p>Читайте также: {LINK}</p>", "read_also"),
        (f"<p>あわせて読みたい：{LINK}</p>", "read_also"),
        (f"<p>اقرأ أيضا: {LINK}</p>", "read_also"),
    ],
)
@pytest.mark.parametrize("language", ["en", "ja", "ar"])
def test_a_block_that_is_only_a_link_is_removed_with_its_reason(block, kind, language):
    found = read(article(language, middle=block))
    assert found.text == text_of(language)
    (removal,) = (one for one in found.removals if one.position == -1)
    assert removal.kind == kind
    assert "The puppet theatre has found its lost moon" in removal.text


@pytest.mark.parametrize(
    "block",
    [
        f"<p>The theatre says {LINK}, and nobody knew.</p>",
        '<p><a href="/m">Ann Mole</a></p>',
        '<p><a href="https://data.example/cranes/2026">https://data.example/cranes/2026</a></p>',
        '<p>“It is late,” wrote <a href="/x">@the_master_of_the_harbour</a>.</p>',
        f"<p>There is more to be said of it. Not all is known: {LINK}</p>",
    ],
)
def test_a_link_that_belongs_to_a_sentence_stays(block):
    found = read(article(middle=block))
    assert not [one for one in found.removals if one.position == -1]


def test_links_of_the_site_are_no_removals():
    menu = "".join(f"<li><a href='/{n}'>The section of all news number {n}</a>" for n in range(30))
    page = (
        f"<html><body><ul>{menu}</ul>{'<p>The crane is late, and so are they. ' * 20}</body></html>"
    )
    assert not read(page).removals


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("place", ["above", "beside"])
def test_a_standfirst_stands_first_wherever_the_page_has_it(language, place):
    lead = PARAGRAPHS[language][0]
    first = PARAGRAPHS["es" if language != "es" else "de"][1]
    head = f'<meta name="description" content="{lead[:80]}…">'
    page = article(language, head=head, **{place: f'<p class="x">{lead}</p>'})
    page = page.replace(f"<p>{lead}</p>", f"<p>{first}</p>")
    found = read(page)
    assert found.text.split("\n")[0] == lead
    assert (found.subtitle, found.subtitle_source) == (lead, "page")


def test_a_standfirst_is_known_by_its_name():
    lead = "Three ships wait, and one of the masters has written to the ministry."
    found = read(article(above=f'<div class="article-standfirst standfirst">{lead}</div>'))
    assert found.text.split("\n")[0] == lead


def test_a_teaser_of_another_story_is_no_standfirst():
    teaser = '<div class="summary">Owls have come back to the tower of the old town hall.</div>'
    for part in (f'<div class="related">{teaser}</div>', f'<a href="/o">{teaser}</a>'):
        assert "Owls" not in read(article(above=part)).text


@pytest.mark.parametrize("paragraph", ["<div>{}</div>", "{}<br><br>", "<span>{}</span><br>"])
def test_paragraphs_may_be_other_elements(paragraph):
    body = "".join(map(paragraph.format, PARAGRAPHS["en"] * 3))
    page = f'<html><body><div class="article-body">{body}</div></body></html>'
    found = read(page)
    assert set(found.text.split("\n")) == set(PARAGRAPHS["en"])


def test_a_page_of_links_has_no_text():
    items = "".join(
        f"<li><a href='/{n}'>A headline of some story, number {n}</a>" for n in range(9)
    )
    found = extract_page(
        f"<html><body><ul>{items}</ul></body></html>".encode(), None, "https://a.b"
    )
    assert isinstance(found, Unreadable)
