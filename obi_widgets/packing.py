"""Arrays of books into a history's blocks, and the price grid that they lie on; and out again."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.errors import HistoryError
from obi_widgets.events import Instrument
from obi_widgets.history import BLOCK, TILE, History, Levels
from obi_widgets.signals.portable import LARGEST, SMALLEST, to_whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.settings import Parameters, Settings

    Floats = NDArray[np.float64]

MAX_DECIMALS = 12
MAX_TICKS = 2**32 - 1


def infer_tick(prices: Floats) -> float:
    """Return the coarsest decimal grid through zero that all of the prices lie on.

    Parameters
    ----------
    prices : ndarray of float
        In any order; NaN is passed over.

    Returns
    -------
    float
        Of a single price its last decimal; 0 when there is none.

    Raises
    ------
    HistoryError
        When they lie on no grid of at most twelve decimals.
    """
    prices = np.unique(prices[np.isfinite(prices)])
    if not len(prices):
        return 0.0
    for decimals in range(MAX_DECIMALS + 1):
        scaled = prices * 10.0**decimals
        if scaled[-1] > 1e14:
            break  # so large, any number passes for a whole one
        whole = np.rint(scaled)
        if np.all(np.abs(scaled - whole) <= np.minimum(1e-12 * scaled, 0.01)):
            step = int(np.gcd.reduce(whole.astype(np.int64))) if len(prices) > 1 else 1
            return float(step / 10**decimals)
    raise HistoryError("The prices lie on no decimal grid.", "Round them, or give a tick_size.")


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
) -> History:
    """Check arrays of books and put them into blocks. See `History.from_arrays`."""
    time = _times(time_ns, "time_ns")
    received = time if received_ns is None else _times(received_ns, "received_ns")
    price = [_matrix(one, name, len(time)) for one, name in zip(prices, _PRICES, strict=True)]
    size = [_matrix(one, name, len(time)) for one, name in zip(sizes, _SIZES, strict=True)]
    if len({one.shape for one in (*price, *size)}) > 1 or len(received) != len(time):
        shapes = [(len(time),), (len(received),), *(one.shape for one in (*price, *size))]
        raise HistoryError(f"Shapes differ: {shapes}.", "All arrays have T rows; levels have L.")
    if tick_size is not None and not 0 < tick_size < np.inf:
        raise HistoryError(
            f"tick_size = {tick_size!r} is not possible.", "Give the right one, or none."
        )
    _refuse(np.flatnonzero(np.diff(time) < 0) + 1, "time goes back", "Sort the states by time.")
    count, levels = price[0].shape
    for one, name in zip(price, _PRICES, strict=True):
        _refuse(
            _rows(~np.isnan(one) & ~((one > 0) & np.isfinite(one))),
            f"a {name} is not a finite number above 0",
            "Leave it NaN where there is no level.",
        )
    tick_size = tick_size or infer_tick(np.concatenate([one.ravel() for one in price])) or 1.0
    ticks = []
    for one, quantity, side, name in zip(price, size, (+1, -1), _PRICES, strict=True):
        there = ~np.isnan(one)
        quantity[~there] = 0
        _refuse(
            _rows(there & ~((quantity > SMALLEST) & (quantity < LARGEST))),
            f"a size beside {name} is not a finite number above 0",
            "Leave the price NaN where there is no level.",
        )
        _refuse(
            _rows(there[:, 1:] & ~there[:, :-1]),
            f"{name} has a hole",
            "Put the best level first and NaN last.",
        )
        best = one[:, :1]
        off = to_ticks(one, best, side, tick_size)
        _refuse(
            _rows(there & np.isnan(off)),
            f"{name} is off the grid of {tick_size}",
            "Give the right tick_size, or none.",
        )
        _refuse(
            _rows(there[:, 1:] & ~(np.diff(off) > 0)),
            f"{name} is not sorted",
            "Put the best level first.",
        )
        ticks.append(np.where(there, off, 0))
    # One bit pattern for all NaN, for the sake of the hash.
    bid, ask = (np.where(np.isnan(one[:, 0]), np.nan, one[:, 0]) for one in price)
    _refuse(np.flatnonzero(bid >= ask), "the book is crossed", "Make such a row NaN.")
    whole = unsigned(np.stack(ticks))
    blocks = Levels.empty(-(-count // BLOCK), levels, whole.dtype.type)
    for first in range(0, count, TILE):
        block, tile = blocks[first // BLOCK], first % BLOCK // TILE
        rows = slice(first, min(first + TILE, count))
        for which in (0, 1):
            block.ticks[tile, which, :, : rows.stop - first] = whole[which, rows].T
            block.sizes[tile, which, :, : rows.stop - first] = size[which][rows].T
    return History(
        time, received, bid, ask, tuple(blocks), levels, float(tick_size), instrument=instrument
    )


def unpack(history: History, settings: Settings | Parameters, levels: int) -> pd.DataFrame:
    """Return a DataFrame of states. See `History.to_frame`."""
    import pandas as pd

    from obi_widgets.signals import imbalance

    if not 1 <= levels <= history.levels:
        raise HistoryError(
            f"{levels} levels were asked for.", f"This history has 1 to {history.levels}."
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
    columns["imbalance"] = imbalance(history, settings)
    time, columns["received"] = (
        pd.to_datetime(one.view("datetime64[ns]"), utc=True)
        for one in (history.time, history.received)
    )
    return pd.DataFrame(columns, index=pd.DatetimeIndex(time, name="time"))


def concat(histories: Iterable[History]) -> History:
    """Join histories of one market. See `History.concat`."""
    given = list(histories)
    for one in given:
        if not isinstance(one, History):
            raise HistoryError(
                f"A {type(one).__name__} is not a history.", "Give what obi.load returns."
            )
    parts = sorted((one for one in given if len(one)), key=lambda one: int(one.time[0]))
    if not parts:
        raise HistoryError("There is no state in any of them.", "Give recordings that have some.")
    first = parts[0]
    for before, after in pairwise(parts):
        _refuse_beside(before, after)
    if len(parts) == 1:
        return first
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
    row = 0
    for one, factor in zip(parts, factors, strict=True):
        if row:  # the gap
            time[row], received[row] = time[row - 1] + 1, received[row - 1]
            row += 1
        rows = slice(row, row + len(one))
        time[rows], received[rows], bid[rows], ask[rows] = one.time, one.received, one.bid, one.ask
        reach[:, rows] = one.reach
        for chunk, levels in one.chunks():
            _put(blocks, row + chunk.start, levels, factor)
        row = rows.stop
    return History(
        time, received, bid, ask, tuple(blocks), first.levels, tick_size,
        instrument=first.instrument, parameters=first.parameters,
        reach=reach, strict=any(one.strict for one in parts),
        notes=tuple(dict.fromkeys(note for one in parts for note in one.notes)),
        interval=max(one.interval for one in parts),
    )  # fmt: skip


def _put(blocks: list[Levels], row: int, levels: Levels, factor: int) -> None:
    """Write levels from a row on; they may lie across two tiles."""
    done, count = 0, levels.sizes.shape[2]
    while done < count:
        block, (tile, state) = blocks[row // BLOCK], divmod(row % BLOCK, TILE)
        some = min(TILE - state, count - done)
        to, of = (tile, ..., slice(state, state + some)), (..., slice(done, done + some))
        block.ticks[to], block.sizes[to] = levels.ticks[of].astype(int) * factor, levels.sizes[of]
        row, done = row + some, done + some


def _refuse_beside(before: History, after: History) -> None:
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


def _times(values: ArrayLike, name: str) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.dtype.kind == "O":  # a pandas index with a zone
        import pandas as pd

        array = pd.to_datetime(array, utc=True).to_numpy(dtype="datetime64[ns]")
    if array.dtype.kind == "M":
        _refuse(np.flatnonzero(np.isnat(array)), f"{name} is not a time", "Leave such rows out.")
        array = array.astype("datetime64[ns]").view(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise HistoryError(
            f"{name} has dtype {array.dtype} and {array.ndim} dimensions.",
            "Give one dimension of int64 nanoseconds, or of datetime64.",
        )
    return np.array(array, np.int64)


def _matrix(values: ArrayLike, name: str, rows: int) -> Floats:
    array = np.array(values, dtype=np.float64)
    if array.ndim == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2 or len(array) != rows or not array.shape[1]:
        raise HistoryError(
            f"{name} has shape {array.shape}, and there are {rows} times.",
            "Give a row a time and a column a level.",
        )
    return array


def _rows(bad: NDArray[np.bool_]) -> NDArray[np.intp]:
    return np.flatnonzero(bad.any(axis=1))


def _refuse(rows: NDArray[np.intp], what: str, advice: str) -> None:
    if len(rows):
        raise HistoryError(f"In row {rows[0]} {what} ({len(rows)} rows in all).", advice)


def prices_of(
    ticks: NDArray[np.unsignedinteger[Any]], best: Floats, side: ArrayLike, tick_size: float
) -> Floats:
    """Return the prices so many ticks from the best: below for bids (+1), above for asks (−1)."""
    return on_grid(np.rint(best / tick_size) - np.multiply(side, ticks.astype(float)), tick_size)


def on_grid(ticks: Floats, tick_size: float) -> Floats:
    """Return the prices of whole numbers of ticks, as their decimal text would be read."""
    for decimals in range(13):
        step = np.rint(tick_size * 10**decimals)
        if step and abs(tick_size * 10**decimals / step - 1) < 1e-9:
            return np.asarray(ticks * step / 10**decimals)  # 639439 / 10 is 63943.9, * 0.1 is not
    return np.asarray(ticks * tick_size)
