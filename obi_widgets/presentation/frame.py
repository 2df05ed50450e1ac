"""What a screen shows at one moment, in numbers: no widget, no text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.history.levels import prices_of
from obi_widgets.presentation.analysis import SIGNAL_SETTINGS
from obi_widgets.presentation.downsampling import (
    MEAN,
    Axis,
    Columns,
    Mid,
    Window,
    extent,
    means,
    steps,
)
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals import imbalance, weights
from obi_widgets.signals.coverage import Shortfall, inferred

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.market_data.events import Instrument, State
    from obi_widgets.presentation.analysis import Analysis
    from obi_widgets.presentation.time_range import TimeRange
    from obi_widgets.trading.entries import Results, Trades

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LADDER = 20
"""Levels a side that a ladder shows."""

SIDES = np.array([[+1], [-1]])
"""Bids, asks."""

PROBE = 100
"""States that the effect of decay is judged on."""

LOOKED_AT = 36_000
"""Of the states that are shown, the newest that are looked at for levels that are not known."""

DECAYS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
"""Where the greatest effect of decay is looked for: it may be at neither end."""


@dataclass(frozen=True)
class Ladder:
    """The best levels at one state; each array is of shape (2, n), bids first, best first.

    ``price`` in quote currency and ``size`` in base units are NaN where there is no level;
    ``weight`` is what decay leaves of a size, 0..1, and 0 beyond the depth or the band.
    """

    price: Floats
    size: Floats
    weight: Floats

    @classmethod
    def of(cls, history: History, parameters: Parameters) -> Ladder:
        """Return the levels of the newest state."""
        shape = (2, min(LADDER, history.levels))
        newest = history[-1:] if len(history) else history
        if not len(newest) or np.isnan(newest.mid[0]):
            nothing = np.full(shape, np.nan)
            return cls(nothing, nothing, np.zeros(shape))
        ((_, block),) = newest.chunks()
        ticks, sizes = block.ticks[:, : shape[1], 0], block.sizes[:, : shape[1], 0]
        best = np.array([newest.bid, newest.ask])
        price = prices_of(ticks, best, SIDES, history.tick_size)
        there = sizes > 0
        return cls(
            np.where(there, price, np.nan),
            np.where(there, sizes, np.nan).astype(float),
            weights(newest, parameters.decay, parameters.depth, parameters.band_bps)[
                :, : shape[1], 0
            ],
        )


@dataclass(frozen=True)
class Reach:
    """How far the levels in use reach at the newest state, and what decay does to them.

    Attributes
    ----------
    levels : int
        Levels in use, of the side that has fewer; 0 without a book.
    bps : float
        Distance of the deepest from mid.
    weight : float
        What decay leaves of it.
    effect : float
        Mean change of the imbalance that this decay makes, against no decay, lately.
    most : float
        Greatest change that any of many decays could have made, lately.
    shortfall : Shortfall or None
        That the settings reach beyond the levels that are kept, where they do, in what is shown.
    inferred : float
        Of the states that are shown, how many have a signal that rests on levels beyond what was
        known of the book, 0..1.
    """

    levels: int
    bps: float
    weight: float
    effect: float
    most: float
    shortfall: Shortfall | None = None
    inferred: float = 0.0

    @classmethod
    def of(
        cls, history: History, parameters: Parameters, shown: slice = slice(-PROBE, None)
    ) -> Reach:
        """Judge the newest states, and the rows that are shown."""
        newest = history[-1:] if len(history) else history
        if not len(newest) or np.isnan(newest.mid[0]):
            return cls(0, np.nan, np.nan, np.nan, np.nan)
        weight = weights(newest, parameters.decay, parameters.depth, parameters.band_bps)[:, :, 0]
        used = weight > 0
        price = np.stack([newest.prices(side)[0] for side in (+1, -1)])
        distance = np.where(used, np.abs(price - newest.mid[0]) / newest.mid[0] * 1e4, 0.0)
        lately = history[-PROBE:]
        without, with_decay, *others = (
            imbalance(lately, parameters.replace(decay=decay))
            for decay in (0.0, parameters.decay, *DECAYS)
        )
        changes = np.abs(np.array([with_decay, *others]) - without)
        return cls(
            int(used.sum(axis=1).min()),
            float(distance.max()),
            float(weight[used].min(initial=1.0)),
            float(np.nanmean(changes[0])) if np.any(~np.isnan(without)) else 0.0,
            float(np.nanmax(changes, initial=0.0)),
            Shortfall.of(history[shown], parameters.levels_used),
            float(np.mean(inferred(history[shown], parameters))) if len(history[shown]) else 0.0,
        )


@dataclass(frozen=True)
class Frame:
    """Everything that is shown, at one moment.

    Times are nanoseconds UTC. ``price`` is a step line of mid (times, values); ``mean`` the
    imbalance's one-second mean; ``extent`` its least and greatest in each column of pixels
    (times, least, greatest). ``age`` is in seconds of the feed's clock since the newest change of
    the book; NaN before the first, and when the feed has ended. ``lag`` is how late the newest
    change came, see `obi_widgets.feeds.clocks.Lag`, and ``late`` how long it was on its way by this
    computer's clock; seconds, NaN when unknown. ``rate`` is in messages a second, NaN when unknown.
    ``replay`` tells that the data are a recording's. ``old`` tells that the numbers are not of
    now, because data come late. ``told`` counts notes, so that one can be told twice.
    ``looking_back`` tells that the window does not go with the newest state. ``history`` is what
    all of this is of, and ``selected`` the part of it that calibration looks at, None for all.
    """

    instrument: Instrument
    state: State
    replay: bool
    detail: str
    advice: str
    paused: bool
    note: str
    told: int
    parameters: Parameters
    tick_size: float
    mid: float
    spread: float
    imbalance: float
    age: float
    lag: float
    late: float
    rate: float
    states: int
    seconds: float
    window: Window
    window_seconds: float
    looking_back: bool
    price: tuple[Ints, Floats]
    price_range: tuple[float, float]
    mean: tuple[Ints, Floats]
    extent: tuple[Ints, Floats, Floats]
    trades: Trades
    results: Results
    beyond: float
    ladder: Ladder
    reach: Reach
    history: History
    selected: Span | None = None

    @property
    def old(self) -> bool:
        """Whether there are numbers of a book that comes late."""
        return self.state == "stale" and not np.isnan(self.mid)

    @property
    def spread_bps(self) -> float:
        """The spread against mid, bps."""
        return 1e4 * self.spread / self.mid


class FrameMaker:
    """Makes frames of an analysis; keeps what has to be steady from one to the next."""

    def __init__(self) -> None:
        self._axis: Axis | None = None
        self._axis_for: tuple[float, float] = (0.0, 0.0)
        self._reach: Reach | None = None
        self._reach_for: object = None
        self._price, self._extent, self._mean = Columns(), Columns(), Columns()
        self._columns_for: tuple[object, ...] = ()

    def make(
        self,
        analysis: Analysis,
        *,
        instrument: Instrument,
        state: State,
        has_book: bool,
        detail: str,
        advice: str,
        note: str,
        paused: bool,
        age: float,
        rate: float,
        time_range: TimeRange,
        selected: Span | None = None,
        told: int = 0,
        lag: float = np.nan,
        late: float = np.nan,
        replay: bool = False,
    ) -> Frame:
        """Return the frame of this moment; ``has_book`` as in `obi_widgets.feeds.market.Market`."""
        history, signal = analysis.history, analysis.signal
        oldest, newest = history.time[[0, -1]].tolist() if len(history) else (0, 0)
        window_seconds = time_range.seconds
        window = Window.ending(time_range.right_edge(oldest, newest), window_seconds)
        self._follow(analysis)
        time, start = history.time, history.start
        price = steps(time, Mid(history), window, self._price, start)
        # Where a column is a second or longer, its mean is of the same rows as its range.
        mean = self._extent if window.column >= MEAN else self._mean
        shown = has_book or state == "closed" or paused
        there = len(history) > 0 and shown
        return Frame(
            instrument=instrument,
            state=state,
            replay=replay,
            detail=detail,
            advice=advice,
            paused=paused,
            note=note,
            told=told,
            parameters=analysis.parameters,
            tick_size=history.tick_size,
            mid=float(history.bid[-1] + history.ask[-1]) / 2 if there else np.nan,
            spread=float(history.ask[-1] - history.bid[-1]) if there else np.nan,
            imbalance=float(signal[-1]) if there else np.nan,
            age=age,
            lag=lag,
            late=late,
            rate=rate,
            states=len(history),
            seconds=(newest - oldest) / 1e9,
            window=window,
            window_seconds=window_seconds,
            price=price,
            price_range=self._range(price[1], history, window_seconds),
            looking_back=time_range.end is not None,
            extent=extent(time, signal, window, self._extent, start),
            mean=means(time, signal, window, mean, start),
            trades=analysis.trades,
            results=analysis.results,
            beyond=analysis.beyond,
            ladder=Ladder.of(history if there else history[:0], analysis.parameters),
            reach=self._judge(history if there else history[:0], analysis.parameters, window),
            history=history,
            selected=selected,
        )

    def _follow(self, analysis: Analysis) -> None:
        """Forget what columns came to of another history, or of another signal."""
        signal_for = tuple(getattr(analysis.parameters, name) for name in SIGNAL_SETTINGS)
        what = (analysis, signal_for)
        if self._columns_for != what:
            if self._columns_for[:1] != what[:1]:
                self._price.forget()
            self._extent.forget()
            self._mean.forget()
            self._columns_for = what

    def _judge(self, history: History, parameters: Parameters, window: Window) -> Reach:
        """Return what decay does; anew a second, since figures that flicker cannot be read."""
        second = int(history.time[-1]) // 1_000_000_000 if len(history) else 0
        what = (parameters, second, window.end - window.start, history.strict)
        if self._reach is None or self._reach_for != what:
            first, last = np.searchsorted(history.time, window[:2]).tolist()
            shown = slice(max(first, last - LOOKED_AT), last)
            self._reach, self._reach_for = Reach.of(history, parameters, shown), what
        return self._reach

    def _range(
        self, values: Floats, history: History, window_seconds: float
    ) -> tuple[float, float]:
        what = (history.tick_size, window_seconds)
        if self._axis is None or self._axis_for != what:
            self._axis = Axis(least=12 * history.tick_size)
            self._axis_for = what
        return self._axis.follow(values)
