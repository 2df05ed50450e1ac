"""The results of a background calibration: report, surface and proposal together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obi_widgets.calibration.proposal import Proposal
    from obi_widgets.calibration.report import Report
    from obi_widgets.calibration.surface import Surface
    from obi_widgets.history.incoming import Span


@dataclass(frozen=True, eq=False)
class CalibrationResult:
    """Results of a background calibration.

    Attributes
    ----------
    report : Report or None
        None if the calibration failed.
    surface : Surface or None
        The surface of the same history, which may lag behind while a slider moves; None before the
        first.
    stale : bool
        Whether the surface is of other settings than the report.
    selected : tuple of int or None
        The time range that the user selected, nanoseconds UTC.
    error : str
        What went wrong, and what to do; empty if nothing did.
    proposal : Proposal or None
        The proposal of the surface; None before the first surface.
    """

    report: Report | None
    surface: Surface | None
    stale: bool
    selected: Span | None
    error: str = ""
    proposal: Proposal | None = None
