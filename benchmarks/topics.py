"""Tagging against the bare automaton of the library, on the same text, in one process.

    python -m benchmarks.topics [--megabytes 2] [--sizes 100 1000 10000 100000]

Texts are articles of some 600 words of an invented language, whose words are as common and as long
as English ones, with the accents, quotes and hyphens of news. Phrases are its rarer words, alone and
in pairs, a hundred to a topic; of twenty one ends in *, one takes capitals as they are, one is near
another, one needs company, one stands away from others, and each topic masks five.
CPU times, each the least of several, taken in turn.
"""

from __future__ import annotations

import argparse
import gc
import random
import resource
from collections.abc import Callable, Iterator
from itertools import accumulate
from time import process_time

from ahocorasick_rs import AhoCorasick

from config.models import Taxonomy, Topic
from config.rules import Company, Near, Phrase, Rule
from transforms.folding import folded
from transforms.topics.tagger import Tagger

SIZES = (100, 1_000, 10_000, 100_000)
PER_TOPIC = 100
ARTICLE_WORDS = 600
VOCABULARY = 60_000
COMMON = 2_000
"""The most common words, of which no topic is made; they are four of five in a text."""
ROUNDS = 5
STARTS = "b c d f g h j k l m n p r s t v w z br ch cl dr fr gr pl pr sh st th tr".split()
VOWELS = "a e i o u ai ea ou é ü".split()


def words(random_: random.Random) -> list[str]:
    """The language, its most common words first: short ones are common."""
    found: dict[str, None] = {}
    while len(found) < VOCABULARY:
        long = 1 + min(len(found) // 500, 3)
        syllables = random_.randint(max(1, long - 1), long)
        word = "".join(
            random_.choice(STARTS) + random_.choices(VOWELS, [9] * 8 + [0.2, 0.2])[0]
            for _ in range(syllables)
        ) + random_.choice(["", "n", "s", "r", "t"])  # fmt: skip
        found[word] = None
    return list(found)


def article(language: list[str], weights: list[float], random_: random.Random) -> str:
    """Paragraphs of sentences."""
    chosen = random_.choices(language, cum_weights=weights, k=ARTICLE_WORDS)
    pieces = []
    for place, word in enumerate(chosen):
        first = place % 17 == 0
        end = (
            ".\n"
            if place % 85 == 84
            else ". "
            if place % 17 == 16
            else ", "
            if place % 9 == 0
            else "’s "
            if place % 70 == 3
            else "-"
            if place % 60 == 5
            else " "
        )
        pieces.append((word.capitalize() if first or place % 23 == 0 else word) + end)
    return "".join(pieces)


def taxonomy(size: int, language: list[str], random_: random.Random) -> Taxonomy:
    """Topics with so many phrases in all."""
    rare = language[COMMON:]

    def phrase() -> str:
        one = random_.choice(rare)
        return one if random_.random() < 0.3 else f"{one} {random_.choice(language)}"

    topics = []
    for number in range(max(size // PER_TOPIC, 1)):
        rules: list[str | Rule] = []
        for place in range(PER_TOPIC - 5):
            rules.append(_rule(place % 20, phrase))
        mask = tuple(Phrase(phrase()) for _ in range(5))
        topics.append(Topic(f"topic-{number}", "Topic", tuple(rules), mask=mask))
    return Taxonomy(tuple(topics))


def _rule(kind: int, phrase: Callable[[], str]) -> str | Rule:
    if kind == 0:
        return f"{phrase()}*"
    if kind == 1:
        return Phrase(phrase().capitalize(), case=True)
    if kind == 2:
        return Near(((Phrase(phrase()),), (Phrase(phrase()),)))
    if kind == 3:
        return Phrase(phrase(), company=(Phrase(phrase()),))
    if kind == 4:
        return Phrase(phrase(), not_near=Company((Phrase(phrase()),)))
    return phrase()


def measure(size: int, texts: list[str], language: list[str]) -> str:
    """One line of the table."""
    topics = taxonomy(size, language, random.Random(size))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = process_time()
    tagger = Tagger(topics)
    building = process_time() - started
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    patterns = sorted({
        folded(phrase.phrase.removesuffix("*"))
        for topic in topics.topics
        for rule in (*topic.rules, *topic.mask)
        for phrase in ([p for g in rule.groups for p in g] if isinstance(rule, Near) else
                       [rule, *rule.company, *(rule.not_near.phrases if rule.not_near else ())])
    })  # fmt: skip
    bare = AhoCorasick(patterns)
    lowered = [text.lower() for text in texts]
    least = {"ours": float("inf"), "bare": float("inf")}
    found = 0
    for _ in range(ROUNDS):
        gc.collect()
        started = process_time()
        hits = sum(len(bare.find_matches_as_indexes(text, overlapping=True)) for text in lowered)
        least["bare"] = min(least["bare"], process_time() - started)
        started = process_time()
        found = sum(one.matches or 0 for text in texts for one in tagger.tag(None, text))
        least["ours"] = min(least["ours"], process_time() - started)
    size_mb = sum(len(text.encode()) for text in texts) / 1e6
    return (
        f"| {size:,} | {size_mb / least['ours']:.0f} | {size_mb / least['bare']:.0f} | "
        f"{least['ours'] / least['bare']:.2f} | {hits / size_mb:,.0f} | {found / size_mb:,.0f} | "
        f"{building:.2f} | {memory:.0f} |"
    )


def lines(sizes: list[int], megabytes: float) -> Iterator[str]:
    """The table."""
    random_ = random.Random(14)
    language = words(random_)
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(language))))
    texts: list[str] = []
    while sum(map(len, texts)) < megabytes * 1e6:
        texts.append(article(language, weights, random_))
    yield (
        "| phrases | tagging, MB/s | bare automaton, MB/s | time, ratio | matches of the automaton "
        "a MB | places kept a MB | build, s of CPU | memory, MB |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for size in sizes:
        yield measure(size, texts, language)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=2)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    options = parser.parse_args()
    for line in lines(options.sizes, options.megabytes):
        print(line, flush=True)


if __name__ == "__main__":
    main()
