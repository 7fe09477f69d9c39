"""How fast a host may be asked, learnt from how it answers. No clock, no I/O; times in seconds."""

from __future__ import annotations

WEIGHT = 0.2
"""Of the newest answer in the moving mean."""
TIMES_THE_ANSWER = 2.0
"""A host that takes so long to answer gets so many times that to rest between two requests …"""
LONGEST_ADAPTED = 10.0
FIRST_SLOWED, LONGEST_SLOWED = 2.0, 60.0
"""… and one that says it is busy (429, 503) gets this, doubled each time, halved by each good
answer."""
BUSY = frozenset({429, 503})
SLOW = 2.0
"""A host whose mean answer takes longer is not asked for what can be done without."""
FAILURES_TO_REST = 5
REST = 600.0
"""A host that failed so often in a row is left alone for so long."""
LONGEST_REST = 86_400.0
"""A host that asks for more (Retry-After) speaks for the page that was asked for."""


class Pace:
    """The pause between the starts of two requests to one host, and whether it is left alone.

    Without a least pause nothing is learnt: only what robots.txt asks for is kept.
    """

    def __init__(self, least: float) -> None:
        self.least = least
        self.asked_for = 0.0
        self.failures = 0
        self._mean = self._slowed = self._rests_until = 0.0

    @property
    def delay(self) -> float:
        """The pause."""
        if not self.least:
            return self.asked_for
        adapted = min(self._mean * TIMES_THE_ANSWER, LONGEST_ADAPTED)
        return max(self.least, self.asked_for, adapted, self._slowed)

    @property
    def strained(self) -> bool:
        """Whether it is slow, has lately said that it is busy, or failed the last time."""
        return self._mean > SLOW or self._slowed > 0 or self.failures > 0

    def ask_for(self, delay: float) -> None:
        """robots.txt wants so long a pause."""
        self.asked_for = max(self.asked_for, delay)

    def answered(self, took: float, status: int) -> None:
        """An answer came."""
        self._mean = took if not self._mean else (1 - WEIGHT) * self._mean + WEIGHT * took
        if status in BUSY:
            self._slowed = min(max(2 * self._slowed, FIRST_SLOWED), LONGEST_SLOWED)
        else:
            self._slowed = self._slowed / 2 if self._slowed > self.least else 0.0

    def ended(self, well: bool, now: float) -> bool:
        """A request came to its end, retries included; whether the host is left alone for that."""
        self.failures = 0 if well else self.failures + 1
        if self.failures < FAILURES_TO_REST:
            return False
        self.rest(REST, now)
        return True

    def rest(self, seconds: float, now: float) -> None:
        """It is left alone for so long."""
        self._rests_until = max(self._rests_until, now + min(seconds, LONGEST_REST))

    def rests(self, now: float) -> float:
        """For how long it is left alone; 0 where it is not."""
        return max(0.0, self._rests_until - now)
