"""Threshold and hold proposed together: a plateau, chosen before the hold-out and judged in it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, replace
from itertools import product

import known_market
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

import obi_widgets as obi
from benchmarks.verdicts import proposals
from obi_widgets.calibration.surface import Surface
from obi_widgets.settings.parameters import Parameters

FREE = Parameters(price="mid", fee_bps=0.0)
THRESHOLDS, HOLDS = (0.2, 0.3, 0.4, 0.5), (2.0, 5.0, 10.0)


def held(history, threshold, hold):
    """Return what entries made that were closed, with their times."""
    trades = obi.entries(history, FREE.replace(threshold=threshold, hold_seconds=hold))
    return trades[trades.ended == "held"]


def surest(history):
    """Return the setting whose weakest neighbour has the largest t, setting by setting."""
    grid = list(product(range(len(THRESHOLDS)), range(len(HOLDS))))
    t = {}
    for i, j in grid:
        made = held(history, THRESHOLDS[i], HOLDS[j]).net_bps
        if len(made) >= 20:
            t[i, j] = made.mean() / (made.std() / len(made) ** 0.5)
    weakest = {
        at: min(t[one] for one in t if max(abs(one[0] - at[0]), abs(one[1] - at[1])) <= 1)
        for at in t
    }
    best = max(weakest, key=weakest.get, default=None)
    if best is None or not weakest[best] > 0:
        return None
    return THRESHOLDS[best[0]], HOLDS[best[1]]


@pytest.mark.parametrize(("edge", "seed"), [(4.0, 1), (4.0, 2), (1.0, 3), (0.0, 4), (0.0, 5)])
def test_it_is_what_a_plain_computation_says(edge, seed):
    history = known_market.history(1800, edge, seed)
    found = obi.propose(history, threshold=THRESHOLDS, hold_seconds=HOLDS, settings=FREE, folds=3)
    cut = history.elapsed[0] + 0.7 * history.elapsed[-1]
    first = int(np.searchsorted(history.elapsed, round(cut)))
    before = history[:first]
    chosen = surest(before)
    assert found.tried == 12
    assert found.origin == history.provenance
    if chosen is None:
        assert found.candidate is None
        return
    assert (found.candidate.threshold, found.candidate.hold_seconds) == chosen
    made = held(before, *chosen).net_bps
    assert found.in_sample.entries == len(made)
    assert found.in_sample.net_bps == pytest.approx(made.mean())
    assert found.in_sample.se_bps == pytest.approx(made.std() / len(made) ** 0.5)
    trades = held(history, *chosen)
    after = trades[trades.entry_time >= pd.Timestamp(history.time[first], tz="UTC")].net_bps
    assert found.out_of_sample.entries == len(after)
    assert found.out_of_sample.net_bps == pytest.approx(after.mean())
    walked = []
    quarter = before.elapsed[-1] / 4
    for fold in (1, 2, 3):
        past = before[: np.searchsorted(before.elapsed, round(fold * quarter) - 10 * 10**9)]
        ends = [round(fold * quarter), round((fold + 1) * quarter) + (fold == 3)]
        part = before[slice(*np.searchsorted(before.elapsed, ends).tolist())]
        if (best := surest(past)) is not None:
            walked += held(part, *best).net_bps.tolist()
    assert found.walked_forward.entries == len(walked)
    assert found.walked_forward.net_bps == pytest.approx(np.mean(walked))
    error = np.std(walked, ddof=1) / len(walked) ** 0.5
    assert found.walked_forward.se_bps == pytest.approx(error)
    sure = len(walked) >= 20 and np.mean(walked) > 1.96 * error
    assert found.settings == (found.candidate if sure else None)
    assert bool(edge >= 4) <= sure


def surface_of(means, entries=100):
    """Return a surface of one decay and depth with these means, and an error of 0.1."""
    means, parts = np.array(means, float), np.zeros((1, 1, *np.shape(means), 3, 13))
    entries = np.broadcast_to(entries, means.shape)
    parts[0, 0, :, :, 0, 0] = entries
    parts[0, 0, :, :, 0, 2] = entries * means
    squares = 0.01 * entries * np.maximum(entries - 1, 0) + entries * means**2
    parts[0, 0, :, :, 0, 3] = parts[0, 0, :, :, 0, 8] = squares
    parts[0, 0, :, :, 0, 9] = parts[0, 0, :, :, 0, 10] = entries  # each of the whole size
    parts[0, 0, :, :, 0, 11] = parts[0, 0, :, :, 0, 12] = entries * means
    rows, columns = means.shape
    axes = {
        "decay": (0.1,),
        "depth": (10,),
        "threshold": tuple((np.arange(1.0, rows + 1) / 10).tolist()),
        "hold_seconds": tuple(np.arange(1.0, columns + 1).tolist()),
    }
    return Surface(axes, FREE, parts)


def test_a_peak_is_no_plateau():
    peak = [[0.2, 0.2, 0.2, -0.1], [0.2, 0.3, 0.2, 0.9], [0.2, 0.2, 0.2, -0.1]]
    weakest = surface_of(peak).weakest_t[0, 0]
    assert weakest[1, 3] == pytest.approx(-1)
    assert weakest[1, 1] == pytest.approx(2)
    assert np.argmax(weakest) in (0, 1, 4, 5, 8, 9)
    few = np.full((3, 4), 100)
    few[[0, 2], 3] = 19  # they say nothing
    assert surface_of(peak, few).weakest_t[0, 0, 1, 3] == pytest.approx(2)
    assert np.isnan(surface_of(peak, few).weakest_t[0, 0, 0, 3])


def test_where_there_is_no_edge_the_hold_out_is_no_best_of_many():
    """Of what was chosen before, whether it was proposed or not."""
    found = [one for market in proposals.NULL for one in proposals.proposals(market, 12)]
    there = [one for one in found if one.out_of_sample.entries > 1]
    ratios = np.array([one.out_of_sample.net_bps / one.out_of_sample.se_bps for one in there])
    chosen = np.array([one.in_sample.net_bps / one.in_sample.se_bps for one in there])
    assert len(there) > 30
    assert abs(ratios.mean()) < 3 * ratios.std() / len(ratios) ** 0.5
    assert chosen.mean() > 5 * chosen.std() / len(chosen) ** 0.5, "it was the best of 63"
    taken = sum(one.settings is not None for one in found)
    assert taken <= binom.ppf(0.995, len(found), 0.05)


def test_an_edge_that_is_planted_is_found():
    found = proposals.proposals(proposals.PLANTED, 8)
    for one in found:
        assert one.settings.threshold in proposals.PLANTED_THRESHOLDS
        assert one.settings.hold_seconds in proposals.PLANTED_HOLDS
    # 10 ticks of 0.1 bps; a few trades are left before the price is back.
    made = np.array([one.out_of_sample.net_bps for one in found])
    assert made.mean() == pytest.approx(1.0, abs=4 * made.std() / len(made) ** 0.5)


def test_it_says_all_in_one_sentence():
    history = known_market.history(1800, 4.0, 1)
    found = obi.propose(history, threshold=THRESHOLDS, hold_seconds=HOLDS, settings=FREE)
    p, out, walked = found.settings, found.out_of_sample, found.walked_forward
    assert found.sentence == (
        f"Proposed, of 12 settings tried: threshold {p.threshold:g} with hold {p.hold_seconds:g} "
        f"s. Before the hold-out it made {found.in_sample} a trade after fees, and "
        f"{found.neighbours_net_bps:+.2f} bps together with the settings beside it; settings "
        f"chosen on the past alone made {walked} a trade. In the hold-out, which was not used to "
        f"choose, it made {out} in {out.entries} trades."
    )
    assert repr(found) == f"<Proposal {found.sentence}>"
    assert {**p.as_dict(), "threshold": 0, "hold_seconds": 0} == {
        **FREE.as_dict(), "threshold": 0, "hold_seconds": 0,
    }  # fmt: skip
    lost = replace(found, out_of_sample=replace(out, net_bps=-0.5))
    assert "it made -0.50 ± " in lost.sentence
    assert lost.sentence.endswith(" trades: the gain did not last.")
    none = replace(found, settings=None)
    assert none.sentence.startswith("None: of 12 settings tried, threshold ")
    assert none.sentence.endswith(" a trade there, which may be chance.")
    dear = obi.propose(history, threshold=[0.4], hold_seconds=[5.0])
    assert (dear.settings, dear.candidate) == (None, None)
    assert dear.sentence == (
        "None: of 1 setting tried, none made money before the hold-out together with all settings "
        "beside it (after fees, in 20 entries or more)."
    )


@pytest.mark.parametrize("rows", [0, 1, 100])
def test_too_little_to_propose_by(rows):
    found = obi.propose(known_market.history(60)[:rows], settings=FREE)
    assert found.settings is None
    assert found.tried == 63
    assert found.sentence.startswith("None: of 63 settings tried")


def figures(proposal, name):
    """Return number, mean and error of a mean gain."""
    return astuple(getattr(proposal, name))


def test_several_recordings_are_one_record():
    """Computed with one by one, and that it is the same as of the joined history."""
    whole = known_market.history(900, 4.0, 1)
    parts = [whole[4500:], whole[:4000]]
    found = obi.propose(parts, settings=FREE)
    joined = obi.propose(obi.History.concat(parts), settings=FREE)
    assert (found.settings, found.candidate) == (joined.settings, joined.candidate)
    assert found.candidate is not None
    for name in ("in_sample", "out_of_sample", "walked_forward"):
        assert figures(found, name) == pytest.approx(figures(joined, name), rel=1e-9)
    assert found.neighbours_net_bps == pytest.approx(joined.neighbours_net_bps, rel=1e-12)
    assert found.origin.states == joined.origin.states
    with ThreadPoolExecutor(2) as executor:
        assert obi.propose(parts, settings=FREE, executor=executor) == found


@pytest.mark.parametrize("hold_out", [0.1, 0.5, 0.85])
def test_the_cut_may_lie_in_any_history(hold_out):
    whole = known_market.history(900, 4.0, 1)
    parts = [whole[:1500], whole[1500:1501], whole[2000:2500], whole[2600:]]
    found = obi.propose(parts, settings=FREE, hold_out=hold_out, folds=3)
    joined = obi.propose(obi.History.concat(parts), settings=FREE, hold_out=hold_out, folds=3)
    assert found.candidate == joined.candidate
    for name in ("in_sample", "out_of_sample", "walked_forward"):
        wanted = pytest.approx(figures(joined, name), rel=1e-9, nan_ok=True)
        assert figures(found, name) == wanted
