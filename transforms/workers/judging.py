"""What a process of the pool makes of pages and texts, by topics that it reads once.

A taxonomy may be large, and every page is judged by it: it goes to the pool as a file, and a
process keeps the taggers that it built.
"""

from __future__ import annotations

import atexit
import pickle
import tempfile
import threading
from functools import lru_cache
from pathlib import Path

from config.models import Taxonomy
from transforms.records import Page, PageTask, Response, RetaggedArticle
from transforms.text.pages import judge
from transforms.topics.tagger import Tagger

_handing = threading.Lock()
_folder: tempfile.TemporaryDirectory[str] | None = None


def hand_over(taxonomy: Taxonomy) -> str:
    """Put a taxonomy where the processes of the pool find it; its path.

    Several threads may do so at once, and a stream lives longer than some systems keep a folder.
    """
    global _folder
    with _handing:
        if _folder is None or not Path(_folder.name).is_dir():
            _folder = tempfile.TemporaryDirectory(
                prefix="newsbeam-topics-", ignore_cleanup_errors=True
            )
            atexit.register(_folder.cleanup)
        path = Path(_folder.name, taxonomy.version)
        if not path.exists():
            part = path.with_suffix(".part")
            part.write_bytes(pickle.dumps(taxonomy))
            part.replace(path)  # whole or not at all
        return str(path)


@lru_cache(maxsize=2)
def tagger_at(path: str) -> Tagger:
    """The tagger of a taxonomy that was handed over; two, while a stream takes another file."""
    taxonomy: Taxonomy = pickle.loads(Path(path).read_bytes())
    return Tagger(taxonomy)


def judge_page(task: PageTask, answer: Response, taxonomy: str) -> Page:
    """From a page's bytes to its judged article, by the taxonomy at a path."""
    return judge(task, answer, tagger_at(taxonomy).tag)


def retag(articles: list[dict[str, str]], taxonomy: str) -> list[RetaggedArticle]:
    """The topics of articles of the database (article_id, title, text, language)."""
    tag = tagger_at(taxonomy).tag
    return [
        RetaggedArticle(
            article["article_id"], tag(article["title"], article["text"], article["language"])
        )
        for article in articles
    ]
