"""Sums over the entries of every setting of a grid, on one history.

A signal with a fast sweep of its own (`obi_widgets.signals.registry.SWEEPS`) goes through it. Any
other is computed once for each combination of its own parameters, and its entries are those of
`obi_widgets.entries`.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.forward_returns import too_coarse
from obi_widgets.calibration.grid import LAST, Grid
from obi_widgets.calibration.part_by_part import stop_if
from obi_widgets.kernels.threads import cores
from obi_widgets.signals.registry import fast_sweep
from obi_widgets.trading.decisions import decided, first_needed
from obi_widgets.trading.declared import (
    BEYOND,
    ENTERING,
    EXECUTION,
    LEAVING,
    WEIGHING,
    at_once,
    leaves_early,
)
from obi_widgets.trading.entries import scan
from obi_widgets.trading.post_only import QUEUES, refuse_without_trades
from obi_widgets.trading.sizing import graded
from obi_widgets.trading.thresholds import compared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.trading.trade_list import Trades

    Floats = NDArray[np.float64]
    Done = Callable[[float], None]

PARTS, FIGURES = 3, 13
"""See `Surface.parts`."""


def add_up(
    history: History,
    grid: Grid,
    cancel: threading.Event | None = None,
    done: Done = lambda _: None,
    threads: int | None = None,
    first: int = 0,
    stop: int | None = None,
) -> Floats:
    """Return the sums over one history, or over some of its rows, for each bound of fills.

    The shape is that of `none`. Sums of several histories are added, and `worse` then makes the
    parts of a surface of them.

    Parameters
    ----------
    history : History
        T states.
    grid : Grid
        The settings.
    cancel : threading.Event, optional
        Stops it when it is set.
    done : callable
        Called with the number of further states that are done with all settings.
    threads : int, optional
        Number of threads; by default one for each core.
    first : int
        First row that may be an entry. Rows before it are for signals that look back.
    stop : int, optional
        The row after the last; by default all later rows count.

    Raises
    ------
    CancelledError
        If ``cancel`` was set.
    SettingsError
        If orders are post-only and the history has no trades. The rows may have none.
    """
    if grid.posts:
        refuse_without_trades(history)
    history = history[:stop]
    cancel = cancel or threading.Event()
    threads = threads or cores()
    out = _fast(history[first:], grid, cancel, done, threads)
    if out is None:
        out = one_by_one(history, grid, cancel, done, threads, first)
    stop_if(cancel)
    return without_coarse(out, grid, history.interval)


def none(grid: Grid) -> Floats:
    """Return sums over no entries, shape (bounds of fills, *grid, parts, figures)."""
    return np.zeros((len(grid.queues), *grid.shape, PARTS, FIGURES))


def worse(sums: Floats) -> Floats:
    """Return in each cell the bound with the lower mean net gain; of equal ones the first.

    It is asked of the sums over all that is judged. Asked of each history, it would put together
    the worst of both, which no place in the queue comes to.
    """
    if len(sums) == 1:
        return np.asarray(sums[0])
    of_all = sums.sum(axis=-2)
    net, weight = of_all[..., 2] + of_all[..., 7], of_all[..., 9]
    mean = np.where(weight > 0, net / np.where(weight > 0, weight, 1.0), 0.0)
    at = np.argmin(mean, axis=0)[None, ..., None, None]
    return np.asarray(np.take_along_axis(sums, at, axis=0)[0])


def without_coarse(parts: Floats, grid: Grid, interval: float) -> Floats:
    """Return sums without entries of holds that are too short for an interval.

    Of several histories the coarsest decides for all of them: entries of some days alone would be
    another market than those of a longer hold.
    """
    coarse = too_coarse(np.array(grid.axes["hold_seconds"]), interval)
    parts[..., coarse, :, :] = 0
    return parts


def _fast(
    history: History, grid: Grid, cancel: threading.Event, done: Done, threads: int
) -> Floats | None:
    """Add up by the signal's fast sweep; None if it has none, or there is no compiler."""
    code = fast_sweep(grid.parameters.signal)
    p = grid.parameters
    if code is None or p.threshold_is != "value" or p.gates or not _at_once(grid):
        return None
    out = np.zeros((*grid.shape, PARTS, FIGURES))
    inner = {name: grid.axes[name] for name in (*code.AXES, *LAST)}
    cut = grid.cut(history)
    outer = [name for name in grid.axes if name not in inner]
    share = np.prod([len(grid.axes[name]) for name in outer])
    for where, p in _combinations(grid, outer):
        parts = code.add_up(
            history, dict(p.values), inner, at_mid=p.price == "mid", cut=cut,
            cancel=cancel, done=lambda states: done(states / share), threads=threads,
        )  # fmt: skip
        if parts is None:
            return None
        stop_if(cancel)
        out[where][..., : parts.shape[-1]] = parts  # filled at once, so no order is missed
        out[where][..., 8] = parts[..., 3]  # all pay the same fees
        out[where][..., 9] = out[where][..., 10] = parts[..., 0]  # and have the same size
        out[where][..., 11] = out[where][..., 12] = parts[..., 2]
    return out[None]


