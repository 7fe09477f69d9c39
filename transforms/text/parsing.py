"""From HTML to one tree, whatever a stranger's markup is made of."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree, html

PDF = "%PDF-"
CONTROL = bytes({*range(32), 127} - {*b"\t\n\r"})
"""What XML has no place for; libxml2 ends at some of them."""
MOST_CONTROL = 0.01
"""Share of a page. Of real pages none has a thousandth; pictures and archives have a tenth."""
OPENING = re.compile(r"\s*(?:<\?xml[^>]*\?>\s*)?(?:<!doctype[^>\[]*>)?", re.IGNORECASE)
"""An encoding that is declared is an error where the text is decoded; the type says nothing."""
MARKUP = re.compile(
    r"<(?:html|head|body|title|meta|main|article|section|div|p|br|h[1-6]|table|span|a|ul|ol)[\s/>]",
    re.IGNORECASE,
)
LONG = re.compile(rb"<[a-zA-Z][^<>]{2000,}>?")
TAG = re.compile(rb"""<[a-zA-Z](?:[^"'<>]|"[^"<]*"|'[^'<]*'){2000,}+>?""")
"""A tag that may have too many attributes; the second form knows those that have > in values."""
MANY = 20_000
"""Signs of equality in a page, from where on the second form, slow as it is, looks at each tag."""
NAME = re.compile(rb"<[a-zA-Z][^\s/>]*")
ATTRIBUTE = re.compile(rb"""[\s/"'][^\s/"'<>=]""")
MOST_ATTRIBUTES = 1_000
"""Of one element. libxml2 compares each with each: 300,000 take eight minutes of CPU."""
DEEPEST = "the elements are nested too deep"

# Deep trees are read to libxml2's own bound of 2,048; without huge_tree it ends at 256, in silence.
PARSER = html.HTMLParser(
    collect_ids=False, default_doctype=False, encoding="utf-8", huge_tree=True,
    remove_comments=True, remove_pis=True,
)  # fmt: skip
PARSER.set_element_class_lookup(etree.ElementDefaultClassLookup(element=html.HtmlElement))
# lxml.html asks a function in Python for the class of each element, which takes a tenth of all.


def parse(text: str) -> Any:
    """The tree of a page.

    Raises:
        ValueError: it is no HTML, or nested so deep that its end would be lost.
    """
    if text.lstrip()[: len(PDF)] == PDF:
        raise ValueError("the body is no HTML but PDF")
    if not MARKUP.search(text):
        raise ValueError("the body is no HTML")
    data = OPENING.sub("", text, count=1).encode("utf-8", "replace")
    held = data.translate(None, CONTROL)
    if len(data) - len(held) > MOST_CONTROL * len(data):
        raise ValueError("the body is no HTML but binary")
    tags = TAG if held.count(b"=") > MANY else LONG
    tree = html.document_fromstring(tags.sub(_plain, held), parser=PARSER)
    errors = PARSER.error_log
    if len(errors) and errors[-1].type_name == "ERR_RESOURCE_LIMIT":
        raise ValueError(DEEPEST)
    return tree


def _plain(tag: re.Match[bytes]) -> bytes:
    """A tag as it is, or without its attributes where they are made to be a burden."""
    if len(ATTRIBUTE.findall(tag[0])) <= MOST_ATTRIBUTES:
        return tag[0]
    name = NAME.match(tag[0])
    return name[0] + b">" if name else b""
