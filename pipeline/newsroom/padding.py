"""The weight of real pages that is not text: scripts, styles, state, drawings, endless menus."""

from __future__ import annotations

import random
from collections.abc import Callable
from html import escape
from typing import NamedTuple

from pipeline.newsroom.model import Outlet
from pipeline.newsroom.stories import Furniture

_TEXT_BYTES = 8_000  # what an article and the frame of its page take by themselves
_LINK_BYTES = 95
_NAMES = ("cfg", "state", "node", "slot", "view", "user", "page", "unit", "zone", "flag", "size")


class Padding(NamedTuple):
    """What an outlet puts around each of its articles; the script is cut to the page's size."""

    style: str
    sprite: str
    menu: tuple[str, ...]  # list items with links
    links: tuple[str, ...]
    script: bytes  # ASCII, so the same in every encoding


def padding(outlet: Outlet, furniture: Furniture, kilobytes: int, seed: int) -> Padding:
    """Make the weight of one outlet: about a third in elements, the rest in scripts and styles."""
    draw = random.Random(f"{seed}/padding/{outlet.slug}")
    spare = max(0, kilobytes * 1024 - _TEXT_BYTES)
    count = spare // 3 // _LINK_BYTES
    return Padding(
        _lines(draw, spare // 6, _style_rule),
        "".join(_drawing(draw) for _ in range(spare // 16_000)),
        tuple(_item(outlet, furniture.nav, n) for n in range(8 + count // 2)),
        tuple(_item(outlet, furniture.others, n) for n in range(4 + count // 2)),
        _lines(draw, spare, _statement).encode(),
    )


def head_of(script: bytes, size: int) -> bytes:
    """Return as many whole lines from the start of a script as fit into a size."""
    return script[: script.rfind(b"\n", 0, size) + 1] if size > 0 else b""


def _lines(draw: random.Random, size: int, line: Callable[[random.Random], str]) -> str:
    """Join lines up to a size; sixty are drawn and then numbered, so that this stays cheap."""
    stock = [line(draw) for _ in range(60)]
    lines: list[str] = []
    length = 0
    while length < size:
        lines.append(stock[len(lines) % len(stock)].replace("@", str(len(lines))))
        length += len(lines[-1]) + 1
    return "\n".join(lines) + "\n"


def _style_rule(draw: random.Random) -> str:
    name, width = draw.choice(_NAMES), draw.randrange(4, 400)
    return f".{name}-@{{margin:0 {width}px;padding:{width // 3}px;color:#{width:06x}}}"


def _statement(draw: random.Random) -> str:
    one, two, number = draw.choice(_NAMES), draw.choice(_NAMES), draw.randrange(10**9)
    switch = draw.choice(("true", "false"))
    return f'w.{one}[@]={{"{two}":{number},"on":{switch},"k":"{number:x}"}};'


def _drawing(draw: random.Random) -> str:
    points = " ".join(f"L{draw.randrange(99)} {draw.randrange(99)}" for _ in range(40))
    return f'<svg viewBox="0 0 99 99" aria-hidden="true"><path d="M0 0 {points} Z"/></svg>\n'


def _item(outlet: Outlet, words: tuple[str, ...], number: int) -> str:
    word = escape(words[number % len(words)])
    return f'<li class="item-{number}"><a href="/{outlet.slug}/s/{number}">{word}</a></li>\n'
