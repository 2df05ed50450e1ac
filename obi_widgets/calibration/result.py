"""What a calibration beside a screen came to: the report, the surface and the proposal together."""

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
    """What a calibration came to.

    Attributes
    ----------
    report : Report or None
        None where it failed.
    surface : Surface or None
        Of the same history; of a moment ago while a setting moves; None before the first.
    stale : bool
        Whether the surface is of other settings than the report.
    selected : tuple of int or None
        The part of the history that was chosen by hand.
    error : str
        What went wrong, and what to do; empty where nothing did.
    proposal : Proposal or None
        The threshold and the hold that the surface and a walk-forward propose; None before the
        first surface.
    """

    report: Report | None
    surface: Surface | None
    stale: bool
    selected: Span | None
    error: str = ""
    proposal: Proposal | None = None
