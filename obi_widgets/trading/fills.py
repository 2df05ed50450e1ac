"""Hypothetical fills: what entries would have cost, with latency, a queue, and orders unfilled.

The decisions are those of `obi_widgets.entries`: above the threshold long, below its negative
short, one position at a time. An order that is not filled leaves the strategy flat, and it decides
again from the moment it knows. The hold begins with the fill; at the first whole book after it the
exit is decided, and filled as the execution says. Nothing is known across a gap.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.errors import ArgumentError, SettingsError
from obi_widgets.history.given import as_history
from obi_widgets.signals import imbalance
from obi_widgets.trading.declared import values_now
from obi_widgets.trading.entries import GAP, HELD, OPEN, UNFILLED
from obi_widgets.trading.execution import Execution, Maker, Taker
from obi_widgets.trading.matching import CANCELLED, EXPIRED, FILLED, REJECTED, Fill, Tape

if TYPE_CHECKING:
    import pandas as pd

    from obi_widgets.history.columns import History
    from obi_widgets.trading.declared import Chosen, HasChosen


def fills(
    history: History, settings: HasChosen | Chosen, execution: Execution | None = None
) -> pd.DataFrame:
    """Return what the orders of the settings' entries would have come to.

    Parameters
    ----------
    history : History
        Book states. The denser they are, the truer: of ``interval=0``, all that the venue told.
    settings : Settings or Parameters
        The signal's, ``threshold`` and ``hold_seconds`` are used; ``price`` and ``fee_bps`` are
        not, since the execution says what is paid.
    execution : Taker or Maker, optional
        A taker without latency at the touch when left out: the entries of `obi_widgets.entries`.

    Returns
    -------
    DataFrame
        A row an order, with the columns of `obi_widgets.entries`: ``side`` (+1 long, −1 short),
        ``entry_time``, ``exit_time`` (UTC, of the fills), ``entry_price``, ``exit_price`` (quote
        currency, size-weighted), ``gross_bps``, ``net_bps`` (after the fees of both sides),
        ``ended`` (``"held"``, ``"gap"``, ``"open"``, or ``"unfilled"``). Beside them:
        ``decision_time`` (UTC); ``status`` of the order that was to enter (``"filled"``,
        ``"cancelled"`` by the slippage limit, ``"expired"``, ``"rejected"`` as it would have
        crossed, ``"gap"`` or ``"open"`` when its fate is not known); ``filled``, the share of it
        that was, 0..1, NaN when not known. NaT and NaN where there is nothing.

    Raises
    ------
    SettingsError
        Settings or an execution that are neither.
    """
    parameters = values_now(settings)
    execution = Taker() if execution is None else execution
    if not isinstance(execution, Taker | Maker):
        raise SettingsError(
            f"A {type(execution).__name__} is not an execution.",
            "Give obi.Taker(...) or obi.Maker(...).",
        )
    return _frame(_simulate(Tape(as_history(history)), parameters, execution))


def _simulate(
    tape: Tape, parameters: Chosen, execution: Execution
) -> list[tuple[int, int, Fill, Fill | None]]:
    """Return side, time of decision, entry and exit of each order."""
    signal = imbalance(tape.history, parameters)
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
        entry = tape.send(execution, row, now, side)
        left = None
        if entry.status == FILLED:
            left = tape.leave(execution.closing, entry, side, hold)
        orders.append((side, now, entry, left))
        last = entry if left is None else left
        status = last.status
        # It decides again at the first state from when it knows: perhaps at that of the exit.
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
        HELD if two.status == FILLED
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
            "ended": np.array(ended, np.str_),
            "decision_time": utc([order[1] for order in orders]),
            "status": np.array([one.status for one in entries], np.str_),
            "filled": np.array([one.share for one in entries], float),
        }
    )


def fill_summary(frame: pd.DataFrame) -> pd.Series[float]:
    """Return what `fills` came to.

    Parameters
    ----------
    frame : DataFrame
        Of `fills`.

    Returns
    -------
    Series
        ``orders`` whose fate is known; the shares of them that were ``filled`` (in part at least)
        and ``unfilled``, and of the latter ``cancelled``, ``expired`` and ``rejected``;
        ``entries`` that were closed; ``won``, the share of them that gained before fees;
        ``mean_gross_bps``, ``mean_net_bps`` of an entry, and ``net_per_order_bps``, the net
        result over all orders, an unfilled one counting 0. NaN where there is nothing to divide
        by.

    Raises
    ------
    ArgumentError
        Another table.
    """
    import pandas as pd

    needed = {"status", "ended", "gross_bps", "net_bps"}
    if not isinstance(frame, pd.DataFrame) or not needed <= set(frame.columns):
        raise ArgumentError(
            f"A {type(frame).__name__} without these columns is not of fills.",
            "Give what obi.fills returns.",
        )
    known = frame[~frame["status"].isin([GAP, OPEN])]
    closed = known[known["ended"] == HELD]
    settled = known[known["ended"].isin([HELD, UNFILLED])]
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
            "mean_gross_bps": closed["gross_bps"].mean(),
            "mean_net_bps": closed["net_bps"].mean(),
            "net_per_order_bps": settled["net_bps"].fillna(0).mean(),
        },
        dtype=float,
    )


def queue_bounds(
    history: History, settings: HasChosen | Chosen, execution: Maker | None = None
) -> pd.DataFrame:
    """Return `fill_summary` for an order first in the queue and for one last in it.

    Parameters
    ----------
    history : History
        Book states.
    settings : Settings or Parameters
        As `fills` takes them.
    execution : Maker, optional
        Its ``queue``, and that of its exits, are set to each in turn. The default when left out.

    Returns
    -------
    DataFrame
        The rows ``"front"`` and ``"back"``, with the columns of `fill_summary`. The shares filled
        bound the true one as `Maker` says. The two do not make the same entries: who is filled is
        busy while the other decides again.

    Raises
    ------
    SettingsError
        An execution that is no `Maker`: a taker has no queue.
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
