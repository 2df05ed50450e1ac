"""Order-book imbalance you can see, tune and judge, live, in a notebook.

>>> import obi_widgets as obi
>>> lab = obi.Lab("sim:BTC-PERP")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_PLACES = {
    "Band": "parameters",
    "BookWidget": "widgets",
    "Bps": "parameters",
    "CalibrationWidget": "widgets",
    "Choice": "parameters",
    "History": "history.columns",
    "ImbalanceWidget": "widgets",
    "Lab": "widgets",
    "Levels": "parameters",
    "Maker": "trading.execution",
    "Number": "parameters",
    "ObiError": "errors",
    "PriceWidget": "widgets",
    "RecordingWarning": "errors",
    "SealedTest": "calibration.sealed",
    "Seconds": "parameters",
    "Session": "session.session",
    "Settings": "settings.settings",
    "SettingsWidget": "widgets",
    "Signal": "signals.signal",
    "StatusWidget": "widgets",
    "Taker": "trading.execution",
    "break_even": "calibration.break_even",
    "calibrate": "calibration.calibrate",
    "compute": "signals.signal",
    "difference": "signals.transforms",
    "entries": "trading.entries",
    "export_strategy": "settings.strategy",
    "fees": "trading.fees",
    "fill_summary": "trading.fills",
    "fills": "trading.fills",
    "imbalance": "signals",
    "inferred": "signals.coverage",
    "load": "feeds.loading",
    "order_flow_imbalance": "signals.flow",
    "propose": "calibration.proposal",
    "queue_bounds": "trading.fills",
    "record": "feeds.record",
    "sealed_test": "calibration.sealed",
    "signal": "signals.signal",
    "simulate": "feeds.simulation.simulator",
    "smooth": "signals.transforms",
    "sweep": "calibration.sweep",
    "sweep_seconds": "calibration.sweep",
    "velocity": "signals.transforms",
    "walk_forward": "calibration.walk_forward",
    "weighted_mid": "signals.flow",
    "weighted_sum": "signals.transforms",
    "zscore": "signals.transforms",
}
"""Where each public name lives: imported when it is first asked for.

No module beside this one may have a public name: importing it would put it in the name's place.
"""

__all__ = [
    "Band",
    "BookWidget",
    "Bps",
    "CalibrationWidget",
    "Choice",
    "History",
    "ImbalanceWidget",
    "Lab",
    "Levels",
    "Maker",
    "Number",
    "ObiError",
    "PriceWidget",
    "RecordingWarning",
    "SealedTest",
    "Seconds",
    "Session",
    "Settings",
    "SettingsWidget",
    "Signal",
    "StatusWidget",
    "Taker",
    "break_even",
    "calibrate",
    "compute",
    "difference",
    "entries",
    "export_strategy",
    "fees",
    "fill_summary",
    "fills",
    "imbalance",
    "inferred",
    "load",
    "order_flow_imbalance",
    "propose",
    "queue_bounds",
    "record",
    "sealed_test",
    "signal",
    "simulate",
    "smooth",
    "sweep",
    "sweep_seconds",
    "velocity",
    "walk_forward",
    "weighted_mid",
    "weighted_sum",
    "zscore",
]

if TYPE_CHECKING:
    __version__: str

    from obi_widgets.calibration.break_even import break_even
    from obi_widgets.calibration.calibrate import calibrate
    from obi_widgets.calibration.proposal import propose
    from obi_widgets.calibration.sealed import SealedTest, sealed_test
    from obi_widgets.calibration.sweep import sweep, sweep_seconds
    from obi_widgets.calibration.walk_forward import walk_forward
    from obi_widgets.errors import ObiError, RecordingWarning
    from obi_widgets.feeds.loading import load
    from obi_widgets.feeds.record import record
    from obi_widgets.feeds.simulation.simulator import simulate
    from obi_widgets.history.columns import History
    from obi_widgets.parameters import Band, Bps, Choice, Levels, Number, Seconds
    from obi_widgets.session.session import Session
    from obi_widgets.settings.settings import Settings
    from obi_widgets.settings.strategy import export_strategy
    from obi_widgets.signals import imbalance
    from obi_widgets.signals.coverage import inferred
    from obi_widgets.signals.flow import order_flow_imbalance, weighted_mid
    from obi_widgets.signals.signal import Signal, compute, signal
    from obi_widgets.signals.transforms import difference, smooth, velocity, weighted_sum, zscore
    from obi_widgets.trading.entries import entries
    from obi_widgets.trading.execution import Maker, Taker
    from obi_widgets.trading.fees import fees
    from obi_widgets.trading.fills import fill_summary, fills, queue_bounds
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
    if name == "__version__":
        return import_module("obi_widgets.version").version()
    if name not in _PLACES:
        raise AttributeError(f"module 'obi_widgets' has no attribute {name!r}")
    value = getattr(import_module(f"obi_widgets.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
