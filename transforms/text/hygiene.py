"""Lines of a page that are none of its article: found by rules, kept aside with their kinds.

The rules are those of config/catalogue/hygiene.yaml. Here stands what one line does not show: where
it is, what its neighbours are, who wrote the article.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, partial
from itertools import groupby, pairwise
from typing import NamedTuple

from config.line_rules import load_rules
from config.load import shipped
from transforms.folding import UNSPACED
from transforms.records import Line, Removal
from transforms.text.notes import NOTES, PART, note_rules, noted, quoted
from transforms.text.rules import Hit, Rules

BODY, BODY_UNSPACED = 80, 32
"""Characters from which a line that ends as a sentence is surely article."""
TITLE = (12, 180)
"""Characters of a headline that a label leads to; of half as many in scripts without spaces."""
EDGE, MIDDLE = 8, 360
"""Lines at each end that are read whole; those between are where they are no longer than this."""
MOST_TITLES = 12
KEYWORD = 40
"""Characters of a keyword under a label."""
BEGINNING = 1
"""Position up to which runs at the head begin: short lines further down are a list."""
MOST_SKIPPED = 6
"""Lines at the end that no rule knows, and that may stand between those that go."""
MARKED = re.compile(r"[.!?…。！？।؟:;,][\"'”’»)\]」』]*$")
ENDED = re.compile(r"[.。!！।۔][\"'”’»)\]」』]*$")
TIME = re.compile(r"\W*\d{1,2}[:.h]\d{2}\b")
SPEECH = re.compile(r"[\"“”„«‘「『]")


APART = NOTES | {PART}
"""Kinds of rules that say what stays."""


ENDS = re.compile(r"[.!?…]['\"”’»)]*\s|[。！？]")
A_SENTENCE = 40
"""Characters of a sentence; an offer or a lead to other articles begins with shorter ones."""


class Facts(NamedTuple):
    """What is known of an article beside its lines."""

    titles: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    language: str | None = None
    site: str | None = None


NO_FACTS = Facts()


class _Choice(NamedTuple):
    kind: str
    rule: str


@cache
def rules() -> Rules:
    """The rules as shipped, and those of notes, read once in a process."""
    return Rules((*load_rules(str(shipped("hygiene.yaml")), "hygiene"), *note_rules()))


def clean(
    lines: Sequence[Line], facts: Facts = NO_FACTS
) -> tuple[list[tuple[int, Line]], list[Removal]]:
    """What stays of the lines, each with its position among all, and what goes, with its kind.

    Corrections, disclosures and notes of the editors stay; but for a colophon after the end that
    says, over several lines, how a machine made the text: it goes as one removal.
    """
    texts = [line.text for line in lines]
    last = len(texts) - EDGE
    read = [t if at < EDGE or at >= last or len(t) <= MIDDLE else "" for at, t in enumerate(texts)]
    hits = _in_runs(lines, rules().read(read))
    notes, colophon = noted(texts, hits)
    hits = [
        [hit for hit in found if hit.rule.kind not in APART and not _comes_after(text, hit)]
        for text, found in zip(texts, hits, strict=True)
    ]
    chosen: dict[int, _Choice] = {}
    for at, found in enumerate(hits):
        if at not in notes and (hit := _first(found, "anywhere")):
            chosen[at] = _Choice(hit.rule.kind, hit.rule.id)
    _edges(lines, hits, notes, chosen)
    _authors(lines, facts, notes, chosen)
    _follow(lines, hits, notes, chosen)
    _captions(lines, notes, chosen)
    kept = [(at, line) for at, line in enumerate(lines) if at not in chosen and at not in colophon]
    return kept, sorted(_removals(texts, chosen, colophon), key=lambda gone: gone.position)


def _in_runs(lines: Sequence[Line], hits: list[list[Hit]]) -> list[list[Hit]]:
    """Without hits on lines of other kinds than rules ask, on too few of them, and in speech."""
    kept = [
        [
            hit
            for hit in found
            if (not hit.rule.of or line.kind in hit.rule.of) and not quoted(line.text, hit.start)
        ]
        for line, found in zip(lines, hits, strict=True)
    ]
    runs = {hit.rule.id: hit.rule for found in kept for hit in found if hit.rule.run > 1}
    for name, rule in runs.items():
        at = 0
        for fires, group in groupby(kept, partial(_fires, name)):
            size = len(list(group))
            late = rule.where == ("head",) and at > BEGINNING
            if fires and (size < rule.run or late):
                for place in range(at, at + size):
                    kept[place] = [hit for hit in kept[place] if hit.rule.id != name]
            at += size
    return kept


def _fires(rule: str, hits: list[Hit]) -> bool:
    return any(hit.rule.id == rule for hit in hits)


def _comes_after(text: str, hit: Hit) -> bool:
    """Whether a sentence stands before what made a rule fire, such as the lead before an offer."""
    return any(end.start() >= A_SENTENCE for end in ENDS.finditer(text, 0, hit.start))


def _first(hits: list[Hit], *places: str) -> Hit | None:
    return next((hit for hit in hits if not set(places).isdisjoint(hit.rule.where)), None)


def _removals(texts: list[str], chosen: dict[int, _Choice], colophon: range) -> Iterator[Removal]:
    for at, choice in chosen.items():
        if at not in colophon:
            yield Removal(choice.kind, texts[at], at, choice.rule)
    if colophon:
        text = "\n".join(texts[at] for at in colophon)
        yield Removal("disclosure", text, colophon.start, "colophon")


def is_body(text: str) -> bool:
    """Whether a line is long enough, and ends as a sentence does."""
    long = BODY_UNSPACED if UNSPACED.search(text[:40]) else BODY
    return len(text) >= long and ENDED.search(text) is not None


def _edges(
    lines: Sequence[Line],
    hits: list[list[Hit]],
    notes: set[int],
    chosen: dict[int, _Choice],
) -> None:
    """Choose by the rules of head and tail: from each end inwards, up to what is surely article."""
    for place, order in (("head", range(len(lines))), ("tail", reversed(range(len(lines))))):
        skipped = 0
        for at in order:
            hit = _first(hits[at], place, "anywhere")
            if at in notes or at in chosen:
                continue
            if hit:
                chosen[at] = _Choice(hit.rule.kind, hit.rule.id)
            elif is_body(lines[at].text) or (skipped := skipped + 1) > MOST_SKIPPED:
                break


def _authors(
    lines: Sequence[Line], facts: Facts, notes: set[int], chosen: dict[int, _Choice]
) -> None:
    """Choose what tells of an author at the end: it begins with the name, and nobody speaks."""
    names = tuple(name for name in facts.authors if 5 <= len(name) <= 60 and " " in name)
    if not names:
        return
    last = len(lines) - 1
    while last > 0 and (last in chosen or last in notes):
        last -= 1
    for at in range(last, max(0, last - 3), -1):
        text = lines[at].text
        if at in chosen or at in notes:
            continue
        if text.startswith(names) and not text.endswith(names) and not SPEECH.search(text):
            chosen[at] = _Choice("author_box", "author-name")
        elif is_body(text):
            break


def _follow(
    lines: Sequence[Line],
    hits: list[list[Hit]],
    notes: set[int],
    chosen: dict[int, _Choice],
) -> None:
    """Choose the titles that labels lead to: the next line, or all up to the next paragraph."""
    for at in sorted(chosen):
        rule = next((h.rule for h in hits[at] if h.rule.id == chosen[at].rule), None)
        if rule is None or not rule.takes or not _is_bare(lines[at].text, hits[at]):
            continue
        most = 1 if rule.takes == "title" else MOST_TITLES
        for place, count in zip(range(at + 1, len(lines)), range(most), strict=False):
            line = lines[place]
            if place in chosen:
                continue
            first = count == 0 or line.kind == lines[at + 1].kind
            fits = _is_title(line) or (rule.takes == "lines" and _is_short(line))
            if place in notes or not first or not fits:
                break
            chosen[place] = _Choice(rule.kind, rule.id)


def _is_bare(text: str, hits: list[Hit]) -> bool:
    """Whether a line is a label alone, with nothing that it leads to."""
    rest = re.findall(r"\w+", text[max(hit.end for hit in hits) :])
    return not rest or (len(rest) == 1 and len(rest[0]) <= 5)  # here, hier, auch


def _is_short(line: Line) -> bool:
    """Whether a line may be a keyword."""
    return line.kind != "subhead" and len(line.text) <= KEYWORD and not MARKED.search(line.text)


def _is_title(line: Line) -> bool:
    """Whether a line may be another article's headline, or its teaser that was cut."""
    low, high = TITLE
    if UNSPACED.search(line.text[:40]):
        low, high = low // 2, high // 2
    begins = line.text.lstrip("-•*·–— ")[:1]
    if line.kind == "subhead" or begins.islower() or TIME.match(line.text):
        return False
    if not low <= len(line.text) <= high:
        return False
    return not ENDED.search(line.text) or line.text.endswith(("...", "…"))


def _captions(lines: Sequence[Line], notes: set[int], chosen: dict[int, _Choice]) -> None:
    """Choose the caption before a credit: a short line without an end mark."""
    for before, at in pairwise(range(len(lines))):
        credit = at in chosen and chosen[at].kind == "image_credit"
        if not credit or before in chosen or before in notes or before == 0:
            continue
        line = lines[before]
        if (
            line.kind == "paragraph"
            and 15 <= len(line.text) <= 160
            and not MARKED.search(line.text)
        ):
            chosen[before] = _Choice("caption", "before-credit")
