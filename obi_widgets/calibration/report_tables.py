"""The tables of a report, and its HTML in a notebook."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from obi_widgets.trading.post_only import QUEUES

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.calibration.as_traded import TradeGains
    from obi_widgets.calibration.information_coefficient import Coefficients
    from obi_widgets.calibration.statistics.bootstrap import Bootstrap
    from obi_widgets.calibration.statistics.inference import Means
    from obi_widgets.calibration.verdict import Verdict
    from obi_widgets.history.provenance import Provenance

    Floats = NDArray[np.float64]

SHOWN = ("n", "n_eff", "mean_bps", "ci_low", "ci_high", "t_naive", "p_adjusted", "rank_ic")
"""Columns of `Report.table` that a notebook shows, beside ``net_bps``."""


class ReportTables(ABC):
    """The parts of a `Report` that make tables of its figures."""

    means: Means
    out_of_sample: Means
    coefficients: Coefficients
    traded: TradeGains
    traded_in_sample: TradeGains
    traded_out_of_sample: TradeGains
    bounds: tuple[TradeGains, ...]
    p_adjusted: Floats
    net_p_adjusted: Floats
    hit_rate: Floats
    notes: tuple[str, ...]
    signal: str
    origin: Provenance | None

    @property
    @abstractmethod
    def bootstrap(self) -> Bootstrap:
        """See `Report`."""

    @property
    @abstractmethod
    def verdict(self) -> Verdict:
        """See `Report`."""

    @property
    @abstractmethod
    def reason(self) -> str:
        """See `Report`."""

    @property
    @abstractmethod
    def told(self) -> dict[str, Any]:
        """See `Report`."""

    def _repr_html_(self) -> str:
        reason = html.escape(self.reason)
        table = self.table[list(SHOWN)].assign(net_bps=self.traded.net_bps)
        for name, bound in zip(QUEUES, self.bounds, strict=False):
            table[f"{name}_bps"] = bound.net_bps
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        figures = table.to_html(float_format="{:,.3g}".format)
        about = html.escape(f"Signal: {self.signal}. Data: {self.origin or 'none'}.")
        return f"<p><b>{self.verdict.capitalize()}.</b> {reason}</p>{notes}{figures}<p>{about}</p>"

    @property
    def as_traded(self) -> pd.DataFrame:
        """Gains of trading every entry as a taker: a DataFrame indexed by horizon, in seconds.

        Mean gains in bps of the entry price, with ``_low`` and ``_high`` of their intervals:
        ``gross_bps`` before fees, touch to touch (or mid to mid, see ``Settings.price``);
        ``net_bps, ci_low, ci_high`` after the fees of both sides; ``excess_bps`` the gain in excess
        of being long and short as often at random times; ``in_sample_bps`` and
        ``out_of_sample_bps`` the net gain before and in the hold-out. ``n`` trades; ``missed``
        orders that were not filled and are not in ``n``; ``cost_bps`` of a round trip, on average;
        ``won`` the fraction with a net gain above 0, ``longs`` the fraction that is long;
        ``p_adjusted`` as ``net_p_adjusted``. For post-only orders these are the worse bound;
        ``back_n, back_bps, front_n, front_bps`` are the trades and net gains if last and if first
        in the queue. Every entry is a trade of its own, so trades overlap: for a strategy, with one
        position at a time, see `obi_widgets.entries`.
        """
        table = self.traded.to_frame().assign(p_adjusted=self.net_p_adjusted)
        for name, part in (
            ("in_sample", self.traded_in_sample), ("out_of_sample", self.traded_out_of_sample),
        ):  # fmt: skip
            table[f"{name}_bps"] = part.net_bps
            table[f"{name}_low"], table[f"{name}_high"] = part.ci_low, part.ci_high
        for name, bound in zip(QUEUES, self.bounds, strict=False):
            table[f"{name}_n"], table[f"{name}_bps"] = bound.n, bound.net_bps
        table.attrs.update(self.told)
        return table

    @property
    def table(self) -> pd.DataFrame:
        """Returns of mid after the entries: a DataFrame indexed by horizon, in seconds.

        ``n`` entries that have a return; ``n_eff`` independent returns with the same information;
        ``mean_bps`` the mean return, + if the signal is right, ``out_of_sample_bps`` that in the
        hold-out; ``p, ci_low, ci_high, t_hodrick`` by Hodrick standard errors with fixed-b critical
        values, which allow for overlap (see `obi_widgets.calibration.statistics.inference`);
        ``se_bps, t`` Newey–West with the overlap as lag, too sure; ``t_naive`` as if all returns
        were independent, which is misleading: for comparison only; ``t_bootstrap, p_bootstrap`` of
        a studentised stationary bootstrap; ``p_adjusted`` corrected for all settings and horizons
        tried; ``hit_rate``; ``ic, rank_ic`` the Pearson and Spearman correlation of signal and
        return; ``cost_bps`` the mean cost of a round trip.
        """
        import pandas as pd

        m, b, c = self.means, self.bootstrap, self.coefficients
        names = ("n", "n_eff", "mean_bps", "se_bps", "t", "p", "ci_low", "ci_high")
        columns = {name: getattr(m, name)[:, 0] for name in (*names, "t_hodrick", "t_naive")}
        columns |= {"t_bootstrap": b.t[:, 0], "p_bootstrap": b.p[:, 0]}
        columns |= {"p_adjusted": self.p_adjusted, "hit_rate": self.hit_rate}
        columns |= {"ic": c.ic, "rank_ic": c.rank_ic, "cost_bps": self.traded.cost_bps}
        columns["out_of_sample_bps"] = self.out_of_sample.mean_bps[:, 0]
        table = pd.DataFrame(columns, index=pd.Index(self.means.horizons, name="horizon"))
        table.attrs.update(self.told)
        return table
