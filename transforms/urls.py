"""URLs as identities: which two are the same page, and whose host they burden.

What is fetched is always the URL as listed; the canonical form only decides identity. It drops
what cannot name another page (fragment, default port, well-known tracking parameters, the forms of
AMP), never a parameter that might: two URLs too many cost a request, one too few loses an article.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from functools import lru_cache
from urllib.parse import unquote_plus, urljoin, urlsplit, urlunsplit

from tld import get_fld
from w3lib.url import canonicalize_url

from config.models import LONGEST_ADDRESS
from transforms.hashing import digest

TRACKING_PREFIXES = (
    "utm_", "mtm_", "itm_", "matomo_", "piwik_", "pk_", "hsa_", "_hs", "__hs", "mkt_", "oly_",
    "vero_", "wt_", "wt.", "at_medium", "at_campaign", "at_custom", "at_link_", "at_ptr_",
    "at_bbc_", "at_format", "sc_campaign", "sc_channel", "guce_referrer", "amp_js_v", "amp_gsa",
)  # fmt: skip
TRACKING = frozenset(
    "_ga _gl _openstat cmpid dclid dicbo ef_id fbclid ftag gbraid gclid gclsrc guccounter "
    "hsctatracking icid igsh igshid intcmp irclickid li_fat_id maca mbid mc_cid mc_eid msclkid "
    "ncid ns_campaign ns_linkname ns_mchannel ns_source ocid rdt_cid s_cid smid soc_src soc_trk "
    "srsltid tblci ttclid twclid usqp wbraid wickedid xtor yclid ymclid ysclid".split()
)
TRACKING_AS_WRITTEN = frozenset({"CMP"})  # in small letters it may be a company
AMP_VALUES = {"amp": {"", "1", "true"}, "outputtype": {"amp"}}
AMP_CACHE = re.compile(
    r"https?://(?:(?:www\.)?google\.com/amp|(?:[a-z0-9-]+\.)?cdn\.ampproject\.org/[cv])/(s/)?"
    r"(?=[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+(?:[/?]|$))",
    re.IGNORECASE,
)
"""Where others keep pages; s is for https."""
SLUG = re.compile(r"[-\d]")
"""What the name of a story has, and that of a section seldom: /companies/amp is a section."""

INDEX = re.compile(r"(?:index|default|home|main|start)(?:\.\w{1,5})?", re.IGNORECASE)
EDITION = re.compile(r"[a-z]{2}(?:[-_](?:[a-z]{2}|han[st]))?", re.IGNORECASE)
"""A home page in one language or for one country, such as /en or /de-at."""
PAGE_TYPE = re.compile(r"\.(?:html?|php\d?|aspx?|jspx?)$", re.IGNORECASE)
DATE = re.compile(r"\d{1,2}|(?:19|20)\d\d(?:[-_]?\d\d){0,2}")
STORY_ID = re.compile(r"\d{5}|^\d{3,}$")
SCRIPT = re.compile(r"\.(?:php\d?|aspx?|jspx?|cgi|do|pl|cfm)$", re.IGNORECASE)
PRINT = frozenset(
    "druck drucken druckansicht druckversion drukuj imprimer imprimir impresion print printable "
    "print-version printversion stampa tisk utskrift yazdir".split()
)
PART = re.compile(r"\d{1,2}|all|comments|full|gallery|komplettansicht|mobile|m|page|pdf|seite")
"""What follows the address of a story to show it for print; and, behind a slug, a part of it."""
ASIDE = frozenset(
    "amp campaign cid cmp embed feed format from lang layout locale medium mobile mode origin "
    "output outputtype page partner pos print printable r ref referer referrer rss share source "
    "src theme tracking version via view xtref".split()
)
"""Parameters that name no story."""


TOO_LONG = f"its address is longer than {LONGEST_ADDRESS:,} characters"


class _TooLong(ValueError):
    """An address that is longer than any server takes."""


def is_too_long(link: str | None, base: str) -> bool:
    """Whether `link` against `base` is longer than an address may be: `absolute` has none then."""
    try:
        _joined(link, base)
    except _TooLong:
        return True
    except ValueError:
        return False
    return False


def _joined(link: str | None, base: str) -> str:
    """Held against the bound first: to take an address apart costs more than its length."""
    link = (link or "").strip()
    if len(link) > LONGEST_ADDRESS or len(url := urljoin(base, link)) > LONGEST_ADDRESS:
        raise _TooLong
    return url


def absolute(link: str | None, base: str) -> str | None:
    """`link` against `base`, or None when that is no http(s) URL without credentials.

    One that is longer than `LONGEST_ADDRESS` is none.
    """
    try:
        url = _joined(link, base)
        parts = urlsplit(url)
        # Lone surrogates, which JSON can hold, fit no request; and what has no normal form has no
        # identity, such as http://[::1]x/
        _ = parts.port, url.encode(), canonical(url)
    except ValueError:
        return None
    if not link or parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return None if "@" in parts.netloc else url


def canonical(url: str) -> str:
    """The form under which two URLs of one page are equal (RFC 3986, section 6.2, and more)."""
    clean = _normal(url)
    while (plain := _without_amp(clean)) != clean:
        clean = _normal(plain)
    return clean


def page_id(url: str) -> str:
    """The id of the page at an address; two addresses of one page have the same."""
    return digest(canonical(url))


def _normal(url: str) -> str:
    parts = urlsplit(url)
    query = parts.query.split("&")
    # Left as written: to decode what is not UTF-8 would make different values equal.
    kept = [pair for pair in query if not _says_nothing(*pair.partition("=")[::2])]
    if len(kept) < len(query):
        url = urlunsplit(parts._replace(query="&".join(kept)))
    clean = urlsplit(canonicalize_url(url))
    default = {"http": 80, "https": 443}.get(clean.scheme)
    if clean.port is not None and clean.port == default:
        clean = clean._replace(netloc=clean.netloc.rpartition(":")[0])
    return urlunsplit(clean)


def _says_nothing(key: str, value: str) -> bool:
    """Whether a parameter is there for tracking, or to ask for the AMP form of a page."""
    key = unquote_plus(key)
    if key in TRACKING_AS_WRITTEN:
        return True
    key = key.lower()
    tracks = key in TRACKING or key.startswith(TRACKING_PREFIXES)
    return tracks or value.lower() in AMP_VALUES.get(key, ())


def _without_amp(url: str) -> str:
    """The address of the page whose AMP form this is; any other URL as it is."""
    while cached := AMP_CACHE.match(url):
        url = ("https://" if cached[1] else "http://") + url[cached.end() :]
    parts = urlsplit(url)
    path = parts.path
    while path.startswith("/amp/") and _names_a_story(path[4:]):
        path = path[4:]
    while path.endswith(("/amp", "/amp/")):
        story = path.rstrip("/").removesuffix("/amp")
        if not _names_a_story(story):
            break
        path = story + "/" * path.endswith("/")
    return urlunsplit(parts._replace(path=path)) if path != parts.path else url


def _names_a_story(path: str) -> bool:
    return bool(SLUG.search(path.rstrip("/").rpartition("/")[2]))


@lru_cache(maxsize=2_048)  # those under way; each is asked for several times
def name_of(url: str) -> str:
    """The host that an address names, in lower case; empty where it names none."""
    return urlsplit(url).hostname or ""


def host_of(url: str) -> str:
    """Whom a request burdens: the registered domain in ASCII, or the address, without the port."""
    return _registered(name_of(url))


@lru_cache(maxsize=10_000)
def _registered(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        with contextlib.suppress(UnicodeError):
            host = host.encode("idna").decode()
        return get_fld(f"https://{host}/", fail_silently=True) or host


def page_identity(final_url: str, declared: str | None) -> str:
    """Canonical URL of a fetched page: what it declares (rel=canonical), if that can be true.

    A page speaks for its own site only. Careless templates name the home page or a section on every
    page, or leave out what tells their pages apart.
    """
    own, link = canonical(final_url), absolute(declared, final_url)
    if link is None or host_of(link) != host_of(final_url):
        return own
    named = canonical(link)
    return own if names_less(named, own) or seems_section(named, own) else named


def is_home(url: str) -> bool:
    """Whether an address is a site's home page, in whichever language."""
    return not _segments(url) and not _telling(url)


