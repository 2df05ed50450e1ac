"""Order-book imbalance you can see, tune and judge, live, in a notebook.

>>> import obi_widgets as obi
>>> lab = obi.Lab("sim:BTC-PERP")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_PLACES = {
    "Alert": "signals.crossing",
    "Appearance": "presentation.layers.chart_layers",
    "AtHorizon": "settings.provenance",
    "Band": "parameters",
    "BlindScore": "teaching.score",
    "BlindTest": "teaching.blind_test",
    "Board": "widgets",
    "BookWidget": "widgets",
    "Bootstrap": "calibration.statistics.bootstrap",
    "Bps": "parameters",
    "CalibrationWidget": "widgets",
    "Card": "card.card",
    "CardConfidence": "card.confidence",
    "CardReason": "card.card",
    "CardWidget": "widgets",
    "CardWindow": "card.card",
    "Cards": "card.cards",
    "Choice": "parameters",
    "ClockOffset": "feeds.health.health",
    "Comparison": "calibration.signal_comparison",
    "ComparisonWidget": "widgets",
    "Confidence": "card.confidence",
    "Context": "history.context",
    "Days": "feeds.days.load_days",
    "Depth": "history.depth",
    "DepthWidget": "widgets",
    "Durations": "feeds.health.durations",
    "EntriesWidget": "widgets",
    "EquityWidget": "widgets",
    "EventStudy": "calibration.event_paths",
    "Feed": "feeds.given.feed",
    "Fees": "market_data.fees",
    "Findings": "settings.provenance",
    "Flow": "history.flow",
    "Gate": "trading.gates.gate",
    "Gates": "trading.gates.gates",
    "Health": "feeds.health.health",
    "HealthWidget": "widgets",
    "History": "history.columns",
    "Instrument": "market_data.events",
    "Interruptions": "feeds.health.health",
    "Judgement": "calibration.verdict",
    "Lab": "widgets",
    "Labels": "calibration.labels",
    "LargeLevels": "history.large_levels",
    "Levels": "parameters",
    "LevelsUsed": "signals.coverage",
    "Maker": "trading.execution",
    "MicroPriceFit": "calibration.micro_price_fit",
    "Mode": "card.modes",
    "NextMove": "calibration.next_move",
    "Number": "parameters",
    "ObiError": "errors",
    "Parameter": "parameters",
    "Parameters": "settings.parameters",
    "Portfolio": "calibration.portfolio",
    "Presets": "settings.presets",
    "PriceWidget": "widgets",
    "Proposal": "calibration.proposal",
    "Provenance": "history.provenance",
    "Reading": "presentation.reading.reading",
    "Reconciliation": "paper.reconcile",
    "RecordingWarning": "errors",
    "Refusal": "feeds.health.health",
    "Reliability": "calibration.reliability",
    "Report": "calibration.report",
    "Seal": "calibration.seal",
    "Sealed": "settings.provenance",
    "SealedTest": "calibration.sealed",
    "Seconds": "parameters",
    "Session": "session.session",
    "Settings": "settings.settings",
    "SettingsWidget": "widgets",
    "Signal": "signals.signal",
    "SignalPath": "calibration.event_paths",
    "SignalWidget": "widgets",
    "StatusWidget": "widgets",
    "Stretch": "feeds.health.health",
    "Suitability": "calibration.suitability",
    "Surface": "calibration.surface",
    "Taken": "history.trades",
    "Taker": "trading.execution",
    "TapeWidget": "widgets",
    "Trades": "history.trades",
    "VenueDivergence": "card.venues",
    "VenueMoment": "card.venues",
    "WeightsComparison": "calibration.accuracy_weights",
    "aligned": "calibration.lead_lag",
    "amihud": "signals.amihud",
    "blind_test": "teaching.blind_test",
    "book_depth": "calibration.quality.book_depth",
    "book_pressure": "signals.book_pressure",
    "book_slope": "signals.book_slope",
    "break_even": "calibration.break_even",
    "buy_sell_ratio": "signals.buy_sell_ratio",
    "calibrate": "calibration.calibrate",
    "card_direction": "signals.card_direction",
    "cards": "card.making",
    "clock_skew": "calibration.placebo",
    "compact": "feeds.days.compact",
    "compare": "calibration.compare",
    "compute": "signals.computing",
    "correlations": "calibration.lead_lag",
    "depth_difference": "signals.depth_difference",
    "depth_ratio": "signals.depth_ratio",
    "difference": "signals.transforms",
    "edge_by_hour": "calibration.edge_by_hour",
    "entries": "trading.entries",
    "event_frequency": "signals.event_frequency",
    "event_study": "calibration.event_study",
    "explained": "calibration.explained",
    "export_strategy": "strategy.export",
    "fees": "trading.fees",
    "fill_summary": "trading.fills",
    "fills": "trading.fills",
    "fit_micro_price": "calibration.micro_price_fit",
    "gate": "trading.gates.gate",
    "gate_report": "calibration.gate_report",
    "imbalance": "signals",
    "imbalances": "calibration.imbalances",
    "inferred": "signals.coverage",
    "integrated_order_flow_imbalance": "signals.integrated_order_flow_imbalance",
    "kyle_lambda": "signals.kyle_lambda",
    "label": "calibration.labels",
    "lead_lag": "calibration.lead_lag",
    "liquidity_cost": "calibration.quality.liquidity_cost",
    "load": "feeds.loading",
    "load_days": "feeds.days.load_days",
    "look_ahead": "calibration.placebo",
    "markouts": "calibration.quality.markouts",
    "micro_price": "signals.micro_price",
    "multi_level_order_flow_imbalance": "signals.multi_level_order_flow_imbalance",
    "next_move": "calibration.next_move",
    "notional_difference": "signals.notional_difference",
    "order_flow_imbalance": "signals.order_flow_imbalance",
    "portfolio": "calibration.portfolio",
    "propose": "calibration.proposal",
    "queue_bounds": "trading.fills",
    "queue_imbalance": "signals.queue_imbalance",
    "queue_logistic": "signals.queue_logistic",
    "rank_imbalance": "signals.rank_imbalance",
    "realised_volatility": "signals.realised_volatility",
    "reconcile": "paper.reconcile",
    "record": "feeds.record",
    "recovery": "calibration.quality.resilience",
    "resilience": "calibration.quality.resilience",
    "sealed_test": "calibration.sealed_history",
    "shuffled": "calibration.placebo",
    "signal": "signals.signal",
    "simulate": "feeds.simulation.simulated_history",
    "simulate_spoofs": "feeds.simulation.spoofed",
    "skewed": "calibration.placebo",
    "smooth": "signals.transforms",
    "spoofs": "calibration.quality.spoofs",
    "suitability": "calibration.suitability",
    "sweep": "calibration.sweep",
    "sweep_seconds": "calibration.sweep",
    "tightness": "calibration.quality.tightness",
    "trade_costs": "calibration.quality.trade_costs",
    "trade_frequency": "signals.trade_frequency",
    "trade_imbalance": "signals.trade_imbalance",
    "uncorrelated": "calibration.uncorrelated",
    "velocity": "signals.transforms",
    "venue_divergence": "card.venues",
    "vpin": "signals.vpin",
    "vpin_increment": "calibration.vpin_increment",
    "vwap_deviation": "signals.vwap_deviation",
    "walk_book": "calibration.quality.walk_book",
    "walk_forward": "calibration.walk_forward",
    "wall_breakout": "signals.wall_breakout",
    "wall_fade": "signals.wall_fade",
    "wall_markouts": "calibration.quality.walls",
    "walls": "calibration.quality.walls",
    "weighted_mid": "signals.touch",
    "weighted_sum": "signals.transforms",
    "zscore": "signals.transforms",
}
"""Where each public name lives: imported when it is first asked for.

