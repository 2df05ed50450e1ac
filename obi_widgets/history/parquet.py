"""A history in a Parquet file: a row a state, with everything that the history knows.

Levels are columns by side and rank, as ticks from the best and sizes; trades and context are lists
in the row of the state that they belong to. What is no column stands in the file's metadata.

What a history consists of is told in `GROUPS`: one more group of columns is one more line.
"""

from __future__ import annotations

import hashlib
import json
import os
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from obi_widgets.checks import path as as_path
from obi_widgets.errors import HistoryError, RecordingError
from obi_widgets.history.columns import History
from obi_widgets.history.context import Context
from obi_widgets.history.flow import RANKS, Flow
from obi_widgets.history.levels import BLOCK, TILE, TILES, Levels
from obi_widgets.history.memory import give_back
from obi_widgets.history.trades import Trades
from obi_widgets.market_data.events import Instrument
from obi_widgets.version import version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT, VERSION = "obi-history", 1

KEY = b"obi"
"""Of the metadata."""

MAGIC = b"PAR1"
"""What a Parquet file begins with."""

ROWS = 32 * BLOCK
"""States that are written at once: more take more memory, fewer more room in the file."""

LEVEL = 6
"""How hard Zstandard tries."""

FACTS = ("levels", "tick_size", "start", "strict", "notes", "interval")
"""Of a history: what is as it stands in the metadata."""

TIMES, BYTES, PLAIN, WORDS = "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT", "PLAIN", "words"
"""How values are encoded: as steps, byte by byte, as they are, or as numbers of distinct ones."""

AGAIN = "Save it anew, from the history or the recording that it was made of."


class Column(NamedTuple):
    """A column of a file.

    Attributes
    ----------
    name : str
        In the file.
    values : ndarray, or an array of pyarrow
        A value a state.
    encoding : str or dict of str
        Of the values, or by path of those that lists hold.
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
        Takes a file; returns the fields of the history that they make.
    """

    write: Callable[[History, slice], Iterator[Column]]
    read: Callable[[File], dict[str, Any]]


class File:
    """A file that is read: its columns, one by one, and its metadata."""

    def __init__(self, path: Path) -> None:
        self._file = _parquet().ParquetFile(path, pre_buffer=False, page_checksum_verification=True)
        said = json.loads((self._file.schema_arrow.metadata or {}).get(KEY, b"null"))
        if isinstance(said, dict) and said.pop("checksum", "") != _sum(said):
            raise ValueError("what it says of itself was changed")
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise RecordingError(
                f"{path.name} is a Parquet table that History.save did not write.",
                "Read it with pandas.read_parquet, and give its columns to "
                "obi.History.from_arrays(time_ns, bid_price, bid_size, ask_price, ask_size).",
                path=path,
            )
        if said["version"] != VERSION:
            raise RecordingError(
                f"{path.name} is a history of version {said['version']}, and this package reads "
                f"{VERSION}.",
                "Update with: pip install -U obi-widgets.",
                path=path,
            )
        self.facts: dict[str, Any] = said
        self.states = int(self._file.metadata.num_rows)

    def column(self, name: str) -> Any:  # noqa: ANN401
        """Return a column of numbers or times as an array."""
        return np.array(self.arrow(name).to_numpy(zero_copy_only=False))

    def arrow(self, name: str) -> Any:  # noqa: ANN401
        """Return a column as pyarrow has it, in one piece."""
        return self._file.read(columns=[name], use_threads=False).column(0).combine_chunks()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


# -- groups ------------------------------------------------------------------------------------


def _write_states(history: History, rows: slice) -> Iterator[Column]:
    yield Column("time", _stamps(history.time[rows]), TIMES)
    yield Column("received", _stamps(history.received[rows]), TIMES)
    yield Column("bid", history.bid[rows], WORDS)
    yield Column("ask", history.ask[rows], WORDS)
    yield Column("bid_reach", history.reach[0, rows], WORDS)
    yield Column("ask_reach", history.reach[1, rows], WORDS)


def _read_states(file: File) -> dict[str, Any]:
    times = {name: file.column(name).view(np.int64) for name in ("time", "received")}
    best = {name: file.column(name) for name in ("bid", "ask")}
    reach = np.stack([file.column("bid_reach"), file.column("ask_reach")])
    return {**times, **best, "reach": reach}


