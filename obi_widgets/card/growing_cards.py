"""Cards of a market that goes on: what is kept, and how it grows.

A cycle is computed once, when it is finished, from what is kept of those before it. Kept are a few
numbers a cycle, and neither states nor signals. As windows, places and bands are sums of whole
numbers, counts and values themselves, cards that were appended to are those of the whole record, to
the bit.

What was said of a card's confidence is kept too. A fit is made with the cards that are kept, so it
uses the past that is there throughout its hour, whoever looks and when: what is kept, less an hour.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.confidence import REFIT, WINDOW
from obi_widgets.card.cards import Cards
from obi_widgets.card.confidence import Said
from obi_widgets.card.outcomes import learned_weights
from obi_widgets.card.rows import STALE_SECONDS
from obi_widgets.history.given import as_history
from obi_widgets.history.growing import Growing
from obi_widgets.signals.cycle_windows import agreement, combined, weighed, window_means
from obi_widgets.signals.cycles import CYCLE, CYCLE_SECONDS, Cycles, CycleSums, cycles_in
from obi_widgets.trading.own_past import DAY, bands, share_below

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from obi_widgets.card.plan import Plan
    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

KEEP = cycles_in(25 * 3_600)
"""Cycles that a live market keeps: the last day, which bands are taken over, and an hour."""

HOUR = cycles_in(REFIT)

WINDOWS = 3

OF_BOOK = ("ticks", "spread_bps", "mid", "age")
RESULTS = ("direction", "agreement", "direction_band", "strength", "quality", "price_bps")


class GrowingCards:
    """The cards of a market, appended to while it goes on.

    Parameters
    ----------
    plan : Plan
        What they are made of.
    keep : int, optional
        How many cycles are kept; None for all.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> from obi_widgets.card.growing_cards import GrowingCards
    >>> from obi_widgets.card.plan import Plan
    >>> history = obi.simulate(seconds=90, seed=1)
    >>> growing = GrowingCards(Plan.of("scalp"))
    >>> growing.append(history[:400]), growing.append(history)
    (3, 5)
    """

    def __init__(self, plan: Plan, keep: int | None = KEEP) -> None:
        self.plan = plan
        self._keep = keep
        count = len(plan.names)
        self._sums = CycleSums(count + 2)
        self._next: int | None = None  # number of the next state; None for whatever comes
        self._begun = 0
        self._newest = 0  # number of the cycle after the newest
        self._means = Growing(count, float)
        self._weighed = Growing(2 * count, np.int64)  # values times live time; live time
        self._of_book = Growing(len(OF_BOOK), float)
        self._parts = Growing(count * WINDOWS, float)
        self._windows = Growing(3 * WINDOWS, float)  # live, values, bands
        self._weights = Growing(count * WINDOWS, float)
        self._results = Growing(len(RESULTS), float)
        self._said = Said() if keep is None else Said(learned_seconds(keep))

    @property
    def _stores(self) -> tuple[Growing, ...]:
        return (
            self._means, self._weighed, self._of_book, self._parts, self._weights, self._windows,
            self._results,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self._results)

    def append(self, history: History) -> int:
        """Add the states of a history that came since the last call.

        Parameters
        ----------
        history : History
            The same market's history each time, grown; or after `seed`, one that comes later.

        Returns
        -------
        int
            How many cycles they add: those that they finish, but of a long time without states only
            the last ones, which what is kept depends on.
        """
        history = as_history(history)
        first = 0 if self._next is None else self._next - history.start
        if first < 0:  # states were dropped before they came here
            self._sums.lose()
            first = 0
        if self._sums.newest is not None and self._next is None:
            first = int(np.searchsorted(history.time, self._sums.newest, "right"))
        if first >= len(history):
            return 0
        self._next = history.start + len(history)
        time, values = self._read(history, first)
        added = 0
        for part in self._parts_of(time):
            cycles = self._sums.append(time[part], values[:, part], self._most)
            added += self._grow(cycles, history.tick_size)
        return added

    @property
    def _most(self) -> int | None:
        """Cycles of a time without states that are made at most; None for all.

        What is kept depends on so many cycles, whatever was before.
        """
        if self._keep is None:
            return None
        # A band is of a day of windows, and those may be of places in the day before each.
        return self._keep + 2 * DAY + cycles_in(max(self.plan.mode.windows))

    def _parts_of(self, time: Ints) -> list[slice]:
        """Return the states in parts of a bounded number of cycles, gaps between parts aside."""
        if self._most is None:
            return [slice(None)]
        cuts = np.flatnonzero(np.diff(time // CYCLE // self._most)) + 1
        return [slice(*ends) for ends in pairwise([0, *cuts.tolist(), len(time)])]

    def seed(self, history: History) -> int:
        """Add a history after which another one comes, such as a recording before a live market.

        Between the two is a gap: what the first one ended with does not hold until the next begins.

        Returns
        -------
        int
            How many cycles it adds, see `append`.
        """
        self._next = None
        found = self.append(history)
        self._sums.lose()
        self._next = None
        return found

    def cards(self) -> Cards:
        """Return the cards that are kept; later appending does not change them."""
        count, rows = len(self.plan.names), len(self)
        _, spread_bps, mid, age = _frozen(self._of_book)
        live, values, bands_of = _frozen(self._windows).reshape(3, WINDOWS, rows)
        weighed_live = _frozen(self._weighed)[count:]
        return Cards(
            mode=self.plan.mode,
            signals=self.plan.names,
            begun=self._begun,
            time=(self._newest + 1 - rows + np.arange(rows)) * CYCLE,
            mid=mid,
            age=age,
            spread_bps=spread_bps,
            parts=_frozen(self._parts).reshape(count, WINDOWS, rows),
            weights=_frozen(self._weights).reshape(count, WINDOWS, rows),
            by_accuracy=self.plan.by_accuracy,
            values=values,
            live=live,
            bands=bands_of,
            cycle_live=weighed_live.min(axis=0),
            _said=self._said,
            _first=self._results.start,
            **dict(zip(RESULTS, _frozen(self._results), strict=True)),
        )

    def _read(self, history: History, first: int) -> tuple[Ints, Floats]:
        """Return times of states from one on, and signals, spread in ticks and mid of each."""
        part = history[first:]
        values = np.empty((len(self.plan.names) + 2, len(part)))
        for row, one in enumerate(self.plan.parameters):
            values[row] = one.signal.compute(history, dict(one.values), first)
        values[-2] = np.rint(part.spread / part.tick_size)
        values[-1] = part.mid
        return part.time, values

    def _grow(self, cycles: Cycles, tick_size: float) -> int:
        new = len(cycles.age)
        if not new:
            return 0
        if not self._begun:
            self._begun = cycles.first * CYCLE
        if self._most is not None and len(self) and cycles.first > self._newest:
            self._skip(cycles.first - self._newest)
        self._newest = cycles.first + new
        self._add_cycles(cycles, new, tick_size)
        self._add_windows(new)
        self._add_results(new)
        for store in self._stores:
            store.grow(new)
        if self._keep is not None and len(self) > self._keep:
            self._say()
            for store in self._stores:
                store.drop(len(store) - self._keep)
        return new

    def _skip(self, count: int) -> None:
        """Forget all cards: so many cycles are left out before the next one."""
        for store in self._stores:
            store.drop(len(store))
            store.start += count

    def _say(self) -> None:
        """Say what is not said of the hours before this one, while all is there to learn from."""
        in_hour = self._newest % HOUR  # the newest card is that of the end of its cycle
        if self._said.until < self._results.start + len(self) - 1 - in_hour:
            self.cards().last  # noqa: B018 - it says, and what is said is kept

    def _add_cycles(self, cycles: Cycles, new: int, tick_size: float) -> None:
        count = len(self.plan.names)
        means = _with_room(self._means, new)
        means[:, -new:] = cycles.means[:count]
        sums = _with_room(self._weighed, new)
        for row, scale in enumerate(self.plan.scales):
            if scale is None:
                place = np.sign(means[row, -new:]) * share_below(np.abs(means[row]), new)
            else:
                place = means[row, -new:] / scale
            sums[[row, count + row], -new:] = weighed(place, cycles.live[row])
        of_book = _with_room(self._of_book, new)
        ticks, mid = cycles.means[count:]
        lost = np.isnan(cycles.last[-1])
        of_book[:, -new:] = (
            ticks,
            1e4 * ticks * tick_size / mid,
            cycles.last[-1],
            np.where(lost, np.nan, cycles.age / 1e9),
        )

    def _add_windows(self, new: int) -> None:
        terms, live = np.split(_with_room(self._weighed, new), 2)
        parts, windows = _with_room(self._parts, new), _with_room(self._windows, new)
        for which, seconds in enumerate(self.plan.mode.windows):
            found, shares = window_means(terms, live, cycles_in(seconds), new)
            parts[which::WINDOWS, -new:] = found
            windows[which, -new:] = shares.min(axis=0)
        weights = self._weigh(parts, live, new)
        for which in range(WINDOWS):
            of_signals: Sequence[float] | Floats = self.plan.weights
            if self.plan.by_accuracy and len(self.plan.names) > 1:
                of_signals = weights[which::WINDOWS]
            found = parts[which::WINDOWS, -new:]
            windows[WINDOWS + which, -new:] = combined(found, of_signals)
            windows[2 * WINDOWS + which, -new:] = bands(windows[WINDOWS + which], new)

    def _weigh(self, parts: Floats, live: Ints, new: int) -> Floats:
        """Return the weights of the parts of new cycles, shape (3 S, new), and write them."""
        weights = _with_room(self._weights, new)
        if self.plan.by_accuracy:
            rows = parts.shape[1]
            mid = _with_room(self._of_book, new)[OF_BOOK.index("mid")]
            found = learned_weights(
                (self._newest + 1 - rows + np.arange(rows)) * CYCLE,
                mid,
                (live.min(axis=0) < CYCLE) | np.isnan(mid),
                parts,
                horizon=self.plan.mode.horizon,
                before=weights[:, :-new],
            )
            weights[:, -new:] = found[:, -new:]
        else:
            of_signals = np.repeat(self.plan.weights, WINDOWS)
            weights[:, -new:] = (of_signals / of_signals.sum())[:, None]
        return weights[:, -new:]

    def _add_results(self, new: int) -> None:
        live, values, _ = np.split(_with_room(self._windows, new)[:, -new:], 3)
        of_book, results = _with_room(self._of_book, new), _with_room(self._results, new)
        ticks, _, mid, age = of_book
        of_windows: Sequence[float] | Floats = (1.0,) * WINDOWS
        if self.plan.by_accuracy:
            of_parts = _with_room(self._weights, new)[:, -new:]
            of_windows = of_parts.reshape(-1, WINDOWS, new).sum(axis=0)
        results[0, -new:] = combined(values, of_windows)
        results[1, -new:] = agreement(values, of_windows)
        results[2, -new:] = bands(results[0], new)
        results[3, -new:] = share_below(np.abs(results[0]), new)
        freshness = np.maximum(1.0 - age[-new:] / STALE_SECONDS, 0.0)
        spread_rank = 1.0 - share_below(ticks, new)
        results[4, -new:] = live.min(axis=0) * freshness * spread_rank
        back = cycles_in(self.plan.mode.windows[1])
        before = np.full(new + back, np.nan)
        some = mid[-(new + back) :]
        before[len(before) - len(some) :] = some
        results[5, -new:] = 1e4 * (mid[-new:] / before[:new] - 1.0)


def learned_seconds(keep: int) -> float:
    """Return how many seconds before a fit are kept throughout its hour, of so many cycles."""
    return min(WINDOW, max(keep - HOUR, 1) * CYCLE_SECONDS)


def _with_room(store: Growing, new: int) -> NDArray[Any]:
    """Return what a store has kept, and room for new rows, which can be written to."""
    columns, at = store.room(new)
    return columns[:, at - len(store) : at + new]


def _frozen(store: Growing) -> Floats:
    """Return what a store has kept, as nobody can change it."""
    view: Floats = store.read().view()
    view.flags.writeable = False
    return view
