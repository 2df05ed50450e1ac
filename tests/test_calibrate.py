"""The report and its verdict: on markets with a known edge, on captures, and by hand."""

from __future__ import annotations

import re
from dataclasses import replace

import known_market
import numpy as np
import pytest
from scipy.stats import binom

import obi_widgets as obi
from obi_widgets.calibration.statistics.multiple_testing import benjamini_hochberg
from obi_widgets.errors import HistoryError, SettingsError


@pytest.mark.parametrize("entry_kind", ["beyond", "crossing", "episode"])
def test_no_capture_is_viable_at_retail_fees(history, entry_kind):
    report = obi.calibrate(history, obi.Settings(fee_bps=5.0), entry_kind=entry_kind)
    assert report.verdict == "not viable"
    assert report.reason.startswith("There is an effect at ")
    assert ", but too small: trading costs 10.0" in report.reason
    at = report.judgement.horizon
    traded = report.as_traded.iloc[at]
    assert report.break_even_bps == pytest.approx((traded.net_bps + traded.cost_bps) / 2)
    assert traded.ci_high < 0
    assert 0 < report.break_even_bps < 1


def test_the_columns_of_the_table_agree_with_each_other(history):
    settings = obi.Settings(fee_bps=2.0)
    report = obi.calibrate(history, settings, horizons=[10, 1, 30])
    table = report.table
    assert table.index.tolist() == [1, 10, 30]
    assert table.index.name == "horizon"
    wanted = "n n_eff mean_bps se_bps t p ci_low ci_high t_naive t_bootstrap p_adjusted"
    assert set(wanted.split()) < set(table.columns)
    assert not table.isna().any().any()
    assert (table.ci_low < table.mean_bps).all()
    assert (table.mean_bps < table.ci_high).all()
    np.testing.assert_allclose(table.t, table.mean_bps / table.se_bps)
    np.testing.assert_allclose(table.p_adjusted, benjamini_hochberg(table.p))
    assert (table.n_eff <= table.n).all()
    # The cost is the fees of both sides, and a spread of one or two ticks.
    assert (table.cost_bps - 4).between(0, 0.2).all()


def test_more_settings_tried_make_p_values_larger(history):
    alone, many = (
        obi.calibrate(history, obi.Settings(), horizons=[1, 10], tried=tried).table.p_adjusted
        for tried in (1, 50)
    )
    np.testing.assert_allclose(many, np.minimum(alone * 50, 1.0))


def test_at_mid_the_cost_is_the_fees(history):
    report = obi.calibrate(history, obi.Settings(price="mid", fee_bps=-0.5), horizons=[1, 5])
    assert report.cost_bps.tolist() == [-1.0, -1.0]


def test_a_notebook_shows_the_verdict_and_the_table(history):
    report = obi.calibrate(history, obi.Settings(), horizons=[1, 10])
    shown = report._repr_html_()
    assert shown.startswith(f"<p><b>Not viable.</b> {report.reason}</p><table")
    cells = re.findall(r"<td>(.*?)</td>", shown)
    assert len(cells) == 2 * 9
    made = [float(cell) for cell in cells[8::9]]
    np.testing.assert_allclose(made, report.as_traded.net_bps, rtol=5e-3)


def test_as_traded_is_the_mean_less_its_costs(history):
    report = obi.calibrate(history, obi.Settings(fee_bps=2.0), horizons=[1, 10])
    table = report.as_traded
    assert table.index.tolist() == [1, 10]
    assert table.index.name == "horizon"
    np.testing.assert_allclose(table.net_bps, table.gross_bps - 4)
    np.testing.assert_allclose(table.cost_bps, report.table.cost_bps)
    assert (table.n <= report.table.n).all()
    assert (table.net_bps < 0).all()
    assert (table.won < report.table.hit_rate).all()
    # The interval is that of mid, widened only by the variation of the cost.
    wide, alone = table.ci_high - table.ci_low, report.table.ci_high - report.table.ci_low
    assert ((wide / alone).between(1, 1.1)).all()


