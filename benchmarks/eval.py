"""`make eval`: ours beside other tools on the same real pages, in one run: quality and CPU.

Then what ours removes and flags, against the labels (`benchmarks.eval_flags`).

Reads the pages of an evaluation folder (default ``../shared/eval``, or the one that NEWSBEAM_EVAL
names, or ``--data``), which is no part of the project, and scores with its own definitions: F1 of
4-word shingles, right titles, right days. Then F1 where truth and answer are both in NFC and
without soft hyphens and the like, and the paragraphs of the truth that are lost by more than half.

CPU is process time, each page through all tools one after the other, once unmeasured and then the
best of some rounds; it stands as a ratio to plain trafilatura with metadata. The other tools are
the optional group ``eval``; those that are absent are named.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import gzip
import importlib.util
import json
import os
import sys
import time
import unicodedata
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import trafilatura

from benchmarks.eval_flags import Judged, report
from transforms.records import Extraction, Flag, Removal
from transforms.text.extraction import extract_page

sys.path.append(str(Path(sys.prefix) / "eval"))
DATA = Path(os.environ.get("NEWSBEAM_EVAL") or "../shared/eval")
Answer = dict[str, Any]
Tool = Callable[[bytes, str], Answer]
BASE = "trafilatura"


WARM = 10
"""Each so-manieth page is read before the clock runs: what tools load and build once counts not."""
LONG = 60
"""Characters of a line of the truth that is a paragraph."""


class Page(NamedTuple):
    """A page with its truth."""

    id: str
    url: str
    set: str
    body: bytes
    truth: dict[str, Any]


def newsbeam(body: bytes, url: str) -> Answer:
    """Ours, as the pool calls it."""
    found = extract_page(body, "text/html", url)
    if not isinstance(found, Extraction):
        return {}
    at = found.published_at
    return {"text": found.text, "title": found.title, "published": at and at.isoformat(),
            "removals": [one._asdict() for one in found.removals],
            "flags": [one._asdict() for one in found.flags]}  # fmt: skip


def judge(told: Answer) -> Judged:
    """What ours removed of a page, and flagged."""
    removals = [Removal(**one) for one in told.get("removals", ())]
    return Judged(told.get("text", ""), removals, [Flag(**one) for one in told.get("flags", ())])


def _trafilatura(fast: bool) -> Tool:
    def tool(body: bytes, url: str) -> Answer:
        found: Any = trafilatura.bare_extraction(
            body, url=url, with_metadata=True, include_comments=False, fast=fast
        )
        if not found:
            return {}
        return {"text": found.text, "title": found.title, "published": found.date}

    return tool


def _readability() -> Tool:
    from lxml import html
    from readability import Document

    def tool(body: bytes, url: str) -> Answer:
        document = Document(body, url=url)
        summary = html.fromstring(document.summary())
        blocks = summary.iter("p", "li", "h2", "h3", "h4", "td", "pre", "div")
        text = "\n".join(filter(None, (own_text(block) for block in blocks)))
        return {"text": text, "title": document.short_title()}

    return tool


def own_text(element: Any) -> str:
    """The text of a block but for that of blocks within it."""
    if element.tag == "div" and len(element):
        return ""
    return " ".join(element.text_content().split())


def _newspaper() -> Tool:
    import newspaper

    config = newspaper.Config()
    config.fetch_images = False

    def tool(body: bytes, url: str) -> Answer:
        article = newspaper.Article(url, config=config)
        article.download(input_html=body.decode("utf-8", "replace"))
        article.parse()
        at = article.publish_date
        return {"text": article.text, "title": article.title,
                "published": at and at.isoformat()}  # fmt: skip

    return tool


def _resiliparse() -> Tool:
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding
    from resiliparse.parse.html import HTMLTree

    def tool(body: bytes, url: str) -> Answer:
        tree = HTMLTree.parse(bytes_to_str(body, detect_encoding(body)))
        text = extract_plain_text(tree, main_content=True, alt_texts=False)
        return {"text": text, "title": tree.title}

    return tool


RIVALS: dict[str, Callable[[], Tool]] = {
    BASE: lambda: _trafilatura(False),
    "trafilatura fast": lambda: _trafilatura(True),
    "readability-lxml": _readability,
    "newspaper4k": _newspaper,
    "resiliparse": _resiliparse,
}


def tools(wanted: list[str] | None) -> dict[str, Tool]:
    """Those that are here, ours first; says which are not."""
    found: dict[str, Tool] = {"newsbeam": newsbeam}
    for name, load in RIVALS.items():
        if wanted and name not in wanted:
            continue
        try:
            found[name] = load()
        except ImportError as error:
            print(f"absent: {name} ({error}); it comes with the group eval")
    return found


def load_pages(data: Path) -> list[Page]:
    """The pages of the folder with their truth."""
    rows = [json.loads(line) for line in (data / "pages.jsonl").open(encoding="utf-8")]
    return [
        Page(row["id"], row["url"], row["set"],
             gzip.decompress((data / "pages" / f"{row['id']}.html.gz").read_bytes()), row)
        for row in rows
    ]  # fmt: skip


def run(
    pages: list[Page], found: dict[str, Tool], rounds: int
) -> tuple[dict[str, dict[str, Answer]], dict[str, float]]:
    """What each tool says of each page, and its CPU seconds for all pages, the best of the rounds.

    Tools take turns at who comes first, page by page, because the first finds the caches cold.
    """
    warnings.simplefilter("ignore")  # of the tools, of what they lack
    answers: dict[str, dict[str, Answer]] = {name: {} for name in found}
    for page in pages[::WARM]:
        for tool in found.values():
            with contextlib.suppress(Exception):
                tool(page.body, page.url)
    seconds: dict[str, float] = collections.defaultdict(float)
    names = list(found)
    for number, page in enumerate(pages):
        best: dict[str, float] = {}
        for turn in range(rounds):
            at = (number + turn) % len(names)
            for name in names[at:] + names[:at]:
                began = time.process_time()
                try:
                    answer = found[name](page.body, page.url)
                except Exception as error:  # a tool of others; the page counts as empty
                    answer = {"error": repr(error)}
                spent = time.process_time() - began
                best[name] = min(best.get(name, spent), spent)
                answers[name][page.id] = answer
        for name, spent in best.items():
            seconds[name] += spent
    return answers, seconds


def scorer(data: Path) -> Any:
    """The evaluation's own script, for its definitions."""
    spec = importlib.util.spec_from_file_location("score_extraction", data / "score_extraction.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def score(pages: list[Page], answers: dict[str, Answer], by: Any) -> dict[str, str]:
    """A line of figures for each set of pages."""
    sets: dict[str, dict[str, list[float]]] = collections.defaultdict(
        lambda: collections.defaultdict(list)
    )
    for page in pages:
        got, into = answers.get(page.id, {}), sets[page.set]
        precision, recall = by.overlap(page.truth["text"], got.get("text"))
        into["precision"].append(precision)
        into["recall"].append(recall)
        truth, text = alike(page.truth["text"]), alike(got.get("text"))
        precision, recall = by.overlap(truth, text)
        into["alike precision"].append(precision)
        into["alike recall"].append(recall)
        into["lost"] += lost(truth, text, by)
        if title := page.truth.get("title"):
            into["title"].append(by.fold(title) == by.fold(got.get("title")))
        if day := page.truth.get("published"):
            into["date"].append(bool(by.days(day) & by.days(got.get("published"))))
    lines = {}
    for name, figures in sorted(sets.items()):
        mean = {key: sum(values) / len(values) for key, values in figures.items()}
        p, r = mean["precision"], mean["recall"]
        more = "".join(f"  {key} {mean[key]:.3f}" for key in ("title", "date") if key in mean)
        same = f1(mean["alike precision"], mean["alike recall"])
        lines[name] = (
            f"F1 {f1(p, r):.4f}  P {p:.4f}  R {r:.4f}{more}  alike F1 {same:.4f}  "
            f"lost {sum(figures['lost']):.0f} of {len(figures['lost'])} paragraphs"
        )
    return lines


def f1(precision: float, recall: float) -> float:
    """Their harmonic mean."""
    return 2 * precision * recall / ((precision + recall) or 1)


def alike(text: str | None) -> str:
    """A text in NFC without characters that are not seen, as ours is; a truth may be otherwise."""
    seen = (char for char in text or "" if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFC", "".join(seen))


def lost(truth: str, text: str, by: Any) -> list[bool]:
    """Of each paragraph, whether the text lacks more than half of it."""
    found = by.shingles(text)
    wanted = [by.shingles(line) for line in truth.split("\n") if len(line) >= LONG]
    return [2 * sum((one - found).values()) > sum(one.values()) for one in wanted]


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="the evaluation folder")
    parser.add_argument("--tools", help="only these beside ours, with commas between")
    parser.add_argument("--rounds", type=int, default=2, help="the best of so many counts")
    parser.add_argument("--every", type=int, default=1, help="only each so-manieth page")
    parser.add_argument("--out", type=Path, help="write what each tool says, as JSON lines, here")
    parser.add_argument("--show", action="store_true", help="each miss of hygiene and flags")
    options = parser.parse_args()
    if not (options.data / "pages.jsonl").exists():
        print(f"skipped: no evaluation data in {options.data}")
        return 0
    pages = load_pages(options.data)[:: options.every]
    found = tools(options.tools.split(",") if options.tools is not None else None)
    answers, seconds = run(pages, found, options.rounds)
    by = scorer(options.data)
    print(f"{len(pages)} pages")
    for name in found:
        ratio = f"{seconds[name] / seconds[BASE]:.3f}" if BASE in seconds else "-"
        milliseconds = 1_000 * seconds[name] / len(pages)
        failed = sum("error" in one for one in answers[name].values())
        print(f"{name}: CPU {ratio} of {BASE}'s ({milliseconds:.1f} ms a page), {failed} raised")
        for kind, line in score(pages, answers[name], by).items():
            print(f"  {kind:8} {line}")
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            rows = [json.dumps({"id": key, **told}) for key, told in answers[name].items()]
            (options.out / f"{name}.jsonl").write_text("\n".join(rows), encoding="utf-8")
    own = (options.data / "flags" / "own_pages").glob("*.html")
    bodies = {page.id: (page.body, page.url) for page in pages}
    bodies |= {path.stem: (path.read_bytes(), f"https://news.example/{path.stem}") for path in own}
    told = answers["newsbeam"]
    judged = {key: judge(told.get(key) or newsbeam(*page)) for key, page in bodies.items()}
    report(judged, judged, show=options.show, folder=options.data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
