"""Arrays of books into a history's blocks, and the price grid that they lie on; and out again."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from obi_widgets.checks import flag, real
from obi_widgets.errors import HistoryError, quoted
from obi_widgets.history import context, trades
from obi_widgets.history.flow import RANKS, between, flow_of, joined
from obi_widgets.history.grid import snap
from obi_widgets.history.incoming import aligned, floats, refuse, times
from obi_widgets.history.levels import BLOCK, TILE, Levels
from obi_widgets.history.rows_numpy import LARGEST, SMALLEST, to_whole
from obi_widgets.market_data.events import Instrument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.history.states import States

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MAX_TICKS = 2**32 - 1

Part = TypeVar("Part", bound="States")


def to_ticks(prices: Floats, best: Floats, side: int, tick_size: float) -> Floats:
    """Return whole ticks from the best price, NaN where either is off the grid."""
    return side * (to_whole(best, tick_size) - to_whole(prices, tick_size))


def unsigned(ticks: NDArray[np.floating[Any]]) -> NDArray[np.unsignedinteger[Any]]:
    """Return whole numbers as narrow as they allow."""
    return ticks.astype(_narrowest(ticks.max(initial=0)))


def _narrowest(most: float) -> np.dtype[Any]:
    if most > MAX_TICKS:
        raise HistoryError(
            f"A level lies {most:,.0f} ticks from the best, and {MAX_TICKS:,} are possible.",
            "Leave such levels out, or round the prices to a coarser grid.",
        )
    return np.min_scalar_type(int(most))


def pack(
    time_ns: ArrayLike,
    prices: tuple[ArrayLike, ArrayLike],
    sizes: tuple[ArrayLike, ArrayLike],
    *,
    tick_size: float | None,
    received_ns: ArrayLike | None,
    instrument: Instrument,
    unit: str | None = None,
    every_event: bool = False,
) -> dict[str, Any]:
    """Check arrays of books, and return the fields of a `History`; see `History.from_arrays`."""
    time = times(time_ns, "time_ns", unit)
    labels = _labels(time_ns)
    received = time
    if received_ns is not None:
        received = times(aligned(received_ns, time, "received_ns", labels), "received_ns", unit)
    price = [_matrix(one, name, time, labels) for one, name in zip(prices, _PRICES, strict=True)]
    size = [_matrix(one, name, time, labels) for one, name in zip(sizes, _SIZES, strict=True)]
    if len({one.shape for one in (*price, *size)}) > 1 or len(received) != len(time):
        shapes = [(len(time),), (len(received),), *(one.shape for one in (*price, *size))]
        raise HistoryError(f"Shapes differ: {shapes}.", "All arrays have T rows; levels have L.")
    if tick_size is not None and not 0 < real(tick_size) < np.inf:
        raise HistoryError(
            f"tick_size = {quoted(tick_size)} is not possible.", "Give the right one, or none."
        )
    refuse(np.flatnonzero(np.diff(time) < 0) + 1, "time goes back", "Sort the states by time.")
    count, levels = price[0].shape
    for one, name in zip(price, _PRICES, strict=True):
        refuse(
            _rows(~np.isnan(one) & ~((one > 0) & np.isfinite(one))),
            f"a {name} is not a finite number above 0",
            "Leave it NaN where there is no level.",
        )
    price, tick_size, snapped = snap(price, tick_size)
    tick_size = tick_size or 1.0
    ticks = []
    for one, quantity, side, name in zip(price, size, (+1, -1), _PRICES, strict=True):
        there = ~np.isnan(one)
        quantity[~there] = 0
        refuse(
            _rows(there & ~((quantity > SMALLEST) & (quantity < LARGEST))),
            f"a size beside {name} is not a finite number above 0",
            "Leave the price NaN where there is no level.",
        )
        refuse(
            _rows(there[:, 1:] & ~there[:, :-1]),
            f"{name} has a hole",
            "Put the best level first and NaN last.",
        )
        best = one[:, :1]
        off = to_ticks(one, best, side, tick_size)
        refuse(
            _rows(there & np.isnan(off)),
            f"{name} is off the grid of {tick_size}",
            "Give the right tick_size, or none.",
        )
        refuse(
            _rows(there[:, 1:] & ~(np.diff(off) > 0)),
            f"{name} is not sorted",
            "Put the best level first.",
        )
        ticks.append(np.where(there, off, 0))
    # One bit pattern for all NaN, for the sake of the hash.
    bid, ask = (np.where(np.isnan(one[:, 0]), np.nan, one[:, 0]) for one in price)
    refuse(np.flatnonzero(bid >= ask), "the book is crossed", "Make such a row NaN.")
    whole = unsigned(np.stack(ticks))
    blocks = Levels.empty(-(-count // BLOCK), levels, whole.dtype.type)
    for first in range(0, count, TILE):
        block, tile = blocks[first // BLOCK], first % BLOCK // TILE
        rows = slice(first, min(first + TILE, count))
        for which in (0, 1):
            block.ticks[tile, which, :, : rows.stop - first] = whole[which, rows].T
            block.sizes[tile, which, :, : rows.stop - first] = size[which][rows].T
    return {
        "time": time,
        "received": received,
        "bid": bid,
        "ask": ask,
        "blocks": tuple(blocks),
        "levels": levels,
        "tick_size": float(tick_size),
        "instrument": instrument,
        "notes": (snapped,) if snapped else (),
        "flow": between(price, size, instrument.contract_size) if every_event else None,
    }


def unpack(
    history: States, further: Mapping[str, ArrayLike], levels: int, *, flow: bool = False
) -> pd.DataFrame:
    """Return a DataFrame of states. See `History.to_frame`."""
    import pandas as pd

    if not 1 <= real(levels) <= history.levels or real(levels) % 1:
        raise HistoryError(
            f"{quoted(levels)} levels were asked for.", f"This history has 1 to {history.levels}."
        )
    columns: dict[str, Any] = {
        "bid": history.bid,
        "ask": history.ask,
        "mid": history.mid,
        "spread": history.spread,
        "spread_bps": 1e4 * history.spread / history.mid,
    }
    for name, side in (("bid", +1), ("ask", -1)):
        prices, sizes = history.prices(side), history.sizes(side)
        columns[f"{name}_size"] = sizes[:, 0]
        for level in range(1, levels):
            columns[f"{name}_price_{level + 1}"] = prices[:, level]
            columns[f"{name}_size_{level + 1}"] = sizes[:, level]
    if flag("flow", flow):
        sums = flow_of(history)
        lost = history.lost
        for rank in range(RANKS):
            in_base_units = sums.base_units(sums.order_flow[:, rank])
            columns[f"order_flow_{rank + 1}"] = np.where(lost, np.nan, in_base_units)
        columns["events"] = sums.events
    for name, values in further.items():
        columns[name] = floats(aligned(values, history.time, name), name)
        if columns[name].shape != history.time.shape:
            raise HistoryError(
                f"{name} has shape {columns[name].shape}, and the history {history.time.shape}.",
                "Give a value for each state.",
            )
    time, columns["received"] = (
        pd.to_datetime(one.view("datetime64[ns]"), utc=True)
        for one in (history.time, history.received)
    )
    return pd.DataFrame(columns, index=pd.DatetimeIndex(time, name="time"))


def in_order(histories: Sequence[Part]) -> list[Part]:
    """Return those that have states, in the order of time.

    Raises
    ------
    HistoryError
        No state, other markets or levels, times that overlap.
    """
    parts = sorted((one for one in histories if len(one)), key=lambda one: int(one.time[0]))
    if not parts:
        raise HistoryError("There is no state in any of them.", "Give recordings that have some.")
    for before, after in pairwise(parts):
        _refuse_beside(before, after)
    return parts


def concat(parts: Sequence[States]) -> dict[str, Any]:
    """Join histories as `in_order` returns them, and return the fields of a `History`."""
    first = parts[0]
    tick_size = min(one.tick_size for one in parts)
    factors = [_times_as_coarse(one.tick_size, tick_size) for one in parts]
    most = max(
        int(block.ticks.max(initial=0)) * factor
        for one, factor in zip(parts, factors, strict=True)
        for block in one.blocks
    )
    count = sum(map(len, parts)) + len(parts) - 1
    blocks = Levels.empty(-(-count // BLOCK), first.levels, _narrowest(most).type)
    time, received = np.empty(count, np.int64), np.empty(count, np.int64)
    bid, ask = np.full(count, np.nan), np.full(count, np.nan)
    reach = np.full((2, count), np.nan, np.float32)
    trade_ends = np.empty(count, np.int64)
    row = traded = 0
    for one, factor in zip(parts, factors, strict=True):
        if row:  # the gap
            time[row], received[row] = time[row - 1] + 1, received[row - 1]
            trade_ends[row] = traded
            row += 1
        rows = slice(row, row + len(one))
        trade_ends[rows] = one.trade_ends + (traded - one.trades.start)
        traded += len(one.trades)
        time[rows], received[rows], bid[rows], ask[rows] = one.time, one.received, one.bid, one.ask
        reach[:, rows] = one.reach
        for chunk, levels in one.chunks():
            _put(blocks, row + chunk.start, levels, factor)
        row = rows.stop
    return {
        "time": time,
        "received": received,
        "bid": bid,
        "ask": ask,
        "blocks": tuple(blocks),
        "levels": first.levels,
        "tick_size": tick_size,
        "instrument": first.instrument,
        "reach": reach,
        "strict": any(one.strict for one in parts),
        "notes": tuple(dict.fromkeys(note for one in parts for note in one.notes)),
        "interval": max(one.interval for one in parts),
        "flow": joined([one.flow for one in parts]),
        "trades": trades.joined([one.trades for one in parts]),
        "context": context.joined([one.context for one in parts]),
        "trade_ends": trade_ends,
    }


def _put(blocks: list[Levels], row: int, levels: Levels, factor: int) -> None:
    """Write levels from a row on; they may lie across two tiles."""
    done, count = 0, levels.sizes.shape[2]
    while done < count:
        block, (tile, state) = blocks[row // BLOCK], divmod(row % BLOCK, TILE)
        some = min(TILE - state, count - done)
        to, of = (tile, ..., slice(state, state + some)), (..., slice(done, done + some))
        block.ticks[to], block.sizes[to] = levels.ticks[of].astype(int) * factor, levels.sizes[of]
        row, done = row + some, done + some


def _refuse_beside(before: States, after: States) -> None:
    """Refuse two histories, one after the other, that cannot be joined."""
    names = [f"{one.instrument.venue}:{one.instrument.symbol}" for one in (before, after)]
    if names[0] != names[1]:
        raise HistoryError(
            f"{names[0]} and {names[1]} are two markets.", "Give histories of one at a time."
        )
    if before.levels != after.levels:
        raise HistoryError(
            f"One has {before.levels} levels a side, and another {after.levels}.",
            "Load all with the same levels=.",
        )
    if after.time[0] <= before.time[-1]:
        times = [f"{one.view('datetime64[ns]')}"[:23] for one in (before.time[-1], after.time[0])]
        raise HistoryError(
            f"One ends at {times[0]} UTC, and another begins before, at {times[1]}.",
            "Give each time once.",
        )


def _times_as_coarse(tick_size: float, finest: float) -> int:
    """Return how many ticks of the finest grid one of another is."""
    factor = tick_size / finest
    if abs(factor - round(factor)) > 1e-9 * factor:
        raise HistoryError(
            f"One has a tick size of {tick_size}, and another of {finest}.",
            "Make both with the same tick_size=.",
        )
    return round(factor)


_PRICES = ("bid_price", "ask_price")
_SIZES = ("bid_size", "ask_size")


def _labels(time_ns: object) -> pd.Index[Any] | None:
    """Return the index that times were given with, which other columns may share."""
    import pandas as pd

    if isinstance(time_ns, pd.Series):
        return time_ns.index
    return time_ns if isinstance(time_ns, pd.Index) else None


def _matrix(values: object, name: str, time: Ints, labels: pd.Index[Any] | None) -> Floats:
    array = floats(aligned(values, time, name, labels), name)
    if array.ndim == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2 or len(array) != len(time) or not array.shape[1]:
        raise HistoryError(
            f"{name} has shape {array.shape}, and there are {len(time)} times.",
            "Give a row a time and a column a level.",
        )
    return array


def _rows(bad: NDArray[np.bool_]) -> NDArray[np.intp]:
    return np.flatnonzero(bad.any(axis=1))