def _at_once(grid: Grid) -> bool:
    """Return whether all settings of a grid enter beyond the threshold, at once, for the hold."""
    p = grid.parameters
    usual = p.entry_rule == BEYOND and not leaves_early(p) and at_once(p) and not graded(p)
    usual = usual and p.most_per_hour is None
    slow = (*ENTERING, *LEAVING, *WEIGHING, *EXECUTION)
    return usual and not any(one.name in grid.axes for one in slow)


def one_by_one(
    history: History,
    grid: Grid,
    cancel: threading.Event,
    done: Done = lambda _: None,
    threads: int = 1,
    first: int = 0,
) -> Floats:
    """Add up setting by setting, from the entries of `obi_widgets.entries`; see `add_up`."""
    out = none(grid)
    rows = history[first:]
    cut = grid.cut(rows)
    since = int(rows.time[cut]) if cut < len(rows) else 2**63 - 1
    gaps = rows.time[rows.lost]
    # Of post-only orders, also those in the stream of trades.
    posted_gaps = rows.time[rows.lost | ~rows.trades_known]
    outer = [name for name in grid.axes if name not in LAST]
    share = np.prod([len(grid.axes[name]) for name in outer])
    known: dict[tuple[Any, ...], Floats] = {}  # of parameters of trading the signal knows nothing
    allowed = grid.parameters.gates.allowed(history, first) if grid.parameters.gates else None
    with ThreadPoolExecutor(threads, thread_name_prefix="obi-sweep") as pool:
        for where, p in _combinations(grid, outer):
            stop_if(cancel)
            if p.values not in known:
                known = {p.values: p.signal.compute(history, dict(p.values))}
            begin = first_needed(history, p, first)
            values = compared(history, known[p.values], p, begin)

            def figures(
                chosen: tuple[float, float], p: Parameters = p, values: Floats = values
            ) -> Floats:
                stop_if(cancel)
                rule = p.replace(threshold=chosen[0], hold_seconds=chosen[1])
                found = decided(history, values, rule, first, allowed)
                posted = rule.execution == "post_only"
                bounds = [
                    _figures(
                        scan(history, found, rule, first, None, queue),
                        posted_gaps if posted else gaps, since, rule,
                    )
                    for queue in (grid.queues if posted else QUEUES[:1])
                ]  # fmt: skip
                # A taker's fills have one bound, whatever others of the grid have.
                return np.stack(bounds if posted else bounds * len(grid.queues))

            cells = product(*(grid.axes[name] for name in LAST))
            try:
                filled = list(pool.map(figures, cells))
            except BaseException:
                cancel.set()  # an interrupted cell does not wait for the rest
                raise
            into = out[:, *where]
            into[:] = np.stack(filled, axis=1).reshape(into.shape)
            done(len(rows) / share)
    return out


def _combinations(grid: Grid, outer: list[str]) -> Iterator[tuple[tuple[Any, ...], Parameters]]:
    """Yield each combination of values of some axes: where in the parts it is, and the settings."""
    for at in product(*(range(len(grid.axes[name])) for name in outer)):
        chosen = dict(zip(outer, at, strict=True))
        where = tuple(chosen.get(name, slice(None)) for name in grid.axes)
        yield where, grid.parameters.replace(**{n: grid.axes[n][i] for n, i in chosen.items()})


def _figures(trades: Trades, gaps: NDArray[np.int64], since: int, rule: Parameters) -> Floats:
    """Return the sums over the entries of one setting by part, shape (3, 13); see `Surface.parts`.

    Parameters
    ----------
    trades : Trades
        The entries.
    gaps : ndarray of int64
        Times at which the book was lost, nanoseconds UTC.
    since : int
        Time at which the hold-out begins, nanoseconds UTC.
    rule : Parameters
        Its ``fee_bps`` is the fee that post-only orders may save.
    """
    closed = trades.exit_time > 0
    still = ~closed & ~trades.lost & ~trades.missed
    # An entry that a gap ended was left at the gap; an open one has not been left.
    left = np.where(still, 2**63 - 1, trades.exit_time)
    after = np.searchsorted(gaps, trades.entry_time[trades.lost])
    left[trades.lost] = gaps[after]
    left[trades.missed] = trades.entry_time[trades.missed]
    part = np.where(left < since, 0, np.where(trades.entry_time >= since, 1, 2))
    weight = np.where(closed, trades.weight, 0.0)
    gross = weight * np.nan_to_num(trades.gross_bps)
    saved = weight * np.where(closed, 2 * rule.fee_bps - trades.fees_bps, 0.0)
    columns = (
        closed, closed & (gross > 0), gross, gross**2, trades.lost, still, trades.missed, saved,
        (gross + saved) ** 2, weight, weight**2, weight * gross, weight * (gross + saved),
    )  # fmt: skip
    return np.stack([np.bincount(part, one, minlength=PARTS) for one in columns], axis=1)
