"""Widgets. Only this package imports ipywidgets, bqplot or anywidget."""

from obi_widgets.widgets import toolkit  # noqa: F401 before all others
from obi_widgets.widgets.board import Board
from obi_widgets.widgets.book import BookWidget
from obi_widgets.widgets.calibration import CalibrationWidget
from obi_widgets.widgets.card import CardWidget
from obi_widgets.widgets.charts import PriceWidget
from obi_widgets.widgets.depth_chart import DepthWidget
from obi_widgets.widgets.entry_list import EntriesWidget
from obi_widgets.widgets.equity import EquityWidget
from obi_widgets.widgets.health import HealthWidget
from obi_widgets.widgets.lab import Lab
from obi_widgets.widgets.settings import SettingsWidget
from obi_widgets.widgets.side_by_side import ComparisonWidget
from obi_widgets.widgets.signal_chart import SignalWidget
from obi_widgets.widgets.status import StatusWidget
from obi_widgets.widgets.tape import TapeWidget

__all__ = [
    "Board",
    "BookWidget",
    "CalibrationWidget",
    "CardWidget",
    "ComparisonWidget",
    "DepthWidget",
    "EntriesWidget",
    "EquityWidget",
    "HealthWidget",
    "Lab",
    "PriceWidget",
    "SettingsWidget",
    "SignalWidget",
    "StatusWidget",
    "TapeWidget",
]
