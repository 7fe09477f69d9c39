"""The layouts of article pages, from a modern broadsheet to a table of the nineties. Pure."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import NamedTuple

from pipeline.newsroom.model import Article, Block, Outlet
from pipeline.newsroom.padding import Padding
from pipeline.newsroom.stories import Furniture


class Parts(NamedTuple):
    """All that goes into one page."""

    outlet: Outlet
    article: Article
    blocks: tuple[Block, ...]
    furniture: Furniture
    weight: Padding
    dateline: str
    head: str


def _frame(parts: Parts, body: str) -> str:
    claim = f' lang="{parts.outlet.html_lang}"' if parts.outlet.html_lang else ""
    turned = ' dir="rtl"' if parts.outlet.language == "ar" else ""
    return (
        f"<!DOCTYPE html>\n<html{claim}{turned}>\n<head>\n{parts.head}</head>\n"
        f"<body>\n{body}</body>\n</html>\n"
    )


# -- lines of the article --------------------------------------------------------------------------


def _line(block: Block) -> str:
    text = escape(block.text, quote=False)
    if block.kind == "caption":
        return (
            '<figure><img src="/img/lead.jpg" alt="" width="640" height="360">'
            f"<figcaption>{text}</figcaption></figure>\n"
        )
    mark = {"stamp": ' class="stamp"', "paywall": ' class="wall"'}.get(block.kind, "")
    return f"<p{mark}>{text}</p>\n"


def _lines(parts: Parts) -> str:
    return "".join(map(_line, parts.blocks))


def _boxed(parts: Parts) -> str:
    """Wrap each line in a box of its own, as page builders do."""
    return "".join(
        f'<div class="css-{n:x}a9" data-component="block">{_line(block)}</div>\n'
        for n, block in enumerate(parts.blocks)
    )


def _headline(parts: Parts, mark: str = "") -> str:
    return f"<h1{mark}>{escape(parts.article.title, quote=False)}</h1>\n"


def _by(parts: Parts) -> str:
    return escape(parts.furniture.by.format(name=parts.article.byline))


def _time(parts: Parts) -> str:
    day = parts.article.published.date().isoformat()
    stamp = f' datetime="{day}"' if parts.outlet.meta != "none" else ""
    return f"<time{stamp}>{parts.dateline}</time>"


# -- what stands around it -------------------------------------------------------------------------


def _list(items: tuple[str, ...], mark: str) -> str:
    return f'<ul class="{mark}">\n{"".join(items)}</ul>\n'


def _cookie(parts: Parts) -> str:
    buttons = "".join(f"<button>{escape(b)}</button>" for b in parts.furniture.cookie_buttons)
    return (
        '<div id="cookie-banner" class="cookie-consent" role="dialog">'
        f"<span>{escape(parts.furniture.cookie)}</span>{buttons}</div>\n"
    )


def _masthead(parts: Parts) -> str:
    home = f'<a class="logo" href="/{parts.outlet.slug}/">{escape(parts.outlet.name)}</a>'
    menu = _list(parts.weight.menu, "menu")
    return (
        f'<header class="site-header">{home}{parts.weight.sprite}'
        f'<nav class="main-nav" role="navigation">{menu}</nav></header>\n'
    )


def _related(parts: Parts, tag: str = "section") -> str:
    heading = f"<h2>{escape(parts.furniture.related)}</h2>"
    links = _list(parts.weight.links, "related-list")
    return f'<{tag} class="related-stories">{heading}{links}</{tag}>\n'


def _newsletter(parts: Parts) -> str:
    label = f'<label for="email">{escape(parts.furniture.newsletter)}</label>'
    return (
        f'<div class="newsletter-signup"><form action="/subscribe">{label}'
        '<input id="email" type="email"></form></div>\n'
    )


def _comments(parts: Parts) -> str:
    said = "".join(
        f'<div class="comment"><p>{escape(text)}</p></div>\n' for text in parts.furniture.comments
    )
    heading = f"<h2>{escape(parts.furniture.comments_heading)}</h2>"
    return f'<section id="comments" class="comments">{heading}\n{said}</section>\n'


def _footer(parts: Parts) -> str:
    return (
        f'<footer class="site-footer"><p>{escape(parts.furniture.footer)}</p>'
        f"{_list(parts.weight.menu[:8], 'footer-links')}</footer>\n"
    )


# -- layouts ---------------------------------------------------------------------------------------


def _broadsheet(parts: Parts) -> str:
    article = (
        f'<article class="article"><header class="article-header">{_headline(parts)}'
        f'<p class="byline">{_by(parts)}</p>{_time(parts)}</header>\n'
        f'<div class="article-body">\n{_lines(parts)}</div></article>\n'
    )
    main = f'<main>{article}<aside class="sidebar">{_related(parts, "div")}</aside></main>\n'
    tail = _newsletter(parts) + _comments(parts) + _footer(parts)
    return _frame(parts, _cookie(parts) + _masthead(parts) + main + tail)


def _wire(parts: Parts) -> str:
    story = (
        f'<div class="story"><div class="story-meta"><span class="author">{_by(parts)}</span> '
        f'{_time(parts)}</div>\n<div class="story-body">\n{_lines(parts)}</div></div>\n'
    )
    main = f'<div id="content" role="main">{_headline(parts)}{story}</div>\n'
    return _frame(parts, _masthead(parts) + main + _related(parts) + _footer(parts))


def _blog(parts: Parts) -> str:
    post = (
        f'<article id="post-{parts.article.number}" class="post type-post">'
        f'<header class="entry-header">{_headline(parts, " class=entry-title")}'
        f'<div class="entry-meta"><span class="author vcard">{_by(parts)}</span> {_time(parts)}'
        f'</div></header>\n<div class="entry-content">\n{_lines(parts)}</div></article>\n'
    )
    side = f'<div id="secondary" class="widget-area">{_related(parts)}</div>\n'
    tail = _comments(parts) + side + _newsletter(parts) + _footer(parts)
    return _frame(parts, _masthead(parts) + f'<div id="primary">{post}</div>\n' + tail)


def _magazine(parts: Parts) -> str:
    # The headline stands in a hero above the article element: trafilatura would take a bare one
    # inside it for the first line of the text.
    hero = (
        f'<div class="hero css-1kx">{_headline(parts)}<div class="byline">{_by(parts)}</div>'
        f"{_time(parts)}</div>\n"
    )
    main = (
        f'<main id="main-content">{hero}<article class="css-9z2">{_boxed(parts)}</article>\n'
        f"{_related(parts)}</main>\n"
    )
    tail = _comments(parts) + _newsletter(parts) + _footer(parts)
    return _frame(parts, _cookie(parts) + _masthead(parts) + main + tail)


def _portal(parts: Parts) -> str:
    side = f'<div class="col-left sidebar">{_related(parts, "div")}</div>\n'
    middle = (
        f'<div class="col-middle">{_headline(parts)}<div class="author">{_by(parts)}</div>'
        f'<div class="date">{parts.dateline}</div>\n'
        f'<div class="article-text">\n{_lines(parts)}</div></div>\n'
    )
    page = f'<div id="wrap"><div class="inner">{side}{middle}</div></div>\n'
    return _frame(parts, _cookie(parts) + _masthead(parts) + page + _footer(parts))


def _app(parts: Parts) -> str:
    byline = f'<p class="byline">{_by(parts)}</p>{_time(parts)}'
    top = f'<div class="top">{_headline(parts)}{byline}</div>\n'
    story = f'{top}<article itemprop="articleBody">\n{_lines(parts)}</article>\n'
    page = f'<div id="root"><div class="shell">{story}{_related(parts, "aside")}</div></div>\n'
    tail = _newsletter(parts) + _footer(parts)
    return _frame(parts, _masthead(parts) + page + tail + _cookie(parts))


def _classic(parts: Parts) -> str:
    # Tables for the frame, as in the nineties, but none around the text: trafilatura would
    # rightly hand that out as a table.
    bar = "".join(f"<td>{item}</td>" for item in parts.weight.menu[:8])
    top = f'<table border="0" width="100%"><tr>{bar}</tr></table>\n'
    side = f'<div id="menu" align="left">{_list(parts.weight.menu, "menu")}</div>\n'
    head = (
        f'<div id="head">{_headline(parts)}<p class="date">{parts.dateline}</p>\n'
        f'<p class="author">{_by(parts)}</p></div>\n'
    )
    text = f'<div id="main">\n{_lines(parts)}</div>\n'
    tail = _related(parts, "div") + _footer(parts)
    return _frame(parts, top + side + head + text + tail)


LAYOUTS: dict[str, Callable[[Parts], str]] = {
    "broadsheet": _broadsheet,
    "wire": _wire,
    "blog": _blog,
    "magazine": _magazine,
    "portal": _portal,
    "app": _app,
    "classic": _classic,
}
