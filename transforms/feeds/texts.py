"""Headlines, summaries and bylines as they were meant: without markup, escapes and roles."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from lxml.html.defs import tags as ELEMENTS

from transforms.bounds import LONGEST_SUMMARY, cut

LONGEST_NAME = 300
"""Characters of an author, with address and role."""
MARKUP = 10
"""So many times as long as its text is read first; seldom is all of it needed."""
DEEPEST = 3
"""So often may a text be escaped."""
TAG = re.compile(r"<(?:(/?)([a-zA-Z][\w:-]*+)([^<>]*+)>|[!?][^<>]*+>)")
"""Without a second <, or a row of them takes quadratic time."""
CLOSING = re.compile(r"</([a-zA-Z][\w:-]*+)")
REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
INLINE = frozenset(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark nobr q rb rp "
    "rt ruby s samp small span strike strong sub sup time tt u var wbr".split()
)
"""Elements whose tags part no words."""
ALONE = frozenset("br hr img li p wbr".split())
"""Elements that need no closing tag."""

ADDRESS = re.compile(r"(?:mailto:)?[^\s()<>\[\],;:\"@]+@[^\s()<>\[\],;\"@]+|https?://\S+")
CUT_ADDRESS = re.compile(r"\.[a-zA-Z]{4}$")
REST_OF_ADDRESS = re.compile(r"^[a-z]+(?:\s*\(|$)|\s*[(<][a-z]+[)>]?$")
EMPTY = re.compile(r"[(<\[]\s*(?:mailto:)?\s*(?:[)>\]]|$)")
WHOLE = re.compile(r"(?:^|(?<=, ))\s*\(([^()]*)\)?(?=,|$)")
BY = re.compile(
    r"(?:(?:written|posted|published|reported|text|words|story)\s+)?by(?:\s*:\s*|\s+)(?=\S)|"
    r"(?:von|par|por|door|av|przez)\s+(?-i:(?=[A-ZÀ-Þ]\S*\s+[A-ZÀ-Þ]))|"
    r"(?:von|par|por|di|door|av|text|texte|texto|testo|words|story|report|author|autore?|autorin|"
    r"auteur|reporter|editor|автор|текст|фото|photos?|fotos?|bild(?:er)?|文|作者)\s*[:：/]\s*|"
    r"(?:本[报報])?(?:记者|記者)[:：\s]\s*",
    re.IGNORECASE,
)
ROLE = re.compile(
    r"(?:.*[\s-])?(?:staff|(?:co-?)?authors?|autor(?:e|a|in)?|auteure?|writers?|reporters?|"
    r"reporterin|editors?|editor-in-chief|correspondents?|columnists?|contributors?|journalists?|"
    r"photographers?|producers?|redakteur(?:in)?|(?:\w*)korrespondent(?:in)?|journalistin|"
    r"fotograf(?:in)?|journaliste|rédact(?:eur|rice)|correspondante?|envoyée?|redactora?|"
    r"corresponsal|periodista|giornalista|inviat[oa]|corrispondente|корреспондент|журналист(?:ка)?|"
    r"автор|фотограф|кореспондент|журналіст(?:ка)?|记者|記者)(?:\s(?:at|in|for|of|en|à|de|für)\s.*)?",
    re.IGNORECASE,
)
IN_PARENTHESES = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]")
PARTS = re.compile(r"\s*[,;|]\s*")


def plain(value: object) -> str | None:
    """Text without markup, on one line; None when nothing is left."""
    return cut(without_markup(value, LONGEST_SUMMARY + 1), LONGEST_SUMMARY) or None


def without_markup(value: object, longest: int) -> str:
    """The first characters of a text whose tags and references are resolved, also where they were
    escaped once more."""
    if not isinstance(value, str):
        return ""
    head = value if len(value) <= longest * MARKUP else _whole_tags(value[: longest * MARKUP])
    text = _resolved(head)
    if len(text) < longest and len(head) < len(value):
        text = _resolved(value)
    return text[:longest]


def byline(authors: Iterable[object]) -> str | None:
    """All authors in their order, each once, without "by", addresses and roles."""
    names = dict.fromkeys(_name(author) for author in authors)
    return plain(", ".join(name for name in names if name))


def named(author: dict[str, str]) -> str:
    """An author's name as feedparser found it.

    It takes four letters for the longest end of an address, and leaves others in the name.
    """
    name = author.get("name") or ""
    is_cut = CUT_ADDRESS.search(author.get("email") or "")
    return REST_OF_ADDRESS.sub("", name) if is_cut else name


def _whole_tags(text: str) -> str:
    """A text that was cut, without the tag that it ends in."""
    opened = text.rfind("<")
    return text[:opened] if opened > text.rfind(">") else text


def _resolved(value: str) -> str:
    text = html.unescape(_without_tags(_opened(value), deep=False))
    for _ in range(DEEPEST - 1):
        before, text = text, _unescaped(_without_tags(_opened(text), deep=True))
        if text == before:
            break
    return " ".join(text.split())


def _opened(text: str) -> str:
    return text.replace("<![CDATA[", "").replace("]]>", "") if "<![CDATA[" in text else text


def _without_tags(text: str, deep: bool) -> str:
    """Without what must be tags: `3 < 5` and `<Hamlet>` are text, and so, deep within, is `<b>`
    that nothing closes."""
    if "<" not in text:
        return text
    closed = {name.lower() for name in CLOSING.findall(text)}

    def resolved(tag: re.Match[str]) -> str:
        name, rest = (tag[2] or "").lower(), (tag[3] or "").strip("/ \t\r\n")
        if name and not _is_tag(name, rest, closed, deep):
            return tag[0]
        return "" if name in INLINE or ":" in name else " "

    return TAG.sub(resolved, text)


def _is_tag(name: str, rest: str, closed: set[str], deep: bool) -> bool:
    if rest:
        return "=" in rest
    known = name in ELEMENTS or "-" in name or ":" in name
    return name in closed or name in ALONE or (known and not deep)


def _unescaped(text: str) -> str:
    return REFERENCE.sub(lambda found: html.unescape(found[0]), text) if "&" in text else text


def _name(author: object) -> str:
    text = cut(without_markup(author, LONGEST_NAME + 1), LONGEST_NAME)
    parts = PARTS.split(IN_PARENTHESES.sub(_unless_role, EMPTY.sub("", _unaddressed(text))))
    parts = [BY.sub("", part, count=1) if BY.match(part) else part for part in parts]
    names = [part for part in parts if part and not ROLE.fullmatch(part)]
    return ", ".join(names or filter(None, parts)).strip(" -–|")


def _unaddressed(text: str) -> str:
    """Names without addresses, and out of the parentheses that told them from those."""
    if "@" in text or "://" in text:
        text = EMPTY.sub("", ADDRESS.sub("", text))
        names = (part.strip() for part in PARTS.split(text))
        text = ", ".join(n.strip("() ") if n.count("(") != n.count(")") else n for n in names)
    return WHOLE.sub(r"\1", text)


def _unless_role(found: re.Match[str]) -> str:
    return "" if ROLE.fullmatch(found[1]) else found[0]
