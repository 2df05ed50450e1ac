"""Walk-forward test: settings are chosen on the past and judged on what follows, fold by fold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from obi_widgets.calibration.grid import Grid, values_of
from obi_widgets.calibration.holdout import DEFAULT_HOLD_OUT, walk_forward_splits
from obi_widgets.calibration.surface import MIN_ENTRIES, Surface
from obi_widgets.calibration.sweep import swept
from obi_widgets.history.columns import History
from obi_widgets.history.given import as_joined
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.provenance import labels, to_tables
from obi_widgets.settings.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Fold(NamedTuple):
    """One out-of-sample part of a record, with the settings that were chosen before it.

    Attributes
    ----------
    part : History
        The out-of-sample part.
    chosen : dict
        The chosen value of each axis; empty if no setting had `MIN_ENTRIES` entries in sample.
    chosen_net_bps : float
        Their mean net gain in sample, bps.
    after : Surface or None
        Their results in the part; None if nothing was chosen.
    """

    part: History
    chosen: dict[str, Any]
    chosen_net_bps: float = np.nan
    after: Surface | None = None


def walk_forward(
    history: History | Sequence[History],
    *,
    folds: int = 5,
    embargo: float = 0.0,
    threshold: Iterable[float] | None = None,
    hold_seconds: Iterable[float] | None = None,
    settings: Settings | Parameters | None = None,
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
    history : History or sequence of History
        Book states. Several histories must be of one market; they are joined by
        `History.concat`.
    folds : int
        Number of parts that are judged; 1 to 1,000.
    embargo : float
        Seconds at the beginning of each judged part that are left out. The longest hold before the
        part is always left out, so that no entry that chose a setting ends in that part.
    threshold, hold_seconds, settings, **axes
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
        If the histories cannot be joined.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=120, seed=1)
    >>> table = obi.walk_forward(history, folds=2, threshold=[0.2, 0.4], hold_seconds=[1])
    >>> table[["threshold", "chosen_net_bps", "entries", "net_bps"]].shape
    (2, 4)
    """
    import pandas as pd

    history = as_joined(history)
    p = Parameters.of(Settings() if settings is None else settings)
    grid = Grid.of(
        p, DEFAULT_HOLD_OUT, axes | {"threshold": threshold, "hold_seconds": hold_seconds}
    )
    rows = [_row(fold, grid) for fold in folds_of(history, p, grid.axes, folds, embargo)]
    table = pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="fold"))
    table.attrs.update(labels(p, to_tables(history.provenance, None)))
    return table


def folds_of(
    history: History,
    p: Parameters,
    axes: Mapping[str, Sequence[Any]],
    folds: int,
    embargo: float = 0.0,
    merit: Callable[[Surface], Floats] | None = None,
) -> list[Fold]:
    """Return the folds of `walk_forward` over one history.

    ``merit`` returns a value for each setting of a surface; the largest is chosen, and NaN never.
    The default is `merit_with_neighbours`.
    """
    merit = merit or merit_with_neighbours
    purge = max(values_of("hold_seconds", axes.get("hold_seconds"), p))
    splits = walk_forward_splits(history.elapsed, folds=folds, purge=purge, embargo=embargo)
    return [
        _judged(swept(history[split.in_sample], p, axes), history, split.out_of_sample, merit)
        for split in splits
    ]


def merit_with_neighbours(surface: Surface) -> Floats:
    """Return the mean net gain of each setting with its neighbours; NaN with too few entries."""
    return np.where(surface.entries >= MIN_ENTRIES, surface.neighbours_net_bps, np.nan)


def _judged(
    surface: Surface, history: History, rows: slice, merit: Callable[[Surface], Floats]
) -> Fold:
    """Choose a setting by its in-sample surface, and judge it on later rows."""
    part, merits = history[rows], merit(surface)
    if np.isnan(merits).all():
        return Fold(part, {})
    best = np.unravel_index(int(np.nanargmax(merits)), merits.shape)
    chosen = surface.values(best)
    # A signal may look back to states before the part.
    begin = surface.settings(best).first_needed(history, rows.start)
    one_each = {name: [value] for name, value in chosen.items()}
    after = swept(
        history[begin : rows.stop], surface.parameters, one_each, first=rows.start - begin
    )
    return Fold(part, chosen, surface.mean_net_bps[best], after)


def _row(fold: Fold, grid: Grid) -> dict[str, Any]:
    """Return a fold's row of the table."""
    import pandas as pd

    time = fold.part.time
    ends = time[[0, -1]] if len(time) else np.full(2, np.datetime64("NaT", "ns"))
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
