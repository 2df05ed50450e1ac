"""A history knows at which interval its states were kept, and what it is too coarse for."""

from __future__ import annotations

import json

import known_market
import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.calibration.forward_returns import COARSE, forward_returns
from obi_widgets.calibration.result import CalibrationResult
from obi_widgets.errors import HistoryError
from obi_widgets.market_data.events import Instrument
from obi_widgets.presentation.tear_sheet.tear_sheet import SheetMaker

FREE = obi.Settings(price="mid", fee_bps=0.0)


def thinned(history, interval, told=None):
    """Keep the last state of each interval, which ends at a time of its own."""
    number = history.time // round(interval * 1e9)
    last = np.append(number[1:] != number[:-1], True)
    last &= np.random.default_rng(0).random(len(last)) < 0.9  # quotes do not come on the clock
    sides = [history.prices(+1), history.sizes(+1), history.prices(-1), history.sizes(-1)]
    return obi.History.from_arrays(
        history.time[last],
        *(one[last] for one in sides),
        tick_size=history.tick_size,
        interval=told,
    )


@pytest.mark.parametrize("interval", [0, 0.1, 1])
def test_a_recording_is_as_coarse_as_it_was_loaded(captures, interval):
    history = obi.load(captures["btcusdt"][0], interval=interval)
    assert history.interval == interval
    assert history[10:20].interval == interval


def test_arrays_are_taken_as_every_state_unless_it_is_said():
    history = known_market.history(10)
    assert history.interval == 0
    assert thinned(history, 1.0, told=1).interval == 1.0
    for wrong in (-1, np.nan, np.inf):
        with pytest.raises(HistoryError, match=r"^interval = .* is not possible\. Give seconds"):
            thinned(history, 1.0, told=wrong)


def test_what_is_joined_is_as_coarse_as_its_coarsest_part():
    history = known_market.history(60)
    whole = obi.History.concat([history[:300], thinned(history[301:], 1.0, told=1.0)])
    assert whole.interval == 1.0


def mean_after(history, seconds):
    signal = obi.imbalance(history, FREE)
    moved = forward_returns(history, [seconds]).bps[0]
    return np.nanmean(np.where(np.abs(signal) > 0.4, np.sign(signal) * moved, np.nan))


def test_why_a_horizon_takes_ten_intervals():
    """A state is up to an interval old: near the interval, most of a return is not there yet."""
    found = {1.0: [], 2.0: [], COARSE: []}
    for seed in range(6):
        history = known_market.history(7200, edge=8.0, seed=seed)
        coarse = thinned(history, 2.0)
        for times, shares in found.items():
            seconds = 2.0 * times
            shares.append((mean_after(coarse, seconds), mean_after(history, seconds)))
    share = {times: np.divide(*np.mean(both, axis=0)) for times, both in found.items()}
    assert share[1.0] < 0.9
    assert share[1.0] < share[2.0] < share[COARSE]
    assert share[COARSE] == pytest.approx(1, abs=0.05)


def test_what_it_is_too_coarse_for_is_nothing_and_the_reason_says_why():
    history = thinned(known_market.history(3600, edge=3.0, seed=1), 0.5, told=0.5)
    report = obi.calibrate(history, FREE)
    told = ~np.isnan(report.as_traded.net_bps)
    assert told.index[told].tolist() == [5, 10, 20, 30, 60]
    assert report.means.n[:, 0].tolist()[:2] == [0, 0]
    assert np.isnan(report.coefficients.ic[:2]).all()
    assert report.reason.endswith(
        "Horizons below 5 s have no result: the history keeps a state every 0.5 s, and a horizon "
        "needs 10."
    )
    short = obi.calibrate(history, FREE, horizons=[1.0, 2.0])
    assert short.verdict == "not enough data"
    assert short.reason.startswith("There is no result: ")
    assert "Horizons below 5 s have no result" in short.reason


def test_of_several_histories_the_coarsest_decides_for_all():
    """Also before it begins, so that no hold is judged by some days alone."""
    whole = known_market.history(1800, edge=3.0, seed=1)
    parts = [whole[:9000], thinned(whole[9100:], 0.5, told=0.5)]
    grid = {"threshold": [0.3], "hold_seconds": [1.0, 2.0, 5.0], "settings": FREE}
    surface = obi.sweep(parts, **grid)
    assert surface.interval == 0.5
    assert (surface.entries[0, 0, 0] > 0).tolist() == [False, False, True]
    assert obi.walk_forward(parts, folds=3, **grid)["hold_seconds"].dropna().tolist() == [5.0] * 3
    assert obi.propose(parts, **grid).candidate.hold_seconds == 5.0
    told = obi.calibrate(parts, FREE, horizons=[1.0, 2.0, 5.0]).as_traded.net_bps
    assert told.index[told.notna()].tolist() == [5.0]


def test_of_a_hold_that_it_is_too_coarse_for_there_is_no_trade():
    history = thinned(known_market.history(1800, edge=3.0, seed=1), 0.5, told=0.5)
    surface = obi.sweep(history, settings=FREE, threshold=[0.3, 0.4], hold_seconds=[1.0, 5.0, 20.0])
    assert (surface.entries[0, 0] > 0).tolist() == [[False, True, True]] * 2
    assert np.isnan(surface.mean_net_bps[0, 0, :, 0]).all()
    report = obi.calibrate(history, FREE)
    sheet = SheetMaker().make(
        CalibrationResult(report, surface, stale=True, selected=None), Instrument("", "")
    )
    tips = sheet["surface"]["parts"][0]["tips"]
    assert tips[0][0] == "not shown: one state was kept every 0.5 s"
    json.dumps(sheet, allow_nan=False)
