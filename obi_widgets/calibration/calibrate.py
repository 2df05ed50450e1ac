"""Calibration of one setting on one history: it makes a `Report`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import numpy as np

from obi_widgets.calibration.as_traded import TradeGains, traded, worse
from obi_widgets.calibration.by_horizon import grouped, joined
from obi_widgets.calibration.coverage_notes import coverage_notes, without_values
from obi_widgets.calibration.episodes import Kind, entry_columns, find_episodes
from obi_widgets.calibration.forward_returns import (
    DEFAULT_HORIZONS,
    as_horizons,
    forward_returns,
    horizons_within,
)
from obi_widgets.calibration.holdout import DEFAULT_HOLD_OUT, holdout
from obi_widgets.calibration.information_coefficient import (
    deciles,
    hit_rate,
    information_coefficients,
    persistence,
)
from obi_widgets.calibration.judged_columns import judged
from obi_widgets.calibration.report import Report
from obi_widgets.calibration.statistics.inference import Means, conditional_mean
from obi_widgets.calibration.statistics.multiple_testing import benjamini_hochberg, holm
from obi_widgets.calibration.workers import check as check_executor
from obi_widgets.checks import choice, fraction, integer
from obi_widgets.errors import counted
from obi_widgets.history.given import as_loaders
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.parameters import as_signal as as_chosen
from obi_widgets.settings.settings import COMMON
from obi_widgets.signals.signal import Signal
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.declared import leaves_early, refuse_gauge
from obi_widgets.trading.post_only import queues_of, refuse_without_trades
from obi_widgets.trading.sizing import sized

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.calibration.workers import Where
    from obi_widgets.history.columns import History
    from obi_widgets.settings.settings import Settings
    from obi_widgets.trading.exits import Exits

MAX_TRIED = 10**9
"""Largest number of settings tried that is accepted."""

MAX_SEED = 2**63 - 1
"""Largest seed of the random generator."""

POST_ONLY = (
    "Orders are post-only. Their place in the queue cannot be told from the tape: of first and "
    "last, the worse one is judged at each horizon."
)

BY_STRENGTH = (
    "The size of a trade depends on the signal: what was traded is the mean gain per unit of the "
    "value traded. The returns of mid count every entry alike."
)

LEFT_EARLY = (
    "Trades may be left before a horizon, by the exits of the settings. The returns of mid, and "
    "the gain at random times, are of the whole horizon."
)

CAPPED = (
    "The cap on entries within an hour is not applied here: every state at which one may begin is "
    "a trade of its own. Entries, sweeps and sealed tests keep to it."
)


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
    executor: Where | None = None,
) -> Report:
    """Test whether a signal predicts returns, and whether the gain exceeds the trading costs.

    Parameters
    ----------
    history : History, sequence of History, or Days
        Book states, T in all. Several histories must be of one market, and are one record, with a
        gap between each two; the signal of each is computed from it alone. The days that
        `load_days` returns are loaded one by one. Of all days a few columns are kept, since ranks
        and quantiles are of the whole record: see the notes.
    settings : Settings or Parameters
        The signal with its parameters, and the threshold, price and fee. Trades are held for each
        of ``horizons``, or until an exit of the settings; ``hold_seconds`` changes no figure, only
        a sentence of the verdict.
    signal : Signal, str, callable, or array_like of float of shape (T,), optional
        A signal to judge in place of the settings' own. + predicts a rise; NaN is no signal; its
        unit is that of ``threshold``. A `Signal` or the name of one keeps the settings' values for
        parameters of the same name. A callable takes a history and returns shape (T,). A callable
        or a signal defined by a user is also checked for look-ahead, at some states; an array
        cannot be checked.
    horizons : array_like of float, shape (H,)
        Seconds of event time, above 0. They are sorted, and duplicates are dropped.
    entry_kind : {"beyond", "crossing", "episode"}
        Which states are entries: every state beyond the threshold, every state that crosses it, or
        the first state of each episode. Of these, those at which the settings let an entry begin.
    hold_out : float
        Fraction of the record's time, at its end, that is also judged separately; 0..1.
    level : float
        Level of the confidence intervals, 0..1.
    tried : int
        Number of settings that were tried before these were chosen, these included. The p values
        are corrected for ``tried`` times H tests. Earlier sweeps and calibrations are not known
        here: after a sweep give ``surface.entries.size``, after `obi_widgets.propose` give
        ``proposal.tried``. A session counts only what it showed and exported itself.
    seed : int
        Seed of the bootstrap; 0 or more.
    executor : int, distributed.Client or concurrent.futures.Executor, optional
        Where the signal of several histories or days is computed, see `obi_widgets.sweep`. The
        report is the same to the bit. The statistics are computed in this process.

    Returns
    -------
    Report
        H horizons. Its ``verdict`` is ``"viable"``, ``"not viable"`` or ``"not enough data"``.

    Raises
    ------
    SettingsError
        If a horizon is not above 0 or none ends within the record; if ``entry_kind``, ``hold_out``,
        ``level``, ``tried`` or ``seed`` is not possible; if the signal is not one of numbers, or
        gives other numbers each time it is computed; or if orders are post-only and the history has
        no trades.
    HistoryError
        If the histories cannot be joined, or the signal does not fit their states.
    ArgumentError, RecordingError, WorkerError
        As `obi_widgets.sweep`.

    Notes
    -----
    The mean return of mid after an entry has Hodrick (1992) standard errors with fixed-b critical
    values; `obi_widgets.calibration.statistics.inference` has the formulas and sources.

    A state has no signal if the settings need levels that the history does not keep. If most
    states have none, the verdict is "not enough data", and says how many levels to keep.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=120, seed=1)
    >>> report = obi.calibrate(history, obi.Settings(fee_bps=5), horizons=(1, 5))
    >>> report.verdict  # a round trip costs two fees of 5 bps, and the spread
    'not viable'
    >>> bool(report.table.loc[1.0, "mean_bps"] < report.table.loc[1.0, "cost_bps"])
    True
    """
    loaders, parameters = as_loaders(history), Parameters.of(settings)
    check_executor(executor)
    level, hold_out = fraction("level", level), fraction("hold_out", hold_out)
    choice("entry_kind", entry_kind, get_args(Kind))
    tried = integer("tried", tried, 1, MAX_TRIED, "settings, these included")
    seed = integer("seed", seed, 0, MAX_SEED)
    as_horizons(horizons)
    if isinstance(signal, Signal | str):
        parameters, signal = _with_signal(parameters, as_chosen(signal)), None
    if signal is None:
        refuse_gauge(parameters.signal)
    name = named(parameters, signal)
    of_all = judged(loaders, parameters, signal, executor)
    history, values = of_all.history, of_all.values
    if parameters.execution == "post_only":
        refuse_without_trades(history)
    beyond, notes = coverage_notes(of_all.coverage, parameters)
    beyond = beyond or without_values(history, values)
    decided = decisions(history, values, parameters, allowed=of_all.allowed)
    horizons = np.unique(horizons_within(history, horizons))
    x = entry_columns(history, decided.values, [parameters.threshold], kind=entry_kind)
    x[np.isnan(decided.entries)] = 0
    episodes = find_episodes(history, decided.values, parameters.threshold)
    split = holdout(history.elapsed, share=hold_out, purge=float(horizons[-1]))

    entries = x[:, 0]

    def trade(
        some: History,
        entered: NDArray[np.int8],
        exits: Exits,
        grades: NDArray[np.int8],
        starts: NDArray[np.int64] | None = None,
    ) -> tuple[TradeGains, tuple[TradeGains, ...]]:
        """Return what was traded, and both bounds where it is the worse of two."""
        found = [
            joined([
                traded(
                    some, parameters, entered, group, level=level, episodes=starts, queue=queue,
                    exits=exits, grades=grades,
                )
                for group in grouped(horizons, len(some))
            ])
            for queue in queues_of(parameters)
        ]  # fmt: skip
        return (found[0], ()) if len(found) == 1 else (worse(*found), tuple(found))

    def part(rows: slice) -> tuple[Means, TradeGains, int]:
        states = history[rows]
        begun = (episodes.start >= rows.start) & (episodes.start < rows.stop)
        return (
            joined([
                conditional_mean(
                    states.mid, forward_returns(states, group), x[rows], level=level
                )
                for group in grouped(horizons, len(states))
            ]),
            trade(states, entries[rows], decided.exits.rows(rows), decided.grades[rows])[0],
            int(np.count_nonzero(begun)),
        )  # fmt: skip

    persists = persistence(history.elapsed, values)
    of_means, of_coefficients, of_deciles, hits = [], [], [], list[float]()
    for group in grouped(horizons, len(history)):
        returns = forward_returns(history, group)
        of_means.append(conditional_mean(history.mid, returns, x, level=level))
        of_coefficients.append(information_coefficients(history, values, returns, persists))
        of_deciles.append(deciles(history.mid, values, returns))
        hits += [hit_rate(entries, y) for y in returns.bps]
        del returns  # or they would be there beside the next ones
    means = joined(of_means)
    whole, bounds = trade(history, entries, decided.exits, decided.grades, episodes.start)
    in_sample, traded_in_sample, episodes_in_sample = part(split.in_sample)
    out_of_sample, traded_out_of_sample, episodes_out_of_sample = part(split.out_of_sample)
    tests = tried * len(horizons)
    return Report(
        parameters,
        entry_kind,
        int(history.time[0]) if len(history) else 0,
        int(history.time[-1]) if len(history) else 0,
        states=len(history),
        seconds=float(history.elapsed[-1:].sum()) / 1e9,
        means=means,
        p_adjusted=benjamini_hochberg(means.p[:, 0], tried=tests),
        net_p_adjusted=holm(whole.p, tried=tests),
        coefficients=joined(of_coefficients),
        deciles=replace(of_deciles[0], means=joined([one.means for one in of_deciles])),
        hit_rate=np.array(hits),
        traded=whole,
        traded_in_sample=traded_in_sample,
        traded_out_of_sample=traded_out_of_sample,
        in_sample=in_sample,
        out_of_sample=out_of_sample,
        episodes=episodes,
        episodes_in_sample=episodes_in_sample,
        episodes_out_of_sample=episodes_out_of_sample,
        hold_out=hold_out,
        tried=tried,
        interval=history.interval,
        looks_ahead=of_all.looks_ahead,
        seed=seed,
        beyond=beyond,
        notes=(
            *notes,
            *_not_filled(whole),
            *(POST_ONLY,) * bool(bounds),
            *(LEFT_EARLY,) * leaves_early(parameters),
            *(BY_STRENGTH,) * sized(parameters),
            *(CAPPED,) * (parameters.most_per_hour is not None),
        ),
        bounds=bounds,
        signal=name,
        origin=of_all.origin,
    )


def _not_filled(whole: TradeGains) -> tuple[str, ...]:
    """Return a sentence on the orders that were not filled; nothing where all were."""
    if not whole.missed.any():
        return ()
    at = int(np.argmax(whole.missed))
    missed, many = int(whole.missed[at]), int(whole.missed[at] + whole.n[at])
    return (
        f"{missed:,} of {counted(many, 'order')} were not filled. They are not counted as trades.",
    )


def named(parameters: Parameters, signal: object) -> str:
    """Return the name of the signal that is judged."""
    if signal is None:
        return parameters.signal.name
    if not callable(signal):
        return "an array"
    name: str = getattr(signal, "__name__", type(signal).__name__)
    # It is not to be taken for the signal of the settings.
    return f"the function {name}" if name == parameters.signal.name else name


def _with_signal(parameters: Parameters, signal: Signal) -> Parameters:
    """Return settings with another signal; values of parameters that it has too are kept."""
    if signal.computes_as(parameters.signal):
        return parameters
    kept = {n: v for n, v in parameters.as_dict().items() if n in COMMON or n in signal.parameters}
    return Parameters(**{**kept, "signal": signal})
