"""Fills of a tape of twelve states, each worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from history_tools import NAN, SECOND, early

import obi_widgets as obi

# Seconds; two levels a side, best first: price, size. Imbalance of the best: (q − r) / (q + r);
# beyond 0.5 it decides.
TAPE = [
    (1.0, (100, 9, 99, 5), (101, 1, 102, 4)),  # 8 / 10: decides long
    (1.2, (100, 8, 99, 5), (101, 4, 102, 4)),  # 4 / 12; one of nine bids at 100 is gone
    (1.4, (100, 8, 99, 5), (102, 4, 103, 2)),  # 4 / 12; the ask is lifted
    (1.6, (101, 3, 100, 8), (102, 4, 103, 2)),  # −1 / 7; a better bid; behind it eight at 100
    (1.8, (100, 8, 99, 5), (102, 4, 103, 2)),  # 4 / 12; it is gone; at 100 stands what stood
    (2.0, (99, 5, 98, 3), (100, 6, 102, 4)),  # −1 / 11; down: the ask stands where bids stood
    (3.0, (99, 5, 98, 3), (101, 5, 102, 5)),  # 0
    (4.0, (102, 2, 101, 2), (103, 5, 104, 1)),  # −3 / 7
    (4.5, (102, 2, 101, 2), (103, 4, 104, 1)),  # −2 / 6; one of five asks at 103 is gone
    (5.0, (103, 4, 102, 3), (104, 3, 105, 3)),  # 1 / 7; up: the bid stands where asks stood
    (6.0, (103, 4, 102, 3), (104, 4, 105, 3)),  # 0
    (7.0, (103, 3, 102, 3), (104, 3, 105, 3)),  # 0
]


def history(rows=TAPE):
    time = [round(row[0] * SECOND) for row in rows]
    bids, asks = (np.array([row[which] for row in rows], float) for which in (1, 2))
    return early(time, bids[:, ::2], bids[:, 1::2], asks[:, ::2], asks[:, 1::2], tick_size=1.0)


def orders(execution, *, hold=2.0, rows=TAPE):
    settings = obi.Settings(depth=1, decay=0, threshold=0.5, hold_seconds=hold)
    return obi.fills(history(rows), settings, execution)


def only(execution, **options):
    """The one order that there is, with its times in seconds."""
    frame = orders(execution, **options)
    assert len(frame) == 1
    row = frame.iloc[0]
    assert row["side"] == 1
    assert row["decision_time"] == pd.Timestamp(1.0, unit="s", tz="UTC")
    for name in ("entry_time", "exit_time"):
        row[name] = row[name].timestamp() if row[name] is not pd.NaT else None
    return row


def check(row, **wanted):
    for name, value in wanted.items():
        assert row[name] == (value if isinstance(value, str) else pytest.approx(value)), name


# -- taker -------------------------------------------------------------------------------------


def test_a_taker_without_latency():
    # In at 1.0 at the ask, 101. Due at 3.0, which has a state: out at its bid, 99.
    row = only(obi.Taker(fee_bps=5))
    check(row, entry_time=1.0, entry_price=101, exit_time=3.0, exit_price=99, ended="held")
    check(row, gross_bps=(99 / 101 - 1) * 1e4, net_bps=(99 / 101 - 1) * 1e4 - 10, filled=1)


def test_a_taker_meets_the_first_book_that_comes_after_it():
    # Arrives at 1.3; the next state is of 1.4: in at 102. Due at 3.4; the next state, of 4.0,
    # decides; its order arrives at 4.3, and meets the state of 4.5: out at 102.
    row = only(obi.Taker(latency=0.3, fee_bps=5))
    check(row, entry_time=1.4, entry_price=102, exit_time=4.5, exit_price=102, ended="held")
    check(row, gross_bps=0, net_bps=-10)


@pytest.mark.parametrize(("limit", "filled"), [(None, True), (99.1, True), (99.0, False)])
def test_a_taker_does_not_chase(limit, filled):
    # Meets the state of 1.6: the ask is 102, (102 − 101) / 101 = 99.0099 bps above that of the
    # decision.
    row = only(obi.Taker(latency=0.5, slippage_bps=limit), hold=1.0)
    if filled:
        check(row, status="filled", entry_time=1.6, entry_price=102, ended="held")
        check(row, exit_time=4.0, exit_price=102)  # due 2.6, decided 3.0, arrived 3.5
    else:
        check(row, status="cancelled", ended="unfilled", filled=0)
        assert row[["entry_time", "exit_time"]].isna().all()
        assert row[["entry_price", "exit_price", "gross_bps", "net_bps"]].isna().all()


def test_a_price_on_the_limit_is_within_it():
    # Sells at 999 what was 1,000 at decision: 10 bps, which a double makes a little more.
    rows = [
        (1.0, (1000, 1, 998, 1), (1001, 9, 1002, 1)),
        (1.1, (999, 1, 998, 1), (1001, 1, 1002, 1)),
        (1.3, (999, 1, 998, 1), (1001, 1, 1002, 1)),
    ]
    assert -(999 / 1000 - 1) * 1e4 > 10
    frame = orders(obi.Taker(latency=0.2, slippage_bps=10), rows=rows)
    assert frame[["side", "status", "entry_price"]].to_numpy().tolist() == [[-1, "filled", 999]]


@pytest.mark.parametrize(
    ("size", "limit", "price", "filled"),
    [
        (1, None, 101, 1),  # all of it at the best
        (3, None, (101 + 2 * 102) / 3, 1),  # one at 101, two at 102
        (5, None, (101 + 4 * 102) / 5, 1),  # all that is seen
        (8, None, NAN, 0),  # three are not there
        (3, 50.0, NAN, 0),  # 102 is 99 bps away
    ],
)
def test_a_size_walks_through_the_levels(size, limit, price, filled):
    row = only(obi.Taker(size=size, slippage_bps=limit))
    check(row, status="filled" if filled else "cancelled", filled=filled)
    np.testing.assert_allclose(row["entry_price"], price)


@pytest.mark.parametrize(
    ("size", "price"),
    [
        (3, 99),  # five stand at 99
        (5, 99),
    ],
)
def test_a_size_leaves_through_the_levels(size, price):
    check(only(obi.Taker(size=size)), exit_time=3.0, exit_price=price)


def test_a_size_leaves_at_the_last_level_that_is_seen():
    # Five were had at 1.0. Out at 4.0: two at 102, two at 101, and the fifth at 101 as well.
    row = only(obi.Taker(size=5), hold=3.0)
    check(row, exit_time=4.0, exit_price=(2 * 102 + 3 * 101) / 5)


# -- maker -------------------------------------------------------------------------------------

OUT = obi.Taker(fee_bps=5)


def test_a_maker_at_the_front_of_the_queue():
    # Posts 100 at 1.0 before nine others. At 1.2 they are eight: something was traded, or
    # cancelled; the front takes it for a trade. Due at 3.2, out at 4.0 at 102. Fees 2 + 5.
    row = only(obi.Maker("front", fee_bps=2, exit=OUT))
    check(row, status="filled", entry_time=1.2, entry_price=100, exit_time=4.0, exit_price=102)
    check(row, gross_bps=200, net_bps=193, ended="held")


def test_a_maker_at_the_back_of_the_queue():
    # Behind nine others: not known to be filled until the ask stands at 100, at 2.0. Due at 4.0.
    row = only(obi.Maker("back", fee_bps=2, exit=OUT))
    check(row, status="filled", entry_time=2.0, entry_price=100, exit_time=4.0, exit_price=102)
    check(row, gross_bps=200, net_bps=193)


def test_a_maker_at_the_front_waits_while_a_better_price_stands():
    # Arrives at 1.45, to eight at 100. At 1.6 a bid of 101 stands before it; at 1.8 that is gone,
    # and at 100 stand eight, as before: no trade came to 100. At 2.0 the bid leaves 100.
    row = only(obi.Maker("front", latency=0.45, exit=OUT))
    check(row, status="filled", entry_time=2.0, entry_price=100)
    # But with seven of the eight left at 1.8, somebody has sold there, or cancelled.
    rows = [*TAPE[:4], (1.8, (100, 7, 99, 5), (102, 4, 103, 2)), *TAPE[5:]]
    row = only(obi.Maker("front", latency=0.45, exit=OUT), rows=rows)
    check(row, status="filled", entry_time=1.8, entry_price=100)


def test_a_maker_that_stands_alone_waits_for_what_is_behind_it():
    # Decides at 1.0 to post 100, and arrives at 3.5, when the best bid is 99, with five. At
    # 4.0 bids have gone up past it to 102, at 5.0 to 103: nothing has come down to 100.
    row = only(obi.Maker("front", latency=2.5, timeout=3.0, exit=OUT))
    check(row, status="expired", ended="unfilled")
    # Nor has it when at 99 nothing changes.
    rows = [*TAPE[:7], (3.6, *TAPE[6][1:]), *TAPE[7:]]
    check(only(obi.Maker("front", latency=2.5, timeout=3.0, exit=OUT), rows=rows), status="expired")
    # With four of the five at 99 left, the trade would have come to 100 first.
    rows = [*TAPE[:7], (3.6, (99, 4, 98, 3), (101, 5, 102, 5)), *TAPE[7:]]
    row = only(obi.Maker("front", latency=2.5, timeout=3.0, exit=OUT), rows=rows)
    check(row, status="filled", entry_time=3.6, entry_price=100)


@pytest.mark.parametrize(("timeout", "status"), [(0.9, "expired"), (1.0, "filled")])
def test_a_maker_at_the_back_expires(timeout, status):
    # The ask comes to 100 one second after the order.
    check(only(obi.Maker("back", timeout=timeout, exit=OUT)), status=status)


def test_a_post_that_would_cross_is_rejected():
    # Arrives at 2.1: the ask is 100. It was to wait for sellers, not to pay them.
    row = only(obi.Maker("front", latency=1.1, exit=OUT))
    check(row, status="rejected", ended="unfilled", filled=0)
    # At 1.95 it would still have been in time.
    check(only(obi.Maker("back", latency=0.95, exit=OUT)), status="filled", entry_time=2.0)


def test_an_unfilled_order_leaves_it_flat_to_decide_again():
    # A second decision, at 1.1. The first order expires at 1.15, the second is decided at 1.2,
    # since there is no state at 1.15, and so on: never two at once.
    rows = [TAPE[0], (1.1, (100, 9, 99, 5), (101, 1, 102, 4)), (1.2, *TAPE[0][1:]), *TAPE[2:]]
    frame = orders(obi.Maker("back", timeout=0.15, exit=OUT), rows=rows)
    decided = [stamp.timestamp() for stamp in frame["decision_time"]]
    assert decided == [1.0, 1.2]
    assert frame["status"].tolist() == ["expired", "expired"]
    frame = orders(obi.Maker("back", timeout=0.1, exit=OUT), rows=rows)
    assert [stamp.timestamp() for stamp in frame["decision_time"]] == [1.0, 1.1, 1.2]


# -- a maker's exit ----------------------------------------------------------------------------

ENTRY = {"queue": "back", "fee_bps": 2}  # in at 2.0 at 100, due at 4.0: posts at the ask, 103


@pytest.mark.parametrize(
    ("way", "time", "price", "fee"),
    [
        # At 4.5 one of the five asks at 103 is gone.
        (obi.Maker("front", fee_bps=1, exit=OUT), 4.5, 103, 1),
        # At 5.0 the bid stands at 103.
        (obi.Maker("back", fee_bps=1, exit=OUT), 5.0, 103, 1),
        # Expires at 4.4; the taker then takes the bid of 4.0, which still stands.
        (obi.Maker("back", timeout=0.4, fee_bps=1, exit=OUT), 4.4, 102, 5),
        # Expires at 4.4; the taker's order arrives at 5.4, when the bid is 103.
        (obi.Maker("back", timeout=0.4, fee_bps=1, exit=obi.Taker(1.0, fee_bps=5)), 5.4, 103, 5),
        # Arrives at 5.5: the bid stands at 103, and it is rejected. The taker takes that bid.
        (obi.Maker("back", latency=1.5, fee_bps=1, exit=OUT), 5.5, 103, 5),
        # Expires at 4.4, posts 103 again, which is filled at 5.0.
        (
            obi.Maker("back", timeout=0.4, fee_bps=1, exit=obi.Maker("back", fee_bps=-1)),
            5.0, 103, -1,
        ),
    ],
)  # fmt: skip
def test_a_maker_leaves(way, time, price, fee):
    row = only(obi.Maker(**ENTRY, exit=way))
    check(row, entry_time=2.0, entry_price=100, exit_time=time, exit_price=price, ended="held")
    check(row, gross_bps=(price - 100) * 100, net_bps=(price - 100) * 100 - 2 - fee)


def test_without_an_exit_it_leaves_as_a_taker_with_the_same_latency():
    # In: arrives at 1.3, filled at 2.0. Due at 4.0, arrives at 4.3: 102. Fees 2 + 5.
    row = only(obi.Maker("back", latency=0.3))
    check(row, entry_time=2.0, exit_time=4.3, exit_price=102, net_bps=200 - 7)


# -- what is not known -------------------------------------------------------------------------

LOST = ((NAN,) * 4, (NAN,) * 4)


@pytest.mark.parametrize(
    ("at", "execution", "status", "ended"),
    [
        (1.25, obi.Taker(latency=0.3), "gap", "gap"),  # under way
        (1.25, obi.Taker(latency=0.2), "filled", "gap"),  # in, and then lost
        (1.7, obi.Maker("back", exit=OUT), "gap", "gap"),  # in the queue
        (1.7, obi.Maker("front", exit=OUT), "filled", "gap"),  # filled at 1.2
        (4.2, obi.Maker("back", exit=obi.Taker(0.3)), "filled", "gap"),  # on its way out
        (4.2, obi.Maker("back", exit=OUT), "filled", "held"),  # out before
    ],
)
def test_nothing_is_known_across_a_gap(at, execution, status, ended):
    rows = sorted([*TAPE, (at, *LOST)], key=lambda row: row[0])
    row = only(execution, rows=rows)
    check(row, status=status, ended=ended)
    assert np.isnan(row["net_bps"]) == (ended == "gap")
    assert np.isnan(row["filled"]) == (status == "gap")


@pytest.mark.parametrize(
    ("states", "execution", "status", "ended"),
    [
        (2, obi.Taker(), "filled", "open"),
        (1, obi.Taker(latency=0.2), "open", "open"),
        (2, obi.Taker(latency=0.2), "filled", "open"),
        (2, obi.Taker(latency=0.3), "open", "open"),
        (5, obi.Maker("back"), "open", "open"),
        (6, obi.Maker("back"), "filled", "open"),
        (8, obi.Maker("back"), "filled", "held"),
        (8, obi.Maker("back", exit=obi.Taker(0.1)), "filled", "open"),
    ],
)
def test_what_is_open_at_the_end(states, execution, status, ended):
    check(only(execution, rows=TAPE[:states]), status=status, ended=ended)


def test_an_exit_waits_for_a_side_that_came_empty():
    # Due at 3.0, but with no bid to sell to until 4.0.
    rows = [*TAPE[:6], (3.0, (NAN,) * 4, (101, 5, 102, 5)), *TAPE[7:]]
    check(only(obi.Taker(), rows=rows), exit_time=4.0, exit_price=102)
    # Decided at 3.0, and the bid is gone when the order arrives.
    rows = [*TAPE[:7], (3.2, (NAN,) * 4, (101, 5, 102, 5)), *TAPE[7:]]
    check(only(obi.Maker("front", exit=obi.Taker(0.3)), rows=rows, hold=1.5),
          entry_time=1.2, exit_time=4.0, exit_price=102)  # fmt: skip
