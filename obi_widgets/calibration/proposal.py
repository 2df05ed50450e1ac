"""Proposal of a threshold and a hold: a plateau before the hold-out that passes walk-forward.

Only data before the hold-out are used:

1. The candidate is the setting with the largest `Surface.weakest_t`: the smallest t value of the
   mean net gain among a setting and its neighbours. A lone peak is luck, while the gain of a real
   edge changes slowly with threshold and hold. There is no candidate if no such t is above 0.
2. A walk-forward test before the hold-out, with the same rule (`obi_widgets.walk_forward`), must
   have a mean net gain above 0: the lower end of its 95 % confidence interval.

The hold-out decides nothing, so the gain there is not the best of many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.forward_returns import DEFAULT_HORIZONS
from obi_widgets.calibration.grid import LAST, Grid, thresholds_for
from obi_widgets.calibration.holdout import DEFAULT_HOLD_OUT, MAX_FOLDS, holdout_from
from obi_widgets.calibration.record import Record
from obi_widgets.calibration.surface import MIN_ENTRIES
from obi_widgets.calibration.sweep import surface_of
from obi_widgets.calibration.walk_forward import folds_of
from obi_widgets.calibration.workers import check as check_executor
from obi_widgets.checks import as_list, fraction, integer
from obi_widgets.errors import counted
from obi_widgets.history.given import as_loaders
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from obi_widgets.calibration.surface import Surface
    from obi_widgets.calibration.workers import Where
    from obi_widgets.history.columns import History
    from obi_widgets.history.provenance import Provenance

    Floats = NDArray[np.float64]

Z_95 = 1.96
"""Half the width of a 95 % confidence interval, in standard errors."""


@dataclass(frozen=True)
class MeanGain:
    """Number of entries, their mean net gain and its standard error, bps; NaN without entries."""

    entries: int
    net_bps: float
    se_bps: float

    @classmethod
    def of(cls, surface: Surface, at: tuple[Any, ...]) -> MeanGain:
        """Return the mean gain of one setting of a surface."""
        return cls(
            int(surface.entries[at]), float(surface.mean_net_bps[at]), float(surface.se_bps[at])
        )

    def __str__(self) -> str:
        return f"{self.net_bps:+z.2f} ± {Z_95 * self.se_bps:.2f} bps"


NO_GAIN = MeanGain(0, np.nan, np.nan)


@dataclass(frozen=True)
class Proposal:
    """A proposed threshold and hold, or none; made by `obi_widgets.propose`.

    A mean gain has ``entries`` (int), ``net_bps`` and ``se_bps`` (float): the number of entries,
    their mean gain after fees, and its standard error, bps.

    Attributes
    ----------
    settings : Parameters or None
        The given settings with the proposed threshold and hold; None if none is proposed.
    candidate : Parameters or None
        The setting with the largest `Surface.weakest_t` before the hold-out, proposed or not; None
        if no setting has one above 0.
    in_sample, out_of_sample : MeanGain
        Mean gain of the candidate before the hold-out, and in the hold-out.
    neighbours_net_bps : float
        Mean net gain of the candidate and its neighbours before the hold-out, bps.
    walked_forward : MeanGain
        Mean gain of the walk-forward test before the hold-out.
    tried : int
        Number of settings that were tried; give it to `obi_widgets.calibrate` as ``tried``.
    origin : Provenance or None
        Market, time span and hash of the history; None if it was empty.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=60, seed=1)
    >>> proposal = obi.propose(history, threshold=[0.2, 0.4], hold_seconds=[1])
    >>> proposal.sentence.split(":")[0] in ("None", "Proposed, of 2 settings tried")
    True
    """

    settings: Parameters | None
    candidate: Parameters | None
    in_sample: MeanGain
    neighbours_net_bps: float
    out_of_sample: MeanGain
    walked_forward: MeanGain
    tried: int
    origin: Provenance | None = None

    def __repr__(self) -> str:
        return f"<Proposal {self.sentence}>"

    @property
    def sentence(self) -> str:
        """The proposal with its reason, in words; it begins with "None" if there is none."""
        many = f"{counted(self.tried, 'setting')} tried"
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
                f"None: of {many}, {name} was the best before the hold-out, but {walked} there, "
                "which may be chance."
            )
        held_out = self.out_of_sample
        result = f"it made {held_out} in {counted(held_out.entries, 'trade')}"
        if not held_out.entries:
            result = "it made no trade"
        elif not held_out.net_bps > 0:
            result += ": the gain did not last"
        return (
            f"Proposed, of {many}: {name}. Before the hold-out it made {self.in_sample} a trade "
            f"after fees, and {self.neighbours_net_bps:+z.2f} bps together with the settings "
            f"beside it; {walked}. In the hold-out, which was not used to choose, {result}."
        )


def propose(
    history: History | Sequence[History],
    *,
    threshold: Iterable[float] | None = None,
    hold_seconds: Iterable[float] = DEFAULT_HORIZONS,
    settings: Settings | Parameters | None = None,
    hold_out: float = DEFAULT_HOLD_OUT,
    folds: int = 5,
    executor: Where | None = None,
) -> Proposal:
    """Propose a threshold and a hold that were profitable before the hold-out, or none.

    A proposed setting made money there after fees, as did its neighbours in the grid, and the 95 %
    confidence interval of a walk-forward test there is above 0. The hold-out is not used to
    choose, so its result is unbiased; it may be a loss.

    Parameters
    ----------
    history : History, sequence of History, or Days
        Book states. Several histories must be of one market, and are one record, with a gap
        between each two. They are computed with one by one, the signal too, so that a process
        needs the memory of one. The days that `load_days` returns are loaded four times each.
    threshold, hold_seconds : iterable of float
        The grid: thresholds in the signal's unit (or quantiles), and holds in seconds. The default
        thresholds fit the signal; the default holds are 1, 2, 5, 10, 20, 30 and 60 s.
    settings : Settings or Parameters, optional
        Everything else: signal, price and fee. Default settings by default.
    hold_out : float
        Fraction of the record's time, at its end, that is not used to choose; 0..1.
    folds : int
        Number of folds of the walk-forward test; 1 to 1,000.
    executor : int, distributed.Client or concurrent.futures.Executor, optional
        Where each history is computed with, see `obi_widgets.sweep`. The proposal is the same to
        the bit.

    Returns
    -------
    Proposal

    Raises
    ------
    SettingsError
        As `obi_widgets.sweep`; also if ``hold_out`` or ``folds`` is not possible.
    HistoryError
        If the histories are of different markets, overlap, or keep different numbers of levels.
    ArgumentError, RecordingError, WorkerError
        As `obi_widgets.sweep`.

    Notes
    -----
    Every setting of the grid counts as tried, whether one is proposed or not: give
    ``proposal.tried`` to `obi_widgets.calibrate`.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=120, seed=1)
    >>> costly = obi.Settings(fee_bps=5)
    >>> proposal = obi.propose(history, threshold=[0.2, 0.4], hold_seconds=[1, 5], settings=costly)
    >>> proposal.settings is None  # nothing pays a fee of 5 bps on both sides
    True
    >>> proposal.tried
    4
    """
    loaders = as_loaders(history)
    check_executor(executor)
    hold_out, folds = fraction("hold_out", hold_out), integer("folds", folds, 1, MAX_FOLDS)
    p = Parameters.of(Settings() if settings is None else settings)
    grid = Grid.of(
        p,
        hold_out,
        {
            "threshold": as_list(
                "threshold", thresholds_for(p) if threshold is None else threshold
            ),
            "hold_seconds": as_list("hold_seconds", hold_seconds),
        },
    )
    record = Record.of(loaders, executor)
    return proposed(record, surface_of(record, grid), hold_out=hold_out, folds=folds)


def plateau(surface: Surface) -> Floats:
    """Return `Surface.weakest_t` where it is above 0, NaN elsewhere: the merit of a setting."""
    weakest = surface.weakest_t
    return np.where(weakest > 0, weakest, np.nan)


def proposed(
    record: Record, surface: Surface, *, hold_out: float = DEFAULT_HOLD_OUT, folds: int = 5
) -> Proposal:
    """Return the proposal that a surface of this record leads to.

    Parameters
    ----------
    record : Record
        The record that was swept.
    surface : Surface
        One value on every axis but threshold and hold, and the same hold-out.
    hold_out, folds
        See `propose`.
    """
    in_sample = surface.in_sample
    tried, origin = in_sample.entries.size, record.origin
    merits = plateau(in_sample)
    if np.isnan(merits).all():
        return Proposal(None, None, NO_GAIN, np.nan, NO_GAIN, NO_GAIN, tried, origin)
    best = np.unravel_index(int(np.nanargmax(merits)), merits.shape)
    axes = {name: surface.axes[name] for name in LAST}
    candidate = surface.settings(best)
    span = record.last_before(holdout_from(record.elapsed, hold_out))
    grid = Grid.of(candidate, DEFAULT_HOLD_OUT, axes)
    folded = [fold.after for fold in folds_of(record, grid, folds, merit=plateau, span=span)]
    parts = np.sum([after.parts for after in folded if after is not None], axis=0)
    walked = NO_GAIN
    if np.ndim(parts):
        walked = MeanGain.of(replace(surface, parts=parts), (0,) * len(surface.axes))
    sure = walked.entries >= MIN_ENTRIES and walked.net_bps > Z_95 * walked.se_bps
    return Proposal(
        candidate if sure else None,
        candidate,
        MeanGain.of(in_sample, best),
        float(in_sample.neighbours_net_bps[best]),
        MeanGain.of(surface.out_of_sample, best),
        walked,
        tried,
        origin,
    )
