"""Widgets. Only this package imports ipywidgets, bqplot or anywidget."""

from obi_widgets.widgets.book import BookWidget
from obi_widgets.widgets.calibration import CalibrationWidget
from obi_widgets.widgets.charts import PriceWidget
from obi_widgets.widgets.lab import Lab
from obi_widgets.widgets.settings import SettingsWidget
from obi_widgets.widgets.signal_chart import SignalWidget
from obi_widgets.widgets.status import StatusWidget

__all__ = [
    "BookWidget",
    "CalibrationWidget",
    "Lab",
    "PriceWidget",
    "SettingsWidget",
    "SignalWidget",
    "StatusWidget",
]
