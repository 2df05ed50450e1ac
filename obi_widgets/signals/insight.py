"""What can be told of a signal beside its values: which levels it uses, what its parameters do.

Every signal has an insight that its declaration gives. A signal that knows more of itself has a
class of its own, in a file beside it: ``@signal(..., insight=ImbalanceInsight)``.
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


class Declared(Protocol):
    """A signal, as far as an insight looks at it."""

    parameters: dict[str, Parameter]

    def compute(self, history: History, values: Mapping[str, Any]) -> Floats:
        """Return the signal of every state."""

    def levels_used(self, values: Mapping[str, Any]) -> LevelsUsed:
        """Return which levels its value rests on."""


class Note(NamedTuple):
    """A sentence under a control, and whether it warns."""

    text: str
    warning: bool = False


class LevelsInUse(NamedTuple):
    """Which levels a signal uses at the newest state.

    Attributes
    ----------
    levels : int
        How many, of the side that has fewer; 0 without a book.
    bps : float
        Distance of the deepest from mid.
    enough : bool
        Whether all levels that the settings ask for are kept.
    """

    levels: int
    bps: float
    enough: bool


class Insight:
    """What the declaration of a signal tells.

    Parameters
    ----------
    signal : Signal
        Of which.
    """

    weighs: ClassVar[bool] = False
    """Whether the signal takes less than the whole size of some levels."""

    def __init__(self, signal: Declared) -> None:
        self.signal = signal

    def weights(self, history: History, values: Mapping[str, Any]) -> Floats:
        """Return what the signal takes of each level, as a fraction of its size.

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
        used = self.signal.levels_used(values)
        return weights(history, 0.0, used.depth, used.band_bps)

    def notes(
        self,
        history: History,  # noqa: ARG002
        values: Mapping[str, Any],  # noqa: ARG002
        used: LevelsInUse,  # noqa: ARG002
        warned: Collection[str] = (),  # noqa: ARG002
    ) -> dict[str, Note]:
        """Return what the parameters do, by parameter.

        Parameters
        ----------
        history : History
            The newest states; the last one has a book.
        values : mapping
            A value of each parameter.
        used : LevelsInUse
            Of the last state.
        warned : collection of str
            The parameters whose note was a warning before, with the same values.
        """
        return {name: Note(one.description) for name, one in self.signal.parameters.items()}


def weights(
    history: History, decay: float, depth: int | None = None, band_bps: float | None = None
) -> Floats:
    """Return what decay, depth and band leave of each level, as a fraction of its size.

    Parameters
    ----------
    history : History
        T states of L levels.
    decay, depth, band_bps
        See `imbalance`.

    Returns
    -------
    ndarray of float64, shape (2, L, T)
        Bids first. exp(−decay · distance from mid), 0 beyond the depth or the band and where
        there is no level.

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
    out = np.zeros((2, history.levels, len(history)))
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
        weight[np.isnan(weight)] = 0.0  # without a mid
        out[:, : weight.shape[1], rows] = weight
    return out
