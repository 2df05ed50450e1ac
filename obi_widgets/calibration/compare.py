"""Several signals on one record, side by side: it makes a `Comparison`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.calibration.calibrate import MAX_TRIED, named
from obi_widgets.calibration.coverage_notes import coverage_notes
from obi_widgets.calibration.forward_returns import (
    DEFAULT_HORIZONS,
    forward_returns,
    horizons_within,
)
from obi_widgets.calibration.incremental import incremental, margin
from obi_widgets.calibration.information_coefficient import half_life, information_coefficients
from obi_widgets.calibration.judged_columns import judged
from obi_widgets.calibration.next_move import NextMove, area
from obi_widgets.calibration.signal_comparison import Comparison
from obi_widgets.calibration.statistics.multiple_testing import holm
from obi_widgets.checks import integer, number
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.history.given import as_loaders
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.parameters import as_signal as as_chosen
from obi_widgets.settings.settings import Settings
from obi_widgets.signals.next_move import Samples
from obi_widgets.signals.signal import Signal
from obi_widgets.trading.thresholds import compared

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeAlias

    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.calibration.forward_returns import ForwardReturns
    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    One: TypeAlias = Signal | str | Settings | Parameters | ArrayLike | Callable[[History], Any]

MOST = 50
"""Largest number of signals that are compared."""

ADVICE = (
    "Give a list, as [obi.imbalance, 'micro_price', obi.Settings(...)], or a dict of name to each."
)


class Chosen(NamedTuple):
    """A signal that is compared: settings, and a function or an array in place of their signal."""

    name: str
    parameters: Parameters
    signal: Callable[[History], ArrayLike] | ArrayLike | None


def compare(
    history: History | Sequence[History],
    signals: Iterable[One] | Mapping[str, One],
    *,
    horizons: ArrayLike = DEFAULT_HORIZONS,
    level: float = 0.95,
    tried: int | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare signals on one record: what each predicts, and what it adds to the others.

    Parameters
    ----------
    history : History, sequence of History, or Days
        Book states, T in all; several are one record, as for `calibrate`.
    signals : iterable or mapping
        One to 50 signals, or a mapping of name to signal. Each is a `Signal` or the name of one,
        `Settings` or `Parameters` (which give its parameters and threshold too), a function of a
        history, or an array of float of shape (T,). + predicts a rise; NaN is no signal. A function
        and a signal defined by a user are checked for look-ahead; an array cannot be.
    horizons : array_like of float, shape (H,)
        Seconds of event time, above 0. They are sorted, and duplicates are dropped.
    level : float
        Level of the confidence intervals, 0.5 to 0.999.
    tried : int, optional
        Number of signals and settings that were tried before these were chosen, these included. At
        least the number of signals, which is the default. P values are corrected for all of them at
        every horizon. To calibrate the best of them, give ``tried=comparison.tried``.
    seed : int
        Of the random times at which `next_move` samples, 0 to 1,000,000.

    Returns
    -------
    Comparison
        Its text is a table. It says nothing about costs: `calibrate` does.

    Raises
    ------
    SettingsError
        If there is no signal, more than 50, something that is no signal, or a gauge, which has no
        direction; if an option is not possible.
    HistoryError
        If the histories cannot be joined, or a signal does not fit their states.

    Notes
    -----
    Each signal is measured where it has values, by what judges it alone:

    - information coefficient: Spearman's rank correlation with the return of mid over a horizon,
      and Pearson's, as in `calibrate`. Standard errors are Hodrick's (1992, Review of Financial
      Studies 5, 357) with fixed-b critical values (Kiefer and Vogelsang 2005, Econometric Theory
      21, 1130), p values of a sign-flip test. Neither overlap nor persistence makes them small.
    - half-life: the horizon at which the rank coefficient has fallen to half of its peak.
    - AUC of mid's next move, at one random time between each two moves (Gould and Bonart 2016,
      Market Microstructure and Liquidity 2, 1650006), as in `next_move`.
    - autocorrelation: Pearson's, of the signal at a state and a horizon later.
    - share of time on: the time beyond its threshold, of the time in which it has a value.

    The states in which all have a value give Spearman's correlation of each two, and the
    *incremental* coefficient: the partial correlation of ranks with the return given the other
    signals (Yule 1907, Proc. Royal Society A 79, 182), with standard errors of the same kind; see
    `obi_widgets.calibration.incremental`. A signal of which the others leave less than 0.1 %
    unexplained is collinear, and has no such number. If two signals correlate by 0.9 or more,
    neither is conditioned on the other, and the later one is said to repeat it. What the others say
    is removed linearly in ranks: of two noisy readings of one quantity, each adds something.

    P values are corrected by Holm (1979, Scandinavian Journal of Statistics 6, 65) for ``tried``
    times H tests, those of the coefficients and those of the incremental ones separately. Intervals
    are of each figure alone.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=120, seed=1)
    >>> signals = [obi.queue_imbalance, "order_flow_imbalance", obi.Settings(decay=0.2)]
    >>> comparison = obi.compare(history, signals, horizons=(1, 5))
    >>> comparison.summary.index.tolist()
    ['queue_imbalance', 'order_flow_imbalance', 'imbalance']
    >>> comparison.tried
    3
    >>> bool(comparison.correlation.loc["queue_imbalance", "imbalance"] > 0.2)
    True
    >>> comparison.to_frame().loc["imbalance", "adds_low"].index.tolist()
    [1.0, 5.0]
    """
    loaders, chosen = as_loaders(history), chosen_signals(signals)
    number("level", level, 0.5, 0.999)
    integer("seed", seed, 0, 1_000_000)
    tried = len(chosen) if tried is None else integer(
        "tried", tried, len(chosen), MAX_TRIED, "signals and settings, these included"
    )  # fmt: skip
    found = [judged(loaders, one.parameters, one.signal, None) for one in chosen]
    states, values = found[0].history, [one.values for one in found]
    returns = forward_returns(states, np.unique(horizons_within(states, horizons)))
    left_out = {
        one.name: reason
        for one, of_all in zip(chosen, found, strict=True)
        if (reason := _why_not(of_all.values, of_all.looks_ahead))
    }
    used = [n for n, one in enumerate(chosen) if one.name not in left_out]
    own = incremental(states.mid, states.elapsed, [values[n] for n in used], returns, level)
    coefficients = tuple(information_coefficients(states, one, returns) for one in values)
    shape = (len(chosen), len(returns.horizons))
    rank_ic, error, b, p = (
        np.reshape([getattr(one, name) for one in coefficients], shape)
        for name in ("rank_ic", "rank_ic_se", "rank_b", "rank_ic_p")
    )
    p[[n for n in range(len(chosen)) if n not in used]] = np.nan  # no test of what is left out
    half, tests = margin(level, error, b, p), tried * len(returns.horizons)
    p_adjusted, own_p_adjusted = holm(p, tried=tests), holm(own.p, tried=tests)
    samples = Samples.of(states, seed)
    notes = []
    for one, of_all in zip(chosen, found, strict=True):
        beyond, more = coverage_notes(of_all.coverage, one.parameters)
        notes += [f"{one.name}: {note}" for note in (beyond, *more) if note]
    return Comparison(
        names=tuple(one.name for one in chosen),
        horizons=returns.horizons,
        level=level,
        tried=tried,
        states=len(states),
        seconds=float(states.elapsed[-1:].sum()) / 1e9,
        coefficients=coefficients,
        low=np.maximum(rank_ic - half, -1.0),
        high=np.minimum(rank_ic + half, 1.0),
        p=p,
        p_adjusted=p_adjusted,
        half_life=np.array([
            _half_life(returns.horizons, *row, 1 - level)
            for row in zip(rank_ic, p_adjusted, strict=True)
        ]),
        next_moves=tuple(_next_move(one, samples, level) for one in values),
        autocorrelation=np.array([_autocorrelation(one, returns) for one in values]),
        threshold=np.array([
            np.nan if one.signal is not None else one.parameters.threshold for one in chosen
        ]),
        share_on=np.array([
            _share_on(states, one, of_all.values) for one, of_all in zip(chosen, found, strict=True)
        ]),
        incremental=own,
        incremental_p_adjusted=own_p_adjusted,
        used=tuple(chosen[n].name for n in used),
        left_out=left_out,
        notes=tuple(notes),
        origin=found[0].origin,
    )  # fmt: skip


