"""Hosts that are left alone for a while: by whom it is known, and for how long."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime

from transforms.records import LONGEST_ERROR, HostRest


class HostBook:
    """The rests of hosts: those that the database knew, and those that were found since."""

    def __init__(self, known: Iterable[HostRest] = ()) -> None:
        self._rests: dict[str, HostRest] = {}
        self._found: deque[HostRest] = deque()
        self.learn(known)

    def learn(self, rests: Iterable[HostRest]) -> None:
        """Take over what others know; of two rests of a host the longer one holds."""
        for rest in rests:
            known = self._rests.get(rest.host)
            if known is None or known.resting_until < rest.resting_until:
                self._rests[rest.host] = rest

    def rest(self, host: str, now: datetime) -> HostRest | None:
        """The rest that a host takes now."""
        rest = self._rests.get(host)
        return rest if rest and rest.resting_until > now else None

    def keep(self, rest: HostRest) -> None:
        """Note a rest that begins."""
        self.learn([rest])
        self._found.append(rest)

    def forget(self, now: datetime) -> None:
        """Drop the rests that are over."""
        self._rests = {host: rest for host, rest in self._rests.items() if rest.resting_until > now}

    def take(self) -> Iterator[HostRest]:
        """What was found since the last call; another thread may go on noting."""
        while self._found:
            yield self._found.popleft()


def refused_rest(rest: HostRest, reason: str) -> HostRest:
    """In the place of one whose row does not fit: the host is asked again."""
    return rest._replace(resting_until=rest.noted_at, failures=0, last_error=reason[:LONGEST_ERROR])
