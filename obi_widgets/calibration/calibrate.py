"""Judging one history with one setting: the making of a `Report`."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np

from obi_widgets.calibration.as_traded import Traded, traded
from obi_widgets.calibration.coverage_notes import coverage_notes
from obi_widgets.calibration.episodes import Kind, entry_columns, find_episodes
from obi_widgets.calibration.forward_returns import (
    DEFAULT_HORIZONS,
    forward_returns,
    horizons_within,
)
from obi_widgets.calibration.holdout import DEFAULT_HOLD_OUT, holdout
from obi_widgets.calibration.information_coefficient import (
    deciles,
    hit_rate,
    information_coefficients,
)
from obi_widgets.calibration.lookahead import as_signal, computed, looks_ahead
from obi_widgets.calibration.report import Report
from obi_widgets.calibration.statistics.inference import Means, conditional_mean
from obi_widgets.calibration.statistics.multiple_testing import benjamini_hochberg, holm
from obi_widgets.checks import choice, fraction, integer
from obi_widgets.history.given import as_joined
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.parameters import as_signal as as_chosen
from obi_widgets.settings.settings import COMMON
from obi_widgets.signals.registry import is_built_in
from obi_widgets.signals.signal import Signal
from obi_widgets.trading.thresholds import compared

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from obi_widgets.history.columns import History
    from obi_widgets.settings.settings import Settings

MAX_TRIED = 10**9
"""Settings."""

MAX_SEED = 2**63 - 1


def calibrate(
    history: History | Sequence[History],
    settings: Settings | Parameters,
    *,
    signal: Signal | str | ArrayLike | Callable[[History], ArrayLike] | None = None,
    horizons: ArrayLike = DEFAULT_HORIZONS,
    entry_kind: Kind = "beyond",
    hold_out: float = DEFAULT_HOLD_OUT,
    level: float = 0.95,
    tried: int = 1,
    seed: int = 0,
) -> Report:
    """Say what followed the signal, how sure that is, and whether it is worth its costs.

    Parameters
    ----------
    history : History or sequence of History
        Book states; of one market where there are several, see `History.concat`.
    settings : Settings or Parameters
        ``hold_seconds`` is not used but to say whether it is another one than the verdict's: see
        ``horizons``.
    signal : Signal, str, callable, or array_like of float of shape (T,), optional
        Another signal than that of the settings: + for a rise, NaN where there is none, on any
        scale that ``threshold`` is on too. A `Signal`, or the name of one, takes the place of
        theirs, with their values for its parameters where they have them. Of a function of a
        history it is also seen whether it looks ahead, at some moments, and so of a signal that a
        user wrote, here or in the settings; of an array that cannot be told.
    horizons : array_like of float
        Seconds.
    entry_kind : {"beyond", "crossing", "episode"}
        Which states count: each one beyond the threshold, each one at which it is crossed, or
        the first of each episode.
    hold_out : float
        The share of the time, at its end, that is judged by itself as well; 0..1.
    level : float
        Of confidence intervals.
    tried : int
        How many settings were looked at before these were chosen, these included: each of them
        counts with every horizon. This function cannot know of an earlier sweep, walk-forward or
        calibration: it takes these settings for the only ones unless it is told. After a sweep
        give ``surface.entries.size``, after `obi_widgets.propose` give ``proposal.tried``. A
        session counts what its screen showed and what it exported, and nothing that was computed
        from its history elsewhere.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Report

    Raises
    ------
    SettingsError
        Horizons that are not above 0, an unknown event, or a share or level that is not possible;
        a signal that is none, or another one each time.
    HistoryError
        Histories that cannot be joined, or a signal of another length.

    Notes
    -----
    Where the settings reach beyond the levels that are kept a state has no signal. Where that is
    most of them, the verdict is that there is not enough data, and says how many levels to keep.
    """
    history, parameters = as_joined(history), Parameters.of(settings)
    level, hold_out = fraction("level", level), fraction("hold_out", hold_out)
    choice("entry_kind", entry_kind, get_args(Kind))
    integer("tried", tried, 1, MAX_TRIED, "settings: these are one")
    integer("seed", seed, 0, MAX_SEED)
    peeked, beyond = "", ""
    notes: tuple[str, ...] = ()
    if isinstance(signal, Signal | str):
        parameters, signal = _with_signal(parameters, as_chosen(signal)), None
    if signal is None:
        name = parameters.signal.name
        values = parameters.signal(history, parameters)
        beyond, notes = coverage_notes(history, parameters)
        if not is_built_in(parameters.signal):
            peeked = looks_ahead(history, lambda one: parameters.signal(one, parameters), values)
    elif callable(signal):
        values = computed(history, signal)
        peeked = looks_ahead(history, signal, values)
        name = getattr(signal, "__name__", type(signal).__name__)
        if name == parameters.signal.name:
            name = f"the function {name}"  # which is not the signal of the settings
    else:
        values = as_signal(history, signal)
        name = "an array"
    decided = compared(history, values, parameters)
    returns = forward_returns(history, np.unique(horizons_within(history, horizons)))
    x = entry_columns(history, decided, [parameters.threshold], kind=entry_kind)
    means = conditional_mean(history.mid, returns, x, level=level)
    episodes = find_episodes(history, decided, parameters.threshold)
    split = holdout(history.elapsed, share=hold_out, purge=float(returns.horizons[-1]))

    one = x[:, 0]

    def part(rows: slice) -> tuple[Means, Traded, int]:
        some = history[rows]
        moves = forward_returns(some, returns.horizons)
        begun = (episodes.start >= rows.start) & (episodes.start < rows.stop)
        return (
            conditional_mean(some.mid, moves, x[rows], level=level),
            traded(some, parameters, one[rows], returns.horizons, level=level),
            int(np.count_nonzero(begun)),
        )

    whole = traded(history, parameters, one, returns.horizons, level=level, episodes=episodes.start)
    inside, traded_inside, episodes_inside = part(split.in_sample)
    outside, traded_outside, episodes_outside = part(split.out_of_sample)
    looked = tried * len(returns.horizons)
    return Report(
        parameters,
        entry_kind,
        int(history.time[0]) if len(history) else 0,
        int(history.time[-1]) if len(history) else 0,
        states=len(history),
        seconds=float(history.elapsed[-1:].sum()) / 1e9,
        means=means,
        p_adjusted=benjamini_hochberg(means.p[:, 0], tried=looked),
        net_p_adjusted=holm(whole.p, tried=looked),
        coefficients=information_coefficients(history, values, returns),
        deciles=deciles(history.mid, values, returns),
        hit_rate=np.array([hit_rate(one, y) for y in returns.bps]),
        traded=whole,
        traded_inside=traded_inside,
        traded_outside=traded_outside,
        inside=inside,
        outside=outside,
        episodes=episodes,
        episodes_inside=episodes_inside,
        episodes_outside=episodes_outside,
        hold_out=hold_out,
        tried=tried,
        interval=history.interval,
        looks_ahead=peeked,
        seed=seed,
        beyond=beyond,
        notes=notes,
        signal=name,
        origin=history.provenance,
    )


def _with_signal(parameters: Parameters, signal: Signal) -> Parameters:
    """Return settings with another signal, of which they keep what it has too."""
    if signal.computes_as(parameters.signal):
        return parameters
    kept = {n: v for n, v in parameters.as_dict().items() if n in COMMON or n in signal.parameters}
    return Parameters(**{**kept, "signal": signal})
