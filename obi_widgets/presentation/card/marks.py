"""What a card draws: places from 0 to 1, and heights as letters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.calibration.reliability import Reliability
    from obi_widgets.card.card import CardWindow
    from obi_widgets.card.confidence import CardConfidence

HEIGHTS = "0123456789abcdefghijklmnopqrstuvwxyz"
"""A letter for each height. A histogram of so few letters seldom changes, and is short."""

STEP = 0.05
"""Shares between which the axes of a reliability curve begin and end."""


def histogram(counts: NDArray[np.int64]) -> str:
    """Return a letter for each bin: its height, of the largest; empty without counts."""
    largest = int(counts.max(initial=0))
    if not largest:
        return ""
    most = len(HEIGHTS) - 1
    # A bin that is not empty is seen.
    return "".join(HEIGHTS[math.ceil(most * int(one) / largest)] for one in counts)


def on(value: float, scale: float) -> float | None:
    """Return where a value is from −scale to +scale, 0 to 1, within them; None for NaN."""
    if not math.isfinite(value):
        return None
    return round(min(max(value / scale, -1.0), 1.0) / 2 + 0.5, 4)


def window(one: CardWindow, reach: float) -> list[float | None]:
    """Return where a window's bar ends, and where its band ends above 0."""
    return [on(one.value, reach), on(one.band, reach)]


def reliability(found: Reliability, now: CardConfidence | None) -> dict[str, Any] | None:
    """Return a curve: what was said, and how much of it was right; None without an outcome.

    Its points have places from 0 to 1 on both axes, which are alike and written at `ends`.
    """
    if not found.cases:
        return None
    rows = np.column_stack([found.said, found.right, found.low, found.high])
    has_now = now is not None and math.isfinite(now.said) and math.isfinite(now.right)
    shown = [*rows.ravel().tolist(), 0.5]
    if has_now and now is not None:
        shown += [now.said, now.right, now.low, now.high]
    low = max(math.floor((min(shown) - 1e-9) / STEP) * STEP, 0.0)
    high = min(math.ceil((max(shown) + 1e-9) / STEP) * STEP, 1.0)

    def placed(values: list[float]) -> list[float]:
        return [round((one - low) / (high - low), 3) for one in values]

    return {
        "points": [placed(row) for row in rows.tolist()],
        "now": placed([now.said, now.right, now.low, now.high]) if has_now and now else None,
        "ends": [f"{one:.2f}".lstrip("0") if one < 1 else "1" for one in (low, high)],
    }
