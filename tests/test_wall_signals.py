"""Signals of walls: by hand, appended, without later data, compiled and in NumPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from kernel_tools import BOTH, use
from test_large_levels import SECOND, T0, Tape

import obi_widgets as obi
from obi_widgets.calibration.lookahead import looks_ahead

NAMES = {"wall_fade": {"within_bps": 20, "age": 2}, "wall_breakout": {"window": 8}}


def at(history, values, *seconds):
    """Return the values of the states at some seconds."""
    return values[np.searchsorted(history.time, [T0 + round(s * SECOND) for s in seconds])].tolist()


@BOTH
def test_walls_that_stand_near_by_hand(monkeypatch, code):
    use(monkeypatch, code)
    tape = Tape()
    tape.change(1.5, bids=[(999.0, 10.0)])  # 10.5 bps from mid, known at 3
    for second in range(2, 8):
        tape.change(second)
    tape.change(8.5, asks=[(1000.6, 30.0), (1003.0, 50.0)])  # 5.5 bps; 29.5 bps is too far
    tape.change(9, bids=[(999.0, 6.0)])
    for second in range(10, 16):
        tape.change(second)
    tape.change(16.5, bids=[(999.0, 0.0)])
    tape.change(17)
    tape.change(18)
    history = tape.writer.history()
    found = obi.wall_fade(history, within_bps=20, age=4)
    assert np.isnan(at(history, found, 0, 2)).all()
    assert at(history, found, 3, 5) == [0, 0]  # known, and too young
    assert at(history, found, 6, 8.5) == [1, 1]
    # The asks count from 12.5 on; what happens within a second is known at its end.
    assert at(history, found, 9, 12) == [1, 1]
    assert at(history, found, 13, 15) == [pytest.approx((6 - 30) / 36)] * 2
    assert at(history, found, 16.5, 18) == [-1, -1]
    assert at(history, obi.wall_fade(history, within_bps=5, age=4), 8, 18) == [0, 0]


def test_what_stood_there_before_it_was_found_is_not_young():
    tape = Tape()
    tape.writer.gap(tape.at(1))
    tape.book.apply([(999.0, 10.0)], [])
    tape.keep(2)
    tape.change(3)
    tape.change(4)
    history = tape.writer.history()
    found = obi.wall_fade(history, within_bps=20, age=60)
    assert at(history, found, 3, 4) == [1, 1]
    assert np.isnan(found[history.lost]).all()


def test_a_wall_that_was_traded_through_by_hand():
    tape = Tape()
    tape.trade(0.1, 1000.1, 1.0, +1)
    tape.change(1.5, bids=[(999.9, 6.0)], asks=[(1000.2, 10.0)])
    tape.change(3)
    tape.trade(3.4, 1000.2, 9.0, +1)
    tape.change(3.5, asks=[(1000.1, 0.0), (1000.2, 1.0)])  # broke, known at 4; mid below 1000.2
    tape.change(4)
    tape.change(5, bids=[(1000.1, 1.0)], asks=[(1000.2, 0.0)])  # mid is 1000.2: not beyond
    tape.change(6, asks=[(1000.3, 0.0)])  # mid 1000.25 is beyond
    tape.change(7, bids=[(1000.1, 0.0)])  # 1000.2: mid came back
    tape.change(8, bids=[(1000.2, 1.0)])
    tape.change(11, bids=[(999.9, 0.0)])  # pulled: no break
    for second in range(12, 15):
        tape.change(second)
    history = tape.writer.history()
    assert [float(round(one, 2)) for one in at(history, history.mid, 5, 6, 7, 8)] == [
        1000.2, 1000.25, 1000.2, 1000.3,
    ]  # fmt: skip
    found = obi.wall_breakout(history, window=9)
    assert np.isnan(at(history, found, 3, 8)).all()  # the window is not full
    assert at(history, found, 11, 12, 13) == [1, 1, 0]  # over at 12.5
    short = obi.wall_breakout(history, window=4)
    assert at(history, short, 4, 5, 6, 7, 8) == [0, 0, 1, 0, 0]  # over at 7.5


def mirrored(sign):
    """Return a history in which walls are born and broken on one side, or on the other."""
    tape = Tape()
    bids, asks = ("bids", "asks") if sign > 0 else ("asks", "bids")

    def price(ticks):
        return round(1000.05 + sign * (ticks - 0.5) / 10, 1)

    tape.change(1.5, **{bids: [(price(-9), 12.0)], asks: [(price(1), 8.0)]})
    tape.change(3)
    tape.trade(3.5, price(1), 8.0, sign)
    tape.change(3.6, **{asks: [(price(1), 0.0)]})
    tape.change(4.2, **{bids: [(price(1), 1.0)]})
    for second in range(5, 20):
        tape.change(second)
    return tape.writer.history()


@pytest.mark.parametrize("name", NAMES)
def test_swapped_sides_change_the_sign(name):
    up, down = (getattr(obi, name)(mirrored(sign), **NAMES[name]) for sign in (+1, -1))
    assert (up > 0).any()
    np.testing.assert_array_equal(up, -down)


@pytest.fixture(scope="module")
def market():
    return obi.simulate_spoofs(seconds=240, seed=2, levels=20, runs=900)[0]


@pytest.mark.parametrize("name", NAMES)
def test_appended_it_is_the_whole_and_no_later_data_are_used(name, market):
    one, values = getattr(obi, name), NAMES[name]
    for history in (market, mirrored(+1)):
        whole = one(history, **values)
        checked = one.check(values)
        for cut in range(1, len(history), max(len(history) // 9, 1)):
            np.testing.assert_array_equal(one(history[:cut], **values), whole[:cut])
            np.testing.assert_array_equal(one.compute(history, checked, cut), whole[cut:])
            begin = one.first_needed(history, checked, cut)
            rest = one.compute(history[begin:], checked, cut - begin)
            np.testing.assert_array_equal(rest, whole[cut:])
        assert (whole[~np.isnan(whole)] != 0).any() or name == "wall_breakout"
        assert not looks_ahead(history, lambda part: one(part, **values), whole)


def test_both_kernels_give_the_same(monkeypatch, market):
    found = []
    for code in ("numba", "numpy"):
        use(monkeypatch, code)
        found.append(obi.wall_fade(market, **NAMES["wall_fade"]))
    np.testing.assert_array_equal(*found)
    assert (np.abs(found[0]) == 1).any()


@pytest.mark.parametrize("name", NAMES)
def test_a_history_that_follows_no_walls_has_no_number(name):
    ones = np.ones(30)
    history = obi.History.from_arrays(T0 + SECOND * np.arange(30), ones, ones, 2 * ones, ones)
    assert np.isnan(getattr(obi, name)(history, **NAMES[name])).all()
    silent = replace(mirrored(+1), trades=obi.Trades.none())
    assert np.isnan(obi.wall_breakout(silent, window=5)).all()
    assert len(obi.wall_fade(history[:0])) == 0


@pytest.mark.parametrize("name", NAMES)
def test_entries_are_made_of_it(name, market):
    settings = obi.Settings(signal=name, threshold=0.5, hold_seconds=2, **NAMES[name])
    found = obi.entries(market, settings)
    assert name == "wall_breakout" or len(found) > 3
