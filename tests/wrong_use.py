"""Every public callable, arguments that are right for it, and wrong kinds to put in their place."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from session_tools import View

import obi_widgets as obi
from obi_widgets.calibration import episodes, forward_returns, holdout, placebo
from obi_widgets.feeds.sources import open_feed
from obi_widgets.paper.log import LogWriter
from obi_widgets.paper.run import PaperRun, begin_of
from obi_widgets.presentation.charts.time_range import TimeRange
from obi_widgets.presentation.frames.frame_maker import FrameMaker
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals import weights
from obi_widgets.trading.execution import Maker, Taker

WRONG: dict[str, Any] = {
    "None": None,
    "text": "text",
    "negative": -1.5,
    "NaN": float("nan"),
    "list of text": ["text"],
    "huge": 1e300,
    "object": object(),
    "empty": np.empty(0),
    "flag": True,
}

OURS = "obi_widgets"

BESIDE = (
    weights,
    forward_returns.forward_returns,
    forward_returns.touch_returns,
    placebo.shuffled,
    placebo.look_ahead,
    placebo.skewed,
    placebo.clock_skew,
    episodes.find_episodes,
    episodes.entry_columns,
    holdout.holdout,
    holdout.walk_forward_bounds,
)
"""Functions that the documentation names, beside those of `obi_widgets.__all__`."""

CLASSES = (obi.calibrate.__globals__["Report"], obi.Signal, obi.MicroPriceFit, obi.Gate)
"""What public functions return, beside the classes of `obi_widgets.__all__`."""

VALUES = (
    obi.Alert, obi.Appearance, obi.AtHorizon, obi.BlindScore, obi.Bootstrap, obi.Card,
    obi.CardConfidence, obi.CardReason, obi.CardWindow, obi.Cards, obi.ClockOffset, obi.Comparison,
    obi.Confidence, obi.Context, obi.Days, obi.Depth, obi.Durations, obi.EventStudy, obi.Fees,
    obi.Findings, obi.Flow, obi.Health, obi.Instrument, obi.Interruptions, obi.Judgement,
    obi.Labels, obi.LargeLevels, obi.LevelsUsed, obi.Mode, obi.NextMove, obi.Parameter,
    obi.Parameters, obi.Portfolio, obi.Proposal, obi.Provenance, obi.Reading, obi.Reconciliation,
    obi.Refusal, obi.Reliability, obi.Seal, obi.Sealed, obi.SignalPath, obi.Stretch,
    obi.Suitability, obi.Surface, obi.Taken, obi.Trades, obi.VenueDivergence, obi.VenueMoment,
    obi.WeightsComparison,
)  # fmt: skip
"""What holds what other calls checked."""

ELSEWHERE = (obi.Board, obi.BlindTest)
"""Classes whose wrong uses have tests of their own: test_board.py, test_blind_test.py."""


class Use(NamedTuple):
    """A public callable, and what makes arguments for it that are right."""

    name: str
    call: Callable[..., Any]
    parameters: dict[str, inspect.Parameter]


def parameters_of(call: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a call by name; what stands behind ``**`` is spelled out."""
    found = {}
    for name, one in inspect.signature(call).parameters.items():
        if one.kind is inspect.Parameter.VAR_KEYWORD:
            found |= options
        elif one.kind is inspect.Parameter.VAR_POSITIONAL:
            continue  # of `Choice`: see `test_signal`
        else:
            found[name] = one
    return found


def options_of(one: type) -> dict[str, Any]:
    """Return what a constructor takes as ``**options``."""
    if issubclass(one, obi.Settings):
        return {
            name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value)
            for name, value in Parameters().as_dict().items()
        }
    options = dict(inspect.signature(open_feed).parameters)
    del options["source"]
    return options


def uses(subjects: Subjects) -> list[Use]:
    """Return every public callable: functions, constructors and methods, of ours."""
    found = []
    every = [*(getattr(obi, name) for name in obi.__all__), *BESIDE, *CLASSES]
    for one in every:
        left_out = (*VALUES, *ELSEWHERE)
        if inspect.isclass(one) and (issubclass(one, BaseException) or one in left_out):
            continue  # the package makes these
        if not inspect.isclass(one):
            found.append(Use(one.__name__, one, parameters_of(one, {})))
            continue
        if one not in (*CLASSES, obi.Choice):
            found.append(Use(one.__name__, one, parameters_of(one, options_of(one))))
        for name in dir(one):
            static = inspect.getattr_static(one, name)
            function = getattr(static, "__func__", static)
            if (
                name.startswith("_")
                or not inspect.isfunction(function)
                or not function.__module__.startswith(OURS)
            ):
                continue
            call = getattr(subjects.of(one, name), name)
            found.append(Use(f"{one.__name__}.{name}", call, parameters_of(call, {})))
    return found


def _half_spread(history):
    return 5e3 * history.spread / history.mid


def _narrow(history):
    return history.spread < 1e-3 * history.mid


