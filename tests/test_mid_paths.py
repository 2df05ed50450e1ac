"""Paths of mid in arrays: they move as the simulator's formula says."""

from __future__ import annotations

import numpy as np
import pytest

from obi_widgets.feeds.simulation.mid_paths import LISTING, decaying, mid_path
from obi_widgets.feeds.simulation.simulator import SimulatedMarket


def test_the_move_after_a_pressure_is_the_edge_that_has_come_by_then():
    horizon, edge, slopes = 10, 5.0, []
    for seed in range(20):
        mid, z = mid_path(np.random.default_rng(seed), 7200, edge, 2)
        moved = 1e4 * (mid[2 * horizon :] - mid[: -2 * horizon]) * LISTING.tick_size / LISTING.price
        slopes.append(np.sum(moved * z[: -2 * horizon]) / np.sum(z[: -2 * horizon] ** 2))
    slopes = np.array(slopes)
    wanted = edge * (1 - np.exp(-horizon / SimulatedMarket.fade))
    assert slopes.mean() == pytest.approx(wanted, abs=3 * slopes.std() / 20**0.5)


def test_an_edge_ends_after_its_share_of_the_path():
    whole, ended = (mid_path(np.random.default_rng(1), 600, 5.0, 2, part)[0] for part in (1, 0.5))
    none = mid_path(np.random.default_rng(1), 600, 0.0, 2)[0]
    half = len(whole) // 2
    assert np.array_equal(whole[:half], ended[:half])
    assert np.array_equal(np.diff(ended[half:]), np.diff(none[half:]))
    assert not np.array_equal(np.diff(whole[half:]), np.diff(none[half:]))


def test_an_autoregression_is_that_of_a_plain_loop():
    noise = np.random.default_rng(1).normal(size=(450, 2, 3))
    wanted, last = np.empty_like(noise), 0.0
    for n, new in enumerate(noise):
        wanted[n] = last = 0.9 * last + new
    assert decaying(noise, 0.9) == pytest.approx(wanted)
