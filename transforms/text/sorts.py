"""What sort of page a text is from: a ticker, an opinion, paid for, a release, a list, a film."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from transforms.records import Flag
from transforms.text.signals import Signals
from transforms.text.told import Found, of
from transforms.text.wire import Line

OPINION_PARTS = frozenset(
    "opinion opinions op-ed oped comment columnists columns editorials editorial meinung"
    " kommentar kommentare kolumne kolumnen leitartikel gastbeitrag debatte tribune tribunes"
    " idees debats chroniques chronique editos opinion-columns columnas tribuna opiniones firmas"
    " opinioni editoriali commenti opiniao colunas coluna colunistas artigos-de-opiniao opinie"
    " columnisten komentarze felietony komentare nazory mneniya kolumnisten ledare kronikk"
    " meninger debatt kronikor yazarlar opini kolom editoryal saseol".split()
)
"""Folders of addresses in which outlets keep what is opinion."""
SECTIONS = frozenset(
    "opinion opinions op-ed editorial editorials comment commentary columns columnists letters"
    " meinung kommentar kommentare kolumne kolumnen debatte opinión opiniones columnas tribuna"
    " tribune tribunes idées débats chroniques opinioni editoriali commenti opinião colunas"
    " opinie komentarze publicystyka názory komentáře мнения мнение колонки думки ledare debatt"
    " meninger kronikk yazarlar opini رأي آراء"
    " 오피니언 사설 칼럼 社説 オピニオン 评论 評論 观点 社論".split()
)
"""Names of such sections."""
PAID_PARTS = frozenset(
    "sponsored sponsored-content advertorial advertorials paid-content paidpost paid-post"
    " brandstudio brand-studio brandedcontent branded-content partner-content partnercontent"
    " anzeige anzeigen-sonderthema publireportage publi-redactionnel patrocinado contenido-"
    " patrocinado contenuto-sponsorizzato conteudo-patrocinado artykul-sponsorowany komercni-"
    " sdeleni".split()
)
MEDIA_PARTS = {
    "video": "video", "videos": "video", "watch": "video", "gallery": "gallery",
    "galleries": "gallery", "photos": "gallery", "pictures": "gallery", "slideshow": "gallery",
    "bildergalerie": "gallery", "fotostrecke": "gallery", "fotogaleria": "gallery",
    "fotos": "gallery", "diaporama": "gallery", "galeria": "gallery",
    "podcast": "audio", "podcasts": "audio",
}  # fmt: skip
TIME = re.compile(
    r"(?:[-•*\s(\[]*)(?:[01]?\d|2[0-3])[:.h][0-5]\d(?:\s?(?:Uhr|Uhr:|h|am|pm|a\.m\.|p\.m\.|AM|PM"
    r"|GMT|BST|ET))?\s*(?:[:|–—-]|$|\s[A-ZÀ-ÝА-Я])"
)
"""A line that begins with a time, as the entries of a ticker do."""
BEGINS_LIVE = re.compile(r"\W*live\b.{0,12}[:|–—-]", re.IGNORECASE)
MOST_TIMES = 5
"""Lines with times from which a page is a ticker by them alone, where they fall."""


def live(found: list[Found], signals: Signals, lines: Sequence[Line], title: str) -> Iterator[Flag]:
    """A page that is written on: by type, or by headline or first lines together with its times."""
    if "LiveBlogPosting" in signals.types:
        yield Flag("live", "blog", "json-ld", "LiveBlogPosting")
        return
    told = of(found, "live")
    times = [line for line in lines if TIME.match(line.text)]
    titled = [one for one in told if one.flag.value == "title"]
    if titled and (len(times) >= 2 or BEGINS_LIVE.match(title)):
        yield titled[0].flag
    elif told and len(times) >= 3:
        yield told[0].flag
    elif len(times) >= MOST_TIMES and _falling(times):
        begin, start = times[0].text[:80], times[0].start
        yield Flag("live", "times", "text", begin, start, start + len(begin))


def _falling(times: Sequence[Line]) -> bool:
    """Whether the newest comes first, as in tickers; diaries and round-ups go with the day."""
    clock = [tuple(map(int, re.findall(r"\d+", line.text)[:2])) for line in times]
    falls = sum(later <= earlier for earlier, later in pairwise(clock))
    return falls >= len(clock) - 2


def opinion(found: list[Found], signals: Signals, parts: list[str]) -> Iterator[Flag]:
    """By a meta, the type, the section, a folder of the address, a label, or who wrote it."""
    if signals.opinion:
        yield Flag("opinion", "declared", "meta", "article:opinion: true")
    if "OpinionNewsArticle" in signals.types:
        yield Flag("opinion", "declared", "json-ld", "OpinionNewsArticle")
    section = re.split(r"[/,|>&]", signals.section.casefold())[0].strip()
    if section in SECTIONS:
        yield Flag("opinion", "section", "meta", signals.section)
    if part := next((part for part in parts if part in OPINION_PARTS), None):
        yield Flag("opinion", "section", "url", part)
    for one in of(found, "opinion"):
        yield one.flag


def sponsored(found: list[Found], signals: Signals, parts: list[str]) -> Iterator[Flag]:
    """By the type, a folder of the address, or a note that tells who paid."""
    if "AdvertiserContentArticle" in signals.types:
        yield Flag("sponsored", "declared", "json-ld", "AdvertiserContentArticle")
    if part := next((part for part in parts if part in PAID_PARTS), None):
        yield Flag("sponsored", "paid", "url", part)
    for one in of(found, "sponsored"):
        yield one.flag


def release(found: list[Found], wired: list[Flag]) -> Iterator[Flag]:
    """A label is enough; of the other signs, a dateline without an agency among them, two."""
    told = of(found, "press_release")
    labels = [one for one in told if one.flag.value == "label"]
    signs = {one.flag.value: one for one in told}
    if labels:
        yield labels[0].flag
    elif signs and len(signs) + ([flag.flag for flag in wired] == ["dateline"]) > 1:
        yield next(iter(signs.values())).flag


def shape(
    found: list[Found], signals: Signals, lines: Sequence[Line], parts: list[str]
) -> Iterator[Flag]:
    """A list of articles, a film or a gallery in the place of an article."""
    size = sum(len(line.text) for line in lines)
    article = any(kind.endswith(("Article", "BlogPosting")) for kind in signals.types)
    lists = [kind for kind in signals.types if kind in ("CollectionPage", "SearchResultsPage")]
    told = article or signals.og_type == "article"
    if lists and not told:
        yield Flag("index", "list", "json-ld", lists[0])
    elif (titled := of(found, "index")) and signals.og_type != "article":
        yield titled[0].flag
    elif signals.articles >= 5 and not told and size < 1_500:
        yield Flag("index", "teasers", "page", f"{signals.articles} article elements")
    if size >= 1_000:
        return
    kind = next((MEDIA_PARTS[part] for part in parts if part in MEDIA_PARTS), None)
    if signals.og_type.startswith("video"):
        yield Flag("media", "video", "meta", f"og:type: {signals.og_type}")
    elif "VideoObject" in signals.types and not article:
        yield Flag("media", "video", "json-ld", "VideoObject")
    elif "ImageGallery" in signals.types:
        yield Flag("media", "gallery", "json-ld", "ImageGallery")
    elif kind:
        yield Flag("media", kind, "url", "/".join(parts))
