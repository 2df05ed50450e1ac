"""What a taker may pay: the fee at which nothing is left, by how late and how large orders are."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.checks import several
from obi_widgets.history.given import as_history
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.provenance import labels, to_tables
from obi_widgets.trading.entries import HELD
from obi_widgets.trading.execution import Taker
from obi_widgets.trading.fills import fills

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from obi_widgets.history.columns import History
    from obi_widgets.settings.settings import Settings

LATENCIES = (0.0, 0.1, 0.5, 1.0)
"""Seconds."""

FEES = (0.0, 1.0, 2.0, 5.0)
"""Of one side, bps."""


def break_even(
    history: History,
    settings: Settings | Parameters,
    *,
    latency: Sequence[float] = LATENCIES,
    size: Sequence[float | None] = (None,),
    fee_bps: Sequence[float] = FEES,
) -> pd.DataFrame:
    """Return what a taker's trades make by latency, size and fee, and the fee that leaves nothing.

    The trades are those of `obi_widgets.fills` with a `Taker`: one at a time, held for
    ``hold_seconds``, walking through the levels that are kept. A fee changes no fill, so that of
    each latency and size the trades are made once.

    Parameters
    ----------
    history : History
        Book states. The denser they are, the truer: of ``interval=0``, all that the venue told.
    settings : Settings or Parameters
        As `obi_widgets.fills` takes them.
    latency : sequence of float
        Seconds of event time from a decision until its order meets the book.
    size : sequence of float or None
        Base units; None for an order too small to matter.
    fee_bps : sequence of float
        Of one side of a trade, bps of its value; negative is a rebate.

    Returns
    -------
    DataFrame
        Indexed by ``latency, size, fee_bps``, a size of 0 for None. ``trades`` that were closed;
        ``gross_bps`` and ``net_bps`` of one, before and after the fees of both sides; ``ci_low,
        ci_high``, the 95 % interval of the net, for trades that do not overlap and are taken to be
        independent; ``break_even_bps``, the fee of one side at which nothing is left. NaN where
        there are too few trades. Its ``attrs`` say what it is of, and that it is no verdict.

    Raises
    ------
    SettingsError
        Settings, or a latency, size or fee, that is not possible; an axis without values.
    """
    import pandas as pd

    history, parameters = as_history(history), Parameters.of(settings)
    lates, sizes = several("latency", latency), several("size", size)
    fees = several("fee_bps", fee_bps)
    for fee in fees:
        Taker(fee_bps=fee)  # refuses what is not possible
    wide = NormalDist().inv_cdf(0.975)
    rows = []
    for late in lates:
        for much in sizes:
            made = fills(history, parameters, Taker(latency=late, size=much, fee_bps=0.0))
            gross = made.loc[made["ended"] == HELD, "gross_bps"].to_numpy()
            mean = float(gross.mean()) if len(gross) else np.nan
            half = wide * float(gross.std(ddof=1)) / len(gross) ** 0.5 if len(gross) > 1 else np.nan
            rows += [
                {
                    "latency": late, "size": much or 0.0, "fee_bps": fee, "trades": len(gross),
                    "gross_bps": mean, "net_bps": mean - 2 * fee,
                    "ci_low": mean - 2 * fee - half, "ci_high": mean - 2 * fee + half,
                    "break_even_bps": mean / 2,
                }
                for fee in fees
            ]  # fmt: skip
    table = pd.DataFrame(rows).set_index(["latency", "size", "fee_bps"])
    table.attrs.update(labels(parameters, to_tables(history.provenance, None)))
    return table
