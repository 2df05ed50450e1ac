"""The rates of errors on markets with a known edge (see `known_market`).

Fixed seeds, 200 records each but where it says otherwise: with a true rate of 5 % the count lies
within the binomial 99 % band but once in a hundred. The bands are not widened.
"""

from functools import cache
from types import SimpleNamespace

import known_market
import numpy as np
import pytest
from scipy import stats

import obi_widgets as obi
from obi_widgets.calibration import episodes, forward_returns
from obi_widgets.calibration.information_coefficient import information_coefficients
from obi_widgets.calibration.statistics import inference, multiple_testing
from obi_widgets.calibration.statistics.bootstrap import bootstrap

pytestmark = pytest.mark.slow

SEEDS, MORE_SEEDS, LEVEL, THRESHOLD = 200, 600, 0.05, 0.4
HORIZONS = np.array([1.0, 5.0, 10.0, 30.0, 60.0])
HOUR, SHORT = 3600.0, 1200.0
EDGE, STRONG = 0.6, 4.0  # bps; the first is found about every other time at 1 s
REPLICATIONS = 399


def judged(seconds, edge, seed, thresholds, kind="beyond"):
    history = known_market.history(seconds, edge, seed)
    signal = obi.imbalance(history, obi.Settings())
    found = forward_returns.forward_returns(history, HORIZONS)
    x = episodes.entry_columns(history, signal, thresholds, kind=kind)
    return inference.conditional_mean(history.mid, found, x)


def resampled(means, seed, **options):
    return bootstrap(means, replications=REPLICATIONS, seed=seed, **options)


def records(seconds, edge, kind="beyond", threshold=THRESHOLD):
    """Return figures of 200 records by name, shape (200, H)."""
    return kept(seconds, edge, kind, threshold)  # one key, whether or not defaults are given


@cache
def kept(seconds, edge, kind, threshold):
    names = ("p", "ci_low", "ci_high", "t", "t_naive", "se_hodrick", "b", "mean_bps")
    rows = []
    for seed in range(SEEDS):
        means = judged(seconds, edge, seed, threshold, kind)
        again = resampled(means, seed)
        row = {name: getattr(means, name)[:, 0] for name in names}
        row |= {f"{name}_bootstrap": getattr(again, name)[:, 0] for name in names[:3]}
        rows.append(row)
    return SimpleNamespace(**{name: np.array([row[name] for row in rows]) for name in rows[0]})


def band(rate=LEVEL, seeds=SEEDS, share=0.99):
    """Return the binomial band of a count."""
    return stats.binom.ppf([(1 - share) / 2, (1 + share) / 2], seeds, rate)


def within_the_band(hits, rate=LEVEL, share=0.99):
    low, high = band(rate, len(hits), share)
    counts = np.sum(hits, axis=0)
    assert np.all((counts >= low) & (counts <= high)), f"{counts}, not within {low:g} to {high:g}"


# -- no edge -------------------------------------------------------------------------------

RECORDS = [
    (HOUR, "beyond", THRESHOLD),
    (SHORT, "beyond", THRESHOLD),
    (SHORT, "crossing", THRESHOLD),
    (SHORT, "episode", 0.75),  # a few dozen events
]


@pytest.mark.parametrize(("seconds", "kind", "threshold"), RECORDS)
def test_without_an_edge_five_percent_are_significant(seconds, kind, threshold):
    found = records(seconds, 0.0, kind, threshold)
    within_the_band(found.p < LEVEL)
    within_the_band(found.p_bootstrap <= LEVEL)


# Fewer of an hour: their coefficients take most of the time of this file.
@pytest.mark.parametrize(("seconds", "seeds"), [(SHORT, SEEDS), (HOUR, SEEDS // 4)])
def test_without_an_edge_five_percent_of_coefficients_are_significant(seconds, seeds):
    p = []
    for seed in range(seeds):
        history = known_market.history(seconds, 0.0, seed)
        signal = obi.imbalance(history, obi.Settings())
        moves = forward_returns.forward_returns(history, HORIZONS)
        found = information_coefficients(history, signal, moves)
        p.append([found.ic_p, found.rank_ic_p])
    within_the_band(np.array(p) < LEVEL)


def test_the_naive_error_is_significant_almost_everywhere():
    found = records(HOUR, 0.0)
    naive = np.mean(np.abs(found.t_naive) > 1.96, axis=0)
    assert np.all(naive > 0.4)
    assert np.all(naive[1:] > 0.6)


def test_newey_west_with_normal_critical_values_finds_too_many():
    # What p and the intervals are not made of: at the overlap's lag a part of the variance is
    # left out.
    counts = np.sum(np.abs(records(HOUR, 0.0).t) > 1.96, axis=0)
    assert counts.mean() > 1.4 * LEVEL * SEEDS


def test_after_a_hundred_settings_any_is_significant_at_five_percent():
    thresholds = np.linspace(0.1, 0.8, 20)
    lowest, corrected = [], {"familywise": [], "benjamini_hochberg": [], "holm": []}
    for seed in range(SEEDS):
        means = judged(HOUR, 0.0, seed, thresholds)
        again = resampled(means, seed, bins=512)
        assert means.p.size == 100
        lowest.append(np.nanmin(means.p))
        corrected["familywise"].append(np.nanmin(again.p_familywise))
        for name in ("benjamini_hochberg", "holm"):
            corrected[name].append(np.nanmin(getattr(multiple_testing, name)(means.p)))
    assert np.mean(np.array(lowest) < LEVEL) > 0.25  # without a correction
    within_the_band(np.array(corrected["familywise"]) <= LEVEL)
    # The others know nothing of how alike the settings are: they hold the level, and waste some.
    for name in ("benjamini_hochberg", "holm"):
        assert np.sum(np.array(corrected[name]) <= LEVEL) <= band()[1]


# -- a known edge --------------------------------------------------------------------------


def test_intervals_cover_the_true_effect_at_their_rate():
    found = records(HOUR, EDGE)
    truth = known_market.effect(EDGE, HORIZONS, THRESHOLD)
    within_the_band((found.ci_low <= truth) & (truth <= found.ci_high), 1 - LEVEL)
    # The bootstrap's are a little too narrow on short records: see its module.
    within = (found.ci_low_bootstrap <= truth) & (truth <= found.ci_high_bootstrap)
    within_the_band(within, 1 - LEVEL)
    assert found.mean_bps.mean(axis=0) == pytest.approx(truth, abs=0.06, rel=0.1)


def test_intervals_of_short_records_cover_a_strong_effect_at_nearly_their_rate():
    # They miss it in 6 to 7 % of 2,000 records, not in 5. The 99 % band of 200 records is wide
    # enough to let that pass or not, as seeds fall; the 99.9 % band of 600 is narrower.
    truth = known_market.effect(STRONG, HORIZONS, THRESHOLD)
    covered, means = [], []
    for seed in range(MORE_SEEDS):
        found = judged(SHORT, STRONG, seed, THRESHOLD)
        covered.append((found.ci_low[:, 0] <= truth) & (truth <= found.ci_high[:, 0]))
        means.append(found.mean_bps[:, 0])
    within_the_band(covered, 1 - LEVEL, 0.999)
    assert np.mean(means, axis=0) == pytest.approx(truth, abs=0.06, rel=0.1)
