"""How much of the moves of mid a flow explains: within its own window, and after it.

Order-flow imbalance explains most of the move of mid in the same window (Cont, Kukanov and Stoikov
2014). That is no forecast: it is known only when the move is over. What the flow of one window says
of the next is much less, and often nothing.

Windows follow each other, at multiples of their length in UTC, so that no two of them overlap and
each is one observation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.forward_returns import forward_returns, too_coarse
from obi_widgets.calibration.statistics.r_squared import FEWEST, RSquared, difference, r_squared
from obi_widgets.checks import number
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.history.given import as_history
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.settings import Settings
from obi_widgets.signals.signal import Signal
from obi_widgets.signals.windows import begins

if TYPE_CHECKING:
    from typing import TypeAlias

    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    One: TypeAlias = Signal | str | Settings | Parameters

ADVICE = (
    "Give signals of a window, as ['order_flow_imbalance', 'trade_imbalance'], settings of such, "
    "or a dict of name to each."
)


def explained(
    history: History,
    signals: Iterable[One] | Mapping[str, One] = (
        "order_flow_imbalance",
        "integrated_order_flow_imbalance",
    ),
    *,
    seconds: float = 10.0,
) -> pd.DataFrame:
    """Return how much of the moves of mid flow explains, in the same window and in the next.

    Parameters
    ----------
    history : History
        T states. With ``interval=0`` every book state is kept.
    signals : iterable or mapping
        Signals with a ``window``, which is set to ``seconds``: each a `Signal`, the name of one, or
        settings, which give the other parameters and whose window has to be ``seconds``. A mapping
        gives them names. The first is what the others are compared with.
    seconds : float
        Length of the windows, 0.1 to 600. Shorter than ten intervals of the history is refused.

    Returns
    -------
    DataFrame
        Two rows a signal. Columns:

        - ``signal``, and ``move``: ``"same"``, the move of mid within the signal's own window, or
          ``"next"``, the move in the window after it.
        - ``r2``, ``low``, ``high``: share of the variance of the moves that a line explains, and
          its 95 % interval, which allows for heavy tails and changing volatility.
        - ``correlation``: + if mid goes the signal's way.
        - ``n``: windows with both.
        - ``more``, ``more_low``, ``more_high``, ``more_n``: R² less that of the first signal, over
          the windows that both have, and its interval.
        - ``says``: the result in words, also where it is not significant.

        NaN where there is no value. Intervals are NaN with fewer than 30 windows.

    Raises
    ------
    HistoryError, SettingsError
        No history, one without what a signal needs, or a signal without a window.

    References
    ----------
    Cont, Kukanov, Stoikov (2014), "The price impact of order book events", Journal of Financial
    Econometrics 12, 47; Cont, Cucuringu, Zhang (2023), "Cross-impact of order flow imbalance in
    equity markets", Quantitative Finance 23, 1373.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=120, seed=1)
    >>> table = obi.explained(history, ["order_flow_imbalance"], seconds=2)
    >>> table[["signal", "move"]].values.tolist()
    [['order_flow_imbalance', 'same'], ['order_flow_imbalance', 'next']]
    >>> bool(table["r2"][0] > table["r2"][1])
    True
    """
    import pandas as pd

    history = as_history(history)
    seconds = number("seconds", seconds, 0.1, 600, "seconds")
    if too_coarse(seconds, history.interval):
        raise SettingsError(
            f"Windows of {seconds:g} s are too short for states {history.interval:g} s apart.",
            "Give ten intervals or more, or load with interval=0.",
        )
    chosen = _chosen(signals, seconds)
    rows = window_ends(history.time, seconds)
    moves = {"same": _same(history, rows, seconds), "next": next_moves(history, rows, seconds)}
    values = {name: p.signal.compute(history, dict(p.values))[rows] for name, p in chosen.items()}
    first = next(iter(values))
    table = []
    for name, flow in values.items():
        for move, bps in moves.items():
            found, correlation = r_squared(flow, bps)
            none = RSquared(np.nan, np.nan, np.nan, 0)
            more = none if name == first else difference(flow, values[first], bps)
            says = _said(found, move, seconds, chosen[name])
            table.append((name, move, *found[:3], correlation, found.n, *more, says))
    columns = [
        "signal", "move", "r2", "low", "high", "correlation", "n", "more", "more_low", "more_high",
        "more_n", "says",
    ]  # fmt: skip
    return pd.DataFrame(table, columns=columns)


def _chosen(signals: object, seconds: float) -> dict[str, Parameters]:
    """Return the signals by name, with the window."""
    if isinstance(signals, Signal | str | Settings | Parameters):
        signals = [signals]
    if isinstance(signals, Mapping):
        found = {str(name): _one(one, seconds) for name, one in signals.items()}
    elif isinstance(signals, Iterable):
        given = [_one(one, seconds) for one in signals]
        found = {one.signal.name: one for one in given}
        if len(found) < len(given):
            raise SettingsError("Two signals have one name.", "Give a dict of name to each.")
    else:
        raise SettingsError(f"signals = {quoted(signals)} is not possible.", ADVICE)
    if not found:
        raise SettingsError("There is no signal.", ADVICE)
    return found


def _one(one: Any, seconds: float) -> Parameters:  # noqa: ANN401 of a user
    if not isinstance(one, Signal | str | Settings | Parameters):
        raise SettingsError(f"{quoted(one)} is not a signal.", ADVICE)
    given = isinstance(one, Settings | Parameters)
    found = Parameters.of(one) if isinstance(one, Settings | Parameters) else Parameters(one)
    if "window" not in found.signal.parameters:
        raise SettingsError(
            f"{found.signal.name} has no window in which mid could move.",
            "Use obi.calibrate for what such a signal says of later moves.",
        )
    if not given:
        return found.replace(window=seconds)
    window = dict(found.values)["window"]
    if window != seconds:
        raise SettingsError(
            f"The settings of {found.signal.name} have window={window:g}, and seconds={seconds:g}.",
            "Give both the same length.",
        )
    return found


def window_ends(time: Ints, seconds: float) -> Ints:
    """Return the row of the state at the end of each window, once: the last one within it."""
    length = round(seconds * 1e9)
    number = time // length
    last = np.flatnonzero(np.diff(number) > 0)
    # A window in which no state came has none, and no row of its own.
    return np.asarray(last[number[last] > number[:1].sum()], np.int64)


def _same(history: History, rows: Ints, seconds: float) -> Floats:
    """Return the move of mid over the signal's own window, bps; NaN across a gap."""
    start = begins(history.time, seconds)[rows] - 1
    known = (start >= 0) & (history.run_began[rows] <= history.time[np.maximum(start, 0)])
    mid = history.mid
    return np.where(known, 1e4 * (mid[rows] / mid[np.maximum(start, 0)] - 1), np.nan)


def next_moves(history: History, rows: Ints, seconds: float) -> Floats:
    """Return the move of mid over the window that follows, bps; NaN across a gap."""
    return np.asarray(forward_returns(history, [seconds]).bps[0, rows])


def _said(found: RSquared, move: str, seconds: float, of: Parameters) -> str:
    """Return the result in words."""
    if not found.n:
        return f"No value in any window: it looks back over {of.lookback:,.0f} s."
    if np.isnan(found.value):
        return "No result: one of them does not vary."
    if np.isnan(found.low):
        return f"Too few windows to tell: {found.n}, and {FEWEST} are needed."
    where = "within the window" if move == "same" else f"in the next {seconds:g} s"
    if found.low == 0:
        return f"Explains nothing significant of what mid does {where}."
    span = f"{found.low:.1%} to {found.high:.1%}"
    return f"Explains {found.value:.1%} ({span}) of what mid does {where}."
