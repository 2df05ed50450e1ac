"""The states of a feed, one after the other, and how often and how long it was interrupted."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from obi_widgets.feeds.health.health import Interruptions, Stretch
from obi_widgets.market_data.events import CURRENT

if TYPE_CHECKING:
    from obi_widgets.feeds.health.health import Phase
    from obi_widgets.market_data.events import State

KEPT = 1000
"""Newest stretches that are kept; interruptions before them are counted."""


class _Begun(NamedTuple):
    """A stretch that goes on until the next one begins; the time is that of the steady clock."""

    phase: Phase
    at: int
    reason: str


class Timeline:
    """Notes the states of a feed. Times are those of the steady clock, ns.

    What follows the loss of a book, such as ``syncing``, is one gap with it until the next book.
    """

    def __init__(self) -> None:
        self._begun: deque[_Begun] = deque(maxlen=KEPT)
        self._since = 0  # when the present state began
        self._state: State | None = None
        self._had_book = False
        self._over: dict[str, Interruptions] = {"gap": Interruptions(), "stale": Interruptions()}

    def turn(self, state: State, reason: str, at: int) -> None:
        """Note a state that may be the same as before; its reason counts when it begins."""
        if state == self._state:
            return
        self._state, self._since = state, at
        phase = self._phase(state)
        before = self._begun[-1] if self._begun else None
        if before is not None and before.phase == phase:
            return
        if before is not None and before.phase in self._over:
            self._over[before.phase] = _with(self._over[before.phase], _stretch(before, at, 0))
        self._begun.append(_Begun(phase, max(at, before.at if before else at), reason))

    def turned(self, state: State, reason: str, at: int) -> Timeline:
        """Return another timeline that has also noted this."""
        other = Timeline()
        other._begun = self._begun.copy()  # at once: another thread may add one
        other._since, other._state, other._had_book = self._since, self._state, self._had_book
        other._over = dict(self._over)
        other.turn(state, reason, at)
        return other

    def _phase(self, state: State) -> Phase:
        if state in CURRENT:
            self._had_book = True
        if state == "connecting" or state == "syncing" or state == "gap":
            return "gap" if self._had_book else "starting"
        return state

    def since(self, shift: int) -> int:
        """Return when the present state began; ``shift`` as in `stretches`."""
        return self._since - shift if self._state is not None else 0

    def stretches(self, now: int, shift: int) -> tuple[Stretch, ...]:
        """Return the stretches until now.

        Parameters
        ----------
        now : int
            The steady time, ns.
        shift : int
            Steady time minus wall-clock time, ns: the result has times of the wall clock.
        """
        begun = self._begun.copy()  # at once: another thread may add one
        ends = [one.at for one in begun][1:] + [max(now, one.at) for one in [*begun][-1:]]
        return tuple(_stretch(one, end, shift) for one, end in zip(begun, ends, strict=True))

    def interruptions(self, phase: Phase, now: int, shift: int) -> Interruptions:
        """Return how often and how long the feed was in a phase, the present one included."""
        over, last = self._over[phase], self._begun[-1] if self._begun else None
        if last is not None and last.phase == phase:
            return _with(over, _stretch(last, max(now, last.at), shift))
        if over.last is None:
            return over
        begin, end = over.last.begin - shift, over.last.end - shift
        return replace(over, last=over.last._replace(begin=begin, end=end))


def _stretch(one: _Begun, end: int, shift: int) -> Stretch:
    return Stretch(one.phase, one.at - shift, end - shift, one.reason)


def _with(before: Interruptions, stretch: Stretch) -> Interruptions:
    seconds = stretch.seconds
    return Interruptions(
        before.count + 1, before.seconds + seconds, max(before.longest, seconds), stretch
    )