def chosen_signals(signals: object, *, gauges: bool = False, most: int = MOST) -> list[Chosen]:
    """Return the signals that are compared, each with a name of its own.

    Raises
    ------
    SettingsError
        If there is none, if they are more than ``most``, or if one is no signal; also if one has no
        direction, unless ``gauges``.
    """
    if isinstance(signals, Signal | str | Settings | Parameters):
        signals = [signals]
    if isinstance(signals, Mapping) or hasattr(signals, "items"):  # a DataFrame has columns
        given = [(str(name), one) for name, one in signals.items()]
    elif isinstance(signals, Iterable) and not callable(signals):
        given = [("", one) for one in signals]
    else:
        raise SettingsError(f"signals = {quoted(signals)} is not possible.", ADVICE)
    if not 1 <= len(given) <= most:
        raise SettingsError(
            f"There are {len(given):,} signals.", f"Give 1 to {most}. {ADVICE}"
        )  # fmt: skip
    chosen = [_one(name, one) for name, one in given]
    if not gauges:
        _refuse_gauges(chosen)
    names = [one.name for one in chosen]
    repeated = {name for name in names if names.count(name) > 1}
    return [
        one._replace(name=_longer(one, n, chosen)) if one.name in repeated else one
        for n, one in enumerate(chosen)
    ]


