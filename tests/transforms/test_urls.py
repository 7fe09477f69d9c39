"""URLs as identities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.models import LONGEST_ADDRESS
from transforms.hashing import digest
from transforms.urls import absolute, canonical, host_of, is_too_long, page_identity

PAGE = "https://news.example/a"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(PAGE, PAGE + "#comments", id="fragment"),
        pytest.param(PAGE, "https://news.example:443/a", id="default port"),
        pytest.param("http://news.example/a", "http://news.example:80/a",
                     id="default port of http"),
        pytest.param(PAGE, "HTTPS://News.Example/a", id="case of scheme and host"),
        pytest.param("https://news.example", "https://news.example/", id="empty path"),
        pytest.param(PAGE, PAGE + "?utm_source=rss&utm_medium=feed", id="tracking alone"),
        pytest.param(PAGE + "?id=7", PAGE + "?id=7&fbclid=x&at_medium=RSS", id="tracking besides"),
        pytest.param(PAGE + "?id=7", PAGE + "?UTM_Source=x&id=7", id="tracking in capitals"),
        pytest.param(PAGE + "?a=1&b=2", PAGE + "?b=2&a=1", id="order of parameters"),
        pytest.param("https://news.example/é", "https://news.example/%C3%A9", id="escapes"),
        pytest.param("https://news.example/%c3%a9", "https://news.example/%C3%A9",
                     id="escape case"),
        pytest.param("https://bücher.example/a", "https://xn--bcher-kva.example/a", id="IDN"),
        pytest.param(PAGE + "?q=a+b&gclid=1", PAGE + "?q=a%20b", id="forms of a space"),
        *(pytest.param(PAGE + "?id=7", f"{PAGE}?id=7&{parameter}", id=parameter)
          for parameter in ("_ga=1.2", "wt_mc=rss", "wt.mc_id=x", "CMP=share_btn_tw", "srsltid=Af",
                            "itm_source=x", "mkt_tok=1", "_hsenc=p2", "maca=en-rss", "ncid=rss",
                            "amp=1", "amp", "AMP=true", "outputType=amp", "usqp=mq331AQ%3D")),
        *(pytest.param("https://news.example/world/story-7", url, id=url) for url in (
            "https://news.example/world/story-7/amp",
            "https://news.example/amp/world/story-7",
            "https://news.example/%61mp/world/story-7/amp?amp=1",
            "https://www.google.com/amp/s/news.example/world/story-7",
            "https://google.com/amp/s/News.Example/world/story-7/amp?amp=1",
            "https://news-example.cdn.ampproject.org/c/s/news.example/world/story-7",
            "https://news-example.cdn.ampproject.org/v/s/news.example/world/story-7?amp_js_v=a3",
            "https://www.google.com/amp/s/www.google.com/amp/s/news.example/world/story-7",
        )),
        pytest.param("https://news.example/big-story/", "https://news.example/big-story/amp/",
                     id="AMP with a slash at the end"),
        pytest.param("http://news.example/a", "https://www.google.com/amp/news.example/a",
                     id="AMP of http"),
    ],
)  # fmt: skip
def test_one_page(one, other):
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(PAGE, "http://news.example/a", id="scheme"),
        pytest.param(PAGE, "https://www.news.example/a", id="subdomain"),
        pytest.param(PAGE, PAGE + "/", id="slash at the end"),
        pytest.param(PAGE, "https://news.example/A", id="case of the path"),
        pytest.param(PAGE, "https://news.example:8443/a", id="port"),
        pytest.param(PAGE, PAGE + "?id=1", id="a parameter"),
        pytest.param(PAGE + "?id=1&utm_id=1", PAGE + "?id=2&utm_id=1", id="a value"),
        pytest.param(PAGE + "?id=1", PAGE + "?id=1&id=1", id="a repeated parameter"),
        pytest.param(PAGE + "?ref=a", PAGE + "?ref=b", id="what only looks like tracking"),
        pytest.param(PAGE + "?q=%E4&utm_id=1", PAGE + "?q=%F6&utm_id=1", id="values in Latin-1"),
        pytest.param(PAGE + "?q=a%26b&utm_id=1", PAGE + "?q=a&b&utm_id=1", id="an escaped &"),
        pytest.param("https://news.example/a%2Fb", "https://news.example/a/b", id="an escaped /"),
        pytest.param(PAGE + "?id=1;2", PAGE + "?id=1&2", id="a semicolon"),
        *(
            pytest.param(f"{PAGE}?{key}=1", f"{PAGE}?{key}=2", id=key)
            for key in ("cid", "uid", "eid", "source", "keyword", "session", "cmp", "medium", "gl")
        ),
        pytest.param(PAGE + "?amp=5", PAGE, id="amperes"),
        pytest.param(PAGE + "?outputType=xml", PAGE, id="another output"),
        pytest.param(
            "https://news.example/companies/amp", "https://news.example/companies", id="a company"
        ),
        pytest.param("https://news.example/amp/", "https://news.example/", id="a page named amp"),
        pytest.param(
            "https://news.example/big-story/amplified",
            "https://news.example/big-story",
            id="what only begins like AMP",
        ),
        pytest.param("https://www.google.com/amp/s/story", "https://story/", id="no host"),
        pytest.param(
            "https://www.google.com.example/amp/s/news.example/a",
            PAGE,
            id="what only looks like a cache",
        ),
        pytest.param("https://blog.example/amp/s/news.example/a", PAGE, id="no cache"),
    ],
)
def test_two_pages(one, other):
    assert canonical(one) != canonical(other)


HOSTS = st.sampled_from(
    ["news.example", "NEWS.example:443", "[2001:db8::1]:80", "10.0.0.1:8080", "www.google.com",
     "x.cdn.ampproject.org"]
)  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
# As a link may stand in a feed: escaped, half escaped, or not at all.
AMP = st.sampled_from(["", "amp/", "amp/s/news.example/", "%61mp/", "amp/amp/", "c/s/a-1.example/"])
PIECES = st.text(st.sampled_from("aé漢%25%E4&=+;/ ~'()\u200b"), max_size=12) | TEXTS


@st.composite
def links(draw: st.DrawFn) -> str:
    path = draw(AMP) + draw(PIECES) + draw(st.sampled_from(["", "-1/amp", "/amp/", "/amp/amp"]))
    query = draw(st.none() | PIECES)
    tracked = draw(st.sampled_from(["", "&utm_source=x", "&fbclid", "&gclid=%E4"]))
    tail = "" if query is None else f"?{query}{tracked}"
    return f"{draw(st.sampled_from(['http', 'https']))}://{draw(HOSTS)}/{path}{tail}"


@given(links())
def test_the_canonical_form_is_its_own(link):
    url = absolute(link, PAGE)
    if url is not None:
        assert canonical(canonical(url)) == canonical(url)


@given(st.text())
def test_whatever_passes_as_a_link_has_an_identity_and_a_host(link):
    url = absolute(link, PAGE)
    if url is not None:
        assert digest(canonical(url))
        assert host_of(url)


# Letters of Latin-1, which are no UTF-8, and what has a meaning in queries.
BYTES = st.lists(st.sampled_from(b"\xe4\xf6a&=%+; "), min_size=1, max_size=3).map(bytes)


def escaped(value: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in value)


@given(BYTES, BYTES, st.sampled_from(["", "&utm_source=x", "&FBCLID=1"]))
def test_other_values_of_a_parameter_are_never_merged(one, other, tracking):
    first, second = (f"{PAGE}?id={escaped(value)}{tracking}" for value in (one, other))
    assert (canonical(first) == canonical(second)) == (one == other)


@pytest.mark.parametrize(
    ("link", "url"),
    [
        pytest.param("story.html", "https://news.example/world/story.html", id="beside"),
        pytest.param("../story", "https://news.example/story", id="above"),
        pytest.param("/story", "https://news.example/story", id="from the root"),
        pytest.param("//cdn.example/x", "https://cdn.example/x", id="other host, same scheme"),
        pytest.param("?id=7", "https://news.example/world/feed.xml?id=7", id="query alone"),
        pytest.param("  http://x.example/a\n", "http://x.example/a", id="white space around"),
        pytest.param("http://x.example/a b", "http://x.example/a b", id="a space inside stays"),
    ],
)
def test_links_against_their_feed(link, url):
    assert absolute(link, "https://news.example/world/feed.xml") == url


@pytest.mark.parametrize(
    "link",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("mailto:desk@news.example", id="mailto"),
        pytest.param("javascript:void(0)", id="javascript"),
        pytest.param("file:///etc/passwd", id="file"),
        pytest.param("ftp://news.example/a", id="ftp"),
        pytest.param("data:text/html,hello", id="data"),
        pytest.param("http://", id="no host"),
        pytest.param("http://me@x.example/", id="user"),
        pytest.param("http://me:pw@x.example/", id="user and password"),
        pytest.param("http://:pw@x.example/", id="password alone"),
        pytest.param("http://[::1", id="half a bracket"),
        pytest.param("http://[::1]x?y=", id="more than an address"),
        pytest.param("http://x.example:99999/", id="port out of range"),
        pytest.param("http://x.example:http/", id="port in words"),
        pytest.param("http://x.example/\ud800", id="half a character"),
    ],
)
def test_no_links(link):
    assert absolute(link, PAGE) is None


@pytest.mark.parametrize("length", [LONGEST_ADDRESS, LONGEST_ADDRESS + 1])
def test_an_address_has_a_longest_form_however_it_is_written(length):
    """Blanks around it do not count, what it is relative to does."""
    rest = "a" * (length - len("https://news.example/"))
    fits = length <= LONGEST_ADDRESS
    for link in (f"https://news.example/{rest}", f" //news.example/{rest}\n", f"/{rest}", rest):
        assert (absolute(link, PAGE) is not None, is_too_long(link, PAGE)) == (fits, not fits)


def test_an_endless_canonical_address_is_not_believed():
    assert page_identity(PAGE, "https://news.example/story" + "/amp" * 220_000) == PAGE


@pytest.mark.parametrize(
    ("url", "host"),
    [
        pytest.param("https://www.news.co.uk/a", "news.co.uk", id="registered under co.uk"),
        pytest.param("https://rss.edition.news.com:8443/a", "news.com", id="subdomains and port"),
        pytest.param("https://NEWS.com/", "news.com", id="capitals"),
        pytest.param("http://127.0.0.1:8080/", "127.0.0.1", id="IPv4"),
        pytest.param("http://[2001:DB8:0::1]:80/", "2001:db8::1", id="IPv6"),
        pytest.param("http://localhost:81/", "localhost", id="no registered domain"),
        pytest.param("https://www.bücher.de/", "xn--bcher-kva.de", id="IDN"),
        pytest.param("https://xn--bcher-kva.de/", "xn--bcher-kva.de", id="IDN in Punycode"),
        pytest.param("http://a..ü/", "a..ü", id="an IDN that is none"),
    ],
)
def test_whom_a_request_burdens(url, host):
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("declared", "identity"),
    [
        pytest.param(None, PAGE, id="nothing declared"),
        pytest.param("", PAGE, id="declared empty"),
        pytest.param("/story?utm_id=1", "https://news.example/story", id="relative"),
        pytest.param("https://thief.example/story", PAGE, id="another site"),
        pytest.param("https://news.example/", PAGE, id="the home page"),
        pytest.param("https://news.example", PAGE, id="the home page without slash"),
        pytest.param("javascript:0", PAGE, id="no URL"),
        pytest.param("http://[", PAGE, id="nonsense"),
    ],
)
def test_what_a_page_may_declare(declared, identity):
    assert page_identity(PAGE + "?utm_source=feed", declared) == identity


def test_a_page_may_declare_another_host_of_its_own_site():
    own = page_identity("https://amp.news.co.uk/a", "https://www.news.co.uk/story")
    assert own == "https://www.news.co.uk/story"
    assert page_identity("https://amp.news.co.uk/a", "https://other.co.uk/story") != own


SITE = "https://news.example"


@pytest.mark.parametrize(
    ("page", "named"),
    [
        pytest.param("/life/cheese.html", "/life/", id="its section"),
        pytest.param("/life/cheese", "/life", id="its section without slash"),
        pytest.param("/life/cheese.html", "/life.html", id="its section as a file"),
        pytest.param("/life/cheese.html", "/life/index.html", id="its section's index"),
        pytest.param("/en/life/food/cheese", "/life/food", id="a section within its path"),
        pytest.param("/life-style/cheese", "/life-style/", id="a section of two words"),
        pytest.param("/2026/02/cheese", "/2026/02/", id="its month"),
        pytest.param("/2026-02-11/ice", "/2026-02-11", id="its day"),
        pytest.param("/news/12345", "/news", id="a story by number"),
        pytest.param("/news/7", "/news/", id="a story by a small number"),
        pytest.param("/n/77", "/sport/", id="another section"),
        pytest.param("/n/77", "/news/europe/", id="another section below one"),
        pytest.param("/cheese-sold-out", "/sport", id="a section for a slug"),
        pytest.param("/life/cheese", "/index.php", id="the home page by name"),
        pytest.param("/life/cheese", "/de-at/", id="an edition's home page"),
        pytest.param("/?p=77", "/", id="a story of the home page's address"),
        pytest.param("/story.php?id=5", "/story.php", id="a script without its query"),
        pytest.param("/story.php?id=5", "/story.php?id=", id="a query without its value"),
        pytest.param("/articleView.html?idxno=5", "/articleView.html", id="a file without query"),
        pytest.param("/show_one_story.php?id=5", "/show_one_story.php", id="a script of words"),
        pytest.param("/article-detail?nid=5", "/article-detail", id="a name of two words"),
    ],
)
def test_what_leaves_out_what_tells_stories_apart_is_no_identity(page, named):
    assert page_identity(SITE + page, SITE + named) == SITE + page


@pytest.mark.parametrize(
    ("page", "named"),
    [
        pytest.param("/town/clocks/print", "/town/clocks", id="for print"),
        pytest.param("/town/clocks/druckversion.html", "/town/clocks", id="for print, in German"),
        pytest.param("/print/town/clocks", "/town/clocks", id="for print, said first"),
        pytest.param("/town/clocks-sold/2", "/town/clocks-sold", id="its second page"),
        pytest.param(
            "/town/clocks-sold/page/2/", "/town/clocks-sold/", id="its second page, named"
        ),
        pytest.param("/story/3000001/clocks-sold", "/story/3000001", id="a number names it"),
        pytest.param("/town/clocks.html?print=1", "/town/clocks.html", id="for print by query"),
        pytest.param("/town/clocks?from=letter", "/town/clocks", id="where from"),
        pytest.param("/2026/02/clocks-are-sold?xyz=7", "/2026/02/clocks-are-sold", id="a slug"),
        pytest.param("/clocks-1234.html?sid=9", "/clocks-1234.html", id="a number in its name"),
        pytest.param("/story.php?id=5&sid=9", "/story.php?id=5", id="without the session"),
        pytest.param("/story.php?id=5", "/town/clocks-sold", id="a speaking address"),
        pytest.param("/?p=77", "/clocks", id="a speaking address of one word"),
        pytest.param("/2026/02/clocks-are-sold", "/?p=77", id="a short address"),
        pytest.param("/letter/9/cuckoo", "/town/cuckoo-clocks", id="another place"),
        pytest.param("/letter/9/clocks", "/clocks", id="its last part alone"),
        pytest.param("/?from=letter", "/", id="the home page itself"),
    ],
)
def test_an_honest_canonical_address_is_the_identity(page, named):
    assert page_identity(SITE + page, SITE + named) == SITE + named


def test_digests_tell_parts_apart_and_take_any_text():
    assert digest("a", "b") != digest("ab") != digest("b", "a")
    assert len(digest("\ud800")) == 32
