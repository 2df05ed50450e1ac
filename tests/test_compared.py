"""Signals of several markets on one clock, against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.presentation.board.compared import POINTS, ComparedMaker, Line, divergence

START = 1_700_000_000_000_000_000
WIDTH = 10**9


def late(row, history, signal):
    """Return a market whose book may have changed since its newest state."""
    return Line(row, history, signal, holds=False)


def market(seconds, delay):
    """Return a history with states at these seconds, received later, and a signal of it."""
    random = np.random.default_rng(len(seconds))
    time = START + (np.asarray(seconds) * 1e9).astype(np.int64)
    size = np.ones((len(time), 1))
    history = obi.History.from_arrays(
        time, 100 * size, size, 101 * size, size, received_ns=time + round(delay * 1e9)
    )
    return history, random.uniform(-1, 1, len(time))


def plainly(history, signal, end):
    """Return the line, column by column."""
    line, received = np.full(POINTS, np.nan), history.received
    for at in range(POINTS):
        left = end - (POINTS - at) * WIDTH
        rows = np.flatnonzero((received >= left) & (received < left + WIDTH))
        before = np.flatnonzero(received < left + WIDTH)
        if len(rows):
            line[at] = signal[rows].mean()
        elif len(before) and received[-1] >= left:
            line[at] = signal[before[-1]]
    return line


@pytest.mark.parametrize("ends", [[(200, 90)], [(50, 30), (51, 30), (200, 60), (200, 90)]])
def test_each_value_stands_where_it_arrived(ends):
    random = np.random.default_rng(4)
    one = market(np.cumsum(random.exponential(0.7, 200)), 0.1)
    other = market(np.cumsum(random.exponential(1.2, 90)), 2.5)
    maker = ComparedMaker()
    for first, second in ends:
        made = [
            late(3, one[0][:first], one[1][:first]),
            late(5, other[0][:second], other[1][:second]),
        ]
        found = maker.make(made, "same", POINTS * WIDTH / 1e9)
        assert found.rows == (3, 5)
        expected = [plainly(line.history, line.signal, found.end) for line in made]
        for line, plain in zip(found.lines, expected, strict=True):
            assert line == pytest.approx(plain, abs=1e-6, nan_ok=True)
        apart = abs(expected[0] - expected[1])
        assert found.apart == pytest.approx(apart, abs=1e-6, nan_ok=True)
        newest = max(int(history.received[-1]) for _, history, *_ in made)
        assert found.end - WIDTH <= newest < found.end


def test_other_settings_keep_no_column():
    history, signal = market(np.arange(20.0), 0.1)
    maker = ComparedMaker()
    first = maker.make([late(0, history, signal)], "one", POINTS)
    again = maker.make([late(0, history, -signal)], "other", POINTS)
    assert again.lines[0] == pytest.approx(-first.lines[0], nan_ok=True)
    assert np.isnan(first.apart).all(), "of one market there is no divergence"


def test_without_states_there_is_nothing():
    history, signal = market(np.arange(3.0), 0.1)
    found = ComparedMaker().make([late(0, history[:0], signal[:0])], "one", 60.0)
    assert (found.end, np.isnan(found.lines[0]).all()) == (0, True)
    assert np.isnan(divergence([])).all()


def test_a_market_that_is_late_ends_where_its_data_end():
    one, short = market(np.arange(100.0), 0.0), market(np.arange(40.0), 0.0)
    found = ComparedMaker().make([late(0, *one), late(1, *short)], "same", POINTS)
    assert np.isfinite(found.lines[0][-1])
    assert np.isnan(found.lines[1][-60:]).all()
    assert np.isfinite(found.lines[1][-61])


@pytest.mark.parametrize("states", [40, 3], ids=["within the window", "before it"])
def test_a_live_market_whose_book_is_quiet_keeps_its_value(states):
    one, quiet = market(np.arange(0.0, 500.0), 0.0), market(np.arange(states) + 0.0, 0.0)
    if states == 40:
        one = market(np.arange(100.0), 0.0)
    found = ComparedMaker().make([late(0, *one), Line(1, *quiet, holds=True)], "same", POINTS)
    since = found.lines[1][-60:]
    assert since == pytest.approx(np.full(60, quiet[1][-1]), abs=1e-6)
    assert found.apart[-60:] == pytest.approx(abs(found.lines[0][-60:] - since), abs=1e-6)