def _refuse_gauges(chosen: Sequence[Chosen]) -> None:
    """Refuse signals without direction.

    A coefficient with the return would say nothing of them. One with the size of the return would
    be another target than that of the others, so that what each adds could not be told; and since
    volatility persists, neither its interval nor its p value would hold.
    """
    gauges = [
        one.name for one in chosen if one.signal is None and not one.parameters.signal.directional
    ]
    if gauges:
        has, it = ("have", "them") if len(gauges) > 1 else ("has", "it")
        raise SettingsError(
            f"{', '.join(gauges)} {has} no direction: a high value does not mean a rise.",
            f"Leave {it} out. Show {it} beside a signal that has one, as by lab.add_signal.",
        )


def _one(name: str, one: object) -> Chosen:
    """Return what is compared, of what a user gave."""
    if isinstance(one, Settings | Parameters):
        parameters = Parameters.of(one)
        return Chosen(name or parameters.signal.name, parameters, None)
    if isinstance(one, Signal | str):
        signal = as_chosen(one)
        return Chosen(name or signal.name, Parameters(signal), None)
    if callable(one) or np.ndim(one) == 1:  # type: ignore[arg-type]
        return Chosen(name or named(Parameters(), one), Parameters(), one)  # type: ignore[arg-type]
    raise SettingsError(f"{quoted(one)} is not a signal.", ADVICE)


def _longer(one: Chosen, at: int, chosen: Sequence[Chosen]) -> str:
    """Return a name with the parameters that set it apart; with a number if there are none."""
    alike = [other for other in chosen if other.name == one.name]
    mine = one.parameters.as_table()
    tables = [other.parameters.as_table() for other in alike]
    differ = [name for name in mine if any(table.get(name) != mine[name] for table in tables)]
    name = " ".join([one.name, *(f"{key}={mine[key]}" for key in differ)])
    same = [other for other in chosen[:at] if other.name == one.name]
    before = sum(other.parameters.as_table() == mine for other in same)
    return f"{name} ({before + 1})" if tables.count(mine) > 1 else name


def _why_not(values: Floats, looks_ahead: str) -> str:
    """Return why a signal has no place among the others; empty if it has."""
    known = values[~np.isnan(values)]
    if not len(known):
        return "it has no value at any state"
    if not np.ptp(known) > 0:
        return f"it is always {known[0]:g}"
    return f"it uses later data: {looks_ahead}" if looks_ahead else ""


def _half_life(horizons: Floats, rank_ic: Floats, p_adjusted: Floats, error: float) -> float:
    """Return the half-life of a coefficient whose peak is told from 0; NaN of another."""
    if np.isnan(rank_ic).all():
        return np.nan
    told = p_adjusted[int(np.nanargmax(np.abs(rank_ic)))] < error
    return half_life(horizons, rank_ic) if told else np.nan


def _next_move(values: Floats, samples: Samples, level: float) -> NextMove:
    """Return how well values tell the next move; without an area if they never change."""
    at_time = values[samples.row]
    known = ~np.isnan(at_time)
    found = area(at_time[known], samples.rose[known], level)
    if found.n and not np.ptp(at_time[known]) > 0:
        return found._replace(auc=np.nan, low=np.nan, high=np.nan)
    return found


def _autocorrelation(values: Floats, returns: ForwardReturns) -> Floats:
    """Return the correlation of a signal with itself a horizon later, shape (H,)."""
    out = np.full(len(returns.horizons), np.nan)
    for row, end in enumerate(returns.end):
        rows = np.flatnonzero(end >= 0)
        now, later = values[rows], values[end[rows]]
        both = ~np.isnan(now) & ~np.isnan(later)
        now, later = now[both], later[both]
        if len(now) > 2 and np.ptp(now) > 0 and np.ptp(later) > 0:
            out[row] = np.corrcoef(now, later)[0, 1]
    return out


def _share_on(history: History, one: Chosen, values: Floats) -> float:
    """Return the fraction of its time in which a signal is beyond its threshold."""
    if one.signal is not None:
        return np.nan
    place = np.abs(compared(history, values, one.parameters))
    lasts = np.diff(history.elapsed, append=history.elapsed[-1:])
    known = float(lasts[~np.isnan(place)].sum())
    return float(lasts[place > one.parameters.threshold].sum()) / known if known else np.nan
