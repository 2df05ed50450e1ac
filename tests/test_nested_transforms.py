"""Transforms of what looks back: the same computed in chunks, whole, and state by state."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.signals import transforms
from obi_widgets.signals.signal import signal

SECOND = 10**9
INNER, OUTER = 7.0, 5.0
KINDS = ("difference", "velocity", "zscore", "smooth")


@signal(needs="touch", range=(-1, 1))
def touch(history):
    """Return bid size against ask size."""
    bids, asks = history.sizes(+1)[:, 0].astype(float), history.sizes(-1)[:, 0].astype(float)
    return (bids - asks) / (bids + asks)


def uneven(states, *, seed=0, gaps=()):
    """Return states whose times are not even, so that none stands at a window's very start."""
    random = np.random.default_rng(seed)
    time = np.cumsum(random.integers(1, 2 * 10**8, states)) + 1_700_000_000 * SECOND
    mid = 1000 + np.cumsum(random.integers(-1, 2, states))
    bid, ask = mid - 1.0, mid + 1.0
    for at in gaps:
        bid[at : at + 5] = ask[at : at + 5] = np.nan
    sizes = random.integers(1, 100, (2, states)).astype(float)
    return obi.History.from_arrays(time, bid, sizes[0], ask, sizes[1], tick_size=1.0, interval=0.1)


def state_by_state(kind, values, history, window, lookback):
    """Return a transform of known values, from the formula, with all states at hand."""
    began = history.run_began
    first = np.searchsorted(history.time, history.time - round(window * 1e9), "right")
    out = np.full(len(values), np.nan)
    for row in np.flatnonzero(history.time - began >= round(lookback * 1e9)):
        if np.isnan(values[row]):
            continue
        if kind in ("difference", "velocity"):
            change = values[row] - values[first[row] - 1] if first[row] else np.nan
            out[row] = change / (window if kind == "velocity" else 1.0)
            continue
        within = values[first[row] : row + 1]
        within = within[~np.isnan(within)]
        out[row] = within.mean()
        if kind == "zscore":
            spread = within.std()
            out[row] = (values[row] - out[row]) / spread if spread > 1e-9 else np.nan
    return out


@pytest.mark.parametrize(("inner", "outer"), [*itertools.product(KINDS, KINDS)])
def test_a_transform_of_a_transform_is_what_its_formula_says_in_each_chunk(inner, outer):
    history = uneven(13_000, seed=4, gaps=(9000,))  # four chunks
    one = getattr(transforms, inner)(touch, window=INNER)
    two = getattr(transforms, outer)(one, window=OUTER)
    known = state_by_state(inner, touch(history), history, INNER, INNER)
    wanted = state_by_state(outer, known, history, OUTER, INNER + OUTER)
    found = two(history)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-8)


THREE = transforms.smooth(transforms.difference(transforms.smooth(touch, 3), 2), 4)
ADDED = transforms.velocity(
    transforms.weighted_sum([transforms.difference(touch, 6), transforms.smooth(THREE, 5)], [1, 2]),
    3,
)


@pytest.mark.parametrize("which", [THREE, ADDED], ids=lambda one: one.transform)
def test_from_the_first_state_that_it_needs_it_is_to_the_bit_what_the_whole_gives(which):
    history, values = uneven(13_000, seed=5, gaps=(2000, 9000)), which.check({})
    whole = which.compute(history, values)
    unknown = np.flatnonzero(np.isnan(whole) & ~history.lost)
    # Look-backs add up: after each gap and at the beginning, and nowhere else.
    began = history.run_began[unknown]
    late = history.time[unknown] - began - round(which.lookback(values) * 1e9)
    assert late.max() < SECOND // 2
    for row in (1, 4095, 4096, 4097, 8191, 8192, 9500, 12_288, 12_999):
        np.testing.assert_array_equal(which.compute(history, values, row), whole[row:])
        np.testing.assert_array_equal(which.compute(history[: row + 1], values)[row:], whole[[row]])
        first = which.first_needed(history, values, row)
        part = which.compute(history[first:], values)
        np.testing.assert_array_equal(part[row - first :], whole[row:])
    later = history[700:]
    settled = which.settled(later, values)
    assert settled == 4096 - 700
    np.testing.assert_array_equal(which.compute(later, values)[settled:], whole[700 + settled :])
