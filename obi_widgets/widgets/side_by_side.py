"""Signals side by side as a widget: what a notebook shows of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obi_widgets.calibration.signal_comparison import Comparison
from obi_widgets.checks import instance
from obi_widgets.presentation.still.still import written
from obi_widgets.presentation.tear_sheet.side_by_side import sheet, still_of
from obi_widgets.widgets.assets import asset
from obi_widgets.widgets.panel import Panel, StateWidget, check_frame, tree
from obi_widgets.widgets.reachability import held

if TYPE_CHECKING:
    from obi_widgets.presentation.frames.frame import Frame


class _Sheet(StateWidget):
    _esm = asset("nodes.js", "figures.js", "side_by_side.js")
    _css = asset("calibration.css", "side_by_side.css")


class ComparisonWidget(Panel):
    """Signals side by side: what a notebook shows of a comparison as the last line of a cell.

    It has a figure with its interval for each signal: the rank correlation with the return by
    horizon, the area of the next move, and what it adds to the others; beside them half-life, share
    of time on, and a verdict. A dot is filled where the figure is beyond zero with all looks
    counted, and pale where the record holds too few spans of the horizon. The horizon that is
    judged, and the two signals whose curves are drawn, are chosen in the page. It does not change
    with later data.

    Parameters
    ----------
    comparison : Comparison
        What `obi_widgets.compare` or ``lab.compare`` returned.

    Attributes
    ----------
    comparison : Comparison
        The same.

    Raises
    ------
    ArgumentError
        If it is something else.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=120, seed=1)
    >>> found = obi.compare(history, ["queue_imbalance", "depth_ratio"], horizons=(1, 5))
    >>> widget = obi.ComparisonWidget(found)
    >>> widget.comparison is found
    True
    >>> widget.close()
    """

    css_class = "obi-part-abreast"

    def __init__(self, comparison: Comparison) -> None:
        instance("comparison", comparison, Comparison, "Give what obi.compare(...) returned.")
        self.comparison = comparison
        self._sheet = _Sheet(state=sheet(comparison))
        super().__init__(None, [self._sheet])

    def __repr__(self) -> str:
        return f"ComparisonWidget({len(self.comparison.names)} signals)"

    def show(self, frame: Frame) -> None:
        """Check a frame. Later data change nothing."""
        check_frame(frame)

    def held(self) -> bool:
        """Whether a variable may refer to this."""
        return held([self], tree(self, set()))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:  # noqa: ANN401 of Jupyter
        _leave_still(self.comparison)
        return super()._repr_mimebundle_(**kwargs)


def shown(comparison: Comparison) -> Any:  # noqa: ANN401 of Jupyter
    """Return what a notebook shows of a comparison, by MIME type."""
    bundle = ComparisonWidget(comparison)._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    return {**data, "text/plain": repr(comparison)}


def _leave_still(comparison: Comparison) -> None:
    """Leave tables of the figures in the running cell, hidden while the widget is there."""
    from IPython import get_ipython

    shell: Any = get_ipython()
    if hasattr(shell, "kernel"):
        shell.display_pub.publish(written(still_of(comparison)))
