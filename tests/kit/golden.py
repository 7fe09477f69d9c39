"""The corpus of feeds, and what each must be read as."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parents[1] / "transforms" / "feeds" / "data" / "feeds"


URL = "https://feeds.example/news/feed.xml"


GOLDEN = ".golden.json"


FEEDS = sorted(path for path in CORPUS.iterdir() if not path.name.endswith(GOLDEN))


def expected(path: Path) -> dict[str, Any]:
    return json.loads((CORPUS / (path.stem + GOLDEN)).read_text(encoding="utf-8"))
