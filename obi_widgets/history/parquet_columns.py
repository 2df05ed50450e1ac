"""The columns of a history's Parquet file, in groups. To add a group, add a line to `GROUPS`."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from obi_widgets.errors import HistoryError
from obi_widgets.history.context import Context
from obi_widgets.history.depth import (
    ASK_HIGH,
    ASK_LOW,
    BID_HIGH,
    BID_LOW,
    COLUMNS,
    END,
    RECEIVED,
    ROW,
    TIME,
    Depth,
)
from obi_widgets.history.flow import RANKS, Flow
from obi_widgets.history.large_levels import LargeLevels, kept_from
from obi_widgets.history.large_levels_numpy import ROW as ROW_OF_LEVEL
from obi_widgets.history.levels import BLOCK, TILE, TILES, Levels
from obi_widgets.history.memory import kept, stacked
from obi_widgets.history.trades import Trades

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from obi_widgets.history.states import States

DELTAS, BYTES, PLAIN, DICTIONARY = "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT", "PLAIN", "dictionary"
"""Encodings: differences, byte streams, plain values, or a dictionary of distinct values."""


DEPTH_BINS = {
    "bid_low": BID_LOW, "bid_high": BID_HIGH, "ask_low": ASK_LOW, "ask_high": ASK_HIGH,
}  # fmt: skip
"""Names in a file of what a sample of depth has."""

LARGE_WHOLE = ("number", "state", "born", "time", "end", "stood_before")
LARGE_REAL = ("key", "size", "largest", "removed", "traded", "least")
"""Names in a file of what a large level has."""


class ColumnReader(Protocol):
    """A file that is read: its columns and its metadata."""

    @property
    def facts(self) -> dict[str, Any]:
        """The metadata."""

    def column(self, name: str) -> Any:  # noqa: ANN401
        """Return a column of numbers or times as an array."""

    def arrow(self, name: str) -> Any:  # noqa: ANN401
        """Return a column as pyarrow has it, in one piece."""


class Column(NamedTuple):
    """A column of a file.

    Attributes
    ----------
    name : str
        Name in the file.
    values : ndarray or pyarrow array
        A value for each state.
    encoding : str or dict of str
        Encoding of the values; of lists, by path of their fields.
    """

    name: str
    values: Any
    encoding: str | dict[str, str]


class Group(NamedTuple):
    """Columns that belong together.

    Attributes
    ----------
    write : callable
        Takes a history and a slice of its rows; yields columns.
    read : callable
        Takes a file; returns fields of the history.
    """

    write: Callable[[States, slice], Iterator[Column]]
    read: Callable[[ColumnReader], dict[str, Any]]


def _write_states(history: States, rows: slice) -> Iterator[Column]:
    yield Column("time", _stamps(history.time[rows]), DELTAS)
    yield Column("received", _stamps(history.received[rows]), DELTAS)
    yield Column("bid", history.bid[rows], DICTIONARY)
    yield Column("ask", history.ask[rows], DICTIONARY)
    yield Column("bid_reach", history.reach[0, rows], DICTIONARY)
    yield Column("ask_reach", history.reach[1, rows], DICTIONARY)


def _read_states(file: ColumnReader) -> dict[str, Any]:
    times = {name: file.column(name).view(np.int64) for name in ("time", "received")}
    best = {name: file.column(name) for name in ("bid", "ask")}
    reach = np.stack([file.column("bid_reach"), file.column("ask_reach")])
    return {**times, **best, "reach": reach}


def _write_levels(history: States, rows: slice) -> Iterator[Column]:
    part = history[rows]
    for rank in range(history.levels):
        ticks, sizes = part.rank(rank)
        for which, side in enumerate(("bid", "ask")):
            yield Column(f"{side}_ticks_{rank + 1}", ticks[which], BYTES)
            yield Column(f"{side}_size_{rank + 1}", sizes[which], PLAIN)


def _read_levels(file: ColumnReader) -> dict[str, Any]:
    levels = int(file.facts["levels"])
    blocks: list[Levels] = []
    for width, run in groupby(file.facts["tick_bytes"]):
        dtype = np.dtype(f"u{width}")
        blocks += Levels.empty(len(list(run)), levels, dtype.type)
    for rank in range(levels):
        for which, side in enumerate(("bid", "ask")):
            ticks = file.column(f"{side}_ticks_{rank + 1}")
            sizes = file.column(f"{side}_size_{rank + 1}")
            for number, block in enumerate(blocks):
                rows = slice(number * BLOCK, (number + 1) * BLOCK)
                _put(block.ticks[:, which, rank], ticks[rows])
                _put(block.sizes[:, which, rank], sizes[rows])
    return {"blocks": tuple(blocks)}


def _put(tiles: NDArray[Any], values: NDArray[Any]) -> None:
    """Write values to a rank's tiles, shape (TILES, TILE); the last block may not be full."""
    for tile in range(TILES):
        part = values[tile * TILE : (tile + 1) * TILE]
        tiles[tile, : len(part)] = part


