"""Telling a story: drawing variants and laying an article out in blocks. Pure and seeded."""

from __future__ import annotations

import random
import re
import zlib
from datetime import datetime, timedelta
from typing import NamedTuple

from pipeline.newsroom.model import Block
from pipeline.newsroom.stories import Book, Furniture, Story

_SENTENCE = re.compile(r"(.{12,}?(?:[.!?؟](?=\s[^a-zа-я\d])|[。！？]))")


class Telling(NamedTuple):
    """One telling of a story: what was drawn, so that it can be told again with changes."""

    story: Story
    slots: dict[str, str]
    title: int
    lead: int
    body: tuple[int, ...]


def tell(book: Book, story: Story, use: int, seed: int) -> Telling:
    """Draw a telling. The same story, use and seed always give the same one."""
    draw = random.Random(f"{seed}/{story.id}/{use}")
    slots = {name: values[draw.randrange(len(values))] for name, values in book.slots.items()}
    # Titles and leads rotate from a drawn start, so that the next use surely differs.
    start = random.Random(f"{seed}/{story.id}").randrange(60)
    body = tuple(draw.randrange(len(variants)) for variants in story.body)
    return Telling(story, slots, start + use, start + use, body)


def lot(number: int) -> int:
    """Mix a number, so that its remainders tell nothing about the outlet it belongs to."""
    return zlib.crc32(str(number).encode())


def title(telling: Telling) -> str:
    """Return the headline."""
    variants = telling.story.titles
    return variants[telling.title % len(variants)].format_map(telling.slots)


def paragraphs(telling: Telling) -> tuple[str, ...]:
    """Return the lead and the paragraphs of the body."""
    story = telling.story
    lead = story.lead[telling.lead % len(story.lead)]
    body = (variants[choice] for variants, choice in zip(story.body, telling.body, strict=True))
    return tuple(text.format_map(telling.slots) for text in (lead, *body))


def summary(text: str) -> str:
    """Return the first sentence."""
    found = _SENTENCE.match(text)
    return found.group(1) if found else text


def revised(telling: Telling) -> Telling:
    """Tell it again as after an edit: other words in the lead and in up to two paragraphs."""
    body = list(telling.body)
    changed = 0
    for place, variants in enumerate(telling.story.body):
        if len(variants) > 1 and changed < 2:
            body[place] = (body[place] + 1) % len(variants)
            changed += 1
    return telling._replace(lead=telling.lead + 1, body=tuple(body))


def plain(texts: tuple[str, ...]) -> tuple[Block, ...]:
    """Lay out paragraphs and nothing else."""
    return tuple(Block("text", text) for text in texts)


def without_one(texts: tuple[str, ...], attribution: str) -> tuple[Block, ...]:
    """Lay out a reprint: one paragraph short, and the source named at the end."""
    kept = texts[:3] + texts[4:] if len(texts) > 4 else texts
    return plain((*kept, attribution))


def teaser(texts: tuple[str, ...], furniture: Furniture) -> tuple[Block, ...]:
    """Lay out what a paywall lets through."""
    return (*plain(texts[:2]), Block("paywall", furniture.paywall))


def live(texts: tuple[str, ...], furniture: Furniture, last: datetime) -> tuple[Block, ...]:
    """Lay out time-stamped posts, the newest first as live blogs do."""
    blocks = [Block("stamp", furniture.live)]
    for place, text in enumerate(texts):
        stamp = (last - timedelta(minutes=17 * place)).strftime("%H:%M")
        blocks += [Block("stamp", f"{furniture.updated} {stamp}"), Block("text", text)]
    return tuple(blocks)


def with_promos(
    texts: tuple[str, ...], furniture: Furniture, outlet: str, drawn: int
) -> tuple[Block, ...]:
    """Lay out paragraphs with two promotional lines in between."""
    blocks = list(plain(texts))
    for turn, place in enumerate((4, 2)):
        text = furniture.promos[(drawn + turn) % len(furniture.promos)]
        other = furniture.others[(drawn + turn) % len(furniture.others)]
        blocks.insert(place, Block("promo", text.format(other=other, outlet=outlet)))
    return tuple(blocks)


def disclosed(texts: tuple[str, ...], furniture: Furniture, drawn: int) -> tuple[Block, ...]:
    """Lay out a machine-written page: its last line says what it is."""
    lines = furniture.disclosures
    return (*plain(texts), Block("disclosure", lines[drawn % len(lines)]))
