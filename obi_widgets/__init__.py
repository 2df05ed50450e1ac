"""Order-book imbalance you can see, tune and judge, live, in a notebook.

>>> import obi_widgets as obi
>>> lab = obi.Lab("sim:BTC-PERP")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PLACES = {
    "BookWidget": "widgets",
    "CalibrationWidget": "widgets",
    "History": "history",
    "ImbalanceWidget": "widgets",
    "Lab": "widgets",
    "ObiError": "errors",
    "PriceWidget": "widgets",
    "Session": "session",
    "Settings": "settings",
    "SettingsWidget": "widgets",
    "StatusWidget": "widgets",
    "calibrate": "calibration.report",
    "entries": "scanner",
    "imbalance": "signals",
    "load": "feeds.replay",
    "record": "feeds.record",
    "sweep": "calibration.surface",
}
"""Where each public name lives: imported when it is first asked for.

No module beside this one may have a public name: importing it would put it in the name's place.
"""

__all__ = [
    "BookWidget",
    "CalibrationWidget",
    "History",
    "ImbalanceWidget",
    "Lab",
    "ObiError",
    "PriceWidget",
    "Session",
    "Settings",
    "SettingsWidget",
    "StatusWidget",
    "calibrate",
    "entries",
    "imbalance",
    "load",
    "record",
    "sweep",
]

if TYPE_CHECKING:
    from obi_widgets.calibration.report import calibrate
    from obi_widgets.calibration.surface import sweep
    from obi_widgets.errors import ObiError
    from obi_widgets.feeds.record import record
    from obi_widgets.feeds.replay import load
    from obi_widgets.history import History
    from obi_widgets.scanner import entries
    from obi_widgets.session import Session
    from obi_widgets.settings import Settings
    from obi_widgets.signals import imbalance
    from obi_widgets.widgets import (
        BookWidget,
        CalibrationWidget,
        ImbalanceWidget,
        Lab,
        PriceWidget,
        SettingsWidget,
        StatusWidget,
    )


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _PLACES:
        raise AttributeError(f"module 'obi_widgets' has no attribute {name!r}")
    value = getattr(import_module(f"obi_widgets.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
