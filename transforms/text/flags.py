"""What is to be known of an article before it is trusted, each with the words that say so.

From its headline, text, byline and what was removed, by the rules of config/catalogue/flags.yaml;
and from what only the HTML tells (`signals`). No flag is set on the word of a name or an address of
one site.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import urlsplit

from config.rules import LONGEST_LINE
from transforms.records import Flag, Removal
from transforms.text.notes import PART, flag_rules, places, quoted
from transforms.text.rules import Hit, Rules
from transforms.text.signals import Signals
from transforms.text.wire import Line, wire_flags

OPINION_PARTS = frozenset(
    "opinion opinions op-ed oped commentisfree comment columnists columns editorials editorial"
    " meinung kommentar kommentare kolumne kolumnen leitartikel gastbeitrag debatte tribune tribunes"
    " idees debats chroniques chronique editos opinion-columns columnas tribuna opiniones firmas"
    " opinioni editoriali commenti opiniao colunas coluna colunistas artigos-de-opiniao opinie"
    " columnisten komentarze opinie felietony komentare nazory mneniya opinions kolumnisten ledare"
    " kronikk meninger debatt kronikor yazarlar opini kolom editoryal saseol".split()
)
SECTIONS = frozenset(
    "opinion opinions op-ed editorial editorials comment commentary columns columnists letters meinung"
    " kommentar kommentare kolumne kolumnen debatte opinión opiniones columnas tribuna tribune tribunes"
    " idées débats chroniques opinioni editoriali commenti opinião colunas opinie komentarze publicystyka"
    " názory komentáře мнения мнение колонки думки ledare debatt meninger kronikk yazarlar opini رأي آراء"
    " 오피니언 사설 칼럼 社説 オピニオン 评论 評論 观点 社論".split()
)
PAID_PARTS = frozenset(
    "sponsored sponsored-content advertorial advertorials paid-content paidpost paid-post brandstudio"
    " brand-studio brandedcontent branded-content partner-content partnercontent brandvoice anzeige"
    " anzeigen-sonderthema publireportage publi-redactionnel patrocinado contenido-patrocinado"
    " contenuto-sponsorizzato conteudo-patrocinado artykul-sponsorowany komercni-sdeleni".split()
)
MEDIA_PARTS = {
    "video": "video", "videos": "video", "watch": "video", "av": "video", "gallery": "gallery",
    "galleries": "gallery", "photos": "gallery", "pictures": "gallery", "slideshow": "gallery",
    "bildergalerie": "gallery", "fotostrecke": "gallery", "fotogaleria": "gallery", "fotos": "gallery",
    "diaporama": "gallery", "galeria": "gallery", "podcast": "audio", "podcasts": "audio",
}  # fmt: skip
TIME = re.compile(r"(?:[-•*\s(\[]*)(?:[01]?\d|2[0-3])[:.h][0-5]\d(?:\s?(?:Uhr|Uhr:|h|am|pm|a\.m\.|p\.m\.|AM|PM|GMT|BST|ET))?\s*(?:[:|–—-]|$|\s[A-ZÀ-ÝА-Я])")
"""A line that begins with a time, as the entries of a ticker do."""
DOTS = re.compile(r"(?:\.\.\.|…|……|\[…\]|\[\.\.\.\])\s*$")
EDITOR = re.compile(
    r"(?:[Ee]dited|[Rr]eviewed|[Cc]hecked|[Ff]act-checked|[Vv]erified|[Rr]edigiert|[Gg]eprüft|[Bb]earbeitet|[Rr]elu|[Éé]dité|[Vv]érifié"
    r"|[Ee]ditado|[Rr]evisado|[Rr]ivisto)(?:,? (?:and|und|et|y|e) \w+)? (?:by|von|par|por|da)\s+(?:(?:the|our) )?(?:(?:human )?(?:editor|redacteur|Redakteur(?:in)?) )?"
    r"(?P<who>[A-ZÀ-Ý][\w’'.-]+(?: [A-ZÀ-Ý][\w’'.-]+){1,3})|(?:[Ee]ditor|Redaktion|Human editor|Editor in charge|Редактор|Redakcja|編集|编辑|編輯)\s*[:：]\s*(?P<named>[^\n,;.]{2,60})"
)
BEGINS_LIVE = re.compile(r"\W*live\b.{0,12}[:|–—-]", re.IGNORECASE)
MOST_TIMES = 5
"""Lines with times from which a page is a ticker by them alone, where they fall."""
READ = 250
"""Characters of lines that are read where they stand between head and tail."""
CUT_TEXT = 1_500
"""Characters of a text under which dots at its end, with an offer, say that it was cut."""


class _Spot(NamedTuple):
    """A line that rules look at."""

    text: str
    field: str
    start: int | None
    places: set[str]
    kind: str = ""
    """Of a line that was removed."""


class _Found(NamedTuple):
    flag: Flag
    rule: str
    spot: _Spot


@cache
def rules() -> Rules:
    """The rules as shipped, read once in a process."""
    return Rules(flag_rules())


def flags(
    title: str | None,
    text: str,
    removals: Sequence[Removal] = (),
    byline: str | None = None,
    signals: Signals = Signals(),
    url: str = "",
) -> tuple[Flag, ...]:
    """The flags of an article, in the order of their names' importance, each value once."""
    lines = list(_lines(text))
    spots = list(_spots(title or "", lines, removals, byline, signals))
    found = list(_told(spots))
    parts = _parts(url)
    bylines = [one for one in (byline, *signals.bylines[:3], *signals.around) if one]
    disclosed = list(_disclosures(found, spots, signals))
    wired = list(wire_flags(title or "", lines, removals, bylines, bool(disclosed)))
    every = [
        *disclosed,
        *wired,
        *_walls(found, signals, lines),
        *_truncated(found, lines, text),
        *_live(found, signals, lines, title or ""),
        *_opinion(found, signals, parts),
        *_sponsored(found, signals, parts),
        *_release(found, wired),
        *(one.flag for one in found if one.flag.flag == "corrected"),
        *_shape(found, signals, lines, parts),
    ]
    return tuple({(flag.flag, flag.value): flag for flag in reversed(every)}.values())[::-1]


