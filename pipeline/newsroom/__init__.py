"""The embedded newsroom: a small, unkind, deterministic web of news outlets on loopback.

It serves the demo, the tests and the benchmarks. It knows the truth about every feed and
article that it serves, so whatever reads it can be held against that truth.
"""

from __future__ import annotations

from pipeline.newsroom.compose import compose
from pipeline.newsroom.server import NewsroomServer, serve
from pipeline.newsroom.settings import NewsroomSettings

__all__ = ["NewsroomServer", "NewsroomSettings", "compose", "serve"]
