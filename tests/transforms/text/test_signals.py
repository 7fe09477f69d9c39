"""What only the HTML of a page tells is read within bounds: types, metas, walls, notes, bylines."""

from __future__ import annotations

import lxml.html
import pytest

from transforms.text.flags import flags
from transforms.text.signals import MOST_MARKED, Signals, signals_of


def told(body="<p>x</p>", head=""):
    return signals_of(
        lxml.html.document_fromstring(f"<html><head>{head}</head><body>{body}</body>")
    )


def ld(text):
    return f'<script type="application/ld+json">{text}</script>'


def test_a_page_that_says_nothing_has_no_signals():
    assert told() == Signals()


def test_types_and_what_the_article_declares_are_read_from_json_ld():
    found = told(head=ld('{"@graph": [{"@type": ["NewsArticle", "OpinionNewsArticle"],'
                         '"isAccessibleForFree": "False",'
                         '"articleSection": ["Opinion"]}]}'))  # fmt: skip
    assert found.types == ("NewsArticle", "OpinionNewsArticle")
    assert found.free is False
    assert found.section == "Opinion"


@pytest.mark.parametrize(
    ("value", "free"),
    [("true", True), ('"http://schema.org/False"', False), ('"no"', False), ("null", None),
     ("7", None), ("{}", None)],
)  # fmt: skip
def test_what_is_free_is_written_in_many_ways(value, free):
    text = f'{{"@type": "NewsArticle", "isAccessibleForFree": {value}}}'
    assert told(head=ld(text)).free is free


def test_metas_tell_tier_opinion_and_type():
    found = told(head='<meta property="article:content_tier" content="Locked">'
                      '<meta property="article:opinion" content="false">'
                      '<meta property="og:type" content="video.other">')  # fmt: skip
    assert (found.tier, found.opinion, found.og_type) == ("locked", False, "video.other")


def test_walls_and_hidden_notes_are_found_by_the_names_of_their_elements():
    found = told('<div class="c-Paywall__box" hidden><p>For <b>subscribers</b> only.</p></div>'
                 '<p hidden class="ai-disclosure">Written by a language model.</p>')  # fmt: skip
    assert found.walls == ("For subscribers only.",)
    assert found.notes == ("Written by a language model.",)
    assert {flag.flag for flag in flags("Herons", "Herons came.", signals=found)} == {
        "paywall", "disclosure",
    }  # fmt: skip


def test_bylines_are_those_of_the_article_and_of_no_picture_or_menu():
    found = told('<nav><div class="author">Menu</div></nav><div class="byline">Ada Vole, AFP</div>'
                 '<figure><p class="author">EFE / J. Amsel</p></figure>'
                 '<div class="photo-box"><span class="author">dpa</span></div>')  # fmt: skip
    assert found.bylines == ("Ada Vole, AFP",)
    meta = told(head='<meta name="author" content="Reuters">')
    assert meta.bylines == ("Reuters",)
    assert told(head='<meta name="author" content="https://e.example/a">').bylines == ()


def test_short_texts_beside_the_headline_are_found():
    found = told("<main><div><p>Meinung</p><h1>Herons</h1></div><div>Ada Vole</div>"
                 f"<p>{'A long paragraph. ' * 20}</p></main>")  # fmt: skip
    assert found.around == ("Meinung", "Ada Vole")


@pytest.mark.parametrize(
    "body",
    [
        "<div>" * 3_000 + "x",
        "<p class='byline'>a</p>" * 30_000,
        f"<p class='{'paywall ' * 100_000}'>x</p>",
        f"<div class='author'>{'long ' * 300_000}</div>",
        "<h1></h1>" * 9_000,
        "<!-- x --><?y z?>" * 999,
    ],
)
def test_large_and_odd_pages_stay_within_bounds(body):
    found = told(body)
    for texts in (found.walls, found.bylines, found.notes):
        assert len(texts) <= MOST_MARKED
        assert all(len(text) <= 300 for text in texts)
