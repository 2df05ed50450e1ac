"""What the screen knew at a moment of the past: prices, signal, and the book of that moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.history.incoming import moment
from obi_widgets.presentation.reading.ladder import Ladder
from obi_widgets.trading.quantile_bounds import quantile_bounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.presentation.reading.signal_values import SignalValues
    from obi_widgets.settings.parameters import Parameters

    Floats = NDArray[np.float64]


class Print(NamedTuple):
    """A trade of the tape.

    Attributes
    ----------
    time : int
        Nanoseconds UTC.
    price, size : float
        Quote currency; base units.
    side : int
        The taker's side: +1 bought, −1 sold.
    """

    time: int
    price: float
    size: float
    side: int


class SignalReading(NamedTuple):
    """A stacked signal at a state.

    Attributes
    ----------
    parameters : Parameters
        The signal, the values of its parameters, and its threshold.
    value : float
        In the signal's unit; NaN without a value.
    threshold : float
        Threshold at that state, as in `Reading`.
    """

    parameters: Parameters
    value: float
    threshold: float


@dataclass(frozen=True, eq=False)
class Reading:
    """The state of the market at a time: the newest state at or before it.

    Attributes
    ----------
    asked : int
        Time that was asked for, nanoseconds UTC.
    time : int or None
        Event time of the state; None if the time is before the first state. Then, and in a gap,
        there are no numbers.
    number : int
        Number of the state, counted from the first state ever; −1 without one.
    gap : bool
        Whether the book was not in sync at that time.
    bid, ask : float
        Best prices, quote currency; NaN without one.
    signal : float
        Signal of the state, in its unit; NaN without a value.
    threshold : float
        Threshold at that state, in the signal's unit, 0 or more. Of a quantile, the value that it
        had there; NaN while its window is not full.
    ladder : Ladder
        Best levels of the state, and what the signal uses of them.
    trade : Print or None
        Newest trade that was received before the state; None without one.
    parameters : Parameters
        Settings of the signal and of the threshold.
    tick_size : float
        Step of the price grid, quote currency.
    stacked : tuple of SignalReading
        The stacked signals at the state; empty without one.

    Examples
    --------
    >>> session = obi.Session("sim:BTC-PERP", seed=3, warmup=20)
    >>> session.wait(100)
    >>> history = session.history
    >>> reading = session.read(history.time[50] + 1)
    >>> reading.time == int(history.time[50]), reading.mid == float(history.mid[50])
    (True, True)
    >>> session.close()
    """

    asked: int
    time: int | None
    number: int
    gap: bool
    bid: float
    ask: float
    signal: float
    threshold: float
    ladder: Ladder
    trade: Print | None
    parameters: Parameters
    tick_size: float
    stacked: tuple[SignalReading, ...] = ()

    @classmethod
    def of(
        cls,
        history: History,
        signal: Floats,
        parameters: Parameters,
        time: int,
        stacked: Iterable[tuple[Parameters, Floats]] = (),
    ) -> Reading:
        """Read a history.

        Parameters
        ----------
        history : History
            T states.
        signal : ndarray of float64, shape (T,)
            Signal of each state.
        parameters : Parameters
            Settings that it was computed with.
        time : int
            Nanoseconds UTC.
        stacked : iterable of tuple
            Settings of each stacked signal, and its values, shape (T,).
        """
        row = int(np.searchsorted(history.time, time, "right")) - 1
        nothing = np.nan
        if row < 0:
            return cls(
                time, None, -1, False, nothing, nothing, nothing, nothing,
                Ladder.of(history, parameters, -1), None, parameters, history.tick_size,
            )  # fmt: skip
        bid, ask = float(history.bid[row]), float(history.ask[row])
        gap = bid != bid and ask != ask
        return cls(
            asked=time,
            time=int(history.time[row]),
            number=history.start + row,
            gap=gap,
            bid=bid,
            ask=ask,
            signal=nothing if gap else float(signal[row]),
            threshold=nothing if gap else threshold_at(history, signal, parameters, row),
            ladder=Ladder.of(history, parameters, row),
            trade=None if gap else _newest_trade(history, row),
            parameters=parameters,
            tick_size=history.tick_size,
            stacked=tuple(
                SignalReading(
                    one,
                    nothing if gap else float(values[row]),
                    nothing if gap else threshold_at(history, values, one, row),
                )
                for one, values in stacked
            ),
        )

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

    @property
    def beyond(self) -> float:
        """How far the signal is beyond the threshold on its side; below 0 if it is short of it."""
        return abs(self.signal) - self.threshold

    def __repr__(self) -> str:
        if self.time is None:
            return "<Reading before the first state>"
        when = str(np.datetime64(self.time, "ns"))[:23]
        if self.gap:
            return f"<Reading {when} UTC, in a gap>"
        name = self.parameters.signal.name
        return f"<Reading {when} UTC, mid {self.mid:,.10g}, {name} {self.signal:+z.4g}>"


def threshold_at(history: History, signal: Floats, parameters: Parameters, row: int) -> float:
    """Return the threshold at a state, in the signal's unit; see `Reading`."""
    if parameters.threshold_is == "value":
        return parameters.threshold
    return float(quantile_bounds(history, signal, parameters, row, row + 1)[0])


def _newest_trade(history: History, row: int) -> Print | None:
    """Return the newest trade that was received before a state, if it is kept."""
    at = int(history.trade_ends[row]) - history.trades.start - 1
    if at < 0:
        return None
    trade = history.trades[at : at + 1]
    return Print(
        int(trade.time[0]), float(trade.price[0]), float(trade.size[0]), int(trade.side[0])
    )


def read(
    history: History, parameters: Parameters, time: object, stacked: Iterable[Parameters] = ()
) -> Reading:
    """Read a history at a time, and compute the signals for it; see `Session.read`."""
    at = moment("time", time)
    until = history[: int(np.searchsorted(history.time, at, "right"))]
    of_stacked = [(one, _needed(until, one)) for one in stacked]
    return Reading.of(until, _needed(until, parameters), parameters, at, of_stacked)


def _needed(history: History, parameters: Parameters) -> Floats:
    """Return the signal of the last state, and of those before it where the threshold needs them.

    The rest of the array is NaN.
    """
    first = len(history) - 1 if parameters.threshold_is == "value" else 0
    signal = np.full(len(history), np.nan)
    if len(history):
        signal[first:] = parameters.signal.compute(history, dict(parameters.values), first)
    return signal


class Reader:
    """Reads the values of signals, and keeps the last reading as long as it is the same."""

    def __init__(self) -> None:
        self._reading: Reading | None = None
        self._of: object = None

    def read(self, main: SignalValues, stacked: Sequence[SignalValues], time: int) -> Reading:
        """Return the reading at a time, nanoseconds UTC.

        Parameters
        ----------
        main : SignalValues
            Values of the settings' signal.
        stacked : sequence of SignalValues
            Values of the stacked signals, of the same history.
        time : int
            Nanoseconds UTC.
        """
        history = main.history
        row = int(np.searchsorted(history.time, time, "right")) - 1
        all_of = [(one, one.parameters) for one in (main, *stacked)]
        of = (all_of, history.start + row if row >= 0 else -1)
        if self._reading is None or self._of != of or self._reading.asked != time:
            values = [(one.parameters, one.signal) for one in stacked]
            self._reading = Reading.of(history, main.signal, main.parameters, time, values)
            self._of = of
        return self._reading