class Subjects:
    """Objects whose methods are called, and arguments that are right."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.history = obi.simulate(seconds=40, levels=5, edge=4.0, seed=3)
        self.settings = obi.Settings(depth=3, threshold=0.2, hold_seconds=2)
        self.report = obi.calibrate(self.history, self.settings, horizons=[1, 2])
        self.session = obi.Session("sim:BTC-PERP")
        self.feed = obi.Feed("TOY:MARKET")
        analysis = Analysis(self.settings.parameters)
        analysis.update(self.history, self.settings.parameters)
        self.frame = FrameMaker().make(
            analysis, instrument=self.history.instrument, state="live", detail="", advice="",
            note="", paused=False, age=0.1, rate=10.0, time_range=TimeRange(60.0), has_book=True,
        )  # fmt: skip
        self.recording = obi.record("sim:BTC-PERP", folder / "sim.gz", seconds=0.1, warmup=5.0)
        self.days = obi.record(["sim:BTC-PERP"], folder / "days", seconds=0.1, progress=False)
        self.settings.save(folder / "s.toml")
        self.gates = obi.Gates(["spread"])
        self.gated = obi.Settings(depth=3, threshold=0.2, hold_seconds=2, gates=["spread"])
        self.fit = obi.fit_micro_price(self.history)
        self.trades = obi.entries(self.history, self.settings)
        self.alike = obi.correlations({"one": self.history, "other": self.history})
        self.fills = obi.fills(self.history, self.settings)
        self.sealed = obi.sealed_test(self.history, self.settings, after=self.history.time[9])
        self.sealed.save(folder / "sealed.json")
        self.comparison = obi.compare(self.history, [obi.imbalance], horizons=[1.0])
        self.cards = obi.cards(self.history, mode="scalp", signals=obi.imbalance)
        run, log = PaperRun(self.settings.parameters), LogWriter(folder / "paper.jsonl")
        log.write([begin_of(self.history, self.settings.parameters)])
        values = obi.compute(self.history, self.settings)
        log.write([*run.extend(self.history, values), *run.end()])
        log.close()
        self.made: list[Any] = []
        self._number = count()

    def close(self) -> None:
        for one in [*self.made, self.session]:
            one.close()

    def of(self, one: type, method: str) -> Any:
        """Return an object of a class, to call a method of."""
        if issubclass(one, obi.History):
            return self.history
        if issubclass(one, obi.Settings):
            return self.settings
        if issubclass(one, obi.Feed):
            return self.feed
        if issubclass(one, obi.Presets):
            presets = obi.Presets(self.settings, self.folder / "presets")
            presets.save("mine")
            return presets
        if issubclass(one, obi.Signal):
            return obi.imbalance
        if issubclass(one, obi.MicroPriceFit):
            return self.fit
        if issubclass(one, obi.Gate):
            return self.gates.gates[0]
        if issubclass(one, obi.Gates):
            return self.gates
        if issubclass(one, obi.SealedTest):
            return self.sealed
        if issubclass(one, obi.Session):
            if method == "seal":  # one that another method has closed seals nothing
                self.made.append(obi.Session("sim:BTC-PERP"))
                return self.made[-1]
            return self.session
        if issubclass(one, CLASSES):
            return self.report
        if issubclass(one, obi.ComparisonWidget):
            self.made.append(obi.ComparisonWidget(self.comparison))
            return self.made[-1]
        made = next((made for made in self.made if type(made) is one), None)
        if made is None and issubclass(one, obi.Lab):
            self.made.append(obi.Lab("sim:BTC-PERP"))
        elif made is None and issubclass(one, obi.BookWidget.__bases__[0]):
            self.made.append(one(self.session))
        return made or (self.made[-1] if issubclass(one, obi.BookWidget.__bases__[0]) else one)

    def arguments(self, use: Use) -> dict[str, Any]:
        """Return arguments that are right; of those that may be left out, only what it needs."""
        history = self.history
        if use.name.endswith(("add_signal", "remove_signal")):  # as if each call were the first
            owner = use.call.__self__
            getattr(owner, "session", owner)._stacked = (Parameters("queue_imbalance"),)
        bid, ask = history.bid, history.ask
        size = np.ones(len(history))
        right: dict[str, Any] = {
            "history": history, "histories": history, "settings": self.settings,
            "values": self.settings, "session": self.session, "frame": self.frame,
            "frame_of_fills": self.fills, "view": View(),
            "source": "sim:BTC-PERP", "venue": "okx", "path": self.folder / "out.toml",
            "paths": self.recording, "seconds": 2.0, "horizons": [1.0, 2.0], "at": 0,
            "signal": np.zeros(len(history)), "threshold": [0.2], "thresholds": [0.2],
            "time_ns": history.time, "bid_price": bid, "ask_price": ask, "bid_size": size,
            "ask_size": size, "side": 1, "number": 0, "note": "", "share": 0.3, "factor": 2.0,
            "time": history.time, "what": "", "execution": Taker(), "after": history.time[9],
            "comparison": self.comparison, "seal": self.sealed.seal, "why": "tested",
            "callback": print,
        }  # fmt: skip
        own: dict[str, dict[str, Any]] = {
            "export_strategy": {"path": self.folder / "s.py"},
            "record": {"path": self.folder / f"{next(self._number)}.gz", "seconds": 0.0},
            "compact": {"folder": self.days},
            "load_days": {"folder": self.days},
            "walk_forward_bounds": {"span": int(history.elapsed[-1])},
            **{
                name: {"histories": {"one": history, "other": history}}
                for name in ("aligned", "correlations", "lead_lag")
            },
            "reconcile": {"log": self.folder / "paper.jsonl"},
            "venue_divergence": {"cards": {"one": self.cards, "other": self.cards}},
            "portfolio": {"tables": {"one": self.trades}},
            "uncorrelated": {"correlations": self.alike},
            "simulate": {"seconds": 2.0},
            "simulate_spoofs": {"seconds": 2.0},
            "fill_summary": {"frame": right["frame_of_fills"]},
            "liquidity_cost": {"sizes": [1.0]},
            "walk_book": {"size": 1.0},
            "find_episodes": {"threshold": 0.2},
            "gate": {"function": _narrow},
            "gate_report": {"settings": self.gated},
            **{
                f"Gate.{act}": {"values": dict(self.gates["spread"])}
                for act in ("check", "compute", "levels_used", "lookback")
            },
            "Gate.first_needed": {"values": dict(self.gates["spread"]), "row": 3},
            "Gates.replace": {"name": "spread"},
            "Gates.without": {"name": "spread"},
            "Gates.first_needed": {"row": 3},
            "queue_bounds": {"execution": Maker()},
            "Settings": {},
            **{f"Presets.{act}": {"name": "mine"} for act in ("apply", "remove", "save", "words")},
            "Lab.from_link": {"link": "obi:1?source=sim:BTC-PERP&a.signal=imbalance&window=60"},
            "Number": {"low": 0, "high": 1},
            "History.from_frame": {"frame": history.to_frame()},
            "Feed.book": {"bids": [(99.0, 1.0)], "asks": [(100.0, 1.0)]},
            "Feed.trade": {"time": int(history.time[9]), "price": 100.0, "size": 1.0},
            "Settings.values_of": {"signal": obi.imbalance},
            "Signal.check": {"values": {}},
            "Signal.compute": {"values": dict(self.settings.parameters.values)},
            "Signal.levels_used": {"values": dict(self.settings.parameters.values)},
            "Signal.lookback": {"values": {}},
            "Signal.computes_as": {"other": obi.queue_imbalance},
            "Signal.computes_newest": {"make": obi.imbalance._newest_by},
            "Signal.first_needed": {"values": {}, "row": 3},
            "Signal.newest_by": {"values": dict(self.settings.parameters.values)},
            "Signal.settled": {"values": {}},
            "compare": {"signals": [obi.imbalance]},
            "compute": {"settings": self.settings},
            "inferred": {"settings": self.settings},
            "signal": {"function": _half_spread},
            "weights": {"decay": 0.1},
            "weighted_sum": {"signals": [obi.imbalance], "weights": [1.0]},
            **{
                name: {"signal": obi.imbalance}
                for name in ("zscore", "smooth", "difference", "velocity")
            },
            "History.save": {"path": self.folder / f"{next(self._number)}.parquet"},
            "SealedTest.load": {"path": self.folder / "sealed.json"},
            "SealedTest.save": {"path": self.folder / f"{next(self._number)}.json"},
            **{f"{kind}.add_signal": {"signal": obi.imbalance} for kind in ("Lab", "Session")},
            **{
                f"{kind}.remove_signal": {"signal": "queue_imbalance"}
                for kind in ("Lab", "Session")
            },
            **{
                f"{kind}.{act}": {"time": int(history.time[9])}
                for kind in ("Lab", "Session")
                for act in ("read", "pin")
            },
            "Session.go_to": {"time": int([*history.time, *self.session.shown().time][-1])},
            "Signal.levels_chosen": {"values": dict(self.settings.parameters.values)},
            "Session.hover": {"at": 0.5, "view": "one"},
            "Session.point": {"decision_time": int(history.time[0]), "view": "one"},
            "Session.step": {"states": 1},
            "Session.bring_into_view": {"start": int(history.time[0]), "end": int(history.time[9])},
            "Session.choose": {
                "decision_time": int(history.time[0]),
                "start": int(history.time[0]),
                "end": int(history.time[9]),
            },
            "Settings.load": {"path": self.folder / "s.toml"},
            "History.concat": {"histories": [history]},
            "History": {
                name: getattr(history, name)
                for name in ("time", "received", "bid", "ask", "blocks", "levels", "tick_size")
            },
            "Session.look_at": {"seconds": 60.0},
            "Session.select": {"start": int(history.time[0]), "end": int(history.time[-1])},
            "Session.zoom": {"at": 0.5},
        }
        chosen = right | own.get(use.name, {})
        needed = [
            name
            for name, one in use.parameters.items()
            if one.default is inspect.Parameter.empty and name in chosen
        ]
        always = own.get(use.name, {})
        return {name: chosen[name] for name in needed} | {
            name: value for name, value in always.items() if name in use.parameters
        }
