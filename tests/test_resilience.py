"""Recovery after large trades, where it was planted and where it was not, and by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from history_tools import SECOND, START

import obi_widgets as obi
from obi_widgets.calibration.quality.large_trades import shocks
from obi_widgets.calibration.quality.resilience import half_lives
from obi_widgets.errors import SettingsError

NAN = float("nan")


def tape(time, bid_sizes, ask_sizes, ticks, trades):
    """Return states of one level a side and so many ticks of spread; times in seconds."""
    ask = 100 + 0.01 * np.asarray(ticks)
    frame = pd.DataFrame(
        {"bid": 100.0, "bid_size": bid_sizes, "ask": ask, "ask_size": ask_sizes},
        index=pd.to_datetime(START + np.rint(np.asarray(time) * SECOND).astype(np.int64), utc=True),
    )
    frame.loc[np.isnan(ask)] = NAN
    made = pd.DataFrame(trades, columns=["at", "side", "price", "size"])
    made.index = pd.to_datetime(
        START + np.rint(made.pop("at").to_numpy() * SECOND).astype(np.int64), utc=True
    )
    return obi.History.from_frame(frame, trades=made, tick_size=0.01)


def market(half_life, *, shock=0.5, seed=0, every=0.1, orders=150, noise=0.2):
    """Return a market in which each large order takes half of the depth, and widens the spread.

    An order comes each 12 s, and small ones in between.
    """
    random = np.random.default_rng(seed)
    time = np.arange(0, 12.0 * orders, every)
    since = time % 12 - 6
    decay = np.where(since >= 0, 0.5 ** (np.maximum(since, 0) / half_life), 0.0)
    number = (time // 12).astype(int)
    bought = number % 2 == 0
    sizes = 10 * np.exp(random.normal(0, noise, (2, len(time))))
    bids, asks = sizes * (1 - shock * decay * np.array([~bought, bought]))
    ticks = 1 + (random.random(len(time)) < 2 * shock * decay)
    small = [(at + 0.05, 1, 100.01, 0.1) for at in time[::7]]
    large = [
        (12.0 * at + 5.99, 1 if at % 2 == 0 else -1, 100.0, size)
        for at in range(orders)
        for size in (3.0, 2.0)  # one order that meets two makers
    ]
    return tape(time, bids, asks, ticks, sorted(small + large))


def test_half_lives_by_hand():
    lags = np.array([0.0, 1, 2, 4])
    curves = np.array(
        [[4.0, 2, 1, 0.25], [8, *8 / 2 ** (lags[1:] / 3)], [4, 3, 4, 4], [-1, -1, 0, 0]]
    )
    found = half_lives(curves, lags)
    np.testing.assert_allclose(found, [1, 3, np.inf, NAN], rtol=0.01)


def test_a_half_life_is_that_of_the_exponential_of_least_squares():
    from scipy.optimize import curve_fit

    lags = np.linspace(0, 5, 101)
    curve = 2 * 0.5 ** (lags / 0.8) + np.random.default_rng(4).normal(0, 0.2, 101)
    own, _ = curve_fit(lambda lag, a, half: a * 0.5 ** (lag / half), lags, curve, (1.0, 1.0))
    assert half_lives(curve[None], lags)[0] == pytest.approx(own[1], rel=0.01)


def test_a_shock_by_hand():
    # The ask has 10, is taken to 4 at 5 s, shown at 5.2 s, and has 7 from 6 s on. Two ticks of
    # spread from 5.2 to 5.5 s; one otherwise.
    time = [0, 3, 5.2, 5.5, 6.0, 8, 20]
    asks, ticks = [10, 10, 4, 4, 7, 7, 7], [1, 1, 2, 1, 1, 1, 1]
    history = tape(time, [50] * 7, asks, ticks, [(1, -1, 100.0, 1), (5, 1, 100.01, 6)])
    found = shocks(history, 0.9, 1, 2.0)
    assert found.depth.shape == (1, 101)
    np.testing.assert_allclose(found.depth[0, [0, 5, 49, 50, 100]], [0.6, 0.6, 0.6, 0.3, 0.3])
    assert found.spread[0, [0, 10, 26]] == pytest.approx([1, 1, 0], abs=1e-3)
    assert found.at.tolist() == [5 * SECOND]
    table = obi.resilience(history, quantile=0.9, levels=1, seconds=2.0).set_index("measure")
    assert table.loc["depth", "shock"] == pytest.approx(0.6)
    assert table.loc["depth", "n"] == 1
    assert table.loc["depth", ["shock_low", "half_life", "recovered"]].isna().all()


def test_what_is_usual_is_weighted_by_time():
    # In the 2 s before the order at 5 s: 10 for 1.5 s, 30 for 0.5 s; that is 15.
    time, asks = [0, 4.5, 5.2, 20], [10, 30, 3, 3]
    history = tape(time, [50] * 4, asks, [1] * 4, [(5, 1, 100.01, 6)])
    # The 2 s end at the last state before, 4.5 s, whose book still holds at 5 s.
    assert shocks(history, 0.5, 1, 2.0).depth[0, 0] == pytest.approx(1 - 3 / 15)


@pytest.mark.parametrize("half_life", [0.5, 1.5])
def test_a_planted_half_life_is_found(half_life):
    table = obi.resilience(market(half_life), levels=1).set_index("measure")
    for measure in ("depth", "spread"):
        found = table.loc[measure]
        assert found["n"] == 150
        # A state tells what was up to 0.1 s before.
        assert found["low"] - 0.1 < half_life < found["high"]
        assert found["half_life"] == pytest.approx(half_life, rel=0.25)
        assert found["low"] <= found["half_life"] <= found["high"]
    assert table.loc["spread", "shock"] == pytest.approx(1, rel=1e-3)  # of each, so no interval
    assert table.loc["spread", ["shock_low", "shock_high"]].isna().all()
    assert 0.4 < table.loc["depth", "shock_low"] < table.loc["depth", "shock"]
    assert table.loc["depth", "shock"] == pytest.approx(0.5, abs=0.05)
    assert table.loc["depth", "recovered"] == pytest.approx(1 - 0.5 ** (5 / half_life), abs=0.1)


def test_a_recovery_that_takes_longer_than_is_looked_is_infinite():
    table = obi.resilience(market(30.0), levels=1, seconds=2).set_index("measure")
    assert table.loc["depth", "half_life"] == np.inf
    assert table.loc["depth", "high"] == np.inf
    assert table.loc["depth", "recovered"] < 0.2


@pytest.mark.slow
def test_without_a_shock_there_is_nothing_to_recover_from():
    said = [
        obi.resilience(market(1.0, shock=0.0, seed=seed, orders=60), levels=1)["half_life"]
        for seed in range(20)
    ]
    assert np.isfinite(said).sum() <= 3  # of 40, each by chance in one of forty


def test_the_curve_is_what_the_half_life_is_read_from():
    history = market(1.5, orders=60)
    curve = obi.recovery(history, levels=1)
    table = obi.resilience(history, levels=1).set_index("measure")
    assert curve["depth"].iloc[0] == pytest.approx(table.loc["depth", "shock"])
    read = half_lives(curve["depth"].to_numpy()[None], curve["seconds"].to_numpy())
    assert read[0] == table.loc["depth", "half_life"]
    assert (curve["depth_low"] < curve["depth"]).all()
    assert (curve["n"] == 60).all()


def test_an_order_beside_a_gap_or_soon_after_another_is_not_counted():
    history = market(1.0, orders=4)
    whole = shocks(history, 0.95, 1, 5.0)
    assert np.isfinite(whole.depth).all(axis=1).tolist() == [True] * 4
    lost = history.time == START + 20 * SECOND  # 2 s after the second order
    cut = replace(
        history, bid=np.where(lost, NAN, history.bid), ask=np.where(lost, NAN, history.ask)
    )
    assert np.isfinite(shocks(cut, 0.95, 1, 5.0).depth).all(axis=1).tolist() == [1, 0, 1, 1]
    # Looked at for 13 s, each follows another; the first has no 13 s before it.
    assert np.isfinite(shocks(history, 0.95, 1, 13.0).depth).sum() == 0


def test_levels_that_are_not_kept_are_not_known():
    table = obi.resilience(market(1.0, orders=40), levels=2)
    assert table["n"].tolist() == [0, 0]
    assert table["shock"].isna().all()


def test_without_trades_or_states_nothing_is_said():
    history = market(1.0, orders=2)
    for none in (replace(history, trades=obi.Trades.none()), history[:0]):
        assert obi.resilience(none)["n"].tolist() == [0, 0]
        assert (obi.recovery(none)["n"] == 0).all()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"quantile": 1}, "quantile = 1 is not possible"),
        ({"levels": 0}, "levels = 0 is not possible"),
        ({"seconds": 0}, "seconds = 0 is not possible"),
        ({"seed": -1}, "seed = -1 is not possible"),
    ],
)
def test_wrong_arguments_are_refused(options, what):
    with pytest.raises(SettingsError, match=what):
        obi.resilience(market(1.0, orders=2), **options)
