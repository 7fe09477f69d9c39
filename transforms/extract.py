"""From a page's bytes to its text and what it says of itself, with trafilatura.

Imports neither Beam nor anything that does, because the processes of the pool load it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

import langcodes
import trafilatura
from charset_normalizer import from_bytes
from py3langid.langid import classify
from w3lib.encoding import html_to_unicode

from transforms.records import Extraction, Unreadable
from transforms.robots import directives

EXTRACTOR = f"trafilatura {trafilatura.__version__}"
SAMPLE = 1_000
"""Characters of text that decide the language."""
ENOUGH_LETTERS = 60
PAGE_TYPES = ("text/html", "application/xhtml+xml", "text/plain", "application/xml", "text/xml")
ROBOTS = '//meta[translate(@name, "ROBTSN", "robtsn") = "robots"]/@content'
CANONICAL = '//link[contains(concat(" ", normalize-space(@rel), " "), " canonical ")]/@href'

logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what fails is said by a value
logging.getLogger("htmldate").setLevel(logging.CRITICAL)


def extract_page(body: bytes, content_type: str | None, url: str) -> Extraction | Unreadable:
    """The article of a page; comments, navigation and the like left out."""
    kind = (content_type or "").partition(";")[0].strip().lower() or "text/html"
    if kind not in PAGE_TYPES:
        return Unreadable("NotAPage", f"content type {kind!r}")
    tree = trafilatura.load_html(decode(body, content_type))
    if tree is None:
        return Unreadable("NotAPage", "the body is no HTML")
    declared, links = tree.get("lang"), tree.xpath(CANONICAL)
    robots = directives(", ".join(tree.xpath(ROBOTS)))
    found: Any = trafilatura.bare_extraction(
        tree, url=url, with_metadata=True, include_comments=False
    )
    text = (found.text or "").strip() if found else ""
    if not text:
        return Unreadable("NoText", "no article text found")
    return Extraction(
        title=_line(found.title),
        byline=_line(found.author),
        published_at=_day(found.date),
        language=language_of(text, declared),
        canonical_link=str(links[0]) if links else None,
        text=text,
        extractor=EXTRACTOR,
        robots=robots,
    )


def extract_content(body: bytes, url: str) -> Extraction | Unreadable:
    """The text of an entry that its feed carries whole, as HTML in UTF-8."""
    html = f"<html><body><article>{body.decode(errors='replace')}</article></body></html>"
    found: Any = trafilatura.bare_extraction(
        html, url=url, include_comments=False, favor_recall=True
    )
    text = ((found.text if found else "") or trafilatura.html2txt(html)).strip()
    if not text:
        return Unreadable("NoText", "no text in what the feed carries")
    return Extraction(None, None, None, language_of(text, None), None, text, EXTRACTOR)


def decode(body: bytes, content_type: str | None) -> str:
    """HTML as text: BOM, header, meta element, and then the bytes themselves decide."""
    try:
        _, text = html_to_unicode(content_type, body, auto_detect_fun=_guess_encoding)
    except (LookupError, UnicodeError):  # Python knows the name, but as no charset: hex, idna
        return body.decode(_guess_encoding(body), "replace")
    return text


def language_of(text: str, declared: str | None) -> str | None:
    """BCP 47 tag of a text's language, with the script where a language has several.

    The text decides, because templates lie (``lang="en"`` on a Russian page); what is declared
    counts where the text is too short to tell. Regions are left out.
    """
    sample = text[:SAMPLE]
    letters = sum(map(str.isalpha, sample))
    tag = _language_and_script(declared)
    short = tag is not None and letters < ENOUGH_LETTERS
    detected = tag if short else str(classify(sample)[0]) if letters else None
    if detected == "zh":
        return chinese_script(sample)
    if tag and detected and langcodes.get(tag).language == langcodes.get(detected).language:
        return tag  # it may know the script
    return detected or tag


def chinese_script(text: str) -> str:
    """zh-Hans or zh-Hant, by which legacy character set holds more of the text."""
    simplified, traditional = (len(text.encode(codec, "ignore")) for codec in ("gb2312", "big5"))
    return "zh-Hans" if simplified >= traditional else "zh-Hant"


@lru_cache(maxsize=1_000)
def _language_and_script(tag: str | None) -> str | None:
    """``en-GB`` → ``en``, ``sr_latn_RS`` → ``sr-Latn``; None for nonsense."""
    if not tag or not langcodes.tag_is_valid(tag.strip()):
        return None
    full = langcodes.get(tag.strip())
    kept = langcodes.Language.make(language=full.language, script=full.script)
    return kept.simplify_script().to_tag() if full.language else None


def _guess_encoding(body: bytes) -> str:
    try:
        body.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        best = from_bytes(body[:100_000]).best()
        return best.encoding if best else "windows-1252"


def _day(date: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(date).replace(tzinfo=timezone.utc) if date else None
    except ValueError:
        return None


def _line(value: str | None) -> str | None:
    return " ".join(value.split()) or None if value else None
