"""Hypothetical fills of entries, with latency, a queue, and orders that are not filled.

The orders of settings, and those of a `Taker`, are executed by `entries.scan`, as the overlay, the
sweep and the verdict do. A `Maker` is for histories without trades: it is matched on book states
alone. It decides by the same signal and threshold, with one position at a time. If an order is not
filled, it decides again as soon as this is known. The hold begins with the fill; the exit is
decided at the first state after the hold with both sides. Results across a gap are unknown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.errors import ArgumentError, SettingsError
from obi_widgets.history.given import as_history
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.declared import Chosen, leaves_early, refuse_gauge, values_now
from obi_widgets.trading.entries import scan
from obi_widgets.trading.execution import Execution, Maker, Taker
from obi_widgets.trading.exits import HOLD, WORDS
from obi_widgets.trading.matching import CANCELLED, EXPIRED, FILLED, REJECTED, Fill, Tape
from obi_widgets.trading.post_only import refuse_without_trades
from obi_widgets.trading.sizing import graded, size_weights
from obi_widgets.trading.trade_list import (
    GAP,
    OPEN,
    UNFILLED,
    Trades,
    utc_of,
    weighted_mean,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.trading.declared import HasChosen


def fills(
    history: History, settings: HasChosen | Chosen, execution: Execution | None = None
) -> pd.DataFrame:
    """Return the orders of the settings' entries and their hypothetical fills.

    Parameters
    ----------
    history : History
        Book states. More states give more exact fills; ``interval=0`` keeps all.
    settings : Settings or Parameters
        All settings are used. If ``execution`` is given, it replaces those of execution and fees.
    execution : Taker or Maker, optional
        If left out, the execution of the settings: the entries of `obi_widgets.entries`. For
        orders that rest, leave it out and set ``execution="post_only"`` in the settings, unless
        the history has no trades: only then give a `Maker`.

    Returns
    -------
    DataFrame
        A row for each order, with the columns of `obi_widgets.entries`: ``side`` (+1 or −1),
        ``entry_time``, ``exit_time`` (UTC, of the fills), ``entry_price``, ``exit_price`` (quote
        currency, size-weighted), ``gross_bps``, ``net_bps`` (after the fees of both sides),
        ``weight``, ``ended`` (``"held"`` or another exit, ``"gap"``, ``"open"``, or
        ``"unfilled"``). Also ``decision_time`` (UTC); ``status`` of the entry order (``"filled"``,
        ``"cancelled"`` by the slippage limit or for lack of levels, ``"expired"``, ``"rejected"``
        because it would have crossed, ``"gap"`` or ``"open"`` if unknown); ``filled``, 1 or 0, NaN
        if unknown. NaT and NaN where there is no value.

    Raises
    ------
    SettingsError
        If ``settings`` or ``execution`` is something else; or a `Maker` with early exits, with
        size by strength or with a cap.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=120, seed=1)
    >>> orders = obi.fills(history, obi.Settings(hold_seconds=5), obi.Taker(latency=0.1))
    >>> set(orders["status"]) <= {"filled", "cancelled", "gap", "open"}
    True
    """
    parameters = values_now(settings)
    if not isinstance(execution, Taker | Maker | None):
        raise SettingsError(
            f"A {type(execution).__name__} is not an execution.",
            "Give obi.Taker(...) or obi.Maker(...).",
        )
    refuse_gauge(parameters.signal)
    history = as_history(history)
    signal = parameters.signal.compute(history, dict(parameters.values))
    decided = decisions(history, signal, parameters)
    if isinstance(execution, Maker):
        if graded(parameters):
            raise SettingsError(
                "Fills from book states alone have no size, so none by strength.",
                'Set size_by="fixed" and stop_by="fixed", or leave out obi.Maker.',
            )
        if parameters.most_per_hour is not None:
            raise SettingsError(
                "Fills from book states alone have no cap on entries in an hour.",
                "Set most_per_hour=None, or leave out obi.Maker.",
            )
        if leaves_early(parameters):
            raise SettingsError(
                "Fills from book states alone follow no stop, target or exit by the signal.",
                'Leave those out, or leave out obi.Maker and set execution="post_only".',
            )
        return _frame(_simulate(Tape(history), decided.entries, parameters, execution))
    if execution is not None:
        parameters = parameters.replace(
            execution="taker", price="touch", fee_bps=execution.fee_bps,
            latency_ms=1e3 * execution.latency, slippage_bps=execution.slippage_bps,
            size=execution.size,
        )  # fmt: skip
    if parameters.execution == "post_only":
        refuse_without_trades(history)
    return _taken(scan(history, decided, parameters, 0, None), parameters)


def _taken(trades: Trades, parameters: Chosen) -> pd.DataFrame:
    """Return the orders of trades, and the order in flight at the end."""
    frame = _with_pending(trades, parameters)
    filled, ended = frame["entry_price"].notna(), frame["ended"]
    cases = [filled, ended == UNFILLED, ended == GAP]
    frame["status"] = np.select(cases, [FILLED, CANCELLED, GAP], OPEN)
    frame["filled"] = np.select(cases, [1.0, 0.0, np.nan], np.nan)
    frame["entry_time"] = frame["entry_time"].where(filled)
    return frame


def _with_pending(trades: Trades, parameters: Chosen) -> pd.DataFrame:
    """Return trades as a DataFrame, with a row for the entry order in flight."""
    import pandas as pd

    frame = trades.to_frame().assign(decision_time=utc_of(trades.decision_time))
    order = trades.held
    if order is None or order.time:
        return frame
    decided = utc_of(np.array([order.decision_time]))[0]
    weight = size_weights(parameters, np.array([order.grade]))[0]
    row = {"side": order.side, "weight": weight, "ended": OPEN, "decision_time": decided}
    return pd.concat([frame, pd.DataFrame([row])], ignore_index=True).astype(frame.dtypes)


def _simulate(
    tape: Tape, signal: NDArray[np.float64], parameters: Chosen, maker: Maker
) -> list[tuple[int, int, Fill, Fill | None]]:
    """Return side, decision time, entry and exit of each order."""
    candidates = np.flatnonzero(np.abs(signal) > parameters.threshold)
    hold = round(parameters.hold_seconds * 1e9)
    orders: list[tuple[int, int, Fill, Fill | None]] = []
    row, status = 0, ""
    while status != OPEN:
        at = int(np.searchsorted(candidates, row))
        if at == len(candidates):
            break
        row = int(candidates[at])
        side, now = (1 if signal[row] > 0 else -1), int(tape.time[row])
        entry = tape.post(maker, row, now, side)
        left = None
        if entry.status == FILLED:
            left = tape.leave(maker.closing, entry, side, hold)
        orders.append((side, now, entry, left))
        last = entry if left is None else left
        status = last.status
        # It decides again at the first state at which the result is known, perhaps the exit's.
        row = max(row + 1, last.row, int(np.searchsorted(tape.time, last.time)))
    return orders


def _frame(orders: list[tuple[int, int, Fill, Fill | None]]) -> pd.DataFrame:
    import pandas as pd

    def utc(times: list[int]) -> pd.Series[Any]:
        column = np.array(times, np.int64)
        stamps = column.view("datetime64[ns]").copy()
        stamps[column == 0] = np.datetime64("NaT", "ns")
        return pd.Series(pd.to_datetime(stamps, utc=True))

    nothing = Fill("", 0, 0)
    side = np.array([order[0] for order in orders], np.int64)
    entries = [order[2] for order in orders]
    entered = [one.status == FILLED for one in entries]
    exits = [order[3] or nothing for order in orders]
    left = [one.status == FILLED for one in exits]
    entry_price = np.array([one.price for one in entries], float)
    exit_price = np.array([one.price for one in exits], float)
    gross = side * (exit_price / entry_price - 1) * 1e4
    fees = np.array([one.fee_bps + two.fee_bps for one, two in zip(entries, exits, strict=True)])
    ended = [
        WORDS[HOLD] if two.status == FILLED
        else two.status if one.status == FILLED
        else one.status if one.status in (GAP, OPEN)
        else UNFILLED
        for one, two in zip(entries, exits, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(
        {
            "side": side,
            "entry_time": utc([f.time * is_in for f, is_in in zip(entries, entered, strict=True)]),
            "entry_price": entry_price,
            "exit_time": utc([f.time * is_out for f, is_out in zip(exits, left, strict=True)]),
            "exit_price": exit_price,
            "gross_bps": gross,
            "net_bps": gross - fees,
            "weight": np.ones(len(orders)),
            "ended": np.array(ended, np.str_),
            "decision_time": utc([order[1] for order in orders]),
            "status": np.array([one.status for one in entries], np.str_),
            "filled": np.array([one.share for one in entries], float),
        }
    )


def fill_summary(frame: pd.DataFrame) -> pd.Series[float]:
    """Return a summary of `fills`.

    Parameters
    ----------
    frame : DataFrame
        A result of `fills`.

    Returns
    -------
    Series
        ``orders`` with a known result; the fractions ``filled`` and ``unfilled``, and of the latter
        ``cancelled``, ``expired`` and ``rejected``; closed ``entries``; ``won``, the fraction with
        a gain before fees; ``mean_gross_bps`` and ``mean_net_bps`` of an entry, by its weight;
        ``net_per_order_bps``, the mean of weight × net gain of all orders, 0 for an unfilled one.
        NaN without any.

    Raises
    ------
    ArgumentError
        If ``frame`` is another table.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=120, seed=1)
    >>> summary = obi.fill_summary(obi.fills(history, obi.Settings(hold_seconds=5)))
    >>> float(summary["filled"] + summary["unfilled"])
    1.0
    """
    import pandas as pd

    needed = {"status", "ended", "gross_bps", "net_bps", "weight"}
    if not isinstance(frame, pd.DataFrame) or not needed <= set(frame.columns):
        raise ArgumentError(
            f"A {type(frame).__name__} without these columns is not of fills.",
            "Give what obi.fills returns.",
        )
    known = frame[~frame["status"].isin([GAP, OPEN])]
    settled = known[~known["ended"].isin([GAP, OPEN])]
    closed = settled[settled["ended"] != UNFILLED]
    share = known["status"].value_counts(normalize=True)
    none = 0.0 if len(known) else np.nan
    shares = {name: share.get(name, none) for name in (FILLED, CANCELLED, EXPIRED, REJECTED)}
    filled = shares.pop(FILLED)
    return pd.Series(
        {
            "orders": float(len(known)),
            "filled": filled,
            "unfilled": 1 - filled,
            **shares,
            "entries": float(len(closed)),
            "won": (closed["gross_bps"] > 0).mean(),
            "mean_gross_bps": _mean(closed, "gross_bps"),
            "mean_net_bps": _mean(closed, "net_bps"),
            "net_per_order_bps": (settled["weight"] * settled["net_bps"]).fillna(0).mean(),
        },
        dtype=float,
    )


def _mean(closed: pd.DataFrame, name: str) -> float:
    return weighted_mean(closed[name].to_numpy(), closed["weight"].to_numpy())[0]


def queue_bounds(
    history: History, settings: HasChosen | Chosen, execution: Maker | None = None
) -> pd.DataFrame:
    """Return `fill_summary` for orders first in the queue and last in it, from book states alone.

    It assumes fills from changes of the book, as `Maker` says, and is meant for a history without
    trades. With trades, compare ``obi.entries(history, settings, queue="front")`` with ``"back"``,
    where the settings have ``execution="post_only"``.

    Parameters
    ----------
    history : History
        Book states.
    settings : Settings or Parameters
        As `fills` takes them.
    execution : Maker, optional
        Its ``queue``, and that of its exits, is set to each in turn. If left out, ``Maker()``.

    Returns
    -------
    DataFrame
        Rows ``"front"`` and ``"back"``, with the columns of `fill_summary`. The true fraction that
        is filled lies between the two, see `Maker`. Their entries differ: a filled order holds a
        position while an unfilled one decides again.

    Raises
    ------
    SettingsError
        If ``execution`` is not a `Maker`: a taker has no queue.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=120, seed=1)
    >>> bounds = obi.queue_bounds(history, obi.Settings(hold_seconds=5))
    >>> list(bounds.index)
    ['front', 'back']
    """
    import pandas as pd

    execution = Maker() if execution is None else execution
    if not isinstance(execution, Maker):
        raise SettingsError(f"A {type(execution).__name__} has no queue.", "Give obi.Maker(...).")
    return pd.DataFrame(
        {
            queue: fill_summary(fills(history, settings, _in_queue(execution, queue)))
            for queue in ("front", "back")
        }
    ).T


def _in_queue(execution: Execution, queue: Any) -> Any:  # noqa: ANN401
    if not isinstance(execution, Maker):
        return execution
    leave = None if execution.exit is None else _in_queue(execution.exit, queue)
    return replace(execution, queue=queue, exit=leave)
