"""Fills against a plain reference, on captures and on random tapes."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from entries_reference import STATE, TAPES, tape
from fills_reference import reference
from history_tools import NAN, early
from hypothesis import given, settings
from hypothesis import strategies as st
from post_only_tools import tape as posted_tape

import obi_widgets as obi
from obi_widgets.settings.parameters import Parameters
from obi_widgets.trading.matching import Tape

FUNDING = ["funding_bps", "net_of_funding_bps"]
"""What only entries have."""

COLUMNS = [
    "side", "entry_time", "entry_price", "exit_time", "exit_price", "gross_bps", "net_bps",
    "weight", "ended", "decision_time", "status", "filled",
]  # fmt: skip

LATENCIES = st.sampled_from([0.0, 0.001, 0.05, 0.1, 0.4])
TAKERS = st.builds(
    obi.Taker,
    latency=LATENCIES,
    slippage_bps=st.sampled_from([None, 0.0, 10.0, 30.0]),
    fee_bps=st.sampled_from([0.0, 5.0]),
)
EXITS = st.recursive(
    st.none() | TAKERS,
    lambda inner: st.builds(
        obi.Maker,
        queue=st.sampled_from(["front", "back"]),
        timeout=st.sampled_from([0.05, 0.1, 0.5]),
        latency=LATENCIES,
        fee_bps=st.sampled_from([-1.0, 2.0]),
        exit=inner,
    ),
    max_leaves=2,
)
EXECUTIONS = EXITS.filter(lambda one: one is not None)

ANY = st.builds(
    Parameters,
    depth=st.just(1),
    threshold=st.sampled_from([0.0, 1 / 3, 0.5]),
    hold_seconds=st.sampled_from([0.1, 0.35, 1.0]),
)


def check(frame, wanted):
    assert list(frame.columns) == COLUMNS
    assert len(frame) == len(wanted)
    for name in ("side", "ended", "status"):
        assert frame[name].tolist() == [one[name] for one in wanted]
    for name in ("decision_time", "entry_time", "exit_time"):
        assert str(frame[name].dtype) == "datetime64[ns, UTC]"
        told = [None if t is None else np.datetime64(t, "ns") for t in (w[name] for w in wanted)]
        got = frame[name].dt.tz_localize(None).to_numpy()
        np.testing.assert_array_equal(got, np.array(told, "datetime64[ns]"))
    for name in ("entry_price", "exit_price", "gross_bps", "net_bps", "filled"):
        np.testing.assert_allclose(frame[name], [w[name] for w in wanted], rtol=1e-9, atol=1e-9)


# -- against obi.entries -----------------------------------------------------------------------


@pytest.mark.parametrize(("threshold", "hold"), [(0.0, 0.1), (0.4, 20.0), (0.2, 1.0), (0.9, 5.0)])
def test_a_taker_without_latency_makes_the_entries(history, broken, threshold, hold):
    for states in (history, broken):
        parameters = Parameters(threshold=threshold, hold_seconds=hold, fee_bps=5.0)
        entries = obi.entries(states, parameters).drop(columns=FUNDING)
        frame = obi.fills(states, parameters)
        pd.testing.assert_frame_equal(frame[list(entries.columns)], entries, check_exact=True)
        assert set(frame["status"]) == {"filled"}
        assert (frame["filled"] == 1).all()
        assert (frame["decision_time"] == frame["entry_time"]).all()
        # The fee is the execution's, and what settings say of the price is not looked at.
        free = obi.fills(states, parameters.replace(price="mid"), obi.Taker(fee_bps=0))
        np.testing.assert_array_equal(free["net_bps"], entries["gross_bps"])


@pytest.mark.slow
@settings(max_examples=100)
@given(history=TAPES, parameters=ANY)
def test_a_taker_without_latency_makes_the_entries_of_random_tapes(history, parameters):
    entries = obi.entries(history, parameters).drop(columns=FUNDING)
    frame = obi.fills(history, parameters)[list(entries.columns)]
    pd.testing.assert_frame_equal(frame, entries, check_exact=True)


# -- against the reference ---------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=400)
@given(history=TAPES, parameters=ANY, execution=EXECUTIONS)
def test_random_tapes(history, parameters, execution):
    check(obi.fills(history, parameters, execution), reference(history, parameters, execution))


@pytest.mark.parametrize(
    "execution",
    [
        obi.Taker(latency=0.1, slippage_bps=0.2),
        obi.Maker("front", timeout=2.0, latency=0.05),
        obi.Maker("back", timeout=2.0, latency=0.05),
        obi.Maker("back", timeout=5.0, exit=obi.Maker("front", timeout=1.0, latency=0.02)),
    ],
)
def test_captures(history, broken, execution):
    statuses = set()
    for states in (history, broken):
        parameters = Parameters(threshold=0.3, hold_seconds=2.0)
        frame = obi.fills(states, parameters, execution)
        check(frame, reference(states, parameters, execution))
        statuses |= set(frame["status"])
    assert len(statuses) >= 2


@pytest.mark.slow
@settings(max_examples=150)
@given(states=st.lists(STATE, min_size=2, max_size=60), parameters=ANY, execution=EXECUTIONS,
       data=st.data())  # fmt: skip
def test_nothing_is_decided_by_what_comes_after(states, parameters, execution, data):
    """What is known at the end of a tape's beginning is what the whole tape says."""
    cut = data.draw(st.integers(1, len(states)))
    some, whole = (obi.fills(tape(s), parameters, execution) for s in (states[:cut], states))
    assert (some["ended"].iloc[:-1] != "open").all()
    over = some[some["ended"] != "open"]
    pd.testing.assert_frame_equal(over, whole.loc[over.index])
    decided = ["side", "decision_time"]
    pd.testing.assert_frame_equal(some[decided], whole[decided].iloc[: len(some)])


