"""What charts draw besides lines: the depth heatmap, trades, large levels and gaps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.checks import flag, number
from obi_widgets.presentation.layers.depth_strip import DepthStrip, DepthStrips
from obi_widgets.presentation.layers.gap_spans import GapSpans
from obi_widgets.presentation.layers.heatmap import Heat, Heatmap
from obi_widgets.presentation.layers.heatmap_cells import KERNELS, Rows
from obi_widgets.presentation.layers.heatmap_numpy import OCTAVE
from obi_widgets.presentation.layers.outcomes import OutcomeMaker, Outcomes
from obi_widgets.presentation.layers.trade_bubbles import Bubbles, TradeBubbles
from obi_widgets.presentation.layers.walls import Wall, Walls

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.presentation.charts.window import Window
    from obi_widgets.settings.parameters import Parameters

    Bytes = NDArray[np.uint8]

LATELY = 100
"""Newest states from which the levels in use are taken."""

HIDDEN = 255
"""Steps of a level that the signal does not use."""

NO_FADE = np.empty(0, np.uint8)

INTENSITY = (0.25, 4.0)
"""Least and greatest intensity of the heatmap."""


class Appearance(NamedTuple):
    """What the price chart draws behind and above its lines. It changes no result.

    Attributes
    ----------
    heatmap : bool
        Whether the depth heatmap is drawn behind the price.
    intensity : float
        A size is drawn with the colour of one so many times larger; 0.25 to 4.
    weighted : bool
        Whether sizes are multiplied by the signal's weight at their distance from mid.
    bubbles : bool
        Whether trades are drawn.
    walls : bool
        Whether large levels are outlined.
    depth : bool
        Whether what rests now is drawn as bars at the right edge.
    outcomes : bool
        Whether trades and large levels are drawn by what became of them: solid where price went
        their way, dashed where it did not, faint while that is not known.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> session = obi.Session("sim:BTC-PERP", seed=1)
    >>> session.appearance = session.appearance._replace(intensity=2.0)
    >>> session.appearance.intensity
    2.0
    >>> session.close()
    """

    heatmap: bool = True
    intensity: float = 1.0
    weighted: bool = False
    bubbles: bool = True
    walls: bool = True
    depth: bool = True
    outcomes: bool = False

    def checked(self) -> Appearance:
        """Return it if each value is possible.

        Raises
        ------
        SettingsError
            A value that is no flag, or an intensity out of its range.
        """
        for name in ("heatmap", "weighted", "bubbles", "walls", "depth", "outcomes"):
            flag(name, getattr(self, name))
        return self._replace(intensity=number("intensity", self.intensity, *INTENSITY))


@dataclass(frozen=True)
class ChartLayers:
    """What charts draw besides lines, at one moment.

    Attributes
    ----------
    appearance : Appearance
        What is drawn.
    heat : Heat or None
        The heatmap; None if it is off, or if nothing is known.
    fade : ndarray of uint8, shape (rows + 1,)
        By how many steps the code of a row is lowered at a distance from mid of 0, 1, … rows;
        empty if sizes are not weighted.
    bubbles : Bubbles or None
        Trades; None if they are off, or if the source sends none.
    walls : tuple of Wall
        Large levels.
    outcomes : Outcomes or None
        What became of trades and large levels; None if nobody asks: they are not drawn by it, and
        no moment is read.
    depth, depth_then : DepthStrip or None
        What rests at each price now, and at the moment that is read; None if it is off, or without
        a book.
    gaps : tuple of tuple of int
        Spans in which the book was not known, ns UTC.
    """

    appearance: Appearance = field(default_factory=Appearance)
    heat: Heat | None = None
    fade: Bytes = field(default_factory=lambda: NO_FADE)
    bubbles: Bubbles | None = None
    walls: tuple[Wall, ...] = ()
    outcomes: Outcomes | None = None
    depth: DepthStrip | None = None
    depth_then: DepthStrip | None = None
    gaps: tuple[Span, ...] = ()


class LayerMaker:
    """Makes the layers of a growing history, and keeps what has not changed between two frames."""

    def __init__(self) -> None:
        self._heatmap, self._bubbles = Heatmap(), TradeBubbles()
        self._walls, self._gaps, self._strips = Walls(), GapSpans(), DepthStrips()
        self._outcomes = OutcomeMaker()
        self._fade: tuple[object, Bytes] = (None, NO_FADE)

    def forget(self) -> None:
        """Forget everything. Call it when the history is another one."""
        self.__init__()  # type: ignore[misc]

    def make(
        self,
        history: History,
        parameters: Parameters,
        window: Window,
        price_range: tuple[float, float],
        appearance: Appearance,
        *,
        read: int | None = None,
        has_book: bool = True,
    ) -> ChartLayers:
        """Return the layers of a window and a price range.

        ``read`` is the row of the state that is read; ``has_book`` tells whether the newest state
        is the book of now.
        """
        gaps = self._gaps.of(history, window)
        low, high = price_range
        if not len(history) or not low < high:
            return ChartLayers(appearance, gaps=gaps)
        heat = now = then = None
        if appearance.heatmap and not KERNELS.compiling:  # in NumPy it takes some hundred ms
            heat = self._heatmap.of(history, window, price_range)
        if appearance.depth and history.tick_size:
            now = self._strips.now(history, price_range) if has_book else None
            then = None if read is None else self._strips.then(history, read, price_range)
        bubbles = None
        if appearance.bubbles and history.trades.streamed:
            step = Rows.of(low, high, history.tick_size).height * history.tick_size
            bubbles = self._bubbles.of(history, window, step)
        walls = self._walls.of(history, window, price_range) if appearance.walls else ()
        outcomes = None
        if appearance.outcomes or read is not None:  # a mouse that reads may come upon them
            outcomes = self._outcomes.of(history, bubbles, walls)
        return ChartLayers(
            appearance,
            heat,
            self._faded(history, parameters, heat if appearance.weighted else None),
            bubbles,
            walls,
            outcomes,
            now,
            then,
            gaps,
        )

    def _faded(self, history: History, parameters: Parameters, heat: Heat | None) -> Bytes:
        """Return `fade`, at most once a second for the same settings: it must not flicker."""
        if heat is None:
            return NO_FADE
        second = int(history.time[-1]) // 1_000_000_000
        what = (second, parameters.of_signal, heat.step, heat.codes.shape[1])
        if self._fade[0] != what:
            self._fade = what, fade(history, parameters, heat.step, heat.codes.shape[1])
        return self._fade[1]


def fade(history: History, parameters: Parameters, step: float, rows: int) -> Bytes:
    """Return by how many steps of a heatmap's code the signal's weight lowers a size.

    Parameters
    ----------
    history : History
        Its newest states say which levels are in use.
    parameters : Parameters
        Settings, with the signal.
    step : float
        Height of a row, quote currency.
    rows : int
        Rows of the picture.

    Returns
    -------
    ndarray of uint8, shape (rows + 1,)
        At 0, 1, … rows from mid; 255 where the signal uses no level.
    """
    newest = history[-LATELY:]
    newest_weights = parameters.signal.insight.weights(newest, dict(parameters.values))
    prices = np.stack([newest.prices(+1), newest.prices(-1)]).swapaxes(1, 2)
    distance = np.abs(prices - newest.mid)
    used = (newest_weights > 0) & np.isfinite(distance)
    if not used.any():
        return np.full(rows + 1, HIDDEN, np.uint8)
    deepest = float(np.median(np.where(used, distance, 0.0).max(axis=(0, 1))))
    order = np.argsort(distance[used])
    weights = np.log2(newest_weights[used][order])
    at = np.arange(rows + 1) * step
    steps = np.rint(-OCTAVE * np.interp(at, distance[used][order], weights))
    steps[at > deepest + step / 2] = HIDDEN
    return np.asarray(np.clip(steps, 0, HIDDEN), np.uint8)
