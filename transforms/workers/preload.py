"""What every process of the pool needs, loaded once by the server that they are forked from."""

import tempfile

from transforms.feeds.documents import parse_feed
from transforms.text.language import language_of
from transforms.workers.judging import judge_page

__all__ = ["judge_page", "language_of", "parse_feed"]

try:
    language_of("The model of the languages is read from disk at its first use.", None)
except OSError as error:  # it is unpacked there
    raise SystemExit(f"newsbeam: {tempfile.gettempdir()}: {error}") from None
