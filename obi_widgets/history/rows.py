"""The rows that a writer of histories writes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from msgspec import Struct

from obi_widgets.history.columns import History
from obi_widgets.history.context import Context
from obi_widgets.history.depth import Depth
from obi_widgets.history.flow import RANKS, Flow
from obi_widgets.history.large_levels import LargeLevels
from obi_widgets.history.levels import BLOCK
from obi_widgets.history.memory import zeros
from obi_widgets.history.trades import Trades
from obi_widgets.history.unchecked import made
from obi_widgets.kernels.loader import for_types_of
from obi_widgets.market_data.events import Instrument

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.flow import Sums
    from obi_widgets.history.levels import Levels

    Floats = NDArray[np.float64]

NOTHING_ELSE: dict[str, Any] = {
    "instrument": Instrument("", ""), "notes": (), "interval": 0.0, "trades": Trades.none(),
    "context": Context.none(), "trade_ends": np.zeros(1, np.int64), "depth": Depth.none(),
    "large_levels": LargeLevels.none(), "silences": (), "source": "",
}  # fmt: skip
"""The fields of a single state's history that are the same for each."""


class Columns(NamedTuple):
    """Columns that a writer writes to, with room for more rows; see `History` and `Flow`."""

    time: NDArray[np.int64]
    received: NDArray[np.int64]
    bid: Floats
    ask: Floats
    reach: NDArray[np.float32]  # of shape (T, 2): rows of it stay contiguous
    order_flow: Sums
    events: NDArray[np.int32]

    @classmethod
    def empty(cls, rows: int, sums: type[np.int32 | np.int64]) -> Columns:
        """Return columns of zeros, with this dtype of sums."""
        return cls(
            zeros(rows, np.int64), zeros(rows, np.int64), zeros(rows, float), zeros(rows, float),
            zeros((rows, 2), np.float32), zeros((rows, RANKS), sums), zeros(rows, np.int32),
        )  # fmt: skip

    def rows(self, which: slice) -> Columns:
        """Return some of the rows, sharing memory."""
        columns: Any = [column[which] for column in self]
        return Columns(*columns)

    def fields(self, lot_size: float) -> dict[str, Any]:
        """Return what a history of these rows has of them, sharing memory."""
        time, received, bid, ask, reach, order_flow, events = self
        flow = made(Flow, {"order_flow": order_flow, "events": events, "lot_size": lot_size})
        return {
            "time": time, "received": received, "bid": bid, "ask": ask, "reach": reach.T,
            "flow": flow,
        }  # fmt: skip


class Newest(Struct, frozen=True, eq=False, gc=False):
    """Where the newest state of a writer stands: a row of columns, and of a block of levels.

    What is written there is never changed. One is made for each state, and a Struct in a fifth of
    the time of a tuple.
    """

    columns: Columns
    block: Levels
    row: int
    tick_size: float
    lot_size: float
    levels: int
    strict: bool
    dropped: int  # older states, before row 0

    def history(self) -> History:
        """Return the state alone, without its trades and the other tables."""
        rows = slice(self.row, self.row + 1)
        return made(History, {
            **NOTHING_ELSE, **self.columns.rows(rows).fields(self.lot_size),
            "blocks": (self.block,),
            "levels": self.levels, "tick_size": self.tick_size, "offset": self.row % BLOCK,
            "strict": self.strict, "start": self.dropped + self.row,
        })  # fmt: skip


def appender(code: Any, room: tuple[Any, ...]) -> Any:  # noqa: ANN401
    """Return the kernel ``append`` for columns and a block of these types; see `rows_numpy`."""
    side = np.empty((2, 1)), 0, 0.0  # as those of every `Side` are
    return for_types_of(code.append, *side, *side, 0.0, 0, 0, 0, 0.0, False, *room)


def notes_of(inferred: int, cut: int, levels: int) -> list[str]:
    """Say what was not known of the states, or not kept.

    Parameters
    ----------
    inferred, cut : int
        States of which fewer levels are known than are kept, and that leave levels out.
    levels : int
        Levels a side that are kept.
    """
    notes = []
    if inferred:
        notes.append(
            f"{_states(inferred)} fewer levels than the {levels} kept within what the last "
            "snapshot covered. Signals that rest on others are inferred (see obi.inferred); "
            "strict=True makes them NaN."
        )
    if cut:
        notes.append(
            f"{_states(cut)} levels that were left out: their price or size cannot be held."
        )
    return notes


def _states(count: int) -> str:
    return "1 state has" if count == 1 else f"{count:,} states have"
