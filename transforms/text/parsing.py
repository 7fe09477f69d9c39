"""From HTML to one tree, whatever a stranger's markup is made of."""

from __future__ import annotations

import re
from typing import Any

from lxml import html

PDF = "%PDF-"
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""What XML has no place for; libxml2 ends at some of them."""
MOST_CONTROL = 0.01
"""Share of a page. Of real pages none has a thousandth; pictures and archives have a tenth."""
OPENING = re.compile(r"\s*(?:<\?xml[^>]*\?>\s*)?(?:<!doctype[^>\[]*>)?", re.IGNORECASE)
"""An encoding that is declared is an error where the text is decoded; the type says nothing."""
MARKUP = re.compile(
    r"<(?:html|head|body|title|meta|main|article|section|div|p|br|h[1-6]|table|span|a|ul|ol)[\s/>]",
    re.IGNORECASE,
)
TAG = re.compile(r"""<[a-zA-Z](?:[^"'<>]|"[^"<]*"|'[^'<]*'){1000,}+>?""")
"""One of a thousand characters or more."""
LONG = re.compile(r"<[a-zA-Z][^<>]{1000}")
MANY = 20_000
"""Signs of equality in a page, from where on its tags are looked at one by one."""
NAME = re.compile(r"<[a-zA-Z][^\s/>]*")
ATTRIBUTE = re.compile(r"""[\s/"'][^\s/"'<>=]""")
MOST_ATTRIBUTES = 1_000
"""Of one element. libxml2 compares each with each: 300,000 take eight minutes of CPU."""
DEEPEST = "the elements are nested too deep"

# Deep trees are read to libxml2's own bound of 2,048; without huge_tree it ends at 256, in silence.
PARSER = html.HTMLParser(
    collect_ids=False, default_doctype=False, encoding="utf-8", huge_tree=True,
    remove_comments=True, remove_pis=True,
)  # fmt: skip


def parse(text: str) -> Any:
    """The tree of a page.

    Raises:
        ValueError: it is no HTML, or nested so deep that its end would be lost.
    """
    if text.lstrip()[: len(PDF)] == PDF:
        raise ValueError("the body is no HTML but PDF")
    if not MARKUP.search(text):
        raise ValueError("the body is no HTML")
    text, control = CONTROL.subn("", text)
    if control > MOST_CONTROL * len(text):
        raise ValueError("the body is no HTML but binary")
    text = OPENING.sub("", text, count=1)
    if LONG.search(text) or text.count("=") > MANY:  # most pages have neither, and are not asked
        text = TAG.sub(_plain, text)
    tree = html.document_fromstring(text, parser=PARSER)
    errors = PARSER.error_log
    if len(errors) and errors[-1].type_name == "ERR_RESOURCE_LIMIT":
        raise ValueError(DEEPEST)
    return tree


def _plain(tag: re.Match[str]) -> str:
    """A tag as it is, or without its attributes where they are made to be a burden."""
    if len(ATTRIBUTE.findall(tag[0])) <= MOST_ATTRIBUTES:
        return tag[0]
    name = NAME.match(tag[0])
    return f"{name[0]}>" if name else ""