@pytest.mark.slow
def test_the_interval_as_traded_covers_the_true_gain():
    settings, horizon = obi.Settings(fee_bps=1.0), 5.0
    tick = 1e4 * known_market.LISTING.tick_size / known_market.LISTING.price
    truth = known_market.effect(4.0, horizon, settings.threshold) - tick - 2
    tables = [
        obi.calibrate(known_market.history(1200, 4.0, seed), settings, horizons=[horizon]).as_traded
        for seed in range(100)
    ]
    covered = sum(table.ci_low.item() <= truth <= table.ci_high.item() for table in tables)
    assert binom.ppf(0.005, 100, 0.95) <= covered


@pytest.mark.parametrize("name", ["a.toml", "a.json"])
def test_findings_of_any_kind_of_number_are_saved_and_loaded(history, tmp_path, name):
    settings = obi.Settings()
    kinds = {"tried": np.int64(3), "level": np.float32(0.5), "hold_out": np.float32(0.25)}
    findings = obi.calibrate(history, settings, **kinds).findings
    assert obi.Settings.load(settings.save(tmp_path / name, findings=findings)).findings == findings


def test_several_recordings_are_one_record(history):
    parts = [history[:2000], history[2500:]]
    report = obi.calibrate(reversed(parts), obi.Settings(), horizons=[1, 10])
    alone = [obi.calibrate(part, obi.Settings(), horizons=[1, 10]) for part in parts]
    n = np.stack([one.means.n[:, 0] for one in alone])
    mean = np.stack([one.means.mean_bps[:, 0] for one in alone])
    np.testing.assert_array_equal(report.means.n[:, 0], n.sum(axis=0))
    np.testing.assert_allclose(report.means.mean_bps[:, 0], (n * mean).sum(axis=0) / n.sum(axis=0))
    assert report.seconds == pytest.approx(sum(one.seconds for one in alone), abs=1e-6)
    assert report.states == len(parts[0]) + 1 + len(parts[1])


def test_days_between_recordings_are_not_held_out(history):
    later = replace(history, time=history.time + 10**15, received=history.received)
    report = obi.calibrate([history[:4000], later[:400]], obi.Settings(), horizons=[1])
    # The hold-out is 30 % of the time in sync; the time between the recordings does not count.
    share = report.out_of_sample.n[0, 0] / report.means.n[0, 0]
    assert 0.15 < share < 0.5


def verdicts(*, edge, fee, seeds=20, seconds=3600):
    settings = obi.Settings(price="mid", fee_bps=fee)
    return [
        obi.calibrate(known_market.history(seconds, edge=edge, seed=seed), settings).verdict
        for seed in range(seeds)
    ]


@pytest.mark.slow
def test_an_edge_is_viable_without_fees():
    found = verdicts(edge=3.0, fee=0.0)
    assert found.count("viable") >= 19


@pytest.mark.slow
def test_an_edge_too_small_for_its_costs_is_not_viable():
    found = verdicts(edge=3.0, fee=5.0)
    assert found.count("not viable") == len(found)


@pytest.mark.slow
def test_a_market_without_an_edge_is_rarely_viable_at_no_cost():
    # Without costs. The rule needs a gain above 0 in the hold-out as well: fewer than 2.5 %.
    found = verdicts(edge=0.0, fee=0.0, seeds=40)
    assert found.count("viable") <= 3


@pytest.mark.slow
def test_a_record_of_the_needed_length_finds_the_effect():
    settings = obi.Settings(price="mid", fee_bps=0.0)
    report = obi.calibrate(known_market.history(1200, edge=0.0, seed=1), settings, horizons=[5])
    effect = known_market.effect(1.0, 5.0, settings.threshold)
    needed = report.seconds_needed(effect)
    assert report.seconds_needed(2 * effect) < needed < report.seconds_needed(effect / 2)
    found = [
        obi.calibrate(known_market.history(needed, edge=1.0, seed=seed), settings, horizons=[5])
        for seed in range(60)
    ]
    # 80 %, within 10 points and three standard errors of 60 draws.
    assert 0.8 - 0.26 < np.mean([report.verdict == "viable" for report in found]) <= 0.99


