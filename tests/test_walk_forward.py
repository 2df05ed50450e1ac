"""Walking forward: chosen on the past alone, judged on what follows."""

from __future__ import annotations

from dataclasses import replace

import known_market
import numpy as np
import pandas as pd
import pytest

import obi_widgets as obi
from obi_widgets.calibration.walk_forward import MIN_ENTRIES
from obi_widgets.errors import SettingsError
from obi_widgets.settings.parameters import Parameters

FREE = obi.Settings(price="mid", fee_bps=0.0)
AXES = {"threshold": [0.2, 0.4, 0.6], "hold_seconds": [1.0, 5.0, 10.0]}


def test_each_fold_is_what_one_would_have_done(history):
    found = obi.walk_forward(history, folds=3, **AXES, settings=FREE)
    assert found.index.tolist() == [1, 2, 3]
    quarter = history.elapsed[-1] / 4
    for fold, row in found.iterrows():
        before = history[: np.searchsorted(history.elapsed, fold * quarter - 10e9)]
        part = history[
            np.searchsorted(history.elapsed, fold * quarter) : np.searchsorted(
                history.elapsed, (fold + 1) * quarter + (fold == 3), "left"
            )
        ]
        assert row.start == pd.Timestamp(part.time[0], tz="UTC")
        assert row.end == pd.Timestamp(part.time[-1], tz="UTC")
        grid = (
            obi.sweep(before, **AXES, settings=FREE).to_frame().query(f"entries >= {MIN_ENTRIES}")
        )
        best = grid.neighbours_net_bps.idxmax()
        assert best[2:] == (row.threshold, row.hold_seconds)
        assert row.chosen_net_bps == grid.mean_net_bps[best]
        trades = obi.entries(part, Parameters(
            threshold=row.threshold, hold_seconds=row.hold_seconds, price="mid", fee_bps=0.0,
        ))  # fmt: skip
        made = trades[trades.ended == "held"].net_bps
        assert row.entries == len(made) > 0
        assert row.net_bps == pytest.approx(made.mean())


def test_what_follows_changes_nothing_that_was_chosen(history):
    whole = obi.walk_forward(history, folds=3, **AXES, settings=FREE)
    half = history[: np.searchsorted(history.elapsed, history.elapsed[-1] / 2, "right")]
    first = obi.walk_forward(half, folds=1, **AXES, settings=FREE)
    names = ["threshold", "hold_seconds", "chosen_net_bps"]
    assert whole.loc[1, names].tolist() == first.loc[1, names].tolist()


def test_an_edge_goes_on_and_luck_does_not():
    axes = {"threshold": np.linspace(0.1, 0.8, 8), "hold_seconds": [2.0, 5.0, 10.0, 20.0]}

    def made(edge):
        folds = [
            obi.walk_forward(known_market.history(1800, edge, seed), **axes, settings=FREE)
            for seed in range(12)
        ]
        return pd.concat(folds)

    edge, luck = made(4.0), made(0.0)
    assert luck.chosen_net_bps.mean() > 0.1  # the best of 32 looks well
    error = luck.net_bps.std() / len(luck) ** 0.5
    assert abs(luck.net_bps.mean()) < 3 * error
    assert edge.net_bps.mean() > 5 * edge.net_bps.std() / len(edge) ** 0.5


def test_all_levels_and_several_recordings(history):
    found = obi.walk_forward(
        [history[3000:], history[:2000]], folds=2, depth=[None], embargo=5, settings=FREE,
        threshold=[0.3], hold_seconds=[1.0],
    )  # fmt: skip
    assert found.depth.tolist() == [0, 0]
    assert (found.entries > 0).all()


def test_too_little_to_choose_by():
    found = obi.walk_forward(known_market.history(60), threshold=[0.9], settings=FREE)
    assert found.entries.tolist() == [0] * 5
    assert found[["threshold", "net_bps"]].isna().all(axis=None)
    empty = obi.walk_forward(known_market.history(2)[:0], folds=2)
    assert empty.start.isna().all()


