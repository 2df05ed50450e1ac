"""Forward returns: by hand, against a plain search, and never across a gap."""

import hypothesis.strategies as st
import numpy as np
import pytest
from history_tools import early
from hypothesis import given

import obi_widgets as obi
from obi_widgets.calibration import episodes, forward_returns
from obi_widgets.calibration.as_traded import traded
from obi_widgets.calibration.episodes_numpy import GAP, OPEN, RELEASED
from obi_widgets.errors import SettingsError
from obi_widgets.settings.parameters import Parameters

NAN = np.nan
SECOND = 1_000_000_000


def tape(seconds, mids, spread=2.0):
    """Return a history of one level; None is a lost book, a string a one-sided book."""
    bid = [NAN if m in (None, "ask") else (m if m != "bid" else 99.0) - spread / 2 for m in mids]
    ask = [NAN if m in (None, "bid") else (m if m != "ask" else 101.0) + spread / 2 for m in mids]
    time = np.round(np.array(seconds) * SECOND).astype(np.int64)
    prices = [np.array(one, float)[:, None] for one in (bid, ask)]
    sizes = [np.ones_like(one) for one in prices]
    return early(time, prices[0], sizes[0], prices[1], sizes[1], tick_size=0.5)


def bps(then, now):
    return 1e4 * (then / now - 1)


def test_a_horizon_ends_with_the_prevailing_mid():
    #              0      1      2      3      4       5
    history = tape([0.0, 0.4, 1.0, 1.0, 1.6, 2.5], [100.0, 101.0, 102.0, 103.0, 104.0, 105.0])
    found = forward_returns.forward_returns(history, [1.0])
    assert found.end[0].tolist() == [3, 3, 4, 4, -1, -1]  # of two at one time, the later
    expected = [bps(103, 100), bps(103, 101), bps(104, 102), bps(104, 103), NAN, NAN]
    np.testing.assert_allclose(found.bps[0], expected, rtol=1e-12)
    assert found.overlap.tolist() == [3]


def test_after_ends_a_horizon_at_the_first_state_at_or_after_it():
    history = tape([0.0, 0.4, 1.0, 1.0, 1.6, 2.5], [100.0, 101.0, 102.0, 103.0, 104.0, 105.0])
    found = forward_returns.forward_returns(history, [1.0], after=True)
    assert found.end[0].tolist() == [2, 4, 5, 5, -1, -1]


def test_without_a_change_within_the_horizon_the_return_is_0():
    history = tape([0.0, 10.0, 20.0], [100.0, 101.0, 102.0])
    found = forward_returns.forward_returns(history, [1.0, 10.0])
    assert found.end.tolist() == [[0, 1, -1], [1, 2, -1]]
    np.testing.assert_allclose(found.bps[0], [0, 0, NAN])


def test_no_return_spans_a_gap_or_uses_a_one_sided_book():
    mids = [100.0, 101.0, None, 102.0, "bid", 103.0, 104.0, 105.0]
    found = forward_returns.forward_returns(tape(np.arange(8.0), mids), [1.0, 2.0])
    #   row 0: to 1. 1: the gap. 3: ends one-sided. 4: starts so. 5: 6. 6: 7. 7: the record ends
    assert found.end[0].tolist() == [1, -1, -1, -1, -1, 6, 7, -1]
    assert found.end[1].tolist() == [-1, -1, -1, 5, -1, 7, -1, -1]  # one side between is no gap
    assert np.array_equal(np.isnan(found.bps), found.end < 0)


def test_a_taker_buys_at_the_ask_and_sells_at_the_bid():
    history = tape([0.0, 1.0], [100.0, 103.0])
    found = forward_returns.touch_returns(history, [1.0])
    assert found.long_bps[0, 0] == pytest.approx(bps(102, 101))
    assert found.short_bps[0, 0] == pytest.approx(-bps(104, 99))
    assert np.isnan(found.long_bps[0, 1])


def test_the_mean_as_traded_buys_where_a_rise_is_expected():
    history = tape([0.0, 1.0, 2.0, 3.0], [100.0, 103.0, 102.0, 104.0])
    x = np.array([1, -1, 0, 1], np.int8)  # the last has no return
    found = traded(history, Parameters(fee_bps=1.0), x, [1.0, 9.0])
    long, short = bps(102, 101), -bps(103, 102)
    assert found.n.tolist() == [2, 0]
    assert found.gross_bps[0] == pytest.approx((long + short) / 2)
    assert found.net_bps[0] == pytest.approx((long + short) / 2 - 2)
    moved = (bps(103, 100) - bps(102, 103)) / 2
    assert found.cost_bps[0] == pytest.approx(moved - (long + short) / 2 + 2)
    assert found.won[0] == 0.5
    assert np.isnan(found.to_frame().loc[9.0, "gross_bps":]).all()
    at_mid = traded(history, Parameters(fee_bps=1.0, price="mid"), x, [1.0, 9.0])
    assert at_mid.gross_bps[0] == pytest.approx(moved)
    assert at_mid.cost_bps[0] == pytest.approx(2)


def test_as_traded_equals_entries(history):
    settings = obi.Settings(threshold=0.4, hold_seconds=5.0, fee_bps=1.0)
    trades = obi.entries(history, settings)
    trades = trades[trades["ended"] == "held"]
    found = forward_returns.touch_returns(history, [5.0])
    rows = np.searchsorted(history.time, trades["entry_time"].astype("int64"), side="left")
    got = np.where(trades["side"] > 0, found.long_bps[0, rows], found.short_bps[0, rows])
    assert len(trades) > 20
    np.testing.assert_allclose(got - 2, trades["net_bps"], rtol=1e-9)


