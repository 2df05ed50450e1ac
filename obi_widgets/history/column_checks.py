"""Checks of the fields of a history that was constructed directly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.errors import HistoryError, quoted
from obi_widgets.history.context import Context
from obi_widgets.history.depth import Depth
from obi_widgets.history.flow import Flow
from obi_widgets.history.large_levels import LargeLevels
from obi_widgets.history.trades import Trades
from obi_widgets.market_data.events import Instrument

if TYPE_CHECKING:
    from obi_widgets.history.states import States

COLUMNS: tuple[tuple[str, type, tuple[int, ...]], ...] = (
    ("time", np.int64, ()),
    ("received", np.int64, ()),
    ("bid", np.float64, ()),
    ("ask", np.float64, ()),
    ("reach", np.float32, (2,)),
    ("trade_ends", np.int64, ()),
)
"""Name and dtype of each column, and its shape before the axis of states."""

SCALARS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("blocks", (tuple,)),
    ("levels", (int, np.integer)),
    ("tick_size", (int, float)),
    ("instrument", (Instrument,)),
    ("source", (str,)),
    ("start", (int, np.integer)),
    ("offset", (int, np.integer)),
    ("strict", (bool,)),
    ("notes", (tuple,)),
    ("silences", (tuple,)),
    ("interval", (int, float)),
    ("flow", (Flow, type(None))),
    ("trades", (Trades,)),
    ("context", (Context,)),
    ("depth", (Depth,)),
    ("large_levels", (LargeLevels,)),
)

BOUNDS = {
    "levels": (0, 1e6),
    "start": (0, 1e18),
    "offset": (0, 1e18),
    "interval": (0, 86_400),
    "tick_size": (1e-18, 1e18),
}

ADVICE = "Make histories with obi.History.from_arrays."


def check_columns(history: States) -> None:
    """Check the types, shapes and ranges of a history's fields.

    Raises
    ------
    HistoryError
        If a column has the wrong dtype or shape, or another field the wrong type or range.
    """
    states = len(history.time) if isinstance(history.time, np.ndarray) else -1
    for name, dtype, shape in COLUMNS:
        column = getattr(history, name)
        fits = isinstance(column, np.ndarray) and column.dtype == dtype
        if not fits or column.shape != (*shape, states):
            raise HistoryError(
                f"{name} is not an array of {dtype.__name__} with a value for each state.", ADVICE
            )
    for name, kinds in SCALARS:
        value = getattr(history, name)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise HistoryError(f"{name} = {quoted(value)} is not possible.", ADVICE)
    if history.flow is not None:
        history.flow.check(states)
    for name, (low, high) in BOUNDS.items():
        if not low <= getattr(history, name) <= high:
            raise HistoryError(
                f"{name} = {quoted(getattr(history, name))} is not possible.", ADVICE
            )
