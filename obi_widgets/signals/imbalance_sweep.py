"""The imbalance's own fast sweep: entries of many decays and depths in one pass over the books."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.kernels.loader import Kernels
from obi_widgets.signals.coverage import without_value
from obi_widgets.signals.imbalance import imbalance

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]

KERNELS = Kernels("obi_widgets.signals.imbalance_sweep_numba")

AXES = ("decay", "depth")
"""The parameters that one pass goes over."""

PARTS, FIGURES = 3, 6
"""See ``sums`` of `imbalance_sweep_numba.sweep`."""

TOGETHER = 64
"""Decays that one pass computes, so that rounding stays within what it is guarded against."""


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
    """Return what the entries of every combination come to.

    Parameters
    ----------
    history : History
        T states.
    values : mapping
        A value of each parameter; those of ``axes`` are not looked at.
    axes : mapping of str to sequence
        Values of `AXES`, of ``threshold`` and of ``hold_seconds``.
    at_mid : bool
        Whether mid is paid instead of the touch.
    cut : int
        The first row that is held out.
    cancel : threading.Event
        Stops it when it is set; what is returned then is not complete.
    done : callable
        Told how many states are done with all combinations.
    threads : int
        How many to compute in.

    Returns
    -------
    ndarray of float64, shape (decay, depth, threshold, hold_seconds, 3, 6), optional
        See ``sums`` of `imbalance_sweep_numba.sweep`. None without a compiler.
    """
    if not KERNELS.wait():
        return None
    code = KERNELS.code
    decays, decay_at = np.unique(axes["decay"], return_inverse=True)
    depths, none, depth_at = _depths(history, values, axes["depth"])
    thresholds = np.array(axes["threshold"], float)
    holds = [round(seconds * 1e9) for seconds in axes["hold_seconds"]]
    steps = np.diff(decays)
    even = len(steps) > 0 and bool(np.ptp(steps) <= 1e-9 * decays[-1])
    exits = np.empty((len(holds), len(history)), np.int32)
    for hold, row in zip(holds, exits, strict=True):
        code.exits(history.time, history.bid, history.ask, hold, row)
    buy, sell = (history.mid, history.mid) if at_mid else (history.ask, history.bid)
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
                thresholds, exits, buy, sell, none, cut, upcoming[part], sums[part],
            )  # fmt: skip
            done((rows.stop - rows.start) * count / len(decays))

    count = max(min(threads, len(decays)), -(-len(decays) // TOGETHER))
    edges = [len(decays) * n // count for n in range(count + 1)]
    with ThreadPoolExecutor(threads, thread_name_prefix="obi-sweep") as pool:
        try:
            list(pool.map(compute, map(slice, edges[:-1], edges[1:])))
        except BaseException:
            cancel.set()  # an interrupted cell does not wait for the rest
            raise
    return sums[decay_at][:, depth_at]


def _depths(
    history: History, values: Mapping[str, Any], given: Sequence[int | None]
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.intp]]:
    """Return what each depth comes to on a history.

    Returns
    -------
    ndarray of int64, shape (D,)
        Levels to add up, ascending.
    ndarray of bool, shape (D, T) or (D, 0)
        Which states have no signal; of no width where all depths have one everywhere.
    ndarray of intp
        Of each given depth, which of them it is.
    """
    counts = np.array([min(one or history.levels, history.levels) for one in given])
    none = [
        without_value(history, imbalance.levels_used({**values, "depth": one})) for one in given
    ]
    if all(one is None for one in none):
        depths, depth_at = np.unique(counts, return_inverse=True)
        return depths, np.empty((len(depths), 0), bool), depth_at
    order = np.argsort(counts, kind="stable")
    everywhere = np.zeros(len(history), bool)
    rows = [everywhere if one is None else one for one in none]
    return counts[order], np.stack([rows[at] for at in order]), np.argsort(order)