@pytest.mark.parametrize("horizons", [[0.0], [-1.0], [NAN], [1.0, np.inf], [[1.0]], [], "x", None])
def test_impossible_horizons_are_refused(horizons):
    with pytest.raises(SettingsError, match=r"^horizons = .* Horizons are seconds, above 0\.$"):
        forward_returns.forward_returns(tape([0.0, 1.0], [100.0, 101.0]), horizons)


def test_an_empty_history_has_no_returns():
    history = tape([0.0, 1.0], [100.0, 101.0])[:0]
    assert forward_returns.forward_returns(history, [1.0, 2.0]).bps.shape == (2, 0)
    assert forward_returns.touch_returns(history, [1.0]).long_bps.shape == (1, 0)


kinds = st.sampled_from([100.0, 101.0, 100.0, 102.0, 99.0, "bid", None])


@given(
    st.lists(st.tuples(st.integers(0, 3), kinds), min_size=1, max_size=40),
    st.integers(1, 8),
    st.booleans(),
)
def test_every_return_equals_a_search_state_by_state(states, horizon, after):
    waits, mids = zip(*states, strict=True)
    history = tape(np.cumsum(waits), mids)
    found = forward_returns.forward_returns(history, [float(horizon)], after=after)
    gone = history.lost
    time = history.time
    for row in range(len(history)):
        due = time[row] + horizon * SECOND
        later = [n for n in range(len(time)) if time[n] >= due]
        ends = None
        if later:
            ends = later[0] if after else max(n for n in range(len(time)) if time[n] <= due)
        end = -1
        if ends is not None and not gone[row : ends + 1].any():
            move = bps(history.mid[ends], history.mid[row])
            if not np.isnan(move):
                end = ends
        assert found.end[0, row] == end
        np.testing.assert_allclose(found.bps[0, row], NAN if end < 0 else move, atol=1e-9)


# -- events --------------------------------------------------------------------------------

SIGNAL = [0.5, 0.1, 0.5, 0.3, 0.5, 0.1, -0.6, 0.6, NAN, 0.6, -0.3, NAN, 0.7, 0.7, 0.1, -0.41, -0.3]
#         gap at 11: the book was lost; at 8 one side was empty


def events_tape():
    mids = [100.0 if not np.isnan(s) else "bid" for s in SIGNAL]
    mids[11] = None
    return tape(np.arange(len(SIGNAL)) / 2, mids), np.array(SIGNAL)


def rows_of(column):
    return {int(row): int(column[row]) for row in np.flatnonzero(column)}


def test_events_by_hand():
    history, signal = events_tape()
    beyond, crossing, episode = (
        rows_of(episodes.entry_columns(history, signal, 0.4, kind=kind)[:, 0])
        for kind in ("beyond", "crossing", "episode")
    )
    assert beyond == {0: 1, 2: 1, 4: 1, 6: -1, 7: 1, 9: 1, 12: 1, 13: 1, 15: -1}
    # Not 0 and 12: it was not seen to come there. Not 9: it was there before one side went.
    assert crossing == {2: 1, 4: 1, 6: -1, 7: 1, 15: -1}
    # Not 4: at 3 it had not come back to half of the threshold.
    assert episode == {0: 1, 2: 1, 6: -1, 7: 1, 12: 1, 15: -1}


def test_episodes_by_hand():
    history, signal = events_tape()
    found = episodes.find_episodes(history, signal, 0.4)
    assert found.start.tolist() == [0, 2, 6, 7, 12, 15]
    assert found.stop.tolist() == [1, 5, 7, 10, 14, 17]
    assert found.last.tolist() == [0, 4, 6, 9, 13, 16]
    assert found.side.tolist() == [1, 1, -1, 1, 1, -1]
    assert found.ended.tolist() == [RELEASED] * 5 + [OPEN]
    assert found.dwell.tolist() == [0.5, 1.5, 0.5, 1.5, 1.0, 0.5]
    assert np.median(found.dwell) == 0.75
    assert found.share_on == (1 + 3 + 1 + 2 + 2 + 2) / 15
    assert len(found) == 6


def test_a_gap_ends_an_episode():
    history = tape([0.0, 1.0, 5.0, 6.0], [100.0, 100.0, None, 100.0])
    found = episodes.find_episodes(history, np.array([0.5, 0.5, NAN, 0.5]), 0.4)
    assert found.ended.tolist() == [GAP, OPEN]
    assert found.dwell.tolist() == [1.0, 0.0]  # the book is known up to the last state before


def test_without_a_signal_there_are_no_episodes():
    history = tape([0.0, 1.0], [None, None])
    found = episodes.find_episodes(history, np.full(2, NAN), 0.4)
    assert len(found) == 0
    assert not len(found.dwell)
    assert np.isnan(found.share_on)


def test_columns_of_many_thresholds_equal_those_of_each(history):
    signal = obi.imbalance(history, obi.Settings())
    for kind in ("beyond", "crossing", "episode"):
        together = episodes.entry_columns(history, signal, [0.2, 0.4, 0.7], kind=kind)
        for column, threshold in enumerate([0.2, 0.4, 0.7]):
            alone = episodes.entry_columns(history, signal, threshold, kind=kind)
            np.testing.assert_array_equal(together[:, column], alone[:, 0])
        assert np.all(np.diff(np.count_nonzero(together, axis=0)) < 0)
