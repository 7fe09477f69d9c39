"""The embedded newsroom against its own truth, over real sockets."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import feedparser
import httpx
import pytest
import trafilatura
import yaml

from config.errors import NewsbeamError
from pipeline.newsroom import NewsroomServer, NewsroomSettings, compose, serve
from pipeline.newsroom.site import Site, loopback_hosts
from pipeline.newsroom.site import truth as tell_truth
from pipeline.newsroom.stories import load

Truth = dict[str, Any]
EDITED_AT = (2026, 11, 21, 6, 0, 0)


@pytest.fixture(scope="module")
def newsroom() -> Iterator[NewsroomServer]:
    with NewsroomServer(NewsroomSettings()) as server:
        yield server


@pytest.fixture(scope="module")
def truth(newsroom: NewsroomServer) -> Truth:
    return newsroom.truth()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=10, follow_redirects=True) as one:
        yield one


def patient_get(client: httpx.Client, url: str, **options: Any) -> httpx.Response:
    """Fetch; once more where only the first request is refused."""
    response = client.get(url, **options)
    return client.get(url, **options) if response.status_code in (429, 500) else response


def folded(texts: list[str]) -> list[str]:
    return [" ".join(text.split()) for text in texts]


def of_kind(truth: Truth, kind: str) -> dict[str, Any]:
    return next(article for article in truth["articles"] if article["kind"] == kind)


def feed_that(truth: Truth, behaviour: str) -> dict[str, Any]:
    return next(feed for feed in truth["feeds"] if feed["behaviour"] == behaviour)


# -- composition -----------------------------------------------------------------------------------


def test_equal_settings_give_equal_editions_and_another_seed_another() -> None:
    assert compose(NewsroomSettings()) == compose(NewsroomSettings())
    assert compose(NewsroomSettings()) != compose(NewsroomSettings(seed=8))


def test_two_servers_send_equal_bytes(newsroom: NewsroomServer, client: httpx.Client) -> None:
    article = newsroom.edition.articles[20]
    with NewsroomServer(newsroom.settings) as other:
        pages = [
            client.get(server.base_url + article.path).text.replace(f":{server.port}/", ":0/")
            for server in (newsroom, other)
        ]
    assert pages[0] == pages[1]


def test_size_is_what_was_asked_for() -> None:
    edition = compose(NewsroomSettings(outlets=30, articles=700, unkind=False))
    assert (len(edition.outlets), len(edition.articles)) == (30, 700)
    assert len({article.path for article in edition.articles}) == 700
    assert len({outlet.slug for outlet in edition.outlets}) == 30


def test_a_story_told_again_is_told_otherwise() -> None:
    edition = compose(NewsroomSettings(articles=1200, unkind=False))
    texts = [a.blocks for a in edition.articles if a.kind == "plain"]
    assert len(set(texts)) == len(texts)


def test_default_edition_is_as_varied_as_promised(truth: Truth) -> None:
    readable = [a for a in truth["articles"] if a["expect"] == "article"]
    assert len(readable) >= 150
    assert {a["language"] for a in readable} == {
        "en", "de", "fr", "ru", "ar", "ja", "zh-Hant", "zh-Hans"
    }  # fmt: skip
    assert {a["country"] for a in readable} == {"GB", "US", "DE", "FR", "JP", "TW"}
    forms = {feed["form"] for feed in truth["feeds"] if feed["expect"] == "ok"}
    assert {"rss091", "rss10", "rss20", "atom", "json"} <= forms
    assert {a["expect"] for a in truth["articles"]} == {"article", "failed", "pending", "skipped"}


def test_a_small_newsroom_is_possible() -> None:
    edition = compose(NewsroomSettings(outlets=1, articles=1))
    assert len([a for a in edition.articles if a.outlet == 0 and a.kind == "wire"]) == 1


@pytest.mark.parametrize("wrong", [{"outlets": 0}, {"articles": -1}, {"latency_ms": -5}])
def test_impossible_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(NewsbeamError, match=next(iter(wrong))):
        NewsroomSettings(**wrong)  # type: ignore[arg-type]


def test_a_missing_or_broken_story_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NewsbeamError, match=r"en\.yaml.*no stories"):
        load("en", tmp_path)
    (tmp_path / "de.yaml").write_text("language: de\nslots: {}\nstories:\n  - {id: de-x}\n")
    with pytest.raises(NewsbeamError, match=r"de\.yaml.*'topics' is missing"):
        load("de", tmp_path)


def test_outlets_have_addresses_of_their_own() -> None:
    hosts = loopback_hosts("127.0.0.1", 450)
    assert (hosts[0], hosts[199], hosts[200]) == ("127.0.0.1", "127.0.0.200", "127.0.1.1")
    assert len(set(hosts)) == 450


def test_one_address_for_all_keeps_every_url_apart() -> None:
    told = tell_truth(compose(NewsroomSettings()), Site(("127.0.0.1",), 8000))
    urls = [article["canonical_url"] for article in told["articles"] if article["urls"]]
    assert len(set(urls)) == len(urls)


# -- feeds -----------------------------------------------------------------------------------------


def listed(response: httpx.Response) -> list[tuple[str, str]]:
    """Return title and link of each entry, as a usual reader sees them."""
    if "json" in response.headers["content-type"]:
        return [(item["title"], item["url"]) for item in json.loads(response.content)["items"]]
    headers = {
        "content-type": response.headers["content-type"],
        "content-location": str(response.url),
    }
    parsed = feedparser.parse(io.BytesIO(response.content), response_headers=headers)
    return [(entry.get("title", ""), entry.get("link", "")) for entry in parsed.entries]


def test_every_good_feed_lists_what_the_truth_says(truth: Truth, client: httpx.Client) -> None:
    for feed in truth["feeds"]:
        if feed["expect"] == "failed":
            continue
        entries = listed(patient_get(client, feed["url"]))
        there = [a for a in truth["articles"] if feed["url"] in a["feed_urls"]]
        assert len(entries) == feed["entries"] == len(there), feed
        assert {link for _, link in entries if link} <= {u for a in there for u in a["urls"]}
        assert sorted(title for title, _ in entries) == sorted(a["title"] for a in there)


def test_an_unchanged_feed_answers_304(truth: Truth, client: httpx.Client) -> None:
    pairs = (("etag", "if-none-match"), ("last-modified", "if-modified-since"))
    seen = set()
    for feed in (feed for feed in truth["feeds"] if feed["behaviour"] == "ok"):
        first = client.get(feed["url"])
        for validator, condition in pairs:
            if validator in first.headers:
                again = client.get(feed["url"], headers={condition: first.headers[validator]})
                assert (again.status_code, again.content) == (304, b"")
                seen.add(validator)
        other = client.get(feed["url"], headers={"if-none-match": '"other"'})
        assert other.status_code == 200
    assert seen == {"etag", "last-modified"}


def test_gzip_only_for_those_who_take_it(truth: Truth) -> None:
    url = feed_that(truth, "ok")["url"]
    with httpx.Client() as client:
        plain = client.get(url, headers={"accept-encoding": "identity"})
        with client.stream("GET", url, headers={"accept-encoding": "gzip"}) as packed:
            raw = b"".join(packed.iter_raw())
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(raw) == plain.content


def test_feeds_yaml_lists_every_feed(newsroom: NewsroomServer, truth: Truth) -> None:
    feeds = yaml.safe_load(newsroom.feeds_yaml())["feeds"]
    assert [feed["url"] for feed in feeds] == [feed["url"] for feed in truth["feeds"]]
    assert all(set(feed) == {"url", "outlet", "country", "language", "interval", "tags"}
               for feed in feeds)  # fmt: skip


# -- pages -----------------------------------------------------------------------------------------


def test_pages_extract_to_the_truth(
    newsroom: NewsroomServer, truth: Truth, client: httpx.Client
) -> None:
    charsets = {outlet.name: outlet.charset for outlet in newsroom.edition.outlets}
    for article in truth["articles"]:
        if article["expect"] != "article":
            continue
        page = patient_get(client, article["urls"][0])
        assert str(page.url).split("?")[0].split("#")[0] == article["canonical_url"]
        document = trafilatura.bare_extraction(
            page.content.decode(charsets[article["outlet"]]),
            url=str(page.url), with_metadata=True, include_comments=False,
        )  # fmt: skip
        lines = folded([line for line in document.text.splitlines() if line.strip()])
        extra = set(folded(article["furniture"]))
        kept = [line for line in lines if line not in extra]
        assert kept == folded(article["paragraphs"]), article["canonical_url"]
        if article["published_precision"] == "day":
            assert document.date == article["published_at"][:10]


def test_all_listed_urls_of_an_article_lead_to_one_page(truth: Truth, client: httpx.Client) -> None:
    article = of_kind(truth, "two_urls")
    assert len(article["urls"]) == len(article["feed_urls"]) == 2
    ends = {str(client.get(url).url).split("?")[0] for url in article["urls"]}
    assert ends == {article["canonical_url"]}
    chain = client.get(of_kind(truth, "redirect_chain")["urls"][0])
    assert [hop.status_code for hop in chain.history] == [301, 302, 307]


def test_reprints_share_most_of_the_wire_story(truth: Truth) -> None:
    wire = of_kind(truth, "wire")
    copies = [
        article for article in truth["articles"]
        if article["kind"] == "reprint" and article["paragraphs"][0] == wire["paragraphs"][0]
    ]  # fmt: skip
    assert len({copy["outlet"] for copy in copies}) >= 3
    for copy in copies:
        assert set(copy["paragraphs"][:-1]) < set(wire["paragraphs"])
        assert "Meridian Wire" in copy["paragraphs"][-1]


def test_the_edit_changes_page_feed_and_validators(client: httpx.Client) -> None:
    with NewsroomServer(NewsroomSettings()) as newsroom:
        article = of_kind(newsroom.truth(), "edited")
        url, feeds = article["urls"][0], article["feed_urls"]
        before = client.get(url), [client.get(feed) for feed in feeds]
        assert client.post(f"{newsroom.base_url}/_control/edit").status_code == 200
        after = client.get(url), [client.get(feed) for feed in feeds]
    changed = [text for text in article["edited"]["paragraphs"]
               if text not in article["paragraphs"]]  # fmt: skip
    text = trafilatura.extract(after[0].text)
    assert changed
    assert set(folded(changed)) <= set(folded(text.splitlines()))
    assert before[0].text != after[0].text
    for old, new in zip(before[1], after[1], strict=True):
        assert validators(old) != validators(new)
        assert EDITED_AT not in updated(old)
        assert EDITED_AT in updated(new)


def validators(response: httpx.Response) -> list[str | None]:
    return [response.headers.get("etag"), response.headers.get("last-modified")]


def updated(response: httpx.Response) -> list[tuple[int, ...]]:
    entries = feedparser.parse(io.BytesIO(response.content)).entries
    return [tuple(entry.updated_parsed[:6]) for entry in entries if entry.get("updated_parsed")]


# -- unkindness ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [("http_500", 500), ("gone", 410), ("http_404", 404), ("retry_later", 429)],
)
def test_a_refusing_feed_always_refuses(
    truth: Truth, client: httpx.Client, behaviour: str, status: int
) -> None:
    answers = [client.get(feed_that(truth, behaviour)["url"]) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [status, status]
    if status == 429:
        assert answers[0].headers["retry-after"] == "7200"


@pytest.mark.parametrize(("kind", "status"), [("http_500_once", 500), ("retry_later_once", 429)])
def test_a_hiccup_happens_once(client: httpx.Client, kind: str, status: int) -> None:
    with NewsroomServer(NewsroomSettings()) as fresh:
        told = fresh.truth()
        for url in (feed_that(told, kind)["url"], of_kind(told, kind)["urls"][0]):
            statuses = [client.get(url).status_code for _ in range(3)]
            assert statuses == [status, 200, 200]


@pytest.mark.parametrize("kind", ["redirect_loop", "truncated", "connect"])
def test_what_breaks_the_transport(truth: Truth, client: httpx.Client, kind: str) -> None:
    expected = {
        "redirect_loop": httpx.TooManyRedirects,
        "truncated": httpx.RemoteProtocolError,
        "connect": httpx.ConnectError,
    }
    urls = [feed_that(truth, kind)["url"]]
    if kind != "connect":
        urls.append(of_kind(truth, kind)["urls"][0])
    for url in urls:
        with pytest.raises(expected[kind]):
            client.get(url)


def test_huge_bodies_come_in_pieces_and_without_a_length(
    truth: Truth, client: httpx.Client
) -> None:
    for url in (feed_that(truth, "too_large")["url"], of_kind(truth, "too_large")["urls"][0]):
        with client.stream("GET", url) as response:
            assert "content-length" not in response.headers
            size = sum(len(piece) for piece in response.iter_raw())
        assert 50_000_000 < size < 54_000_000


def test_a_bomb_is_small_on_the_wire(truth: Truth, client: httpx.Client) -> None:
    for url in (feed_that(truth, "gzip_bomb")["url"], of_kind(truth, "gzip_bomb")["urls"][0]):
        with client.stream("GET", url) as response:
            raw = b"".join(response.iter_raw())
        assert response.headers["content-encoding"] == "gzip"
        assert len(raw) < 200_000
    assert len(gzip.decompress(raw)) > 100_000_000


def test_what_is_no_feed_gives_no_entries(truth: Truth, client: httpx.Client) -> None:
    bad = [feed for feed in truth["feeds"] if feed["kind"] == "not_a_feed"]
    assert {feed["form"] for feed in bad} == {"broken", "html"}
    assert [listed(client.get(feed["url"])) for feed in bad] == [[], []]
    assert listed(client.get(feed_that(truth, "empty")["url"])) == []


def test_kind_newsrooms_have_only_good_feeds_and_pages() -> None:
    told = tell_truth(compose(NewsroomSettings(unkind=False)), Site(("127.0.0.1",), 8000))
    assert {feed["behaviour"] for feed in told["feeds"]} == {"ok"}
    assert {article["expect"] for article in told["articles"]} == {"article"}


# -- the server ------------------------------------------------------------------------------------


def test_control_paths(newsroom: NewsroomServer, truth: Truth, client: httpx.Client) -> None:
    control = f"{newsroom.base_url}/_control"
    assert client.get(f"{control}/truth").json() == truth
    assert client.get(f"{control}/feeds.yaml").text == newsroom.feeds_yaml()
    assert client.post(f"{control}/reset-log").status_code == 200
    client.get(newsroom.base_url + "/nowhere?x=1", headers={"if-none-match": '"a"'})
    (entry,) = client.get(f"{control}/log").json()
    assert (entry["path"], entry["status"], entry["conditional"]) == ("/nowhere?x=1", 404, True)
    assert entry["ended"] >= entry["started"]
    assert entry["bytes"] > 0
    assert newsroom.log() == [entry]


def test_a_taken_port_is_named() -> None:
    small = NewsroomSettings(outlets=1, articles=1)
    with NewsroomServer(small) as first, pytest.raises(NewsbeamError, match=str(first.port)):
        NewsroomServer(small, first.port).__enter__()


def test_serve_ends_at_a_signal() -> None:
    seen = []

    def ready(server: NewsroomServer) -> None:
        seen.append(httpx.get(f"{server.base_url}/robots.txt").status_code)
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()

    before = signal.getsignal(signal.SIGTERM)
    serve(NewsroomSettings(outlets=1, articles=1, unkind=False), 0, ready)
    assert seen == [200]
    assert signal.getsignal(signal.SIGTERM) is before
