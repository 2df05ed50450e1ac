"""Realised volatility as a gauge: a plain loop, appended, gaps, and the gate's own values."""

from __future__ import annotations

import numpy as np

import obi_widgets as obi
from obi_widgets.calibration.lookahead import looks_ahead
from obi_widgets.signals.realised_volatility import volatility_of
from obi_widgets.trading.gates.places import above
from obi_widgets.trading.gates.volatility import volatility

SECOND = 10**9


def test_it_is_what_a_plain_loop_gives():
    history = obi.simulate(seconds=40, seed=3, levels=1)
    time, mid = history.time, history.mid
    found = obi.realised_volatility(history, window=5)
    for row in (70, 150, 250, len(history) - 1):
        squares = []
        for other in np.flatnonzero((time > time[row] - 5 * SECOND) & (time <= time[row])):
            then = np.searchsorted(time, time[other] - SECOND, side="right") - 1
            squares.append((mid[other] - mid[then]) ** 2)
        assert np.isclose(found[row], 1e4 / mid[row] * np.sqrt(np.mean(squares)), rtol=1e-9)
    assert np.isnan(found[time - time[0] < 6 * SECOND]).all()  # the window, and a move before it


def test_appended_it_is_the_whole_and_no_later_data_are_used():
    history = obi.simulate(seconds=60, seed=4, levels=1)
    whole = obi.realised_volatility(history, window=7.5)
    for count in (150, 333, 599):
        part = obi.realised_volatility(history[:count], window=7.5)
        np.testing.assert_array_equal(part, whole[:count])
    assert not looks_ahead(history, lambda part: obi.realised_volatility(part, window=7.5), whole)


def test_no_window_crosses_a_gap():
    first = obi.simulate(seconds=30, seed=2, levels=1)
    joined = obi.History.concat([first[:100], first[150:]])
    values = obi.realised_volatility(joined, window=3.0)
    full = joined.time - joined.run_began >= 4 * SECOND
    np.testing.assert_array_equal(np.isfinite(values), full & ~joined.lost)


def test_the_gate_compares_the_same_values():
    history = obi.simulate(seconds=90, seed=5, levels=1)
    gauge = obi.realised_volatility(history, window=5)
    known = np.isfinite(gauge)
    np.testing.assert_array_equal(volatility_of(history, 5)[known], gauge[known])
    long, _ = obi.Gates({"volatility": {"window": 5, "of_last": 30}}).allowed(history)
    full = history.time - history.run_began >= 36 * SECOND
    wild = above(history, volatility_of(history, 5), 0.9, 30)
    np.testing.assert_array_equal(long[full], wild[full] == 0)
    assert volatility.name == "volatility"


def test_it_has_no_direction():
    assert not obi.realised_volatility.directional
    assert obi.realised_volatility.unit == "bps"