# -- what the bounds claim ---------------------------------------------------------------------


@settings(max_examples=200)
@given(history=TAPES, maker=st.builds(obi.Maker, timeout=st.sampled_from([0.1, 1.0]),
                                      latency=LATENCIES), data=st.data())  # fmt: skip
def test_whatever_is_filled_at_the_back_is_filled_at_the_front_no_later(history, maker, data):
    tape = Tape(history)
    whole = np.flatnonzero(history.bid < history.ask)
    if not len(whole):
        return
    row = int(data.draw(st.sampled_from(whole.tolist())))
    side = data.draw(st.sampled_from([+1, -1]))
    front, back = (
        tape.post(replace(maker, queue=queue), row, int(history.time[row]), side)
        for queue in ("front", "back")
    )
    if back.status == "filled":
        assert front.status == "filled"
        assert front.time <= back.time
        assert front.price == back.price
    if front.status != "filled":
        assert front == back or str(front) == str(back)  # NaN


def test_the_captures_own_trades_lie_between_the_bounds(history, captures):
    """The venue's prints say what a queue would have seen: both bounds hold, order by order."""
    symbol = "btcusdt" if history.bid[0] > 20_000 else "ethusdt"
    dense = obi.load(captures[symbol], interval=0)
    time, price, size, sold = np.array(sorted(trades(captures[symbol]))).T
    book, maker = Tape(dense), obi.Maker(timeout=5.0)
    orders = []
    for side in (+1, -1):
        hits = sold == (side > 0)  # sellers hit the bid
        for row in range(100, len(dense) - 400, 50):
            now = int(dense.time[row])
            front, back = (
                book.post(replace(maker, queue=q), row, now, side).status == "filled"
                for q in ("front", "back")
            )
            ours = book.touch(row, side)
            first, last = np.searchsorted(time, [now, now + 5_000_000_000], "right")
            span = slice(first, last)
            reached = hits[span] & (side * price[span] <= side * ours)
            beyond = side * price[span] < side * ours
            ahead = dense[row : row + 1].sizes(side)[0, 0]
            before_us = np.cumsum(np.where(price[span] == ours, size[span], 0)) > ahead
            orders.append((front, back, reached.any(), (before_us | beyond).any()))
    front, back, touched, exhausted = np.array(orders).T
    assert len(orders) > 300
    assert not (back & ~touched).any()  # each fill at the back: there was a trade to fill it
    assert not (exhausted & ~front).any()  # each that trades alone would fill from the last place
    assert back.mean() <= exhausted.mean() + 0.01 <= touched.mean()
    assert abs(front.mean() - touched.mean()) < 0.03  # it calls few cancellations trades
    assert 0.2 < back.mean() < 0.5 < 0.9 < front.mean()


