"""Phrases that are queries of other search tools, told from phrases that are just text."""

from __future__ import annotations

import re

NEAR = re.compile(r"\s*\b(?:NEAR|ADJ|ONEAR)\s*(?:/\s*)?\d*\s*\(?\s*|(?:^|\s)[wWnN]/\d+(?:\s|$)")
DISTANCE = re.compile(r"(?:/\s*|~|ADJ|NEAR)(\d+)")
FIELD = re.compile(
    r"^(title|intitle|allintitle|headline|body|text|lang|language|site|source)\s*:\s*"
)


def looks_like_query(text: str) -> str | None:
    """What is wrong with a phrase that looks like another tool's query; None for all others."""
    if (meant := _meant(text)) is None:
        return None
    field, example = meant
    return (
        f"{text!r} looks like a query of another tool; as a phrase it would be found only as it is "
        f"written. Use '{field}':  {example}  (or literal: true beside the phrase)"
    )


def _meant(text: str) -> tuple[str, str] | None:
    """The field that says it here, and how."""
    if re.search(r"^/.+/[a-z]{0,4}$", text):
        return "any", "any: [each form], with * for any ending"
    bare = text.strip('"“”„«»()')
    if NEAR.search(text) or re.search(r"~\d+\s*$", text):
        parts = re.split(r"[,;]", NEAR.sub(",", re.sub(r"~\d+\s*$", "", text)).strip('()", '))
        if len(parts) < 2:
            parts = " ".join(parts).split()
        distance = DISTANCE.search(text)
        words = f", words: {distance[1]}" if distance else ""
        return "near", f"{{near: {_listed(parts)}{words}}}"
    if found := re.search(r"(?:^|\s)(?:AND |BUT )?NOT\s+(\S.*)", text):
        return "none", f"none: {_listed([found[1]])}"
    for sign, field in ((r"\s+(?:AND|&&)\s+", "all"), (r"\s+(?:OR|\|\|)\s+|\s*\|\s*", "any")):
        parts = re.split(sign, text.strip("()"))
        if len(parts) > 1 and all(parts):
            return field, f"{field}: {_listed(parts)}"
    if re.search(r"^-\w", text):
        return "none", f"none: {_listed([text[1:]])}"
    if re.search(r"^\+\w", text):
        return "all", f"all: {_listed([text[1:]])}"
    if FIELD.search(text):
        return "weights", "weights: {title: 3}, or languages: [en], with the phrase alone"
    if bare != text and re.search(r"^[\"“„«].*[\"”“»](~\d+)?$", text):
        return "any", f"any: {_listed([bare])}, since words of a phrase always stand together"
    return None


def _listed(parts: list[str]) -> str:
    return f"[{', '.join(part.strip(' ()') for part in parts if part.strip(' ()'))}]"
