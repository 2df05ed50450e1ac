"""What a signal says besides its values: which levels it uses, and what its parameters do now.

`Insight` derives this from the signal's declaration. A signal that can say more subclasses it, in
a file of its own: ``@signal(..., insight=ImbalanceInsight)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import numpy as np

from obi_widgets.checks import integer, number
from obi_widgets.history.given import as_history
from obi_widgets.signals.imbalance_numpy import EDGE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.parameters import Parameter
    from obi_widgets.signals.coverage import LevelsUsed

    Floats = NDArray[np.float64]


class HasParameters(Protocol):
    """What an insight needs of a signal."""

    parameters: dict[str, Parameter]

    def compute(self, history: History, values: Mapping[str, Any]) -> Floats:
        """Return the signal of every state."""

    def levels_chosen(self, values: Mapping[str, Any]) -> LevelsUsed:
        """Return which levels its parameters choose."""


class Note(NamedTuple):
    """A sentence under a control, and whether it warns."""

    text: str
    warning: bool = False


class LevelsInUse(NamedTuple):
    """Which levels a signal uses at the newest state.

    Attributes
    ----------
    levels : int
        Number of levels on the side that has fewer; 0 without a book.
    bps : float
        Distance of the deepest level from mid, bps.
    enough : bool
        Whether the history keeps all levels that the settings ask for.
    """

    levels: int
    bps: float
    enough: bool


class Weighing(NamedTuple):
    """How a level's weight follows from its distance; see `weights`."""

    decay: float
    depth: int | None
    band_bps: float | None
    rank_decay: float = 0.0
    first: int = 1


class Insight:
    """What follows from a signal's declaration.

    Parameters
    ----------
    signal : Signal
        The signal to describe.
    """

    weighs: ClassVar[bool] = False
    """Whether the signal gives some levels less than their full size."""

    def __init__(self, signal: HasParameters) -> None:
        self.signal = signal

    def weighings(self, values: Mapping[str, Any]) -> list[Weighing]:
        """Return how levels are weighed; a level's weight is the largest of what these give it.

        Parameters
        ----------
        values : mapping
            A value of each parameter.
        """
        used = self.signal.levels_chosen(values)
        return [Weighing(0.0, used.depth, used.band_bps)]

    def weights(self, history: History, values: Mapping[str, Any]) -> Floats:
        """Return each level's weight in the signal, as a fraction of its size.

        Parameters
        ----------
        history : History
            T states of L levels.
        values : mapping
            A value of each parameter.

        Returns
        -------
        ndarray of float64, shape (2, L, T)
            Bids first; 0 for a level that is not used.
        """
        return np.asarray(
            np.max([weights(history, *one) for one in self.weighings(values)], axis=0)
        )

    def notes(
        self,
        history: History,  # noqa: ARG002
        values: Mapping[str, Any],  # noqa: ARG002
        used: LevelsInUse,  # noqa: ARG002
        warned: Collection[str] = (),  # noqa: ARG002
    ) -> dict[str, Note]:
        """Return a note for each parameter: what its value does now.

        Parameters
        ----------
        history : History
            The newest states; the last one has a book.
        values : mapping
            A value of each parameter.
        used : LevelsInUse
            The levels that the signal uses at the last state.
        warned : collection of str
            Parameters whose previous note, for the same values, was a warning.
        """
        return {name: Note(one.description) for name, one in self.signal.parameters.items()}


def weights(
    history: History,
    decay: float,
    depth: int | None = None,
    band_bps: float | None = None,
    rank_decay: float = 0.0,
    first: int = 1,
) -> Floats:
    """Return each level's weight under decay, depth and band, as a fraction of its size.

    Parameters
    ----------
    history : History
        T states of L levels.
    decay, depth, band_bps
        See `imbalance`.
    rank_decay, first
        See `rank_imbalance`.

    Returns
    -------
    ndarray of float64, shape (2, L, T)
        Bids first. exp(−decay · distance from mid − rank_decay · (rank − first)), 0 before the
        first rank, beyond the depth or the band, and where there is no level.

    Raises
    ------
    HistoryError, SettingsError
        No history, or a value that is not possible.
    """
    history = as_history(history)
    number("decay", decay, 0, 100, "per bp")
    if depth is not None:
        integer("depth", depth, 1, 1000, "levels")
    if band_bps is not None:
        number("band_bps", band_bps, 0, 10_000, "bps")
    number("rank_decay", rank_decay, 0, 100, "per level")
    integer("first", first, 1, 1000, "levels")
    out = np.zeros((2, history.levels, len(history)))
    after = np.arange(history.levels)[:depth, None] - (first - 1.0)
    by_rank = np.where(after >= 0, np.exp(-rank_decay * np.maximum(after, 0)), 0.0)
    for rows, block in history.chunks():
        bid, ask = history.bid[rows], history.ask[rows]
        mid = (bid + ask) / 2
        half_spread = 5e3 * (ask - bid) / mid
        # bps from the own side's best
        distance = block.ticks[:, :depth] * (1e4 * history.tick_size / mid)
        used = block.sizes[:, :depth] > 0
        if band_bps is not None:
            used &= distance + half_spread <= band_bps + EDGE
        weight = np.where(used, np.exp(-decay * distance), 0.0) * np.exp(-decay * half_spread)
        weight *= by_rank
        weight[np.isnan(weight)] = 0.0  # without a mid
        out[:, : weight.shape[1], rows] = weight
    return out
