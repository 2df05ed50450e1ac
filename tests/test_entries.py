"""Entries against a state machine over lists, and by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from entries_reference import STATE, TAPES, check, of_history, tape
from history_tools import NAN, SECOND, early
from hypothesis import given, settings
from hypothesis import strategies as st

import obi_widgets as obi
from obi_widgets.settings.parameters import Parameters
from obi_widgets.trading.entries import Scanner
from obi_widgets.trading.trade_list import Results

THRESHOLDS, HOLDS = (0.0, 0.2, 0.4, 0.7, 0.95), (0.1, 1.0, 20.0, 300.0)

ANY = st.builds(
    Parameters,
    depth=st.just(1),
    threshold=st.sampled_from([0.0, 0.3, 1 / 3, 0.5, 0.8, 1.0]),
    hold_seconds=st.sampled_from([0.1, 0.2, 0.35, 1.0, 60.0]),
    price=st.sampled_from(["touch", "mid"]),
    fee_bps=st.sampled_from([-1.0, 0.0, 5.0]),
)


@pytest.mark.parametrize(("price", "fee"), [("touch", 5.0), ("mid", -0.5)])
def test_a_capture(history, price, fee):
    made = 0
    for threshold, hold in product(THRESHOLDS, HOLDS):
        parameters = Parameters(threshold=threshold, hold_seconds=hold, price=price, fee_bps=fee)
        wanted = of_history(history, parameters)
        check(obi.entries(history, parameters), wanted)
        made += len(wanted)
    assert made > 1000


@pytest.mark.parametrize("price", ["touch", "mid"])
def test_a_capture_with_gaps(broken, price):
    ends = set()
    for threshold, hold in product(THRESHOLDS, HOLDS):
        parameters = Parameters(threshold=threshold, hold_seconds=hold, price=price)
        wanted = of_history(broken, parameters)
        check(obi.entries(broken, parameters), wanted)
        ends |= {one["ended"] for one in wanted}
    assert ends == {"held", "gap", "open"}


@settings(max_examples=200)
@given(history=TAPES, parameters=ANY)
def test_random_tapes(history, parameters):
    check(obi.entries(history, parameters), of_history(history, parameters))


@settings(max_examples=100)
@given(history=TAPES, parameters=ANY)
def test_what_holds_of_any_entries(history, parameters):
    """One at a time, none shorter than the hold, and none across a gap."""
    frame = obi.entries(history, parameters)
    held = frame[frame["ended"] == "held"]
    lost = history.time[np.isnan(history.bid) & np.isnan(history.ask)]
    entry, left = (
        held[n].dt.tz_localize(None).to_numpy(np.int64) for n in ("entry_time", "exit_time")
    )
    assert ((left - entry) >= round(parameters.hold_seconds * 1e9)).all()
    assert not ((lost[:, None] > entry) & (lost[:, None] < left)).any()
    later = frame["entry_time"].iloc[1:].reset_index(drop=True)
    before = frame["exit_time"].iloc[:-1]
    assert (later >= before)[before.notna()].all()
    assert (frame["ended"].iloc[:-1] != "open").all()
    assert (
        frame[frame["ended"] != "held"][["exit_price", "gross_bps", "net_bps"]]
        .isna()
        .all(axis=None)
    )
    assert frame[frame["ended"] != "held"]["exit_time"].isna().all()


@settings(max_examples=100)
@given(history=TAPES, parameters=ANY, cuts=st.lists(st.integers(0, 60), max_size=8))
def test_a_scanner_that_is_fed_in_pieces_decides_the_same(history, parameters, cuts):
    signal = obi.imbalance(history, parameters)
    pieces = Scanner(parameters)
    for cut in [*sorted(cuts), len(history)]:
        pieces.extend(history[:cut], signal[:cut])
        pieces.trades(history[:cut])
    whole = Scanner(parameters)
    whole.extend(history, signal)
    for name in ("side", "entry_time", "entry_price", "exit_time", "exit_price", "lost"):
        got, wanted = (getattr(one.trades(history), name) for one in (pieces, whole))
        np.testing.assert_array_equal(got, wanted)


@settings(max_examples=60)
@given(states=st.lists(STATE, min_size=2, max_size=60), parameters=ANY, data=st.data())
def test_no_entry_knows_what_comes_after_it(states, parameters, data):
    """Entries on the beginning of a tape are those of the whole that had begun by then."""
    cut = data.draw(st.integers(1, len(states)))
    some, all_of_it = (obi.entries(tape(s), parameters) for s in (states[:cut], states))
    decided = ["side", "entry_time", "entry_price"]
    pd.testing.assert_frame_equal(some[decided], all_of_it[decided].iloc[: len(some)])
    ended = some[some["ended"] != "open"]
    pd.testing.assert_frame_equal(ended, all_of_it.loc[ended.index])


# -- by hand -----------------------------------------------------------------------------------


def by_hand(rows, **changes):
    """Rows of seconds, bid, ask, bid size, ask size."""
    time, bid, ask, bid_size, ask_size = np.array(rows, float).T
    history = early((time * SECOND).astype(int), bid, bid_size, ask, ask_size, tick_size=0.5)
    values = {"decay": 0.0, "depth": 1, "threshold": 0.4, "hold_seconds": 10, "fee_bps": 2}
    return obi.entries(history, obi.Settings(**{**values, **changes}))


TAPE = [
    (1, 100, 101, 1, 1),  # nothing
    (2, 100, 101, 7, 3),  # 0.4 is not above 0.4
    (3, 100, 101, 9, 1),  # long at 101
    (5, 102, 103, 1, 9),  # already in
    (12, 104, 105, 9, 1),  # nine seconds
    (13, 105, 106, 1, 9),  # out at 105; short at 105
    (24, 103, 104, 5, 5),  # out at 104
    (25, 103, 104, 9, 1),  # long at 104
    (26, NAN, NAN, NAN, NAN),  # lost
    (40, 110, 111, 1, 9),  # short at 110
    (50, 109, NAN, 1, NAN),  # due, and nothing to buy
    (51, 108, 109, 5, 5),  # out at 109
    (52, 108, 109, 5, 1),  # long at 109
    (60, 112, 113, 5, 1),
]


def test_by_hand():
    frame = by_hand(TAPE)
    assert frame["side"].tolist() == [1, -1, 1, -1, 1]
    assert frame["ended"].tolist() == ["held", "held", "gap", "held", "open"]
    assert frame["entry_time"].tolist() == [
        pd.Timestamp(second, unit="s", tz="UTC") for second in (3, 13, 25, 40, 52)
    ]
    assert frame["entry_price"].tolist() == [101, 105, 104, 110, 109]
    assert frame["exit_price"].fillna(0).tolist() == [105, 104, 0, 109, 0]
    gross = [1e4 * 4 / 101, 1e4 * 1 / 105, NAN, 1e4 * 1 / 110, NAN]
    np.testing.assert_allclose(frame["gross_bps"], gross, rtol=1e-12)
    np.testing.assert_allclose(frame["net_bps"], np.array(gross) - 4, rtol=1e-12)


def test_by_hand_at_mid():
    frame = by_hand(TAPE, price="mid")
    assert frame["entry_price"].tolist() == [100.5, 105.5, 103.5, 110.5, 108.5]
    assert frame["exit_price"].fillna(0).tolist() == [105.5, 103.5, 0, 108.5, 0]


def test_a_rebate_is_added():
    frame = by_hand(TAPE, fee_bps=-0.5)
    np.testing.assert_allclose(frame["net_bps"], frame["gross_bps"] + 1.0)


def test_a_threshold_of_one_is_never_passed():
    assert len(by_hand(TAPE, threshold=1)) == 0


def test_no_entries_are_an_empty_frame_of_the_same_types():
    none, some = by_hand(TAPE, threshold=1), by_hand(TAPE)
    assert none.dtypes.drop("ended").to_dict() == some.dtypes.drop("ended").to_dict()


def test_an_empty_history_has_no_entries():
    empty = obi.History.from_arrays(np.empty(0, int), *[np.empty((0, 1))] * 4)
    assert len(obi.entries(empty, obi.Settings())) == 0


# -- results -----------------------------------------------------------------------------------


@settings(max_examples=60)
@given(history=TAPES, parameters=ANY)
def test_results_are_what_pandas_says(history, parameters):
    scanner = Scanner(parameters)
    scanner.extend(history, obi.imbalance(history, parameters))
    results = Results.of(scanner.trades(history))
    frame = obi.entries(history, parameters)
    held = frame[frame["ended"] == "held"]
    assert results.entries == len(held)
    won = (held["gross_bps"] > 0).mean()
    wanted = [won, held["gross_bps"].mean(), held["net_bps"].mean(), held["net_bps"].sem()]
    got = [results.won, results.mean_gross_bps, results.mean_net_bps, results.mean_net_se]
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-12)


def test_results_of_one_entry_have_no_standard_error():
    history = tape([(1000 * n, "both", 1000 + n, 9.0, 1.0) for n in range(3)])
    parameters = Parameters(depth=1, hold_seconds=1.5)
    scanner = Scanner(parameters.replace())
    scanner.extend(history, obi.imbalance(history, parameters))
    results = Results.of(scanner.trades(history))
    assert results.entries == 1
    assert not np.isnan(results.mean_net_bps)
    assert np.isnan(results.mean_net_se)
