"""The part of a report that is saved with the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.history.provenance import utc
from obi_widgets.settings.provenance import AtHorizon, Findings, known

if TYPE_CHECKING:
    from obi_widgets.calibration.report import Report


def findings_of(report: Report) -> Findings:
    """Return the findings to save of a report; NaN become None."""
    start, end = utc([report.start, report.end])
    judged_horizon = report.judgement.horizon
    return Findings(
        verdict=report.verdict,
        reason=report.reason,
        event=report.event,
        level=float(report.means.level),  # NumPy scalars cannot be written to the file
        tried=int(report.tried),
        hold_out=float(report.hold_out),
        start=start,
        end=end,
        states=report.states,
        seconds=report.seconds,
        episodes=len(report.episodes),
        horizons=tuple(_at_horizon(report, row) for row in range(len(report.horizons))),
        horizon=float(report.horizons[judged_horizon]) if judged_horizon >= 0 else None,
        break_even_bps=known(report.break_even_bps),
        signal=report.signal,
        origin=report.origin,
        parameters=report.parameters,
    )


def _at_horizon(report: Report, row: int) -> AtHorizon:
    whole, outside, traded = report.means, report.outside, report.traded
    return AtHorizon(
        seconds=float(report.horizons[row]),
        n=int(whole.n[row, 0]),
        n_eff=known(whole.n_eff[row, 0]),
        mean_bps=known(whole.mean_bps[row, 0]),
        ci_low=known(whole.ci_low[row, 0]),
        ci_high=known(whole.ci_high[row, 0]),
        p=known(whole.p[row, 0]),
        p_adjusted=known(report.p_adjusted[row]),
        t_naive=known(whole.t_naive[row, 0]),
        cost_bps=known(traded.cost_bps[row]),
        net_bps=known(traded.net_bps[row]),
        net_ci_low=known(traded.ci_low[row]),
        net_ci_high=known(traded.ci_high[row]),
        net_p_adjusted=known(report.net_p_adjusted[row]),
        outside_n=int(outside.n[row, 0]),
        outside_bps=known(outside.mean_bps[row, 0]),
        outside_ci_low=known(outside.ci_low[row, 0]),
        outside_ci_high=known(outside.ci_high[row, 0]),
        outside_net_bps=known(report.traded_outside.net_bps[row]),
    )