def trades(paths):
    for path in paths:
        with gzip.open(path, "rt") as lines:
            for line in lines:
                frame = json.loads(line.partition(" ")[2])
                data = frame.get("data", frame)
                if data.get("e") == "trade":
                    yield data["T"] * 1e6, float(data["p"]), float(data["q"]), data["m"]


# -- sums, fees, refusals ----------------------------------------------------------------------


def test_the_summary_counts_every_order_once(broken):
    parameters = Parameters(threshold=0.3, hold_seconds=2.0)
    frame = obi.fills(broken, parameters, obi.Maker("back", timeout=1.0, latency=0.3))
    summary = obi.fill_summary(frame)
    counts = frame["status"].value_counts()
    assert {"filled", "expired", "rejected", "gap"} <= set(counts.index)
    known = len(frame) - counts["gap"] - counts.get("open", 0)
    assert summary["orders"] == known
    for name in ("filled", "expired", "rejected"):
        assert summary[name] == counts[name] / known
    assert summary["cancelled"] == 0
    assert summary["unfilled"] == pytest.approx(summary["expired"] + summary["rejected"])
    held = frame[frame["ended"] == "held"]
    assert summary["entries"] == len(held) > 0
    assert summary["mean_net_bps"] == pytest.approx(held["net_bps"].mean())
    assert summary["mean_net_bps"] == pytest.approx(summary["mean_gross_bps"] - 2 - 5)
    unfilled = (frame["ended"] == "unfilled").sum()
    assert summary["net_per_order_bps"] == pytest.approx(
        held["net_bps"].sum() / (len(held) + unfilled)
    )


def test_the_bounds_of_the_queue(history):
    bounds = obi.queue_bounds(history, Parameters(threshold=0.3, hold_seconds=2.0))
    assert bounds.index.tolist() == ["front", "back"]
    assert bounds.loc["front", "filled"] > 2 * bounds.loc["back", "filled"]
    # Filled only when the price has gone through it: what is adverse, and nothing else.
    assert bounds.loc["front", "mean_gross_bps"] > bounds.loc["back", "mean_gross_bps"]
    maker = obi.Maker(exit=obi.Maker("front", exit=obi.Taker(fee_bps=1)))
    parameters = Parameters(threshold=0.3, hold_seconds=2.0)
    deep = obi.queue_bounds(history, parameters, maker)
    wanted = obi.Maker("back", exit=obi.Maker("back", exit=obi.Taker(fee_bps=1)))
    pd.testing.assert_series_equal(
        deep.loc["back"], obi.fill_summary(obi.fills(history, parameters, wanted)),
        check_names=False,
    )  # fmt: skip


def test_a_cancellation_fills_a_maker_but_no_post_only_order():
    """Book states alone cannot tell it from a trade; the tape can."""
    states = [(1, 100, 5, 101, 1), (2, 100, 2, 101, 1), (3, 100, 2, 101, 1), (9, 100, 2, 101, 1)]
    history = posted_tape(states, [(0.5, 101, 1.0, +1)])
    chosen = {"depth": 1, "decay": 0.0, "threshold": 0.6, "hold_seconds": 1.0}
    made = obi.fills(history, obi.Settings(**chosen), obi.Maker("front", timeout=5.0))
    assert made["status"].tolist() == ["filled"]
    entries = obi.entries(
        history, obi.Settings(**chosen, execution="post_only", wait_seconds=5.0), queue="front"
    )
    assert entries["ended"].tolist() == ["unfilled"]


