"""Why an entry was made and left, by hand for each way to end, and as the kernels decide it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from history_tools import NAN
from post_only_tools import GAP, tape
from test_frame import frame_of

import obi_widgets as obi
from obi_widgets.presentation.reading.cursor import PointedEntry
from obi_widgets.presentation.reading.entry_details import Ending, EntryDetails, row_of
from obi_widgets.presentation.texts.reading_text import entry_text, left_sentence
from obi_widgets.trading.entries import KERNELS, Scanner, entries_numpy
from obi_widgets.trading.post_only import KERNELS as POSTED
from obi_widgets.trading.post_only import market, post_only_numpy

UP, EVEN, DOWN = 3.0, 1.0, 0.2
"""Sizes of the bid, with an ask of 1: the imbalance is +0.5, 0 and −0.67."""


def states(*rows):
    """Return a tape: (seconds, bid, ask), the bid's size and the ask's."""
    return [(second, bid, size, ask, other) for second, bid, ask, size, other in rows]


def details(history, parameters, *, closed=False, row=0):
    signal = parameters.signal.compute(history, dict(parameters.values))
    scanner = Scanner(parameters)
    scanner.extend(history, signal)
    trades = scanner.trades(history)
    return EntryDetails.at(row, trades, history, signal, parameters, closed=closed)


def chosen(**values):
    return obi.Parameters("queue_imbalance", threshold=0.4, hold_seconds=2.0, **values)


TAKER = [
    (0, 100, 101, UP, 1), (1, 100, 101, EVEN, 1), (2, 103, 104, EVEN, 1), (3, 103, 104, EVEN, 1),
]  # fmt: skip
FLAT = [(0, 100, 101, UP, 1), *[(n, 100, 101, EVEN, 1) for n in range(1, 9)]]


@pytest.fixture(params=["numpy", "compiled"], autouse=True)
def kernels(request, monkeypatch):
    plain = {KERNELS: entries_numpy, POSTED: post_only_numpy}
    for kernel, numpy in plain.items():
        kernel.wait()
        if request.param == "numpy":
            monkeypatch.setattr(kernel, "code", numpy)


def test_an_entry_that_was_held():
    found = details(tape(states(*TAKER), []), chosen(fee_bps=5.0))
    assert found.ending == Ending.HELD
    assert (found.side, found.seconds, found.signal, found.threshold) == (+1, 2.0, 0.5, 0.4)
    assert (found.entry_price, found.exit_price) == (101.0, 103.0)
    assert found.gross_bps == pytest.approx(2 / 101 * 1e4)
    assert found.net_bps == pytest.approx(2 / 101 * 1e4 - 10)
    assert (found.place, found.of) == (1, 1)
    assert entry_text(found, 1.0, (-1, 1)) == {
        "side": "bid",
        "head": "▲ Long, 2.0 s",
        "number": "1 of 1",
        "in": ["101", "00:00:00.000"],
        "out": ["103", "00:00:02.000"],
        "gross": "+198.02",
        "net": "+188.02 bps",
        "tone": "good",
        "why": ["Entered on +0.50, beyond +0.40.", "Exit: its hold of 2 s was over."],
    }


def test_a_short_that_lost_says_so_with_signs():
    rows = [(0, 100, 101, DOWN, 1), (1, 102, 103, EVEN, 1), (2, 102, 103, EVEN, 1)]
    text = entry_text(details(tape(states(*rows), []), chosen(fee_bps=0.0)), 1.0, (-1, 1))
    assert (text["head"], text["side"], text["tone"]) == ("▼ Short, 2.0 s", "ask", "bad")
    assert text["gross"] == "−300.00"
    assert text["why"][0] == "Entered on −0.67, beyond −0.40."


@pytest.mark.parametrize(
    ("rows", "values", "ending", "said"),
    [
        (TAKER[:2], {}, Ending.OPEN, "Still open: it is held for 2 s."),
        ([*TAKER[:2], (1.5, *GAP), TAKER[3]], {}, Ending.GAP,
         "The book was lost before the exit: its result is not known."),
        ([TAKER[0], (0.5, *GAP), TAKER[3]], {"latency_ms": 1000.0}, Ending.GAP_ON_WAY,
         "The book was lost before the order was filled."),
        ([TAKER[0], (1, 104, 105, EVEN, 1)], {"latency_ms": 1000.0, "slippage_bps": 1.0},
         Ending.LIMIT, "The price was beyond its limit of 1 bps when it arrived."),
        (TAKER, {"size": 5.0, "slippage_bps": 1.0}, Ending.TOO_FEW,
         "The kept levels hold less than 5."),
        ([TAKER[0], (1, 100, NAN, EVEN, NAN)], {"latency_ms": 1000.0, "slippage_bps": 1.0},
         Ending.NO_SIDE, "The other side of the book was empty when it arrived."),
    ],
)  # fmt: skip
def test_the_ways_in_which_a_takers_entry_ends(rows, values, ending, said):
    found = details(tape(states(*rows), []), chosen(**values))
    assert found.ending == ending
    assert left_sentence(found) == said
    assert found.ending.filled == math.isfinite(found.entry_price)
    assert (found.place, found.of) == ((1, 1) if found.ending.filled else (0, 0))
    text = entry_text(found, 1.0, (-1, 1))
    assert (text["gross"], text["net"], text["tone"]) == ("–", "–", "")


def test_an_entry_that_the_end_of_the_data_cut_off():
    found = details(tape(states(*TAKER[:2]), []), chosen(), closed=True)
    assert found.ending == Ending.DATA_END
    assert left_sentence(found) == "No exit: the data ended before its hold of 2 s."
    assert entry_text(found, 1.0, (-1, 1))["head"] == "▲ Long, open 1.0 s"


POST = {"execution": "post_only", "wait_seconds": 1.5, "maker_fee_bps": 5.0, "fee_bps": 5.0}


@pytest.mark.parametrize(
    ("rows", "prints", "ending"),
    [
        # Filled at 1.5 by a sale below its limit; after the hold its exit at 101 is bought.
        (FLAT, [(1.2, 99, 1, -1), (5.2, 102, 1, +1)], Ending.MAKER),
        (FLAT, [(1.2, 99, 1, -1)], Ending.MAKER_FAILED),
        (FLAT, [(7.2, 99, 1, -1)], Ending.CANCELLED),
        ([FLAT[0], (1, 98, 99, EVEN, 1), *FLAT[2:]], [(7.2, 99, 1, -1)], Ending.REFUSED),
    ],
)
def test_the_ways_in_which_a_post_only_entry_ends(rows, prints, ending):
    """Equal fees of maker and taker: only the engine tells which order left."""
    latency = 500.0 if ending == Ending.REFUSED else 0.0
    history = tape(states(*rows), prints)
    found = details(history, chosen(latency_ms=latency, **POST))
    assert found.ending == ending
    assert found.ending.filled == math.isfinite(found.entry_price)
    assert left_sentence(found).endswith(".")


def test_refused_and_cancelled_are_told_apart_as_the_engine_tells_them():
    """On a market, against the function that follows a single order."""
    history = obi.simulate(seconds=300, seed=5)
    parameters = obi.Parameters(
        threshold=0.3, hold_seconds=1.0, execution="post_only", wait_seconds=0.3, latency_ms=200.0
    )
    signal = parameters.signal.compute(history, dict(parameters.values))
    scanner = Scanner(parameters)
    scanner.extend(history, signal)
    trades = scanner.trades(history)
    books, prints, rules = market(history, parameters, "back")
    seen = set()
    for row in np.flatnonzero(trades.missed):
        found = EntryDetails.at(int(row), trades, history, signal, parameters)
        decided = int(np.searchsorted(history.time, found.decision_time))
        price = float((history.bid if found.side > 0 else history.ask)[decided])
        outcome, _ = post_only_numpy.offer(books, prints, rules, decided, found.side, price, 0.0)
        wanted = {
            post_only_numpy.REFUSED: Ending.REFUSED, post_only_numpy.EXPIRED: Ending.CANCELLED,
        }[outcome]  # fmt: skip
        assert found.ending == wanted
        seen.add(wanted)
    assert seen == {Ending.REFUSED, Ending.CANCELLED}


def test_every_entry_of_a_market_is_beyond_the_threshold_that_it_crossed():
    history = obi.simulate(seconds=120, seed=2)
    for parameters in (
        obi.Parameters(threshold=0.3, hold_seconds=3.0),
        obi.Parameters(threshold=0.3, hold_seconds=3.0, latency_ms=300.0, slippage_bps=0.1),
        obi.Parameters(threshold_is="quantile", threshold=0.8, quantile_window=20, hold_seconds=3),
    ):
        signal = parameters.signal.compute(history, dict(parameters.values))
        scanner = Scanner(parameters)
        scanner.extend(history, signal)
        trades = scanner.trades(history)
        assert len(trades.side) > 5
        for row in range(len(trades.side)):
            found = EntryDetails.at(row, trades, history, signal, parameters)
            assert found.side * found.signal > found.threshold
            assert found.net_bps == trades.net_bps[row] or math.isnan(found.net_bps)
            assert row_of(trades, found.decision_time) == row
        assert found.of == np.count_nonzero(np.isfinite(trades.entry_price))


def test_a_frame_has_the_entry_that_is_pointed_at_while_the_settings_make_it():
    history = tape(states(*TAKER), [])
    decided = PointedEntry(int(history.time[0]))
    frame = frame_of(history, chosen(), pointed=decided)
    assert frame.entry.ending == Ending.HELD
    assert frame_of(history, chosen().replace(threshold=0.9), pointed=decided).entry is None
    assert frame_of(history, chosen(), pointed=PointedEntry(5)).entry is None
    ended = frame_of(history[:2], chosen(), pointed=decided, state="closed")
    assert ended.entry.ending == Ending.DATA_END
