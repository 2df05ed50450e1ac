"""A calibration as a table of texts, for a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obi_widgets.settings.provenance import AtHorizon, Findings

HEAD = (
    "horizon", "n", "n eff", "mean bps", "interval", "p adj.", "cost bps",
    "net bps", "net interval", "held-out net bps",
)  # fmt: skip
"""Names of the columns: entries, and independent ones with the same information. Means are of mid,
+ to the signal's side; net ones are of a taker's trade after fees. P values are corrected for
overlap and for all that was tried."""


def report_rows(findings: Findings) -> list[tuple[str, ...]]:
    """Return a row for each horizon; the one that the verdict is about has a star."""
    return [_row(one, judged=one.seconds == findings.horizon) for one in findings.horizons]


def _row(at: AtHorizon, *, judged: bool) -> tuple[str, ...]:
    return (
        f"{at.seconds:g} s{' *' if judged else ''}",
        f"{at.n:,}",
        _number(at.n_eff, ",.0f"),
        _number(at.mean_bps),
        _interval(at.ci_low, at.ci_high),
        _number(at.p_adjusted, ".3f"),
        _number(at.cost_bps, ".2f"),
        _number(at.net_bps),
        _interval(at.net_ci_low, at.net_ci_high),
        _number(at.out_of_sample_net_bps),
    )


def _interval(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "-"
    return f"{_number(low)} to {_number(high)}"


def _number(value: float | None, form: str = "+.2f") -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:{form}}"
