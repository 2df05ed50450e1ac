"""What a screen shows at one moment, in numbers: no widget, no text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.history.levels import prices_of
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
from obi_widgets.signals.coverage import Shortfall, inferred
from obi_widgets.signals.insight import LevelsInUse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.market_data.events import Instrument, State
    from obi_widgets.presentation.analysis import Analysis
    from obi_widgets.presentation.time_range import TimeRange
    from obi_widgets.signals.insight import Note
    from obi_widgets.trading.entries import Results, Trades

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FAR = 3.0
"""Times what is shown of a signal: a threshold beyond is left out of its chart."""

LADDER = 20
"""Levels a side that a ladder shows."""

SIDES = np.array([[+1], [-1]])
"""Bids, asks."""

LATELY = 100
"""States on which it is judged what parameters do just now."""

LOOKED_AT = 36_000
"""Of the states that are shown, the newest that are looked at for levels that are not known."""


@dataclass(frozen=True)
class Ladder:
    """The best levels at one state; each array is of shape (2, n), bids first, best first.

    ``price`` in quote currency and ``size`` in base units are NaN where there is no level;
    ``weight`` is what the signal takes of a size, 0..1, and 0 of a level that it does not use.
    ``weighs`` tells whether it takes less than the whole of some.
    """

    price: Floats
    size: Floats
    weight: Floats
    weighs: bool

    @classmethod
    def of(cls, history: History, parameters: Parameters) -> Ladder:
        """Return the levels of the newest state."""
        insight, values = parameters.signal.insight, dict(parameters.values)
        shape = (2, min(LADDER, history.levels))
        newest = history[-1:] if len(history) else history
        if not len(newest) or np.isnan(newest.mid[0]):
            nothing = np.full(shape, np.nan)
            return cls(nothing, nothing, np.zeros(shape), insight.weighs)
        ((_, block),) = newest.chunks()
        ticks, sizes = block.ticks[:, : shape[1], 0], block.sizes[:, : shape[1], 0]
        best = np.array([newest.bid, newest.ask])
        price = prices_of(ticks, best, SIDES, history.tick_size)
        there = sizes > 0
        return cls(
            np.where(there, price, np.nan),
            np.where(there, sizes, np.nan).astype(float),
            insight.weights(newest, values)[:, : shape[1], 0],
            insight.weighs,
        )


@dataclass(frozen=True)
class Reach:
    """How far the levels in use reach at the newest state, and what the parameters do.

    Attributes
    ----------
    levels : int
        Levels in use, of the side that has fewer; 0 without a book.
    bps : float
        Distance of the deepest from mid.
    weight : float
        What the signal takes of it, 0..1; NaN of a signal that takes all.
    notes : mapping of str to Note
        What each parameter does just now, see `obi_widgets.signals.insight.Insight`.
    shortfall : Shortfall or None
        That the settings reach beyond the levels that are kept, where they do, in what is shown.
    inferred : float
        Of the states that are shown, how many have a signal that rests on levels beyond what was
        known of the book, 0..1.
    """

    levels: int
    bps: float
    weight: float
    notes: Mapping[str, Note]
    shortfall: Shortfall | None = None
    inferred: float = 0.0

    @classmethod
    def of(
        cls,
        history: History,
        parameters: Parameters,
        shown: slice = slice(-LATELY, None),
        warned: Collection[str] = (),
    ) -> Reach:
        """Judge the newest states, and the rows that are shown; see `Insight.notes`."""
        newest = history[-1:] if len(history) else history
        if not len(newest) or np.isnan(newest.mid[0]):
            return cls(0, np.nan, np.nan, {})
        insight, values = parameters.signal.insight, dict(parameters.values)
        weight = insight.weights(newest, values)[:, :, 0]
        used = weight > 0
        price = np.stack([newest.prices(side)[0] for side in (+1, -1)])
        distance = np.where(used, np.abs(price - newest.mid[0]) / newest.mid[0] * 1e4, 0.0)
        rows = history[shown]
        shortfall = Shortfall.of(rows, parameters.levels_used)
        in_use = LevelsInUse(int(used.sum(axis=1).min()), float(distance.max()), shortfall is None)
        return cls(
            in_use.levels,
            in_use.bps,
            float(weight[used].min(initial=1.0)) if insight.weighs else np.nan,
            insight.notes(history[-LATELY:], values, in_use, warned),
            shortfall,
            float(np.mean(inferred(rows, parameters))) if len(rows) else 0.0,
        )


@dataclass(frozen=True)
class Frame:
    """Everything that is shown, at one moment.

    Times are nanoseconds UTC. ``signal`` is the newest value of the settings' signal,
    ``signal_range`` what a chart of it spans, and ``trouble`` what is wrong with the signal
    itself. ``price`` is a step line of mid (times, values); ``mean`` the
    signal's one-second mean; ``extent`` its least and greatest in each column of pixels
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
    signal: float
    signal_range: tuple[float, float]
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
    trouble: str = ""

    @property
    def threshold(self) -> float:
        """The threshold in the signal's unit; NaN where it is a quantile."""
        p = self.parameters
        return p.threshold if p.threshold_is == "value" else np.nan

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
        self._reach_of: Parameters | None = None
        self._signal_axis: Axis | None = None
        self._signal_axis_for: object = None
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
        signal_extent = extent(time, signal, window, self._extent, start)
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
            signal=float(signal[-1]) if there else np.nan,
            signal_range=self._signal_range(signal_extent, analysis.parameters, window_seconds),
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
            extent=signal_extent,
            mean=means(time, signal, window, mean, start),
            trades=analysis.trades,
            results=analysis.results,
            beyond=analysis.beyond,
            ladder=Ladder.of(history if there else history[:0], analysis.parameters),
            reach=self._judge(history if there else history[:0], analysis.parameters, window),
            history=history,
            selected=selected,
            trouble=analysis.trouble,
        )

    def _follow(self, analysis: Analysis) -> None:
        """Forget what columns came to of another history, or of another signal."""
        what = (analysis, analysis.parameters.of_signal)
        if self._columns_for != what:
            if self._columns_for[:1] != what[:1]:
                self._price.forget()
            self._extent.forget()
            self._mean.forget()
            self._columns_for = what

    def _judge(self, history: History, parameters: Parameters, window: Window) -> Reach:
        """Return what parameters do; anew a second, since figures that flicker cannot be read."""
        second = int(history.time[-1]) // 1_000_000_000 if len(history) else 0
        what = (parameters, second, window.end - window.start, history.strict)
        if self._reach is None or self._reach_for != what:
            notes = self._reach.notes if self._reach and self._reach_of == parameters else {}
            warned = [name for name, note in notes.items() if note.warning]
            first, last = np.searchsorted(history.time, window[:2]).tolist()
            shown = slice(max(first, last - LOOKED_AT), last)
            self._reach = Reach.of(history, parameters, shown, warned)
            self._reach_for, self._reach_of = what, parameters
        return self._reach

    def _range(
        self, values: Floats, history: History, window_seconds: float
    ) -> tuple[float, float]:
        what = (history.tick_size, window_seconds)
        if self._axis is None or self._axis_for != what:
            self._axis = Axis(least=12 * history.tick_size)
            self._axis_for = what
        return self._axis.follow(values)

    def _signal_range(
        self, extent: tuple[Ints, Floats, Floats], parameters: Parameters, window_seconds: float
    ) -> tuple[float, float]:
        """Return what a chart of the signal spans: its range, or as far from 0 as it is shown."""
        if parameters.signal.range is not None:
            return parameters.signal.range
        what = (parameters.of_signal, window_seconds)
        if self._signal_axis is None or self._signal_axis_for != what:
            self._signal_axis, self._signal_axis_for = Axis(least=0.0), what
        shown = np.abs(np.concatenate(extent[1:]))
        most = float(shown[np.isfinite(shown)].max(initial=0.0))
        threshold = parameters.threshold if parameters.threshold_is == "value" else 0.0
        if threshold <= FAR * most or not most:
            most = max(most, threshold) or 1.0
        return self._signal_axis.follow(np.array([-most, most]))
