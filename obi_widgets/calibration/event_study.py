"""How signals behave before, during and after large moves of mid: an event study."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.calibration.compare import chosen_signals
from obi_widgets.calibration.coverage_notes import coverage_notes
from obi_widgets.calibration.event_paths import EventStudy, SignalPath
from obi_widgets.calibration.forward_returns import too_coarse
from obi_widgets.calibration.information_coefficient import persistence
from obi_widgets.calibration.judged_columns import judged
from obi_widgets.calibration.moves import (
    Grid,
    Moves,
    bounds,
    enough,
    find_moves,
    grid_of,
    values_at,
)
from obi_widgets.calibration.statistics.sign_flips import FEWEST, mean_path
from obi_widgets.checks import choice, integer, number
from obi_widgets.errors import SettingsError
from obi_widgets.history.given import as_loaders

if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.calibration.compare import Chosen
    from obi_widgets.calibration.judged_columns import Judged
    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.settings.settings import Settings
    from obi_widgets.signals.signal import Signal

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    One: TypeAlias = Signal | str | Settings | Parameters | ArrayLike | Callable[[History], Any]
    BeyondIs = Literal["quantile", "bps"]

WORDS = ("quantile", "bps")

MOST_LAGS = 500
"""Largest number of lags."""

MOST_SIGNALS = 12
"""Largest number of signals."""

FEWEST_USUAL = 10
"""Earlier windows that the usual path needs at least."""


class _Times(NamedTuple):
    """Moves with a path of their own, and where their paths are looked at."""

    grid: Grid
    window: Ints
    side: Floats
    lags: Floats
    before: float
    after: float
    of_last: float

    @property
    def start(self) -> Ints:
        return np.asarray(self.grid.time[self.window])

    def at(self, lag: float) -> Ints:
        """Return the times of a lag, one for each border of the grid."""
        return np.asarray(self.grid.time + round(lag * 1e9))


def event_study(
    history: History | Sequence[History],
    signals: Iterable[One] | Mapping[str, One] = ("imbalance",),
    *,
    window: float = 5.0,
    beyond: float = 0.95,
    beyond_is: BeyondIs = "quantile",
    of_last: float = 1800.0,
    before: float = 30.0,
    after: float = 30.0,
    step: float = 1.0,
    level: float = 0.95,
    seed: int = 0,
) -> EventStudy:
    """Return the mean path of signals before, during and after large moves of mid.

    Parameters
    ----------
    history : History, sequence of History, or Days
        Book states, T in all; several are one record, as for `calibrate`.
    signals : iterable or mapping
        One to 12 signals, or a mapping of name to signal: whatever `compare` takes, and gauges
        too. + predicts a rise; a gauge has no direction, so that its path is not signed.
    window : float
        Seconds over which a move is measured, 0.1 to 3,600.
    beyond : float
        What the size of a move exceeds: a quantile of the sizes before it, 0.5 to 0.999, or basis
        points above 0.
    beyond_is : {"quantile", "bps"}
        What ``beyond`` is.
    of_last : float
        Seconds before a move whose windows give the quantile, and the usual path, up to 86,400.
    before, after : float
        How far the paths reach, seconds before and after the start of a move, up to 3,600.
    step : float
        Seconds from lag to lag; at most 500 lags.
    level : float
        Level of the intervals and of the band, 0.5 to 0.999.
    seed : int
        Of the intervals, 0 to 1,000,000.

    Returns
    -------
    EventStudy
        Its text says what is found; a notebook shows a picture.

    Raises
    ------
    SettingsError
        An option that is not possible, no signal, or something that is no signal.
    HistoryError
        If the histories cannot be joined, or a signal does not fit their states.

    Notes
    -----
    **Moves.** Time is cut in windows at multiples of ``window`` in UTC. A move is a window over
    which mid changes by more than the bound, which is known before it begins. On a random walk its
    direction is a fair coin whatever went before, so that no signal of mid's past has a lead by
    construction. A move whose path begins before an earlier one has ended is left out.

    **Paths.** At each lag from the start, the signal of the state in force, times the direction of
    the move: + agrees with it. Gauges are not signed.

    **Usual.** The mean path at all windows that were over before the path of the move began, up to
    ``of_last`` seconds back, with the sign of the same move: so of the same market, hour and side.

    **Intervals** are of the difference of the two. Signs of blocks of time are flipped as a whole.
    A block holds all moves within the length of a path, or within twice the time in which the
    signal's autocorrelation falls to 1/e, if that is longer.

    **Lead.** The band holds for all lags up to the start, and all signals, together. The lead
    begins at the first lag of the last stretch that the band tells from usual. Within a signal's
    look-back or persistence, a lead says that it knew early, and not that each lag tells anew.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=900, seed=2, edge=4)
    >>> study = obi.event_study(history, window=2, before=10, after=10)
    >>> study.names
    ('imbalance',)
    >>> bool(study.signals[0].used <= study.moves)
    True
    """
    options = _checked(window, beyond, beyond_is, of_last, before, after, step)
    window, beyond, of_last, before, after, lags = options
    number("level", level, 0.5, 0.999)
    integer("seed", seed, 0, 1_000_000)
    loaders = as_loaders(history)
    chosen = chosen_signals(signals, gauges=True, most=MOST_SIGNALS)
    found = [judged(loaders, one.parameters, one.signal, None) for one in chosen]
    states = found[0].history
    if too_coarse(window, states.interval):
        raise SettingsError(
            f"Windows of {window:g} s are too short for states {states.interval:g} s apart.",
            "Give ten intervals or more, or load with interval=0.",
        )
    grid = grid_of(states, window)
    by_quantile = beyond_is == "quantile"
    bound = bounds(grid, beyond, of_last) if by_quantile else np.full(len(grid.bps), beyond)
    moves = find_moves(states, grid, bound, before, after)
    kept = moves.window[moves.kept]
    times = _Times(grid, kept, np.sign(grid.bps[kept]), lags, before, after, of_last)
    one_of = 1 - (1 - level) / len(chosen)
    paths = tuple(
        _path(states, one, of_all, times, level, one_of, seed)
        for one, of_all in zip(chosen, found, strict=True)
    )
    return EventStudy(
        signals=paths,
        lags=lags,
        window=window,
        beyond=beyond,
        beyond_is=beyond_is,
        of_last=of_last,
        level=level,
        time=times.start,
        side=times.side.astype(np.int8),
        size_bps=np.abs(grid.bps[kept]),
        mid_bps=_mid_path(states, times),
        windows=len(grid.bps),
        judged=moves.judged,
        overlap=int(np.count_nonzero(moves.overlap)),
        gap=int(np.count_nonzero(moves.gap)),
        notes=tuple(_notes(chosen, found, times, moves)),
        origin=found[0].origin,
    )


def _checked(
    window: float,
    beyond: float,
    beyond_is: BeyondIs,
    of_last: float,
    before: float,
    after: float,
    step: float,
) -> tuple[float, float, float, float, float, Floats]:
    """Return window, beyond, of_last, before and after, checked, and the lags."""
    choice("beyond_is", beyond_is, WORDS)
    window = number("window", window, 0.1, 3600, "seconds")
    quantile = beyond_is == "quantile"
    beyond = number("beyond", beyond, 0.5, 0.999) if quantile else number(
        "beyond", beyond, 1e-6, 1e4, "bps"
    )  # fmt: skip
    before = number("before", before, 0, 3600, "seconds")
    after = number("after", after, window, 3600, "seconds")
    step = number("step", step, 0.01, 3600, "seconds")
    of_last = number("of_last", of_last, window, 86_400, "seconds")
    if quantile and of_last < enough(beyond) * window:
        raise SettingsError(
            f"of_last = {of_last:g} s holds too few windows of {window:g} s for a quantile of "
            f"{beyond:g}.",
            f"Give of_last={enough(beyond) * window:g} or more, or a lower quantile.",
        )
    if (before + after) / step >= MOST_LAGS:
        raise SettingsError(
            f"{before + after:g} s in steps of {step:g} s are too many lags.",
            f"Give a step of {(before + after) / (MOST_LAGS - 1):.2g} or more.",
        )
    steps = np.arange(-int(before / step + 1e-9), int(after / step + 1e-9) + 1)
    return window, beyond, of_last, before, after, np.round(steps * step, 9)


def _path(
    history: History,
    chosen: Chosen,
    of_all: Judged,
    times: _Times,
    level: float,
    band_level: float,
    seed: int,
) -> SignalPath:
    """Return the path of one signal."""
    directional = chosen.signal is not None or chosen.parameters.signal.directional
    values, side = of_all.values, times.side if directional else np.ones(len(times.side))
    own, usual = np.empty((2, len(times.window), len(times.lags)))
    known = ~np.isnan(values)
    for n, lag in enumerate(times.lags.tolist()):
        at = values_at(history, values, times.at(lag))
        own[:, n], usual[:, n] = at[times.window], _usual(at, times)
    has_value = ~np.isnan(own).any(axis=1)
    has_usual = ~np.isnan(usual).any(axis=1)
    used = np.asarray(has_value & has_usual & (not of_all.looks_ahead), bool)
    own, usual = own[used] * side[used, None], usual[used] * side[used, None]
    lasts = persistence(history.elapsed, values) if known.any() else np.nan
    width = max(times.before + times.after, 2 * lasts if lasts == lasts else 0.0)
    start = times.start[used]
    # Without an end to its persistence, all moves are one observation.
    block = np.zeros(len(start), np.int64) if np.isinf(width) else start // round(width * 1e9)
    pre = times.lags <= 0
    more = mean_path(own - usual, block, pre, level=level, band_level=band_level, seed=seed)
    nothing = np.full(len(times.lags), np.nan)
    unit = "" if chosen.signal is not None else chosen.parameters.signal.unit
    return SignalPath(
        name=chosen.name,
        unit=unit,
        directional=directional,
        lags=times.lags,
        path=own.mean(axis=0) if len(own) else nothing,
        usual=usual.mean(axis=0) if len(own) else nothing,
        half=more.half,
        band=more.band,
        used=int(np.count_nonzero(used)),
        no_value=int(np.count_nonzero(~has_value)),
        no_usual=int(np.count_nonzero(has_value & ~has_usual)),
        blocks=more.blocks,
        looks_ahead=of_all.looks_ahead,
    )


def _usual(at: Floats, times: _Times) -> Floats:
    """Return the mean at one lag of the windows that were over before the path of each move.

    ``at`` has the value for each border of the grid. NaN with too few of them.
    """
    known = ~np.isnan(at)
    sums = np.append(0.0, np.cumsum(np.where(known, at, 0.0)))
    counts = np.append(0, np.cumsum(known))
    grid, start = times.grid.time, times.start
    first = np.searchsorted(grid, start - round(times.of_last * 1e9))
    last = np.searchsorted(grid, start - round((times.before + times.after) * 1e9), side="right")
    last = np.maximum(last, first)
    count = counts[last] - counts[first]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (sums[last] - sums[first]) / count
    return np.where(count >= FEWEST_USUAL, mean, np.nan)


def _mid_path(history: History, times: _Times) -> Floats:
    """Return the mean path of mid from the start of the moves, in their direction, bps."""
    if not len(times.window):
        return np.full(len(times.lags), np.nan)
    start = values_at(history, history.mid, times.start)
    out = np.empty(len(times.lags))
    for n, lag in enumerate(times.lags.tolist()):
        mid = values_at(history, history.mid, times.start + round(lag * 1e9))
        out[n] = np.mean(times.side * 1e4 * (mid / start - 1))
    return out


def _notes(
    chosen: Sequence[Chosen], found: Sequence[Judged], times: _Times, moves: Moves
) -> Iterable[str]:
    """Yield what limits the figures."""
    if not moves.judged and len(times.grid.bps):
        yield (
            f"No window could be compared: the {len(times.grid.bps):,} windows of the record are "
            "too few for this quantile. Record more, or give a shorter window or beyond_is='bps'."
        )
    elif len(times.window) < FEWEST:
        yield f"{len(times.window)} moves have a path of their own, and {FEWEST} are needed."
    for one, of_all in zip(chosen, found, strict=True):
        if of_all.looks_ahead:
            yield f"{one.name} uses later data, so its path is left out: {of_all.looks_ahead}"
        beyond, more = coverage_notes(of_all.coverage, one.parameters)
        yield from (f"{one.name}: {note}" for note in (beyond, *more) if note)