def test_an_empty_history_gives_not_enough_data():
    empty = obi.History.from_arrays(np.empty(0, np.int64), *[np.empty((0, 1))] * 4)
    report = obi.calibrate(empty, obi.Settings())
    assert report.verdict == "not enough data"
    assert report.reason == "The record is empty."
    assert np.isnan([report.break_even_bps, report.seconds_needed()]).all()
    assert len(report.table) == len(report.horizons)
    assert repr(report).startswith("<Report not enough data: ")


def book_of(bid, ask, size=1.0):
    time = 10**18 + np.arange(len(bid)) * 10**8
    sizes = np.full(len(bid), size)
    return obi.History.from_arrays(time, bid, sizes, ask, sizes, tick_size=0.5)


@pytest.mark.parametrize(
    ("bid", "ask"), [(np.nan, np.nan), (99.0, np.nan), (np.nan, 99.5)], ids=["none", "bid", "ask"]
)
def test_a_book_that_never_has_both_sides_gives_not_enough_data(bid, ask):
    record = book_of(np.full(100, bid), np.full(100, ask))
    report = obi.calibrate(record, obi.Settings(depth=1), horizons=(1, 5))
    assert report.verdict == "not enough data"
    assert report.reason == "The book never had both sides: no state of the record has a mid."


def test_a_signal_that_looks_back_beyond_the_record_is_not_said_to_be_rare(history):
    long = obi.Settings(signal=obi.zscore(obi.queue_imbalance, window=86_400), threshold=2)
    report = obi.calibrate(history[:500], long, horizons=(1,))
    assert report.verdict == "not enough data"
    assert report.reason.startswith("The signal has no value at any state: it may look back ")


def test_orders_that_the_book_cannot_fill_are_the_reason(history):
    report = obi.calibrate(history, obi.Settings(depth=1, size=1e12), horizons=(1, 5))
    assert report.verdict == "not enough data"
    orders = int(report.as_traded["missed"].max())
    assert report.reason.startswith(f"There is no result: none of {orders:,} orders was filled.")


def test_several_histories_without_states_are_refused(history):
    empty = history[:0]
    settings = obi.Settings()
    for compute in (obi.calibrate, obi.propose):
        with pytest.raises(HistoryError, match=r"^None of the histories has a state\. Give "):
            compute([empty, empty], settings=settings)
    alone = obi.calibrate([history, empty], settings, horizons=(1,))
    assert alone.states == len(history)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"level": 1.0}, "level = 1.0 is not possible. Give a number between 0 and 1."),
        (
            {"tried": 0},
            "tried = 0 is not possible. Give 1 to 1,000,000,000 settings, these included.",
        ),
        (
            {"tried": np.nan},
            "tried = nan is not possible. Give 1 to 1,000,000,000 settings, these included.",
        ),
        ({"hold_out": 0.0}, "hold_out = 0.0 is not possible. Give a number between 0 and 1."),
        ({"horizons": []}, "horizons = [] is not possible. Horizons are seconds, above 0."),
        ({"horizons": [0, 1]}, "is not possible. Horizons are seconds, above 0."),
        ({"entry_kind": "often"}, "entry_kind = 'often' is not possible."),
    ],
)
def test_impossible_arguments_are_refused(history, options, says):
    with pytest.raises(SettingsError) as error:
        obi.calibrate(history[:100], obi.Settings(), **options)
    assert says in str(error.value)


@pytest.mark.parametrize("seed", [np.int64(3), 3.0])
def test_a_seed_may_be_of_any_type_of_number(seed):
    history = obi.simulate(seconds=60, levels=10, seed=1)
    found, wanted = (
        obi.calibrate(history, obi.Settings(), horizons=(1,), seed=one, tried=np.int64(2)).bootstrap
        for one in (seed, 3)
    )
    np.testing.assert_array_equal(found.p, wanted.p)