def names_less(other: str, url: str) -> bool:
    """Whether an address leaves out what tells the page at `url` from others of its site.

    So do the home page, a section that the page stands in, and its address without the query.
    """
    path, ours = _segments(other), _segments(url)
    if _telling(other):
        return False
    if path == ours:
        return bool(_telling(url)) and not (path and _names_without_query(path[-1]))
    if not path:
        return True
    path[-1] = PAGE_TYPE.sub("", path[-1])
    for end in range(len(path), len(ours)):
        if ours[end - len(path) : end] == path:
            return not _shows_otherwise(path[-1], ours[end:])
    return False


def seems_section(other: str, url: str) -> bool:
    """Whether an address looks like a section, and has nothing of what names a story in `url`."""
    path, ours = _segments(other), _segments(url)
    parts = urlsplit(other)
    if not path or path[-1] in ours[-1:] or parts.query or "." in path[-1]:
        return False
    if any(map(SLUG.search, path)) or not (len(ours) > 1 or any(map(SLUG.search, ours))):
        return False
    return len(path) == 1 or parts.path.endswith("/")


def _segments(url: str) -> list[str]:
    """The parts of a path; those of a home page are none."""
    found = [part for part in urlsplit(url).path.split("/") if part]
    if found and INDEX.fullmatch(found[-1]):
        found.pop()
    return [] if len(found) == 1 and EDITION.fullmatch(found[0]) else found


def _telling(url: str) -> list[str]:
    """Parameters that may name a story."""
    pairs = (pair.partition("=") for pair in urlsplit(url).query.split("&"))
    return [name for name, _, value in pairs if value and name.lower() not in ASIDE]


def _names_without_query(part: str) -> bool:
    """By a number, or a slug of three words that is no script's name."""
    slug = len(re.split("[-_]", part)) > 2 and not SCRIPT.search(part)
    return not DATE.fullmatch(part) and (slug or bool(re.search(r"\d{3}", part)))


def _shows_otherwise(story: str, rest: list[str]) -> bool:
    """Whether what follows the address of a story shows it in another way, such as for print."""
    if STORY_ID.search(story) and not DATE.fullmatch(story):
        return True
    stems = [part.lower().partition(".")[0] for part in rest]
    return all(x in PRINT or (SLUG.search(story) and PART.fullmatch(x)) for x in stems)
