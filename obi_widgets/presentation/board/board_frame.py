"""A frame of a board: the numbers of many markets at one moment. It has no widget and no text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.market_data.events import CURRENT
from obi_widgets.presentation.board.compared import Compared, ComparedMaker, Line
from obi_widgets.presentation.board.crossings import Crossings
from obi_widgets.presentation.board.followed import Followed, Refused
from obi_widgets.presentation.board.row_card import NONE, RowCard
from obi_widgets.presentation.board.sparkline import Sparkline, Sparklines, SparkScale
from obi_widgets.presentation.charts.axis_range import Axis
from obi_widgets.presentation.charts.signal_line import FAR
from obi_widgets.signals.coverage import Shortfall

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from obi_widgets.card.card import Card
    from obi_widgets.card.modes import Mode
    from obi_widgets.market_data.events import Instrument
    from obi_widgets.presentation.board.leads import Leads
    from obi_widgets.settings.parameters import Parameters

    Floats = NDArray[np.float64]

LATELY = 100
"""Newest states that are checked for levels that the history does not keep."""

NO_CARDS: Mapping[str, tuple[Card | None, str]] = {}


@dataclass(frozen=True)
class BoardRow:
    """One market of a board.

    Attributes
    ----------
    source : str
        As it was given.
    instrument : Instrument or None
        The market; None if the source was refused.
    state : str
        State of the feed; ``refused`` for a source that could not be opened.
    detail, advice : str
        Reason of the state, and what to do about it; may be empty.
    replay : bool
        Whether the data come from a recording.
    time : int
        Event time of the newest state, nanoseconds UTC; 0 without one.
    tick_size, mid, spread : float
        Quote currency; NaN without a book.
    signal, threshold : float
        Newest values, in the signal's unit; NaN without one.
    side : int
        +1 or −1 if the signal is beyond the threshold, else 0.
    since : float
        Seconds of event time for which it has been beyond on this side; NaN if it is not.
    strength : float
        By what markets are ranked; NaN without a signal. The size of the signal in multiples of the
        threshold; its place among recent values, 0 to 1, if the threshold is a quantile; or, for a
        signal without a range, the share of the window in which it was weaker: its values do not
        compare between markets.
    scale : tuple of float
        Range of the signal's bar: that of the signal, or one of the market's own window.
    age : float
        Seconds since the book last changed; NaN before the first change, and after the end.
    spark : Sparkline
        Mid over the window of the board.
    trouble : str
        Why there is no signal; empty if there is one.
    missing : str
        The side, ``"bids"`` or ``"asks"``, of which the newest book has no level; mostly empty.
    card : RowCard
        What is shown of its decision card; `NONE` if the board shows no cards.
    """

    source: str
    instrument: Instrument | None
    state: str
    detail: str
    advice: str
    replay: bool
    time: int
    tick_size: float
    mid: float
    spread: float
    signal: float
    threshold: float
    side: int
    since: float
    strength: float
    scale: tuple[float, float]
    age: float
    spark: Sparkline
    trouble: str = ""
    missing: str = ""
    card: RowCard = NONE

    @property
    def spread_bps(self) -> float:
        """The spread divided by mid, bps."""
        return 1e4 * self.spread / self.mid

    @property
    def old(self) -> bool:
        """Whether the numbers are of a book that is out of date."""
        return self.state == "stale" and not np.isnan(self.mid)


@dataclass(frozen=True)
class BoardFrame:
    """Everything that a board shows at one moment.

    Attributes
    ----------
    rows : tuple of BoardRow
        A row each market, in the order of the sources.
    parameters : Parameters
        Settings of all of them.
    height : float
        What the height of a line of mid stands for, bps; 0 before the first data.
    factors : tuple of int
        Of each line, how many times as much its height stands for; mostly 1.
    seconds : float
        Length of the lines.
    note : str
        Sentence that is shown for some seconds; may be empty.
    told : int
        Number of notes so far.
    opened : int
        Row of the market whose lab is shown; −1 for none.
    compared : Compared or None
        Signals of several markets on one clock; None if they are not shown.
    leads : Leads or None
        Which of these leads; None if nobody has asked.
    mode : Mode or None
        Mode of the cards; None if none are shown.
    """

    rows: tuple[BoardRow, ...]
    parameters: Parameters
    height: float
    factors: tuple[int, ...]
    seconds: float
    note: str = ""
    told: int = 0
    opened: int = -1
    compared: Compared | None = None
    leads: Leads | None = None
    mode: Mode | None = None

    @property
    def states(self) -> int:
        """Markets that have a state."""
        return sum(row.time > 0 for row in self.rows)

    @property
    def is_fresh(self) -> bool:
        """Whether there is a market with a book that is not out of date."""
        return any(np.isfinite(row.mid) for row in self.rows)


class BoardMaker:
    """Makes frames of a board; computes each new state once, and keeps the scales steady."""

    def __init__(self) -> None:
        self._markets: dict[str, _Market] = {}
        self._spark_scale, self._spark_for = SparkScale(), 0.0
        self._compared = ComparedMaker()

    def make(
        self,
        markets: Sequence[Followed | Refused],
        parameters: Parameters,
        seconds: float,
        *,
        note: str = "",
        told: int = 0,
        opened: int = -1,
        compared: Sequence[int] = (),
        leads: Leads | None = None,
        mode: Mode | None = None,
        cards: Mapping[str, tuple[Card | None, str]] = NO_CARDS,
    ) -> BoardFrame:
        """Return the frame of this moment.

        Parameters
        ----------
        markets, parameters, seconds, note, told, opened, leads, mode
            See `BoardFrame`.
        compared : sequence of int
            Rows whose signals one chart shows.
        cards : mapping
            With a mode: the newest card of each source, or why there is none.
        """
        rows = tuple(
            self._row(
                one,
                parameters,
                seconds,
                NONE if mode is None else RowCard.of(one, *cards.get(one.source, (None, ""))),
            )
            if isinstance(one, Followed)
            else _refused(one, seconds)
            for one in markets
        )
        if self._spark_for != seconds:
            self._spark_scale, self._spark_for = SparkScale(), seconds
        factors = tuple(self._spark_scale.follow([row.spark.extent for row in rows]))
        height = self._spark_scale.height
        found = None
        if compared:
            computed = [(row, self._markets[markets[row].source].crossings) for row in compared]
            signals = [
                Line(row, one.history, one.signal, holds=_holds(markets[row]))
                for row, one in computed
            ]
            found = self._compared.make(signals, parameters.of_signal, seconds)
        return BoardFrame(
            rows, parameters, height, factors, seconds, note, told, opened, found, leads, mode
        )

    def _row(self, of: Followed, parameters: Parameters, seconds: float, card: RowCard) -> BoardRow:
        if of.source not in self._markets:
            self._markets[of.source] = _Market(Crossings(parameters), Sparklines())
        market = self._markets[of.source]
        crossings, sparklines = market.crossings, market.sparklines
        history = of.history
        crossings.update(history, parameters)
        key = parameters, crossings.trouble
        spark = sparklines.make(history, crossings.sides, key, seconds)
        shown = len(history) > 0 and (of.has_book or of.state == "closed")
        bid, ask = (history.bid[-1], history.ask[-1]) if shown else (np.nan, np.nan)
        signal = float(crossings.signal[-1]) if shown else np.nan
        trouble = crossings.trouble
        if shown and not trouble and np.isnan(signal) and np.isfinite(bid + ask):
            shortfall = Shortfall.of(history[-LATELY:], parameters.levels_used)
            trouble = shortfall.sentence if shortfall is not None else ""
        missing = ""
        if np.isfinite(bid) != np.isfinite(ask):
            missing = "asks" if np.isfinite(bid) else "bids"
        side = float(crossings.sides[-1]) if np.isfinite(signal) else np.nan
        sizes = _sizes(crossings, seconds)
        threshold = crossings.threshold if shown else np.nan
        strength = abs(crossings.place) if np.isfinite(signal) else np.nan
        if parameters.signal.range is None and parameters.threshold_is == "value":
            strength = float(np.mean(sizes < abs(signal))) if np.isfinite(signal) else np.nan
        elif parameters.threshold_is == "value":
            strength /= parameters.threshold or 1.0
        return BoardRow(
            of.source,
            of.instrument,
            of.state,
            of.detail,
            of.advice,
            of.replay,
            int(history.time[-1]) if len(history) else 0,
            history.tick_size,
            float(bid + ask) / 2,
            float(ask - bid),
            signal,
            threshold,
            0 if np.isnan(side) else int(side),
            crossings.since if abs(side) > 0 else np.nan,
            strength,
            market.scale(parameters, sizes, threshold),
            of.age,
            spark,
            trouble,
            missing,
            card,
        )


class _Market:
    """What is kept of one market between two frames."""

    def __init__(self, crossings: Crossings, sparklines: Sparklines) -> None:
        self.crossings, self.sparklines = crossings, sparklines
        self._axis, self._axis_for = Axis(least=0.0), object()

    def scale(self, parameters: Parameters, sizes: Floats, threshold: float) -> tuple[float, float]:
        """Return the range of the bar: the signal's, or one symmetric about 0 that holds these."""
        if parameters.signal.range is not None:
            return parameters.signal.range
        if self._axis_for != parameters.of_signal:
            self._axis, self._axis_for = Axis(least=0.0), parameters.of_signal
        largest = float(sizes.max(initial=0.0))
        if threshold <= FAR * largest or not largest:
            largest = max(largest, threshold) or 1.0
        return self._axis.follow(np.array([-largest, largest]))


def _sizes(crossings: Crossings, seconds: float) -> Floats:
    """Return the sizes of the signal in the newest seconds, without states that have none."""
    time = crossings.history.time
    first = int(np.searchsorted(time, time[-1] - round(seconds * 1e9))) if len(time) else 0
    sizes = np.abs(crossings.signal[first:])
    return np.asarray(sizes[np.isfinite(sizes)])


def _holds(of: Followed | Refused) -> bool:
    """Return whether the newest value of a market holds now, although its book has not changed.

    What a recording holds now depends on how far it is played.
    """
    return isinstance(of, Followed) and of.has_book and of.state in CURRENT and not of.replay


def _refused(of: Refused, seconds: float) -> BoardRow:
    nan = np.nan
    return BoardRow(
        of.source, None, "refused", of.what, of.advice, replay=False, time=0, tick_size=1.0,
        mid=nan, spread=nan, signal=nan, threshold=nan, side=0, since=nan, strength=nan,
        scale=(-1.0, 1.0), age=nan,
        spark=Sparkline.empty(seconds),
    )  # fmt: skip