def _write_levels(history: History, rows: slice) -> Iterator[Column]:
    part = history[rows]
    for rank in range(history.levels):
        ticks, sizes = part.rank(rank)
        for which, side in enumerate(("bid", "ask")):
            yield Column(f"{side}_ticks_{rank + 1}", ticks[which], BYTES)
            yield Column(f"{side}_size_{rank + 1}", sizes[which], PLAIN)


def _read_levels(file: File) -> dict[str, Any]:
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


def _write_flow(history: History, rows: slice) -> Iterator[Column]:
    flow = history.flow
    if flow is None:
        return
    for rank in range(RANKS):
        yield Column(f"order_flow_{rank + 1}", flow.order_flow[rows, rank], TIMES)
    yield Column("events", flow.events[rows], TIMES)


def _read_flow(file: File) -> dict[str, Any]:
    lot_size = file.facts["lot_size"]
    if lot_size is None:
        return {"flow": None}
    ranks = [file.column(f"order_flow_{rank + 1}") for rank in range(RANKS)]
    return {"flow": Flow(np.stack(ranks, axis=1), file.column("events"), lot_size)}


def _write_trades(history: History, rows: slice) -> Iterator[Column]:
    part = history[rows]
    trades = part.trades
    ends = np.append(trades.start, part.trade_ends) - trades.start
    fields = {
        "time": (_stamps(trades.time), TIMES),
        "received": (_stamps(trades.received), TIMES),
        "id": (trades.id, TIMES),
        "price_steps": (trades.amounts[0], TIMES),
        "lots": (trades.amounts[1], BYTES),
    }
    yield _lists("trades", ends, fields)


def _read_trades(file: File) -> dict[str, Any]:
    ends, column = _unlisted(file.arrow("trades"))
    told = file.facts["trades"]
    names = ("time", "received", "id")
    table = Trades(
        np.stack([column(name).view(np.int64) for name in names]),
        np.stack([column("price_steps"), column("lots")]),
        **told,
    )
    return {"trades": table, "trade_ends": ends + table.start}


def _write_context(history: History, rows: slice) -> Iterator[Column]:
    told = history.context
    reached = np.maximum.accumulate(history.received)
    ends = np.append(0, np.searchsorted(told.received, reached))
    ends[-1] = len(told)
    here = slice(int(ends[rows.start]), int(ends[rows.stop]))
    fields = {
        "time": (_stamps(told.time[here]), TIMES),
        "received": (_stamps(told.received[here]), TIMES),
        "code": (told.code[here], BYTES),
        "value": (told.value[here], BYTES),
    }
    yield _lists("context", ends[rows.start : rows.stop + 1] - here.start, fields)


def _read_context(file: File) -> dict[str, Any]:
    column = _unlisted(file.arrow("context"))[1]
    stamps = np.stack([column(name).view(np.int64) for name in ("time", "received")])
    return {"context": Context(stamps, column("code").astype(np.uint8), column("value"))}


GROUPS = (
    Group(_write_states, _read_states),
    Group(_write_levels, _read_levels),
    Group(_write_flow, _read_flow),
    Group(_write_trades, _read_trades),
    Group(_write_context, _read_context),
)
"""All that a history consists of. One more group is one more line."""


def _stamps(times: NDArray[np.int64]) -> Any:  # noqa: ANN401
    """Return times as pyarrow has them, so that other readers know what they are."""
    arrow = _arrow()
    return arrow.array(np.ascontiguousarray(times)).cast(arrow.timestamp("ns", "UTC"))


def _lists(name: str, ends: NDArray[np.int64], fields: dict[str, tuple[Any, str]]) -> Column:
    """Return a column whose rows are lists of records."""
    arrow = _arrow()
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
    """Return where the lists of a column end, and what gives a field of the records in them."""
    records, offsets = column.flatten(), column.offsets.to_numpy().astype(np.int64)

    def field(name: str) -> NDArray[Any]:
        return np.array(records.field(name).to_numpy(zero_copy_only=False))

    return offsets[1:] - offsets[0], field


# -- files -------------------------------------------------------------------------------------


def save(history: History, path: str | Path) -> Path:
    """Write a history to a file; see `History.save`."""
    target = as_path(path)
    if target.suffix != ".parquet":
        raise HistoryError(
            f"{target.name!r} ends in {target.suffix!r}.", "A history is kept as .parquet."
        )
    parquet = _parquet()
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        try:
            _write(parquet, history, beside)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise HistoryError(
            f"{target} cannot be written: {error.strerror or error}.",
            "Make room, or save it elsewhere.",
        ) from error
    return target


