"""What is shown of a surface: the mean a trade by hold and threshold, by part of the record."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.forward_returns import too_coarse
from obi_widgets.calibration.holdout import DEFAULT_HOLD_OUT
from obi_widgets.presentation import formatting
from obi_widgets.presentation.formatting import MINUS, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.calibration.proposal import Proposal
    from obi_widgets.calibration.report import Report
    from obi_widgets.calibration.surface import Surface

    Floats = NDArray[np.float64]

FEW = 5
"""Trades below which a cell is drawn empty: its mean is of a handful."""

PARTS = (
    ("all", "All trades, also those that are open when the held-out time begins"),
    ("in sample", f"Trades that ended before the last {100 * DEFAULT_HOLD_OUT:.0f} % of the time: "
     "use these to choose settings"),
    ("held out", f"Trades made in the last {100 * DEFAULT_HOLD_OUT:.0f} % of the time: "
     "use these to judge settings that were chosen before"),
)  # fmt: skip
"""Of the record, that one chooses from: names, and what they mean."""


def of_surface(surface: Surface, report: Report, *, stale: bool) -> dict[str, Any]:
    """Return what a heat map is drawn from: a column a threshold, and in it a cell a hold.

    Colours of all parts are on the scale of the whole record, so that one can be held against
    another; what is beyond it in a part, which has fewer trades, has the strongest colour.
    """
    means = [_Means(one) for one in (surface, surface.in_sample, surface.out_of_sample)]
    most = means[0].most
    thresholds = [f"{one:.6g}" for one in surface.threshold]
    return {
        "title": "Gross bps per trade",
        "about": f"Mean return per trade before fees, by {_across(surface)} (across) and hold (up)",
        "x": thresholds,
        "y": [f"{one:g} s" for one in surface.hold_seconds],
        "values": [surface.threshold.tolist(), surface.hold_seconds.tolist()],
        "here": _here(surface, report),
        "parts": [
            {"name": name, "about": about, "cells": one.cells(most), "tips": one.tips()}
            for (name, about), one in zip(PARTS, means, strict=True)
        ],
        "legend": _legend(most),
        "stale": stale,
    }


def of_proposal(proposal: Proposal | None, report: Report) -> dict[str, Any]:
    """Return what is proposed, in a sentence, and the settings that a button takes; or None."""
    if proposal is None:
        return {"sentence": "", "take": None}
    p, now = proposal.settings, report.parameters
    take = None if p is None else [p.threshold, p.hold_seconds]
    if take == [now.threshold, now.hold_seconds]:
        take = None
    return {"sentence": formatting.signed(proposal.sentence), "take": take}


class _Means:
    """The means of one part of the record, shape (threshold, hold): first of any other axis."""

    def __init__(self, surface: Surface) -> None:
        first = (0,) * (len(surface.axes) - 2)
        self._mean, self._error = surface.mean_gross_bps[first], surface.se_bps[first]
        self._entries, self._won = surface.entries[first], surface.won[first]
        self._missed = surface.missed[first]
        coarse = too_coarse(surface.hold_seconds, surface.interval).tolist()
        every = f"not shown: one state was kept every {surface.interval:g} s"
        self._nothing = [every if one else "no trade" for one in coarse]
        self._shown = np.where(self._entries >= FEW, self._mean, np.nan)

    @property
    def most(self) -> float:
        return float(np.nanmax(np.abs(self._shown), initial=0.0))

    def cells(self, most: float) -> list[list[float | None]]:
        """Return means as shares of ``most``, −1..+1; None for those of a handful."""
        return [[_share(one, most) for one in column] for column in self._shown.tolist()]

    def tips(self) -> list[list[str]]:
        """Return what each cell says in full."""
        columns, rows = self._mean.shape
        return [[self._tip(i, j) for j in range(rows)] for i in range(columns)]

    def _tip(self, i: int, j: int) -> str:
        entries, missed = self._entries[i, j], self._missed[i, j]
        orders = f", {missed:,} orders not filled" if missed else ""
        if not entries:
            return self._nothing[j] + orders
        mean, half = number(self._mean[i, j], 2, sign=True), number(1.96 * self._error[i, j], 2)
        trades = f"{entries:,} trade{'' if entries == 1 else 's'}"
        return (
            f"{mean} ± {half} bps, {trades}, {formatting.won(self._won[i, j], entries)} won{orders}"
        )


def _across(surface: Surface) -> str:
    """Return what the thresholds of a surface are."""
    if surface.parameters.threshold_is == "quantile":
        return "threshold, a quantile of the signal"
    unit = surface.parameters.signal.unit
    return f"threshold in {unit}" if unit else "threshold"


def _here(surface: Surface, report: Report) -> tuple[int, int]:
    """Return the cell of the settings as they are.

    A surface that is of other settings than the report may have a cell of these as well, as when
    one has been chosen there; where it has none, it is that of the surface's own.
    """
    for p in (report.parameters, surface.parameters):
        column = np.flatnonzero(surface.threshold == p.threshold)
        row = np.flatnonzero(surface.hold_seconds == p.hold_seconds)
        if len(column) and len(row):
            break
    return int(column[0]), int(row[0])


def _share(value: float, most: float) -> float | None:
    if not math.isfinite(value):
        return None
    return round(min(max(value / most, -1.0), 1.0), 3) if most else 0.0


def _legend(most: float) -> tuple[str, str]:
    if not most:
        return f"{MINUS} loses", "+ makes"
    end = number(most, 2 if most < 1 else 1)
    return f"{MINUS} loses, {MINUS}{end} or less", f"+ makes, +{end} or more"
