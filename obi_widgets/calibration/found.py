"""What is kept of a report in a file, beside the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.provenance import AtHorizon, Findings, known, utc

if TYPE_CHECKING:
    from obi_widgets.calibration.report import Report


def found(report: Report) -> Findings:
    """Return the figures of a report that are kept; see `obi_widgets.Settings.save`."""
    start, end = utc([report.start, report.end])
    at = report.judgement.horizon
    return Findings(
        verdict=report.verdict,
        reason=report.reason,
        event=report.event,
        level=float(report.means.level),  # they may be NumPy's, which no file takes
        tried=int(report.tried),
        hold_out=float(report.hold_out),
        start=start,
        end=end,
        states=report.states,
        seconds=report.seconds,
        episodes=len(report.episodes),
        horizons=tuple(_at_horizon(report, row) for row in range(len(report.horizons))),
        horizon=float(report.horizons[at]) if at >= 0 else None,
        break_even_bps=known(report.break_even_bps),
    )


def _at_horizon(report: Report, row: int) -> AtHorizon:
    inside, outside = report.means, report.outside
    return AtHorizon(
        seconds=float(report.horizons[row]),
        n=int(inside.n[row, 0]),
        n_eff=known(inside.n_eff[row, 0]),
        mean_bps=known(inside.mean_bps[row, 0]),
        ci_low=known(inside.ci_low[row, 0]),
        ci_high=known(inside.ci_high[row, 0]),
        p=known(inside.p[row, 0]),
        p_adjusted=known(report.p_adjusted[row]),
        t_naive=known(inside.t_naive[row, 0]),
        cost_bps=known(report.traded.cost_bps[row]),
        net_bps=known(report.traded.net_bps[row]),
        outside_n=int(outside.n[row, 0]),
        outside_bps=known(outside.mean_bps[row, 0]),
        outside_ci_low=known(outside.ci_low[row, 0]),
        outside_ci_high=known(outside.ci_high[row, 0]),
    )