def _write(parquet: Any, history: History, path: Path) -> None:  # noqa: ANN401
    arrow, writer = _arrow(), None
    facts = _facts(history)
    facts["checksum"] = _sum(facts)
    with path.open("wb") as file:
        for first in range(0, max(len(history), 1), ROWS):
            rows = slice(first, min(first + ROWS, len(history)))
            columns = [one for group in GROUPS for one in group.write(history, rows)]
            table = arrow.table({one.name: one.values for one in columns})
            if writer is None:
                encodings: dict[str, str] = {}
                for one in columns:
                    told = one.encoding
                    encodings |= {one.name: told} if isinstance(told, str) else told
                writer = parquet.ParquetWriter(
                    file,
                    table.schema.with_metadata({KEY: json.dumps(facts)}),
                    compression="zstd",
                    compression_level=LEVEL,
                    use_dictionary=[name for name, how in encodings.items() if how == WORDS],
                    column_encoding={n: how for n, how in encodings.items() if how != WORDS},
                    write_statistics=["time", "received"],
                    write_page_checksum=True,
                    store_schema=True,
                )
            writer.write_table(table.cast(writer.schema), row_group_size=ROWS)
        assert writer is not None
        writer.close()
        file.flush()
        os.fsync(file.fileno())


def _facts(history: History) -> dict[str, Any]:
    """Return what is no column."""
    trades = history.trades
    return {
        "format": FORMAT,
        "version": VERSION,
        "package": f"obi-widgets {version()}",
        "instrument": msgspec.to_builtins(history.instrument),
        **{name: getattr(history, name) for name in FACTS},
        "lot_size": None if history.flow is None else history.flow.lot_size,
        "tick_bytes": [
            _width(history[first : first + BLOCK]) for first in range(0, len(history), BLOCK)
        ],
        "trades": {
            "price_decimals": trades.price_decimals,
            "size_decimals": trades.size_decimals,
            "start": trades.start,
            "streamed": trades.streamed,
        },
        "sha256": _hashes(history),
    }


def _sum(facts: dict[str, Any]) -> str:
    """Return a hash of the metadata."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _width(history: History) -> int:
    """Return the bytes that each tick of a block needs."""
    most = max(int(levels.ticks.max()) for _, levels in history.chunks())
    return int(np.min_scalar_type(most).itemsize)


def _hashes(history: History) -> list[str]:
    """Return the hashes of states, trades and context."""
    return [history.sha256(), history.trades.sha256(), history.context.sha256()]


def is_parquet(path: Path) -> bool:
    """Return whether a file begins as a Parquet table does."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False  # whoever reads it says why


def load(path: Path) -> History:
    """Return the history that `History.save` wrote.

    Raises
    ------
    RecordingError
        A Parquet table of another kind; a file that is cut off, damaged or of a later version.
    HistoryError
        When pyarrow is not installed.
    """
    arrow = _arrow()
    try:
        file = File(path)
        try:
            fields: dict[str, Any] = {}
            for group in GROUPS:
                fields |= group.read(file)
            facts = file.facts
            said = {name: facts[name] for name in FACTS}
            said |= {"notes": tuple(said["notes"]), "instrument": _instrument(facts)}
            history = History(**fields, **said)
            whole = _hashes(history) == facts["sha256"]
        finally:
            file.close()
            arrow.default_memory_pool().release_unused()
            give_back()
    except (arrow.ArrowException, OSError, LookupError, TypeError, ValueError) as error:
        if isinstance(error, RecordingError):
            raise
        why = " ".join(str(error).split())[:160].rstrip(".")
        raise RecordingError(
            f"{path.name} is a Parquet table that is cut off or damaged: {why}.", AGAIN, path=path
        ) from error
    if not whole:
        raise RecordingError(
            f"{path.name} is damaged: it does not hold the states and trades that were saved.",
            AGAIN,
            path=path,
        )
    return history


def _instrument(facts: dict[str, Any]) -> Instrument:
    return msgspec.convert(facts["instrument"], Instrument)


def _arrow() -> Any:  # noqa: ANN401
    try:
        import pyarrow
    except ImportError:
        raise HistoryError(
            "Parquet files need pyarrow, which is not installed.",
            "Install it with: pip install 'obi-widgets[parquet]'.",
        ) from None
    return pyarrow


def _parquet() -> Any:  # noqa: ANN401
    _arrow()
    import pyarrow.parquet

    return pyarrow.parquet
