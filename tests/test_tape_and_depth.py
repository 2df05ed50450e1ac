"""The tape of trades and cumulative depth, against plain loops, and as parts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from history_tools import SECOND, book
from shown_tools import shown, values_of
from test_layers_shown import Frames

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.history.depth import BID_LOW, Depth
from obi_widgets.history.writer import HistoryWriter
from obi_widgets.market_data.events import Instrument, Trade
from obi_widgets.presentation.depth_curve import STEPS, DepthCurve
from obi_widgets.presentation.trade_tape import newest_prints

T0 = 1_700_000_000 * SECOND


@pytest.fixture(scope="module")
def simulated():
    return obi.simulate(seconds=60, seed=2)


@pytest.fixture(scope="module")
def session():
    session = obi.Session("sim:BTC-PERP", seed=3, warmup=10)
    session.wait(50, timeout=60)
    session.pause()
    yield session
    session.close()


# -- the tape ----------------------------------------------------------------------------------


def plain_prints(history, least):
    lines = []
    trades = history.trades
    for time, price, size, side in zip(
        trades.time.tolist(), trades.price.tolist(), trades.size.tolist(), trades.side.tolist(),
        strict=True,
    ):  # fmt: skip
        if lines and lines[-1][:2] == [time, price] and lines[-1][3] == side:
            lines[-1][2] += size
        else:
            lines.append([time, price, size, side])
    return [line for line in lines[::-1] if line[2] >= least]


@pytest.mark.parametrize("least", [0.0, 0.3])
def test_the_newest_prints_are_those_of_a_plain_loop(simulated, least):
    prints = newest_prints(simulated, 30, least, None)
    wanted = plain_prints(simulated, least)[:30]
    assert len(prints) == len(wanted) > 5
    for one, (time, price, size, side) in zip(prints, wanted, strict=True):
        assert (one.time, one.price, one.side) == (time, price, side)
        assert one.size == pytest.approx(size)


def test_looking_back_the_tape_ends_with_the_window(simulated):
    row = len(simulated) // 2
    until = int(simulated.time[row])
    prints = newest_prints(simulated, 20, 0.0, until)
    assert prints == newest_prints(simulated[: row + 1], 20, 0.0, None)
    assert newest_prints(simulated, 20, 0.0, int(simulated.time[0]) - 1) == []


def test_trades_of_one_order_are_one_line():
    into = HistoryWriter(Instrument("test", "X", tick_size=0.1), interval=0)
    for number, (price, size, side) in enumerate(
        [(100.0, 1.0, +1), (100.0, 2.0, +1), (100.1, 4.0, +1), (100.1, 8.0, -1)]
    ):
        into.tape.trade(Trade(T0, T0, price, size, side, number), T0)
    into.append(T0 + SECOND, T0 + SECOND, book([(100.0, 1.0)], [(100.1, 1.0)]))
    told = [(one.price, one.size, one.side) for one in newest_prints(into.history(), 9, 0.0, None)]
    assert told == [(100.1, 8.0, -1), (100.1, 4.0, 1), (100.0, 3.0, 1)]


def test_the_tape_as_a_part(session, simulated):
    tape = obi.TapeWidget(session, rows=8, least=0.2)
    frame = Frames(tape).frame(simulated)
    ((_, state),) = ((key, value) for key, value in values_of(tape, frame).items())
    assert state["head"] == "Trades, BTC · ≥ 0.2"
    assert len(state["lines"]) == 8
    for (clock, price, _, side, width), one in zip(
        state["lines"], newest_prints(simulated, 8, 0.2, None), strict=True
    ):
        assert float(price.replace(",", "")) == one.price
        assert side == one.side
        assert clock.endswith(f".{one.time // 1_000_000 % 1000:03d}")
        assert 0 < width <= 1000
    nothing = replace(simulated, trades=type(simulated.trades).none())
    ((_, state),) = values_of(tape, Frames(tape).frame(nothing)).items()
    assert state == {"head": "Trades: the source sends none", "lines": []}
    tape.close()


# -- depth -------------------------------------------------------------------------------------


def test_the_kept_levels_add_up(simulated):
    history = replace(simulated, depth=Depth.none())
    deepest = 1e4 * float(history.mid[-1] - history.prices(+1)[-1][-1]) / float(history.mid[-1])
    curve = DepthCurve.of(history, 2 * deepest)
    mid = float(history.mid[-1])
    for side, values in ((+1, curve.bids), (-1, curve.asks)):
        prices, sizes = history.prices(side)[-1], history.sizes(side)[-1]
        away = 1e4 * side * (mid - prices) / mid
        known = away[-1]
        for at, value in zip(curve.distance, values, strict=True):
            if at > known + 1e-9:
                assert math.isnan(value)
            else:
                assert value == pytest.approx(sizes[away <= at + 1e-9].sum(), rel=1e-5)


def test_beyond_the_levels_bins_go_on(simulated):
    few = simulated.levels // 10
    levels = {n: (simulated.prices(n)[:, :few], simulated.sizes(n)[:, :few]) for n in (+1, -1)}
    cut = obi.History.from_arrays(
        simulated.time, *levels[+1], *levels[-1], tick_size=simulated.tick_size
    )
    history = replace(cut, depth=simulated.depth, start=simulated.start)
    curve, exact = DepthCurve.of(history, 20), DepthCurve.of(simulated, 20)
    for bids, all_bids in ((curve.bids, exact.bids), (curve.asks, exact.asks)):
        assert np.isfinite(bids[: STEPS // 4]).all()
        values = bids[np.isfinite(bids)]
        assert (np.diff(values) >= 0).all()
        both = np.isfinite(bids) & np.isfinite(all_bids)
        end = np.flatnonzero(both)[-1]
        assert bids[end] == pytest.approx(all_bids[end], rel=0.25)  # a sample is up to 1 s old


def test_an_unknown_book_has_no_curve(simulated):
    bid = simulated.bid.copy()
    bid[-1] = np.nan
    for history in (replace(simulated, bid=bid), simulated[:0]):
        curve = DepthCurve.of(history, 10)
        assert np.isnan(curve.bids).all()
        assert np.isnan(curve.asks).all()


def test_a_side_without_bins_ends_with_its_levels(simulated):
    samples = simulated.depth.samples.copy()
    samples[BID_LOW:] = 0
    samples[3] = 0
    empty = Depth(samples, simulated.depth.reach.copy(), np.empty(0, np.float32), 5.0)
    curve = DepthCurve.of(replace(simulated, depth=empty), 500)
    alone = DepthCurve.of(replace(simulated, depth=Depth.none()), 500)
    np.testing.assert_array_equal(curve.bids, alone.bids)


def test_depth_as_a_part(session, simulated):
    part = obi.DepthWidget(session, bps=5)
    values = {
        name: value for (_, name), value in values_of(part, Frames(part).frame(simulated)).items()
    }
    assert values["bids"].dtype == values["asks"].dtype == np.float32
    state = values["state"]
    assert state["head"].startswith("Depth, BTC · bids ")
    assert state["head"].endswith("within 5 bps")
    assert state["most"] >= np.nanmax(values["asks"])
    assert state["ticks"][0] == [0.0, "0"]
    assert shown(part._curves)["bps"] == 5.0
    part.close()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda session: obi.TapeWidget(session, rows=0),
        lambda session: obi.TapeWidget(session, least=-1),
        lambda session: obi.DepthWidget(session, bps=0),
        lambda session: obi.DepthWidget(session, height=10),
    ],
)
def test_what_is_not_possible_is_refused(session, wrong):
    with pytest.raises(SettingsError):
        wrong(session)
