"""The book slope: by hand, against the paper's formula in plain Python, and on captures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from history_tools import NAN, SECOND, early
from kernel_tools import BOTH, use

import obi_widgets as obi
from obi_widgets.calibration.lookahead import looks_ahead
from obi_widgets.signals import book_slope_numpy, registry
from obi_widgets.signals.book_slope import slopes


def plain(prices, sizes, mid, share):
    """Return a side's slope by the formula."""
    there = [(p, q) for p, q in zip(prices, sizes, strict=True) if q == q]
    total, volume, before, logarithm_before = 0.0, 0.0, mid, None
    for price, size in there:
        volume += price * size
        logarithm = math.log(volume / share)
        rise = logarithm if logarithm_before is None else logarithm / logarithm_before - 1
        total += rise / abs(price / before - 1)
        before, logarithm_before = price, logarithm
    return total / len(there)


# Sizes of bids at 99.5, 99, 98 and of asks at 100.5, 101, 102; which is the steeper side.
TAPE = [
    ((4, 2, 4), (4, 2, 4), 0),
    ((8, 2, 4), (2, 2, 4), +1),
    ((2, 2, 4), (8, 2, 4), -1),
    ((4, NAN, NAN), (2, NAN, NAN), +1),
    ((2, 8, NAN), (4, 8, NAN), -1),
    ((NAN, NAN, NAN), (NAN, NAN, NAN), NAN),
    ((4, 2, 4), (NAN, NAN, NAN), NAN),
    ((0.005, 9, 9), (4, 2, 4), NAN),  # worth less than a share
    ((4, 9, NAN), (4, 9, NAN), 0),
    ((1, 1, 1), (1, 1, 1), 0),
]
BIDS, ASKS = (99.5, 99.0, 98.0), (100.5, 101.0, 102.0)


def tape():
    bids, asks = (np.array([state[side] for state in TAPE], float) for side in (0, 1))
    prices = (np.where(np.isnan(size), NAN, at) for size, at in ((bids, BIDS), (asks, ASKS)))
    columns = next(prices), bids, next(prices), asks
    return early(np.arange(1, 11) * SECOND, *columns, tick_size=0.5)


@BOTH
def test_ten_events_by_hand(code, monkeypatch):
    use(monkeypatch, code)
    found, both = obi.book_slope(tape(), depth=3), slopes(tape(), 3, 1.0)
    # The first state: ln 398 / 0.005, and so on, in each step the log's share of rise by the
    # price's share of change.
    v = [math.log(volume) for volume in (398, 398 + 198, 398 + 198 + 392)]
    bids = (
        v[0] / (0.5 / 100) + (v[1] / v[0] - 1) / (0.5 / 99.5) + (v[2] / v[1] - 1) / (1 / 99)
    ) / 3  # fmt: skip
    assert both[0, 0] == pytest.approx(bids, rel=1e-12)
    for row, (bid_sizes, ask_sizes, sign) in enumerate(TAPE):
        if math.isnan(sign):
            assert math.isnan(found[row])
            continue
        bid, ask = plain(BIDS, bid_sizes, 100, 1.0), plain(ASKS, ask_sizes, 100, 1.0)
        assert found[row] == pytest.approx((bid - ask) / (bid + ask), rel=1e-9, abs=1e-12)
        # The same sizes are worth a little more as asks.
        assert abs(found[row]) < 0.02 if sign == 0 else np.sign(found[row]) == sign


def test_its_logarithm_is_right():
    x = np.exp(np.random.default_rng(1).uniform(-30, 60, 10_000))
    x = np.append(x, [1.0, math.sqrt(0.5), math.sqrt(2), 2.0, math.nextafter(1, 0)])
    np.testing.assert_allclose(book_slope_numpy.log(x), np.log(x), rtol=4e-16, atol=4e-16)


def test_on_a_capture_both_kernels_agree_and_appended_equals_whole(broken, monkeypatch):
    part = broken[7:-5]
    use(monkeypatch, "numpy")
    twin = obi.book_slope(part)
    use(monkeypatch, "numba")
    whole = obi.book_slope(part)
    np.testing.assert_array_equal(whole, twin)
    has = ~np.isnan(whole)
    np.testing.assert_array_equal(has, ~np.isnan(part.mid))
    assert (whole[has] > 0).any()
    assert (whole[has] < 0).any()
    for cut in (1, 1000, len(part) - 3):
        np.testing.assert_array_equal(obi.book_slope(part[:cut]), whole[:cut])
    assert looks_ahead(part, obi.book_slope, whole) == ""


def test_against_the_formula_on_a_capture(history):
    part, share = history[200:240], 0.5
    found = obi.book_slope(part, depth=7, share=share)
    for row in range(len(part)):
        bid, ask = (
            plain(part.prices(side)[row, :7], part.sizes(side)[row, :7].astype(float),
                  part.mid[row], share)
            for side in (+1, -1)
        )  # fmt: skip
        assert found[row] == pytest.approx((bid - ask) / (bid + ask), abs=1e-7)


def test_threads_do_not_change_it(history, monkeypatch):
    whole = obi.book_slope(history)
    monkeypatch.setattr("obi_widgets.signals.book_slope.PARALLEL", 1)
    np.testing.assert_array_equal(obi.book_slope(history), whole)


def test_it_says_what_it_is():
    assert registry.find("book_slope") is obi.book_slope
    assert repr(obi.book_slope) == "<Signal book_slope: depth, share; -1 to 1>"
    assert obi.book_slope.needs == {"levels"}
    assert obi.book_slope.levels_used({"depth": 7, "share": 1.0}).depth == 7
