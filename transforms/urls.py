"""URLs as identities: which two are the same page, and whose host they burden.

What is fetched is always the URL as listed; the canonical form only decides identity. It drops
what cannot name another page (fragment, default port, well-known tracking parameters), never a
parameter that might: two URLs too many cost a request, one too few loses an article.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
from functools import lru_cache
from urllib.parse import unquote_plus, urljoin, urlsplit, urlunsplit

from tld import get_fld
from w3lib.url import canonicalize_url

TRACKING_PREFIXES = ("utm_", "mtm_", "pk_", "hsa_", "at_medium", "at_campaign", "at_custom")
TRACKING = frozenset(
    "fbclid gclid dclid gbraid wbraid msclkid yclid twclid igshid mc_cid mc_eid xtor "
    "ns_campaign ns_mchannel ns_source ns_linkname cmpid ocid".split()
)


def digest(*parts: str) -> str:
    """A stable 128-bit id of texts, as 32 hexadecimal digits."""
    return hashlib.blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()


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
    parts = urlsplit(url)
    query = parts.query.split("&")
    # Left as written: to decode what is not UTF-8 would make different values equal.
    kept = [pair for pair in query if not _is_tracking(unquote_plus(pair.partition("=")[0]))]
    if len(kept) < len(query):
        url = urlunsplit(parts._replace(query="&".join(kept)))
    clean = urlsplit(canonicalize_url(url))
    default = {"http": 80, "https": 443}.get(clean.scheme)
    if clean.port is not None and clean.port == default:
        clean = clean._replace(netloc=clean.netloc.rpartition(":")[0])
    return urlunsplit(clean)


def _is_tracking(key: str) -> bool:
    key = key.lower()
    return key in TRACKING or key.startswith(TRACKING_PREFIXES)


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