No module beside this one may have a public name: importing it would put it in the name's place.
"""

__all__ = [
    "Alert",
    "Appearance",
    "AtHorizon",
    "Band",
    "BlindScore",
    "BlindTest",
    "Board",
    "BookWidget",
    "Bootstrap",
    "Bps",
    "CalibrationWidget",
    "Card",
    "CardConfidence",
    "CardReason",
    "CardWidget",
    "CardWindow",
    "Cards",
    "Choice",
    "ClockOffset",
    "Comparison",
    "ComparisonWidget",
    "Confidence",
    "Context",
    "Days",
    "Depth",
    "DepthWidget",
    "Durations",
    "EntriesWidget",
    "EquityWidget",
    "EventStudy",
    "Feed",
    "Fees",
    "Findings",
    "Flow",
    "Gate",
    "Gates",
    "Health",
    "HealthWidget",
    "History",
    "Instrument",
    "Interruptions",
    "Judgement",
    "Lab",
    "Labels",
    "LargeLevels",
    "Levels",
    "LevelsUsed",
    "Maker",
    "MicroPriceFit",
    "Mode",
    "NextMove",
    "Number",
    "ObiError",
    "Parameter",
    "Parameters",
    "Portfolio",
    "Presets",
    "PriceWidget",
    "Proposal",
    "Provenance",
    "Reading",
    "Reconciliation",
    "RecordingWarning",
    "Refusal",
    "Reliability",
    "Report",
    "Seal",
    "Sealed",
    "SealedTest",
    "Seconds",
    "Session",
    "Settings",
    "SettingsWidget",
    "Signal",
    "SignalPath",
    "SignalWidget",
    "StatusWidget",
    "Stretch",
    "Suitability",
    "Surface",
    "Taken",
    "Taker",
    "TapeWidget",
    "Trades",
    "VenueDivergence",
    "VenueMoment",
    "WeightsComparison",
    "aligned",
    "amihud",
    "blind_test",
    "book_depth",
    "book_pressure",
    "book_slope",
    "break_even",
    "buy_sell_ratio",
    "calibrate",
    "card_direction",
    "cards",
    "clock_skew",
    "compact",
    "compare",
    "compute",
    "correlations",
    "depth_difference",
    "depth_ratio",
    "difference",
    "edge_by_hour",
    "entries",
    "event_frequency",
    "event_study",
    "explained",
    "export_strategy",
    "fees",
    "fill_summary",
    "fills",
    "fit_micro_price",
    "gate",
    "gate_report",
    "imbalance",
    "imbalances",
    "inferred",
    "integrated_order_flow_imbalance",
    "kyle_lambda",
    "label",
    "lead_lag",
    "liquidity_cost",
    "load",
    "load_days",
    "look_ahead",
    "markouts",
    "micro_price",
    "multi_level_order_flow_imbalance",
    "next_move",
    "notional_difference",
    "order_flow_imbalance",
    "portfolio",
    "propose",
    "queue_bounds",
    "queue_imbalance",
    "queue_logistic",
    "rank_imbalance",
    "realised_volatility",
    "reconcile",
    "record",
    "recovery",
    "resilience",
    "sealed_test",
    "shuffled",
    "signal",
    "simulate",
    "simulate_spoofs",
    "skewed",
    "smooth",
    "spoofs",
    "suitability",
    "sweep",
    "sweep_seconds",
    "tightness",
    "trade_costs",
    "trade_frequency",
    "trade_imbalance",
    "uncorrelated",
    "velocity",
    "venue_divergence",
    "vpin",
    "vpin_increment",
    "vwap_deviation",
    "walk_book",
    "walk_forward",
    "wall_breakout",
    "wall_fade",
    "wall_markouts",
    "walls",
    "weighted_mid",
    "weighted_sum",
    "zscore",
]

if TYPE_CHECKING:
    __version__: str
    from obi_widgets.calibration.accuracy_weights import WeightsComparison
    from obi_widgets.calibration.break_even import break_even
    from obi_widgets.calibration.calibrate import calibrate
    from obi_widgets.calibration.compare import compare
    from obi_widgets.calibration.edge_by_hour import edge_by_hour
    from obi_widgets.calibration.event_paths import EventStudy, SignalPath
    from obi_widgets.calibration.event_study import event_study
    from obi_widgets.calibration.explained import explained
    from obi_widgets.calibration.gate_report import gate_report
    from obi_widgets.calibration.imbalances import imbalances
    from obi_widgets.calibration.labels import Labels, label
    from obi_widgets.calibration.lead_lag import aligned, correlations, lead_lag
    from obi_widgets.calibration.micro_price_fit import MicroPriceFit, fit_micro_price
    from obi_widgets.calibration.next_move import NextMove, next_move
    from obi_widgets.calibration.placebo import clock_skew, look_ahead, shuffled, skewed
    from obi_widgets.calibration.portfolio import Portfolio, portfolio
    from obi_widgets.calibration.proposal import Proposal, propose
    from obi_widgets.calibration.quality.book_depth import book_depth
    from obi_widgets.calibration.quality.liquidity_cost import liquidity_cost
    from obi_widgets.calibration.quality.markouts import markouts
    from obi_widgets.calibration.quality.resilience import recovery, resilience
    from obi_widgets.calibration.quality.spoofs import spoofs
    from obi_widgets.calibration.quality.tightness import tightness
    from obi_widgets.calibration.quality.trade_costs import trade_costs
    from obi_widgets.calibration.quality.walk_book import walk_book
    from obi_widgets.calibration.quality.walls import wall_markouts, walls
    from obi_widgets.calibration.reliability import Reliability
    from obi_widgets.calibration.report import Report
    from obi_widgets.calibration.seal import Seal
    from obi_widgets.calibration.sealed import SealedTest
    from obi_widgets.calibration.sealed_history import sealed_test
    from obi_widgets.calibration.signal_comparison import Comparison
    from obi_widgets.calibration.statistics.bootstrap import Bootstrap
    from obi_widgets.calibration.suitability import Suitability, suitability
    from obi_widgets.calibration.surface import Surface
    from obi_widgets.calibration.sweep import sweep, sweep_seconds
    from obi_widgets.calibration.uncorrelated import uncorrelated
    from obi_widgets.calibration.verdict import Judgement
    from obi_widgets.calibration.vpin_increment import vpin_increment
    from obi_widgets.calibration.walk_forward import walk_forward
    from obi_widgets.card.card import Card, CardReason, CardWindow
    from obi_widgets.card.cards import Cards
    from obi_widgets.card.confidence import CardConfidence, Confidence
    from obi_widgets.card.making import cards
    from obi_widgets.card.modes import Mode
    from obi_widgets.card.venues import VenueDivergence, VenueMoment, venue_divergence
    from obi_widgets.errors import ObiError, RecordingWarning
    from obi_widgets.feeds.days.compact import compact
    from obi_widgets.feeds.days.load_days import Days, load_days
    from obi_widgets.feeds.given.feed import Feed
    from obi_widgets.feeds.health.durations import Durations
    from obi_widgets.feeds.health.health import (
        ClockOffset,
        Health,
        Interruptions,
        Refusal,
        Stretch,
    )
    from obi_widgets.feeds.loading import load
    from obi_widgets.feeds.record import record
    from obi_widgets.feeds.simulation.simulated_history import simulate
    from obi_widgets.feeds.simulation.spoofed import simulate_spoofs
    from obi_widgets.history.columns import History
    from obi_widgets.history.context import Context
    from obi_widgets.history.depth import Depth
    from obi_widgets.history.flow import Flow
    from obi_widgets.history.large_levels import LargeLevels
    from obi_widgets.history.provenance import Provenance
    from obi_widgets.history.trades import Taken, Trades
    from obi_widgets.market_data.events import Instrument
    from obi_widgets.market_data.fees import Fees
    from obi_widgets.paper.reconcile import Reconciliation, reconcile
    from obi_widgets.parameters import Band, Bps, Choice, Levels, Number, Parameter, Seconds
    from obi_widgets.presentation.layers.chart_layers import Appearance
    from obi_widgets.presentation.reading.reading import Reading
    from obi_widgets.session.session import Session
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.settings.presets import Presets
    from obi_widgets.settings.provenance import AtHorizon, Findings, Sealed
    from obi_widgets.settings.settings import Settings
    from obi_widgets.signals import imbalance
    from obi_widgets.signals.amihud import amihud
    from obi_widgets.signals.book_pressure import book_pressure
    from obi_widgets.signals.book_slope import book_slope
    from obi_widgets.signals.buy_sell_ratio import buy_sell_ratio
    from obi_widgets.signals.card_direction import card_direction
    from obi_widgets.signals.computing import compute
    from obi_widgets.signals.coverage import LevelsUsed, inferred
    from obi_widgets.signals.crossing import Alert
    from obi_widgets.signals.depth_difference import depth_difference
    from obi_widgets.signals.depth_ratio import depth_ratio
    from obi_widgets.signals.event_frequency import event_frequency
    from obi_widgets.signals.integrated_order_flow_imbalance import integrated_order_flow_imbalance
    from obi_widgets.signals.kyle_lambda import kyle_lambda
    from obi_widgets.signals.micro_price import micro_price
    from obi_widgets.signals.multi_level_order_flow_imbalance import (
        multi_level_order_flow_imbalance,
    )
    from obi_widgets.signals.notional_difference import notional_difference
    from obi_widgets.signals.order_flow_imbalance import order_flow_imbalance
    from obi_widgets.signals.queue_imbalance import queue_imbalance
    from obi_widgets.signals.queue_logistic import queue_logistic
    from obi_widgets.signals.rank_imbalance import rank_imbalance
    from obi_widgets.signals.realised_volatility import realised_volatility
    from obi_widgets.signals.signal import Signal, signal
    from obi_widgets.signals.touch import weighted_mid
    from obi_widgets.signals.trade_frequency import trade_frequency
    from obi_widgets.signals.trade_imbalance import trade_imbalance
    from obi_widgets.signals.transforms import difference, smooth, velocity, weighted_sum, zscore
    from obi_widgets.signals.vpin import vpin
    from obi_widgets.signals.vwap_deviation import vwap_deviation
    from obi_widgets.signals.wall_breakout import wall_breakout
    from obi_widgets.signals.wall_fade import wall_fade
    from obi_widgets.strategy.export import export_strategy
    from obi_widgets.teaching.blind_test import BlindTest, blind_test
    from obi_widgets.teaching.score import BlindScore
    from obi_widgets.trading.entries import entries
    from obi_widgets.trading.execution import Maker, Taker
    from obi_widgets.trading.fees import fees
    from obi_widgets.trading.fills import fill_summary, fills, queue_bounds
    from obi_widgets.trading.gates.gate import Gate, gate
    from obi_widgets.trading.gates.gates import Gates
    from obi_widgets.widgets import (
        Board,
        BookWidget,
        CalibrationWidget,
        CardWidget,
        ComparisonWidget,
        DepthWidget,
        EntriesWidget,
        EquityWidget,
        HealthWidget,
        Lab,
        PriceWidget,
        SettingsWidget,
        SignalWidget,
        StatusWidget,
        TapeWidget,
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
    return list(__all__)


def _show_in_notebooks() -> None:
    """Let a notebook show some results as widgets or pictures, which are imported only then.

    What is computed knows no screen, so it cannot say this itself.
    """
    import sys

    ipython: Any = sys.modules.get("IPython")
    shell: Any = None if ipython is None else ipython.get_ipython()
    if hasattr(shell, "kernel"):
        formatter = shell.display_formatter.mimebundle_formatter
        for module, name, shows in (
            ("signal_comparison", "Comparison", "widgets.side_by_side"),
            ("event_paths", "EventStudy", "presentation.tear_sheet.event_figure"),
        ):
            formatter.for_type_by_name(
                f"obi_widgets.calibration.{module}",
                name,
                lambda found, shows=shows: import_module(f"obi_widgets.{shows}").shown(found),
            )


_show_in_notebooks()
