"""The difference between two settings: by hand, and by rates where the truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from obi_widgets.calibration.difference import FEW, Difference, difference
from obi_widgets.trading.trade_list import Trades

SECOND = 1_000_000_000


def trades(seconds, net, side=+1, fee=0.0):
    """Entries with these net gains, bps, at these seconds; NaN has no exit."""
    net = np.asarray(net, float)
    times = (np.asarray(seconds) * SECOND).astype(np.int64)
    entry = np.full(len(net), 100.0)
    known = ~np.isnan(net)
    return Trades(
        np.full(len(net), side, np.int8), times, entry, np.where(known, times + SECOND, 0),
        entry * (1 + side * (net + 2 * fee) / 1e4), ~known, np.zeros(len(net), bool), times,
        np.full(len(net), 2 * fee), np.zeros(len(net), bool), np.zeros(len(net), np.int8),
        np.ones(len(net)),
    )  # fmt: skip


def walk(random, seconds):
    """A price in bps, a state a second."""
    return np.cumsum(random.normal(size=seconds))


def held(price, every, hold, random, edge=0.0):
    """Entries at random sides, held over the moves of a price, with a mean gain of the edge."""
    at = np.arange(random.integers(every), len(price) - hold, every)
    side = random.choice([-1, 1], len(at))
    return trades(at, side * (price[at + hold] - price[at]) + edge)


def test_the_mean_is_that_of_net_gains_and_open_entries_are_left_out():
    one = trades(range(40), np.r_[np.full(20, 1.0), np.full(19, 3.0), np.nan], fee=2)
    other = trades(range(40), np.r_[np.full(20, 0.5), np.full(20, 1.5)])
    found = difference(one, other, 1)
    assert found.mean_bps == pytest.approx((20 + 57) / 39 - 1)


def test_the_same_entries_differ_by_nothing():
    one = trades(np.arange(100) * 10, np.random.default_rng(2).normal(size=100))
    found = difference(one, one, 10)
    assert (found.mean_bps, found.low, found.high, found.told) == (0, 0, 0, False)


def test_a_constant_difference_is_told_since_the_entries_are_paired_by_time():
    random = np.random.default_rng(3)
    gains = random.normal(0, 50, 200)
    one, other = (trades(np.arange(200) * 10, gains + edge) for edge in (1.0, 0.0))
    found = difference(one, other, 10)
    assert found.mean_bps == pytest.approx(1)
    assert found.told
    apart = difference(one, trades(np.arange(200) * 10, random.permutation(gains)), 10)
    assert not apart.told
    assert apart.high - apart.low > 10


def test_the_other_way_round_is_the_negative():
    random = np.random.default_rng(4)
    price = walk(random, 4000)
    one, other = held(price, 20, 20, random), held(price, 30, 30, random)
    there, back = difference(one, other, 30), difference(other, one, 30)
    assert there.mean_bps == -back.mean_bps
    assert there.low == pytest.approx(-back.high)


@pytest.mark.parametrize("count", [0, 1, FEW - 1])
def test_too_few_entries_have_no_interval(count):
    many = trades(np.arange(100) * 10, np.random.default_rng(5).normal(size=100))
    few = trades(np.arange(count) * 10, np.ones(count))
    found = difference(few, many, 10)
    assert not found.enough
    assert not found.told
    assert math.isnan(found.mean_bps) == (count == 0)


def test_entries_in_one_burst_have_no_interval():
    random = np.random.default_rng(6)
    burst = trades(np.arange(60) / 30, random.normal(size=60))
    assert not difference(burst, burst, 20).enough


def test_a_higher_level_is_a_wider_interval():
    random = np.random.default_rng(7)
    price = walk(random, 4000)
    one, other = held(price, 20, 20, random), held(price, 20, 20, random)
    narrow, wide = (difference(one, other, 20, level) for level in (0.95, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high
    assert isinstance(wide, Difference)


@pytest.mark.parametrize(
    ("holds", "every"), [((20, 20), (20, 20)), ((20, 60), (20, 60)), ((5, 30), (40, 31))]
)
@pytest.mark.parametrize("edge", [0.0, 2.0])
def test_the_interval_leaves_the_truth_out_as_often_as_it_says(holds, every, edge):
    random = np.random.default_rng(8)
    missed, rounds = 0, 800
    for _ in range(rounds):
        price = walk(random, 3600)
        one = held(price, every[0], holds[0], random, edge)
        other = held(price, every[1], holds[1], random)
        found = difference(one, other, max(holds))
        assert found.enough
        missed += not found.low <= edge <= found.high
    assert 0.025 < missed / rounds < 0.075
