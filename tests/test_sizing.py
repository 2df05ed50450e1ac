"""Size and stop by strength: the weight of an entry, its own price, and weighted means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from card_tools import market as leaning
from card_tools import wandering

import obi_widgets as obi
from obi_widgets.calibration.executed_returns import entry_returns
from obi_widgets.calibration.statistics.weighted import Bets, estimate, scores
from obi_widgets.errors import SettingsError
from obi_widgets.settings.parameters import Parameters
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.entries import Scanner
from obi_widgets.trading.quotes import quotes_of
from obi_widgets.trading.sizing import HIGHEST, NO_GRADES, grades_of, weights
from obi_widgets.trading.trade_list import COLUMNS, weighted_mean

EVERY = {
    "threshold": 0.3, "hold_seconds": 3, "size_by": "strength", "stop_by": "strength",
    "stop_bps": 3.0, "least_weight": 0.3,
}  # fmt: skip
KINDS = [
    {"size": 3.0}, {"size": None}, {"size": 3.0, "price": "mid"},
    {"size": 3.0, "latency_ms": 250, "slippage_bps": 1.0},
    {"size": 2.0, "execution": "post_only"},
    {"size": 3.0, "stop_bps": None, "threshold_is": "quantile", "threshold": 0.8,
     "quantile_window": 20},
]  # fmt: skip


@pytest.fixture(scope="module")
def market():
    return obi.simulate(seconds=200, seed=5)


@pytest.mark.parametrize(
    ("values", "given", "grades"),
    [
        # Even from the threshold to twice the threshold.
        ([0.3, 0.31, 0.33, 0.45, -0.6, 0.9, np.nan], {"threshold": 0.3}, [0, 0, 1, 5, 10, 10, 0]),
        # A whole tenth is one, though (0.6 - 0.4) / 0.4 is a little less than a half.
        ([0.4, 0.48, 0.52, 0.6, -0.6, 0.76], {"threshold": 0.4}, [0, 2, 3, 5, 5, 9]),
        # To the end of the range, which is nearer.
        ([0.8, 0.91, -1.0], {"threshold": 0.8}, [0, 5, 10]),
        # To the highest quantile.
        ([0.915, -0.965, 1.0], {"threshold": 0.9, "threshold_is": "quantile"}, [1, 6, 10]),
        # Nothing lies between 0 and twice 0.
        ([0.1, -0.5], {"threshold": 0.0}, [10, 10]),
    ],
)
def test_grades_by_hand(values, given, grades):
    parameters = Parameters(size_by="strength", **given)
    np.testing.assert_array_equal(grades_of(np.array(values), parameters), grades)


def test_a_signal_without_bounds_has_its_whole_size_at_twice_the_threshold():
    parameters = Parameters("zscore(imbalance)", threshold=2.0, size_by="strength")
    found = grades_of(np.array([2.1, 3.0, -3.9, 4.0, 9.0]), parameters)
    np.testing.assert_array_equal(found, [0, 5, 9, 10, 10])


def test_weights_are_even_between_the_least_and_one():
    parameters = Parameters(size_by="strength", least_weight=0.2)
    np.testing.assert_allclose(weights(parameters), np.linspace(0.2, 1, HIGHEST + 1))
    assert weights(parameters)[-1] == 1


def test_what_has_no_effect_has_its_default():
    assert Parameters(least_weight=0.5) == Parameters()
    assert Parameters(stop_by="strength") == Parameters()  # there is no stop
    assert Parameters(size_by="strength", least_weight=0.5) != Parameters(size_by="strength")
    assert grades_of(np.ones(3), Parameters()) is NO_GRADES
    assert "least_weight" not in Parameters().as_table()


def test_settings_keep_them(tmp_path):
    chosen = obi.Settings(**EVERY)
    assert obi.Settings.load(chosen.save(tmp_path / "a.toml")) == chosen
    with pytest.raises(SettingsError, match="least_weight = 0"):
        obi.Settings(least_weight=0)
    with pytest.raises(SettingsError, match="size_by"):
        obi.Settings(size_by="confidence")


@pytest.mark.parametrize("given", KINDS, ids=str)
def test_appended_to_it_decides_as_the_whole_does(market, given):
    p = Parameters(**{**EVERY, **given})
    signal = p.signal(market, p)
    whole = Scanner(p)
    whole.extend(market, signal)
    wanted = whole.decided
    assert len(set(wanted.weight.tolist())) > 4
    part, at, random = Scanner(p), 0, np.random.default_rng(1)
    while at < len(market):
        at = min(at + int(random.integers(1, 60)), len(market))
        part.extend(market[:at], signal[:at])
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(part.decided, name), getattr(wanted, name), name)
    assert part.decided.held == wanted.held


def test_each_entry_pays_the_price_of_its_own_size(market):
    p = Parameters(**{**EVERY, "size": 4.0, "stop_bps": None})
    found = obi.entries(market, p)
    decided = decisions(market, p.signal(market, p), p)
    time, closed = market.time, found[found["ended"] == "held"]
    assert closed["weight"].nunique() > 5
    for one in closed.itertuples():
        enter, leave = np.searchsorted(time, [one.entry_time.value, one.exit_time.value]).tolist()
        assert one.weight == weights(p)[decided.grades[enter]]
        own = quotes_of(market, p.size * one.weight)
        bought, sold = (own.buy, own.sell) if one.side > 0 else (own.sell, own.buy)
        assert (one.entry_price, one.exit_price) == (bought[enter], sold[leave])
    whole = obi.entries(market, p.replace(size_by="fixed"))
    same = found.merge(whole, on=["side", "entry_time"])
    paid = same["side"] * (same["entry_price_x"] - same["entry_price_y"])
    assert (paid <= 1e-9).all()
    assert (paid < -1e-9).any()  # a smaller size takes fewer levels


def test_a_weak_entry_has_a_closer_stop(market):
    p = Parameters(**{**EVERY, "size_by": "fixed", "price": "mid", "hold_seconds": 30})
    found = decisions(market, p.signal(market, p), p)
    np.testing.assert_allclose(found.exits.stops, 3e-4 * weights(p), atol=1e-12)
    scanner = Scanner(p)
    scanner.extend(market, p.signal(market, p))
    trades = scanner.decided
    assert (trades.weight == 1).all()
    at = np.searchsorted(market.time, trades.decision_time)
    stop = 3.0 * weights(p)[found.grades[at]]
    stopped = trades.to_frame()["ended"].to_numpy() == "stop"
    assert stopped.any()
    assert (trades.gross_bps[stopped] <= -stop[stopped] + 1e-6).all()
    assert (trades.gross_bps[stopped] > -3.0).any()  # closer than the whole stop


@pytest.mark.parametrize("given", KINDS, ids=str)
def test_with_a_least_weight_of_one_all_are_alike(market, given):
    p = Parameters(**{**EVERY, **given, "least_weight": 1.0})
    fixed = p.replace(size_by="fixed", stop_by="fixed")
    assert obi.entries(market, p).equals(obi.entries(market, fixed))
    ours, theirs = (obi.calibrate(market, one, horizons=(2,)) for one in (p, fixed))
    columns = ["n", "net_bps", "ci_low", "ci_high", "excess_bps", "excess_low", "cost_bps"]
    np.testing.assert_allclose(
        ours.as_traded[columns], theirs.as_traded[columns], rtol=1e-9, equal_nan=True
    )


@pytest.mark.parametrize("given", KINDS[:2] + KINDS[4:5], ids=str)
def test_means_are_weighted_everywhere(market, given):
    chosen = obi.Settings(**{**EVERY, **given})
    found = obi.entries(market, chosen).dropna(subset="net_bps")
    mean = np.average(found["net_bps"], weights=found["weight"])
    assert mean != pytest.approx(found["net_bps"].mean(), abs=1e-3)
    apart = found["weight"] * (found["net_bps"] - mean)
    error = np.sqrt((apart**2).sum() * len(found) / (len(found) - 1)) / found["weight"].sum()
    scanner = Scanner(chosen.parameters)
    scanner.extend(market, chosen.parameters.signal(market, chosen.parameters))
    results = scanner.decided.results
    assert (results.mean_net_bps, results.mean_net_se) == pytest.approx((mean, error))
    if chosen.execution == "taker":
        surface = obi.sweep(market, settings=chosen, threshold=[0.3], size_by=["fixed", "strength"])
        cell = [0] * len(surface.axes)
        cell[list(surface.axes).index("size_by")] = 1
        at = tuple(cell)
        assert surface.entries[at] == len(found)
        assert (surface.mean_net_bps[at], surface.se_bps[at]) == pytest.approx((mean, error))
        cut = found["net_bps"] * found["weight"]
        sealed = obi.sealed_test(market, chosen, after=market.time[20])
        assert sealed.to_frame()["net_bps"].isin(cut).mean() > 0.9  # in bps of a whole size
        assert "whole size" in " ".join(sealed.remarks)


@pytest.mark.parametrize("given", KINDS, ids=str)
def test_the_verdicts_mean_is_weighted(market, given):
    p = Parameters(**{**EVERY, **given})
    report = obi.calibrate(market, p, horizons=(2,))
    decided = decisions(market, p.signal(market, p), p)
    beyond = np.nan_to_num(np.abs(decided.entries)) > p.threshold
    x = np.where(beyond, np.sign(np.nan_to_num(decided.entries)), 0).astype(np.int8)
    for queue, bound in zip(("back", "front"), report.bounds or (report.traded,), strict=False):
        made = entry_returns(market, p, x, (2,), queue, decided.exits, decided.grades)
        net = made.gross_bps[0] - made.fees_bps[0]
        known = ~np.isnan(net) & (made.moves.end[0] >= 0)
        mean, _ = weighted_mean(net[known], weights(p)[decided.grades[known]])
        assert bound.net_bps[0] == pytest.approx(mean)
        assert bound.n[0] == np.count_nonzero(known)
    assert any("per unit of the value traded" in note for note in report.notes)


def test_an_interval_of_a_weighted_mean_holds_the_truth_as_often_as_it_says():
    """Bets overlap, their sizes persist, and the larger ones gain or lose more."""
    random, hits, truth, of = np.random.default_rng(3), 0, 0.0, 300
    states, span = 4_000, 20
    for _ in range(of):
        strong = np.abs(random.normal(size=states // 50 + 1)).repeat(50)[:states]  # persists
        move = random.normal(size=states) * (0.5 + strong)
        share = 0.25 + 0.75 * np.clip(strong - 0.5, 0, 1)
        side = np.sign(random.normal(size=states // 10 + 1)).repeat(10)[:states]
        end = np.minimum(np.arange(states) + span, states - 1).astype(np.int32)
        bets = Bets(side * share, np.zeros(states), share)
        found = estimate(scores(bets, end, move, span), states, 0.95)
        hits += abs(found.mean - truth) <= found.margin
    assert 0.91 <= hits / of <= 0.98


def test_book_states_alone_have_no_size(market):
    with pytest.raises(SettingsError, match="none by strength"):
        obi.fills(market, obi.Settings(size_by="strength"), obi.Maker())


def test_the_equity_is_of_the_whole_size(market):
    from obi_widgets.presentation.charts.equity import Totals

    p = Parameters(**EVERY, fee_bps=1)
    scanner = Scanner(p)
    scanner.extend(market, p.signal(market, p))
    trades, frame = scanner.decided, scanner.decided.to_frame().dropna(subset="net_bps")
    totals = Totals.of(trades)
    assert totals.net == pytest.approx((frame["weight"] * frame["net_bps"]).sum())
    assert totals.fee == pytest.approx(1)
    mean = np.average(frame["gross_bps"], weights=frame["weight"])
    assert totals.break_even == pytest.approx(mean / 2)
    assert Totals.of(replace(trades, weight=np.ones(len(trades.side)))).net != totals.net


@pytest.mark.parametrize("given", KINDS, ids=str)
def test_the_strategy_file_sizes_alike(market, given, tmp_path):
    chosen = obi.Settings(**{**EVERY, **given})
    # A file is written only if it enters and leaves at the same prices.
    text = obi.export_strategy(tmp_path / "s.py", chosen, market).read_text()
    assert "def weight_of" in text
    module: dict[str, object] = {}
    exec(text, module)
    assert module["weight_of"](1.0) == 1.0
    assert module["weight_of"](chosen.threshold) == pytest.approx(0.3)


def test_of_a_card_the_strength_of_an_entry_is_that_of_its_direction():
    """A quantile over the last day is the card's strength, so size and stop follow it."""
    history = leaning(wandering(11_000, 7, keep=0.97, size=0.2), every=10.0)
    cards = obi.cards(history, mode="scalp", signals=obi.Settings(depth=1, decay=0))
    chosen = obi.Settings(
        signal=obi.card_direction, short=10, middle=60, long=300, depth=1, decay=0,
        threshold=0.6, threshold_is="quantile", quantile_window=86_400, hold_seconds=10,
        price="mid", size_by="strength", stop_by="strength", stop_bps=1000,
    )  # fmt: skip
    made = obi.entries(history, chosen)
    at = made["entry_time"].dt.as_unit("ns").astype("int64").to_numpy()
    row = np.searchsorted(cards.time, at, "right") - 1
    strength = cards.strength[row]
    known = strength > 0.6
    assert known.sum() > 200
    place = (strength[known] - 0.6) / 0.4
    weight = made["weight"].to_numpy()[known]
    floor = 0.25 + 0.75 * np.floor(10 * place) / 10
    assert np.abs(weight - floor).max() <= 0.0751  # of a tenth, where both are near its edge
    assert np.mean(np.abs(weight - floor) < 1e-9) > 0.85