def _parts(url: str) -> list[str]:
    """The folders of an address, in lower case."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return []
    return [part.lower() for part in path.split("/")[:-1] if part]


def _lines(text: str) -> Iterator[Line]:
    start = 0
    for line in text.split("\n"):
        if line.strip():
            yield Line(line, start)
        start += len(line) + 1


def _spots(
    title: str,
    lines: Sequence[Line],
    removals: Sequence[Removal],
    byline: str | None,
    signals: Signals,
) -> Iterator[_Spot]:
    if title:
        yield _Spot(title, "title", 0, {"title"})
    if byline:
        yield _Spot(byline, "byline", None, {"byline"})
    count = len(lines)
    for at, line in enumerate(lines):
        where = places(at, count)
        if len(where) > 1 or len(line.text) <= READ:
            yield _Spot(line.text[:LONGEST_LINE], "text", line.start, where)
    for gone in removals:
        for line in gone.text.split("\n"):
            where = {"removed", "tail"} if gone.kind == "disclosure" else {"removed"}
            yield _Spot(line, "removed", None, where, gone.kind)
    for note in (*signals.notes, *signals.walls):
        yield _Spot(note, "page", None, {"page"})
    for near in signals.around:
        yield _Spot(near, "page", None, {"around"})


def _told(spots: Sequence[_Spot]) -> Iterator[_Found]:
    """What rules find in the lines, but within quotation marks."""
    for spot, hits in zip(spots, rules().read([spot.text for spot in spots]), strict=True):
        for hit in hits:
            if not spot.places.isdisjoint(hit.rule.where) and not _spoken(spot, hit):
                yield _Found(_flag(spot, hit), hit.rule.id, spot)


def _spoken(spot: _Spot, hit: Hit) -> bool:
    return spot.field == "text" and quoted(spot.text, hit.start)


def _flag(spot: _Spot, hit: Hit) -> Flag:
    start = None if spot.start is None else spot.start + hit.start
    end = None if spot.start is None else spot.start + hit.end
    evidence = spot.text[hit.start : hit.end]
    return Flag(hit.rule.kind, hit.rule.value, spot.field, evidence, start, end)


def _of(found: Iterable[_Found], flag: str) -> list[_Found]:
    return [one for one in found if one.flag.flag == flag]


def _disclosures(
    found: list[_Found], spots: Sequence[_Spot], signals: Signals
) -> Iterator[Flag]:
    """That a machine made the text; with which tool; who edited it."""
    told = [one for one in _of(found, "disclosure") if one.spot.kind in ("", "disclosure")]
    for one in told:
        yield one.flag
    if signals.machine:
        yield Flag("disclosure", "made", "meta", "true")
        return
    if not told:
        return
    near = {id(one.spot) for one in told} | {id(one.spot) for one in _of(found, PART)}
    for one in _of(found, "disclosure_tool"):
        if id(one.spot) in near or one.spot.kind == "disclosure":
            yield one.flag._replace(value=one.flag.evidence)
    for spot in spots:
        if id(spot) in near or spot.kind == "disclosure":
            for match in EDITOR.finditer(spot.text):
                group = "who" if match["who"] else "named"
                start = None if spot.start is None else spot.start + match.start()
                end = None if spot.start is None else spot.start + match.end()
                yield Flag("disclosure_editor", match[group].strip(), spot.field, match.group(), start, end)


def _walls(found: list[_Found], signals: Signals, lines: Sequence[Line]) -> Iterator[Flag]:
    """A wall: `cut` where the page says that the text ends, `offer` where it asks, `declared`."""
    told = sorted(_of(found, "paywall"), key=lambda one: one.flag.value)
    walls = [one for one in told if one.spot.field != "page" or signals.free is not True]
    if walls:
        yield walls[0].flag
    elif signals.free is False:
        yield Flag("paywall", "declared", "json-ld", "isAccessibleForFree: false")
    elif signals.tier == "locked" and signals.free is None:
        yield Flag("paywall", "declared", "meta", "article:content_tier: locked")


def _truncated(found: list[_Found], lines: Sequence[Line], text: str) -> Iterator[Flag]:
    """That the text stops before the article does."""
    told = _of(found, "truncated")
    cut = [one for one in _of(found, "paywall") if one.flag.value == "cut"]
    last = lines[-1] if lines else None
    if last and (dots := DOTS.search(last.text)) and not quoted(last.text, dots.start()):
        start = last.start + dots.start()
        yield Flag("truncated", "dots", "text", dots.group().strip(), start, last.start + dots.end())
    elif cut and (not last or len(text) < CUT_TEXT):
        yield cut[0].flag._replace(flag="truncated", value="wall")
    elif told and len(text) < CUT_TEXT:
        yield told[0].flag


def _live(
    found: list[_Found], signals: Signals, lines: Sequence[Line], title: str
) -> Iterator[Flag]:
    """A page that is written on: by type, or by headline or first lines together with its times."""
    if "LiveBlogPosting" in signals.types:
        yield Flag("live", "blog", "json-ld", "LiveBlogPosting")
        return
    told = _of(found, "live")
    times = [line for line in lines if TIME.match(line.text)]
    titled = [one for one in told if one.flag.value == "title"]
    if titled and (len(times) >= 2 or BEGINS_LIVE.match(title)):
        yield titled[0].flag
    elif told and len(times) >= 3:
        yield told[0].flag
    elif len(times) >= MOST_TIMES and _falling(times):
        yield Flag("live", "times", "text", times[0].text[:80], times[0].start,
                   times[0].start + len(times[0].text[:80]))  # fmt: skip


def _falling(times: Sequence[Line]) -> bool:
    """Whether the newest comes first, as in tickers; diaries and round-ups go with the day."""
    clock = [tuple(map(int, re.findall(r"\d+", line.text)[:2])) for line in times]
    falls = sum(later <= earlier for earlier, later in pairwise(clock))
    return falls >= len(clock) - 2


def _opinion(found: list[_Found], signals: Signals, parts: list[str]) -> Iterator[Flag]:
    if signals.opinion:
        yield Flag("opinion", "declared", "meta", "article:opinion: true")
    if kind := next((t for t in signals.types if t in ("OpinionNewsArticle", "ReviewNewsArticle")), None):
        if kind == "OpinionNewsArticle":
            yield Flag("opinion", "declared", "json-ld", kind)
    section = re.split(r"[/,|>&]", signals.section.casefold())[0].strip()
    if section in SECTIONS:
        yield Flag("opinion", "section", "meta", signals.section)
    if part := next((part for part in parts if part in OPINION_PARTS), None):
        yield Flag("opinion", "section", "url", part)
    for one in _of(found, "opinion"):
        yield one.flag


def _sponsored(found: list[_Found], signals: Signals, parts: list[str]) -> Iterator[Flag]:
    if "AdvertiserContentArticle" in signals.types:
        yield Flag("sponsored", "declared", "json-ld", "AdvertiserContentArticle")
    if part := next((part for part in parts if part in PAID_PARTS), None):
        yield Flag("sponsored", "paid", "url", part)
    for one in _of(found, "sponsored"):
        yield one.flag


def _release(found: list[_Found], wired: list[Flag]) -> Iterator[Flag]:
    """A label is enough; of the other signs, a dateline without an agency among them, two."""
    told = _of(found, "press_release")
    labels = [one for one in told if one.flag.value == "label"]
    signs = {one.flag.value: one for one in told}
    if labels:
        yield labels[0].flag
    elif signs and len(signs) + ([flag.flag for flag in wired] == ["dateline"]) > 1:
        yield next(iter(signs.values())).flag


def _shape(
    found: list[_Found], signals: Signals, lines: Sequence[Line], parts: list[str]
) -> Iterator[Flag]:
    """A list of articles, a film or a gallery in the place of an article."""
    size = sum(len(line.text) for line in lines)
    article = any(kind.endswith(("Article", "BlogPosting")) for kind in signals.types)
    lists = [kind for kind in signals.types if kind in ("CollectionPage", "SearchResultsPage")]
    told = article or signals.og_type == "article"
    if lists and not told:
        yield Flag("index", "list", "json-ld", lists[0])
    elif (titled := _of(found, "index")) and signals.og_type != "article":
        yield titled[0].flag
    elif signals.articles >= 5 and not told and size < 1_500:
        yield Flag("index", "teasers", "page", f"{signals.articles} article elements")
    if size >= 1_000:
        return
    kind = next((MEDIA_PARTS[part] for part in parts if part in MEDIA_PARTS), None)
    if signals.og_type.startswith("video") or ("VideoObject" in signals.types and not article):
        yield Flag("media", "video", "meta" if signals.og_type.startswith("video") else "json-ld",
                   signals.og_type if signals.og_type.startswith("video") else "VideoObject")  # fmt: skip
    elif "ImageGallery" in signals.types:
        yield Flag("media", "gallery", "json-ld", "ImageGallery")
    elif kind:
        yield Flag("media", kind, "url", "/".join(parts))
