"""YAML read with its line numbers, so that every complaint can name file and line.

Scalars are taken as they are written: ``country: NO`` is Norway, not a boolean.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import yaml

from config.errors import ConfigError

T = TypeVar("T")


LARGEST = 50_000_000
"""Bytes of a file that is read at all."""
LONG = 200_000
"""Characters from which on YAML is read in C, where that is there: ten times as fast."""
_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Document:
    """One YAML file and what was found wrong with it so far.

    Raises:
        ConfigError: by `done`, with every problem; by the constructor, when it is no YAML at all.
    """

    def __init__(self, path: str | Path, most: int = LARGEST) -> None:
        self.path = str(path)
        self.problems: list[tuple[int, str]] = []
        try:
            if (size := Path(path).stat().st_size) > most:
                raise ConfigError(f"{self.path}: {size:,} bytes; valid: {most:,} at most")
            text = Path(path).read_text(encoding="utf-8-sig")
            self.root = yaml.compose(text, Loader=_FAST if len(text) > LONG else yaml.SafeLoader)
        except FileNotFoundError:
            hint = "; a file is needed, not an address" if ":/" in self.path else ""
            raise ConfigError(f"{self.path}: no such file{hint}") from None
        except OSError as error:
            raise ConfigError(f"{self.path}: {error.strerror or error}") from None
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise ConfigError(f"{self.path}:{line}: not UTF-8: {error.reason}") from None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise ConfigError(f"{self.path}:{line}: not YAML: {error.problem}") from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise ConfigError(f"{self.path}:{line}: not YAML: {error.reason}") from None
        except RecursionError:
            raise ConfigError(f"{self.path}:1: not YAML that nests so deeply") from None

    def complain(self, node: yaml.Node | None, text: str) -> None:
        """Note a problem at the node's line."""
        self.complain_at(node.start_mark.line + 1 if node else 1, text)

    def complain_at(self, line: int, text: str) -> None:
        """Note a problem at a line."""
        self.problems.append((line, text))

    def done(self) -> None:
        """Raise what was noted, in the order of lines."""
        if self.problems:
            lines = (f"{self.path}:{line}: {text}" for line, text in sorted(self.problems))
            raise ConfigError("\n".join(lines))

    def sections(
        self, key: str, others: Iterable[str], keys: Iterable[str]
    ) -> dict[str, yaml.Node]:
        """What stands under the keys of a file, of which `key` is the one that it must have;
        `others` are those of other kinds of files.
        """
        if self.root is None:
            self.complain(None, f"the file is empty; it begins with '{key}:'")
            return {}
        if isinstance(self.root, yaml.MappingNode):
            found = {str(name.value) for name, _ in self.root.value}
            for other in found.intersection(others) - {key}:
                self.complain(self.root, f"this is a file of {other}, not of {key}; swapped?")
                return {}
        return self.mapping(self.root, "the file", keys, [key])

    def mapping(
        self, node: yaml.Node | None, what: str, keys: Iterable[str], required: Iterable[str]
    ) -> dict[str, yaml.Node]:
        """The values of a mapping by key; unknown, missing and repeated keys are complained of."""
        keys = tuple(keys)
        if not isinstance(node, yaml.MappingNode):
            self.complain(node, f"{what} must be a mapping with {_choices(keys)}")
            return {}
        values: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name not in keys:
                self.complain(key, f"unknown key {name!r} in {what}{_hint(name, keys)}")
            elif name in values:
                self.complain(key, f"key {name!r} stands twice in {what}")
            else:
                values[name] = value
        for name in required:
            if name not in values:
                self.complain(node, f"{what} lacks {name!r}")
        return values

    def sequence(self, node: yaml.Node | None, what: str) -> Iterator[yaml.Node]:
        """The items of a list."""
        if isinstance(node, yaml.SequenceNode):
            yield from node.value
        elif node is not None:
            self.complain(node, f"{what} must be a list")

    def text(self, node: yaml.Node | None, what: str) -> str | None:
        """A scalar's text without outer white space; None where there is none."""
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode):
            self.complain(node, f"{what} must be plain text")
            return None
        value = " ".join(node.value.split())
        if not value:
            self.complain(node, f"{what} is empty")
        return value or None

    def prose(self, node: yaml.Node | None, what: str) -> str | None:
        """A scalar's text with its line ends; None where there is none."""
        if self.text(node, what) is None or not isinstance(node, yaml.ScalarNode):
            return None
        return str(node.value).strip()

    def hint(self, name: str, names: Iterable[str]) -> str:
        """The name that may have been meant."""
        close = difflib.get_close_matches(name, tuple(names), n=1)
        return f"; did you mean {close[0]!r}?" if close else ""

    def parsed(
        self, node: yaml.Node | None, what: str, parse: Callable[[str], object]
    ) -> object | None:
        """A scalar as `parse` reads it; the text of its ValueError becomes the complaint."""
        value = self.text(node, what)
        if value is None:
            return None
        try:
            return parse(value)
        except ValueError as error:
            self.complain(node, f"{what}: {error}")
            return None


def load_list(
    path: str | Path,
    key: str,
    keys: Iterable[str],
    read: Callable[[Document, yaml.Node], T | None],
    name: Callable[[T], str],
    besides: Mapping[str, Callable[[Document, dict[str, yaml.Node]], None]] = MappingProxyType({}),
) -> tuple[T, ...]:
    """The items of a file that lists them under one key, in its order; each name stands once.

    `keys` are those of all kinds of files, the word of an item is its key without the last letter,
    and `read` makes an item of a node: None, where it complained. Keys that may stand `besides`
    are read from the values of the file.

    Raises:
        ConfigError: naming file and line of every problem.
    """
    document, item = Document(path), key[:-1]
    values = document.sections(key, keys, [key, *besides])
    for look in besides.values():
        look(document, values)
    listed = values.get(key)
    found: list[T] = []
    seen: dict[str, int] = {}
    for node in document.sequence(listed, f"'{key}'"):
        one = read(document, node)
        if one is None:
            continue
        if (called := name(one)) in seen:
            document.complain(node, f"{item} {called} stands already in line {seen[called]}")
        seen.setdefault(called, node.start_mark.line + 1)
        found.append(one)
    if not found and not document.problems:
        document.complain(listed, f"'{key}' lists no {item}")
    document.done()
    return tuple(found)


def _choices(keys: tuple[str, ...]) -> str:
    return ", ".join(keys)


def _hint(name: str, keys: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, keys, n=1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    return f"{meant} (valid: {_choices(keys)})"
