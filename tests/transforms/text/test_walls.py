"""Pages that stand in the place of a story are told from stories."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from transforms.hashing import digest
from transforms.records import PageTask, Response
from transforms.text.pages import judge
from transforms.text.walls import tells
from transforms.urls import canonical

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
SITE, OTHER = "https://news.example", "https://login.platform.example"
STORY = f"{SITE}/2026/crane"
HEADLINE = "A crane is late"
TEXT = (
    "The crane for the harbour comes late, and three ships have to wait for it until autumn. " * 4
)
ASKING = (
    "We keep small files on your device, and so do those with whom we work. Agree to go on. " * 4
)
TEASERS = "Owls are back in the tower. The bakery has moved. Snow fell on the upper sheds. " * 5


def judged(final: str, text: str, *, title: str = "Before you go on", asked: str = STORY,
           headline: str | None = HEADLINE, via: tuple[str, ...] = (), span=None):  # fmt: skip
    """What a page comes to whose address led to another one."""
    task = PageTask(digest(canonical(asked)), asked, f"{SITE}/rss", 0, "Gazette", None, "en",
                    headline, None, None, NOW, text_span=span)  # fmt: skip
    body = (
        f"<html><head><title>{title}</title></head><body><article><p>{text}</p></article></body>"
    ).encode()
    redirects = () if final == asked else (asked, *via)
    return judge(task, Response(final, 200, {}, body, redirects, NOW, 1, 1), lambda *_: ())


@pytest.mark.parametrize(
    "final",
    [
        f"{SITE}/consent?return=%2F2026%2Fcrane",
        f"{SITE}/privacy-wall/",
        f"{SITE}/user/login.php",
        "https://consent.platform.example/v2/collect?session=7",
        f"{OTHER}/?site=7",
        pytest.param(f"{SITE}/bejelentkezes?vissza=/2026/crane", id="the way back as a path"),
        pytest.param(f"{SITE}/x?u=https%3A%2F%2Fnews.example%2F2026%2Fcrane%3Futm_source%3Da",
                     id="the way back as an address"),
        pytest.param("https://id.example/go?s=https%3A%2F%2Fnews.example%2Fgate%3Fto%3D%252F2026%252Fcrane",
                     id="the way back in the way back"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("headline", [HEADLINE, "Кран опоздал", "クレーンの納入は秋以降"])
def test_a_wall_is_a_failure(final, headline):
    page = judged(final, ASKING, headline=headline)
    assert (page.state, page.stage, page.error_type) == ("failed", "extract", "Wall")
    assert page.article is None
    assert final in page.error


def test_a_wall_that_a_story_leads_to_by_way_of_another_address():
    final = f"{SITE}/x?next=/story/7"
    assert judged(final, ASKING, via=(f"{SITE}/story/7",)).error_type == "Wall"


def test_a_wall_is_a_failure_also_where_nobody_knows_the_headline():
    assert judged(f"{SITE}/consent", ASKING, headline=None).error_type == "Wall"


@pytest.mark.parametrize(
    ("asked", "final"),
    [
        (STORY, f"{SITE}/"),
        (STORY, SITE),
        (STORY, f"{SITE}/index.html"),
        (STORY, f"{SITE}/en/"),
        (STORY, f"https://www.news.example/?gone={7}"),
        (STORY, f"{SITE}/2026/"),
        (STORY, "https://www.elsewhere.example/"),
        (f"{SITE}/life/crane.html", f"{SITE}/life/"),
        (f"{SITE}/life-style/crane", f"{SITE}/life-style"),
        (f"{SITE}/n/77", f"{SITE}/sport"),
        (f"{SITE}/n/77", f"{SITE}/world/europe/"),
        (f"{SITE}/story.php?id=77", f"{SITE}/story.php"),
    ],
)
def test_a_story_that_leads_home_or_to_a_section_is_a_failure(asked, final):
    page = judged(final, TEASERS, asked=asked, title="The Gazette")
    assert (page.state, page.stage, page.error_type) == ("failed", "extract", "LedAway")
    assert page.article is None


def test_a_home_page_that_still_shows_the_headline_is_not_the_story():
    assert judged(f"{SITE}/", TEXT, title=HEADLINE).error_type == "LedAway"


@pytest.mark.parametrize(
    ("final", "changes"),
    [
        pytest.param(STORY, {}, id="no redirect"),
        pytest.param(f"{STORY}/", {}, id="a slash"),
        pytest.param("https://www.news.example/2026/crane?ref=rss", {}, id="another host"),
        pytest.param(f"{SITE}/harbour/a-crane-is-late", {}, id="a speaking address"),
        pytest.param(f"{SITE}/cranes/", {"title": HEADLINE}, id="a speaking address of one word"),
        pytest.param(f"{SITE}/crane", {"asked": f"{SITE}/x7", "headline": None},
                     id="a short address, no headline"),
        pytest.param(STORY, {"asked": f"{STORY}?xyz=1", "title": "Late"}, id="less in the query"),
        pytest.param(f"{SITE}/story-9", {"asked": f"{SITE}/story-9/printed"}, id="not for print"),
        pytest.param(f"{SITE}/harbour/login", {}, id="a story named as walls are"),
        pytest.param(f"{SITE}/late-crane?was=/2026/crane", {}, id="it says where from"),
        pytest.param(f"{SITE}/login/continue", {"asked": f"{SITE}/login/news/7"},
                     id="a site that has all there"),
        pytest.param("https://tool.example/", {"title": "Crane: late is fine", "asked": STORY},
                     id="a home page that is the story"),
    ],
)  # fmt: skip
def test_a_story_is_no_wall(final, changes):
    changes = {"title": HEADLINE} | changes
    assert judged(final, TEXT, **changes).state == "fetched"


@pytest.mark.parametrize(
    ("headline", "text"),
    [
        pytest.param("What consent to cookies means", "Consent to cookies means little "
                     "when every page asks, a court was told, and login pages ask more. " * 4,
                     id="on consent and cookies"),
        pytest.param("Consent", "Consent is a short word for a long talk. " * 5, id="an essay"),
        pytest.param("Ferry back", "The ferry is back.", id="a short brief"),
        pytest.param(HEADLINE, "The crane for the harbour comes late, it was said on Tuesday. "
                     "Subscribe or log in to read on.", id="the lead of a paid article"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "final", [STORY, f"{SITE}/opinion/consent", f"{SITE}/login?next=/2026/crane"]
)
def test_what_speaks_of_its_headline_is_no_wall(headline, text, final):
    assert judged(final, text, headline=headline).state == "fetched"


def test_the_text_of_a_feed_stands_whatever_the_page_led_to():
    page = judged(f"{SITE}/consent", ASKING, span=(0, 0, 1))
    assert (page.state, page.article.text_source) == ("fetched", "feed")


@pytest.mark.parametrize(
    ("headline", "text", "told"),
    [
        ("The tallest vase", "A vase was blown, the tallest of all.", True),
        ("The tallest vase", "It is for the best of the readers.", False),
        ("Ice for all", "all the ice", True),
        ("Портовые краны опоздали", "Портового крана не будет, он опоздал.", True),
        ("港務局：起重機延誤", "起重機要到秋天才能交付，港務局說延誤難免。", True),
        ("港務局：起重機延誤", "我們與合作夥伴在您的裝置上儲存資料。", False),
        ("ÜBER ALLE BERGE", "sie sind über alle Berge", True),
        ("…", "any text", False),
        ("", "any text", False),
        (None, "any text", False),
    ],
)
def test_whether_a_text_tells_its_headline(headline, text, told):
    assert tells(headline, text) is told
