"""Proof of an exported strategy: it is run on the history, and compared state by state.

A history has sums of order flow, but not the books that they were summed over. So a file with a
signal of order flow is given these sums. That it adds up by itself as they were added is proved
apart, on the kept books.
"""

from __future__ import annotations

import math
from itertools import repeat, zip_longest
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.errors import SettingsError
from obi_widgets.history.flow import between, flow_of, in_lots

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.trading.gates.gates import Gates
    from obi_widgets.trading.trade_list import Trades

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Side = list[tuple[float, float]]

MOST = 10_000
"""Number of newest states that it is proved on; those of its look-back come before them."""

CHUNK = 1_000
"""States whose levels are unpacked at once."""

FILLED = ("side", "entry_time", "entry_price", "exit_time", "exit_price", "missed")
"""Columns of trades with the results of their orders."""

ALIKE = 1e-9
"""Largest difference of a signal: relative to its size, or absolute if that is below 1."""

ADVICE = "It may depend only on the book, and on as much of the past as its look-back declares."

WEEK = 604_800 * 10**9
"""Nanoseconds."""

EARLIEST = 315_532_800_000_000_000
"""Strategies refuse earlier times (before 1980); histories made from arrays may have them."""


class Wanted(NamedTuple):
    """What a strategy has to give on a history of T states.

    Attributes
    ----------
    name : str
        Name of the signal.
    signal : ndarray of float64, shape (T,)
        The signal of the settings, computed from these states alone.
    made : Trades
        The entries of the settings, made at these states alone.
    allowed : ndarray of bool, shape (2, T), optional
        Where the gates let a long entry begin, and a short one; None without gates.
    """

    name: str
    signal: Floats
    made: Trades
    allowed: Flags | None = None


def allowed_by(history: History, gates: Gates) -> Flags | None:
    """Return where gates let an entry begin, shape (2, T); None without gates.

    Raises
    ------
    SettingsError
        If a gate has no value in any state: nothing could be proved of it.
    """
    if not gates:
        return None
    out = np.ones((2, len(history)), bool)
    for gate in gates.gates:
        found = gate.compute(history, dict(gates[gate.name]))
        if np.isnan(found).all():
            raise _without_value("gate", gate.name)
        out &= found == 1
    return out


