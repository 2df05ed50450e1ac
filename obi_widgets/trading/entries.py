"""Hypothetical entries of a threshold and a hold, in event time.

At each state, a position that is due is closed first. If there is no position, the signal decides:
long above the threshold, short below its negative (see `thresholds` for a quantile). Nothing is
entered or left while a side of the book is empty. There is one position at a time. No order is
ever sent; the decisions use no later data.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.checks import choice
from obi_widgets.history.given import as_history
from obi_widgets.kernels.loader import Kernels
from obi_widgets.trading import entries_numpy, post_only
from obi_widgets.trading.cap_effect import cap_effect
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.declared import at_once, leaves_early, refuse_gauge, values_now
from obi_widgets.trading.entries_numpy import ENTERING, FLAT, LEAVING
from obi_widgets.trading.entries_numpy import HELD as HOLDING
from obi_widgets.trading.funding import NOT_KNOWN, funding_bps, told
from obi_widgets.trading.gates.following import FollowedGates
from obi_widgets.trading.hourly_cap import NO_CAP, newest, open_from
from obi_widgets.trading.quotes import at_touch, quotes
from obi_widgets.trading.sizing import graded, size_weights
from obi_widgets.trading.trade_list import COLUMNS, Held, StateKey, Trades

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.trading.decisions import Decisions
    from obi_widgets.trading.declared import Chosen, HasChosen
    from obi_widgets.trading.post_only import Queue

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

KERNELS = Kernels("obi_widgets.trading.entries_numba", entries_numpy)

EDGE = 1e-9
"""Tolerance of the slippage limit in bps, so that rounding does not exclude a price on it."""


def _join(old: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([old, new]) if len(old) else new


def scan(
    history: History,
    decided: Decisions,
    parameters: Chosen,
    first: int,
    held: Held | None,
    queue: Queue = "back",
    recent: Ints = NO_CAP,
) -> Trades:
    """Return the entries that are decided from state ``first`` on.

    Parameters
    ----------
    history : History
        T states.
    decided : Decisions
        What entries and exits are decided by; see `obi_widgets.trading.decisions`.
    parameters : Chosen
        All settings except the signal's.
    first : int
        First state to decide on.
    held : Held, optional
        The entry that is open before ``first``; it is the first row of the result.
    queue : {"back", "front"}
        Bound of post-only fills; see `obi_widgets.trading.post_only`.
    recent : ndarray of int64
        ``recent`` of the entries before; empty if there was none.

    Returns
    -------
    Trades
        The last row may be open.

    Raises
    ------
    SettingsError
        A signal without direction.
    """
    refuse_gauge(parameters.signal)
    if parameters.execution == "post_only":
        return _scan_post_only(history, decided, parameters, first, held, queue, recent)
    usual = parameters.most_per_hour is None and at_once(parameters)
    if usual and not leaves_early(parameters) and not graded(parameters):
        return _scan_at_once(history, decided, parameters, first, held)
    return _scan_executed(history, decided, parameters, first, held, recent)


def _scan_at_once(
    history: History, decided: Decisions, parameters: Chosen, first: int, held: Held | None
) -> Trades:
    """Return entries filled at the touch, or mid, of the deciding state."""
    most = len(history) - first + 1
    side, lost = np.empty(most, np.int8), np.empty(most, bool)
    times, prices = np.empty((2, most), np.int64), np.empty((2, most))
    side[0] = 0
    if held is not None:
        side[0], times[0, 0], prices[0, 0] = held.side, held.time, held.price
    count = KERNELS.current().scan(
        history.time, history.bid, history.ask, decided.entries, first, parameters.threshold,
        round(parameters.hold_seconds * 1e9), parameters.price == "mid", side, times, prices, lost,
    )  # fmt: skip
    times, prices, left = times[:, :count], prices[:, :count], None
    if count and not times[1, -1] and not lost[count - 1]:
        left = Held(int(side[count - 1]), int(times[0, -1]), float(prices[0, -1]))
    return Trades(
        side[:count], times[0], prices[0], times[1], prices[1], lost[:count],
        np.zeros(count, bool), times[0], np.full(count, 2 * parameters.fee_bps),
        np.zeros(count, bool), np.zeros(count, np.int8), np.ones(count), left,
    )  # fmt: skip


def _scan_executed(
    history: History,
    decided: Decisions,
    parameters: Chosen,
    first: int,
    held: Held | None,
    recent: Ints,
) -> Trades:
    """Return entries of all other orders that take the other side's levels."""
    most = len(history) - first + 1
    side, lost, missed = np.empty(most, np.int8), np.empty(most, bool), np.empty(most, bool)
    times, prices = np.empty((3, most), np.int64), np.empty((2, most))
    hold = round(parameters.hold_seconds * 1e9)
    reasons, grades = np.empty((2, most), np.int8)
    phase, limit = _begin(held, hold)
    recent = newest(parameters, recent)
    side[0] = 0
    if held is not None:
        side[0], times[0, 0], prices[0, 0] = held.side, held.time, held.price
        times[2, 0] = held.decision_time or held.time
    cap = np.inf if parameters.slippage_bps is None else (parameters.slippage_bps + EDGE) / 1e4
    latency, at_mid = round(parameters.latency_ms * 1e6), parameters.price == "mid"
    offered = at_touch(history) if at_mid else quotes(history, parameters, first)
    count = KERNELS.current().scan_executed(
        history.time, history.bid, history.ask, *offered, decided.entries, decided.grades, first,
        parameters.threshold, hold, latency, cap, at_mid, decided.exits, recent, phase, limit, side,
        times, prices, lost, missed, reasons, grades,
    )  # fmt: skip
    times, prices = times[:, :count], prices[:, :count]
    return Trades(
        side[:count], times[0], prices[0], times[1], prices[1], lost[:count], missed[:count],
        times[2], np.full(count, 2 * parameters.fee_bps), np.zeros(count, bool), reasons[:count],
        size_weights(parameters, grades[:count]),
        _end(phase.tolist(), float(limit[0]), times, prices), recent,
    )  # fmt: skip


