"""Pages made wrong or made to be a burden come to a text or a reason, and to no wrong text."""

from __future__ import annotations

import json
import random

import pytest

from tests.kit.pages import PARAGRAPHS, URL, article, text_of
from transforms.records import Extraction, Unreadable
from transforms.text.extraction import extract_page

TEXT = "".join(f"<p>{one}</p>" for one in PARAGRAPHS["en"])


def result(body: str | bytes) -> Extraction | Unreadable:
    data = body if isinstance(body, bytes) else body.encode()
    return extract_page(data, "text/html; charset=utf-8", URL)


def of_body(inner: str) -> str:
    return f"<html><body><article>{inner}</article></body></html>"


@pytest.mark.parametrize(
    ("body", "kind", "part"),
    [
        pytest.param(b"", "NotAPage", "no HTML", id="empty"),
        pytest.param(b"%PDF-1.7\n<a href=x><div>", "NotAPage", "PDF", id="PDF"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(9_000) + b"<a ", "NotAPage",
                     "no HTML", id="picture"),
        pytest.param(b"<html><body>" + random.Random(2).randbytes(90_000), "NotAPage", "binary",
                     id="binary that begins as a page"),
        pytest.param("just a few words, and no element", "NotAPage", "no HTML", id="words"),
        pytest.param("<div>" * 10_000 + TEXT, "NotAPage", "too deep", id="10,000 deep"),
        pytest.param(of_body(TEXT + "<div>" * 10_000 + TEXT), "NotAPage", "too deep",
                     id="its end 10,000 deep"),
        pytest.param(of_body(""), "NoText", "no article text", id="no text"),
        pytest.param(of_body("<p>***</p>" * 9), "NoText", "no article text", id="no letter"),
        pytest.param(of_body("<p>x</p>" * 100_000), "NoText", "no article text", id="crumbs"),
    ],
)  # fmt: skip
def test_what_has_no_text_has_a_reason(body, kind, part):
    told = result(body)
    assert isinstance(told, Unreadable)
    assert told.error_type == kind
    assert part in told.message


@pytest.mark.parametrize(
    "inner",
    [
        pytest.param("<div>" * 1_000 + TEXT, id="1,000 deep"),
        pytest.param("<b><i>" * 400 + TEXT, id="marks that are not closed"),
        pytest.param("<ul><li>" * 300 + TEXT, id="lists in lists"),
        pytest.param("<blockquote>" * 500 + TEXT, id="quotes in quotes"),
        pytest.param(f"<div {' '.join(f'a{n}=1' for n in range(300_000))}>{TEXT}</div>",
                     id="300,000 attributes"),
        pytest.param("".join(f'<div a="{n}>" b=\'>\'></div>' for n in range(20_000)) + TEXT,
                     id="attributes with an end in them"),
        pytest.param(f"<p class='{'x' * 500_000}'>One more.</p>{TEXT}", id="a long attribute"),
        pytest.param(TEXT + "<aside>" * 900, id="what stands beside, in itself"),
        pytest.param(f"<!-- {'-' * 100_000} {TEXT}", id="a comment without an end"),
        pytest.param(TEXT.replace("</p>", ""), id="paragraphs without an end"),
        pytest.param(TEXT + "</div></body></html>" * 900 + "<p>More.", id="too many ends"),
    ],
)  # fmt: skip
def test_odd_markup_does_not_cost_the_text(inner):
    told = result(of_body(inner))
    if "<!--" in inner:
        assert isinstance(told, Unreadable)  # as browsers see it, all is comment
        return
    assert isinstance(told, Extraction), told
    assert set(PARAGRAPHS["en"]) <= set(told.text.split("\n"))


@pytest.mark.parametrize(
    "block",
    [
        pytest.param('{"@type": "NewsArticle", "headline": "Late", ' * 20_000, id="malformed"),
        pytest.param("[" * 500_000, id="deep"),
        pytest.param(json.dumps({"@type": "NewsArticle", "articleBody": "crane " * 170_000}),
                     id="a megabyte"),
        pytest.param(json.dumps({
            "@type": ["NewsArticle", 7, None], "headline": {"a": 1}, "image": [[[]]], "author": 7,
            "keywords": [1, {}], "articleSection": {}, "publisher": [1], "url": 5, "@id": [1],
            "datePublished": "9" * 90_000, "mainEntityOfPage": [3], "description": {},
            "alternativeHeadline": ["x"], "isAccessibleForFree": [], "articleBody": ["x"],
        }), id="other types than it should have"),
        pytest.param(json.dumps({"@type": "NewsArticle", "author": [
            {"name": f"Ann {n} Mole"} for n in range(30_000)]}), id="30,000 authors"),
    ],
)  # fmt: skip
def test_json_ld_costs_the_text_nothing(block):
    script = f'<script type="application/ld+json">{block}</script>'
    told = result(article(head=script))
    assert isinstance(told, Extraction)
    assert told.text == text_of()
    assert len(told.byline or "") <= 1_000


@pytest.mark.parametrize(
    "inner",
    [
        pytest.param(TEXT * 2_000, id="paragraphs"),
        pytest.param("<p>" + "<b>word </b>" * 60_000 + "</p>", id="bold words"),
        pytest.param("<p>" + "<span>word </span>" * 60_000 + "</p>", id="words in elements"),
        pytest.param("A line of this text.<br>" * 40_000, id="lines"),
        pytest.param("<table>" + "<tr><td>a<td>b" * 40_000, id="cells"),
        pytest.param(f"<p>{'word ' * 500_000}</p>", id="one paragraph"),
        pytest.param(f"<p>{'w' * 2_000_000}</p>", id="one word"),
        pytest.param(f"<p>a{chr(0x301) * 500_000}</p>", id="one letter and its accents"),
        pytest.param('<div class="article-body"><p>A short text.</p></div>' * 9_000, id="bodies"),
        pytest.param('<p><a href="/x">A link that may be a headline</a></p>' * 20_000, id="links"),
    ],
)
def test_large_pages_come_to_an_end(inner):
    told = result(of_body(inner))
    if isinstance(told, Extraction):
        assert 0 < len(told.text) <= 1_000_000
        assert all(block.end <= len(told.text) for block in told.blocks)
