"""Choosing settings on the past and judging them on what follows, again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.holdout import walk_forward_splits
from obi_widgets.calibration.surface import AXES
from obi_widgets.calibration.sweeping import axis, sweep
from obi_widgets.history import History
from obi_widgets.settings import Parameters, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from obi_widgets.calibration.surface import Surface

LEAST = 20
"""Entries below which a setting is not chosen: its mean is of a handful."""


def walk_forward(
    history: History | Sequence[History],
    *,
    folds: int = 5,
    embargo: float = 0.0,
    decay: Iterable[float] | None = None,
    depth: Iterable[int | None] | None = None,
    threshold: Iterable[float] | None = None,
    hold_seconds: Iterable[float] | None = None,
    settings: Settings | Parameters | None = None,
) -> pd.DataFrame:
    """Return what settings made that were chosen, fold by fold, on the time before.

    The record is cut in ``folds + 1`` parts of the same time. Before each part but the first, the
    setting is chosen that was best with its neighbours (`Surface.neighbours_net_bps`) over all
    parts before, and then its entries in that part are counted: the only ones of the grid that
    anybody could have made.

    Parameters
    ----------
    history : History or sequence of History
        Book states; of one market where there are several, see `History.concat`.
    folds : int
        How many parts are judged.
    embargo : float
        Seconds at the beginning of a part that are left out. The longest hold before it always
        is, so that no entry that chose a setting ends in the part that judges it.
    decay, depth, threshold, hold_seconds, settings
        See `obi_widgets.sweep`.

    Returns
    -------
    DataFrame
        A row a fold: ``start, end`` of the part that it was judged on (UTC); ``decay, depth,
        threshold, hold_seconds`` chosen, a depth of 0 for all levels; ``chosen_net_bps``, what
        they made on the time before; ``entries, net_bps, se_bps`` of the part, after fees. NaN
        where no setting had `LEAST` entries.

    Raises
    ------
    SettingsError
        As `obi_widgets.sweep`, and fewer than one fold, or an embargo below 0.
    HistoryError
        Histories that cannot be joined.
    """
    import pandas as pd

    if not isinstance(history, History):
        history = History.concat(history)
    p = Parameters.of(Settings() if settings is None else settings)
    given = {"decay": decay, "depth": depth, "threshold": threshold, "hold_seconds": hold_seconds}
    axes: dict[str, Any] = {
        name: list(values) for name, values in given.items() if values is not None
    }
    purge = max(axis("hold_seconds", axes.get("hold_seconds"), p))
    rows = []
    for split in walk_forward_splits(history.elapsed, folds=folds, purge=purge, embargo=embargo):
        surface = sweep(history[split.inside], settings=p, **axes)
        part = history[split.outside]
        ends = part.time[[0, -1]] if len(part) else np.full(2, np.datetime64("NaT", "ns"))
        row: dict[str, Any] = dict(
            zip(
                ("start", "end"), pd.to_datetime(ends.view("datetime64[ns]"), utc=True), strict=True
            )
        )
        rows.append(row | _judged(surface, part, p))
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="fold"))


def _judged(surface: Surface, part: History, p: Parameters) -> dict[str, Any]:
    """Return the setting to choose by a surface, and what it makes of what follows."""
    merit = np.where(surface.entries >= LEAST, surface.neighbours_net_bps, np.nan)
    if np.isnan(merit).all():
        nothing = (*AXES, "chosen_net_bps", "net_bps", "se_bps")
        return dict.fromkeys(nothing, np.nan) | {"entries": 0}
    best = np.unravel_index(int(np.nanargmax(merit)), merit.shape)
    values = [getattr(surface, name)[at] for name, at in zip(AXES, best, strict=True)]
    chosen = dict(zip(AXES, values, strict=True))
    only: dict[str, Any] = {name: [value] for name, value in chosen.items()}
    after = sweep(part, settings=p, **only)
    return chosen | {
        "depth": chosen["depth"] or 0,
        "chosen_net_bps": surface.mean_net_bps[best],
        "entries": after.entries.item(),
        "net_bps": after.mean_net_bps.item(),
        "se_bps": after.se_bps.item(),
    }
