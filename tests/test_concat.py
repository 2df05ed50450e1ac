"""Histories joined: each as it was, with a gap between."""

from __future__ import annotations

import numpy as np
import pytest
from history_tools import NAN, SECOND, arrays, books, early
from hypothesis import given
from hypothesis import strategies as st

import obi_widgets as obi
from obi_widgets.calibration.forward_returns import forward_returns
from obi_widgets.history.columns import History
from obi_widgets.history.levels import TILE
from obi_widgets.market_data.events import Instrument
from obi_widgets.settings.parameters import Parameters


def made(states, *, start, levels=4, tick_size=0.5, **facts):
    times = (start + np.arange(len(states))) * SECOND
    return early(
        times, *arrays(states, levels, lambda n: n * tick_size), tick_size=tick_size, **facts
    )


def line(seconds, *, start=0, price=100.0, **facts):
    mid = np.full(seconds, price)
    return early(
        (start + np.arange(seconds)) * SECOND, mid, np.ones(seconds), mid + 1, np.ones(seconds),
        **{"tick_size": 1.0, **facts},
    )  # fmt: skip


@given(st.lists(books(levels=4), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_each_part_is_as_it_was(several, random):
    parts = [made(states, start=100 * number) for number, states in enumerate(several)]
    shuffled = random.sample(parts, len(parts))
    whole = History.concat(shuffled)
    assert len(whole) == sum(map(len, parts)) + len(parts) - 1
    row = 0
    for part in parts:
        if row:
            assert np.isnan([whole.bid[row], whole.ask[row]]).all()
            assert whole.time[row] == whole.time[row - 1] + 1
            row += 1
        same = whole[row : row + len(part)]
        assert same.sha256() == part.sha256()
        np.testing.assert_array_equal(same.received, part.received)
        row += len(part)


def test_long_ones_lie_across_tiles(history):
    parts = [history[: TILE + 7], history[2 * TILE : 3 * TILE + 1], history[4 * TILE - 3 :]]
    whole = History.concat(parts)
    row = 0
    for part in parts:
        assert whole[row : row + len(part)].sha256() == part.sha256()
        row += len(part) + 1
    assert whole.gaps == history.gaps + 2


def test_a_coarser_grid_becomes_the_finer():
    fine = made([(((20, 16), (1.0, 2.0)), ((21, 29), (3.0, 4.0)))], start=0, tick_size=0.5)
    coarse = made([(((20, 10), (1.0, 2.0)), ((21, 290), (3.0, 4.0)))], start=5, tick_size=1.0)
    whole = History.concat([coarse, fine])
    assert whole.tick_size == 0.5
    np.testing.assert_array_equal(whole.prices(+1)[[0, 2], :2], [[10, 8], [20, 10]])
    np.testing.assert_array_equal(whole.prices(-1)[[0, 2], :2], [[10.5, 14.5], [21, 290]])


def test_each_grid_is_held_against_the_finest():
    """0.3 goes into the 0.6 before it, and not into the 0.2 that all are put on."""
    book = (((100,), (1.0,)), ((101,), (1.0,)))
    parts = [made([book], start=n, tick_size=tick) for n, tick in enumerate((0.2, 0.6, 0.3))]
    with pytest.raises(obi.ObiError) as error:
        History.concat(parts)
    assert str(error.value) == (
        "One history has tick size 0.3, and another 0.2. Make both with the same tick_size."
    )


def test_levels_too_far_for_the_finer_grid_are_refused():
    coarse = made([(((1_000_000, 1), (1.0, 1.0)), ((1_000_001,), (1.0,)))], start=0, tick_size=1.0)
    fine = made([(((333,), (1.0,)), ((334,), (1.0,)))], start=9, tick_size=1e-4)
    with pytest.raises(obi.ObiError) as error:
        History.concat([coarse, fine])
    assert str(error.value).startswith(
        "A level lies 9,999,990,000 ticks from the best; at most 4,294,967,295 are possible."
    )


def test_no_return_and_no_entry_spans_two():
    whole = History.concat([line(30), line(30, start=40, price=200.0)])
    ends = forward_returns(whole, [5.0]).end[0]
    assert ends[24] == 29
    assert (ends[25:31] == -1).all()
    trades = obi.entries(whole, Parameters(threshold=0.0, hold_seconds=50))
    assert not len(trades)


def test_elapsed_leaves_gaps_out():
    whole = History.concat([line(30), line(10, start=1000)])
    seconds = whole.elapsed / 1e9
    assert seconds[29] == 29
    np.testing.assert_allclose(seconds[31:], 29 + np.arange(10), atol=1e-6)
    assert len(line(3)[:0].elapsed) == 0


def test_one_is_itself_and_empty_ones_are_passed_over():
    one = line(3)
    assert History.concat([one[:0], one]) is one


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([], "No history was given. Give what obi.load returns."),
        (["monday.gz"], "A str is not a history. Load it first: obi.load('monday.gz')."),
        (
            [line(3), line(3, start=9, instrument=Instrument("sim", "ETH-PERP"))],
            ": and sim:ETH-PERP are different markets. Give histories of one market.",
        ),
        (
            [line(3), early([SECOND * 9], [[1, NAN]], [[1, 1]], [[2, 3]], [[1, 1]])],
            "One history has 1 level a side, and another has 2. Load all with the same levels.",
        ),
        (
            [
                line(3),
                made([(((333,), (1.0,)), ((334,), (1.0,)))], start=9, levels=1, tick_size=0.3),
            ],
            "One history has tick size 1.0, and another 0.3. Make both with the same tick_size.",
        ),
        (
            [line(3), line(3, start=2)],
            "One history ends at 1970-01-01T00:00:02.000 UTC; the next begins earlier, at "
            "1970-01-01T00:00:02.000. Give histories that do not overlap.",
        ),
    ],
)
def test_what_cannot_be_joined(parts, text):
    with pytest.raises(obi.ObiError) as error:
        History.concat(parts)
    assert str(error.value) == text
