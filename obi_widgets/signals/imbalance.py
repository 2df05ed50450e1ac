"""Order-book imbalance: the weight of bids against asks, decayed by distance from mid.

For levels ``i`` of a side at price ``p`` with size ``q``::

    d_i = 1e4 · |p_i − mid| / mid                       (bps)
    W   = Σ q_i · exp(−decay · d_i)                     (over depth and band)
    I   = (W_bid − W_ask) / (W_bid + W_ask)             (−1..+1, + is more bids)

with ``q_i · p_i`` for ``q_i`` when weighting by notional. Mid is equally far from both bests, so
exp(−decay · spread / 2) cancels in the ratio: levels are decayed by their distance from their own
side's best, which are whole ticks, and no weight underflows however strong the decay.

References
----------
Cont, Kukanov, Stoikov (2014), "The price impact of order book events", for imbalance at the best
levels; Cartea, Donnelly, Jaimungal (2018), "Enhancing trading strategies with order book
signals", for exponentially weighted depth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.history.given import as_history
from obi_widgets.kernels.loader import Kernels
from obi_widgets.kernels.threads import share
from obi_widgets.settings.settings import Parameters
from obi_widgets.signals import imbalance_numpy
from obi_widgets.signals.coverage import without_value
from obi_widgets.signals.imbalance_numpy import EDGE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History, Levels
    from obi_widgets.history.writer import Newest
    from obi_widgets.settings.settings import Settings

    Floats = NDArray[np.float64]

KERNELS = Kernels("obi_widgets.signals.imbalance_numba", imbalance_numpy)

PARALLEL = 200_000
"""States from which on a second thread is worth starting."""


def imbalance(history: History, settings: Settings | Parameters) -> Floats:
    """Return the imbalance of every state.

    Parameters
    ----------
    history : History
        T states.
    settings : Settings or Parameters
        ``decay``, ``depth``, ``band_bps`` and ``weighting`` are used.

    Returns
    -------
    ndarray of float64, shape (T,)
        −1..+1, + is more bids. NaN where the book was not in sync, a side is empty, no level of a
        side lies in the band, or depth or band reach beyond the levels that are kept; in a strict
        history also where the value would be inferred, see `History.inferred`.
    """
    history, parameters = as_history(history), Parameters.of(settings)
    block = KERNELS.fastest().block
    out = np.empty(len(history))

    def compute(runs: Iterable[tuple[slice, Levels, int]]) -> None:
        for rows, levels, first in runs:
            block(
                history.bid[rows], history.ask[rows], levels.ticks, levels.sizes, first,
                history.tick_size, *parameters.of_imbalance, out[rows],
            )  # fmt: skip

    runs = list(history.runs())
    if len(history) < PARALLEL:
        compute(runs)
    else:
        share(compute, runs)
    none = without_value(history, parameters)
    if none is not None:
        out[none] = np.nan
    return out


def newest(state: Newest | None, parameters: Parameters) -> float:
    """Return the imbalance of the newest state of a `HistoryWriter`, as `imbalance` does."""
    if state is None:
        return np.nan
    if state.strict or parameters.deepest > state.levels:
        return float(imbalance(state.history(), parameters)[0])
    columns = state.columns
    value: float = KERNELS.code.newest(
        columns.bid, columns.ask, *state.block, state.row, state.tick_size,
        *parameters.of_imbalance,
    )  # fmt: skip
    return value


def weights(history: History, settings: Settings | Parameters) -> Floats:
    """Return what decay, depth and band leave of each level, as a fraction of its size.

    Parameters
    ----------
    history : History
        T states of L levels.
    settings : Settings or Parameters
        ``decay``, ``depth`` and ``band_bps`` are used.

    Returns
    -------
    ndarray of float64, shape (2, L, T)
        Bids first. exp(−decay · distance from mid), 0 beyond the depth or the band and where
        there is no level.
    """
    history, parameters = as_history(history), Parameters.of(settings)
    out = np.zeros((2, history.levels, len(history)))
    for rows, block in history.chunks():
        bid, ask = history.bid[rows], history.ask[rows]
        share = _share(bid, ask, block, history.tick_size, parameters)
        half_spread = 5e3 * (ask - bid) / ((bid + ask) / 2)
        weight = share * np.exp(-parameters.decay * half_spread)
        weight[np.isnan(weight)] = 0.0  # without a mid
        out[:, : share.shape[1], rows] = weight
    return out


def _share(bid: Floats, ask: Floats, block: Levels, tick_size: float, p: Parameters) -> Floats:
    """Return each level's weight against a level at its own side's best; 0 where it is not used."""
    depth = slice(None, p.depth)
    mid = (bid + ask) / 2
    distance = block.ticks[:, depth] * (1e4 * tick_size / mid)  # bps from the own side's best
    share = np.exp(-p.decay * distance)
    used = block.sizes[:, depth] > 0
    if p.band_bps is not None:
        used &= distance + 5e3 * (ask - bid) / mid <= p.band_bps + EDGE
    return np.where(used, share, 0.0)
