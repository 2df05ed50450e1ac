"""The heat map of a surface: mean return per trade, by hold and threshold and part of the data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.forward_returns import too_coarse
from obi_widgets.calibration.holdout import DEFAULT_HOLD_OUT
from obi_widgets.errors import counted
from obi_widgets.presentation.texts import formatting
from obi_widgets.presentation.texts.formatting import MINUS, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.calibration.proposal import Proposal
    from obi_widgets.calibration.report import Report
    from obi_widgets.calibration.surface import Surface

    Floats = NDArray[np.float64]

FEW = 5
"""A cell with fewer trades is drawn empty."""

PARTS = (
    ("all", "All trades, also those that are open when the held-out time begins"),
    ("in sample", f"Trades that ended before the last {100 * DEFAULT_HOLD_OUT:.0f} % of the time: "
     "use these to choose settings"),
    ("held out", f"Trades made in the last {100 * DEFAULT_HOLD_OUT:.0f} % of the time: "
     "use these to judge settings that were chosen before"),
)  # fmt: skip
"""Parts of the data to choose from: name, and tooltip."""


def of_surface(surface: Surface, report: Report, *, stale: bool) -> dict[str, Any]:
    """Return the data of a heat map: a column for each threshold, in it a cell for each hold.

    All parts share the colour scale of the whole data, so that they can be compared. A part has
    fewer trades and may have larger means; they get the strongest colour.
    """
    parts = [_Means(part) for part in (surface, surface.in_sample, surface.out_of_sample)]
    largest = parts[0].largest
    thresholds = [f"{threshold:.6g}" for threshold in surface.threshold]
    return {
        "title": "Gross bps per trade",
        "about": f"Mean return per trade before fees, by {_across(surface)} (across) and hold (up)",
        "x": thresholds,
        "y": [f"{seconds:g} s" for seconds in surface.hold_seconds],
        "values": [surface.threshold.tolist(), surface.hold_seconds.tolist()],
        "here": _here(surface, report),
        "parts": [
            {"name": name, "about": about, "cells": part.cells(largest), "tips": part.tips()}
            for (name, about), part in zip(PARTS, parts, strict=True)
        ],
        "legend": _legend(largest),
        "stale": stale,
    }


def of_proposal(proposal: Proposal | None, report: Report) -> dict[str, Any]:
    """Return the proposal as a sentence, and the threshold and hold that a button would set.

    The button's values are None if nothing is proposed, or the settings have them already.
    """
    if proposal is None:
        return {"sentence": "", "take": None}
    p, now = proposal.settings, report.parameters
    take = None if p is None else [p.threshold, p.hold_seconds]
    if take == [now.threshold, now.hold_seconds]:
        take = None
    return {"sentence": formatting.signed(proposal.sentence), "take": take}


class _Means:
    """Means of one part of the data, shape (threshold, hold); of any other axis the first value."""

    def __init__(self, surface: Surface) -> None:
        first = (0,) * (len(surface.axes) - 2)
        self._mean, self._error = surface.mean_gross_bps[first], surface.gross_se_bps[first]
        self._entries, self._won = surface.entries[first], surface.won[first]
        self._missed = surface.missed[first]
        coarse = too_coarse(surface.hold_seconds, surface.interval).tolist()
        every = f"not shown: one state was kept every {surface.interval:g} s"
        self._nothing = [every if too_short else "no trade" for too_short in coarse]
        self._shown = np.where(self._entries >= FEW, self._mean, np.nan)

    @property
    def largest(self) -> float:
        """Largest absolute mean, bps; 0 without any."""
        return float(np.nanmax(np.abs(self._shown), initial=0.0))

    def cells(self, largest: float) -> list[list[float | None]]:
        """Return means as fractions of ``largest``, −1 to +1; None for cells with few trades."""
        return [[_scaled(mean, largest) for mean in column] for column in self._shown.tolist()]

    def tips(self) -> list[list[str]]:
        """Return the tooltip of each cell."""
        columns, rows = self._mean.shape
        return [[self._tip(i, j) for j in range(rows)] for i in range(columns)]

    def _tip(self, i: int, j: int) -> str:
        entries, missed = self._entries[i, j], self._missed[i, j]
        orders = f", {missed:,} orders not filled" if missed else ""
        if not entries:
            return self._nothing[j] + orders
        mean = number(self._mean[i, j], 2, sign=True)
        mean = f"{mean} {formatting.margin(1.96 * self._error[i, j], 2)}".rstrip()
        trades = counted(entries, "trade")
        return f"{mean} bps, {trades}, {formatting.won(self._won[i, j], entries)} won{orders}"


def _across(surface: Surface) -> str:
    """Return what the thresholds of a surface mean, with their unit."""
    if surface.parameters.threshold_is == "quantile":
        return "threshold, a quantile of the signal"
    unit = surface.parameters.signal.unit
    return f"threshold in {unit}" if unit else "threshold"


def _here(surface: Surface, report: Report) -> tuple[int, int]:
    """Return the cell of the report's settings: column and row.

    A surface of earlier settings may have such a cell too, for example after a click on a cell. If
    it has none, the cell of the surface's own settings is returned.
    """
    for p in (report.parameters, surface.parameters):
        column = np.flatnonzero(surface.threshold == p.threshold)
        row = np.flatnonzero(surface.hold_seconds == p.hold_seconds)
        if len(column) and len(row):
            break
    return int(column[0]), int(row[0])


def _scaled(value: float, largest: float) -> float | None:
    if not math.isfinite(value):
        return None
    return round(min(max(value / largest, -1.0), 1.0), 3) if largest else 0.0


def _legend(largest: float) -> tuple[str, str]:
    if not largest:
        return f"{MINUS} loses", "+ makes"
    end = number(largest, 2 if largest < 1 else 1)
    return f"{MINUS} loses, {MINUS}{end} or less", f"+ makes, +{end} or more"
