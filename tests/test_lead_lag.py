"""Which market leads by the time of receipt, and how alike markets move."""

from __future__ import annotations

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.calibration.lead_lag import jitter
from obi_widgets.errors import ArgumentError, HistoryError, SettingsError

START = 1_700_000_000_000_000_000


def market(mids, *, delay=0.05, jitters=0.01, event_offset=0.0, seed=0):
    """Return a history with a state each 0.1 s, received with a delay that varies a little.

    ``event_offset`` is by how much the venue's clock is wrong, seconds.
    """
    random = np.random.default_rng(seed)
    sent = START + np.arange(len(mids)) * 100_000_000
    received = sent + ((delay + jitters * random.uniform(size=len(mids))) * 1e9).astype(np.int64)
    bid, ask = (mids - 0.01)[:, None], (mids + 0.01)[:, None]
    size = np.ones_like(bid)
    return obi.History.from_arrays(
        sent + round(event_offset * 1e9), bid, size, ask, size, received_ns=received
    )


def walk(length=6000, seed=1):
    return 100 + np.cumsum(np.random.default_rng(seed).normal(0, 0.02, length)).round(2)


def later(mids, steps):
    """Return mids that follow so many states later."""
    return np.concatenate([np.full(steps, mids[0]), mids[:-steps]])


def test_a_known_lead_is_found_by_the_receive_clock_whatever_the_venues_clock_says():
    mids = walk()
    for offset in (0.0, 5.0):
        markets = {"A": market(mids), "B": market(later(mids, 6), seed=1, event_offset=-offset)}
        (row,) = obi.lead_lag(markets).to_dict("records")
        assert row["lead"] == pytest.approx(0.6)
        assert row["low"] <= 0.6 <= row["high"]
        assert row["bound"] == pytest.approx(0.019, abs=0.002)
        assert row["says"].startswith("A leads B by 0.60 s (")
        assert row["says"].endswith("s), as received here; the clocks are bound to 0.02 s.")


def test_the_other_way_round_the_other_leads():
    mids = walk()
    (row,) = obi.lead_lag({"B": market(later(mids, 6), seed=1), "A": market(mids)}).to_dict(
        "records"
    )
    assert row["lead"] == pytest.approx(-0.6)
    assert row["says"].startswith("A leads B by 0.60 s (")


def test_a_lead_within_the_clock_bound_is_not_stated():
    mids = walk()
    markets = {"A": market(mids), "B": market(later(mids, 2), jitters=0.5, seed=1)}
    (row,) = obi.lead_lag(markets).to_dict("records")
    assert row["bound"] > 0.4
    assert row["says"] == f"Neither leads beyond the clock bound of {row['bound']:.2f} s."


def test_unrelated_markets_have_none():
    markets = {"A": market(walk()), "B": market(walk(seed=9), seed=1)}
    (row,) = obi.lead_lag(markets).to_dict("records")
    assert row["says"] == "No relation beyond chance."
    assert abs(row["correlation"]) < row["chance"]


def test_a_short_record_is_too_short_to_tell():
    mids = walk(150)
    (row,) = obi.lead_lag({"A": market(mids), "B": market(later(mids, 6))}).to_dict("records")
    assert row["says"] == "Too short to tell."


def test_without_receive_times_nothing_is_stated():
    made = obi.simulate(seconds=60, levels=5, seed=1)
    (row,) = obi.lead_lag({"A": made, "B": made}).to_dict("records")
    assert row["says"] == "No lead: A has no receive times of its own."
    assert np.isnan(jitter(made))
    joined = obi.History.concat([made[:300], made[400:]])
    assert np.isnan(jitter(joined)), "the gap between the two has no delay"


def test_signals_are_compared_with_the_settings():
    one = obi.simulate(seconds=120, levels=5, seed=1)
    (row,) = obi.lead_lag(
        {"A": one, "B": one}, obi.Settings("queue_imbalance"), of="signal"
    ).to_dict("records")
    assert (row["lead"], row["correlation"]) == (0.0, pytest.approx(1.0))


