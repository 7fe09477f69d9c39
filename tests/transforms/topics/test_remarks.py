"""Rules that can never count, shadow, duplicate or contradict are named with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import shipped
from config.topics import read_topics
from transforms.topics.remarks import Remark, remarks


def said(tmp_path: Path, rules: str) -> list[Remark]:
    path = tmp_path / "topics.yaml"
    path.write_text(f"topics:\n- id: t\n  name: T\n{rules}", encoding="utf-8")
    return remarks(read_topics(path))


@pytest.mark.parametrize(
    ("rules", "line", "level", "part"),
    [
        ("  any:\n  - sanction*\n  - sanctions\n", 6, "warning", "'sanction*' in line 5 finds that too"),
        ("  any:\n  - dual-use\n  - Dual use\n", 6, "warning", "'dual-use' in line 5 finds the same"),
        ("  any:\n  - café\n  - {phrase: cafe, accents: fold}\n", 5, "warning", "'cafe' in line 6"),
        ("  any: [us]\n", 4, "warning", "short"),
        ("  any: [台]\n", 4, "warning", "longer words"),
        ("  any: [embargo]\n  mask:\n  - embargo*\n", 4, "error", "never counts: the mask"),
        ("  any: [oil, embargo]\n  none: [embargo]\n", 4, "error", "contradicts 'embargo' of 'none'"),
        ("  any: [oil]\n  all: [embargo]\n  none: [embargo*]\n", 5, "error", "contradicts 'embargo*'"),
        ("  any: [{near: [oil, embargo]}]\n  none: [oil]\n", 4, "error", "contradicts 'oil'"),
        ("  any: [{phrase: oil, not_near: [oil]}]\n", 4, "error", "not to stand near 'oil'"),
        ("  any: [{phrase: oil, with: [oil]}]\n", 4, "warning", "keeps itself company"),
        ("  any: [oil]\n  weights: {title: 0, lead: 0, text: 0, last: 0}\n", 2, "error", "weighs"),
        ("  any: [oil]\n- {id: u, name: U, parent: t, any: [oil]}\n", 5, "warning", "counts for 't' anyway"),
        ("  any: [oil]\nlists:\n  gas: [gas]\n", 6, "warning", "no topic uses list 'gas'"),
        ("  any: [oil]\n  examples:\n    yes:\n    - oil\n    - gas\n", 8, "error", "nothing found"),
        ("  any: [oil]\n  examples:\n    no: [Oil!]\n", 6, "error", "'oil' found 'Oil'"),
        ("  any: [oil]\n  mask: [olive oil]\n  examples:\n    yes: [olive oil]\n", 7, "error",
         "'oil' is masked by 'olive oil'"),
    ],
)  # fmt: skip
def test_what_is_odd_is_said(tmp_path, rules, line, level, part):
    (remark,) = said(tmp_path, rules)
    assert (remark.line, remark.level) == (line, level)
    assert part in remark.text


@pytest.mark.parametrize(
    "rules",
    [
        "  any: [sanction*, sanction list, café, cafe]\n",
        "  any: [embargo*]\n  mask: [sin embargo]\n  none: [press embargo]\n",
        "  any: [sanctions, {phrase: sanction*, weight: 0.5}]\n",
        "  any: [{phrase: US, case: exact}, G7, 5G, 台湾, AI*x]\n".replace(", AI*x", ""),
        "  any: [oil]\n  all: [[oil, gas]]\n  none: [olive oil]\n",
        "  any: [{phrase: us, with: [Washington]}]\n",
    ],
)
def test_what_may_well_be_meant_is_not_remarked_on(tmp_path, rules):
    assert said(tmp_path, rules) == []


@pytest.mark.parametrize("name", ["topics.yaml", "starter.yaml"])
def test_shipped_files_leave_nothing_to_remark(name):
    assert remarks(read_topics(shipped(name))) == []
