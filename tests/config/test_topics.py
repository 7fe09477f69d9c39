"""Topics files: what is wrong is named with its line, and what is right becomes rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.load import load_topics, shipped
from config.models import Topic
from config.phrases import MOST_PHRASES, NEAR_KEYS, PHRASE_KEYS
from config.rules import Company, Near, Phrase, Weights
from config.topics import DEFAULT_KEYS, FILE_KEYS, TOPIC_KEYS


@pytest.fixture
def write(tmp_path: Path):
    def one(text: str) -> Path:
        path = tmp_path / "topics.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return one


def test_the_schema_knows_the_keys_that_a_file_may_have() -> None:
    schema = json.loads(shipped("topics.schema.json").read_text(encoding="utf-8"))
    defs = schema["$defs"]
    assert set(schema["properties"]) == set(FILE_KEYS)
    assert set(schema["properties"]["defaults"]["properties"]) == set(DEFAULT_KEYS)
    assert set(defs["topic"]["properties"]) == set(TOPIC_KEYS)
    assert set(defs["phrase"]["properties"]) == set(PHRASE_KEYS)
    assert set(defs["near"]["properties"]) == set(NEAR_KEYS)
    assert set(defs["weights"]["properties"]) == set(Weights._fields)


def test_lists_and_defaults_are_resolved_into_the_rules(write) -> None:
    (topic,) = load_topics(write("""
lists: {sport: [FIFA, {phrase: Club, case: exact}]}
defaults: {accents: fold, min_score: 0.3, languages: [de, pt-BR]}
topics:
- id: t
  name: T
  accents: exact
  any: [one, {phrase: two, accents: fold, weight: 2}, {near: [a1, [b1, {list: sport}]], words: 3}]
  not_near: {phrases: {list: sport}, words: 5}
""")).topics  # fmt: skip
    sport = (Phrase("FIFA"), Phrase("Club", case=True))
    languages = ("de", "pt")
    assert topic == Topic(
        "t", "T",
        (
            Phrase("one", languages=languages),
            Phrase("two", fold_accents=True, weight=2, languages=languages),
            Near(((Phrase("a1"),), (Phrase("b1"), *sport)), 3, languages=languages),
        ),
        not_near=Company(sport, 5),
        min_score=((0, 0.3),),
        languages=languages,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("phrase", "shown"),
    [
        ("chip AND export", "all: [chip, export]"),
        ("Taiwan OR Taipei", "any: [Taiwan, Taipei]"),
        ("Taiwan|Taipei", "any: [Taiwan, Taipei]"),
        ("gas NOT stove", "none: [stove]"),
        ("-football", "none: [football]"),
        ("+football", "all: [football]"),
        ("NEAR(Georgia,Tbilisi)", "{near: [Georgia, Tbilisi]}"),
        ("export NEAR/5 chip", "{near: [export, chip], words: 5}"),
        ("export w/5 chip", "{near: [export, chip], words: 5}"),
        ("'\"oil price\"~5'", "{near: [oil, price], words: 5}"),
        ("'\"shadow fleet\"'", "any: [shadow fleet]"),
        ("/sanction(s|ed)?/", "any: [each form]"),
        ("'title: Taiwan'", "weights: {title: 3}"),
    ],
)
def test_a_query_of_another_tool_is_refused_and_said_in_this_language(write, phrase, shown) -> None:
    with pytest.raises(ConfigError) as caught:
        load_topics(write(f"topics:\n- id: t\n  name: T\n  any:\n  - fine\n  - {phrase}\n"))
    message = str(caught.value)
    assert f"topics.yaml:6: a phrase: {phrase.strip(chr(39))!r} looks like a query" in message
    assert shown in message


@pytest.mark.parametrize("phrase", ["AT&T", "C++", "U.S.", "New START", "either/or", "Health and Safety",
                                    "a+b", "(sic)", "x.y*", "$100", "[x]y", "what?"])  # fmt: skip
def test_other_signs_are_just_text(write, phrase) -> None:
    path = write(f"topics:\n- id: t\n  name: T\n  any:\n  - '{phrase}'\n")
    assert load_topics(path).topics[0].any == (phrase,)


def test_a_phrase_may_be_taken_as_it_is(write) -> None:
    path = write("topics:\n- id: t\n  name: T\n  any: [{phrase: R AND D, literal: true}]\n")
    assert load_topics(path).topics[0].any == ("R AND D",)


@pytest.mark.parametrize(
    ("rules", "part"),
    [
        ("any: [{list: russa}]", "there is no list 'russa'; did you mean 'russia'?"),
        ("any: [{phrase: x1, nearly: y}]", "unknown key 'nearly' in a phrase"),
        ("any: [{near: [one]}]", "'near' needs two phrases"),
        ("any: [{near: [one, two], words: 5, sentence: true}]", "either 'words' or 'sentence'"),
        ("any: [{near: [one, two], words: 101}]", "a number from 0 to 100"),
        ("any: [{near: [one, {near: [two, six]}]}]", "a phrase alone"),
        ("any: [{phrase: x1, weight: -1}]", "a number from 0.01 to 100"),
        ("any: [{phrase: x1, weight: nan}]", "a number from 0.01 to 100"),
        ("any: [{phrase: x1, case: upper}]", "'upper'; valid: exact or fold"),
        ("any: [{phrase: x1, prefix: greek}]", "valid: any, arabic, hebrew"),
        ("any: ['*sanktion']", "prefix: any"),
        ("any: [{phrase: x1, languages: [english-]}]", "no BCP 47 tag"),
        ("any: [{phrase: x1, with: {phrases: [y1]}}]", "stand anywhere"),
        ("mask: [{near: [one, two]}]", "a mask is a phrase alone"),
        ("{}", "has no phrase: 'any' or 'all' is needed"),
        ("{any: [x1], parent: u}", "'parent' names no topic of this file: 'u'"),
        ("{any: [x1], parent: t}", "above itself"),
        ("{any: [x1], see: [v]}", "'see' names no topic"),
        ("{any: [x1], min_score: 1}", "a number from 0 to 0.99"),
        ("{any: [x1], min_score: {many: 0.5}}", "the number of words"),
        ("{any: [x1], weights: {titel: 3}}", "did you mean 'title'?"),
        ("{any: [x1], examples: {yes: [{language: en}]}}", "'title', a 'text', or both"),
        (f"any: [{'x' * 201}]", "more than 200 characters"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(write, rules, part) -> None:
    more = rules.removeprefix("{").removesuffix("}") if rules[0] == "{" else rules
    text = f"lists: {{russia: [Moscow]}}\ntopics:\n- {{id: t, name: T, {more}}}\n"
    with pytest.raises(ConfigError) as caught:
        load_topics(write(text))
    message = str(caught.value)
    assert "topics.yaml:3: " in message
    assert part in message


def test_a_file_of_a_million_phrases_is_refused_with_its_reason(write) -> None:
    lists = "lists: {many: [" + ", ".join(f"phrase {n}" for n in range(10_000)) + "]}\n"
    topics = "".join(f"- {{id: t{n}, name: T, any: [{{list: many}}]}}\n" for n in range(100))
    with pytest.raises(ConfigError, match=f"more than {MOST_PHRASES:,} phrases"):
        load_topics(write(f"{lists}topics:\n{topics}"))
