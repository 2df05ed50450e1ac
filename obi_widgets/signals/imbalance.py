"""Order-book imbalance: the weight of bids against asks, decayed by distance from mid.

For levels ``i`` of a side at price ``p`` with size ``q``::

    d_i = 1e4 · |p_i − mid| / mid                       (bps)
    W   = Σ q_i · exp(−decay · d_i)                     (over depth and band)
    I   = (W_bid − W_ask) / (W_bid + W_ask)             (−1..+1, + is more bids)

with ``q_i · p_i`` for ``q_i`` when weighting by notional. Both bests are equally far from
mid, so exp(−decay · spread / 2) cancels in the ratio. Levels are therefore decayed by their
distance from their own side's best, a whole number of ticks, and no weight underflows.

References
----------
Cont, Kukanov, Stoikov (2014), "The price impact of order book events", for imbalance at the best
levels; Cartea, Donnelly, Jaimungal (2018), "Enhancing trading strategies with order book
signals", for exponentially weighted depth.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from obi_widgets.kernels.loader import Kernels, for_types_of
from obi_widgets.kernels.threads import run_tasks
from obi_widgets.parameters import Band, Choice, Levels, Number
from obi_widgets.signals import imbalance_numpy
from obi_widgets.signals.chunks import PARALLEL
from obi_widgets.signals.coverage import kept_suffice
from obi_widgets.signals.imbalance_insight import ImbalanceInsight
from obi_widgets.signals.signal import signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.levels import Levels as Block
    from obi_widgets.history.rows import Newest

    Floats = NDArray[np.float64]

KERNELS = Kernels("obi_widgets.signals.imbalance_numba", imbalance_numpy)


@signal(range=(-1, 1), needs="levels", checked=False, insight=ImbalanceInsight)
def imbalance(
    history: History,
    *,
    decay: Annotated[float, Number(0, 100, "per bp", slider=(0, 1, 0.01))] = 0.1,
    depth: Annotated[int | None, Levels(1, 50, off="all levels")] = 10,
    band_bps: Annotated[
        float | None, Band(0.001, 10_000, off="no band", slider=(0, 50, 0.5))
    ] = None,
    weighting: Annotated[str, Choice("size", "notional")] = "size",
) -> Floats:
    """Return the weight of bids against asks, decayed by distance from mid.

    Parameters
    ----------
    history : History
        T states.
    decay : float
        Per bp of distance from mid, 0 to 100: a level's weight is exp(−decay · distance).
    depth : int or None
        Levels a side, 1 to 50; None for all that are kept.
    band_bps : float or None
        Only levels within this distance from mid count, bps; None for no band.
    weighting : {"size", "notional"}
        What a level weighs before decay: its size, or its size times its price.

    Returns
    -------
    ndarray of float64, shape (T,)
        −1..+1, + is more bids. NaN where the book was not in sync, a side is empty, no level of a
        side lies in the band, or depth or band reach beyond the levels that are kept; in a strict
        history also where the value would be inferred, see `obi_widgets.inferred`.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> obi.imbalance(history, depth=5, decay=0.5).shape == history.time.shape
    True
    """
    numbers = _as_numbers(decay, depth, band_bps, weighting)
    block = KERNELS.current().block
    out = np.empty(len(history))

    def compute(runs: Iterable[tuple[slice, Block, int]]) -> None:
        for rows, levels, first in runs:
            block(
                history.bid[rows], history.ask[rows], levels.ticks, levels.sizes, first,
                history.tick_size, *numbers, out[rows],
            )  # fmt: skip

    runs = list(history.runs())
    if len(history) < PARALLEL:
        compute(runs)
    else:
        run_tasks(compute, runs)
    return out


@imbalance.computes_newest
def newest_by(values: Mapping[str, Any]) -> Callable[[Newest], float]:
    """Return a function that computes the imbalance of a history's newest state.

    That function runs for every new state; what depends on the values alone is computed once, here.
    """
    used, numbers = imbalance.levels_used(values), _as_numbers(**values)
    suffice = cache(lambda levels: kept_suffice(levels, used))
    chosen_for: tuple[object, object] = (None, None)
    kernel: Any = None  # for the types of the newest block, of thousands of states

    def newest(state: Newest) -> float:
        nonlocal chosen_for, kernel
        if state.strict or not suffice(state.levels):
            return float(imbalance.compute(state.history(), values)[0])
        columns, block, code = state.columns, state.block, KERNELS.code
        arguments = (columns.bid, columns.ask, *block, state.row, state.tick_size, *numbers)
        if chosen_for[0] is not code or chosen_for[1] is not block:
            chosen_for, kernel = (code, block), for_types_of(code.newest, *arguments)
        value: float = kernel(*arguments)
        return value

    return newest


def _as_numbers(
    decay: float, depth: int | None, band_bps: float | None, weighting: str
) -> tuple[float, int, float, bool]:
    """Return the kernels' arguments: decay, depth, band, and whether to weight by price."""
    return (
        decay,
        2**31 if depth is None else depth,  # all levels
        math.inf if band_bps is None else band_bps,
        weighting == "notional",
    )
