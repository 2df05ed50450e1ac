"""Signals side by side: against statsmodels, scipy and pandas, by hand, and on known markets."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from history_tools import MS, NAN, early
from scipy import stats

import obi_widgets as obi
from benchmarks.verdicts import markets
from obi_widgets.calibration.forward_returns import forward_returns
from obi_widgets.calibration.incremental import incremental
from obi_widgets.signals.next_move import Samples

HORIZONS = (1.0, 5.0, 20.0)
SIGNALS = ("queue_imbalance", "imbalance", "order_flow_imbalance", "trade_imbalance")


@pytest.fixture(scope="module")
def compared(history):
    return obi.compare(history, SIGNALS, horizons=HORIZONS)


def values_of(history):
    return pd.DataFrame({
        name: obi.compute(history, obi.Settings(signal=name)) for name in SIGNALS
    })  # fmt: skip


def test_coefficients_are_those_of_calibrate_and_scipy(history, compared):
    frame = compared.to_frame()
    returns = forward_returns(history, HORIZONS)
    for name in SIGNALS:
        report = obi.calibrate(history, obi.Settings(signal=name), horizons=HORIZONS)
        for column in ("ic", "rank_ic", "n"):
            np.testing.assert_array_equal(
                frame.loc[name, column], getattr(report.coefficients, column)
            )
        np.testing.assert_array_equal(frame.loc[name, "p"], report.coefficients.rank_ic_p)
        values = values_of(history)[name].to_numpy()
        for y, rank_ic in zip(returns.bps, frame.loc[name, "rank_ic"], strict=True):
            known = ~np.isnan(values) & ~np.isnan(y)
            assert rank_ic == pytest.approx(stats.spearmanr(values[known], y[known])[0], rel=1e-9)


def test_correlations_are_those_of_pandas(history, compared):
    known = values_of(history)[~np.isnan(history.mid)].dropna()
    pd.testing.assert_frame_equal(compared.correlation, known.corr("spearman"), rtol=1e-9)
    assert compared.incremental.states == len(known)


def test_what_is_added_is_what_regressions_leave(history, compared):
    """Residuals of ranks by statsmodels; errors of the order of its HAC ones."""
    values, frame = values_of(history), compared.to_frame()
    returns = forward_returns(history, HORIZONS)
    for row, horizon in enumerate(HORIZONS):
        y = pd.Series(returns.bps[row])
        known = values.notna().all(axis=1) & y.notna()
        x, v = values[known].rank(), y[known].rank()
        assert (frame.xs(horizon, level="horizon")["adds_n"] == known.sum()).all()
        for name in SIGNALS:
            twins = x.corr()[name].abs() >= 0.9
            others = sm.add_constant(x.loc[:, ~twins])
            own, left = (sm.OLS(one, others).fit().resid for one in (x[name], v))
            told = frame.loc[(name, horizon)]
            assert told["adds"] == pytest.approx(np.corrcoef(own, left)[0, 1], abs=1e-9)
            kept = ~twins | (x.columns == name)
            fit = sm.OLS(v, sm.add_constant(x.loc[:, kept])).fit(
                cov_type="HAC", cov_kwds={"maxlags": int(returns.overlap[row])}
            )
            # Its error in units of the correlation; it is known to be too small by up to a third.
            error = fit.bse[name] * np.std(own) / np.std(left)
            half = (told["adds_high"] - told["adds_low"]) / 2
            if not np.isnan(half):
                assert 0.5 < half / (1.96 * error) < 3.5


def test_own_is_the_reciprocal_of_the_variance_inflation(history, compared):
    x = values_of(history)[~np.isnan(history.mid)].dropna().rank()
    for name in SIGNALS:
        kept = (x.corr()[name].abs() < 0.9) | (x.columns == name)  # without twins
        inverse = pd.DataFrame(np.linalg.inv(x.loc[:, kept].corr()), *2 * [x.columns[kept]])
        own = compared.summary.loc[name, "own"]
        assert own == pytest.approx(1 / inverse.loc[name, name], rel=1e-6)


def test_the_area_is_that_of_mann_and_whitney(history, compared):
    samples = Samples.of(history, 0)
    for name in SIGNALS:
        at_time = values_of(history)[name].to_numpy()[samples.row]
        known = ~np.isnan(at_time)
        up, down = at_time[known & samples.rose], at_time[known & ~samples.rose]
        area = stats.mannwhitneyu(up, down).statistic / len(up) / len(down)
        row = compared.summary.loc[name]
        assert row["auc"] == pytest.approx(area, abs=1e-12)
        assert row["auc_low"] < row["auc"] < row["auc_high"]
        assert row["moves"] == known.sum()


def test_autocorrelation_is_that_of_pandas():
    random = np.random.default_rng(1)
    history = markets.book(
        markets.times(1000), np.cumsum(random.normal(size=1000)), markets.signal(random, 1000)
    )
    found = obi.compare(history, [markets.MID], horizons=[5.0, 10.0])
    series = pd.Series(obi.compute(history, markets.MID))
    assert found.autocorrelation[0] == pytest.approx([series.autocorr(10), series.autocorr(20)])


# -- by hand -------------------------------------------------------------------------------------


def tape(values, at=None):
    """A history whose queue imbalance is given, and mid rises by 1 each state."""
    at = np.arange(len(values)) * 1000 if at is None else np.array(at)
    values = np.array(values, float)
    bid = np.where(np.isnan(values), NAN, 100.0 + np.arange(len(values)))
    return early(at * MS, bid, 1 + values, bid + 1, 1 - values, tick_size=1.0)


def test_share_on_is_of_time_and_not_of_states():
    # 0.5 lasts 1 s, 0.1 lasts 3 s, 0.5 lasts 2 s until the book is lost, then −0.5 lasts 4 s. What
    # comes last lasts no time.
    history = tape([0.5, 0.1, 0.5, NAN, -0.5, 0.2], at=[0, 1000, 4000, 6000, 50_000, 54_000])
    found = obi.compare(history, [obi.Settings(signal="queue_imbalance", threshold=0.4)])
    assert found.share_on[0] == pytest.approx(7 / 10)


def test_one_signal_has_no_others(history):
    found = obi.compare(history, obi.queue_imbalance, horizons=[1.0, 5.0])
    assert found.names == ("queue_imbalance",)
    np.testing.assert_allclose(found.adds, found.rank_ic, rtol=1e-9)
    assert found.incremental.own.tolist() == [1.0]
    assert "What each adds" not in repr(found)
    assert found.says("queue_imbalance").startswith(("predicts returns of", "not told"))


def test_equal_signals_are_told_and_not_held_against_each_other(history):
    queue = obi.queue_imbalance(history)
    found = obi.compare(
        history, {"a": queue, "b": 3 * queue**3, "flow": "order_flow_imbalance"}, horizons=[5.0]
    )
    assert (found.repeats("a"), found.repeats("b"), found.repeats("flow")) == ("", "a", "")
    assert found.says("b") == "repeats a: correlation +1.00"
    assert not found.says("a").startswith("repeats")
    # To the third they are one signal, and each is what it is without the other.
    alone = obi.compare(history, {"a": queue, "flow": "order_flow_imbalance"}, horizons=[5.0])
    assert found.adds[2] == pytest.approx(alone.adds[1])
    assert found.adds[:2, 0] == pytest.approx(np.repeat(alone.adds[0], 2))
    assert found.incremental.low[:2, 0] == pytest.approx(np.repeat(alone.incremental.low[0], 2))
    assert "b: repeats a" in repr(found)


def test_twins_of_either_sign_are_told(history):
    queue = obi.queue_imbalance(history)
    found = obi.compare(
        history, {"against": -queue, "with": queue, "flow": obi.order_flow_imbalance}
    )
    assert found.says("with") == "repeats against: correlation -1.00"
    assert found.summary.loc["with", "own"] == found.summary.loc["against", "own"]


def test_what_others_are_together_has_no_number(history):
    """Ranks of a whole that are the sum of other ranks: no two of the three are alike."""
    random, states = np.random.default_rng(2), len(history) // 2 * 2
    some = history[:states]
    a = random.permutation(states).astype(float)
    b = np.where(np.arange(states) % 2, 1.0, 0.0)[random.permutation(states)]
    # First those without b in the order of a, then those with it.
    total = stats.rankdata(a) + 1e6 * b
    found = obi.compare(some, {"a": a, "b": b, "sum": total}, horizons=[5.0])
    correlation = found.correlation.to_numpy()[np.triu_indices(3, 1)]
    assert (np.abs(correlation) < 0.9).all()
    assert np.isnan(found.adds).all()
    for name in found.names:
        assert found.says(name).startswith("collinear with the others together")


def test_constant_and_empty_signals_are_left_out(history):
    given = {"one": np.ones(len(history)), "none": np.full(len(history), NAN), "q": obi.imbalance}
    found = obi.compare(history, given, horizons=[1.0, 5.0])
    assert found.used == ("q",)
    assert found.says("one") == "left out: it is always 1"
    assert found.says("none") == "left out: it has no value at any state"
    row = found.summary.loc["one"]
    assert row[["auc", "half_life", "persistence", "own"]].isna().all()
    assert found.to_frame().loc["one", ["ic", "rank_ic", "p", "adds"]].isna().all(axis=None)
    assert found.tried == 3
    np.testing.assert_allclose(found.adds[2], found.rank_ic[2])


def test_where_all_are_left_out_it_is_said(history):
    found = obi.compare(history, {"one": np.ones(len(history))}, horizons=[1.0])
    assert found.used == ()
    assert found.to_frame()["adds_n"].tolist() == [0]
    assert repr(found).endswith("one: left out: it is always 1.")


def test_a_signal_that_uses_later_data_is_left_out(history):
    def leak(one):
        return np.append(np.diff(np.nan_to_num(one.mid)), 0.0)

    found = obi.compare(history, [leak, obi.imbalance], horizons=[1.0])
    assert found.says("leak").startswith("left out: it uses later data: at ")
    assert found.to_frame().loc["leak", ["p", "p_adjusted", "adds"]].isna().all(axis=None)


def test_few_common_states_are_told(history):
    late = np.where(np.arange(len(history)) < 0.9 * len(history), NAN, obi.queue_imbalance(history))
    found = obi.compare(history, {"late": late, "whole": obi.imbalance}, horizons=[1.0])
    assert f"in {found.incremental.states:,} of {len(history):,} states; late in" in found.limits[0]
    apart = np.where(np.isnan(late), obi.queue_imbalance(history), NAN)
    never = obi.compare(history, {"late": late, "early": apart}, horizons=[1.0])
    assert never.incremental.states == 0
    assert np.isnan(never.adds).all()
    assert np.isnan(never.correlation).all(axis=None)
    assert not np.isnan(never.rank_ic).any()
    repr(never)


@pytest.mark.parametrize("states", [0, 1, 2, 3, 6])
def test_short_histories_have_no_figures_and_no_warning(states):
    history = tape([0.5, -0.3, 0.2, NAN, 0.1, 0.4])[:states]
    found = obi.compare(history, ["queue_imbalance", "imbalance"], horizons=[1.0])
    assert np.isnan(found.p_adjusted).all()
    assert np.isnan(found.incremental.p).all()
    assert len(found.to_frame()) == 2
    assert len(found.summary) == 2
    assert repr(found).startswith("2 signals, 0:0")


def test_several_histories_are_one_record(history):
    half = len(history) // 2
    parts = [history[:half], history[half:]]
    found = obi.compare(parts, ["queue_imbalance", "imbalance"], horizons=[5.0])
    joined = obi.compare(
        obi.History.concat(parts), ["queue_imbalance", "imbalance"], horizons=[5.0]
    )
    np.testing.assert_array_equal(found.rank_ic, joined.rank_ic)
    np.testing.assert_array_equal(found.adds, joined.adds)
    assert found.states == len(history) + 1  # a gap between them


def test_names_tell_signals_apart(history):
    part = history[:500]
    found = obi.compare(
        part, [obi.Settings(decay=0.1), obi.Settings(decay=0.3), "imbalance", obi.imbalance],
        horizons=[1.0],
    )  # fmt: skip
    assert len(set(found.names)) == 4
    assert found.names[1] == "imbalance decay=0.3"
    frame = pd.DataFrame({"a": obi.queue_imbalance(part), "b": obi.imbalance(part)})
    assert obi.compare(part, frame, horizons=[1.0]).names == ("a", "b")


def test_what_was_tried_counts(history):
    few = obi.compare(history, SIGNALS[:2], horizons=[1.0, 5.0])
    many = obi.compare(history, SIGNALS[:2], horizons=[1.0, 5.0], tried=1000)
    assert (few.tried, many.tried) == (2, 1000)
    smallest = np.nanargmin(few.p)
    assert few.p_adjusted.flat[smallest] == pytest.approx(4 * few.p.flat[smallest])
    assert many.p_adjusted.flat[smallest] == pytest.approx(min(2000 * few.p.flat[smallest], 1.0))
    with pytest.raises(obi.ObiError, match="tried = 1 is not possible"):
        obi.compare(history, SIGNALS[:2], tried=1)


@pytest.mark.parametrize(
    ("signals", "message"),
    [
        ([], "There are 0 signals"),
        (["imbalance"] * 51, "There are 51 signals"),
        (["imbalanc"], "imbalance"),
        ([3], "3 is not a signal"),
        (7, "signals = 7 is not possible"),
        ({"a": np.ones(3)}, "shape"),
    ],
)
def test_wrong_signals_are_refused(history, signals, message):
    with pytest.raises(obi.ObiError, match=message):
        obi.compare(history, signals)


@pytest.mark.parametrize(
    ("signals", "message"),
    [
        (["imbalance", "vpin"], "vpin has no direction"),
        (
            ["amihud", "imbalance", obi.Settings(signal="kyle_lambda")],
            "amihud, kyle_lambda have no",
        ),
        ({"smooth": obi.smooth(obi.vpin, 5)}, "smooth has no direction"),
    ],
)
def test_gauges_are_refused(history, signals, message):
    """What they might tell is the size of moves: another target than that of the others."""
    with pytest.raises(obi.ObiError, match=message):
        obi.compare(history, signals)


# -- on known markets ------------------------------------------------------------------------------


def three(random, *, follows=0.0, alone=0.0, states=2400):
    """Return states, and two signals: one that returns follow, and one that goes with it."""
    lead, other = (markets.autoregression(random, states, 5.0) for _ in range(2))
    moves = random.standard_normal(states)
    moves[1:] += follows * lead[:-1] + alone * other[:-1]
    history = markets.book(markets.times(states), 3 * np.cumsum(moves), np.zeros(states))
    return history, lead, 0.8 * lead + 0.6 * other


@pytest.mark.slow
def test_what_only_goes_with_another_adds_nothing_and_is_told_as_often_as_by_chance():
    wrong, beside, seeds = 0, 0, 150
    for seed in range(seeds):
        history, lead, beside_it = three(np.random.default_rng([5, seed]), follows=0.4)
        found = incremental(
            history.mid, history.elapsed, [lead, beside_it], forward_returns(history, [5.0]), 0.95
        )
        wrong += found.p[1, 0] < 0.05
        beside += not found.low[1, 0] < 0 < found.high[1, 0]
        assert found.p[0, 0] < 0.05
    assert 0.01 <= wrong / seeds <= 0.10
    assert 0.01 <= beside / seeds <= 0.12


def test_what_adds_is_found_and_so_is_what_only_corrects_another():
    history, lead, beside_it = three(np.random.default_rng(8), alone=0.4, states=7200)
    found = obi.compare(history, {"lead": lead, "own": beside_it}, horizons=[5.0])
    assert found.says("own") == "adds to the others at 5 s"
    assert found.adds[1, 0] > 0.2
    # Alone the first tells nothing. Given the second it says how much of that is of no use.
    assert found.p_adjusted[0, 0] > 0.05
    assert found.adds[0, 0] < 0
    assert found.incremental.p[0, 0] < 0.05


def test_intervals_hold_the_truth_on_long_records():
    """The truth is the mean over long records; intervals of short ones hold it."""
    true = np.mean([
        incremental(h.mid, h.elapsed, [a, b], forward_returns(h, [2.0]), 0.95).ic[1, 0]
        for h, a, b in (
            three(np.random.default_rng([6, seed]), alone=0.3, states=20_000) for seed in range(5)
        )
    ])  # fmt: skip
    held, seeds = 0, 100
    for seed in range(seeds):
        history, *both = three(np.random.default_rng([7, seed]), alone=0.3)
        found = incremental(
            history.mid, history.elapsed, both, forward_returns(history, [2.0]), 0.95
        )
        held += found.low[1, 0] < true < found.high[1, 0]
    assert 0.89 <= held / seeds <= 0.99


def test_half_life_is_of_a_peak_that_is_told(history):
    found = obi.compare(history, SIGNALS, horizons=(0.5, 1, 2, 5, 10, 20, 30))
    frame = found.to_frame()
    for name, value in zip(found.names, found.half_life, strict=True):
        rank_ic = frame.loc[name, "rank_ic"]
        peak = rank_ic.abs().idxmax()
        if frame.loc[(name, peak), "p_adjusted"] < 0.05 and not np.isnan(value):
            before = rank_ic[rank_ic.index > value].iloc[0] / rank_ic[peak]
            assert value > peak
            assert before <= 0.5
        elif frame.loc[(name, peak), "p_adjusted"] >= 0.05:
            assert np.isnan(value)
    assert (found.half_life > 0).any()


def test_the_text_has_every_signal_and_what_is_found(compared):
    text = repr(compared)
    for name, part in itertools.product(SIGNALS, ("", ": ")):
        assert f"{name}{part}" in text
    assert "* significant with 12 tests" in text
    assert max(map(len, text.splitlines())) <= 160
    assert "<pre>" in compared._repr_html_()
