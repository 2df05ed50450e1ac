"""The proof of an exported strategy: it is run on the history, and compared state by state."""

from __future__ import annotations

import math
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.errors import SettingsError
from obi_widgets.trading.entries import scan
from obi_widgets.trading.thresholds import compared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters

    Side = list[tuple[float, float]]

MOST = 10_000
"""States that it is proved on, beside those that it looks back over: the newest ones."""

CHUNK = 1_000
"""States whose levels are unpacked at once."""

ALIKE = 1e-9
"""By how much a signal may differ, of itself or, below 1, of 1."""

EARLIEST = 315_532_800_000_000_000
"""Times before it no strategy takes; a history made by hand may have them."""


def prove(text: str, history: History, parameters: Parameters) -> None:
    """Run a strategy on a history, and see that it decides as the settings do.

    Parameters
    ----------
    text : str
        The file.
    history : History
        T states, of which the newest `MOST` are looked at.
    parameters : Parameters
        What it was written of.

    Raises
    ------
    SettingsError
        Another signal or another decision in some state, a file that cannot be run, or no state
        with a signal.
    """
    p = parameters
    part = history[p.first_needed(history, max(len(history) - MOST, 0)) :]
    signal = p.signal.compute(part, dict(p.values))
    if np.isnan(signal).all():
        raise SettingsError(
            f"The signal {p.signal.name} has no value in this history, so that its strategy cannot "
            "be proved.",
            "Export it with a history that is longer than what it looks back.",
        )
    made = scan(part, compared(part, signal, p), p, 0, None)
    entered = dict(zip(made.entry_time.tolist(), made.side.tolist(), strict=True))
    shift = max(EARLIEST - int(part.time[0]), 0)
    module = ModuleType("strategy")
    try:
        exec(compile(text, "strategy.py", "exec"), module.__dict__)  # as whoever runs the file does
        strategy = module.Strategy()
        decided = [strategy.decide(at + shift, *sides) for at, *sides in _books(part)]
    except Exception as error:
        raise _refused(p, f"its file stopped with {type(error).__name__}: {error}") from error
    for row, (decision, value) in enumerate(zip(decided, signal.tolist(), strict=True)):
        got = decision[2]
        if not _same(got, value):
            raise _refused(p, f"in state {row} its file gives {got!r}, and the signal is {value!r}")
    times = [at for at, one in zip(part.time.tolist(), decided, strict=True) if one.enter]
    sides = [one.enter for one in decided if one.enter]
    if times != made.entry_time.tolist() or sides != made.side.tolist():
        first = next((at for at in times if at not in entered), None)
        when = "one is missing" if first is None else f"the first at {first} ns"
        raise _refused(p, f"its file makes other entries, {when}")


def _same(got: float, wanted: float) -> bool:
    if math.isnan(wanted):
        return math.isnan(got)
    return abs(got - wanted) <= ALIKE * max(1.0, abs(wanted))


def _refused(p: Parameters, reason: str) -> SettingsError:
    return SettingsError(
        f"The signal {p.signal.name} cannot be exported: {reason}.",
        "It may depend only on the book, and on as much of the past as it declares.",
    )


def _books(history: History) -> Iterator[tuple[int, Side, Side]]:
    """Yield each state's time, bids and asks, as a strategy takes them."""
    for begin in range(0, len(history), CHUNK):
        part = history[begin : begin + CHUNK]
        sides = []
        for side in (+1, -1):
            prices, sizes = part.prices(side), part.sizes(side)
            counts = np.count_nonzero(~np.isnan(prices), axis=1).tolist()
            rows = zip(prices.tolist(), sizes.tolist(), counts, strict=True)
            sides.append([list(zip(p[:n], s[:n], strict=True)) for p, s, n in rows])
        yield from zip(part.time.tolist(), *sides, strict=True)
