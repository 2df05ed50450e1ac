"""Walk-forward test: settings are chosen on the past and judged on what follows, fold by fold."""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from obi_widgets.calibration.entry_sums import add_up, none, without_coarse, worse
from obi_widgets.calibration.grid import Grid
from obi_widgets.calibration.holdout import DEFAULT_HOLD_OUT, Bounds, walk_forward_bounds
from obi_widgets.calibration.record import Record
from obi_widgets.calibration.surface import MIN_ENTRIES, Surface
from obi_widgets.calibration.workers import check as check_executor
from obi_widgets.history.given import as_loaders
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.provenance import labels, to_tables
from obi_widgets.settings.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.calibration.part_by_part import How
    from obi_widgets.calibration.workers import Where
    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]


class Fold(NamedTuple):
    """One out-of-sample part of a record, with the settings that were chosen before it.

    Attributes
    ----------
    chosen : dict
        The chosen value of each axis; empty if no setting had `MIN_ENTRIES` entries in sample.
    chosen_net_bps : float
        Their mean net gain in sample, bps.
    after : Surface or None
        Their results in the part; None if nothing was chosen.
    ends : tuple of int
        Time of the first and of the last state of the part, ns UTC; empty if it has no state.
    """

    chosen: dict[str, Any]
    chosen_net_bps: float = np.nan
    after: Surface | None = None
    ends: tuple[int, ...] = ()


def walk_forward(
    history: History | Sequence[History],
    *,
    folds: int = 5,
    embargo: float = 0.0,
    threshold: Iterable[float] | None = None,
    hold_seconds: Iterable[float] | None = None,
    settings: Settings | Parameters | None = None,
    executor: Where | None = None,
    **axes: Iterable[Any] | None,
) -> pd.DataFrame:
    """Choose settings on the past, and return their results on the time that follows.

    The record is cut into ``folds + 1`` parts of equal time. For each part but the first, the
    setting with the largest mean net gain together with its neighbours
    (`Surface.neighbours_net_bps`) over all earlier parts is chosen, and judged by its entries in
    that part. Only results of this kind could have been earned, since nothing of the part was known
    when the setting was chosen.

    Parameters
    ----------
    history : History, sequence of History, or Days
        Book states. Several histories must be of one market, and are one record, with a gap
        between each two. They are computed with one by one, the signal too. The days that
        `load_days` returns are loaded three times each: for their length, to choose, to judge.
    folds : int
        Number of parts that are judged; 1 to 1,000.
    embargo : float
        Seconds at the beginning of each judged part that are left out. The longest hold before the
        part is always left out, so that no entry that chose a setting ends in that part.
    threshold, hold_seconds, settings, executor, **axes
        See `obi_widgets.sweep`.

    Returns
    -------
    DataFrame
        One row for each fold. ``start, end``: the first and last state of the part that the
        settings are judged on (UTC). One column for each axis: the chosen value (for the imbalance
        ``decay, depth, threshold, hold_seconds``; a depth of 0 is all levels).
        ``chosen_net_bps``: the mean net gain of the chosen settings on the time before, bps.
        ``entries, net_bps, se_bps``: their entries in the part, mean net gain and its standard
        error, bps. NaN where no settings had 20 entries or more on the time before. Its ``attrs``
        hold the settings and the origin of the data, and say that it is no verdict.

    Raises
    ------
    SettingsError
        As `obi_widgets.sweep`; also if ``folds`` is not possible or ``embargo`` is negative.
    HistoryError
        If the histories are of different markets, overlap, or keep different numbers of levels.
    ArgumentError, RecordingError, WorkerError
        As `obi_widgets.sweep`.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=120, seed=1)
    >>> table = obi.walk_forward(history, folds=2, threshold=[0.2, 0.4], hold_seconds=[1])
    >>> table[["threshold", "chosen_net_bps", "entries", "net_bps"]].shape
    (2, 4)
    """
    import pandas as pd

    loaders = as_loaders(history)
    check_executor(executor)
    p = Parameters.of(Settings() if settings is None else settings)
    grid = Grid.of(
        p, DEFAULT_HOLD_OUT, axes | {"threshold": threshold, "hold_seconds": hold_seconds}
    )
    record = Record.of(loaders, executor)
    found = folds_of(record, grid, folds, embargo)
    rows = [_row(fold, grid) for fold in found]
    table = pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="fold"))
    table.attrs.update(labels(p, to_tables(record.origin, None)))
    return table


def folds_of(
    record: Record,
    grid: Grid,
    folds: int,
    embargo: float = 0.0,
    merit: Callable[[Surface], Floats] | None = None,
    span: int | None = None,
) -> list[Fold]:
    """Return the folds of `walk_forward` over a record.

    ``merit`` returns a value for each setting of a surface; the largest is chosen, and NaN never.
    The default is `merit_with_neighbours`. ``span`` is the length of the record's beginning that
    is used, nanoseconds without gaps; by default all of it.
    """
    purge = max(grid.axes["hold_seconds"])
    span = record.elapsed if span is None else span
    bounds = walk_forward_bounds(span, folds=folds, purge=purge, embargo=embargo)
    return _judged(record, grid, bounds, _chosen(record, grid, bounds, merit))


