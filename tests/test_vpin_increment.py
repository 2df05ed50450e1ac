"""What VPIN adds to volume and volatility: against statsmodels, on known markets, by rates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import binom

import obi_widgets as obi
from benchmarks.verdicts.toxicity import restless
from obi_widgets.calibration.explained import next_moves, window_ends
from obi_widgets.errors import SettingsError

START = 1_700_000_000
LENGTH = 10  # seconds of a phase, of VPIN's window and of the move


def market(seed, phases=120, *, toxic_tells=True):
    """Return a market in phases: takers are of one mind or not, and mid is wild or calm.

    Where it tells, mid is wild in the phase after one of one mind. What mid and volume do in a
    phase then says nothing of the next one, and VPIN does.
    """
    random = np.random.default_rng(seed)
    toxic = random.random(phases + 1) < 0.5
    wild = np.roll(toxic, 1) if toxic_tells else random.random(phases + 1) < 0.5
    states = 5 * LENGTH * phases
    phase = np.arange(states) // (5 * LENGTH)
    steps = np.where(wild[phase], 6.0, 1.0) * random.standard_normal(states)
    mid = np.round(100_000 + np.cumsum(steps)) * 0.01
    time = pd.to_datetime((START + np.arange(states) / 5) * 1e9, unit="ns")
    sides = np.where(toxic[phase], 1, random.choice([-1, 1], states))
    trades = pd.DataFrame(
        {"price": mid, "size": random.integers(1, 9, states), "side": sides}, index=time
    )
    book = pd.DataFrame({"b0p": mid - 0.01, "b0q": 1.0, "a0p": mid + 0.01, "a0q": 1.0}, index=time)
    return obi.History.from_frame(book, trades=trades, tick_size=0.01, every_event=True)


def table_of(history, **options):
    given = {"window": LENGTH, "buckets": 10, "seconds": LENGTH, **options}
    return obi.vpin_increment(history, **given).set_index(["move", "over"])


def test_the_shares_are_those_of_statsmodels():
    history = market(1)
    table = table_of(history)
    rows = window_ends(history.time, LENGTH)
    trades = history.trades
    owner = np.searchsorted(history.trade_ends - trades.start, np.arange(len(trades)), "right")
    owned = owner < len(history)
    came, size = history.time[owner[owned]], trades.size[owned]
    since, until = history.time[rows] - LENGTH * 10**9, history.time[rows]
    volume = np.array([
        size[(came > a) & (came <= b)].sum()
        for a, b in zip(since, until, strict=True)
    ])  # fmt: skip
    data = pd.DataFrame({
        "vpin": obi.vpin(history, window=LENGTH, buckets=10)[rows],
        "volume": volume,
        "volatility": obi.realised_volatility(history, window=LENGTH)[rows],
        "absolute": np.abs(next_moves(history, rows, LENGTH)),
    }).dropna()  # fmt: skip
    data["squared"] = data["absolute"] ** 2
    for move in ("absolute", "squared"):
        for over, names in (
            ("nothing", []), ("volume", ["volume"]), ("volatility", ["volatility"]),
            ("both", ["volume", "volatility"]),
        ):  # fmt: skip
            fit = {
                more: sm.OLS(data[move], sm.add_constant(data[[*names, *more]])).fit()
                for more in ((), ("vpin",))
            } if names else {
                (): sm.OLS(data[move], np.ones(len(data))).fit(),
                ("vpin",): sm.OLS(data[move], sm.add_constant(data[["vpin"]])).fit(),
            }  # fmt: skip
            row = table.loc[(move, over)]
            assert row["n"] == len(data)
            assert row["r2_over"] == pytest.approx(fit[()].rsquared, abs=1e-10)
            gained = fit["vpin",].rsquared - fit[()].rsquared
            assert row["adds"] == pytest.approx(gained, rel=1e-8)
            t, left = fit["vpin",].tvalues["vpin"], fit["vpin",].df_resid
            assert row["partial"] == pytest.approx(t / np.sqrt(t * t + left), rel=1e-8)


def test_what_vpin_adds_is_found():
    table = table_of(market(2))
    both = table.loc[("absolute", "both")]
    assert both["adds"] > 0.2
    assert both["low"] > 0.05
    assert both["low"] < both["adds"] < both["high"]
    assert both["says"].startswith("Adds ")
    assert both["says"].endswith("over volume and volatility: moves are larger after a high VPIN.")


def test_where_it_adds_nothing_it_is_seldom_told_to():
    told = sum(
        table_of(market(seed, phases=80, toxic_tells=False)).loc[("absolute", "both"), "low"] > 0
        for seed in range(40)
    )
    assert told <= 5


def test_where_takers_and_volatility_last_it_is_seldom_told_to():
    """Windows of VPIN overlap, and minutes are quiet or restless, for reasons of their own."""
    asked = {"window": 60, "buckets": 10, "seconds": 10}
    told = sum(table_of(restless(111, 0.0, seed), **asked)["low"] > 0 for seed in range(40))
    assert (told <= binom.ppf(0.99, 40, 0.05)).all()


def test_few_windows_and_no_trades_are_said():
    few = table_of(market(3, phases=20))
    assert (
        few.loc[("absolute", "both"), "says"] == "Too few windows to tell: 18, and 30 are needed."
    )
    assert few["low"].isna().all()
    book = np.ones((400, 1))
    silent = obi.History.from_arrays(
        START * 10**9 + np.arange(400) * 10**9 // 5, book, book, 2 * book, book, interval=0
    )
    none = table_of(silent)
    assert (none["n"] == 0).all()
    assert none["says"].str.startswith("No window has VPIN").all()


def test_what_is_not_possible_is_said():
    history = market(4, phases=5)
    for options, said in (
        ({"window": 0}, "window = 0"),
        ({"buckets": 2.5}, "buckets = 2.5"),
        ({"seconds": 0.01}, "seconds = 0.01"),
    ):
        with pytest.raises(SettingsError) as error:
            table_of(history, **options)
        assert said in str(error.value)