def _begin(held: Held | None, hold: int) -> tuple[Ints, Floats]:
    """Return the phase and the limit that a scan goes on with."""
    if held is None:
        return np.array([FLAT, 0, 0, 0, 0, 0], np.int64), np.zeros(1)
    limit = held.side * np.inf if held.limit is None else held.limit
    if not held.time:
        phase, when = ENTERING, held.arrival
    elif held.arrival:
        phase, when = LEAVING, held.arrival
    else:
        phase, when = HOLDING, held.time + hold
    state = [phase, when, held.side, held.decision_time, held.reason, held.grade]
    return np.array(state, np.int64), np.array([limit], float)


def _end(phase: list[int], limit: float, times: Ints, prices: Floats) -> Held | None:
    """Return what a later scan goes on with."""
    now, when, side, decided, why, grade = phase
    if now == FLAT:
        return None
    if now == ENTERING:
        worst = limit if np.isfinite(limit) else None
        return Held(side, 0, 0.0, when, worst, decided, grade=grade)
    arrival = when if now == LEAVING else 0
    entry = int(times[0, -1]), float(prices[0, -1])
    return Held(side, *entry, arrival, None, int(times[2, -1]), reason=why, grade=grade)


def _scan_post_only(
    history: History,
    decided: Decisions,
    parameters: Chosen,
    first: int,
    held: Held | None,
    queue: Queue,
    recent: Ints,
) -> Trades:
    """Return the entries by post-only orders; see `scan`."""
    phase, position = (FLAT, 0, 0, 0, 0), (0, 0.0, 0)
    if held is not None:
        row = -1 if held.decided is None else held.decided.row_in(history)
        # Without a row there is no order, or a bound of memory has dropped the state of it.
        resting, idle = (LEAVING, HOLDING) if held.time else (ENTERING, FLAT)
        now = resting if row >= 0 else idle
        phase = now, row, held.side, held.reason, held.grade
        position = held.time, held.price, held.decision_time
    made = post_only.decide(history, decided, parameters, first, phase, position, queue, recent)
    now, row, side, why, grade = made.phase
    out = now in (ENTERING, LEAVING)
    left = None
    if now != FLAT:
        key = StateKey.of(history, row) if out else None
        if now == ENTERING:
            when = int(history.time[row])
            left = Held(side, 0, 0.0, decision_time=when, decided=key, grade=grade)
        else:
            time, _, when = made.times[:, -1].tolist()
            price = float(made.prices[0, -1])
            left = Held(side, time, price, decision_time=when, decided=key, reason=why, grade=grade)
    return Trades(
        made.side, made.times[0], made.prices[0], made.times[1], made.prices[1],
        made.lost, made.missed, made.times[2], made.fees_bps, made.maker_exit, made.reason,
        size_weights(parameters, made.grades), left, made.recent,
    )  # fmt: skip


def tally(signal: Floats, threshold: float) -> tuple[int, int]:
    """Return how many states have a signal, and how many of them are beyond the threshold.

    Of a quantile, give what `thresholds.compared` returns.
    """
    having, beyond = KERNELS.current().tally(signal, threshold)
    return having, beyond


