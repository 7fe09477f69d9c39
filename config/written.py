"""A topic as a topics file has it, lists and defaults resolved: reading that gives it again."""

from __future__ import annotations

from typing import Any

from config.models import Topic
from config.phrase_values import is_plain_phrase
from config.rules import WORDS_NEAR, Company, Example, Near, Rule, Weights


def written(topic: Topic) -> dict[str, Any]:
    """The keys and values of a topic, without those that say what holds anyway."""
    every: dict[str, Any] = {
        "id": topic.id,
        "name": topic.name,
        "description": topic.description,
        "parent": topic.parent,
        "see": list(topic.see),
        "any": [rule if isinstance(rule, str) else _rule(rule, topic) for rule in topic.any],
        "all": [
            _rule(group[0], topic) if len(group) == 1 else [_rule(rule, topic) for rule in group]
            for group in topic.all
        ],
        "none": [_rule(rule, topic) for rule in topic.none],
        "mask": [_rule(phrase, topic) for phrase in topic.mask],
        "not_near": _company(topic.not_near, topic),
        "languages": list(topic.languages),
        "weights": topic.weights._asdict() if topic.weights != Weights() else None,
        "min_score": _steps(topic.min_score),
        "examples": {
            key: [_example(one) for one in examples]
            for key, examples in (("yes", topic.examples_yes), ("no", topic.examples_no))
            if examples
        },
    }
    return {key: value for key, value in every.items() if value not in (None, [], {})}


def _rule(rule: Rule, topic: Topic) -> Any:
    languages = list(rule.languages) if rule.languages != topic.languages else []
    if isinstance(rule, Near):
        near: dict[str, Any] = {
            "near": [
                _rule(group[0], _BARE) if len(group) == 1 else [_rule(x, _BARE) for x in group]
                for group in rule.groups
            ]
        }
        near |= {"sentence": True} if rule.sentence else {"words": rule.words}
        near |= {"weight": rule.weight} if rule.weight != 1 else {}
        return near | ({"languages": languages} if languages else {})
    every: dict[str, Any] = {
        "phrase": rule.phrase,
        "case": "exact" if rule.case else None,
        "accents": "fold" if rule.fold_accents else None,
        "variants": "han" if rule.han else None,
        "prefix": "any" if rule.prefix == ("*",) else list(rule.prefix),
        "weight": rule.weight if rule.weight != 1 else None,
        "languages": languages,
        "with": [_rule(phrase, _BARE) for phrase in rule.company],
        "not_near": _company(rule.not_near, topic),
        "literal": True if _needs_literal(rule.phrase) else None,
    }
    told = {key: value for key, value in every.items() if value not in (None, [])}
    return rule.phrase if list(told) == ["phrase"] else told


def _company(company: Company | None, topic: Topic) -> Any:
    if company is None:
        return None
    phrases = [_rule(phrase, _BARE) for phrase in company.phrases]
    if company.sentence:
        return {"phrases": phrases, "sentence": True}
    if company.words != WORDS_NEAR:
        return {"phrases": phrases, "words": company.words}
    return phrases


def _steps(steps: tuple[tuple[int, float], ...]) -> Any:
    if len(steps) == 1 and steps[0][0] == 0:
        return steps[0][1]
    return dict(steps)


def _example(example: Example) -> Any:
    if example.title is None and example.language is None:
        return example.text
    return {key: value for key, value in example._asdict().items() if value}


def _needs_literal(phrase: str) -> bool:
    return not is_plain_phrase(phrase)


_BARE = Topic("", "")
