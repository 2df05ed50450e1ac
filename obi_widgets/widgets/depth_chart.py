"""Cumulative depth by distance from mid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.checks import integer, number
from obi_widgets.presentation.charts.ticks import nice_ticks
from obi_widgets.presentation.depth_curve import DepthCurve
from obi_widgets.presentation.layers.trade_bubbles import round_up
from obi_widgets.presentation.texts import layer_texts
from obi_widgets.presentation.texts.instrument_units import base_of
from obi_widgets.widgets.assets import asset
from obi_widgets.widgets.panel import Part, StateWidget, checked_session

if TYPE_CHECKING:
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.session.session import Session
    from obi_widgets.widgets.page import Changes

HEIGHTS = (60, 4000)
"""Lowest and greatest height, pixels."""


class _Curves(StateWidget):
    _esm = asset("theme.js", "place.js", "depth.js")


class DepthWidget(Part):
    """What rests up to each distance from mid, bids to the left and asks to the right.

    A curve ends where the book is not known further. Near mid it has every kept level; beyond them
    it rests on depth by price bin, which is sampled once a second.

    Parameters
    ----------
    session : Session
        Session to show; it is started.
    bps : float
        Distance from mid that is shown on both sides; 0.1 to 1,000.
    height : int
        Height, pixels; 60 to 4,000.
    alone : bool
        False if another widget shows the frames.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> lab = obi.Lab("sim:BTC-PERP", seed=1)
    >>> depth = obi.DepthWidget(lab.session, bps=10)
    >>> depth.close(); lab.close()
    """

    css_class = "obi-part-depth"

    def __init__(
        self, session: Session, *, bps: float = 20.0, height: int = 180, alone: bool = True
    ) -> None:
        checked_session(session, "DepthWidget", alone=alone)
        self.bps = number("bps", bps, 0.1, 1000, "bps")
        height = integer("height", height, *HEIGHTS)
        self._curves = _Curves(state={"head": "Depth", "bps": self.bps, "ticks": []})
        self._curves.layout.height = f"{height}px"
        self._most = 0.0
        super().__init__(session, [self._curves], alone=alone)

    def _changes(self, frame: Frame) -> Changes:
        """Yield what a frame shows."""
        shown = frame.history if np.isfinite(frame.mid) else frame.history[:0]
        curve = DepthCurve.of(shown, self.bps)
        both = np.concatenate([curve.bids, curve.asks])
        largest = float(both[np.isfinite(both)].max(initial=0.0))
        if largest > self._most or largest < 0.4 * self._most:
            self._most = round_up(largest) if largest else 0.0
        ticks = [
            [tick, layer_texts.amount(tick)]
            for tick in (nice_ticks(0.0, self._most, 4).tolist() if self._most else [])
        ]
        base = base_of(frame.instrument)
        state = {
            "head": " · ".join(filter(None, (f"Depth, {base}" if base else "Depth", told(curve)))),
            "bps": self.bps, "most": self._most, "ticks": ticks, "old": frame.old,
        }  # fmt: skip
        yield self._curves, {"state": state, "bids": curve.bids, "asks": curve.asks}


def told(curve: DepthCurve) -> str:
    """Return what rests on both sides, up to the farthest distance that is known of both."""
    known = np.flatnonzero(np.isfinite(curve.bids) & np.isfinite(curve.asks))
    if not len(known):
        return ""
    last = int(known[-1])
    bids, asks = (layer_texts.amount(float(side[last])) for side in (curve.bids, curve.asks))
    return f"bids {bids}, asks {asks} within {curve.distance[last]:.3g} bps"
