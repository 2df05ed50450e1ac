"""A frame: the numbers that a screen shows at one moment. It has no widget and no text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.history.levels import prices_of
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.coverage import Shortfall, inferred
from obi_widgets.signals.insight import LevelsInUse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.market_data.events import Instrument, State
    from obi_widgets.presentation.downsampling import Window
    from obi_widgets.signals.insight import Note
    from obi_widgets.trading.trade_list import Results, Trades

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LADDER = 20
"""Levels a side that a ladder shows."""

SIDES = np.array([[+1], [-1]])
"""Bids, asks."""

LATELY = 100
"""Newest states from which the effects of parameters are computed."""


@dataclass(frozen=True)
class Ladder:
    """The best levels at one state; each array is of shape (2, n), bids first, best first.

    ``price``, in quote currency, and ``size``, in base units, are NaN if there is no level.
    ``weight`` is the factor of a size in the signal, 0 to 1; 0 for a level that it does not use.
    ``weighs`` tells whether the signal has factors other than 0 and 1.
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
        filled = sizes > 0
        return cls(
            np.where(filled, price, np.nan),
            np.where(filled, sizes, np.nan).astype(float),
            insight.weights(newest, values)[:, : shape[1], 0],
            insight.weighs,
        )


@dataclass(frozen=True)
class Reach:
    """How far the levels that the signal uses reach at the newest state, and parameters' effects.

    Attributes
    ----------
    levels : int
        Levels in use on the side that has fewer; 0 without a book.
    bps : float
        Distance of the deepest level in use from mid, bps.
    weight : float
        Smallest factor of a level in use, 0 to 1; NaN if the signal has no such factors.
    notes : mapping of str to Note
        Effect of each parameter on the newest states, see `obi_widgets.signals.insight.Insight`.
    shortfall : Shortfall or None
        Which levels the settings need that the history does not keep, in the window; else None.
    inferred : float
        Fraction, 0 to 1, of the window's states whose signal uses levels that were not known.
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
        """Compute it from the newest states and the rows that are shown; see `Insight.notes`."""
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
    """Everything that a screen shows at one moment. Times are nanoseconds UTC.

    Attributes
    ----------
    instrument : Instrument
        Market that is shown.
    state : str
        State of the feed: ``connecting``, ``syncing``, ``live``, ``gap``, ``stale`` or ``closed``.
    replay : bool
        Whether the data come from a recording.
    detail, advice : str
        Reason of the state, and what to do about it; may be empty.
    paused : bool
        Whether the screen is frozen.
    note : str
        Sentence that is shown for some seconds; may be empty.
    told : int
        Number of notes so far: the same note can be shown twice.
    parameters : Parameters
        Settings that the numbers were computed with.
    tick_size, mid, spread : float
        Quote currency; mid and spread of the newest state, NaN without a book.
    signal : float
        Newest value of the signal; NaN without one.
    signal_range : tuple of float
        Range of the signal's chart.
    age : float
        Seconds of the feed's clock since the book last changed; NaN before the first change, and
        when the feed has ended.
    lag : float
        Seconds by which the newest change arrived late, see `obi_widgets.feeds.clocks.Lag`; NaN if
        unknown.
    late : float
        Seconds between event and receipt of the newest change, by this computer's clock; NaN when
        unknown.
    rate : float
        Messages a second; NaN when unknown.
    states : int
        States in the history.
    seconds : float
        Event time between the first and the last state.
    window : Window
        Part of the past that charts show.
    window_seconds : float
        Its length.
    looking_back : bool
        Whether the window stays in the past while new states come.
    price : tuple of ndarray
        Step line of mid: times, values.
    price_range : tuple of float
        Range of the price chart.
    mean : tuple of ndarray
        The signal's mean over one second, or a column of pixels where that is longer: times,
        values.
    extent : tuple of ndarray
        The signal's range in each column of pixels: times, lowest, highest.
    bounds : tuple of ndarray
        A quantile threshold in the signal's unit, averaged like ``mean``: times, values. Empty
        where the threshold is a value.
    trades : Trades
        Entries that the settings would have made.
    results : Results
        Their number and their mean returns.
    front : Results or None
        Results of post-only orders if first in the queue; None for a taker. The entries and their
        results are then those of the last in the queue.
    beyond : float
        Fraction of the states whose signal is beyond the threshold; NaN without a signal.
    ladder : Ladder
        Best levels of the newest state.
    reach : Reach
        How deep the signal looks into the book.
    history : History
        States that all of this was computed from.
    selected : tuple of int or None
        Part that calibration uses: first and last event time; None for all states.
    trouble : str
        What is wrong with the signal function; empty if nothing is.
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
    bounds: tuple[Ints, Floats]
    trades: Trades
    results: Results
    beyond: float
    ladder: Ladder
    reach: Reach
    history: History
    selected: Span | None = None
    trouble: str = ""
    front: Results | None = None

    @property
    def threshold(self) -> float:
        """The threshold in the signal's unit; for a quantile its newest mean, NaN if unknown."""
        p = self.parameters
        if p.threshold_is == "value":
            return p.threshold
        _, values = self.bounds
        return float(values[-1]) if len(values) else np.nan

    @property
    def old(self) -> bool:
        """Whether the numbers are of a book that is out of date."""
        return self.state == "stale" and not np.isnan(self.mid)

    @property
    def spread_bps(self) -> float:
        """The spread divided by mid, bps."""
        return 1e4 * self.spread / self.mid
