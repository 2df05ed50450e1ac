"""The depth and the signal of one state, as objects of JSON for other programs.

Prices and sizes of the book are decimal strings: a price is a whole number of ticks, which a
string says exactly, equal prices are equal strings, and a reader chooses its own decimal type.
What is computed, such as the signal, is a number. What is not known is null, and not an empty list.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.presentation.texts.formatting import decimals_of
from obi_widgets.presentation.watch.row import Row
from obi_widgets.presentation.watch.row_texts import row_object

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.market_data.events import State
    from obi_widgets.settings.parameters import Parameters

WHOLE = "all"
"""How far a side is known whose levels are all known."""

TIMES = ("time", "time_ns", "received_ns")


def depth_message(row: Row, newest: History | None, notes: tuple[str, ...]) -> dict[str, Any]:
    """Return the levels of a state.

    Parameters
    ----------
    row : Row
        What is said of the state; its own notes are about the signal.
    newest : History or None
        The state alone, with its levels; None if the book is not known.
    notes : tuple of str
        Sentences about the feed.
    """
    times = _times(row, row_object(row))
    message = {"type": "depth", **times, "state": row.state, "notes": [*notes]}
    if newest is None or bool(newest.lost[0]):
        return {
            **message, "bids": None, "asks": None, "bids_known_bps": None, "asks_known_bps": None
        }  # fmt: skip
    bids_to, asks_to = newest.reach[:, 0].tolist()
    return {
        **message,
        "bids": _levels(newest, +1),
        "asks": _levels(newest, -1),
        "bids_known_bps": _reach(bids_to),
        "asks_known_bps": _reach(asks_to),
    }


def signal_message(row: Row) -> dict[str, Any]:
    """Return what the settings say of a state: the fields of a row."""
    known = row_object(row)
    return {**known, "type": "signal", **_times(row, known)}


def without_book(
    parameters: Parameters, state: State, notes: tuple[str, ...], before: Row | None
) -> Row:
    """Return the row of a market whose book is not known: nothing is a number.

    Parameters
    ----------
    parameters : Parameters
        The settings.
    state : str
        State of the feed.
    notes : tuple of str
        Why there is no book.
    before : Row or None
        The newest row, whose times it has; without one the times are null.
    """
    level = parameters.threshold if parameters.threshold_is == "value" else np.nan
    return Row(
        time=before.time if before else 0, received=before.received if before else 0,
        bids=np.nan, asks=np.nan, imbalance=np.nan, bid=np.nan, ask=np.nan, signal=np.nan,
        threshold=level, beyond=False, label="", state=state, notes=notes,
    )  # fmt: skip


def _times(row: Row, known: dict[str, Any]) -> dict[str, Any]:
    return {name: known[name] if row.time else None for name in TIMES}


def _levels(newest: History, side: int) -> list[tuple[str, str]]:
    """Return prices and sizes of one side, best first."""
    decimals = decimals_of(newest.tick_size)
    prices, sizes = newest.prices(side)[0], newest.sizes(side)[0]
    there = ~np.isnan(prices)
    return [
        # The fewest digits that give the same 32-bit number: a history keeps sizes as such.
        (f"{price:.{decimals}f}", np.format_float_positional(size, trim="-"))
        for price, size in zip(prices[there].tolist(), sizes[there], strict=True)
    ]


def _reach(bps: float) -> float | str | None:
    if math.isnan(bps):
        return None
    return WHOLE if math.isinf(bps) else bps
