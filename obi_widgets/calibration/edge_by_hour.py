"""The mean gain of entries by the hour of the day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.gate_report import net_mean, some
from obi_widgets.checks import fraction
from obi_widgets.history.given import as_history
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.provenance import labels, to_tables
from obi_widgets.trading.entries import Scanner
from obi_widgets.trading.gates.hours import HOUR

if TYPE_CHECKING:
    import pandas as pd

    from obi_widgets.history.columns import History
    from obi_widgets.settings.settings import Settings

HOURS = 24


def edge_by_hour(
    history: History, settings: Settings | Parameters, *, level: float = 0.95
) -> pd.DataFrame:
    """Return the number of entries and their mean net gain by hour of the day, UTC.

    Parameters
    ----------
    history : History
        Book states of several days: an hour of one day says nothing about that hour on other days.
    settings : Settings or Parameters
        All are used. Of post-only orders, the bound in which they are last in the queue.
    level : float
        Level of the intervals of all hours together, 0 to 1.

    Returns
    -------
    DataFrame
        A row for each hour of the day with an entry, its index ``hour``, 0 to 23, by the time of
        the decision. Columns: ``entries``; ``won``, the fraction with a gross gain above 0;
        ``gross_bps`` and ``net_bps``, their mean gain before and after fees; ``low``, ``high``, the
        interval of ``net_bps``, NaN with fewer than 30 entries; ``days``, the number of days
        with an entry in that hour.

        The best of 24 hours looks good by chance. So the intervals are wide enough for all hours
        that are shown: each has the level 1 − (1 − ``level``) / hours (Bonferroni). To choose an
        hour by this table is one more trial.

    Raises
    ------
    SettingsError
        A signal without direction; post-only entries on a history without trades.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=120, seed=1)
    >>> table = obi.edge_by_hour(history, obi.Settings(hold_seconds=2))
    >>> table.index.tolist()
    [0]
    """
    import pandas as pd

    history, parameters = as_history(history), Parameters.of(settings)
    level = fraction("level", level)
    scanner = Scanner(parameters)
    scanner.extend(history, parameters.signal.compute(history, dict(parameters.values)))
    trades = scanner.trades(history)
    hour = trades.decision_time // HOUR
    shown = np.unique(hour % HOURS)
    each = 1 - (1 - level) / max(len(shown), 1)
    rows = []
    for one in shown.tolist():
        mine = hour % HOURS == one
        found = some(trades, mine)
        results, mean = found.results, net_mean(found, parameters.hold_seconds, each)
        rows.append(
            {
                "hour": one, "entries": len(found.side), "won": results.won,
                "gross_bps": results.mean_gross_bps, "net_bps": mean.mean, "low": mean.low,
                "high": mean.high, "days": len(np.unique(hour[mine] // HOURS)),
            }
        )  # fmt: skip
    names = ["hour", "entries", "won", "gross_bps", "net_bps", "low", "high", "days"]
    table = pd.DataFrame(rows, columns=names).set_index("hour")
    table.attrs.update(labels(parameters, to_tables(history.provenance, None)))
    return table
