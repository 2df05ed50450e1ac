"""Sums over the levels of each side, from one rank to another: signals of a book are made of them.

A rank is the place of a level on its side, 1 for the best price. Levels that are empty have no
rank, so that ranks say nothing of distance; `obi_widgets.imbalance` decays by distance instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.kernels.loader import Kernels
from obi_widgets.kernels.threads import run_tasks
from obi_widgets.signals import rank_sums_numpy
from obi_widgets.signals.chunks import PARALLEL
from obi_widgets.signals.insight import Insight, Weighing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.levels import Levels as Block

    Floats = NDArray[np.float64]

KERNELS = Kernels("obi_widgets.signals.rank_sums_numba", rank_sums_numpy)


class RankInsight(Insight):
    """The levels of a signal that uses those from the rank ``first`` to ``depth``."""

    def weighings(self, values: Mapping[str, Any]) -> list[Weighing]:
        """Return how levels are weighed; see `Insight.weighings`."""
        by_rank = values.get("rank_decay", 0.0)
        return [Weighing(0.0, values["depth"], None, by_rank, values["first"])]

    @property
    def weighs(self) -> bool:  # type: ignore[override]
        """Whether the signal gives some levels less than their full size."""
        return "rank_decay" in self.signal.parameters


def rank_sums(
    history: History, first: int, depth: int, measure: int, *, decay: float = 0.0
) -> Floats:
    """Return the sums of each side's levels from one rank to another.

    Parameters
    ----------
    history : History
        T states.
    first, depth : int
        The first and the last rank that count, 1 for the best price.
    measure : int
        What of a level is added, see `rank_sums_numpy`.
    decay : float
        Per rank: a level's weight is exp(−decay · (rank − first)).

    Returns
    -------
    ndarray of float64, shape (2, T)
        Bids first. NaN where the book was not in sync, and where a side has no level of these
        ranks, or none of these ranks is asked for.
    """
    ranks = np.arange(1, min(depth, history.levels) + 1)
    weights = np.where(ranks >= first, np.exp(-decay * np.maximum(ranks - first, 0)), 0.0)
    block = KERNELS.current().block
    # A column more, so that no part of it is contiguous: for numba that is another type, and the
    # first history of a single block would wait for the compiler.
    out = np.empty((2, len(history) + 1))[:, :-1]

    def compute(runs: Iterable[tuple[slice, Block, int]]) -> None:
        for rows, levels, at in runs:
            block(
                history.bid[rows], history.ask[rows], levels.ticks, levels.sizes, at,
                history.tick_size, weights, measure, out[:, rows],
            )  # fmt: skip

    runs = list(history.runs())
    if len(history) < PARALLEL:
        compute(runs)
    else:
        run_tasks(compute, runs)
    out[:, ~((out[0] > 0) & (out[1] > 0))] = np.nan
    return out
