"""What is computed in the background: a calibration, and what gates remove."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.calibration.proposal import Proposal
    from obi_widgets.calibration.report import Report
    from obi_widgets.calibration.surface import Surface
    from obi_widgets.history.incoming import Span
    from obi_widgets.settings.parameters import Parameters


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


@dataclass(frozen=True, eq=False)
class GatesResult:
    """What each gate of some settings removes.

    Attributes
    ----------
    parameters : Parameters
        The settings.
    rows : mapping of str to mapping
        By name of a gate: the figures of its row in `obi_widgets.gate_report`. Empty on an error.
    tried : int
        Number of settings that were tried, those without one of the gates included. The intervals
        of ``selects`` allow for it.
    error : str
        What went wrong, and what to do; empty if nothing did.
    """

    parameters: Parameters
    rows: Mapping[str, Mapping[str, float]]
    tried: int
    error: str = ""
