"""How likely the direction of each card is right, by what was right before it.

The statistics are those of `calibration.confidence` and `calibration.reliability`.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.confidence import WINDOW, Claims, claims, outcomes
from obi_widgets.calibration.reliability import reliability
from obi_widgets.card.outcomes import returns_after

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.calibration.reliability import Reliability

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class CardConfidence:
    """How likely a card's direction is right at the horizon, if mid moves; NaN where unknown.

    Attributes
    ----------
    value : float
        What is shown, 0..1: ``said`` if claims were better than a constant, else ``constant``.
    said, constant : float
        The chance by the card's score, and without it; both shrunk to one half.
    right, low, high : float
        Share of the like cases before that was right, 0..1, and its 95 % interval.
    n : int
        Number of those cases.
    n_eff : float
        Independent cases that they are worth.
    better : bool
        Whether what was said before was better than a constant, by the whole interval.
    horizon : float
        Seconds.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> card = obi.cards(obi.simulate(seconds=90, seed=1), mode="scalp").last
    >>> card.confidence.n, card.confidence.better
    (0, False)
    """

    value: float
    said: float
    constant: float
    right: float
    low: float
    high: float
    n: int
    n_eff: float
    better: bool
    horizon: float


@dataclass(frozen=True, eq=False)
class Confidence:
    """How likely the direction of each of N cards is right. `Cards.confidence` makes it.

    Each row was said by what was known at its time. NaN where nothing could be said.

    Attributes
    ----------
    time : ndarray of int64, shape (N,)
        Ends of the cycles, ns.
    move_bps : ndarray of float64, shape (N,)
        Move of mid over the horizon after each card, bps. NaN where it is not known, or where a
        cycle within was not live.
    outcome : ndarray of float64, shape (N,)
        1 where the direction was right, 0 where it was wrong. NaN where that is not known, or where
        mid did not move.
    said, constant, right, low, high, n_eff : ndarray of float64, shape (N,)
        See `CardConfidence`.
    n : ndarray of int64, shape (N,)
        See `CardConfidence`.
    better : ndarray of bool, shape (N,)
        See `CardConfidence`.
    score : tuple of str
        The columns of the cards whose product the chance rises with.
    horizon, refit, window : float
        Seconds.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> cards = obi.cards(obi.simulate(seconds=900, seed=1), mode="scalp")
    >>> found = cards.confidence(score="direction", horizon=10, refit=60)
    >>> len(found.said) == len(cards)
    True
    >>> found.reliability.better
    False
    """

    time: Ints
    move_bps: Floats
    outcome: Floats
    said: Floats
    constant: Floats
    right: Floats
    low: Floats
    high: Floats
    n: Ints
    n_eff: Floats
    better: Flags
    score: tuple[str, ...]
    horizon: float
    refit: float
    window: float

    @property
    def shown(self) -> Floats:
        """What a card shows, shape (N,): what is said if that was better, else the constant."""
        return np.where(self.better, self.said, self.constant)

    @cached_property
    def reliability(self) -> Reliability:
        """Whether what was said came true, and whether it was better than a constant."""
        known = ~np.isnan(self.move_bps) & ~np.isnan(self.said)
        rests = float(np.mean(self.move_bps[known] == 0)) if known.any() else 0.0
        return reliability(
            self.time, self.said, self.constant, self.outcome, horizon=self.horizon, unmoved=rests
        )

    def at(self, row: int) -> CardConfidence:
        """Return the confidence of one card."""
        return CardConfidence(
            value=float(self.shown[row]),
            said=float(self.said[row]),
            constant=float(self.constant[row]),
            right=float(self.right[row]),
            low=float(self.low[row]),
            high=float(self.high[row]),
            n=int(self.n[row]),
            n_eff=float(self.n_eff[row]),
            better=bool(self.better[row]),
            horizon=self.horizon,
        )

    def __repr__(self) -> str:
        return f"{self.reliability!r}\nScore: {' × '.join(self.score)}."

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


class Said:
    """What was said of the cards of a market, so that later ones need not say it again.

    Cards are numbered from the market's first one on, those included that were dropped since.

    Parameters
    ----------
    window : float
        Seconds of the past that a fit uses.

    Attributes
    ----------
    until : int
        Number of the first card of which nothing is kept.
    """

    def __init__(self, window: float = WINDOW) -> None:
        self.window = window
        self._kept: tuple[int, Claims | None] = (0, None)  # replaced as a whole: threads read it

    @property
    def until(self) -> int:
        """See the class."""
        first, kept = self._kept
        return first if kept is None else first + len(kept.said)

    def of(self, first: int, count: int) -> Claims | None:
        """Return what is kept of cards from a number on; None if their beginning is gone."""
        begun, kept = self._kept
        if kept is None or first < begun:
            return None
        return _rows(kept, slice(first - begun, first - begun + count))

    def keep(self, first: int, said: Confidence) -> None:
        """Keep what was said of cards from a number on, if it is more than what is kept."""
        if first + len(said.said) > self.until:
            self._kept = first, _rows(said, slice(None))


def _rows(of: Claims | Confidence, rows: slice) -> Claims:
    """Return what is said of some rows."""
    return Claims(
        of.said[rows], of.constant[rows], of.right[rows], of.low[rows], of.high[rows], of.n[rows],
        of.n_eff[rows], of.better[rows],
    )  # fmt: skip


def confidence(
    time: Ints,
    mid: Floats,
    lost: Flags,
    direction: Floats,
    columns: dict[str, Floats],
    *,
    horizon: float,
    refit: float,
    window: float,
    before: Claims | None = None,
) -> Confidence:
    """Return the confidence of cards.

    Parameters
    ----------
    time : ndarray of int64, shape (N,)
        Ends of the cycles, ns.
    mid, direction : ndarray of float64, shape (N,)
        Of each card.
    lost : ndarray of bool, shape (N,)
        Whether the cycle was not live throughout: no outcome spans it.
    columns : dict of str to ndarray of float64, shape (N,)
        The score is their product.
    horizon, refit, window, before
        See `calibration.confidence.claims`.
    """
    move = returns_after(time, mid, lost, horizon).bps[0]
    outcome = outcomes(direction, move)
    score = np.prod(list(columns.values()), axis=0)
    score[~(np.abs(direction) > 0)] = np.nan
    found = claims(
        time, score, outcome, np.sign(direction),
        horizon=horizon, refit=refit, window=window, before=before,
    )  # fmt: skip
    return Confidence(
        time=time,
        move_bps=move,
        outcome=outcome,
        **found._asdict(),
        score=tuple(columns),
        horizon=horizon,
        refit=refit,
        window=window,
    )
