"""The line of a market on a board, against a plain loop, and the scale of all lines."""

from __future__ import annotations

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.presentation.board.sparkline import (
    DOWN,
    POINTS,
    UP,
    Sparkline,
    Sparklines,
    SparkScale,
    nice_above,
)

START = 1_700_000_000_000_000_000
NAN = np.nan


def history_of(seconds, mids):
    """Return a history of these mids, with a spread of 2 ticks of 0.01."""
    time = START + np.round(np.asarray(seconds) * 1e9).astype(np.int64)
    mids = np.asarray(mids, float)
    return obi.History.from_arrays(
        time, mids[:, None] - 0.01, np.ones((len(mids), 1)), mids[:, None] + 0.01,
        np.ones((len(mids), 1)),
    )  # fmt: skip


def plainly(history, sides, seconds):
    """Return mids and bits by column, found state by state."""
    width = round(seconds * 1e9 / POINTS)
    last = int(history.time[-1]) // width
    line, bits = np.full(POINTS, NAN), np.zeros(POINTS, int)
    for at in range(POINTS):
        column = last - POINTS + 1 + at
        rows = [row for row in range(len(history)) if history.time[row] // width == column]
        before = [row for row in range(len(history)) if history.time[row] // width <= column]
        if before:
            line[at] = history.mid[before[-1]]
        for side in [sides[row] for row in rows] or [sides[row] for row in before[-1:]]:
            bits[at] |= UP if side > 0 else DOWN if side < 0 else 0
    return line, bits


@pytest.mark.parametrize("pieces", [[200], [1, 50, 51, 120, 200]])
def test_it_is_what_a_plain_loop_finds(pieces):
    random = np.random.default_rng(3)
    seconds = np.cumsum(random.exponential(1.0, 200))
    mids = 100 + np.cumsum(random.normal(0, 0.05, 200)).round(2)
    history, sides = history_of(seconds, mids), random.choice([-1.0, 0.0, 1.0], 200)
    made = Sparklines()
    for end in pieces:
        part = history[:end]
        found = made.make(part, sides[:end], "same", 60.0)
        line, bits = plainly(part, sides[:end], 60.0)
        first = line[np.isfinite(line)][0]
        assert found.beyond.tolist() == bits.tolist()
        moved = found.mid - found.mid[np.isfinite(found.mid)][0]
        assert moved == pytest.approx(1e4 * np.log(line / first), abs=1e-3, nan_ok=True)
        assert found.change == pytest.approx(1e4 * (line[-1] / first - 1))
        assert found.end >= part.time[-1] > found.end - 60e9 / POINTS


def test_without_a_book_there_is_no_line():
    history = history_of([0.0, 1.0, 2.0, 3.0], [100.0, 101.0, NAN, NAN])
    found = Sparklines().make(history, np.zeros(4), "same", 120.0)
    assert np.isfinite(found.mid[-4:]).tolist() == [True, True, False, False]
    assert np.isnan(found.change)
    nothing = Sparklines().make(history[:0], np.zeros(0), "same", 120.0)
    assert np.isnan(nothing.mid).all()
    assert (nothing.end, np.isnan(nothing.extent)) == (0, True)


def test_other_settings_forget_where_the_signal_was_beyond():
    history = history_of([0.0, 1.0], [100.0, 100.0])
    made = Sparklines()
    assert made.make(history, np.ones(2), "one", 60.0).beyond[-1] == UP
    assert made.make(history, -np.ones(2), "other", 60.0).beyond[-1] == DOWN


def test_the_scale_fits_most_lines_and_changes_seldom():
    scale = SparkScale()
    assert scale.follow([4.0, 5.0, 3.0, 90.0]) == [1, 1, 1, 10]
    assert scale.height == 10.0
    assert scale.follow([8.0, 9.0, 3.0, NAN]) == [1, 1, 1, 1]
    assert scale.height == 10.0
    scale.follow([3.0, 3.0, 3.0, NAN])
    assert scale.height == 5.0
    assert SparkScale().follow([NAN, NAN]) == [1, 1]


@pytest.mark.parametrize(("value", "nice"), [(1.0, 1), (1.2, 2), (7, 10), (0.03, 0.05), (2e3, 2e3)])
def test_a_nice_number_is_not_below(value, nice):
    assert nice_above(value) == pytest.approx(nice)


def test_a_line_that_does_not_move_has_no_extent():
    assert Sparkline.empty(60.0)._replace(mid=np.ones(POINTS, np.float32)).extent == 0.0