def test_correlations_are_those_of_numpy():
    mids = walk()
    other = 50 + 0.5 * (mids - 100) + walk(seed=3) - 100
    markets = {"A": market(mids, jitters=0.0), "B": market(other, jitters=0.0), "C": market(mids)}
    table = obi.correlations(markets).set_index(["first", "second"])
    assert len(table) == 3
    row = table.loc["A", "B"]
    received = markets["A"].received
    grid = np.arange(-(-received[0] // 10**9), received[-1] // 10**9 + 1) * 10**9
    at = np.searchsorted(received, grid, side="right") - 1
    x, y = (np.diff(np.log(markets[name].mid[at])) for name in "AB")
    expected = np.corrcoef(x, y)[0, 1]
    assert row["correlation"] == pytest.approx(expected)
    assert row["low"] < expected < row["high"]
    assert row["pairs"] == len(x)
    assert table.loc["A", "C"]["correlation"] > 0.95


def test_of_few_pairs_or_of_a_market_that_rests_there_is_no_correlation():
    markets = {"A": market(walk(250)), "B": market(walk(250, seed=3)), "C": market(np.full(250, 9))}
    (short,) = obi.correlations({n: markets[n] for n in "AB"}).to_dict("records")
    assert short["pairs"] < 30
    table = obi.correlations(markets, step=0.1).set_index(["first", "second"])
    assert table.loc["A", "C"]["pairs"] > 200
    for row in (short, table.loc["A", "C"]):
        assert np.isnan([row["correlation"], row["low"], row["high"]]).all()


def test_aligned_values_are_the_newest_that_had_arrived():
    mids = walk(300)
    markets = {"A": market(mids), "B": market(mids + 1, delay=0.3, seed=1)}
    table = obi.aligned(markets, of="mid", step=0.5)
    assert table.columns.tolist() == ["A", "B", "divergence"]
    for name, one in markets.items():
        for time, value in table[name].items():
            (there,) = (one.received <= time.value).nonzero()
            assert value == one.mid[there[-1]]
    assert table["divergence"].to_numpy() == pytest.approx(abs(table["A"] - table["B"]).to_numpy())
    signals = obi.aligned(markets, obi.Settings("imbalance", depth=1), step=1.0)
    assert (signals["divergence"] == 0).all(), "sizes are all alike"


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ([], ArgumentError, "[] is no mapping of histories."),
        ({"A": 1}, ArgumentError, "'A' is 1, and no history."),
        ({}, ArgumentError, "There are fewer than two histories."),
        (dict.fromkeys([1, "1"], market(walk(50))), ArgumentError, "Two histories have the same"),
        ({"A": market(walk(2))[:1], "B": market(walk(9))}, HistoryError, "A has one state."),
    ],
)
def test_what_is_no_pair_is_refused(given, kind, said):
    for function in (obi.lead_lag, obi.correlations):
        with pytest.raises(kind) as error:
            function(given)
        assert str(error.value).startswith(said)


def test_histories_without_a_time_in_common_are_refused():
    one = market(walk(200))
    other = obi.simulate(seconds=20, levels=5)
    with pytest.raises(HistoryError, match=r"A and B have 0 s in common"):
        obi.lead_lag({"A": one, "B": other})
    with pytest.raises(SettingsError, match="longest = 100"):
        obi.lead_lag({"A": one, "B": one}, longest=100)
    with pytest.raises(SettingsError, match="of = 'spread'"):
        obi.lead_lag({"A": one, "B": one}, of="spread")


def test_the_interval_of_the_histories_is_a_part_of_the_bound():
    """The last state of an interval stands for all of it, so a busy market seems to be late."""
    random = np.random.default_rng(0)
    moves = np.sort(random.uniform(0, 1200, 1200))
    price = 1000 + np.cumsum(random.choice([-1, 1], 1200))

    def kept(extra, seed):
        draw = np.random.default_rng(seed)
        events = np.sort(np.concatenate([moves, draw.uniform(0, 1200, extra)]))
        mid = price[np.maximum(np.searchsorted(moves, events, side="right") - 1, 0)][:, None]
        last = np.append(np.diff(np.floor(events / 0.1)) > 0, True)
        events, mid = events[last], mid[last]
        received = np.maximum.accumulate(events + 0.03 + draw.uniform(0, 0.005, len(events)))
        sent = START + (events * 1e9).astype(np.int64)
        size = np.ones_like(mid)
        return obi.History.from_arrays(
            sent, mid - 0.5, size, mid + 0.5, size, tick_size=0.5, interval=0.1,
            received_ns=START + (received * 1e9).astype(np.int64),
        )  # fmt: skip

    (row,) = obi.lead_lag({"busy": kept(120_000, 1), "quiet": kept(0, 2)}).to_dict("records")
    assert row["bound"] > 0.1
    assert row["says"] == (
        f"Neither leads beyond the bound of {row['bound']:.2f} s: 0.01 s of the clocks, and the "
        "interval of 0.1 s between states."
    )


def test_a_lead_at_the_end_of_the_search_is_said_to_be_at_least_that():
    mids = 1000 + np.cumsum(
        np.convolve(np.random.default_rng(0).normal(size=6060), np.ones(61) / 61)
    )
    mids = mids[:6000].round(2)
    (row,) = obi.lead_lag({"A": market(mids), "B": market(later(mids, 50), seed=1)}).to_dict(
        "records"
    )
    assert row["says"].startswith("A leads B by ")
    assert row["says"].endswith(" s or more: look further than 3 s.")


def test_a_market_that_has_not_moved_tells_nothing():
    still = np.full(6000, 100.0)
    (row,) = obi.lead_lag({"A": market(still), "B": market(walk())}).to_dict("records")
    assert row["says"] == "No result: one of them has not moved."


def test_markets_that_have_no_signal_are_not_said_to_rest():
    """Their books are too shallow for the default depth."""
    markets = {"A": market(walk(600)), "B": market(walk(600), seed=1)}
    (row,) = obi.lead_lag(markets, of="signal", longest=1).to_dict("records")
    assert row["says"] == "No result: they never have values at the same time."
