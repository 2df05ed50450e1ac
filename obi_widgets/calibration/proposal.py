"""Threshold and hold proposed together: a plateau before the hold-out that lasts walking forward.

The record is cut where the hold-out begins, and all that is chosen is chosen before:

1. The candidate is the setting with the largest `Surface.weakest_t`: the t of its mean, net, or of
   that of a setting beside it, whichever is the least. A lone peak is luck; an edge fades slowly
   with threshold and hold. Where that t is not above 0 there is no candidate.
2. Settings that are chosen so again and again on the past alone (`obi_widgets.walk_forward`), all
   of it before the hold-out, must have made money surely: the lower end of the 95 % interval of
   their mean is above 0.

The hold-out decides nothing, so that what the proposed setting made there is no best of many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.forward_returns import DEFAULT_HORIZONS
from obi_widgets.calibration.grid import LAST, thresholds_for
from obi_widgets.calibration.holdout import DEFAULT_HOLD_OUT, MAX_FOLDS, holdout
from obi_widgets.calibration.surface import MIN_ENTRIES
from obi_widgets.calibration.sweep import swept
from obi_widgets.calibration.walk_forward import folds_of
from obi_widgets.checks import as_list, fraction, integer
from obi_widgets.history.given import as_joined
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from obi_widgets.calibration.surface import Surface
    from obi_widgets.history.columns import History
    from obi_widgets.history.provenance import Provenance

    Floats = NDArray[np.float64]

Z_95 = 1.96
"""Standard errors on either side of a mean: 95 %."""


@dataclass(frozen=True)
class MeanGain:
    """What entries made: their number, their mean after fees, and its standard error, bps."""

    entries: int
    net_bps: float
    se_bps: float

    @classmethod
    def of(cls, surface: Surface, at: tuple[Any, ...]) -> MeanGain:
        """Return what one setting of a surface made."""
        return cls(
            int(surface.entries[at]), float(surface.mean_net_bps[at]), float(surface.se_bps[at])
        )

    def __str__(self) -> str:
        return f"{self.net_bps:+.2f} ± {Z_95 * self.se_bps:.2f} bps"


NO_GAIN = MeanGain(0, np.nan, np.nan)


@dataclass(frozen=True)
class Proposal:
    """A threshold and a hold, or none.

    Attributes
    ----------
    settings : Parameters or None
        What is proposed: the settings with another threshold and hold. None where nothing held.
    candidate : Parameters or None
        The surest with its neighbours before the hold-out, whether it was proposed or not; None
        where no setting and those beside it made money there.
    inside, outside : MeanGain
        What the candidate made before the hold-out, and in it, which decided nothing.
    neighbours_net_bps : float
        What it made before the hold-out together with the settings beside it.
    walked_forward : MeanGain
        Of what was chosen on the past alone, fold by fold, before the hold-out.
    tried : int
        How many settings were looked at: what `obi_widgets.calibrate` needs to be told, see its
        ``tried``.
    sentence : str
        All of it in one sentence; it begins with "None" where nothing is proposed.
    origin : Provenance or None
        Of what it was made; None without any state.
    """

    settings: Parameters | None
    candidate: Parameters | None
    inside: MeanGain
    neighbours_net_bps: float
    outside: MeanGain
    walked_forward: MeanGain
    tried: int
    origin: Provenance | None = None

    def __repr__(self) -> str:
        return f"<Proposal {self.sentence}>"

    @property
    def sentence(self) -> str:
        """What is proposed, why, and what it made in the hold-out."""
        many = f"{self.tried:,} setting{'' if self.tried == 1 else 's'} tried"
        p = self.candidate
        if p is None:
            return (
                f"None: of {many}, none made money before the hold-out together with all settings "
                f"beside it (after fees, in {MIN_ENTRIES} entries or more)."
            )
        quantile = "quantile " if p.threshold_is == "quantile" else ""
        name = f"threshold {quantile}{p.threshold:g} with hold {p.hold_seconds:g} s"
        walked = (
            f"settings chosen on the past alone made {self.walked_forward} a trade"
            if self.walked_forward.entries >= MIN_ENTRIES
            else f"settings chosen on the past alone made fewer than {MIN_ENTRIES} trades"
        )
        if self.settings is None:
            return (
                f"None: of {many}, {name} was the surest before the hold-out, but {walked} there, "
                "which may be nothing."
            )
        held = f"it made {self.outside} in {self.outside.entries:,} trades"
        if not self.outside.entries:
            held = "it made no trade"
        elif not self.outside.net_bps > 0:
            held += " and did not last"
        return (
            f"Proposed, of {many}: {name}, which before the hold-out made {self.inside} a trade, "
            f"net, and with the settings beside it {self.neighbours_net_bps:+.2f} bps, while "
            f"{walked}; in the hold-out, which decided nothing, {held}."
        )


def propose(
    history: History | Sequence[History],
    *,
    threshold: Iterable[float] | None = None,
    hold_seconds: Iterable[float] = DEFAULT_HORIZONS,
    settings: Settings | Parameters | None = None,
    hold_out: float = DEFAULT_HOLD_OUT,
    folds: int = 5,
) -> Proposal:
    """Propose a threshold and a hold together, or say that none holds.

    What is proposed made money before the hold-out, as did the settings beside it, and settings
    that were chosen on the past alone did so surely. The hold-out decides nothing: what it says
    of the proposal is not the best of many, and may well be a loss.

    Parameters
    ----------
    history : History or sequence of History
        Book states; of one market where there are several, see `History.concat`.
    threshold, hold_seconds : iterable of float
        What is chosen from; thresholds that fit the signal when left out. Beside a setting are
        those next to it in these, corners included.
    settings : Settings or Parameters, optional
        All else: signal, price and fee. The defaults when left out.
    hold_out : float
        The share of the time, at its end, that decides nothing; 0..1.
    folds : int
        Of the walk-forward, see `obi_widgets.walk_forward`.

    Returns
    -------
    Proposal

    Raises
    ------
    SettingsError
        As `obi_widgets.sweep`, and fewer than one fold.
    HistoryError
        Histories that cannot be joined.

    Notes
    -----
    Every setting that was looked at counts as a trial, also where none is proposed: give
    ``proposal.tried`` to `obi_widgets.calibrate`.
    """
    history = as_joined(history)
    hold_out, folds = fraction("hold_out", hold_out), integer("folds", folds, 1, MAX_FOLDS)
    p = Parameters.of(Settings() if settings is None else settings)
    axes = {
        "threshold": as_list("threshold", thresholds_for(p) if threshold is None else threshold),
        "hold_seconds": as_list("hold_seconds", hold_seconds),
    }
    surface = swept(history, p, axes, hold_out)
    return proposed(history, surface, hold_out=hold_out, folds=folds)


def plateau(surface: Surface) -> Floats:
    """Return how sure settings and all beside them are; NaN for those that are not proposed."""
    weakest = surface.weakest_t
    return np.where(weakest > 0, weakest, np.nan)


def proposed(
    history: History, surface: Surface, *, hold_out: float = DEFAULT_HOLD_OUT, folds: int = 5
) -> Proposal:
    """Return the proposal of a surface of this history, of one value of each other axis.

    Parameters
    ----------
    history : History
        What was swept.
    surface : Surface
        Only its thresholds and holds are several, and its hold-out is the same.
    hold_out, folds
        See `propose`.
    """
    inside = surface.inside
    tried, origin = inside.entries.size, history.provenance
    merits = plateau(inside)
    if np.isnan(merits).all():
        return Proposal(None, None, NO_GAIN, np.nan, NO_GAIN, NO_GAIN, tried, origin)
    best = np.unravel_index(int(np.nanargmax(merits)), merits.shape)
    axes = {name: surface.axes[name] for name in LAST}
    candidate = surface.settings(best)
    before = history[holdout(history.elapsed, share=hold_out).in_sample]
    made = [fold.after for fold in folds_of(before, candidate, axes, folds, merit=plateau)]
    parts = np.sum([one.parts for one in made if one is not None], axis=0)
    walked = NO_GAIN
    if np.ndim(parts):
        walked = MeanGain.of(replace(surface, parts=parts), (0,) * len(surface.axes))
    sure = walked.entries >= MIN_ENTRIES and walked.net_bps > Z_95 * walked.se_bps
    return Proposal(
        candidate if sure else None,
        candidate,
        MeanGain.of(inside, best),
        float(inside.neighbours_net_bps[best]),
        MeanGain.of(surface.outside, best),
        walked,
        tried,
        origin,
    )
