"""From address to address, over real sockets: pages that send on, and cookies on the way."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest

from tests.kit.fetching import fail, fetch_in, fetch_many, get
from tests.kit.replies import to
from tests.kit.sites import Reply
from transforms.web.asking import World

HTML = {"Content-Type": "text/html"}


def refresh(target: str, delay: int = 0) -> Reply:
    """A page that sends on."""
    page = f'<html><meta http-equiv="refresh" content="{delay};url={target}"><p>Wait</p></html>'
    return Reply(200, page.encode(), HTML)


def in_header(target: str) -> Reply:
    return Reply(200, b"<p>Wait</p>", {**HTML, "Refresh": f"0; url={target}"})


def door(back: str, *cookies: str) -> Reply:
    """Leads back, with a cookie."""
    return Reply(302, b"", {"Location": back, "Set-Cookie": "; ".join(cookies)})


def for_those_with(cookie: str, way: Reply) -> Callable[[BaseHTTPRequestHandler], None]:
    """A story for who brings a cookie; the others are led away."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        brought = (handler.headers["Cookie"] or "").split("; ")
        handler.reply(Reply(200, b"the story", HTML) if cookie in brought else way)

    return answer


@pytest.mark.parametrize("way", [refresh, in_header])
def test_a_page_that_sends_on_is_followed_like_a_redirect(site, way):
    site.at("/story", Reply(200, b"the story", HTML))
    site.at("/2", way("/story"))
    answer = get(site.at("/1", to("/2", 301)))
    assert (answer.url, answer.body) == (site.base + "/story", b"the story")
    assert answer.redirects == (site.base + "/1", site.base + "/2")
    assert answer.moved_to is None, "what a page says moves no feed"


def test_a_page_that_reloads_itself_is_read(site):
    url = site.at("/live", refresh("/live"))
    assert get(url).redirects == ()
    assert site.seen() == {"/live": 1}


@pytest.mark.parametrize("way", [refresh, in_header, to])
def test_so_many_steps_and_no_more(site, way):
    for n in range(5):
        site.at(f"/{n}", way(f"/{n + 1}"))
    site.at("/5", Reply(200, b"there"))
    assert get(site.base + "/0", redirects=5).body == b"there"
    assert fail(site.base + "/0", redirects=4).error_type == "TooManyRedirects"


@pytest.mark.parametrize("way", [refresh, in_header])
def test_two_pages_that_send_to_each_other_are_a_loop(site, way):
    site.at("/b", way("/a"))
    assert fail(site.at("/a", way("/b"))).error_type == "RedirectLoop"
    assert site.seen() == {"/a": 1, "/b": 1}


@pytest.mark.parametrize("way", [refresh, in_header])
def test_what_a_page_sends_to_is_checked_like_all_else(site, sites, way):
    site.at("/secret", Reply(200, b"secret"))
    public = sites("127.0.0.2")
    url = public.at("/", way(f"{site.base}/secret"))
    world = World(allowed=lambda address: address == "127.0.0.2")
    failure = fetch_in(world, [url], allow_private_hosts=False)[url]
    assert failure.error_type == "AddressRefused"
    assert site.connections == set()
    assert fail(site.at("/", way("http://127.0.0.1:22/"))).error_type == "AddressRefused"


def test_robots_txt_is_asked_before_a_page_is_followed(site):
    site.at("/robots.txt", Reply(200, b"User-agent: *\nDisallow: /closed"))
    site.at("/closed", Reply(200, b"closed"))
    url = site.at("/", refresh("/closed"))
    failure = fetch_in(World(), [url], robots=True)[url]
    assert failure.error_type == "RobotsRefused"
    assert site.seen()["/closed"] == 0


@pytest.mark.parametrize("way", [to, refresh, in_header])
def test_a_door_that_sets_a_cookie_leads_to_the_story(site, way):
    site.at("/door", door("/story", "seen=yes", "Path=/"))
    answer = get(site.at("/story", for_those_with("seen=yes", way("/door"))))
    assert (answer.url, answer.body) == (site.base + "/story", b"the story")
    assert answer.redirects == (site.base + "/story", site.base + "/door")


def test_a_page_that_sets_a_cookie_and_sends_on(site):
    wall = refresh("/story")._replace(headers={**HTML, "Set-Cookie": "seen=yes; Path=/"})
    site.at("/wall", wall)
    assert get(site.at("/story", for_those_with("seen=yes", to("/wall")))).body == b"the story"


def test_two_cookies_of_one_answer(site):
    def both(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        for name, value in [("Location", "/story"), ("Content-Length", "0"),
                            ("Set-Cookie", "a=1; Expires=Fri, 01 Jan 2100 00:00:00 GMT; Path=/"),
                            ("Set-Cookie", "b=2; Path=/")]:  # fmt: skip
            handler.send_header(name, value)
        handler.end_headers()

    site.at("/door", both)
    get(site.at("/story", for_those_with("b=2", to("/door"))))
    assert site.headers[-1][1]["cookie"] == "a=1; b=2"


def test_a_door_that_sets_the_same_cookie_for_ever_is_a_loop(site):
    site.at("/door", door("/story", "seen=no", "Path=/"))
    failure = fail(site.at("/story", for_those_with("seen=yes", to("/door"))))
    assert (failure.error_type, failure.temporary) == ("RedirectLoop", False)
    assert site.seen() == {"/story": 2, "/door": 2}


def test_a_door_that_counts_is_left(site):
    numbers = iter(range(100))

    def counting(handler: BaseHTTPRequestHandler) -> None:
        handler.reply(door("/", f"n={next(numbers)}"))

    assert fail(site.at("/", counting), redirects=4).error_type == "TooManyRedirects"
    assert site.seen() == {"/": 5}


def test_no_other_host_gets_a_cookie(site):
    other = f"http://localhost:{site.port}/story"
    site.at("/door", door(other, "seen=yes", "Path=/"))
    site.at("/story", Reply(200, b"the story"))
    assert get(site.base + "/door").url == other
    assert "cookie" not in site.headers[-1][1]


def test_the_next_request_gets_no_cookie(site):
    site.at("/door", door("/story", "seen=yes", "Path=/"))
    site.at("/story", Reply(200, b"the story"))
    urls = [site.base + "/door", site.base + "/story"]
    list(fetch_many(urls, host_concurrency=1))
    assert [headers.get("cookie") for _, headers in site.headers] == [None, "seen=yes", None]


def test_another_try_begins_without_cookies(site):
    site.at("/door", door("/story", "seen=yes", "Path=/"))
    site.at("/story", Reply(503), Reply(200, b"the story"))
    assert get(site.base + "/door").body == b"the story"
    cookies = [headers.get("cookie") for _, headers in site.headers]
    assert cookies == [None, "seen=yes", None, "seen=yes"]
