"""A row: what a history and the settings say of its newest state, as plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from msgspec import Struct

from obi_widgets.calibration.labels import WORDS
from obi_widgets.presentation.texts.formatting import duration
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.coverage import Shortfall, inferred
from obi_widgets.signals.imbalance import imbalance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.market_data.events import State
    from obi_widgets.presentation.board.crossings import Crossings

    Floats = NDArray[np.float64]


class Row(Struct, frozen=True, kw_only=True):
    """One line of the table. NaN stands for what is not known.

    Attributes
    ----------
    time, received : int
        Event time and receive time of the state, nanoseconds UTC.
    bids, asks : float
        Sum of each side's sizes, decayed by distance from mid, in base units; in quote currency if
        the settings weigh by notional. They are those of `imbalance`.
    imbalance : float
        (bids − asks) / (bids + asks), −1..+1, + is more bids. By the values of the settings if
        their signal is the imbalance, and else by its defaults.
    bid, ask : float
        Best prices, quote currency.
    signal, threshold : float
        Signal of the settings and its threshold, in its unit.
    beyond : bool
        Whether the signal is beyond the threshold in this state.
    label : str
        ``BUYING``, ``SELLING`` or ``NEUTRAL``: the side of the threshold that the signal came to
        and has not left, see `obi_widgets.signals.crossing.Side`. Empty without a signal, and
        for a gauge, which has no direction.
    state : str
        State of the feed, see `obi_widgets.market_data.events.State`.
    inferred : bool
        Whether the signal uses levels that the venue's snapshot did not cover.
    notes : tuple of str
        Sentences about what is not as it should be.
    """

    time: int
    received: int
    bids: float
    asks: float
    imbalance: float
    bid: float
    ask: float
    signal: float
    threshold: float
    beyond: bool
    label: str
    state: State
    inferred: bool = False
    notes: tuple[str, ...] = ()

    @property
    def mid(self) -> float:
        """Mean of bid and ask, quote currency; NaN without both."""
        return (self.bid + self.ask) / 2

    @property
    def spread(self) -> float:
        """Ask minus bid, quote currency; NaN without both."""
        return self.ask - self.bid

    @property
    def spread_bps(self) -> float:
        """The spread divided by mid, bps."""
        return 1e4 * self.spread / self.mid

    @classmethod
    def of(
        cls, values: Crossings, side: float, state: State = "live", notes: tuple[str, ...] = ()
    ) -> Row:
        """Return the row of the newest state of a history that has some.

        Parameters
        ----------
        values : Crossings
            The history, the settings, and the signal of every state.
        side : float
            Side of the newest state, as `Side` tells it.
        state : str
            State of the feed.
        notes : tuple of str
            Sentences about the feed.
        """
        history, parameters = values.history, values.parameters
        newest = history[-1:]
        weights = Weighted.of(newest, parameters)
        return cls(
            time=int(newest.time[0]),
            received=int(newest.received[0]),
            bids=weights.bids,
            asks=weights.asks,
            imbalance=weights.imbalance,
            bid=float(newest.bid[0]),
            ask=float(newest.ask[0]),
            signal=float(values.signal[-1]),
            threshold=values.threshold,
            beyond=bool(abs(values.sides[-1]) > 0),
            label=label_of(side) if parameters.signal.directional else "",
            state=state,
            inferred=bool(inferred(newest, parameters)[0]),
            notes=tuple(filter(None, (*notes, values.trouble or _no_signal(values)))),
        )


def label_of(side: float) -> str:
    """Return the word for a side; empty for NaN."""
    return "" if side != side else WORDS[int(side)]


class Weighted(NamedTuple):
    """What rests on each side of one state, and the imbalance of the two.

    Attributes
    ----------
    bids, asks, imbalance : float
        See `Row`.
    """

    bids: float
    asks: float
    imbalance: float

    @classmethod
    def of(cls, newest: History, parameters: Parameters) -> Weighted:
        """Return them for a history of one state."""
        values = imbalance_of(parameters)
        value = float(imbalance.compute(newest, values)[0])
        if value != value:  # NaN: what can be added up would not be what was asked for
            return cls(np.nan, np.nan, np.nan)
        weights = imbalance.insight.weights(newest, values)[:, :, 0]
        size = np.stack([newest.sizes(side)[0].astype(float) for side in (+1, -1)])
        if values["weighting"] == "notional":
            size *= np.stack([newest.prices(side)[0] for side in (+1, -1)])
        bids, asks = np.nansum(weights * size, axis=1).tolist()
        return cls(bids, asks, value)


def _no_signal(values: Crossings) -> str:
    """Return why the newest state has no signal, or no threshold; empty if it has both."""
    parameters, newest = values.parameters, values.history[-1:]
    mid, signal = float(newest.mid[0]), float(values.signal[-1])
    if mid != mid:
        return "no book, or an empty side"
    if signal == signal:
        if values.threshold == values.threshold:
            return ""
        seconds = parameters.quantile_window + parameters.lookback
        return f"no threshold yet: it needs {duration(seconds)} of data without a gap"
    if (shortfall := Shortfall.of(newest, parameters.levels_used)) is not None:
        return shortfall.sentence
    if parameters.lookback:
        return f"no signal: it needs {duration(parameters.lookback)} of data without a gap"
    return "no signal in this state"


def imbalance_of(parameters: Parameters) -> Mapping[str, Any]:
    """Return the values of the imbalance that a row shows."""
    return dict((parameters if parameters.signal is imbalance else Parameters(imbalance)).values)
