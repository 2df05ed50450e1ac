"""Break-even fee of a taker's trades, by latency and order size."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

from obi_widgets.checks import as_list
from obi_widgets.history.given import as_history
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.provenance import labels, to_tables
from obi_widgets.trading.execution import Taker
from obi_widgets.trading.fills import fills
from obi_widgets.trading.trade_list import weighted_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from obi_widgets.history.columns import History
    from obi_widgets.settings.settings import Settings

LATENCIES = (0.0, 0.1, 0.5, 1.0)
"""Default latencies, seconds."""

FEES = (0.0, 1.0, 2.0, 5.0)
"""Default fees of one side, bps."""


def break_even(
    history: History,
    settings: Settings | Parameters,
    *,
    latency: Sequence[float] = LATENCIES,
    size: Sequence[float | None] = (None,),
    fee_bps: Sequence[float] = FEES,
) -> pd.DataFrame:
    """Return the gains of a taker's trades by latency, size and fee, and the break-even fee.

    The trades are those of `obi_widgets.fills` with a `Taker`: one at a time, held for
    ``hold_seconds``, filled from the levels that are kept. A fee changes no fill, so the trades of
    each latency and size are simulated once.

    Parameters
    ----------
    history : History
        Book states. The result is most accurate with every state of the venue, ``interval=0``.
    settings : Settings or Parameters
        As for `obi_widgets.fills`. Those of execution and fees have no effect.
    latency : sequence of float
        Event time from a decision until its order reaches the book, seconds.
    size : sequence of float or None
        Order size, base units; None for an order too small to move the price.
    fee_bps : sequence of float
        Fee of one side of a trade, bps of its value; a negative fee is a rebate.

    Returns
    -------
    DataFrame
        Indexed by ``latency, size, fee_bps``; a size of None is 0. Columns: ``trades``, the number
        of closed trades; ``gross_bps`` and ``net_bps``, the mean gain of a trade before and after
        the fees of both sides; ``ci_low, ci_high``, the 95 % confidence interval of ``net_bps``,
        for non-overlapping trades that are assumed to be independent; ``break_even_bps``, the fee
        of one side at which the mean net gain is 0. NaN where there are too few trades. Its
        ``attrs`` state the data and settings, and that the table is no verdict.

    Raises
    ------
    SettingsError
        If a setting, latency, size or fee is not possible, or an axis has no values.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=120, seed=1)
    >>> table = obi.break_even(history, obi.Settings(hold_seconds=5), latency=[0], fee_bps=[0, 5])
    >>> net = table["net_bps"].to_numpy()
    >>> round(float(net[0] - net[1]), 6)  # both sides pay the fee
    10.0
    """
    import pandas as pd

    history, parameters = as_history(history), Parameters.of(settings)
    # What the table is labelled with too: a taker's trades, whatever orders the settings have.
    parameters = parameters.replace(execution="taker", price="touch")
    latencies, sizes = as_list("latency", latency), as_list("size", size)
    fees = as_list("fee_bps", fee_bps)
    for fee in fees:
        Taker(fee_bps=fee)  # raises a SettingsError if the fee is not possible
    quantile = NormalDist().inv_cdf(0.975)
    rows = []
    for seconds in latencies:
        for units in sizes:
            trades = fills(history, parameters, Taker(latency=seconds, size=units, fee_bps=0.0))
            closed = trades.dropna(subset="gross_bps")
            gross = closed["gross_bps"].to_numpy()
            mean, error = weighted_mean(gross, closed["weight"].to_numpy())
            margin = quantile * error
            rows += [
                {
                    "latency": seconds, "size": units or 0.0, "fee_bps": fee,
                    "trades": len(gross), "gross_bps": mean, "net_bps": mean - 2 * fee,
                    "ci_low": mean - 2 * fee - margin, "ci_high": mean - 2 * fee + margin,
                    "break_even_bps": mean / 2,
                }
                for fee in fees
            ]  # fmt: skip
    table = pd.DataFrame(rows).set_index(["latency", "size", "fee_bps"])
    table.attrs.update(labels(parameters, to_tables(history.provenance, None)))
    return table