class Scanner:
    """Decides entries over a history that grows, each state once."""

    def __init__(self, parameters: Chosen, queue: Queue = "back") -> None:
        self.parameters, self.queue = parameters, queue
        self._hold = round(parameters.hold_seconds * 1e9)
        self._next = 0  # the first state not decided on, counted from the first state ever
        self._gates = FollowedGates(parameters.gates)
        no_rows, no_prices = np.empty(0, np.int64), np.empty(0)
        self._trades = Trades(
            np.empty(0, np.int8), no_rows, no_prices, no_rows, no_prices, np.empty(0, bool),
            np.empty(0, bool), no_rows, no_prices, np.empty(0, bool), np.empty(0, np.int8),
            no_prices,
        )  # fmt: skip

    @property
    def decided(self) -> Trades:
        """The entries so far, with those of states that have been dropped since `trades`."""
        return self._trades

    @property
    def _open(self) -> bool:
        return self._trades.is_open

    def skip(self, time: int, bid: float, ask: float, signal: float) -> bool:
        """Skip the next state if nothing is decided, entered or left there; return whether it was.

        Only for entries beyond a threshold that is a value, that are held to their time.
        """
        held = self._trades.held
        if held is None:
            acts = abs(signal) > self.parameters.threshold and bid < ask
            acts = acts and time >= open_from(self._trades.recent)
        else:
            due = held.arrival or held.time + self._hold
            acts = time >= due or (bid != bid and ask != ask)  # NaN: the book was lost
        if not acts:
            self._next += 1
        return not acts

    def extend(self, history: History, signal: Floats) -> None:
        """Decide on the states that came since; ``signal`` belongs to all of the history.

        For a taker who enters beyond a threshold that is a value, without gates, a history of these
        states alone is enough.

        Raises
        ------
        SettingsError
            A signal without direction; post-only entries on a history without trades.
        """
        if self.parameters.execution == "post_only":
            post_only.refuse_without_trades(history)
        first = max(self._next - history.start, 0)
        self._next = history.start + len(history)
        old, was_open = self._trades, self._open
        allowed = self._gates.allowed(history, first) if self.parameters.gates else None
        decided = decisions(history, signal, self.parameters, first, allowed)
        new = scan(history, decided, self.parameters, first, old.held, self.queue, old.recent)
        if new.held == old.held and len(new.side) == was_open:
            return  # nothing was decided, entered or left
        kept = slice(None, len(old.side) - was_open)
        joined: dict[str, Any] = {
            name: _join(getattr(old, name)[kept], getattr(new, name)) for name in COLUMNS
        }
        self._trades = replace(old, **joined, held=new.held, recent=new.recent)

    def trades(self, history: History) -> Trades:
        """Return the entries made at states that the history still holds, and the open one."""
        trades = self._trades
        oldest = int(history.time[0]) if len(history) else 0
        if not len(trades.side) or trades.entry_time[0] >= oldest:
            return trades
        dropped = int(np.searchsorted(trades.entry_time, oldest))
        dropped = min(dropped, len(trades.side) - self._open)
        if dropped:
            self._trades = trades = trades.since(dropped)
        return trades


def entries(
    history: History, settings: HasChosen | Chosen, *, queue: Queue = "back"
) -> pd.DataFrame:
    """Return the entries that the settings would have made.

    Parameters
    ----------
    history : History
        Book states.
    settings : Settings or Parameters
        All are used.
    queue : {"back", "front"}
        Which bound of post-only fills: last in the queue, or first. A taker has none.

    Returns
    -------
    DataFrame
        A row an entry: ``side`` (+1 long, −1 short), ``entry_time``, ``exit_time`` (UTC),
        ``entry_price``, ``exit_price`` (quote currency), ``gross_bps``, ``net_bps`` (after the fees
        of both sides), ``funding_bps`` (what it got at the funding times within its hold, + if
        received; 0 without one), ``net_of_funding_bps`` (``net_bps`` plus ``funding_bps``),
        ``weight`` (its size as a share of the whole size, 0 to 1: 1 unless
        ``size_by="strength"``), ``ended`` (``"held"`` to its time; ``"stop"``, ``"target"``,
        ``"flip"``, ``"fade"`` or ``"deceleration"``, by an exit of the settings; ``"gap"``: the
        book was lost meanwhile, and the result is not known; ``"open"``: not yet; ``"unfilled"``:
        the order met a price beyond its limit or too few levels, at ``entry_time``, or it was
        refused or cancelled then because it could not be posted or nobody took it). NaT and NaN
        where there is none.

        Funding stands apart: ``net_bps`` is without it here, in the lab, in `calibrate` and in a
        sealed test. It is NaN where the history has no funding times; ``attrs`` of the table say
        so. With ``most_per_hour``, ``attrs["cap"]`` says whether it was reached, and how many
        entries it leaves out.

    Raises
    ------
    SettingsError
        Another queue; a signal without direction; post-only entries on a history without trades.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=120, seed=1)
    >>> trades = obi.entries(history, obi.Settings(threshold=0.4, hold_seconds=5))
    >>> bool((trades["exit_time"].dropna() > trades["entry_time"].iloc[0]).all())
    True
    """
    choice("queue", queue, post_only.QUEUES)
    history, parameters = as_history(history), values_now(settings)
    signal = parameters.signal.compute(history, dict(parameters.values))
    trades = _whole(history, signal, parameters, queue)
    table, funding = trades.to_frame(), funding_bps(history, trades)
    table.insert(len(table.columns) - 1, "funding_bps", funding)
    table.insert(len(table.columns) - 1, "net_of_funding_bps", trades.net_bps + funding)
    if not told(history, "next_funding")[0].size:
        table.attrs["funding"] = NOT_KNOWN
    if parameters.most_per_hour is not None:
        free = _whole(history, signal, parameters.replace(most_per_hour=None), queue)
        table.attrs["cap"] = cap_effect(trades, free)
    return table


def _whole(history: History, signal: Floats, parameters: Chosen, queue: Queue) -> Trades:
    """Return the entries of a whole history."""
    scanner = Scanner(parameters, queue)
    scanner.extend(history, signal)
    return scanner.trades(history)
