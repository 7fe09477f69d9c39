"""Pages that stand in the place of a story: walls, and where stories that are gone lead.

The signs are addresses, and whether a text has the words of its headline; none is a phrase of one
language. Of 216 real pages 96 % have most of their headline's words; of texts of other stories, cut
to the length of a wall, 0.3 % do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from config.failures import Kind
from transforms.folding import UNSPACED
from transforms.records import Extraction, Unreadable
from transforms.urls import absolute, canonical, host_of, is_home, names_less, seems_section

ASKS = re.compile(
    r"(?:my)?accounts?|auth(?:enticate|entication|orize|wall)?|cmp|consents?|cookies?|gdpr|"
    r"identity|idp|log-?[io]n|oauth2?|paywall|regist(?:er|ration)|sign-?(?:in|on|up)|sso|"
    r"subscribe|(?:accept|collect|cookie|gdpr|privacy|user)[-_]?(?:consents?|cookies?|gate|wall)|"
    r"consent[-_]?(?:gate|page|wall)|anmelden|anmeldung|einwilligung|zustimmung|connexion|"
    r"consentement|consentimiento|consenso|accedi|acceder|inloggen|toestemming|samtycke|samtykke|"
    r"zaloguj|zgoda|giris",
    re.IGNORECASE,
)
"""A part of a host or path of pages that ask for consent or a login, as platforms name it."""
WORDS = re.compile(rf"(?:{UNSPACED.pattern})+|(?:(?!{UNSPACED.pattern})\w)+")
SHORTEST, STEM = 4, 5
"""Shorter words are in every text; of longer ones the beginning counts, for their endings."""
NESTED = 3
"""Addresses in parameters of addresses: how deep the way back may be packed."""


def in_its_place(
    redirects: tuple[str, ...], final: str, headline: str | None, found: Extraction
) -> Unreadable | None:
    """Why what was found where redirects led is not the story that was listed; None: it may be."""
    if not redirects:
        return None
    asked, told = redirects[0], tells(headline, f"{found.title}\n{found.text}")
    if not told and _asks(final) - _asks(asked):
        return Unreadable(Kind.WALL, f"redirects led to {final}, which asks for something first")
    cut = urlsplit(final).path == urlsplit(asked).path  # perhaps of what tells no story
    if not (cut and told) and _leads_away(asked, final, headline, found.title or ""):
        return Unreadable(Kind.LED_AWAY, f"redirects led to {final}, a home or section page")
    if not told and headline and _leads_back(redirects, final):
        return Unreadable(Kind.WALL, f"redirects led to {final}, which leads back from there")
    return None


def tells(headline: str | None, text: str) -> bool:
    """Whether a text has most of a headline's words; in scripts without spaces, pairs of letters.

    No text tells what has no headline.
    """
    stems, text = _stems(headline or ""), text.casefold()
    return 2 * sum(stem in text for stem in stems) > len(stems)


def _leads_away(asked: str, final: str, headline: str | None, title: str) -> bool:
    """Whether to the home page of its site, or to one like that whose own title is another."""
    if is_home(asked):
        return False
    if is_home(final) and host_of(final) == host_of(asked):
        return True
    elsewhere = is_home(final) or not urlsplit(final).path.strip("/") or names_less(final, asked)
    if not elsewhere and headline:
        elsewhere = seems_section(final, asked)
    return elsewhere and not tells(headline, title)


def _asks(url: str) -> set[str]:
    """The parts of an address that speak of consent or a login."""
    parts = urlsplit(url)
    names = (*(parts.hostname or "").split("."), *parts.path.lower().split("/"))
    return {name for name in names if ASKS.fullmatch(name.partition(".")[0])}


def _leads_back(redirects: tuple[str, ...], final: str) -> bool:
    """Whether a parameter of an address is one that redirects led here from."""
    before = {canonical(url) for url in redirects} - {canonical(final)}
    return any(address in before for address in _ways_back(final, NESTED))


def _ways_back(url: str, depth: int) -> Iterator[str]:
    for _, value in parse_qsl(urlsplit(url).query):
        if value.startswith(("/", "http")) and (address := absolute(value, url)):
            yield canonical(address)
            if depth:
                yield from _ways_back(address, depth - 1)


def _stems(headline: str) -> set[str]:
    found: set[str] = set()
    for word in WORDS.findall(headline.casefold()):
        if UNSPACED.match(word):
            found.update(word[at : at + 2] for at in range(max(1, len(word) - 1)))
        else:
            found.add(word[:STEM])
    return {stem for stem in found if len(stem) >= SHORTEST or UNSPACED.match(stem)} or found
