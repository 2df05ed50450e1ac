"""The imbalance's compiled sweep: entries of many decays and depths in one pass over the states."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.kernels.loader import Kernels
from obi_widgets.signals.coverage import without_value
from obi_widgets.signals.imbalance import imbalance
from obi_widgets.signals.windows import frozen

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]

KERNELS = Kernels("obi_widgets.signals.imbalance_sweep_numba")

AXES = ("decay", "depth")
"""The parameters that one pass covers."""

BY_NUMPY = 1_500_000
"""Entries that are left to NumPy while the sweep is being compiled. It makes them one by one: so
many take ten seconds, and compiling as long."""

PARTS, FIGURES = 3, 6
"""See ``sums`` of `imbalance_sweep_numba.sweep`."""

MAX_DECAYS = 64
"""Most decays in one pass: the rounding that accumulates stays below the kernel's GUARD."""


def add_up(
    history: History,
    values: Mapping[str, Any],
    axes: Mapping[str, Sequence[Any]],
    *,
    at_mid: bool,
    cut: int,
    cancel: threading.Event,
    done: Callable[[float], None],
    threads: int,
) -> Floats | None:
    """Return the entries' sums for every combination of the axes.

    Parameters
    ----------
    history : History
        T states.
    values : mapping
        A value of each parameter; those of ``axes`` are ignored.
    axes : mapping of str to sequence
        Values of `AXES`, of ``threshold`` and of ``hold_seconds``.
    at_mid : bool
        Whether trades are priced at mid instead of the touch.
    cut : int
        The first row of the held-out part.
    cancel : threading.Event
        When set, the sweep stops, and its result is incomplete.
    done : callable
        Called with the number of states finished, counted over all combinations.
    threads : int
        Number of threads.

    Returns
    -------
    ndarray of float64, shape (decay, depth, threshold, hold_seconds, 3, 6), optional
        See ``sums`` of `imbalance_sweep_numba.sweep`. None without a compiler, and for a small
        sweep also while it is being compiled.
    """
    if KERNELS.current() is None and (
        most_entries(history, axes) <= BY_NUMPY or not KERNELS.wait(aloud=True)
    ):
        return None
    code = KERNELS.code
    decays, decay_at = np.unique(axes["decay"], return_inverse=True)
    depths, no_signal, depth_at = _depths(history, values, axes["depth"])
    thresholds = np.array(axes["threshold"], float)
    holds = [round(seconds * 1e9) for seconds in axes["hold_seconds"]]
    steps = np.diff(decays)
    even = len(steps) > 0 and bool(np.ptp(steps) <= 1e-9 * decays[-1])
    exits = np.empty((len(holds), len(history)), np.int32)
    for hold, row in zip(holds, exits, strict=True):
        code.exits(history.time, history.bid, history.ask, hold, row)
    mid = frozen(history.mid)  # of the type that bid and ask have
    buy, sell = (mid, mid) if at_mid else (history.ask, history.bid)
    shape = (len(decays), len(depths), len(thresholds), len(holds))
    upcoming, sums = np.zeros(shape, np.int64), np.zeros((*shape, PARTS, FIGURES))
    band = np.inf if values["band_bps"] is None else values["band_bps"]

    def compute(part: slice) -> None:
        count = part.stop - part.start
        for rows, block, first in history.runs():
            if cancel.is_set():
                return
            code.sweep(
                rows.start, first, history.bid[rows], history.ask[rows], block.ticks, block.sizes,
                history.tick_size, decays[part], even and count > 1, depths,
                band, values["weighting"] == "notional",
                thresholds, exits, buy, sell, no_signal, cut, upcoming[part], sums[part],
            )  # fmt: skip
            done((rows.stop - rows.start) * count / len(decays))

    count = max(min(threads, len(decays)), -(-len(decays) // MAX_DECAYS))
    edges = [len(decays) * n // count for n in range(count + 1)]
    with ThreadPoolExecutor(threads, thread_name_prefix="obi-sweep") as pool:
        try:
            list(pool.map(compute, map(slice, edges[:-1], edges[1:])))
        except BaseException:
            cancel.set()  # so that an interrupted notebook cell ends at once
            raise
    return sums[decay_at][:, depth_at]


def most_entries(history: History, axes: Mapping[str, Sequence[Any]]) -> float:
    """Return how many entries a sweep makes at most: none begins before another's hold is over."""
    seconds = float(np.ptp(history.time)) / 1e9 if len(history) else 0.0
    of_each = sum(min(seconds / hold + 1, len(history)) for hold in axes["hold_seconds"])
    return float(of_each * math.prod(len(axes[name]) for name in axes if name != "hold_seconds"))


def _depths(
    history: History, values: Mapping[str, Any], requested: Sequence[int | None]
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.intp]]:
    """Return the levels that each depth adds up on a history.

    Returns
    -------
    ndarray of int64, shape (D,)
        Levels to add up, ascending.
    ndarray of bool, shape (D, T) or (D, 0)
        States without a signal; of width 0 if every depth has one everywhere.
    ndarray of intp
        The index of each requested depth among them.
    """
    counts = np.array([min(depth or history.levels, history.levels) for depth in requested])
    no_signal = [
        without_value(history, imbalance.levels_used({**values, "depth": depth}))
        for depth in requested
    ]
    if all(flags is None for flags in no_signal):
        depths, depth_at = np.unique(counts, return_inverse=True)
        return depths, np.empty((len(depths), 0), bool), depth_at
    order = np.argsort(counts, kind="stable")
    everywhere = np.zeros(len(history), bool)
    rows = [everywhere if flags is None else flags for flags in no_signal]
    return counts[order], np.stack([rows[at] for at in order]), np.argsort(order)
