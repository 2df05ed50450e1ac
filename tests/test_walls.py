"""Walls: by hand, and recomputed from the raw frames of both captures."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from exchange_tools import captured
from test_large_levels import SECOND, T0, Tape
from walls_reference import of_capture

import obi_widgets as obi
from obi_widgets.calibration.statistics.block_means import block_mean
from obi_widgets.errors import HistoryError, SettingsError

NAN = float("nan")


def told():
    """A bid that is eaten, refilled and pulled; an ask that is traded through; mid moves."""
    tape = Tape(interval=0)
    tape.change(1.5, bids=[(999.0, 10.0)], asks=[(1000.6, 9.0)])
    tape.change(3)  # both are known
    tape.trade(3.5, 999.0, 2.0, -1)
    tape.change(3.6, bids=[(999.0, 8.0)])
    tape.change(4.2)
    tape.change(4.5, bids=[(999.0, 9.0)])  # grew after it was eaten: a refill
    tape.change(5.5, bids=[(999.0, 11.0)])  # grew again, and nothing had been taken
    tape.trade(6.5, 999.0, 1.0, -1)
    tape.change(6.6, bids=[(999.0, 12.0)])  # eaten and grown in one second: a refill
    tape.change(7.2, bids=[(1000.05, 1.0)])  # mid from 1000.05 to 1000.075
    tape.change(8.2, bids=[(999.0, 0.5)])  # pulled, long after the last trade
    tape.trade(8.5, 1000.6, 8.0, +1)
    tape.change(8.6, asks=[(1000.6, 1.0)])
    tape.change(9.6, asks=[(round(1000.1 + n / 10, 1), 0.0) for n in range(6)])
    tape.change(12)
    return tape.writer.history()


def test_walls_by_hand():
    table = obi.walls(told(), [1, 2])
    assert table["side"].tolist() == [1, -1]
    assert table["price"].tolist() == [999.0, 1000.6]
    assert table["largest"].tolist() == [12.0, 9.0]
    assert table["usual"].tolist() == [1.0, 1.0]
    assert table["times_usual"].tolist() == [12.0, 9.0]
    assert table["away_bps"].tolist() == pytest.approx([1e4 * 1.05 / 1000.05, 1e4 * 0.55 / 1000.05])
    seconds = {
        name: ((table[name].astype("int64") - T0) / SECOND).tolist()
        for name in ("born", "known", "ended")
    }
    assert seconds == {"born": [1.5, 1.5], "known": [3.0, 3.0], "ended": [8.2, 8.6]}
    assert table["age"].tolist() == [pytest.approx(6.7), pytest.approx(7.1)]
    assert table["refills"].tolist() == [2, 0]
    assert table["at_best"].tolist() == [False, False]
    assert table["end"].tolist() == ["pulled", "traded"]
    assert table["trades_near"].tolist() == [0, 1]
    up = 1e4 * (1000.075 / 1000.05 - 1)
    assert table["born_1s"].tolist() == [0, 0]
    assert obi.walls(told(), [4.5])["known_4.5s"].tolist() == pytest.approx([up, -up])
    # From 8.2 to 10.2 mid goes from 1000.075 to (1000.05 + 1000.7) / 2, away from the bid.
    last = 1e4 * ((1000.05 + 1000.7) / 2 / 1000.075 - 1)
    assert table["ended_1s"].tolist() == pytest.approx([0, -last])
    assert table["ended_2s"].tolist() == pytest.approx([last, -last])
    assert np.isnan(obi.walls(told(), [30])["ended_30s"]).all()  # the record ends before


def test_a_level_at_the_touch_is_told():
    tape = Tape()
    tape.change(1, bids=[(999.0, 10.0)])
    tape.change(3, bids=[(round(1000 - n / 10, 1), 0.0) for n in range(10)])  # it is the best
    tape.change(3.5, bids=[(999.5, 1.0)])
    tape.change(5)
    assert obi.walls(tape.writer.history(), [1])["at_best"].tolist() == [True]


def test_what_is_not_known_is_no_number():
    tape = Tape()
    tape.change(1, bids=[(999.0, 10.0)], asks=[(1001.0, 10.0)])
    tape.change(3)
    tape.writer.gap(tape.at(3.5))
    tape.snapshot(5)
    tape.change(7)
    table = obi.walls(tape.writer.history(), [1, 3])
    assert table["end"].tolist() == ["unknown", "unknown"]
    assert table["born_1s"].tolist() == [0, 0]
    assert np.isnan(table[["born_3s", "ended_1s"]]).all(axis=None)
    history = obi.simulate(seconds=300, seed=1)
    late = history[len(history) // 2 :]
    table = obi.walls(late)
    assert (table["known"].isna() == (table["born"] < pd.Timestamp(late.time[0], tz="UTC"))).any()
    assert table.loc[table["known"].isna(), "known_1s"].isna().all()
    assert len(obi.walls(history[:0])) == 0
    assert (obi.wall_markouts(history[:0], [1])["n"] == 0).all()


def test_without_a_stream_of_trades_nobody_says_that_none_was_near():
    history = obi.simulate(seconds=200, seed=1)
    silent = replace(history, trades=obi.Trades.none())
    assert np.isnan(obi.walls(silent)["trades_near"]).all()
    assert not np.isnan(obi.walls(history)["trades_near"]).all()


def test_wrong_values_are_refused():
    history = obi.simulate(seconds=20, seed=1)
    for wrong in ({"seconds": [0]}, {"near_bps": -1}, {"near_seconds": "x"}):
        with pytest.raises(SettingsError):
            obi.walls(history, **wrong)
    with pytest.raises(HistoryError):
        obi.walls(None)


# -- captures ----------------------------------------------------------------------------------

FOUND = {
    "btc": {"walls": 371, "traded": 12, "pulled": 339, "standing": 20, "untouched": 199},
    "eth": {"walls": 503, "traded": 4, "pulled": 470, "standing": 29, "untouched": 383},
}
"""What both captures have: how many walls, how they ended, pulls without a trade near."""


@pytest.fixture(scope="module", params=["btc", pytest.param("eth", marks=pytest.mark.slow)])
def capture(request):
    names = [f"binance_usdm/{request.param}usdt_202407{day}.gz" for day in (18, 19)]
    paths = [captured(name) for name in names]
    return request.param, obi.load(paths, levels=5, interval=0), of_capture(paths)


@pytest.mark.slow
def test_walls_of_a_capture_are_those_of_its_raw_frames(capture):
    symbol, history, raw = capture
    table = obi.walls(history)
    counts = {"walls": len(table), **table["end"].value_counts().to_dict()}
    counts["untouched"] = int(((table["end"] == "pulled") & (table["trades_near"] == 0)).sum())
    assert counts == FOUND[symbol]
    ended = table[table["end"] != "standing"].sort_values(["born", "price"])
    expected = sorted(
        (one for one in raw.levels if one["ended"] is not None),
        key=lambda one: (one["born"], one["price"]),
    )
    times = [time for time, _, _ in raw.states]
    mids = [(bid + ask) / 2 for _, bid, ask in raw.states]
    trades = sorted(raw.trades)

    def mid(time):
        return mids[bisect_right(times, time) - 1]

    def row_of(one):
        side, price, born, end = (one[name] for name in ("side", "price", "born", "ended"))
        traded = min(one["traded"], one["removed"])
        # Trades of the last second, and states while it stood.
        near = trades[
            bisect_right(trades, (end - SECOND, 1e18)) : bisect_right(trades, (end, 1e18))
        ]
        stood = raw.states[bisect_left(times, born) : bisect_left(times, end)]
        row = {
            "side": side, "price": price, "largest": one["largest"], "usual": one["usual"],
            "away_bps": 1e4 * abs(price - mid(born)) / mid(born),
            "age": (end - born) / 1e9, "stood_before": one["found"],
            "removed": one["removed"], "traded": traded, "refills": one["refills"],
            "at_best": any(price in (bid, ask) for _, bid, ask in stood),
            "end": "traded" if 2 * traded >= one["removed"] else "pulled",
            "trades_near": sum(1e4 * abs(paid - price) <= price for _, paid in near),
        }  # fmt: skip
        for name in ("born", "known", "ended"):
            at = one[name]
            row[name] = pd.Timestamp(at, tz="UTC")
            for after in (1, 5, 10, 30):
                until = at + after * SECOND
                move = 1e4 * side * (mid(until) / mid(at) - 1) if until <= times[-1] else NAN
                row[f"{name}_{after}s"] = move
        return row

    made = pd.DataFrame([row_of(one) for one in expected])
    for name in made:
        got, wanted = ended[name].reset_index(drop=True), made[name]
        pd.testing.assert_series_equal(
            got, wanted, check_dtype=False, check_names=False, rtol=1e-9, atol=1e-8, obj=name
        )
    assert made["refills"].sum() > 50
    assert made["at_best"].any()


@pytest.mark.slow
def test_means_are_those_of_the_walls(capture):
    symbol, history, _ = capture
    table, means = obi.walls(history), obi.wall_markouts(history, [1, 30], level=0.9)
    assert list(dict.fromkeys(means["end"])) == ["all", "traded", "pulled", "standing", "unknown"]
    for row in means.itertuples():
        which = table if row.end == "all" else table[table["end"] == row.end]
        values = which[f"{row.moment}_{row.seconds:g}s"].dropna()
        assert (row.walls, row.n) == (len(which), len(values))
        assert row.bps == pytest.approx(values.mean(), nan_ok=True)
        assert np.isnan(row.low) or row.low < row.bps < row.high
        assert np.isnan(row.low) == (row.n < 30)
    values = table.loc[table["end"] == "pulled", "ended_30s"]
    at = table["ended"][values.index].astype("int64").to_numpy() - history.time[0]
    again = block_mean(values.to_numpy(), np.ones(len(values)), at, shortest=30 * SECOND, level=0.9)
    row = means.query("moment == 'ended' and end == 'pulled' and seconds == 30").iloc[0]
    assert (row["low"], row["high"]) == (pytest.approx(again.low), pytest.approx(again.high))
    # In eight minutes nothing of it can be told from chance when one could have acted.
    known = means.query("moment == 'known' and end == 'all'")
    assert ((known["low"] < 0) & (known["high"] > 0)).all(), symbol
