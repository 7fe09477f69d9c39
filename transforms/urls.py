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


def absolute(link: str | None, base: str) -> str | None:
    """`link` against `base`, or None when that is no http(s) URL without credentials."""
    try:
        url = urljoin(base, (link or "").strip())
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


def host_of(url: str) -> str:
    """Whom a request burdens: the registered domain in ASCII, or the address, without the port."""
    return _registered(urlsplit(url).hostname or "")


@lru_cache(maxsize=10_000)
def _registered(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        with contextlib.suppress(UnicodeError):
            host = host.encode("idna").decode()
        return get_fld(f"https://{host}/", fail_silently=True) or host


def page_identity(final_url: str, declared: str | None) -> str:
    """Canonical URL of a fetched page: what it declares (rel=canonical), if it may say so.

    A page speaks for its own site only, and not for the home page, which careless templates
    name on every page.
    """
    link = absolute(declared, final_url)
    if link and host_of(link) == host_of(final_url) and urlsplit(link).path.strip("/"):
        return canonical(link)
    return canonical(final_url)
