"""Files of rules, agencies and cities load whole, or name file and line of what is wrong."""

from __future__ import annotations

import pytest

from config.errors import ConfigError
from config.line_rules import load_agencies, load_cities, load_rules
from config.load import shipped

RULE = """hygiene:
  - id: pier
    kind: promo
    begins: [visit the pier]
    yes: {en: ["Visit the pier today"]}
    "no": {en: ["The pier is shut"]}
"""


def loaded(tmp_path, text, key="hygiene"):
    path = tmp_path / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    return load_rules(str(path), key)


@pytest.mark.parametrize("key", ["hygiene", "flags"])
def test_the_shipped_rules_load_and_each_shows_what_it_takes_and_what_it_leaves(key):
    rules = load_rules(str(shipped(f"{key}.yaml")), key)
    assert len(rules) >= 20
    assert all(rule.yes and rule.no for rule in rules)


def test_no_phrase_stands_twice_in_a_rule():
    for key in ("hygiene", "flags"):
        for rule in load_rules(str(shipped(f"{key}.yaml")), key):
            for phrases in (rule.begins, rule.labels, rule.whole, rule.holds, rule.none, *rule.all):
                twice = {phrase for phrase in phrases if phrases.count(phrase) > 1}
                assert not twice, (rule.id, twice)


def test_a_rule_without_more_looks_at_all_lines(tmp_path):
    (rule,) = loaded(tmp_path, RULE)
    assert (rule.where, rule.longest, rule.run, rule.takes) == (("anywhere",), 400, 1, "")
    assert rule.yes == (("en", "Visit the pier today"),)


@pytest.mark.parametrize(
    ("old", "new", "line", "complaint"),
    [
        ("kind: promo", "kind: Promo!", 3, "is no name"),
        ("begins: [visit the pier]", "starts: [visit]", 4, "unknown key 'starts'"),
        ("begins: [visit the pier]", "takes: title", 2, "looks for nothing"),
        ("begins: [visit the pier]", "like: ['(']", 4, "no regular expression"),
        ("begins: [visit the pier]", "longest: 0\n    begins: [x]", 4, "is no number from 1"),
        ("begins: [visit the pier]", "where: [left]\n    begins: [x]", 4, "is none of anywhere"),
        ("yes: {en:", "yes: {English:", 5, "is no code of a language"),
        ("yes: {en: [", "yes: [[", 5, ""),
        ("  - id: pier", "  - id: pier\n    value: x", 3, "unknown key 'value'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, old, new, line, complaint):
    with pytest.raises(ConfigError) as told:
        loaded(tmp_path, RULE.replace(old, new))
    assert f"rules.yaml:{line}: " in str(told.value)
    assert complaint in str(told.value)


def test_a_rule_stands_once(tmp_path):
    with pytest.raises(ConfigError, match=r":7: .*pier stands already in line 2"):
        loaded(tmp_path, RULE + RULE.split("\n", 1)[1])


def test_a_file_of_flags_is_no_file_of_hygiene(tmp_path):
    with pytest.raises(ConfigError, match="swapped"):
        loaded(tmp_path, RULE, "flags")


def test_the_shipped_agencies_are_of_the_world_and_stand_once_each():
    agencies = load_agencies(str(shipped("agencies.yaml")))
    assert len(agencies) >= 60
    written: dict[str, str] = {}
    for agency in agencies:
        assert agency.names or agency.signs
        for name in (*agency.names, *agency.signs):
            assert written.setdefault(name.casefold(), agency.name) == agency.name
    for script in ("АФП", "ロイター", "新华社", "연합뉴스", "رويترز", "पीटीआई"):
        assert script.casefold() in written


def test_the_shipped_cities_load():
    cities = load_cities(str(shipped("cities.yaml")))
    assert len(cities) > 100
    assert all(city.names for city in cities)
