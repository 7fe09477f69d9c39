"""The report on hygiene and flags runs the labels' own scorer, or says that there are none."""

from __future__ import annotations

import json

from benchmarks.eval_flags import Judged, named, report
from transforms.records import Flag, Removal

SCORER = "import sys; print(open(sys.argv[1], encoding='utf-8').read())"


def test_without_labels_it_says_so(tmp_path, capsys):
    assert report(["a"], {}, folder=tmp_path) is False
    assert "there are no labels" in capsys.readouterr().out


def test_the_scorer_sees_what_pages_came_to(tmp_path, capsys):
    (tmp_path / "flags").mkdir()
    (tmp_path / "flags" / "score_flags.py").write_text(SCORER, encoding="utf-8")
    judged = Judged("Reiher", [Removal("promo", "Kauft", 1, "x")], [Flag("live", "blog", "", "")])
    assert report(["a", "b"], {"a": judged, "c": judged}, folder=tmp_path) is True
    assert json.loads(capsys.readouterr().out) == {
        "id": "a",
        "removed": [{"text": "Kauft", "kind": "promo"}],
        "kept_text": "Reiher",
        "flags": {"live": True},
    }


def test_flags_have_the_names_of_the_scorer():
    flags = [Flag(name, value, "text", "") for name, value in (
        ("disclosure", "made"), ("wire", "AP"), ("wire", "dpa"), ("wire_level", "full"),
        ("paywall", "cut"), ("opinion", "label"))]  # fmt: skip
    assert named(flags) == {"ai": "made", "wire": "AP", "paywall": "cut", "opinion": True}
