"""The SQL shell on a terminal: typing, completion, history."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import SqlLexer

from config.models import VERSION
from pipeline.show.completion import suggest
from pipeline.show.session import Session
from pipeline.show.shell import Shell, is_complete
from sinks.ask.relations import Relation, relations

PROMPT, CONTINUED = "sql> ", "...> "
MOST_ROWS = 200
"""Rows of a table in the shell."""


def run_shell(session: Session) -> None:
    """Ask and answer until Ctrl-D or .quit.

    Raises:
        DatabaseError: the database cannot be opened.
    """
    session.most = min(session.most, MOST_ROWS)
    shell = Shell(session, sys.stdout)
    completer = _Completer(relations(session.database, session.lock_timeout), session.folders)
    prompt: PromptSession[str] = PromptSession(
        PROMPT,
        completer=completer,
        complete_while_typing=False,
        history=_history(),
        lexer=PygmentsLexer(SqlLexer),
        multiline=Condition(lambda: not is_complete(get_app().current_buffer.text)),
        prompt_continuation=CONTINUED,
    )
    mode = "everything is allowed, also to write" if session.unsafe else "read-only"
    print(f"newsbeam {VERSION}, {session.database}, {mode}. .help helps, Ctrl-D leaves.")
    going = True
    while going:
        try:
            going = shell.handle(prompt.prompt())
        except KeyboardInterrupt:
            pass  # what was typed is dropped
        except EOFError:
            going = False


class _Completer(Completer):
    def __init__(self, known: Sequence[Relation], folders: Sequence[Path]) -> None:
        self._known = known
        self._folders = folders

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        before, after = document.text_before_cursor, document.text_after_cursor
        for item in suggest(before, after, self._known, self._folders):
            yield Completion(item.text, -item.length, display_meta=item.meaning)


class _History(FileHistory):
    """A history that is lost rather than in the way."""

    def load_history_strings(self) -> Iterable[str]:
        try:
            return list(super().load_history_strings())
        except OSError:
            return []

    def store_string(self, string: str) -> None:
        try:
            super().store_string(string)
        except OSError:
            pass


def _history() -> History:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    path = Path(state) / "newsbeam" / "sql_history"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except (OSError, RuntimeError):
        return InMemoryHistory()
    return _History(path)