@pytest.mark.parametrize("execution", [obi.Taker(latency=0.1, fee_bps=1.0), obi.Maker("front")])
def test_a_given_execution_replaces_that_of_the_settings(history, execution):
    parameters = Parameters(threshold=0.3, hold_seconds=2.0)
    changes = {"fee_bps": 3.0, "latency_ms": 700.0, "size": 0.5, "slippage_bps": 0.0}
    posted = parameters.replace(execution="post_only", price="mid", **changes)
    found, wanted = (obi.fills(history, one, execution) for one in (posted, parameters))
    pd.testing.assert_frame_equal(found, wanted)
    assert (found["status"] == "filled").any()


def test_nothing_to_do():
    history = early([1, 2], [9, 9], [1, 1], [10, 10], [1, 1])
    frame = obi.fills(history, obi.Settings(), obi.Maker())
    check(frame, [])
    summary = obi.fill_summary(frame)
    assert summary["orders"] == summary["entries"] == 0
    assert summary.drop(["orders", "entries"]).isna().all()


def test_fees_are_known_or_refused():
    assert (obi.fees("binance-usdm").maker_bps, obi.fees("binance-usdm").taker_bps) == (2, 5)
    for venue in ("binance", "bybit", "hyperliquid", "okx"):
        one = obi.fees(venue)
        assert 0 < one.maker_bps <= one.taker_bps < 50
        assert pd.Timestamp(one.as_of) > pd.Timestamp("2025-01")
    with pytest.raises(obi.ObiError) as error:
        obi.fees("lmex")
    assert str(error.value) == (
        "The fees of 'lmex' are not known here. Give fee_bps as the venue tells it to you. "
        "Known are: binance, binance-spot, binance-usdm, bybit, hyperliquid, okx."
    )


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: obi.Taker(latency=-1), "latency = -1 is not possible. Give 0 to 10 seconds."),
        (lambda: obi.Taker(latency=NAN), "latency = nan is not possible. Give 0 to 10 seconds."),
        (lambda: obi.Taker(fee_bps="5"), "fee_bps = '5' is not possible. Give -100 to 1,000 bps."),
        (
            lambda: obi.Taker(slippage_bps=-0.1),
            "slippage_bps = -0.1 is not possible. Give 0 to 10,000 bps, or None for no limit.",
        ),
        (
            lambda: obi.Taker(size=0),
            "size = 0 is not possible. Give 1e-38 to 3e+38 base units, or None for the touch.",
        ),
        (lambda: obi.Maker("middle"), "queue = 'middle' is not possible. Give one of back, front."),
        (
            lambda: obi.Maker(timeout=0),
            "timeout = 0 is not possible. Give 0.001 to 86,400 seconds.",
        ),
        (lambda: obi.Maker(latency=True), "latency = True is not possible. Give 0 to 10 seconds."),
        (
            lambda: obi.Maker(fee_bps=2000),
            "fee_bps = 2000 is not possible. Give -100 to 1,000 bps.",
        ),
        (lambda: obi.Maker(exit=5), "A int is not an exit. Give a Taker, a Maker, or None."),
        (
            lambda: obi.fills(None, obi.Settings(), "taker"),
            "A str is not an execution. Give obi.Taker(...) or obi.Maker(...).",
        ),
        (lambda: obi.fills(None, {}), "A dict is not settings. Give obi.Settings(...)."),
        (
            lambda: obi.queue_bounds(None, obi.Settings(), obi.Taker()),
            "A Taker has no queue. Give obi.Maker(...).",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(make, text):
    with pytest.raises(obi.ObiError) as error:
        make()
    assert str(error.value) == text