def _chosen(
    record: Record,
    grid: Grid,
    bounds: Sequence[Bounds],
    merit: Callable[[Surface], Floats] | None,
) -> list[Fold]:
    """Return what is chosen for each fold, by the sums over all that is in sample."""
    begins = record.begins
    # The last history that a fold looks at before its part, of which it may look at nothing.
    last = [max(bisect_left(begins, one.in_sample) - 1, 0) for one in bounds]
    computes: list[Callable[..., list[Floats]] | None] = []
    for number in range(len(record.loaders)):
        ends = [
            one.in_sample - begins[number]
            for one, at in zip(bounds, last, strict=True)
            if at == number
        ]
        whole = any(at > number for at in last)
        wanted = bool(ends or whole)
        computes.append(partial(_before, grid=grid, ends=ends, whole=whole) if wanted else None)
    nothing = none(grid)
    total, folds = nothing.copy(), dict[int, Fold]()
    for number, (*before, whole_part) in record.each(computes, grid.parameters.signal):
        mine = [fold for fold, at in enumerate(last) if at == number]
        for fold, part in zip(mine, before, strict=True):
            parts = worse(without_coarse(total + part, grid, record.interval))
            folds[fold] = _choose(Surface(grid.axes, grid.parameters, parts), merit)
        total += whole_part
    empty = Surface(grid.axes, grid.parameters, worse(nothing))
    return [folds[n] if n in folds else _choose(empty, merit) for n in range(len(bounds))]


def _before(
    history: History, how: How, grid: Grid, ends: Sequence[int], *, whole: bool
) -> list[Floats]:
    """Return the sums over the states before each time without gaps, and over all of them."""
    rows = np.searchsorted(history.elapsed, ends, side="left").tolist()
    rows.append(len(history) if whole else 0)
    known = {0: none(grid)}
    for row in {*rows} - {0}:
        known[row] = add_up(history, grid, how.cancel, threads=how.threads, stop=row)
    return [known[row] for row in rows]


def _choose(surface: Surface, merit: Callable[[Surface], Floats] | None) -> Fold:
    """Choose a setting by its in-sample surface."""
    merits = (merit or merit_with_neighbours)(surface)
    if np.isnan(merits).all():
        return Fold({})
    best = np.unravel_index(int(np.nanargmax(merits)), merits.shape)
    return Fold(surface.values(best), float(surface.mean_net_bps[best]))


class _After(NamedTuple):
    """What of a fold's part lies in one history: sums of the chosen settings, and its ends."""

    sums: Floats | None
    ends: tuple[int, int] | None


def _judged(
    record: Record, grid: Grid, bounds: Sequence[Bounds], folds: Sequence[Fold]
) -> list[Fold]:
    """Return the folds with what the chosen settings came to in their parts."""
    grids = [
        Grid.of(grid.parameters, grid.hold_out, {n: [v] for n, v in fold.chosen.items()})
        if fold.chosen
        else None
        for fold in folds
    ]
    computes: list[Callable[..., list[_After]] | None] = []
    asked: list[list[int]] = []
    begins = record.begins
    for number in range(len(record.loaders)):
        begin = begins[number]
        end = begin + record.spans[number].elapsed
        mine = [n for n, one in enumerate(bounds) if one.first <= end and one.stop > begin]
        asked.append(mine)
        some = [(Bounds(*(at - begin for at in bounds[n])), grids[n]) for n in mine]
        computes.append(partial(_after, some=some) if mine else None)
    sums = [None if one is None else none(one) for one in grids]
    ends: list[tuple[int, ...]] = [() for _ in folds]
    for number, found in record.each(computes, grid.parameters.signal):
        for fold, one in zip(asked[number], found, strict=True):
            if one.ends is not None:
                ends[fold] = (*ends[fold][:1], one.ends[1]) if ends[fold] else one.ends
            if one.sums is not None and (total := sums[fold]) is not None:
                total += one.sums
    return [
        fold._replace(
            ends=end,
            after=None
            if one is None or total is None
            else Surface(one.axes, grid.parameters, worse(total)),
        )
        for fold, end, one, total in zip(folds, ends, grids, sums, strict=True)
    ]


def _after(history: History, how: How, some: Sequence[tuple[Bounds, Grid | None]]) -> list[_After]:
    """Return what of each fold's part lies in a history; bounds count from its first state."""
    found = []
    for bounds, grid in some:
        rows = bounds.split(history.elapsed).out_of_sample
        if rows.start == rows.stop:
            found.append(_After(None, None))
            continue
        sums = None
        if grid is not None:
            chosen = grid.parameters.replace(**{n: v[0] for n, v in grid.axes.items()})
            # A signal may look back to states before the part.
            begin = chosen.first_needed(history, rows.start)
            sums = add_up(
                history[begin:], grid, how.cancel, threads=how.threads,
                first=rows.start - begin, stop=rows.stop - begin,
            )  # fmt: skip
        first, last = history.time[[rows.start, rows.stop - 1]].tolist()
        found.append(_After(sums, (first, last)))
    return found


def merit_with_neighbours(surface: Surface) -> Floats:
    """Return the mean net gain of each setting with its neighbours; NaN with too few entries."""
    return np.where(surface.entries >= MIN_ENTRIES, surface.neighbours_net_bps, np.nan)


def _row(fold: Fold, grid: Grid) -> dict[str, Any]:
    """Return a fold's row of the table."""
    import pandas as pd

    ends = np.array(fold.ends or [np.iinfo(np.int64).min] * 2)  # which is NaT
    times = pd.to_datetime(ends.view("datetime64[ns]"), utc=True)
    row: dict[str, Any] = dict(zip(("start", "end"), times, strict=True))
    if fold.after is None:
        nothing = (*grid.axes, "chosen_net_bps", "net_bps", "se_bps")
        return row | dict.fromkeys(nothing, np.nan) | {"entries": 0}
    return (
        row
        | {name: fold.after.in_table(name, value) for name, value in fold.chosen.items()}
        | {
            "chosen_net_bps": fold.chosen_net_bps,
            "entries": fold.after.entries.item(),
            "net_bps": fold.after.mean_net_bps.item(),
            "se_bps": fold.after.se_bps.item(),
        }
    )
