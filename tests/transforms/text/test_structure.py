"""Lines go that stand where no text stands, or that the page itself says are none; others stay."""

from __future__ import annotations

import pytest

from tests.kit.pages import LANGUAGES, PARAGRAPHS, TITLES, article, read, text_of
from transforms.records import Removal


def removed(html: str, headline: str | None = None) -> list[tuple[str, str, str]]:
    found = read(html, headline)
    return [(one.kind, one.rule, one.text) for one in found.removals]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_headline_again_is_no_text(language):
    title = TITLES[language]
    html = article(language, before=f"<h2>{title}</h2>")
    assert read(html).text == text_of(language)
    assert ("headline", "repeats_headline", title) in removed(html)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_headline_with_its_kicker_is_no_text(language):
    title = TITLES[language]
    html = article(language, before=f"<p>Echo: {title}</p>")
    assert read(html).text == text_of(language)
    assert ("headline", "holds_headline", f"Echo: {title}") in removed(html)


def test_the_headline_of_the_listing_is_no_text_either():
    html = article(before="<p>Crane: a long wait</p>")
    assert ("headline", "repeats_headline", "Crane: a long wait") in removed(
        html, "Crane: A long wait"
    )


def test_a_sentence_that_begins_as_the_headline_does_stays():
    line = f"{TITLES['en']}, the board said, because there is no steel, and nobody knows when."
    assert line in read(article(before=f"<p>{line}</p>")).text


@pytest.mark.parametrize(
    "line",
    [
        "5 January 2026",
        "5. Januar 2026, 10:15 Uhr",
        "5 janvier 2026 à 10h15",
        "5 января 2026, 10:15",
        "2026年1月5日 10時15分",
        "Updated 5 January 2026, 10:15",
        "2026-01-05T10:15:00Z",
    ],
)
@pytest.mark.parametrize("place", ["before", "after"])
def test_dates_above_and_below_the_text_are_none(line, place):
    html = article(**{place: f"<p>{line}</p>"})
    assert read(html).text == text_of()
    assert line in [text for _, _, text in removed(html)]


@pytest.mark.parametrize(
    "line",
    [
        "By Ann Mole and Ivo Brandt",
        "Ann Mole, Ivo Brandt",
        "Von Ann Mole und Ivo Brandt",
        "Ann Mole",
    ],
)
def test_names_of_the_authors_are_no_text(line):
    things = {"@type": "NewsArticle", "author": [{"name": "Ann Mole"}, {"name": "Ivo Brandt"}]}
    html = article(before=f"<p>{line}</p>", things=things)
    assert read(html).text == text_of()
    assert ("byline_meta", "authors", line) in removed(html)


@pytest.mark.parametrize(
    "line",
    [
        "Ann Mole has asked the board twice, and got no answer from it.",
        "The crane was built on 5 January 1998 and was the first of its kind on this coast.",
        "Nobody came.",
        "What comes next:",
        "… and so do the ships",
    ],
)
def test_what_is_a_sentence_or_leads_to_one_stays(line):
    things = {"@type": "NewsArticle", "author": [{"name": "Ann Mole"}]}
    assert line in read(article(before=f"<p>{line}</p>", things=things)).text.split("\n")


@pytest.mark.parametrize("language", LANGUAGES)
def test_short_lines_without_an_end_stand_alone_above_and_below(language):
    html = article(language, before="<p>Harbour</p>", after="<p>Print this</p>")
    assert read(html).text == text_of(language)
    assert {rule for _, rule, _ in removed(html)} >= {"unmarked_head", "unmarked_tail"}


def test_a_list_at_the_end_is_the_articles_own():
    scores = "".join(f"<p>Oldwick {n} - Sandle {n + 1}</p>" for n in range(9))
    assert "Oldwick 8 - Sandle 9" in read(article(after=scores)).text
    items = "<ul><li>Timber: 40 loads</li><li>Bricks: 9 loads</li></ul>"
    assert "Bricks: 9 loads" in read(article(after=items)).text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("join", ["\n", " ", "</p><p>"])
def test_what_json_ld_lacks_between_its_lines_is_no_text(language, join):
    things = {"@type": "NewsArticle", "articleBody": join.join(PARAGRAPHS[language] * 2)}
    line = "Puppets, owls and bees: the town from above, in forty pictures by a reader of ours."
    html = article(language, middle=f"<p>{line}</p>", things=things)
    assert read(html).text == text_of(language)
    assert ("unwitnessed", "json_ld_body", line) in removed(html)


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        pytest.param(" ".join(PARAGRAPHS["en"]) + " …", 1, id="a text that is cut"),
        pytest.param(PARAGRAPHS["en"][0], 1, id="a part of the text"),
        pytest.param(" ".join(PARAGRAPHS["en"]), 4, id="a box that it leaves out"),
        pytest.param(" ".join(PARAGRAPHS["de"]), 1, id="another text"),
        pytest.param({"a": 1}, 1, id="none"),
    ],
)
def test_json_ld_that_does_not_hold_the_text_is_no_witness(body, lines):
    things = {"@type": "NewsArticle", "articleBody": body}
    box = "".join(
        f"<p>Box {n}: the crane was ordered two years ago, in May.</p>" for n in range(lines)
    )
    assert "Box 0" in read(article(middle=box, things=things)).text


def test_each_removal_says_where_it_stood():
    found = read(article(before="<p>Harbour</p>", after="<p>Print this</p>"))
    places = {one.text: one.position for one in found.removals}
    kept = [block.position for block in found.blocks]
    assert (places["Harbour"], kept, places["Print this"]) == (0, [1, 2, 3], 4)
    assert all(isinstance(one, Removal) for one in found.removals)
