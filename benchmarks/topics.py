"""Tagging against the bare automaton of the library, on the same text, in one process.

    python -m benchmarks.topics [--megabytes 2] [--sizes 100 1000 10000 100000]

Texts are the newsroom's stories in eight languages, their paragraphs drawn to articles of some 600
words. Phrases are words of theirs: some alone, some in pairs as in the texts, most in pairs that
chance made, since most of what analysts list is rare. A hundred phrases make a topic; of twenty one
ends in *, one takes capitals as they are, one is near another, one needs company, one stands away
from others, and each topic masks five.
CPU times, each the least of several, taken in turn.
"""

from __future__ import annotations

import argparse
import gc
import random
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time

import yaml
from ahocorasick_rs import AhoCorasick

import pipeline.newsroom
from config.models import Taxonomy, Topic
from config.rules import Company, Near, Phrase, Rule
from transforms.folding import WORDS, folded
from transforms.topics.tagger import Tagger

SIZES = (100, 1_000, 10_000, 100_000)
PER_TOPIC = 100
ARTICLE_LENGTH = 3_800
"""Characters: some 600 words."""
COMMONEST = 0.004
"""A word that is more than so much of its language's text stands in no phrase alone."""
OCCURRING = 0.005
"""Of the phrases, those taken from the texts as one word, and those as two beside each other."""
ROUNDS = 5
STORIES = Path(pipeline.newsroom.__file__).parent / "stories"


def paragraphs() -> dict[str, list[str]]:
    """All texts of 40 characters or more in the stories, by language."""
    found: dict[str, list[str]] = {}
    for path in sorted(STORIES.glob("*.yaml")):
        found[path.stem] = list(_texts(yaml.safe_load(path.read_text(encoding="utf-8"))))
    return found


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str) and len(value) >= 40:
        yield " ".join(value.split())


def article(stories: dict[str, list[str]], random_: random.Random) -> str:
    """Paragraphs of one language, half of them in English."""
    names = list(stories)
    language = "en" if random_.random() < 0.5 else random_.choice(names)
    lines: list[str] = []
    while sum(map(len, lines)) < ARTICLE_LENGTH:
        lines.append(random_.choice(stories[language]))
    return "\n".join(lines)


class Vocabulary:
    """The words of the stories, to be made phrases of."""

    def __init__(self, stories: dict[str, list[str]], random_: random.Random) -> None:
        self.random = random_
        self.words: list[list[str]] = []
        self.rare: list[list[str]] = []
        self.joined: list[str] = []
        for language, texts in stories.items():
            words = [text.split() for text in texts]
            if language[:2] in ("zh", "ja"):
                words = [[x[n : n + 2] for n in range(0, len(x) - 1, 2)] for x in texts]
            flat = [word for text in words for word in text if WORDS.fullmatch(word.strip(".,"))
                    or (len(word) == 2 and word.isalpha())]  # fmt: skip
            counts = Counter(flat)
            self.joined.append("" if language[:2] in ("zh", "ja") else " ")
            self.words.append(flat)
            self.rare.append([one for one, n in counts.items()
                              if n <= COMMONEST * len(flat) and len(one) > 1])  # fmt: skip

    def phrase(self) -> str:
        """One phrase."""
        kind = self.random.random()
        language = self.random.randrange(len(self.words))
        words, rare = self.words[language], self.rare[language]
        if kind < OCCURRING:
            return self.random.choice(rare)
        if kind < 2 * OCCURRING:
            place = self.random.randrange(len(words) - 1)
            return self.joined[language].join(words[place : place + 2])
        pair = self.random.choice(rare), self.random.choice(words)
        return self.joined[language].join(pair)


def taxonomy(size: int, stories: dict[str, list[str]]) -> Taxonomy:
    """Topics with so many phrases in all."""
    phrase = Vocabulary(stories, random.Random(size)).phrase
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


def measure(size: int, texts: list[str], stories: dict[str, list[str]]) -> str:
    """One line of the table."""
    topics = taxonomy(size, stories)
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
    stories = paragraphs()
    texts: list[str] = []
    while sum(len(text.encode()) for text in texts) < megabytes * 1e6:
        texts.append(article(stories, random_))
    yield (
        "| phrases | tagging, MB/s | bare automaton, MB/s | time, ratio | matches of the automaton "
        "a MB | places kept a MB | build, s of CPU | memory, MB |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for size in sizes:
        yield measure(size, texts, stories)


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