def prove(text: str, history: History, wanted: Wanted, queue: str | None = None) -> None:
    """Run a strategy on a history, and check that it decides as the settings do.

    Parameters
    ----------
    text : str
        The file.
    history : History
        T states.
    wanted : Wanted
        What it has to give.
    queue : {"back", "front"}, optional
        For posted orders, the bound that ``made`` is of.

    Raises
    ------
    SettingsError
        If the signal, a gate or a decision differs in a state, the file cannot be run, or no state
        has a signal.
    """
    name, signal, made, allowed = wanted
    if np.isnan(signal).all():
        raise _without_value("signal", name)
    weeks = max(-(-(EARLIEST - int(history.time[0])) // WEEK), 0)
    shift = weeks * WEEK  # hours and days stay the same
    module = ModuleType("strategy")
    try:
        exec(compile(text, "strategy.py", "exec"), module.__dict__)  # as a user would run the file
        sums, added = _give_sums(module, history)
        strategy = module.Strategy()
        if queue is not None:
            strategy.queue = queue
        prints = _prints(history) if hasattr(strategy, "on_trade") else repeat(())
        decided, opened = [], []
        for row, ((at, *sides), trades) in enumerate(zip(_books(history), prints, strict=False)):
            for when, *trade in trades:
                strategy.on_trade(when + shift, *trade)
            if sums:
                strategy.flow.sums = sums[row]
            decided.append(strategy.decide(at + shift, *sides))
            if allowed is not None:
                opened.append(strategy.gates.open)
    except Exception as error:
        raise _refused(name, f"its file stopped with {type(error).__name__}: {error}") from error
    if sums and added != _changed(history, len(sums[0])):
        raise _refused(name, "its file adds up otherwise what changed from book to book")
    for row, (decision, value) in enumerate(zip(decided, signal.tolist(), strict=True)):
        if not _same(decision[2], value):
            raise _refused(
                name,
                f"in state {row} its file gives {decision[2]!r}, and the signal is {value!r}",
            )
    if allowed is not None:
        differ = np.flatnonzero((allowed != np.array(opened).T).any(axis=0))
        if len(differ):
            raise SettingsError(
                f"These gates cannot be exported: in state {differ[0]} they and the file say "
                "otherwise where an entry may begin.",
                ADVICE.replace("It", "A gate", 1),
            )
    times = history.time.tolist()
    got = [(at, one.enter) for at, one in zip(times, decided, strict=True) if one.enter]
    for one, other in zip_longest(got, _decisions(made)):
        if one != other:
            raise _refused(name, f"its file enters otherwise at {(one or other)[0]} ns")
    fills = [(at, *fill) for at, one in zip(times, decided, strict=True) for fill in one.fills]
    for one, other in zip_longest(fills, _fills(made)):
        if one is None or other is None or one[:3] != other[:3] or not _same(one[3], other[3]):
            raise _refused(name, f"its file fills otherwise at {(one or other)[0]} ns")


def _decisions(made: Trades) -> list[tuple[int, int]]:
    """Return time and side of each decision to enter, also of the order in flight."""
    decided = list(zip(made.decision_time.tolist(), made.side.tolist(), strict=True))
    if made.held is not None and not made.held.time:
        decided.append((made.held.decision_time, made.held.side))
    return decided


def _fills(made: Trades) -> list[tuple[int, str, int, float]]:
    """Return the results of orders in order of time: time, result, side, price."""
    found: list[tuple[int, str, int, float]] = []
    rows = zip(*(getattr(made, name).tolist() for name in FILLED), strict=True)
    for side, entered, paid, left, got, missed in rows:
        if missed:
            found.append((entered, "missed", side, math.nan))
        elif not math.isnan(paid):
            found.append((entered, "entered", side, paid))
        if left:
            found.append((left, "left", side, got))
    return found


def _same(got: float, wanted: float) -> bool:
    if math.isnan(wanted):
        return math.isnan(got)
    return abs(got - wanted) <= ALIKE * max(1.0, abs(wanted))


def _without_value(kind: str, name: str) -> SettingsError:
    return SettingsError(
        f"The {kind} {name} has no value in this history, so its strategy cannot be proved.",
        f"Export it with a history that is longer than the {kind}'s look-back.",
    )


def _refused(name: str, reason: str) -> SettingsError:
    return SettingsError(
        f"The signal {name} cannot be exported: {reason}.",
        ADVICE,
    )


def _give_sums(module: ModuleType, history: History) -> tuple[list[list[int]], list[list[int]]]:
    """Have a file take the order flow of a history as it is.

    Returns
    -------
    list of list of int, twice
        The order flow of each state by rank, in lots; and what the file's own class makes of the
        kept books. Empty if the file has no signal of order flow.
    """
    if not hasattr(module, "Flow"):
        return [], []
    flow, added = module.Flow(), []
    for _, *sides in _books(history):
        flow.sums = [0] * module.FLOW_RANKS
        flow.add(*sides)
        added.append(flow.sums)
    module.Flow.add = lambda *_: None
    return flow_of(history).order_flow[:, : module.FLOW_RANKS].tolist(), added


def _changed(history: History, ranks: int) -> list[list[int]]:
    """Return the order flow by rank, in lots, as if each kept book were one event."""
    lot_size = flow_of(history).lot_size
    prices = [history.prices(side) for side in (+1, -1)]
    sizes = [np.nan_to_num(history.sizes(side).astype(float)) for side in (+1, -1)]
    lots = [in_lots(one, lot_size).astype(float) for one in sizes]
    found: list[list[int]] = between(prices, lots, 1.0).order_flow[:, :ranks].tolist()
    return found


def _prints(history: History) -> Iterator[Sequence[tuple[int, float, float, int]]]:
    """Yield the trades of each state: time, price, size, the taker's side."""
    table = history.trades
    columns = (table.time, table.price, table.size, table.side)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    begin = 0
    for end in (history.trade_ends - table.start).tolist():
        yield rows[begin:end]
        begin = end


def _books(history: History) -> Iterator[tuple[int, Side, Side]]:
    """Yield time, bids and asks of each state, in the form that a strategy takes."""
    for begin in range(0, len(history), CHUNK):
        part = history[begin : begin + CHUNK]
        sides = []
        for side in (+1, -1):
            prices, sizes = part.prices(side), part.sizes(side)
            counts = np.count_nonzero(~np.isnan(prices), axis=1).tolist()
            rows = zip(prices.tolist(), sizes.tolist(), counts, strict=True)
            sides.append([list(zip(p[:n], s[:n], strict=True)) for p, s, n in rows])
        yield from zip(part.time.tolist(), *sides, strict=True)
