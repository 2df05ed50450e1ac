"""VPIN: by hand, against a plain loop of fractions, appended, and without later data."""

from __future__ import annotations

from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from kernel_tools import BOTH, use
from test_trades import SECOND, tape, write
from test_windows import history_of, tapes, within

import obi_widgets as obi
from obi_widgets.calibration.lookahead import looks_ahead


def test_by_hand():
    # Windows of 6 s in 3 buckets. At 8: +2 −3 −4 is |+2 −1| + |−2 −1| + |−3| of 9; at 11: −4 alone;
    # at 13: −4 +5 is |−3| + |−1 +2| + |+3| of 9.
    history = write(tape("b1 s2 b3 a4 s5 a6 s8 s11 b12 s13")).history()
    found = obi.vpin(history, window=6.0, buckets=3)
    np.testing.assert_array_equal(found, [np.nan, np.nan, 7 / 9, 1.0, 7 / 9])
    assert not obi.vpin.directional
    assert obi.vpin.range == (0, 1)


def plain(trades, buckets):
    """Return VPIN of (price, size), size below 0 for sales, by pieces of trades."""
    pieces = [Fraction(size) for _, size in trades]
    whole = sum(map(abs, pieces))
    if not whole:
        return None
    total = Fraction(0)
    for _ in range(buckets):
        room, net = whole / buckets, Fraction(0)
        while room:
            part = max(min(pieces[0], room), -room)
            net, room, pieces[0] = net + part, room - abs(part), pieces[0] - part
            if not pieces[0]:
                pieces.pop(0)
        total += abs(net)
    return total / whole


@BOTH
@settings(max_examples=40)
@given(tapes, st.sampled_from([1.0, 3.0]), st.integers(2, 7), st.sampled_from([1, 10**15]))
def test_it_is_what_a_plain_loop_gives(code, events, window, buckets, factor):
    history = history_of(events, factor)  # beyond 64 bits with the second factor
    with pytest.MonkeyPatch.context() as patch:
        use(patch, code)
        found = obi.vpin(history, window=window, buckets=buckets)
    for row, value in enumerate(found):
        wanted = plain(within(history, window, row), buckets)
        full = history.time[row] - history.time[0] >= window * SECOND
        if wanted is None or not full:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(float(wanted), rel=1e-14)


@BOTH
def test_appended_it_is_the_whole_and_no_later_data_are_used(history, code, monkeypatch):
    use(monkeypatch, code)
    values = obi.vpin(history, window=30, buckets=20)
    full = history.time - history.time[0] >= 30 * SECOND
    np.testing.assert_array_equal(np.isnan(values), ~full)
    assert 0 < np.nanmin(values) < np.nanmax(values) <= 1
    for count in (1, 700, 4097, len(history) - 3):
        part = obi.vpin(history[:count], window=30, buckets=20)
        np.testing.assert_array_equal(part, values[:count])
    assert not looks_ahead(history, lambda part: obi.vpin(part, window=30, buckets=20), values)


def test_after_a_gap_and_without_trades_it_is_no_number():
    first = obi.simulate(seconds=40, seed=2, levels=1)
    joined = obi.History.concat([first[:150], first[200:]])
    values = obi.vpin(joined, window=5, buckets=5)
    full = joined.time - joined.run_began >= 5 * SECOND
    np.testing.assert_array_equal(np.isnan(values), ~full | joined.lost)
    ones = np.ones(5)
    states = obi.History.from_arrays(joined.time[:5], ones, ones, 2 * ones, ones)
    assert np.isnan(obi.vpin(states, window=1)).all()


def test_a_part_of_a_bucket_is_refused():
    with pytest.raises(obi.ObiError, match=r"buckets = 12.5 is no whole number.*Give 12 or 13"):
        obi.vpin(obi.simulate(seconds=5), buckets=12.5)
