"""Packing arrays of books into the columns of a history, and unpacking them into a DataFrame."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from obi_widgets.checks import as_float, flag
from obi_widgets.errors import HistoryError, counted, quoted
from obi_widgets.history import context, depth, large_levels, trades
from obi_widgets.history.flow import RANKS, between, flow_of, joined
from obi_widgets.history.grid import snap
from obi_widgets.history.incoming import aligned, floats, refuse, times
from obi_widgets.history.levels import BLOCK, TILE, Levels
from obi_widgets.history.rows_numpy import LARGEST, SMALLEST, to_whole
from obi_widgets.history.silences import Silence
from obi_widgets.market_data.events import Instrument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.history.states import States

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MAX_TICKS = 2**32 - 1


class Joinable(Protocol):
    """What decides whether histories can be joined."""

    @property
    def time(self) -> Ints: ...  # noqa: D102
    @property
    def levels(self) -> int: ...  # noqa: D102
    @property
    def instrument(self) -> Instrument: ...  # noqa: D102
    def __len__(self) -> int: ...


Part = TypeVar("Part", bound=Joinable)


def to_ticks(prices: Floats, best: Floats, side: int, tick_size: float) -> Floats:
    """Return distances from the best price in ticks, NaN where a price is off the grid."""
    return side * (to_whole(best, tick_size) - to_whole(prices, tick_size))


def ticks_away(prices: list[Floats], tick_size: float) -> Floats:
    """Return ticks from each side's best, NaN where either is off the grid."""
    return np.concatenate([abs(to_ticks(one, one[:1], 1, tick_size)) for one in prices])


def unsigned(ticks: NDArray[np.floating[Any]]) -> NDArray[np.unsignedinteger[Any]]:
    """Return integers in the narrowest unsigned type that fits."""
    return ticks.astype(_narrowest(ticks.max(initial=0)))


def _narrowest(largest: float) -> np.dtype[Any]:
    if largest > MAX_TICKS:
        raise HistoryError(
            f"A level lies {largest:,.0f} ticks from the best; at most {MAX_TICKS:,} are possible.",
            "Leave such levels out, or round the prices to a coarser grid.",
        )
    return np.min_scalar_type(int(largest))


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
    price = [_matrix(a, name, time, labels) for a, name in zip(prices, _PRICES, strict=True)]
    size = [_matrix(a, name, time, labels) for a, name in zip(sizes, _SIZES, strict=True)]
    if len({array.shape for array in (*price, *size)}) > 1 or len(received) != len(time):
        shapes = [(len(time),), (len(received),), *(array.shape for array in (*price, *size))]
        raise HistoryError(
            f"Shapes differ: {shapes}.", "Give arrays of T rows, and prices and sizes of L columns."
        )
    if tick_size is not None and not 0 < as_float(tick_size) < np.inf:
        raise HistoryError(
            f"tick_size = {quoted(tick_size)} is not possible.", "Give the right one, or none."
        )
    refuse(np.flatnonzero(np.diff(time) < 0) + 1, "time goes back", "Sort the states by time.")
    count, levels = price[0].shape
    for array, name in zip(price, _PRICES, strict=True):
        refuse(
            _rows(~np.isnan(array) & ~((array > 0) & np.isfinite(array))),
            f"a {name} is not a finite number above 0",
            "Leave it NaN where there is no level.",
        )
    price, tick_size, snapped = snap(price, tick_size)
    tick_size = tick_size or 1.0
    ticks = []
    for array, quantity, side, name in zip(price, size, (+1, -1), _PRICES, strict=True):
        exists = ~np.isnan(array)
        quantity[~exists] = 0
        refuse(
            _rows(exists & ~((quantity > SMALLEST) & (quantity < LARGEST))),
            f"a size beside {name} is not a finite number above 0",
            "Leave the price NaN where there is no level.",
        )
        refuse(
            _rows(exists[:, 1:] & ~exists[:, :-1]),
            f"{name} has a hole",
            "Put the best level first and NaN last.",
        )
        best = array[:, :1]
        distance = to_ticks(array, best, side, tick_size)
        refuse(
            _rows(exists & np.isnan(distance)),
            f"{name} is off the grid of {tick_size}",
            "Give the right tick_size, or none.",
        )
        refuse(
            _rows(exists[:, 1:] & ~(np.diff(distance) > 0)),
            f"{name} is not sorted",
            "Put the best level first.",
        )
        ticks.append(np.where(exists, distance, 0))
    # One bit pattern for all NaN, so that equal states have equal hashes.
    bid, ask = (np.where(np.isnan(a[:, 0]), np.nan, a[:, 0]) for a in price)
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
        "flow": between(price, size, instrument.size_step) if every_event else None,
    }


