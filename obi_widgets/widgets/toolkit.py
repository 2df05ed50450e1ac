"""Whether the packages are there of which widgets are made. All else runs without them."""

from obi_widgets.errors import ObiError

try:
    import anywidget
    import bqplot
    import ipywidgets
except ModuleNotFoundError as missing:
    raise ObiError(
        f"Widgets need {missing.name}, which is not installed.",
        "Install it with: pip install anywidget bqplot ipywidgets. "
        "Without it, obi.record, obi.calibrate, obi-widgets watch and others run.",
    ) from missing

__all__ = ["anywidget", "bqplot", "ipywidgets"]
