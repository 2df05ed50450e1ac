"""Entries, and all that a moved slider calls for."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

import obi_widgets as obi
from obi_widgets.kernels import loader
from obi_widgets.presentation.charts.downsampling import extent, means, steps
from obi_widgets.presentation.charts.pixel_columns import Mid
from obi_widgets.presentation.charts.window import Window
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.settings.parameters import Parameters
from obi_widgets.trading.entries import Scanner
from obi_widgets.trading.trade_list import Trades

from .data import DAY, synthetic
from .signal import DECAY, DEPTH
from .table import Row, Section, took
from .timing import interleave

SETTINGS = Parameters(decay=DECAY, depth=DEPTH, threshold=0.4, hold_seconds=20)


def over_lists(
    time: list, bid: list, ask: list, signal: list, parameters: Parameters
) -> list[tuple]:
    """Decide entries state by state: (side, entry time and price, exit time and price)."""
    hold, threshold = round(parameters.hold_seconds * 1e9), parameters.threshold
    done, side, since, paid = [], 0, 0, 0.0
    for now, b, a, s in zip(time, bid, ask, signal, strict=True):
        if b != b and a != a:  # the book is lost, and an open position with it
            if side:
                done.append((side, since, paid, 0, math.nan))
            side = 0
            continue
        if side and now - since >= hold and b == b and a == a:
            done.append((side, since, paid, now, b if side > 0 else a))
            side = 0
        if not side and (s > threshold or s < -threshold):
            side, since = (1 if s > 0 else -1), now
            paid = a if side > 0 else b
    if side:
        done.append((side, since, paid, 0, math.nan))
    return done


def scan(history: obi.History, signal: np.ndarray, parameters: Parameters) -> Trades:
    """Decide entries as a session does."""
    scanner = Scanner(parameters)
    scanner.extend(history, signal)
    return scanner.trades(history)


def check(trades: Trades, wanted: list[tuple]) -> None:
    """Compare every trade."""
    names = ("side", "entry_time", "entry_price", "exit_time", "exit_price")
    for name, column in zip(names, zip(*wanted, strict=True), strict=True):
        np.testing.assert_array_equal(getattr(trades, name), np.array(column), err_msg=name)


def slider(analysis: Analysis, history: obi.History, seconds: float) -> Callable[[], object]:
    """Return what a session does each time that the slider of decay moves."""
    moves = [SETTINGS.replace(decay=DECAY + step / 1e6) for step in (1, 2)]

    def move() -> object:
        moves.reverse()
        analysis.update(history, moves[0])
        return lines(analysis, history, seconds)

    return move


def lines(analysis: Analysis, history: obi.History, seconds: float) -> object:
    """Return the lines of the charts over the whole of a history."""
    window = Window.ending(int(history.time[-1]), seconds)
    return (
        steps(history.time, Mid(history), window),
        means(history.time, analysis.signal, window),
        extent(history.time, analysis.signal, window),
    )


def run(*, quick: bool, history: obi.History | None = None) -> Section:
    """Check, then time."""
    history = history or synthetic(DAY // 10 if quick else DAY).history()
    loader.wait()
    signal = obi.imbalance(history, SETTINGS)
    columns = [one.tolist() for one in (history.time, history.bid, history.ask, signal)]
    section = Section("Entries, and all that a moved slider calls for")
    rounds = 7 if quick else 11
    for threshold, hold in ((0.4, 20), (0.4, 1), (0.2, 1), (0.05, 0.1), (0.8, 60), (0.4, 300)):
        parameters = SETTINGS.replace(threshold=threshold, hold_seconds=hold)
        trades = scan(history, signal, parameters)
        check(trades, over_lists(*columns, parameters))
        timed = interleave(
            {
                "lists": lambda chosen=parameters: over_lists(*columns, chosen),
                "ours": lambda chosen=parameters: scan(history, signal, chosen),
            },
            rounds=7,
            seldom=("lists",),
        )
        what = f"threshold {parameters.threshold:g}, hold {parameters.hold_seconds:g} s"
        section.rows.append(
            Row(
                f"entries, {what}: {len(trades.side):,} identical trades",
                took(timed.of("ours"), "ms"), f"{took(timed.of('lists'), 'ms')} Python over lists",
                timed.ratio("lists", "ours"),
                "the signal is given to both; the lists are made before", least=25,
            )
        )  # fmt: skip

    seconds = float(history.time[-1] - history.time[0]) / 1e9
    analysis = Analysis(SETTINGS)
    analysis.update(history, SETTINGS)
    move = slider(analysis, history, seconds)
    timed = interleave(
        {
            "recompute": lambda: obi.imbalance(history, SETTINGS),
            "all": move,
            "entries": lambda: scan(history, signal, SETTINGS),
            "lines": lambda: lines(analysis, history, seconds),
        },
        rounds=rounds,
    )
    section.rows.append(
        Row(
            "recompute + entries + summary + three lines of 600 columns",
            took(timed.of("all"), "ms"), f"{took(timed.of('recompute'), 'ms')} recompute alone",
            timed.ratio("all", "recompute"), "both ours", unit="× as long", most=3,
        )
    )  # fmt: skip
    rest = timed.of("all").median - sum(
        timed.of(name).median for name in ("recompute", "entries", "lines")
    )
    section.notes.append(
        f"Of a move's {took(timed.of('all'), 'ms')}: recompute {took(timed.of('recompute'), 'ms')},"
        f" entries {took(timed.of('entries'), 'ms')}, lines {took(timed.of('lines'), 'ms')}, "
        f"the summary and the rest {rest * 1e3:.1f} ms."
    )
    return section
