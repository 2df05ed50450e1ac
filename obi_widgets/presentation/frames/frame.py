"""A frame: the numbers that a screen shows at one moment. It has no widget and no text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from msgspec import Struct

from obi_widgets.presentation.layers.chart_layers import ChartLayers
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.coverage import Shortfall, inferred
from obi_widgets.signals.insight import LevelsInUse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from obi_widgets.feeds.health.health import Health
    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.market_data.events import Instrument, State
    from obi_widgets.presentation.charts.equity import Equity
    from obi_widgets.presentation.charts.signal_line import SignalLine
    from obi_widgets.presentation.charts.window import Window
    from obi_widgets.presentation.reading.comparison import Compared
    from obi_widgets.presentation.reading.cursor import Cursor, PointedEntry
    from obi_widgets.presentation.reading.entry_details import EntryDetails
    from obi_widgets.presentation.reading.ladder import Ladder
    from obi_widgets.presentation.reading.reading import Reading
    from obi_widgets.signals.coverage import LevelsUsed
    from obi_widgets.signals.crossing import Alert
    from obi_widgets.signals.insight import Note
    from obi_widgets.trading.trade_list import Results, Trades

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LATELY = 100
"""Newest states from which the effects of parameters are computed."""


class Covered(NamedTuple):
    """What states have of the levels that settings use, see `Reach`."""

    shortfall: Shortfall | None
    inferred: float

    @classmethod
    def of(cls, history: History, used: LevelsUsed) -> Covered:
        """Look at each state."""
        if not len(history):
            return cls(None, 0.0)
        return cls(Shortfall.of(history, used), float(np.mean(inferred(history, used))))


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
        covered: Covered | None = None,
        warned: Collection[str] = (),
    ) -> Reach:
        """Compute it from the newest states, and from what those that are shown have.

        ``warned`` is of `Insight.notes`. Without ``covered``, the newest states are looked at.
        """
        newest = history[-1:] if len(history) else history
        if not len(newest) or np.isnan(newest.mid[0]):
            return cls(0, np.nan, np.nan, {})
        insight, values = parameters.signal.insight, dict(parameters.values)
        weight = insight.weights(newest, values)[:, :, 0]
        used = weight > 0
        price = np.stack([newest.prices(side)[0] for side in (+1, -1)])
        distance = np.where(used, np.abs(price - newest.mid[0]) / newest.mid[0] * 1e4, 0.0)
        lately = history[-LATELY:]
        shortfall, guessed = covered or Covered.of(lately, parameters.levels_used)
        in_use = LevelsInUse(int(used.sum(axis=1).min()), float(distance.max()), shortfall is None)
        return cls(
            in_use.levels,
            in_use.bps,
            float(weight[used].min(initial=1.0)) if insight.weighs else np.nan,
            insight.notes(lately, values, in_use, warned),
            shortfall,
            guessed,
        )


class Frame(Struct, frozen=True, kw_only=True, eq=False):
    """Everything that a screen shows at one moment. Times are nanoseconds UTC.

    Attributes
    ----------
    instrument : Instrument
        Market that is shown.
    state : str
        State of the feed, see `obi_widgets.market_data.events.State`.
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
    signals : tuple of SignalLine
        What the charts of signals draw. The first is the settings' signal: it alone decides
        entries.
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
    trades : Trades
        Entries that the settings would have made.
    results : Results
        Their number and their mean returns.
    front : Results or None
        Results of post-only orders if first in the queue; None for a taker. The entries and their
        results are then those of the last in the queue.
    cap : str
        Whether ``most_per_hour`` was reached, and how many entries it leaves out, in a sentence;
        empty without it.
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
    cursor, reading : Cursor and Reading, or None
        The time that is pointed at, and the state of the market then.
    pointed, entry : PointedEntry and EntryDetails, or None
        The entry that is pointed at, and what is known of it; None if the settings do not make it.
    layers : ChartLayers
        What charts draw besides lines.
    untold : str
        Why no entries can be computed; empty if they can.
    equity : Equity
        Gains of the entries, summed up.
    other : Compared or None
        Other settings to compare with, and their results.
    watching : bool
        Whether crossings of a level are watched for.
    watched : float or None
        That level; None for the threshold.
    alerts : tuple of Alert
        The newest crossings, the newest last.
    alert_count : int
        Number of crossings so far.
    health : Health or None
        Health of the feed; None if no view shows it.
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
    signals: tuple[SignalLine, ...]
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
    trades: Trades
    results: Results
    equity: Equity
    beyond: float
    ladder: Ladder
    reach: Reach
    history: History
    selected: Span | None = None
    trouble: str = ""
    front: Results | None = None
    cap: str = ""
    cursor: Cursor | None = None
    reading: Reading | None = None
    pointed: PointedEntry | None = None
    entry: EntryDetails | None = None
    layers: ChartLayers = ChartLayers()
    untold: str = ""
    other: Compared | None = None
    watching: bool = False
    watched: float | None = None
    alerts: tuple[Alert, ...] = ()
    alert_count: int = 0
    health: Health | None = None

    @property
    def signal(self) -> float:
        """Newest value of the settings' signal; NaN without one."""
        return self.signals[0].value

    @property
    def signal_range(self) -> tuple[float, float]:
        """Range of its chart."""
        return self.signals[0].scale

    @property
    def threshold(self) -> float:
        """Its threshold, see `SignalLine.threshold`."""
        return self.signals[0].threshold

    @property
    def is_fresh(self) -> bool:
        """Whether there is a book that is not out of date."""
        return bool(np.isfinite(self.mid))

    @property
    def old(self) -> bool:
        """Whether the numbers are of a book that is out of date."""
        return self.state == "stale" and not np.isnan(self.mid)

    @property
    def spread_bps(self) -> float:
        """The spread divided by mid, bps."""
        return 1e4 * self.spread / self.mid
