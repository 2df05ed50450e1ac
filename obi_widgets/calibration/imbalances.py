"""The imbalance within several depths and distances at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.quality.book_depth import ranges
from obi_widgets.history.given import as_history
from obi_widgets.signals.coverage import inferred
from obi_widgets.signals.imbalance import imbalance

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from obi_widgets.history.columns import History


def imbalances(
    history: History,
    *,
    levels: Iterable[int] = (1, 5, 10, 25),
    bps: Iterable[float] = (),
    decay: float = 0.0,
    weighting: str = "size",
) -> pd.DataFrame:
    """Return the imbalance of each state within several numbers of levels and distances from mid.

    Parameters
    ----------
    history : History
        T states.
    levels : iterable of int
        Numbers of levels a side, 1 to 50. May be ``[]``, if ``bps`` is not.
    bps : iterable of float
        Distances from mid, basis points, above 0 up to 10,000; a level at the distance counts.
    decay : float
        Decay per basis point of distance from mid; 0 weighs all levels alike.
    weighting : str
        ``"size"`` or ``"notional"``.

    Returns
    -------
    DataFrame
        A row a state, by event time in UTC. For each range a column such as ``"5 levels"`` or
        ``"10 bps"`` with `obi_widgets.imbalance`, −1 to +1, + for more bids. It is NaN where the
        book was not in sync, and where the range reaches beyond the levels that are kept. A column
        such as ``"5 levels inferred"`` is True where it uses levels beyond the known range of the
        book, see `obi_widgets.inferred`. In a strict history the imbalance is NaN there.

    Raises
    ------
    HistoryError, SettingsError
        No history, no range at all, or a value out of its range.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, levels=10, seed=1)
    >>> table = obi.imbalances(history, levels=[1, 5, 25], bps=[2])
    >>> table.filter(regex="s$").columns.tolist()
    ['5 levels', '25 levels', '2 bps']
    >>> int(table["25 levels"].count())  # ten are kept
    0
    """
    import pandas as pd

    history = as_history(history)
    columns: dict[str, object] = {}
    for name, used in ranges(levels, bps).items():
        values = {
            "depth": used.depth, "band_bps": used.band_bps, "decay": decay, "weighting": weighting,
        }  # fmt: skip
        columns[name] = imbalance.compute(history, imbalance.check(values))
        columns[f"{name} inferred"] = inferred(history, used) & ~np.isnan(history.mid)
    index = pd.DatetimeIndex(history.time, tz="UTC", name="time")
    return pd.DataFrame(columns, index)
