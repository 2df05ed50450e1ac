"""Saving a history to a Parquet file, and loading it.

The file has a row for each state. Levels are columns by side and rank (ticks from the best, sizes);
trades and context are lists in the row of their state; everything else is in the file's metadata.
The module `obi_widgets.history.parquet_columns` defines the columns.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np

from obi_widgets.checks import path as as_path
from obi_widgets.errors import HistoryError, RecordingError
from obi_widgets.history.levels import BLOCK
from obi_widgets.history.memory import give_back, kept
from obi_widgets.history.parquet_columns import DICTIONARY, GROUPS, pyarrow_module
from obi_widgets.history.silences import Silence
from obi_widgets.market_data.events import Instrument
from obi_widgets.version import version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from obi_widgets.history.states import States

Made = TypeVar("Made", bound="States")

FORMAT, VERSION = "obi-history", 1

KEY = b"obi"
"""Key of the metadata."""

MAGIC = b"PAR1"
"""First bytes of a Parquet file."""

GROUP_ROWS = 32 * BLOCK
"""States in a row group: more need more memory, fewer make a larger file."""

COMPRESSION_LEVEL = 6
"""Compression level of Zstandard."""

FACTS = ("levels", "tick_size", "start", "strict", "notes", "interval")
"""Fields of a history that the metadata stores unchanged."""

ADDED = {"depth_step": "depth by price bin", "large_levels": "large levels"}
"""Tables that the files of earlier versions lack, by their name in the metadata."""

SAVE_AGAIN = "Save it again, from the original history or recording."


class File:
    """A file that is read: its columns and its metadata."""

    def __init__(self, path: Path) -> None:
        self._file = _parquet().ParquetFile(path, pre_buffer=False, page_checksum_verification=True)
        said = json.loads((self._file.schema_arrow.metadata or {}).get(KEY, b"null"))
        if isinstance(said, dict) and said.pop("checksum", "") != _sum(said):
            raise ValueError("its metadata do not match their checksum")
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
        return kept(self.arrow(name).to_numpy(zero_copy_only=False))

    def arrow(self, name: str) -> Any:  # noqa: ANN401
        """Return a column as pyarrow has it, in one piece."""
        return self._file.read(columns=[name], use_threads=False).column(0).combine_chunks()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


# -- files -------------------------------------------------------------------------------------


def save(history: States, path: str | Path, recordings: Mapping[str, int] | None = None) -> Path:
    """Write a history to a file; see `History.save`.

    ``recordings`` has the names and sizes, bytes, of the files that it was made of.
    """
    target = as_path(path)
    if target.suffix != ".parquet":
        raise HistoryError(f"{target.name!r} does not end in .parquet.", "Give a path that does.")
    parquet = _parquet()
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        try:
            _write(parquet, history, beside, dict(recordings or {}))
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise HistoryError(
            f"{target} cannot be written: {error.strerror or error}.",
            "Make its folder first, or save it elsewhere."
            if not target.parent.is_dir()
            else "Free some space, or save it elsewhere.",
        ) from error
    return target


def _write(
    parquet: Any,  # noqa: ANN401
    history: States,
    path: Path,
    recordings: dict[str, int],
) -> None:
    arrow, writer = pyarrow_module(), None
    facts = {**_facts(history), "recordings": recordings}
    facts["checksum"] = _sum(facts)
    with path.open("wb") as file:
        for first in range(0, max(len(history), 1), GROUP_ROWS):
            rows = slice(first, min(first + GROUP_ROWS, len(history)))
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
                    compression_level=COMPRESSION_LEVEL,
                    use_dictionary=[name for name, how in encodings.items() if how == DICTIONARY],
                    column_encoding={n: how for n, how in encodings.items() if how != DICTIONARY},
                    write_statistics=["time", "received"],
                    write_page_checksum=True,
                    store_schema=True,
                )
            writer.write_table(table.cast(writer.schema), row_group_size=GROUP_ROWS)
        assert writer is not None
        writer.close()
        file.flush()
        os.fsync(file.fileno())


def _facts(history: States) -> dict[str, Any]:
    """Return the metadata."""
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
        "depth_step": history.depth.step,
        "large_levels": {
            name: getattr(history.large_levels, name) for name in ("edges", "quantile", "multiple")
        },
        "silences": history.silences,
        "source": history.source,
        "sha256": hashes(history),
    }


def _sum(facts: dict[str, Any]) -> str:
    """Return a checksum of the metadata."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _width(history: States) -> int:
    """Return the bytes per tick that a block needs."""
    most = max(int(levels.ticks.max()) for _, levels in history.chunks())
    return int(np.min_scalar_type(most).itemsize)


def hashes(history: States) -> list[str]:
    """Return the hashes of states, trades, context, depth and large levels."""
    tables = history.trades, history.context, history.depth, history.large_levels
    return [history.sha256(), *(table.sha256() for table in tables)]


def is_parquet(path: Path) -> bool:
    """Return whether a file begins with Parquet's magic bytes."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False  # opening it raises the error with its reason


def load(path: Path, make: Callable[..., Made]) -> Made:
    """Return the history that `History.save` wrote.

    Parameters
    ----------
    path : Path
        The file.
    make : callable
        Constructor of a history from its fields: `History`.

    Raises
    ------
    RecordingError
        A Parquet table of another kind, or a truncated, damaged or newer file.
    HistoryError
        If pyarrow is not installed.
    """
    arrow = pyarrow_module()
    try:
        file = File(path)
        try:
            fields: dict[str, Any] = {}
            for group in GROUPS:
                fields |= group.read(file)
            facts = file.facts
            said = {name: facts[name] for name in FACTS}
            said |= {"notes": _notes(path, facts), "instrument": _instrument(facts)}
            said["silences"] = tuple(Silence(*one) for one in facts.get("silences", ()))
            said["source"] = facts.get("source", "")  # earlier versions did not store it
            history = make(**fields, **said)
            told = facts["sha256"]  # fewer of a version that did not have all tables
            whole = hashes(history)[: len(told)] == told
        finally:
            file.close()
            arrow.default_memory_pool().release_unused()
            give_back()
    except (arrow.ArrowException, OSError, LookupError, TypeError, ValueError) as error:
        if isinstance(error, RecordingError):
            raise
        why = " ".join(str(error).split())[:160].rstrip(".")
        raise RecordingError(
            f"{path.name} is a truncated or damaged Parquet file: {why}.", SAVE_AGAIN, path=path
        ) from error
    if not whole:
        raise RecordingError(
            f"{path.name} is damaged: its contents differ from what was saved.",
            SAVE_AGAIN,
            path=path,
        )
    return history


def _notes(path: Path, facts: dict[str, Any]) -> tuple[str, ...]:
    """Return the notes of a file, and one about the tables that it lacks."""
    lacking = [table for name, table in ADDED.items() if name not in facts]
    if not lacking:
        return tuple(facts["notes"])
    what = " and ".join(lacking)
    note = f"{path.name} was saved by an earlier version, so its {what} are unknown, not empty."
    return (*facts["notes"], note)


def _instrument(facts: dict[str, Any]) -> Instrument:
    return msgspec.convert(facts["instrument"], Instrument)


def _parquet() -> Any:  # noqa: ANN401
    pyarrow_module()
    import pyarrow.parquet

    return pyarrow.parquet
