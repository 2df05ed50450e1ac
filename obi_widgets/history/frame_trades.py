"""The trades of a DataFrame, and the states that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.errors import HistoryError, quoted
from obi_widgets.history.incoming import floats, single
from obi_widgets.history.trades import LARGEST, Trades, narrowed

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PRICES, SIZES = ("price", "px"), ("size", "qty", "quantity", "amount", "volume")
SIDES = ("side", "taker_side")
IDS = ("id", "trade_id")

BOUGHT = {"buy": 1, "bought": 1, "b": 1, "1": 1, "sell": -1, "sold": -1, "s": -1, "-1": -1}
"""The taker's side by the words for it, in small letters."""

LARGEST_ID = 2**63 - 1

MOST_DECIMALS = 12
EXACT = 2.0**53


def trades_of(frame: pd.DataFrame, time: Ints, received: Ints | None = None) -> Trades:
    """Return the trades of a DataFrame, in the order of their receipt.

    Parameters
    ----------
    frame : DataFrame
        See `History.from_frame`.
    time : ndarray of int64, shape (N,)
        Event times, ns.
    received : ndarray of int64, shape (N,), optional
        Receive times, ns. If omitted, the event times.

    Raises
    ------
    HistoryError
        If a column is missing, or a value is not possible; the error names row and column.
    """
    price_name, size_name = _name(frame, PRICES, "prices"), _name(frame, SIZES, "sizes")
    side_name = _name(frame, SIDES, "the taker's side")
    amounts = []
    for name in (price_name, size_name):
        values = floats(single(frame, name, "trades"), f"trades[{name!r}]")
        bad = np.flatnonzero(~((values > 0) & (values < LARGEST)))
        if len(bad):
            raise HistoryError(
                f"Row {bad[0]} of trades: {name!r} = {values[bad[0]]:g} is not a finite number "
                f"above 0 ({len(bad):,} rows in all).",
                "Leave such trades out.",
            )
        amounts.append(values)
    side = _sides(single(frame, side_name, "trades"), side_name)
    received = time if received is None else received
    number = _numbers(frame)
    order = np.argsort(received, kind="stable")
    price, price_decimals = _whole(amounts[0], price_name)
    size, size_decimals = _whole(amounts[1], size_name)
    return Trades(
        np.stack([time, received, number])[:, order],
        narrowed(np.stack([price, size * side])[:, order]),
        price_decimals,
        size_decimals,
    )


def belonging(trades: Trades, received: Ints) -> tuple[Trades, Ints]:
    """Return the trades received before the last state, and how many were before each state.

    Parameters
    ----------
    trades : Trades
        In the order of receipt.
    received : ndarray of int64, shape (T,)
        When the states were received, ns.
    """
    reached = np.maximum.accumulate(received) if len(received) else received
    ends = np.searchsorted(trades.received, reached).astype(np.int64)
    return trades[: int(ends[-1]) if len(ends) else 0], ends


def _name(frame: pd.DataFrame, names: tuple[str, ...], what: str) -> str:
    found = next((name for name in names if name in frame.columns), None)
    if found is None:
        raise HistoryError(
            f"trades has no column of {what}: {quoted(list(frame.columns))}.",
            f"Call it {' or '.join(names)}.",
        )
    return found


def _numbers(frame: pd.DataFrame) -> Ints:
    """Return the number of each trade.

    It is that of its row, unless a column has whole numbers that are kept, for all trades.
    """
    rows = np.arange(len(frame), dtype=np.int64)
    column = next((name for name in IDS if name in frame.columns), None)
    if column is None:
        return rows
    values = single(frame, column, "trades")
    if values.dtype.kind not in "iu" or values.isna().any() or (values > LARGEST_ID).any():
        return rows
    return values.to_numpy(np.int64)


def _sides(values: pd.Series[Any], name: str) -> Ints:
    """Return the taker's side of each trade: +1 bought, −1 sold."""
    codes, found = values.astype(str).str.lower().factorize()
    words = [str(word).removesuffix(".0").removeprefix("+") for word in found]
    meant = np.array([BOUGHT.get(word, 0) for word in words], np.int64)
    side = np.where(codes < 0, 0, meant[codes] if len(meant) else 0)
    bad = np.flatnonzero(side == 0)
    if len(bad):
        value = quoted(values.iloc[bad[:1]].tolist()[0])
        raise HistoryError(
            f"Row {bad[0]} of trades: {name!r} = {value} is no side ({len(bad):,} rows in all).",
            "Give the taker's side: +1 or 'buy' if the taker bought, -1 or 'sell' if it sold.",
        )
    return np.asarray(side, np.int64)


def _whole(values: Floats, name: str) -> tuple[Ints, int]:
    """Return numbers as whole multiples of a decimal step, and the decimals of the step.

    Numbers that need more than twelve decimals are rounded, as those of a venue are.
    """
    largest = float(values.max(initial=1.0))
    distinct = np.unique(values)
    decimals = 0
    while True:
        steps = distinct * 10.0**decimals
        fits = np.abs(steps - np.rint(steps)) <= np.minimum(1e-12 * steps, 0.01)
        if fits.all() or decimals == MOST_DECIMALS or largest * 10.0 ** (decimals + 1) >= EXACT:
            break
        decimals += 1
    whole = np.rint(values * 10.0**decimals).astype(np.int64)
    if not (whole > 0).all():
        raise HistoryError(
            f"Row {int(np.argmin(whole))} of trades: {name!r} is too small beside the largest, "
            f"{largest:g}.",
            "Leave such trades out.",
        )
    return whole, decimals
