"""Texts of feeds come back from the file of a plan as they were, also when that is gone."""

from __future__ import annotations

from transforms.workers.feed_texts import FeedTexts, write_texts

TEXTS = ["<p>One</p>", "", "台湾海峡 – “tight”", "half \ud800"]


def test_each_text_is_where_its_span_says(tmp_path):
    spans = write_texts(tmp_path / "texts", TEXTS)
    texts = FeedTexts(tmp_path / "texts")
    (tmp_path / "texts").unlink()
    assert [texts[span].decode() for span in spans] == [*TEXTS[:3], "half ?"]


def test_no_texts_are_no_bytes(tmp_path):
    assert write_texts(tmp_path / "texts", []) == []
    assert FeedTexts(tmp_path / "texts")[0, 0] == b""