def unpack(
    history: States, further: Mapping[str, ArrayLike], levels: int, *, flow: bool = False
) -> pd.DataFrame:
    """Return a DataFrame of states. See `History.to_frame`."""
    import pandas as pd

    if not 1 <= as_float(levels) <= history.levels or as_float(levels) % 1:
        raise HistoryError(
            f"levels = {quoted(levels)} is not possible.", f"Give 1 to {history.levels}."
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
        if name in {*columns, "time", "received"}:
            raise HistoryError(
                f"{quoted(name)} is the name of a column of the book.",
                "Give yours another name.",
            )
        columns[name] = floats(aligned(values, history.time, name), name)
        if columns[name].shape != history.time.shape:
            raise HistoryError(
                f"{name} has shape {columns[name].shape}, and the history {history.time.shape}.",
                "Give a value for each state.",
            )
    time, columns["received"] = (
        pd.to_datetime(stamps.view("datetime64[ns]"), utc=True)
        for stamps in (history.time, history.received)
    )
    return pd.DataFrame(columns, index=pd.DatetimeIndex(time, name="time"))


def in_order(histories: Sequence[Part]) -> list[Part]:
    """Return the histories that have states, sorted by time.

    Raises
    ------
    HistoryError
        No states, different markets or numbers of levels, or overlapping times.
    """
    parts = sorted((part for part in histories if len(part)), key=lambda part: int(part.time[0]))
    if not parts:
        raise HistoryError("None of the histories has a state.", "Give recordings that have some.")
    for before, after in pairwise(parts):
        _check_joinable(before, after)
    return parts


def concat(parts: Sequence[States]) -> dict[str, Any]:
    """Join histories that `in_order` sorted; return the fields of a `History`."""
    first = parts[0]
    tick_size = min(part.tick_size for part in parts)
    factors = [_grid_factor(part.tick_size, tick_size) for part in parts]
    largest = max(
        int(block.ticks.max(initial=0)) * factor
        for part, factor in zip(parts, factors, strict=True)
        for block in part.blocks
    )
    count = sum(map(len, parts)) + len(parts) - 1
    blocks = Levels.empty(-(-count // BLOCK), first.levels, _narrowest(largest).type)
    time, received = np.empty(count, np.int64), np.empty(count, np.int64)
    bid, ask = np.full(count, np.nan), np.full(count, np.nan)
    reach = np.full((2, count), np.nan, np.float32)
    trade_ends = np.empty(count, np.int64)
    row = trades_before = 0
    # Shifts of the numbers of states; number and time of the gap after each part.
    shifts, gaps = [], []
    for part, factor in zip(parts, factors, strict=True):
        if row:  # the gap
            time[row], received[row] = time[row - 1] + 1, received[row - 1]
            trade_ends[row] = trades_before
            row += 1
        rows = slice(row, row + len(part))
        shifts.append(row - part.start)
        trade_ends[rows] = part.trade_ends + (trades_before - part.trades.start)
        trades_before += len(part.trades)
        time[rows], received[rows] = part.time, part.received
        bid[rows], ask[rows], reach[:, rows] = part.bid, part.ask, part.reach
        for chunk, levels in part.chunks():
            _put(blocks, row + chunk.start, levels, factor)
        row = rows.stop
        gaps.append((row, int(part.time[-1]) + 1))
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
        "strict": any(part.strict for part in parts),
        "notes": tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        "interval": max(part.interval for part in parts),
        "source": " and ".join(dict.fromkeys(part.source for part in parts if part.source)),
        "flow": joined([part.flow for part in parts]),
        "trades": trades.joined([part.trades for part in parts]),
        "context": context.joined([part.context for part in parts]),
        "trade_ends": trade_ends,
        "depth": depth.joined([part.depth for part in parts], shifts),
        "large_levels": large_levels.joined([p.large_levels for p in parts], shifts, gaps),
        "silences": tuple(
            Silence(silence.first + shift, min(silence.last + shift, end))
            for part, shift, (end, _) in zip(parts, shifts, gaps, strict=True)
            for silence in part.silences
        ),
    }


def _put(blocks: list[Levels], row: int, levels: Levels, factor: int) -> None:
    """Write levels from a row on; they may span two tiles."""
    done, count = 0, levels.sizes.shape[2]
    while done < count:
        block, (tile, state) = blocks[row // BLOCK], divmod(row % BLOCK, TILE)
        fits = min(TILE - state, count - done)
        target, source = (tile, ..., slice(state, state + fits)), (..., slice(done, done + fits))
        block.ticks[target] = levels.ticks[source].astype(int) * factor
        block.sizes[target] = levels.sizes[source]
        row, done = row + fits, done + fits


def _check_joinable(before: Joinable, after: Joinable) -> None:
    """Refuse two successive histories that cannot be joined."""
    names = [f"{h.instrument.venue}:{h.instrument.symbol}" for h in (before, after)]
    if names[0] != names[1]:
        raise HistoryError(
            f"{names[0]} and {names[1]} are different markets.", "Give histories of one market."
        )
    if before.levels != after.levels:
        raise HistoryError(
            f"One history has {counted(before.levels, 'level')} a side, and another has "
            f"{after.levels}.",
            "Load all with the same levels.",
        )
    if after.time[0] <= before.time[-1]:
        times = [f"{t.view('datetime64[ns]')}"[:23] for t in (before.time[-1], after.time[0])]
        raise HistoryError(
            f"One history ends at {times[0]} UTC; the next begins earlier, at {times[1]}.",
            "Give histories that do not overlap.",
        )


def _grid_factor(tick_size: float, finest: float) -> int:
    """Return a tick size as a multiple of the finest one."""
    factor = tick_size / finest
    if abs(factor - round(factor)) > 1e-9 * factor:
        raise HistoryError(
            f"One history has tick size {tick_size}, and another {finest}.",
            "Make both with the same tick_size.",
        )
    return round(factor)


_PRICES = ("bid_price", "ask_price")
_SIZES = ("bid_size", "ask_size")


def _labels(time_ns: object) -> pd.Index[Any] | None:
    """Return the index of the times, if they have one; other columns may share it."""
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
            "Give a row for each time and a column for each level.",
        )
    return array


def _rows(bad: NDArray[np.bool_]) -> NDArray[np.intp]:
    return np.flatnonzero(bad.any(axis=1))
