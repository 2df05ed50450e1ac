"""A record: histories of one market that follow each other, loaded one by one.

What is computed with them is put together as if they were joined by `History.concat`, with a gap
between each two. The joined history itself is never made. Of post-only orders, both bounds of
the queue are summed over all of them before the worse one is taken.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from obi_widgets.calibration.part_by_part import Part, each
from obi_widgets.errors import HistoryError
from obi_widgets.history.packing import in_order
from obi_widgets.history.provenance import joined
from obi_widgets.trading.post_only import after_a_trade, has_trades

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from obi_widgets.calibration.part_by_part import How
    from obi_widgets.calibration.workers import Where
    from obi_widgets.history.columns import History
    from obi_widgets.history.loaders import Loader
    from obi_widgets.history.provenance import Provenance
    from obi_widgets.market_data.events import Instrument
    from obi_widgets.signals.signal import Signal

Found = TypeVar("Found")


@dataclass(frozen=True)
class Span:
    """A history of a record, without its columns.

    Attributes
    ----------
    time : ndarray of int64, shape (2,)
        Times of its first and of its last state, ns UTC.
    elapsed : int
        Length without gaps, ns.
    states, gaps : int
        Number of states, and of gaps.
    lost : tuple of bool
        Whether the book was lost in the first state, and in the last one.
    levels, instrument, interval
        As those of the history.
    traded : bool
        Whether a trade was seen.
    origin : Provenance or None
        Its provenance; None if nobody wants to know.
    """

    time: NDArray[np.int64]
    elapsed: int
    states: int
    gaps: int
    lost: tuple[bool, bool]
    levels: int
    instrument: Instrument
    interval: float
    traded: bool
    origin: Provenance | None = None

    def __len__(self) -> int:
        return self.states

    @classmethod
    def of(cls, history: History, *, hashed: bool = True) -> Span:
        """Return the span of a history."""
        lost = [bool(one) for one in history.lost[[0, -1]]] if len(history) else [False] * 2
        return cls(
            history.time[[0, -1]] if len(history) else history.time,
            int(history.elapsed[-1]) if len(history) else 0,
            len(history),
            history.gaps,
            (lost[0], lost[1]),
            history.levels,
            history.instrument,
            history.interval,
            has_trades(history),
            history.provenance if hashed else None,
        )


def _span(history: History, _: How, *, hashed: bool) -> Span:
    return Span.of(history, hashed=hashed)


def _after_a_trade(history: History, how: How, *, compute: Callable[..., Found]) -> Found:
    return compute(after_a_trade(history), how)


def _last_before(history: History, _: How, *, until: int) -> int:
    row = int(np.searchsorted(history.elapsed, until))
    return int(history.elapsed[max(row - 1, 0)])


@dataclass(frozen=True)
class Record:
    """Histories of one market in order of time, one record with a gap between each two.

    Attributes
    ----------
    loaders : list of Loader
        Of the histories that have states.
    spans : list of Span
        Their spans.
    executor : Executor, Client or int, optional
        Who computes with them.
    """

    loaders: list[Loader]
    spans: list[Span]
    executor: Where | None = None

    @classmethod
    def of(
        cls, loaders: Sequence[Loader], executor: Where | None = None, *, hashed: bool = True
    ) -> Record:
        """Return the record of some histories; look at each of them once.

        Raises
        ------
        HistoryError
            If they are not of one market, overlap, or keep different numbers of levels.
        """
        parts = [Part(one, partial(_span, hashed=hashed)) for one in loaders]
        here = all(one.states is not None for one in loaders)  # they are in memory
        found = dict(each(parts, None if here else executor))
        if len(loaders) == 1 and here and not found[0].states:
            return cls([], [], executor)
        spans = in_order([*found.values()])
        at = {id(span): number for number, span in found.items()}
        return cls([loaders[at[id(span)]] for span in spans], spans, executor)

    @property
    def begins(self) -> list[int]:
        """The time without gaps at which each history begins, ns, and that of the record's end."""
        # The gap between two is a state of its own, 1 ns after the last one before it. Where the
        # book was lost already, no time passes.
        lengths = [span.elapsed + (not span.lost[1]) for span in self.spans]
        return [0, *accumulate(lengths)]

    @property
    def elapsed(self) -> int:
        """Its length without gaps, ns."""
        return self.begins[-2] + self.spans[-1].elapsed if self.spans else 0

    @property
    def interval(self) -> float:
        """Seconds between the states of the coarsest history."""
        return max((span.interval for span in self.spans), default=0.0)

    @property
    def origin(self) -> Provenance | None:
        """Where its states come from; None without states."""
        known = [span.origin for span in self.spans if span.origin is not None]
        between = sum(
            not (before.lost[1] or after.lost[0]) for before, after in pairwise(self.spans)
        )
        doubled = sum(before.lost[1] and after.lost[0] for before, after in pairwise(self.spans))
        return joined(known, sum(span.gaps for span in self.spans) + between - doubled)

    def last_before(self, until: int) -> int:
        """Return the time of the last state before a time, both nanoseconds without gaps."""
        number = max(bisect_left(self.begins, until) - 1, 0)
        begin = self.begins[number]
        part = Part(self.loaders[number], partial(_last_before, until=until - begin))
        ((_, last),) = each([part], self.executor, quiet=True)
        return begin + last

    def each(
        self, compute: Sequence[Callable[..., Found] | None], signal: Signal
    ) -> Iterator[tuple[int, Found]]:
        """Yield what is computed with each history, and its number; None skips one."""
        wanted = [number for number, one in enumerate(compute) if one is not None]
        # A history without a trade is a quiet one, where others have some.
        traded = any(span.traded for span in self.spans)
        parts = [
            Part(self.loaders[n], partial(_after_a_trade, compute=one) if traded else one)
            for n, one in enumerate(compute)
            if one is not None
        ]
        came = 0
        for number, found in each(parts, self.executor, signal=signal, quiet=True):
            came += 1
            yield wanted[number], found
        if came < len(parts):
            raise HistoryError(
                "A day that had a book has none any more.", "Keep the files while it runs."
            )