def _write_flow(history: States, rows: slice) -> Iterator[Column]:
    flow = history.flow
    if flow is None:
        return
    for rank in range(RANKS):
        yield Column(f"order_flow_{rank + 1}", flow.order_flow[rows, rank], DELTAS)
    yield Column("events", flow.events[rows], DELTAS)


def _read_flow(file: ColumnReader) -> dict[str, Any]:
    lot_size = file.facts["lot_size"]
    if lot_size is None:
        return {"flow": None}
    ranks = [file.column(f"order_flow_{rank + 1}") for rank in range(RANKS)]
    return {"flow": Flow(stacked(ranks, axis=1), file.column("events"), lot_size)}


def _write_trades(history: States, rows: slice) -> Iterator[Column]:
    part = history[rows]
    trades = part.trades
    ends = np.append(trades.start, part.trade_ends) - trades.start
    fields = {
        "time": (_stamps(trades.time), DELTAS),
        "received": (_stamps(trades.received), DELTAS),
        "id": (trades.id, DELTAS),
        "price_steps": (trades.amounts[0], DELTAS),
        "lots": (trades.amounts[1], BYTES),
    }
    yield _lists("trades", ends, fields)


def _read_trades(file: ColumnReader) -> dict[str, Any]:
    ends, column = _unlisted(file.arrow("trades"))
    told = file.facts["trades"]
    names = ("time", "received", "id")
    table = Trades(
        stacked([column(name).view(np.int64) for name in names]),
        stacked([column("price_steps"), column("lots")]),
        **told,
    )
    return {"trades": table, "trade_ends": kept(ends + table.start)}


def _write_context(history: States, rows: slice) -> Iterator[Column]:
    told = history.context
    reached = np.maximum.accumulate(history.received)
    ends = np.append(0, np.searchsorted(told.received, reached))
    ends[-1] = len(told)
    here = slice(int(ends[rows.start]), int(ends[rows.stop]))
    fields = {
        "time": (_stamps(told.time[here]), DELTAS),
        "received": (_stamps(told.received[here]), DELTAS),
        "code": (told.code[here], BYTES),
        "value": (told.value[here], BYTES),
    }
    yield _lists("context", ends[rows.start : rows.stop + 1] - here.start, fields)


def _read_context(file: ColumnReader) -> dict[str, Any]:
    column = _unlisted(file.arrow("context"))[1]
    stamps = stacked([column(name).view(np.int64) for name in ("time", "received")])
    return {
        "context": Context(stamps, kept(column("code").astype(np.uint8)), kept(column("value")))
    }


def _write_depth(history: States, rows: slice) -> Iterator[Column]:
    part = history[rows]
    table = part.depth
    samples = table.samples
    ends = np.append(0, samples[ROW].searchsorted(part.start + np.arange(1, len(part) + 1)))
    fields = {
        "time": (_stamps(table.time), DELTAS),
        "received": (_stamps(table.received), DELTAS),
        "bid_reach": (table.reach[0], DICTIONARY),
        "ask_reach": (table.reach[1], DICTIONARY),
    }
    fields |= {name: (samples[which], DELTAS) for name, which in DEPTH_BINS.items()}
    yield _lists("depth", ends, fields)
    sizes = np.append(table.start, samples[END])[ends] - table.start
    yield _lists("depth_sizes", sizes, {"size": (table.sizes, PLAIN)})