def test_an_embargo_leaves_out_the_beginning_of_a_part(history):
    whole = obi.walk_forward(history, folds=2, **AXES, settings=FREE)
    found = obi.walk_forward(history, folds=2, embargo=30, **AXES, settings=FREE)
    assert (found.end == whole.end).all()
    names = ["threshold", "hold_seconds", "chosen_net_bps"]
    assert found[names].equals(whole[names])
    for fold, start in found.start.items():
        cut = fold * history.elapsed[-1] / 3
        first = np.searchsorted(history.elapsed, cut + 30e9)
        assert start == pd.Timestamp(history.time[first], tz="UTC")


@pytest.mark.parametrize("hold", ["x", None, -5.0, np.nan])
def test_a_hold_that_is_none_is_refused(history, hold):
    with pytest.raises(SettingsError) as error:
        obi.walk_forward(history, hold_seconds=[5.0, hold])
    assert str(error.value) == (
        f"hold_seconds = {hold!r} is not possible. Give a number from 0.1 to 86400 seconds."
    )


def test_no_folds_are_refused(history):
    with pytest.raises(SettingsError) as error:
        obi.walk_forward(history, folds=0)
    assert str(error.value) == "folds = 0 is not possible. Give 1 to 1,000."


def first_traded_late(history):
    """Return a history as of a source that sent no trade in the first two thirds."""
    ends = history.trade_ends - history.trades.start
    late = int(ends[len(ends) * 2 // 3])
    trades = replace(history.trades[late:], start=0)
    return replace(history, start=0, trades=trades, trade_ends=np.maximum(ends - late, 0))


@pytest.mark.parametrize("axis", [False, True])
def test_post_only_orders_are_walked_forward_though_the_first_trades_come_late(axis):
    history = obi.simulate(seconds=300, seed=1)
    settings = obi.Settings(execution="taker" if axis else "post_only")
    axes = {"threshold": [0.1], "hold_seconds": [1]}
    axes |= {"execution": ["post_only"]} if axis else {}
    found = obi.walk_forward(history, folds=2, settings=settings, **axes)
    assert (found.entries > 0).all()
    half = len(history) // 2
    parts = [history[:half], first_traded_late(history[half + 1 :])]
    found = obi.walk_forward(parts, folds=5, settings=settings, **axes)
    wanted = obi.walk_forward(obi.History.concat(parts), folds=5, settings=settings, **axes)
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-12)
    assert found.start[4] > pd.Timestamp(parts[1].time[0], tz="UTC")
    assert found.end[4] < pd.Timestamp(parts[1].trades.time[0], tz="UTC")  # which has no trades
    assert found.entries[4] > 0
    without = obi.History.from_frame(history.to_frame(levels=2))
    with pytest.raises(SettingsError, match="the source has none"):
        obi.walk_forward(without, folds=2, settings=settings, **axes)


def quiet(history, until):
    """Return a history of which the trades before a state are not there."""
    first = int(history.trade_ends[until - 1])
    trades = replace(history.trades[first - history.trades.start :], start=0)
    return replace(history, trades=trades, trade_ends=np.maximum(history.trade_ends - first, 0))


@pytest.mark.parametrize(("first", "second"), [(0, 600), (0, 1000), (1000, 0)])
def test_days_may_be_quiet_for_post_only_orders(first, second):
    """For a while, or from end to end: other days tell that trades are streamed."""
    whole = obi.simulate(seconds=210, seed=1)
    parts = [whole[:1000], whole[1100:]]
    parts = [
        quiet(part, until) if until else part
        for part, until in zip(parts, (first, second), strict=True)
    ]
    grid = {"threshold": [0.2, 0.4], "hold_seconds": [1, 3]}
    grid["settings"] = obi.Settings(execution="post_only", maker_fee_bps=-10)
    found, joined = (
        obi.walk_forward(some, folds=6, **grid) for some in (parts, obi.History.concat(parts))
    )
    assert found.entries.tolist() == joined.entries.tolist()
    assert found.entries.sum() > 15
    assert obi.propose(parts, **grid).candidate is not None


def test_a_slice_is_walked_forward_by_a_signal_that_looks_back():
    history = obi.simulate(seconds=100, seed=1)
    settings = obi.Settings(signal=obi.zscore(obi.queue_imbalance, window=5), threshold=1)
    axes = {"threshold": [1], "hold_seconds": [1]}
    found = obi.walk_forward(history[5:], folds=2, settings=settings, **axes)
    assert (found.entries > 0).all()
    assert not obi.sweep(history[5:5], settings=settings, **axes).entries.any()