def _read_depth(file: ColumnReader) -> dict[str, Any]:
    if "depth_step" not in file.facts:
        return {}  # of a version that did not sample it
    ends, column = _unlisted(file.arrow("depth"))
    samples = np.empty((COLUMNS, int(ends[-1]) if len(ends) else 0), np.int64)
    samples[TIME], samples[RECEIVED] = (
        column(name).view(np.int64) for name in ("time", "received")
    )
    numbers = int(file.facts["start"]) + np.arange(len(ends))
    samples[ROW] = np.repeat(numbers, np.diff(ends, prepend=0))
    for name, which in DEPTH_BINS.items():
        samples[which] = column(name)
    counts = samples[BID_HIGH] - samples[BID_LOW] + samples[ASK_HIGH] - samples[ASK_LOW]
    samples[END] = np.cumsum(counts)
    reach = np.stack([column(name) for name in ("bid_reach", "ask_reach")])
    sizes = _unlisted(file.arrow("depth_sizes"))[1]("size")
    return {"depth": Depth(samples, reach, sizes, float(file.facts["depth_step"]))}


def _write_large_levels(history: States, rows: slice) -> Iterator[Column]:
    table = history.large_levels
    kept = kept_from(table.whole, table.first)
    whole, real = table.whole[:, kept], table.real[:, kept]
    numbers = history.start + np.arange(1, len(history) + 1)
    ends = np.append(0, np.searchsorted(whole[ROW_OF_LEVEL], numbers))
    here = slice(int(ends[rows.start]), int(ends[rows.stop]))
    fields: dict[str, tuple[Any, str]] = {
        name: (whole[which, here], DELTAS) for which, name in enumerate(LARGE_WHOLE)
    }
    fields |= {name: (real[which, here], PLAIN) for which, name in enumerate(LARGE_REAL)}
    yield _lists("large_levels", ends[rows.start : rows.stop + 1] - here.start, fields)


def _read_large_levels(file: ColumnReader) -> dict[str, Any]:
    if "large_levels" not in file.facts:
        return {}  # of a version that did not follow them
    column = _unlisted(file.arrow("large_levels"))[1]
    whole, real = (np.stack([column(name) for name in some]) for some in (LARGE_WHOLE, LARGE_REAL))
    rule: dict[str, Any] = dict(file.facts["large_levels"])
    rule["edges"] = tuple(rule["edges"])
    return {"large_levels": LargeLevels(whole, real, int(file.facts["start"]), **rule)}


GROUPS = (
    Group(_write_states, _read_states),
    Group(_write_levels, _read_levels),
    Group(_write_flow, _read_flow),
    Group(_write_trades, _read_trades),
    Group(_write_context, _read_context),
    Group(_write_depth, _read_depth),
    Group(_write_large_levels, _read_large_levels),
)
"""All columns of a history."""


def _stamps(times: NDArray[np.int64]) -> Any:  # noqa: ANN401
    """Return times as a pyarrow array of timestamps, so that other readers recognise them."""
    arrow = pyarrow_module()
    return arrow.array(np.ascontiguousarray(times)).cast(arrow.timestamp("ns", "UTC"))


def _lists(name: str, ends: NDArray[np.int64], fields: dict[str, tuple[Any, str]]) -> Column:
    """Return a column whose rows are lists of records."""
    arrow = pyarrow_module()
    values = [
        one if isinstance(one, arrow.Array) else arrow.array(np.ascontiguousarray(one))
        for one, _ in fields.values()
    ]
    records = arrow.StructArray.from_arrays(values, list(fields))
    encodings = {f"{name}.list.element.{field}": how for field, (_, how) in fields.items()}
    return Column(
        name, arrow.ListArray.from_arrays(arrow.array(ends.astype(np.int32)), records), encodings
    )


def _unlisted(column: Any) -> tuple[NDArray[np.int64], Callable[[str], NDArray[Any]]]:  # noqa: ANN401
    """Return the ends of a column's lists, and a function that returns a field of their records."""
    records, offsets = column.flatten(), column.offsets.to_numpy().astype(np.int64)

    def field(name: str) -> NDArray[Any]:
        return np.asarray(records.field(name).to_numpy(zero_copy_only=False))

    return offsets[1:] - offsets[0], field


def pyarrow_module() -> Any:  # noqa: ANN401
    """Return pyarrow; raise an error with advice if it is missing."""
    try:
        import pyarrow
    except ImportError:
        raise HistoryError(
            "Parquet files need pyarrow, which is not installed.",
            "Install it with: pip install 'obi-widgets[parquet]'.",
        ) from None
    return pyarrow
